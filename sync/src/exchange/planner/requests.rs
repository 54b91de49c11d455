//! Requests of transition: judged as they come, or once the photos that they need have been
//! verified; and what follows them.

use super::{Aviso, Destino, Planner, Requester, edit};
use campo_domain::{
    fluxo::Consequencia,
    ids::{DeviceId, DocumentId, ItemId, PedidoId, UserId},
    pessoa::{Permissao, Pessoa},
    registro::{Registro, SituacaoArquivo},
    workflow::{self, Onde, Pedir},
};
use std::collections::BTreeSet;

impl Planner {
    /// The server says how far the bytes of a file have come; what was verified stays so. Says
    /// whether the record has such a file.
    pub fn arquivo(
        &mut self,
        document: DocumentId,
        anexo: ItemId,
        situacao: SituacaoArquivo,
        motivo: Option<&str>,
    ) -> bool {
        let Some(loaded) = self.world.documents.get(&document) else { return false };
        let registro = &loaded.merged.registro;
        if !registro.anexos.contains_key(&anexo) {
            return false;
        }
        let (raiz, atual) = (registro.raiz(), registro.arquivo(&anexo));
        if atual == situacao || atual == SituacaoArquivo::Verificada {
            return true;
        }
        self.serve(document, |doc, actor, at| {
            edit::arquivo(doc, actor, anexo, situacao, motivo, at)
        });
        self.judge_requests(document, None);
        let envolvidos = self.world.documents[&document].merged.registro.envolvidos();
        self.involve(raiz, document, envolvidos);
        true
    }

    /// Judges the requests of a record that have no verdict yet, in causal order, each by its
    /// author's permissions of today. One whose photos are on their way waits, and with it what its
    /// author asked for after it on a phone, where it shows as done; what is asked for in the
    /// office, which sees the record as it is, or by somebody else does not.
    pub(super) fn judge_requests(&mut self, id: DocumentId, requester: Option<&Requester>) {
        let pending = |registro: &Registro| -> Vec<(PedidoId, UserId, DeviceId)> {
            let pending = registro.pedidos_pendentes();
            pending.map(|pedido| (pedido.id, pedido.autoria.por, pedido.autoria.em)).collect()
        };
        if let Some(Requester { pessoa, .. }) = requester {
            // What waits may be judged by what comes later in the same batch.
            self.world.autores.insert(pessoa.id, pessoa.clone());
        }
        // What the office approves is judged as if it had been asked for there.
        let in_office = requester.filter(|r| r.device == DeviceId::ESCRITORIO);
        let in_office = in_office.map(|requester| requester.pessoa.id);
        loop {
            let before = pending(&self.world.documents[&id].merged.registro);
            let mut waiting = BTreeSet::new();
            for (pedido, por, em) in &before {
                let Some(pessoa) = self.world.autores.get(por).cloned() else { continue };
                let there = *em == DeviceId::ESCRITORIO;
                let office = there || in_office == Some(*por);
                let onde = if office { Onde::Servidor } else { Onde::Aparelho };
                let behind = !there && waiting.contains(por);
                if behind || !self.verdict(id, *pedido, &pessoa, onde) {
                    waiting.insert(*por);
                }
            }
            // A verdict may settle what was passed over before it.
            let left = pending(&self.world.documents[&id].merged.registro).len();
            if left == 0 || left == before.len() {
                return;
            }
        }
    }

    /// Judges a request, unless it waits for photos. Says whether it was judged.
    pub(super) fn verdict(
        &mut self,
        id: DocumentId,
        pedido: PedidoId,
        por: &Pessoa,
        onde: Onde,
    ) -> bool {
        let merged = &self.world.documents[&id].merged;
        let (registro, tipo) = (&merged.registro, merged.tipo.clone());
        let Some(request) = registro.pedidos.iter().find(|p| p.id == pedido) else { return true };
        let (email, verbo) = (request.email, request.verbo.clone());
        let de = registro.situacao(&tipo).map_or(String::new(), |s| s.codigo.clone());
        let traz = registro.analises.iter().find(|a| a.pedido == Some(pedido)).map(|a| a.tipo);
        let pedir = Pedir { verbo: &verbo, motivo: request.motivo.as_deref(), traz };
        let resultado = workflow::julgar_pedido(registro, &tipo, por, pedir, onde);
        if resultado.is_ok() && workflow::fotos_a_caminho(registro, &tipo, &verbo).is_some() {
            return false;
        }
        self.serve(id, |doc, actor, at| edit::veredito(doc, actor, pedido, &de, &resultado, at));
        if let (Ok(_), Some(transicao)) = (resultado, tipo.fluxo.transicao(&verbo)) {
            for efeito in &transicao.efeitos {
                self.follow(id, efeito, email, por);
            }
        }
        true
    }

    /// What follows a transition that was done.
    fn follow(&mut self, id: DocumentId, efeito: &Consequencia, email: bool, por: &Pessoa) {
        let registro = &self.world.documents[&id].merged.registro;
        let (modelo, destino) = match efeito {
            Consequencia::NotificarInteressados(modelo) => {
                (modelo, Destino::Usuarios(registro.interessados.clone()))
            }
            Consequencia::OferecerEmail(modelo) if email => (modelo, Destino::Cliente),
            Consequencia::OferecerEmail(_) => return,
            Consequencia::AtribuirSeVazio => {
                if registro.responsavel().is_none() && por.pode(Permissao::Ver) {
                    self.hand(id, por.id);
                }
                return;
            }
        };
        if destino != Destino::Usuarios(BTreeSet::new()) {
            self.plan.avisos.push(Aviso { document: id, modelo: modelo.clone(), destino });
        }
    }
}
