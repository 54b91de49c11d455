//! Uploads of photos: a phone declares them in the record; their bytes arrive in the object store
//! later, twice, damaged, out of order or never, and a process of the server writes their state
//! into the record, whatever has happened to the record meanwhile.

use super::{
    Message, World, machinery,
    photo::{Photo, Upload},
};
use crate::{
    checkers::{Checker, Violation, ensure},
    ledger::Told,
    oracle::flow,
    trace::Short,
};
use campo_domain::{
    command::Command,
    fluxo::Fase,
    ids::{DocumentId, ItemId},
    parte::Colecao,
    registro::SituacaoArquivo::{self, Esperada, Recebida, Recusada, Verificada},
};
use chrono::{DateTime, TimeDelta, Utc};

/// How often a phone sends a photo again by itself. At the end of the run all photos arrive.
const ATTEMPTS_MAX: u8 = 4;

impl World<'_> {
    /// Whoever declares a photo sends its bytes, sooner or later.
    pub(super) fn declared(&mut self, document: DocumentId, command: &Command) {
        let Command::IncluirItem { em: Colecao::Anexos, item } = command else { return };
        let sha256 = item.campos.get("sha256").and_then(|valor| valor.texto()).unwrap_or_default();
        let lost = self.dice.chance(1, 16);
        let (anexo, sha256) = (item.id, sha256.to_owned());
        self.trace.event("photo", format_args!("{} lost: {lost}", Short(anexo.uuid())));
        self.photos.push(Photo { document, anexo, sha256, lost, attempts: 0 });
        let at = self.soon();
        self.network.later(at, Message::Photo(self.photos.len() - 1, Upload::Begins));
    }

    /// In seconds, minutes or days.
    fn soon(&mut self) -> DateTime<Utc> {
        self.now
            + match self.dice.weighted(&[6, 3, 1]) {
                0 => TimeDelta::seconds(self.dice.range(1, 40)),
                1 => TimeDelta::minutes(self.dice.range(1, 40)),
                _ => TimeDelta::hours(self.dice.range(1, 60)),
            }
    }

    /// Something happens to the bytes of a photo.
    pub(super) fn photo(&mut self, which: usize, upload: Upload) -> Result<(), Violation> {
        let Upload::Says(situacao, motivo) = upload else {
            self.upload(which);
            return Ok(());
        };
        let dies = |world: &mut Self| world.dice.chance(world.network.faults.request_lost, 2000);
        if dies(self) {
            // It died before it wrote the state; another process looks at the same bytes again.
            self.trace.event("fault: store died", format_args!("{which} {situacao:?}"));
            let at = self.now + TimeDelta::seconds(self.dice.range(30, 900));
            self.network.later(at, Message::Photo(which, upload));
            return Ok(());
        }
        let Photo { document, anexo, .. } = self.photos[which];
        let known = self.say(Told { document, anexo, situacao, motivo })?;
        if dies(self) {
            self.trace.event("fault: store died", format_args!("{which} told {situacao:?}"));
            let at = self.now + TimeDelta::seconds(self.dice.range(30, 900));
            self.network.later(at, Message::Photo(which, upload));
        } else if !known || situacao == Recusada {
            self.again(which);
        }
        Ok(())
    }

    /// The phone tries again later.
    fn again(&mut self, which: usize) {
        let attempts = &mut self.photos[which].attempts;
        *attempts += 1;
        if *attempts < ATTEMPTS_MAX {
            let at = self.soon();
            self.network.later(at, Message::Photo(which, Upload::Begins));
        }
    }

    /// The phone sends the bytes. The states that follow are reported later, not always in order.
    fn upload(&mut self, which: usize) {
        if self.photos[which].lost {
            self.trace.count("photo: nobody has it");
            return;
        }
        let sha256 = &self.photos[which].sha256;
        let twin = self.photos.iter().any(|other| {
            other.sha256 == *sha256
                && self.oracle.arquivo(other.document, other.anexo) == Verificada
        });
        let damaged = *self.dice.pick(&["hash_diferente", "imagem_ilegivel"]);
        let whole = [(Recebida, None), (Verificada, None)];
        let says = match self.dice.weighted(&[12, 3, 3, 2]) {
            _ if twin && self.dice.chance(1, 2) => {
                self.trace.count("photo: sent by another phone before");
                vec![(Verificada, None)]
            }
            0 => whole.to_vec(),
            1 => {
                self.trace.count("photo: lost on its way");
                self.again(which);
                Vec::new()
            }
            2 => vec![(Recebida, None), (Recusada, Some(damaged))],
            _ => {
                self.trace.count("photo: sent twice");
                [&whole[..], &whole[..], &[(Recusada, Some(damaged))]].concat()
            }
        };
        let mut at = self.now;
        let in_order = self.dice.chance(4, 5);
        for (situacao, motivo) in says {
            let takes = TimeDelta::milliseconds(self.dice.range(50, 20_000));
            at = if in_order { at + takes } else { self.now + takes };
            self.network.later(at, Message::Photo(which, Upload::Says(situacao, motivo)));
        }
    }

    /// A process of the server writes a state into the record, unless the record has no such file
    /// or the file was verified before. Returns whether the record has the file.
    fn say(&mut self, told: Told) -> Result<bool, Violation> {
        let Told { document, anexo, situacao, .. } = told;
        let before = self.oracle.arquivo(document, anexo);
        let waited = self.oracle.waiting(document).count();
        self.circumstances(document, anexo, before);
        let expected = self.oracle.tell(told);
        let changes = before != self.oracle.arquivo(document, anexo);
        let known = self.ledger.arquivo(self.now, told).map_err(machinery)?;
        let what = format!("{} {before:?} → {situacao:?}", Short(anexo.uuid()));
        self.trace.event(label(known, changes, situacao), format_args!("{what}"));
        ensure(known == expected, Checker::Oracle, || {
            format!("{told:?} was answered {known}, not {expected}")
        })?;
        let rows = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        ensure(changes != rows.is_empty(), Checker::Oracle, || {
            format!("{what} of {document} wrote {} rows", rows.len())
        })?;
        self.read_log()?;
        if self.oracle.waiting(document).count() < waited {
            self.trace.count("photo: ends a wait");
        }
        Ok(known)
    }

    /// Counts in which circumstances states arrive, so that a run shows that each occurs.
    fn circumstances(&mut self, document: DocumentId, anexo: ItemId, before: SituacaoArquivo) {
        let Some((registro, tipo)) = self.oracle.registro(document) else { return };
        let over = matches!(
            registro.situacao(tipo).map(|situacao| situacao.fase),
            Some(Fase::Concluido | Fase::Cancelado | Fase::Negado)
        );
        let removed = registro.anexos.get(&anexo).is_some_and(|anexo| anexo.removido);
        let restricted = registro.restricao.is_some();
        for (happens, kind) in [
            (over, "photo: of a closed record"),
            (removed, "photo: removed meanwhile"),
            (restricted, "photo: of a restricted record"),
            (before == Verificada, "photo: after it was verified"),
        ] {
            if happens {
                self.trace.count(kind);
            }
        }
    }

    /// At the end of the run: every photo that some phone still has arrives. True if any did.
    pub(super) fn all_photos_arrive(&mut self) -> Result<bool, Violation> {
        let mut any = false;
        let ids: Vec<DocumentId> = self.oracle.documents().collect();
        for document in ids {
            let Some((registro, _)) = self.oracle.registro(document) else { continue };
            let live = registro.anexos.iter().filter(|(_, anexo)| !anexo.removido);
            let live: Vec<ItemId> = live.map(|(id, _)| *id).collect();
            for anexo in live {
                if self.is_lost(document, anexo)
                    || self.oracle.arquivo(document, anexo) == Verificada
                {
                    continue;
                }
                for situacao in [Recebida, Verificada] {
                    self.say(Told { document, anexo, situacao, motivo: None })?;
                }
                any = true;
            }
        }
        Ok(any)
    }

    /// All photos of a record of the past have arrived before the run begins.
    pub(super) fn photos_of_the_past(&mut self, document: DocumentId) -> Result<(), Violation> {
        let record = self.oracle.registro(document);
        let declared = record.into_iter().flat_map(|(registro, _)| registro.anexos.keys().copied());
        let declared: Vec<ItemId> = declared.collect();
        for anexo in declared {
            if self.oracle.arquivo(document, anexo) == Esperada {
                self.say(Told { document, anexo, situacao: Verificada, motivo: None })?;
            }
        }
        Ok(())
    }

    /// Whether nobody has the bytes, and so nobody ever told of them.
    fn is_lost(&self, document: DocumentId, anexo: ItemId) -> bool {
        let mut all = self.photos.iter();
        let lost = all.any(|p| (p.document, p.anexo) == (document, anexo) && p.lost);
        lost && self.oracle.arquivo(document, anexo) == Esperada
    }

    /// 9: at rest a request waits only for photos that nobody has.
    pub(super) fn check_waiting(&mut self) -> Result<(), Violation> {
        for document in self.oracle.documents() {
            let Some((registro, tipo)) = self.oracle.registro(document) else { continue };
            let Some(pedido) = self.oracle.waiting(document).next() else { continue };
            let lacks = flow::lacks_photos(registro, tipo, |id| self.is_lost(document, *id));
            ensure(lacks, Checker::Liveness, || {
                format!("{pedido:?} of {document} waits for ever")
            })?;
            self.trace.count("request waits for photos that nobody has");
        }
        Ok(())
    }
}

fn label(known: bool, changes: bool, situacao: SituacaoArquivo) -> &'static str {
    match situacao {
        _ if !known => "photo: not declared yet",
        _ if !changes => "photo: nothing new",
        Esperada => "photo: esperada",
        Recebida => "photo: recebida",
        Verificada => "photo: verificada",
        Recusada => "photo: recusada",
    }
}
