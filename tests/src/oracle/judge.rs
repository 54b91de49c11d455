//! What must become of a change, a command of the office, a request of transition.

use super::{Oracle, rules, rules::Codes};
use automerge::{Automerge, Change};
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, PedidoId, UserId},
    kind::Kind,
    pessoa::Permissoes,
    tipo::Tipo,
};
use campo_sync::{
    document,
    wire::{Hash, Outcome, Push},
};
use std::collections::BTreeSet;

/// What may be said of a change that no command writes.
const FORGED: [&str; 4] =
    ["operacao_nao_permitida", "campo_protegido", "campo_desconhecido", "valor_invalido"];

/// What must become of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It was merged before, here.
    Known(u64),
    /// It is merged.
    Accepted,
    /// It waits for the office.
    Held,
    /// It builds on what is not there.
    Missing(BTreeSet<Hash>),
    /// It is not taken, for one of these reasons.
    Refused(Codes),
}

impl Expect {
    /// Whether the server said so.
    pub fn agrees(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Expect::Known(seq), Outcome::Known { seq: said }) => seq == said,
            (Expect::Accepted, Outcome::Accepted { .. }) => true,
            (Expect::Held, Outcome::Held { .. }) => true,
            (Expect::Missing(deps), Outcome::Missing { deps: said }) => {
                *deps == said.iter().copied().collect()
            }
            (Expect::Refused(codes), Outcome::Refused { reason }) => {
                codes.contains(reason.code.as_str())
            }
            _ => false,
        }
    }
}

impl Oracle {
    /// What must become of a change that this person offers from this device.
    pub fn expect(&self, push: &Push, usuario: UserId, device: DeviceId) -> Expect {
        let Ok(change) = Change::try_from(&push.change[..]) else {
            return Expect::Refused(["alteracao_invalida"].into());
        };
        let hash = Hash::from(change.hash());
        if let Some(seq) = self.merged(push.document, &hash) {
            return Expect::Known(seq);
        }
        if self.held.contains_key(&(push.document, hash)) {
            return Expect::Held;
        }
        let Some(written) = self.written.get(&hash) else {
            return Expect::Refused(["alteracao_invalida"].into());
        };
        let mut misplaced = self.misplaced(push.document, &written.command);
        if (written.usuario, written.device) != (usuario, device) {
            misplaced.insert("autor_alheio");
        }
        if !misplaced.is_empty() {
            return Expect::Refused(misplaced);
        }
        let mut late = false;
        if let Err(codes) = self.scope(push, usuario, &written.command, &mut late) {
            return Expect::Refused(codes);
        }
        if let Some(expect) = self.dependencies(push.document, &change) {
            return expect;
        }
        let verdict = if written.forged {
            Err(FORGED.into())
        } else {
            self.content(push, &change, usuario, &written.command, &mut late)
        };
        match (verdict, late) {
            (Err(codes), _) => Expect::Refused(codes),
            (Ok(()), true) => Expect::Held,
            (Ok(()), false) => Expect::Accepted,
        }
    }

    /// The document, or the case that a new document joins, is in sight, or was.
    fn scope(
        &self,
        push: &Push,
        usuario: UserId,
        command: &Command,
        late: &mut bool,
    ) -> Result<(), Codes> {
        let place = match (self.documents.get(&push.document), command) {
            (Some(mirror), _) => Some((mirror.registro.kind, mirror.raiz())),
            (None, command) => self.joins(command),
        };
        let Some((kind, raiz)) = place else { return Ok(()) };
        let now = self.permissions(usuario);
        if rules::sees(&now, kind, self.is_involved(usuario, raiz)) {
            return Ok(());
        }
        if self.saw(usuario, kind, raiz, push.seen) {
            *late = true;
            return Ok(());
        }
        Err(["nao_encontrado", "sem_permissao"].into())
    }

