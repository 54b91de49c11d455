//! When requests for transitions are judged, and how (R45–R50, R83): in the order in which they
//! were made, whenever the record changes. A request whose photos have not arrived yet waits, and
//! so do its author's later requests; those of other people do not.

use super::{
    Mirror, Oracle,
    flow::{self, Request},
    judged::{Due, Judged},
    rules::{has, situacao},
};
use campo_domain::{
    fluxo::Consequencia,
    ids::{DeviceId, DocumentId, PedidoId, UserId},
    pessoa::{Permissao, Pessoa},
    registro::{Pedido, Registro, Veredito},
    tipo::Tipo,
    valor::Valor,
};

impl Mirror {
    /// The open requests that the server had to pass over before it gave this verdict: those
    /// between its last verdict and this one in the order of the record; after the last request the
    /// server starts again with the first.
    fn looked_at(&self, pedido: PedidoId) -> Vec<&Pedido> {
        let all = &self.registro.pedidos;
        let place = |id: PedidoId| all.iter().position(|p| p.id == id);
        let this = place(pedido).unwrap_or(0);
        let between = |n: usize| match self.judged_last.and_then(place) {
            Some(last) if last < this => last < n && n < this,
            Some(last) => n < this || last < n,
            None => n < this,
        };
        let looked_at = all.iter().enumerate().filter(|(n, _)| between(*n));
        looked_at.map(|(_, p)| p).filter(|p| p.veredito.is_none()).collect()
    }
}

impl Oracle {
    /// What must become of a request that has no verdict, now.
    fn due(&self, mirror: &Mirror, pedido: &Pedido) -> Due {
        let (registro, tipo, author) = (&mirror.registro, &mirror.tipo, pedido.autoria.por);
        let mut before = registro.pedidos.iter().take_while(|other| other.id != pedido.id);
        let there = pedido.autoria.em == DeviceId::ESCRITORIO;
        if !there && before.any(|o| o.veredito.is_none() && o.autoria.por == author) {
            return Due::Waits;
        }
        let request = Request::standing(registro, pedido);
        let at_hand = there || mirror.in_office == Some(author);
        match flow::leads(registro, tipo, &self.person(author), &request, at_hand) {
            Err(codes) => Due::Refused(codes),
            Ok(_) if flow::awaits_photos(registro, tipo, request.verbo) => Due::Waits,
            Ok(para) => Due::Done(para),
        }
    }

    /// The verdict that a change of the server gives, if it gives one.
    pub(super) fn judged(&self, mirror: &Mirror, after: &Registro) -> Option<Judged> {
        let open = mirror.registro.pedidos.iter().filter(|pedido| pedido.veredito.is_none());
        let (pedido, veredito) = open.into_iter().find_map(|pedido| {
            let now = after.pedidos.iter().find(|now| now.id == pedido.id)?;
            Some((pedido, now.veredito.clone()?))
        })?;
        let due = |pedido| self.due(mirror, pedido);
        // The server judges its own request at once, whatever else is open.
        let of_server = pedido.autoria.por == UserId::SERVIDOR;
        let looked_at = if of_server { Vec::new() } else { mirror.looked_at(pedido.id) };
        let passed_over = looked_at.into_iter().find(|other| due(other) != Due::Waits);
        Some(Judged {
            document: after.id,
            pedido: pedido.id,
            veredito,
            due: due(pedido),
            passed_over: passed_over.map(|other| other.id),
            of_server,
        })
    }

    /// Every verdict since this was last asked.
    pub(crate) fn take_judged(&mut self) -> Vec<Judged> {
        std::mem::take(&mut self.judged)
    }

    /// To be called when every row of one commit has been read: decides who gets the e-mails, and
    /// lists what the server should have done in the records that changed but did not.
    pub fn settle(&mut self) -> Vec<String> {
        // Only those who see the record after the whole commit get the e-mail.
        let mut told = std::mem::take(&mut self.untold);
        told.retain(|email| email.usuario.is_none_or(|usuario| self.sees(usuario, email.document)));
        self.emails.extend(told);
        let moved = std::mem::take(&mut self.moved);
        moved.into_iter().flat_map(|id| self.left(id)).collect()
    }

    /// The first thing that the server should have done in a record but did not.
    pub(super) fn left(&self, id: DocumentId) -> Option<String> {
        let mirror = self.documents.get(&id)?;
        let (registro, tipo) = (&mirror.registro, &mirror.tipo);
        let mut waiting = registro.pedidos.iter().filter(|pedido| pedido.veredito.is_none());
        let due = waiting.find_map(|pedido| match self.due(mirror, pedido) {
            Due::Waits => None,
            due => Some(format!("{id}: {pedido:?} was not judged, but must be {due:?}")),
        });
        // R60: the author of the accepted request becomes responsible if nobody is.
        let nobody = || {
            let last = registro.pedidos.iter().find(|p| Some(p.id) == mirror.judged_last)?;
            let takes = takes(tipo, &self.person(last.autoria.por), last);
            let nobody = takes && registro.responsavel().is_none();
            nobody.then(|| format!("{id} was taken by nobody"))
        };
        due.or_else(nobody)
    }

    /// Requests of a record that have no verdict.
    pub fn waiting(&self, id: DocumentId) -> impl Iterator<Item = &Pedido> {
        let all = self.documents.get(&id).into_iter().flat_map(|m| &m.registro.pedidos);
        all.filter(|pedido| pedido.veredito.is_none())
    }

    /// The situação that the person's phone shows: where the person's own open requests would lead
    /// if all declared photos had arrived, except those that the server discarded.
    pub(crate) fn forecast(
        &self,
        pessoa: &Pessoa,
        registro: &Registro,
        tipo: &Tipo,
    ) -> Option<String> {
        let mut then = registro.clone();
        for place in 0..then.pedidos.len() {
            let pedido = then.pedidos[place].clone();
            if pedido.veredito.is_some() || pedido.autoria.por != pessoa.id {
                continue;
            }
            let request = Request::standing(&then, &pedido);
            let leads = flow::leads(&then, tipo, pessoa, &request, true);
            let Ok(para) = leads else { continue };
            if flow::awaits_other_photos(&then, tipo, request.verbo) {
                break;
            }
            let (de, quando) = (then.situacao.replace(para.clone()), pedido.quando);
            let de = de.unwrap_or_default();
            then.pedidos[place].veredito = Some(Veredito { recusa: None, de, para, quando });
            if then.responsavel().is_none() && takes(tipo, pessoa, &then.pedidos[place]) {
                let por = Valor::Id(pessoa.id.uuid());
                then.campos.insert("responsavel".into(), por);
            }
        }
        situacao(tipo, then.situacao.as_deref()).map(|situacao| situacao.codigo.clone())
    }
}

/// R60: whether this request was accepted and makes its author responsible for the record.
fn takes(tipo: &Tipo, author: &Pessoa, pedido: &Pedido) -> bool {
    let done = pedido.veredito.as_ref().is_some_and(|veredito| veredito.recusa.is_none());
    let mut edges = tipo.fluxo.transicoes.iter().filter(|edge| edge.verbo == pedido.verbo);
    let known = tipo.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
    let assigns = edges.any(|edge| edge.efeitos.contains(&Consequencia::AtribuirSeVazio));
    done && assigns && known && has(author, Permissao::Ver)
}
