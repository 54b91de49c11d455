//! What must become of a change, and of a command of the office.

use super::{
    Oracle, flow, office,
    rules::{self, Codes},
    whole,
};
use automerge::{Automerge, Change};
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    registro::{Autoria, Campos, Item, Registro},
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::{
    document,
    wire::{Hash, Outcome, Push},
};
use std::collections::BTreeSet;

/// The codes with which the server may refuse a change that no command writes.
const FORGED: [&str; 4] =
    ["operacao_nao_permitida", "campo_protegido", "campo_desconhecido", "valor_invalido"];

/// What must become of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It was merged before, at this position.
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
        if (written.usuario, written.device) != (usuario, device) {
            return Expect::Refused(["autor_alheio"].into());
        }
        let expect = self.judge(push, &change, usuario, &written.command, written.forged);
        let misplaced = self.misplaced(push.document, &written.command);
        // This refusal tells about the parent, so only those who may create the record get it.
        match expect {
            Expect::Accepted | Expect::Held if !misplaced.is_empty() => Expect::Refused(misplaced),
            // The author could not know that the responsável is gone: not refused, but held.
            Expect::Accepted if self.nobodys(push.document, &written.command) => Expect::Held,
            expect => expect,
        }
    }

    fn judge(
        &self,
        push: &Push,
        change: &Change,
        usuario: UserId,
        command: &Command,
        forged: bool,
    ) -> Expect {
        let mut late = false;
        if let Err(codes) = self.scope(push, usuario, command, &mut late) {
            return Expect::Refused(codes);
        }
        if let Some(expect) = self.dependencies(push.document, change) {
            return expect;
        }
        let verdict = match forged {
            true => Err(FORGED.into()),
            false => self.content(push, change, usuario, command, &mut late),
        };
        match (verdict, late) {
            (Err(codes), _) => Expect::Refused(codes),
            (Ok(()), true) => Expect::Held,
            (Ok(()), false) => Expect::Accepted,
        }
    }

    /// Refuses a change of a document, or of a case that a new document joins, that the person does
    /// not see. If the device could not know yet that the case was lost, the change is `late`.
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
        if self.sees_case(usuario, kind, raiz) {
            return Ok(());
        }
        if self.saw(usuario, kind, raiz, push.seen) {
            *late = true;
            return Ok(());
        }
        Err(["nao_encontrado", "sem_permissao"].into())
    }

    /// Refuses a new document whose parent has another kind, and an agenda whose ocorrência belongs
    /// to another assistência.
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
            let missing = named("assistencia").is_none();
            codes.insert(if missing { "campos_obrigatorios" } else { "valor_invalido" });
        }
        codes
    }

    /// Whether the record would be assigned to a person who left the company or does not see it
    /// (R86).
    fn nobodys(&self, id: DocumentId, command: &Command) -> bool {
        let responsavel = |campos: &Campos| campos.get("responsavel").and_then(Valor::id);
        let handed = match command {
            Command::Criar { campos, .. } => responsavel(campos),
            Command::Editar { campo, valor, .. } if campo == "responsavel" => valor.id(),
            Command::Analisar { encaminhar, .. } => encaminhar.map(UserId::uuid),
            _ => None,
        };
        let Some(handed) = handed.map(UserId::from) else { return false };
        let raiz = match (self.documents.get(&id), command) {
            (Some(mirror), _) => mirror.raiz(),
            (None, command) => self.joins(command).map_or(id, |(_, raiz)| raiz),
        };
        let root = self.documents.get(&raiz).map(|mirror| &mirror.registro);
        let restricao = root.and_then(|root| root.restricao.as_ref());
        let person = self.people.get(&handed).map(|over| over.at(u64::MAX));
        !person.is_some_and(|p| rules::has(p, Permissao::Ver) && rules::listed(p, restricao))
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

    /// Refuses a change that is neither allowed now nor was where it was written; one that was
    /// allowed only then is `late`.
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
        if matches!(command, Command::Analisar { encaminhar: Some(_), .. }) {
            // R64: only with a connection, since a phone does not know who is still there.
            codes.insert("exige_conexao");
        }
        if !codes.is_empty() {
            return Err(codes);
        }
        let now = self.person(usuario);
        let then = self.person_at(usuario, push.seen);
        let Some(mirror) = mirror else {
            return self.creation(push.document, change, command, (&now, &then), late);
        };
        let tipo = &mirror.tipo;
        if flow::request(command, tipo).is_some_and(|request| request.verbo.is_empty()) {
            // The fluxo has no transition that brings this analysis.
            return Err(["operacao_nao_permitida"].into());
        }
        let situacao = mirror.registro.situacao.as_deref();
        let known = mirror.document.fork_at(change.deps()).ok();
        let known = known.and_then(|known| document::read(&known).ok());
        if let Command::EditarItem { em, item, .. } | Command::RemoverItem { em, item } = command
            && let Some(known) = &known
            && known.colecao(*em).get(item).is_some_and(|part| part.removido)
        {
            return Err(["item_inexistente"].into());
        }
        // A phone shows the record as if the person's open requests were accepted, and lets the
        // person write what that situação allows. The server accepts such a change while the
        // requests are open, and holds it as late afterwards.
        let foreseen_now = self.forecast(&now, &mirror.registro, tipo);
        let foreseen = known.as_ref().and_then(|known| self.forecast(&then, known, tipo));
        let known = known.and_then(|known| known.situacao);
        for piece in rules::pieces(command) {
            let forbidden = |pessoa: &Pessoa, codigo: Option<&str>| {
                rules::forbidden(pessoa, tipo, codigo, &piece)
            };
            let reason = forbidden(&now, situacao);
            if reason.is_empty() || forbidden(&now, foreseen_now.as_deref()).is_empty() {
                continue;
            }
            let either = [known.as_deref(), foreseen.as_deref()];
            if either.iter().all(|codigo| !forbidden(&then, *codigo).is_empty()) {
                return Err(reason);
            }
            *late = true;
        }
        self.whole(push.document, change, command, (tipo, &now, &then), late)
    }

    /// Whether a record may begin so, now or by what its author knew.
    fn creation(
        &self,
        id: DocumentId,
        change: &Change,
        command: &Command,
        (now, then): (&Pessoa, &Pessoa),
        late: &mut bool,
    ) -> Result<(), Codes> {
        let Command::Criar { tipo, .. } = command else {
            return Err(["nao_encontrado"].into());
        };
        let tipo = self.tipos.obter(tipo).map_err(|_| Codes::from(["tipo_desconhecido"]))?;
        let reasons = rules::cannot_create(now, tipo, command);
        let knowing = rules::cannot_create(then, tipo, command);
        for (reason, knowingly) in reasons.into_iter().zip(knowing) {
            if !reason.is_empty() && !knowingly.is_empty() {
                return Err(reason);
            }
            *late |= !reason.is_empty();
        }
        self.whole(id, change, command, (tipo, now, then), late)
    }

    /// Refuses a change that adds faults to the record both now and where it was written; one that
    /// adds faults only now is `late`.
    fn whole(
        &self,
        id: DocumentId,
        change: &Change,
        command: &Command,
        (tipo, person_now, person_then): (&Tipo, &Pessoa, &Pessoa),
        late: &mut bool,
    ) -> Result<(), Codes> {
        if !matches!(
            command,
            Command::Criar { .. }
                | Command::Editar { .. }
                | Command::EditarTexto { .. }
                | Command::IncluirItem { .. }
                | Command::EditarItem { .. }
                | Command::RemoverItem { .. }
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
        let merged = after(mirror.map(|mirror| mirror.document.clone())).ok_or_else(unreadable)?;
        let Some(mirror) = mirror else {
            let broken = whole::broken(&merged, tipo);
            return if broken.is_empty() { Ok(()) } else { Err(broken) };
        };
        // Required fields depend on the situação: the present one, or the one that the person's
        // phone shows. A fault counts only if it is one in both.
        let worse = |pessoa: &Pessoa, before: &Registro, after: &Registro| {
            let worse = whole::worse(before, after, tipo);
            let situacao = self.forecast(pessoa, before, tipo);
            let seen =
                |registro: &Registro| Registro { situacao: situacao.clone(), ..registro.clone() };
            match whole::worse(&seen(before), &seen(after), tipo).is_empty() {
                true => Codes::new(),
                false => worse,
            }
        };
        let now = worse(person_now, &mirror.registro, &merged);
        if now.is_empty() {
            return Ok(());
        }
        let then = mirror.document.fork_at(change.deps()).ok();
        let known = then.as_ref().and_then(|then| document::read(then).ok());
        let (known, then) = known.zip(after(then)).ok_or_else(unreadable)?;
        if worse(person_then, &known, &then).is_empty() {
            // Two people who add the same relationship do no harm: that does not make it late.
            *late |= now.iter().any(|code| *code != "vinculo_repetido");
            return Ok(());
        }
        Err(now)
    }

    /// Why a person in the office, or a client in the portal, may not do this now; empty if the
    /// person may.
    pub(crate) fn expect_office(
        &self,
        usuario: UserId,
        document: DocumentId,
        command: &Command,
    ) -> Codes {
        let now = self.person(usuario);
        let Some(mirror) = self.documents.get(&document) else {
            return self.expect_creation(usuario, document, command);
        };
        let (registro, tipo) = (&mirror.registro, &mirror.tipo);
        let mut codes = Codes::new();
        // The ERP may answer any action that it was sent, also in cases that it does not see.
        let sees = self.sees_case(usuario, registro.kind, mirror.raiz())
            || matches!(command, Command::ResponderAcao { .. });
        if !sees && !rules::shows_in_portal(&now, registro, tipo) {
            codes.insert("nao_encontrado");
        }
        codes.extend(office::office_only(registro, tipo, &now, command));
        codes.extend(rules::nonsense(command, Some(registro)));
        codes.extend(rules::at_the_screen(&now, tipo, command, registro));
        for piece in rules::pieces(command) {
            let situacao = registro.situacao.as_deref();
            codes.extend(rules::forbidden(&now, tipo, situacao, &piece));
        }
        if let Some(request) = flow::request(command, tipo) {
            if request.verbo.is_empty() {
                codes.insert("transicao_inexistente");
            }
            match flow::leads(registro, tipo, &now, &request, true) {
                Err(lacks) => codes.extend(lacks),
                // The office is refused at once; a phone's request waits for the photos.
                Ok(_) if flow::awaits_photos(registro, tipo, request.verbo) => {
                    codes.insert("fotos_a_caminho");
                }
                Ok(_) => {}
            }
        }
        codes.extend(worse(registro, tipo, command));
        let same = |campo: &str, valor: &Valor| {
            let disputed = registro.conflitos.iter().any(|conflito| conflito.campo == campo);
            registro.campos.get(campo) == Some(valor) && !disputed
        };
        let says = !matches!(command, Command::Editar { campo, valor, .. } if same(campo, valor));
        if says && self.nobodys(document, command) {
            codes.insert("responsavel_sem_acesso");
        }
        codes
    }

    fn expect_creation(&self, usuario: UserId, document: DocumentId, command: &Command) -> Codes {
        let now = self.person(usuario);
        let Command::Criar { tipo, campos, itens, .. } = command else {
            return ["nao_encontrado"].into();
        };
        let Ok(tipo) = self.tipos.obter(tipo) else { return ["tipo_desconhecido"].into() };
        let mut codes = self.misplaced(document, command);
        codes.extend(rules::cannot_create(&now, tipo, command).into_iter().flatten());
        if let Some((kind, raiz)) = self.joins(command)
            && !self.sees_case(usuario, kind, raiz)
        {
            codes.insert("nao_encontrado");
        }
        let autoria = Autoria { por: usuario, em: DeviceId::ESCRITORIO };
        let mut registro = Registro::novo(document, tipo, autoria, campos.clone());
        for item in itens {
            let campos = item.campos.clone();
            registro.itens.insert(item.id, Item { campos, removido: false, autoria });
        }
        codes.extend(whole::broken(&registro, tipo));
        if self.nobodys(document, command) {
            codes.insert("responsavel_sem_acesso");
        }
        codes
    }
}

/// The faults that a command of the office adds to the record, and those of a new part.
fn worse(registro: &Registro, tipo: &Tipo, command: &Command) -> Codes {
    let mut codes = Codes::new();
    let mut after = registro.clone();
    match command {
        Command::Editar { campo, valor, .. } => {
            after.campos.insert(campo.clone(), valor.clone());
        }
        Command::EditarTexto { campo, para, .. } => {
            after.campos.insert(campo.clone(), Valor::Texto(para.clone()));
        }
        Command::EditarItem { em, item, campo, valor, .. } => {
            if let Some(parte) = after.colecao_mut(*em).get_mut(item) {
                parte.campos.insert(campo.clone(), valor.clone());
            }
        }
        Command::IncluirItem { em, item } => {
            let autoria = registro.criacao;
            let parte = Item { campos: item.campos.clone(), removido: false, autoria };
            codes.extend(whole::broken_part(registro.kind, *em, &parte, tipo));
            after.colecao_mut(*em).insert(item.id, parte);
        }
        Command::RemoverItem { em, item } => {
            if let Some(parte) = after.colecao_mut(*em).get_mut(item) {
                parte.removido = true;
            }
        }
        _ => return codes,
    }
    codes.extend(whole::worse(registro, &after, tipo));
    codes
}