    /// What a new document hangs on is of the kind that it names, and an agenda of an ocorrência is
    /// of the same assistência.
    fn misplaced(&self, id: DocumentId, command: &Command) -> Codes {
        let mut codes = Codes::new();
        let Command::Criar { campos, .. } = command else { return codes };
        if self.documents.contains_key(&id) {
            return codes;
        }
        let named = |campo: &str| campos.get(campo).and_then(|valor| valor.id());
        let parent = |campo| {
            let id = named(campo).map(DocumentId::from)?;
            self.documents.get(&id).map(|mirror| &mirror.registro)
        };
        let (assistencia, ocorrencia) = (parent("assistencia"), parent("ocorrencia"));
        if assistencia.is_some_and(|parent| parent.kind != Kind::Assistencia)
            || ocorrencia.is_some_and(|parent| parent.kind != Kind::Ocorrencia)
        {
            codes.insert("valor_invalido");
        }
        let of = ocorrencia.and_then(|parent| parent.campos.get("assistencia")?.id());
        if of.is_some() && of != named("assistencia") {
            codes.insert("campos_obrigatorios");
        }
        codes
    }

    /// The case that exists and that a new document becomes part of, with the document's kind.
    fn joins(&self, command: &Command) -> Option<(Kind, DocumentId)> {
        let Command::Criar { id, kind, campos, .. } = command else { return None };
        let joins = campos.get("assistencia").or_else(|| campos.get("ocorrencia"));
        let raiz = joins.and_then(|valor| valor.id()).map_or(*id, DocumentId::from);
        self.cases.contains_key(&raiz).then_some((*kind, raiz))
    }

    fn dependencies(&self, document: DocumentId, change: &Change) -> Option<Expect> {
        let mirror = self.documents.get(&document);
        let has = |hash: &Hash| mirror.is_some_and(|mirror| mirror.changes.contains_key(hash));
        let deps = change.deps().iter().map(|dep| Hash::from(*dep));
        let absent: BTreeSet<Hash> = deps.filter(|dep| !has(dep)).collect();
        if absent.iter().any(|dep| self.held.contains_key(&(document, *dep))) {
            return Some(Expect::Held);
        }
        if !absent.is_empty() {
            return Some(Expect::Missing(absent));
        }
        if change.deps().is_empty() && mirror.is_some() {
            return Some(Expect::Refused(["id_em_uso"].into()));
        }
        None
    }

    /// What it says, and whether that is allowed now, or was where it was written.
    fn content(
        &self,
        push: &Push,
        change: &Change,
        usuario: UserId,
        command: &Command,
        late: &mut bool,
    ) -> Result<(), Codes> {
        let mirror = self.documents.get(&push.document);
        let mut codes = rules::nonsense(command, mirror.map(|mirror| &mirror.registro));
        let numbering = (change.actor_id().clone(), change.seq());
        if mirror.is_some_and(|mirror| mirror.numbering.contains(&numbering)) {
            codes.insert("sequencia_repetida");
        }
        if !codes.is_empty() {
            return Err(codes);
        }
        let tipo = match (mirror, command) {
            (Some(mirror), _) => &mirror.tipo,
            (None, Command::Criar { tipo, .. }) => {
                self.tipos.obter(tipo).map_err(|_| Codes::from(["tipo_desconhecido"]))?
            }
            (None, _) => return Err(["nao_encontrado"].into()),
        };
        if let Some((verbo, ..)) = rules::verb(command, tipo)
            && verbo.is_empty()
        {
            // A laudo where the fluxo knows none: no request could bring it.
            return Err(["operacao_nao_permitida"].into());
        }
        let now = self.permissions(usuario);
        let then = self.permissions_at(usuario, push.seen);
        let situacao = mirror.and_then(|mirror| mirror.registro.situacao.as_deref());
        let forbidden = rules::forbidden(&now, tipo, situacao, command);
        if !forbidden.is_empty() {
            let situacao = mirror.and_then(|mirror| {
                let known = mirror.document.fork_at(change.deps()).ok()?;
                document::read(&known).ok()?.situacao
            });
            let knowingly = rules::forbidden(&then, tipo, situacao.as_deref(), command);
            if !knowingly.is_empty() {
                return Err(forbidden);
            }
            *late = true;
        }
        self.whole(push.document, change, command, tipo, late)
    }

