//! Where people wrote without knowing of each other: fields with several values (ff18), and what a
//! held branch would write beside what stands now (ff28).

use crate::{
    log::{kept, located},
    look::Look,
    names::{Cited, Names},
    words::{Words, words},
};
use campo_domain::{
    ids::{DeviceId, UserId},
    kind::Kind,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    tipo::Tipo,
    valor::Valor,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// A field with several values.
#[derive(Clone, Debug)]
pub struct Dispute<'a> {
    /// The field: `CAMPO`, or `COLECAO/ID/CAMPO` of a part.
    pub field: &'a str,
    /// What a person reads of it.
    pub label: String,
    /// Whether the person may settle it now by writing the field again, or why not.
    pub settle: Result<(), Refusal>,
    /// All that was written, the one that shows first.
    pub versions: Vec<Version<'a>>,
}

/// One of the values.
#[derive(Clone, Debug)]
pub struct Version<'a> {
    /// The value.
    pub value: &'a Valor,
    /// As people read it.
    pub words: Words,
    /// Who wrote it.
    pub by: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When, by the clock of the device.
    pub at: DateTime<Utc>,
}

/// The fields of a record with several values.
pub fn disputes<'a>(look: &Look<'a>) -> Vec<Dispute<'a>> {
    let record = look.record;
    let dispute = |conflict: &'a campo_domain::registro::Conflito| {
        let at = located(record.kind, &conflict.campo);
        let part = at.map(|at| match at.part {
            Some((collection, _)) => Parte::CampoItem(collection, at.campo),
            None => Parte::Campo(at.campo),
        });
        // Of a record's own field the tipo knows what its categories are called.
        let tipo = at.filter(|at| at.part.is_none()).map(|_| look.tipo);
        let version = |version: &'a campo_domain::registro::Versao| Version {
            value: &version.valor,
            words: at.map_or_else(Words::default, |at| {
                words(at.campo, &version.valor, tipo, look.names, look.zone)
            }),
            by: version.autoria.por,
            device: version.autoria.em,
            at: version.quando,
        };
        Dispute {
            field: &conflict.campo,
            label: at.map_or_else(|| conflict.campo.clone(), |at| at.label(look.tipo)),
            settle: match part {
                Some(part) => {
                    policy::pode_alterar_registro(look.person, look.expected, look.tipo, part)
                }
                None => Err(Refusal::with(Codigo::CampoDesconhecido, [conflict.campo.clone()])),
            },
            versions: conflict.versoes.iter().map(version).collect(),
        }
    };
    record.conflitos.iter().map(dispute).collect()
}

/// One thing that a held branch would write, as the log would have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The type of the event, as in the log.
    pub tipo: String,
    /// The field, as the log names it.
    pub field: Option<String>,
    /// What the log calls it.
    pub label: Option<String>,
    /// What stands there now, as the log would keep it.
    pub current: Option<String>,
    /// What would stand there, or what would be said.
    pub proposed: Option<String>,
    /// When it was written, by the clock of the device.
    pub at: DateTime<Utc>,
}

/// What a held branch would write, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What it is about.
    pub label: String,
    /// What stands there now.
    pub current: Words,
    /// What would stand there.
    pub proposed: Words,
    /// When it was written, by the clock of the device.
    pub at: DateTime<Utc>,
}

impl Proposed {
    /// What it mentions.
    pub fn cite(&self, kind: Kind, cited: &mut Cited) {
        for text in [&self.current, &self.proposed].into_iter().flatten() {
            match self.subject() {
                Subject::Field(name) => {
                    cited.kept(located(kind, name).map(|at| at.campo), text);
                }
                Subject::Person => cited.kept(None, text),
                Subject::Text => {}
            }
        }
    }

    fn subject(&self) -> Subject<'_> {
        match (self.tipo.as_str(), &self.field) {
            ("participante" | "interessado", _) => Subject::Person,
            ("campo" | "item" | "despesa" | "anexo" | "vinculo", Some(name)) => {
                Subject::Field(name)
            }
            _ => Subject::Text,
        }
    }
}

enum Subject<'a> {
    Field(&'a str),
    Person,
    Text,
}

/// What a held branch would write, beside what stands now, as people read it.
pub fn proposed(tipo: &Tipo, names: &Names, zone: Tz, writes: &[Proposed]) -> Vec<Proposal> {
    let one = |write: &Proposed| {
        let said = |text: &Option<String>| {
            let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else {
                return Words::default();
            };
            match write.subject() {
                Subject::Person => {
                    let id = text.parse::<UserId>().ok();
                    let name = id.map_or(text, |id| names.person_or_unknown(id));
                    Words { text: name.to_owned(), ..Words::default() }
                }
                Subject::Field(name) => match located(tipo.kind, name) {
                    Some(at) => {
                        let own = at.part.is_none().then_some(tipo);
                        words(at.campo, &kept(at.campo, text), own, names, zone)
                    }
                    None => Words { text: text.to_owned(), ..Words::default() },
                },
                Subject::Text => Words { text: text.to_owned(), ..Words::default() },
            }
        };
        Proposal {
            label: write.label.clone().unwrap_or_else(|| label(&write.tipo).to_owned()),
            current: said(&write.current),
            proposed: said(&write.proposed),
            at: write.at,
        }
    };
    writes.iter().map(one).collect()
}

fn label(tipo: &str) -> &'static str {
    match tipo {
        "nota" => "Acompanhamento",
        "pedido" => "Pedido",
        "analise" => "Análise",
        "item" => "Item",
        "despesa" => "Despesa",
        "anexo" => "Anexo",
        "vinculo" => "Vínculo",
        "participante" => "Participante",
        "interessado" => "Interessado",
        "criacao" => "Registro novo",
        _ => "Alteração",
    }
}