    /// The record as a whole stays right, or was right where it was written.
    fn whole(
        &self,
        id: DocumentId,
        change: &Change,
        command: &Command,
        tipo: &Tipo,
        late: &mut bool,
    ) -> Result<(), Codes> {
        if !matches!(
            command,
            Command::Criar { .. } | Command::Editar { .. } | Command::EditarTexto { .. }
        ) {
            return Ok(());
        }
        let mirror = self.documents.get(&id);
        let after = |base: Option<Automerge>| {
            let mut document = base.unwrap_or_default();
            document.apply_changes([change.clone()]).ok()?;
            document::read(&document).ok()
        };
        let unreadable = || Codes::from(["alteracao_invalida"]);
        let merged = after(mirror.map(|mirror| mirror.document.clone()));
        let broken = rules::broken(&merged.ok_or_else(unreadable)?, tipo);
        let Some(mirror) = mirror else {
            return if broken.is_empty() { Ok(()) } else { Err(broken) };
        };
        if broken.is_empty() || !rules::broken(&mirror.registro, tipo).is_empty() {
            return Ok(());
        }
        let known = after(mirror.document.fork_at(change.deps()).ok());
        if rules::broken(&known.ok_or_else(unreadable)?, tipo).is_empty() {
            *late = true;
            return Ok(());
        }
        Err(broken)
    }

    /// Why a person in the office may not do this now; empty if the person may.
    pub fn expect_office(&self, usuario: UserId, document: DocumentId, command: &Command) -> Codes {
        let now = self.permissions(usuario);
        let Some(mirror) = self.documents.get(&document) else {
            let Command::Criar { tipo, .. } = command else { return ["nao_encontrado"].into() };
            let Ok(tipo) = self.tipos.obter(tipo) else { return ["tipo_desconhecido"].into() };
            let mut codes = rules::forbidden(&now, tipo, None, command);
            codes.extend(self.misplaced(document, command));
            if let Some((kind, raiz)) = self.joins(command)
                && !rules::sees(&now, kind, self.is_involved(usuario, raiz))
            {
                codes.insert("nao_encontrado");
            }
            return codes;
        };
        let (registro, tipo) = (&mirror.registro, &mirror.tipo);
        let mut codes = rules::nonsense(command, Some(registro));
        codes.extend(rules::forbidden(&now, tipo, registro.situacao.as_deref(), command));
        if !rules::sees(&now, registro.kind, self.is_involved(usuario, mirror.raiz())) {
            codes.insert("nao_encontrado");
        }
        if let Some((verbo, motivo, laudo)) = rules::verb(command, tipo) {
            let leads = rules::transition(registro, tipo, &now, verbo, motivo, laudo);
            codes.extend(leads.err().into_iter().flatten());
        }
        if let Command::EditarItem { item, .. } | Command::RemoverItem { item } = command
            && registro.itens.get(item).is_some_and(|item| item.removido)
        {
            codes.insert("item_inexistente");
        }
        codes.extend(self.whole_in_office(registro, tipo, command));
        codes
    }

    /// The screens of the office refuse what would leave a record incomplete, whoever broke it.
    fn whole_in_office(
        &self,
        registro: &campo_domain::registro::Registro,
        tipo: &Tipo,
        command: &Command,
    ) -> Codes {
        let (campo, valor) = match command {
            Command::Editar { campo, valor } => (campo, valor.clone()),
            Command::EditarTexto { campo, para, .. } => {
                (campo, campo_domain::valor::Valor::Texto(para.clone()))
            }
            _ => return Codes::new(),
        };
        let mut after = registro.clone();
        after.campos.insert(campo.clone(), valor);
        rules::broken(&after, tipo)
    }

    /// What a request that stands in the document must lead to, for a person with these
    /// permissions.
    pub fn leads(
        &self,
        document: DocumentId,
        command: &Command,
        permissoes: &Permissoes,
    ) -> Option<(PedidoId, Result<String, Codes>)> {
        let mirror = self.documents.get(&document)?;
        let pedido = match command {
            Command::Transicionar { pedido, .. } | Command::EmitirLaudo { pedido, .. } => *pedido,
            _ => return None,
        };
        let (verbo, motivo, laudo) = rules::verb(command, &mirror.tipo)?;
        let (registro, tipo) = (&mirror.registro, &mirror.tipo);
        let leads = rules::transition(registro, tipo, permissoes, verbo, motivo, laudo);
        Some((pedido, leads))
    }
}
