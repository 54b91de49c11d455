//! Names beside ids and codes. A record mentions people, devices, records and entries of
//! catalogues by id or code: [`Cited`] gathers which, the caller reads their names from wherever it
//! keeps them, and [`Names`] answers for the rest of this crate.

use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{Autoria, Campos, Registro},
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Another record, as it is mentioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is.
    pub kind: Kind,
    /// Which.
    pub id: DocumentId,
    /// What a person reads: number and title, or the name of a cliente.
    pub label: String,
}

/// How a person reads a record that another mentions: number (or provisional label) and title; the
/// name alone of a cliente.
pub fn link_label(kind: Option<Kind>, number: &str, title: &str) -> String {
    match kind {
        Some(Kind::Cliente) => title.to_owned(),
        _ if title.is_empty() => number.to_owned(),
        _ => format!("{number} · {title}"),
    }
}

/// Names by id and code. What is missing here was not found, or the person may not see it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// People of the company and its clients' logins.
    pub people: BTreeMap<UserId, String>,
    /// Those of them that are clients' logins.
    pub clients: BTreeSet<UserId>,
    /// Devices.
    pub devices: BTreeMap<DeviceId, String>,
    /// Records that the person may see.
    pub documents: BTreeMap<DocumentId, Link>,
    /// Entries of catalogues: by catalogue, then by code.
    pub entries: BTreeMap<String, BTreeMap<String, String>>,
}

impl Names {
    /// The name of a person; the server is called by its own.
    pub fn person(&self, id: UserId) -> Option<&str> {
        match id {
            UserId::SERVIDOR => Some("Campo"),
            id => self.people.get(&id).map(String::as_str),
        }
    }

    /// As [`Names::person`], with words for whoever is not known.
    pub fn person_or_unknown(&self, id: UserId) -> &str {
        self.person(id).unwrap_or("Pessoa desconhecida")
    }

    /// Whether it is the login of a client (R23).
    pub fn is_client(&self, id: UserId) -> bool {
        self.clients.contains(&id)
    }

    /// The name of a device; the office is called by its own.
    pub fn device(&self, id: DeviceId) -> Option<&str> {
        match id {
            DeviceId::ESCRITORIO => Some("Retaguarda"),
            id => self.devices.get(&id).map(String::as_str),
        }
    }

    /// Another record, if the person may see it.
    pub fn document(&self, id: DocumentId) -> Option<&Link> {
        self.documents.get(&id)
    }

    /// The name of an entry of a catalogue.
    pub fn entry(&self, catalogue: &str, code: &str) -> Option<&str> {
        self.entries.get(catalogue)?.get(code).map(String::as_str)
    }
}

/// The ids and codes that a screen will name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cited {
    /// People.
    pub people: BTreeSet<UserId>,
    /// Devices.
    pub devices: BTreeSet<DeviceId>,
    /// Records.
    pub documents: BTreeSet<DocumentId>,
    /// Entries of catalogues: catalogue and code.
    pub entries: BTreeSet<(&'static str, String)>,
}

impl Cited {
    /// Everything that a record mentions, in whatever part of it.
    pub fn of(record: &Registro) -> Self {
        let mut cited = Self::default();
        for campo in record.kind.campos() {
            cited.value(campo, record.valor(campo.nome));
        }
        for collection in Colecao::TODAS {
            for (_, part) in record.vivos(collection) {
                cited.authorship(part.autoria);
                for campo in record.kind.campos_de(collection) {
                    cited.value(campo, part.valor(campo.nome));
                }
            }
        }
        cited.authorship(record.criacao);
        record.notas.iter().for_each(|note| cited.authorship(note.autoria));
        record.pedidos.iter().for_each(|request| cited.authorship(request.autoria));
        for analysis in &record.analises {
            cited.authorship(analysis.autoria);
            cited.people.extend(analysis.encaminhar);
        }
        cited.people.extend(record.acoes.iter().map(|action| action.por));
        cited.people.extend(record.corretivas.iter().map(|link| link.por));
        for conflict in &record.conflitos {
            let campo = crate::log::located(record.kind, &conflict.campo).map(|at| at.campo);
            for version in &conflict.versoes {
                cited.authorship(version.autoria);
                if let Some(campo) = campo {
                    cited.value(campo, &version.valor);
                }
            }
        }
        if let Some(restriction) = &record.restricao {
            cited.people.extend(restriction.usuarios.iter().copied().chain([restriction.por]));
            cited.entries.extend(restriction.grupos.iter().map(|code| ("grupo", code.clone())));
        }
        cited.people.extend(record.participantes.iter().chain(&record.interessados));
        cited
    }

    /// Who wrote something, and on which device.
    pub fn authorship(&mut self, autoria: Autoria) {
        self.people.insert(autoria.por);
        self.devices.insert(autoria.em);
    }

    /// What the value of a field refers to.
    pub fn value(&mut self, campo: &Campo, valor: &Valor) {
        match (campo.tipo, valor) {
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => {
                self.people.insert((*id).into());
            }
            (TipoCampo::Referencia(Alvo::Documento(_) | Alvo::Qualquer), Valor::Id(id)) => {
                self.documents.insert((*id).into());
            }
            (TipoCampo::Referencia(Alvo::Catalogo(catalogue)), Valor::Texto(code)) => {
                self.entries.insert((catalogue, code.clone()));
            }
            _ => {}
        }
    }

    /// What a command mentions; `kind` is that of its record, where it is known.
    pub fn command(&mut self, command: &Command, kind: Option<Kind>) {
        let kind = kind.unwrap_or(Kind::Ocorrencia);
        match command {
            Command::Criar { kind, campos, itens, .. } => {
                self.values(kind.campos(), campos);
                for item in itens {
                    self.values(kind.campos_de(Colecao::Itens), &item.campos);
                }
            }
            Command::Editar { campo, valor, .. } => {
                kind.campo(campo).into_iter().for_each(|campo| self.value(campo, valor));
            }
            Command::IncluirItem { em, item } => self.values(kind.campos_de(*em), &item.campos),
            Command::EditarItem { em, campo, valor, .. } => {
                kind.campo_de(*em, campo).into_iter().for_each(|campo| self.value(campo, valor));
            }
            Command::Participar { usuario, .. } | Command::Interessar { usuario, .. } => {
                self.people.insert(*usuario);
            }
            _ => {}
        }
    }

    fn values(&mut self, fields: &[Campo], values: &Campos) {
        for campo in fields {
            if let Some(value) = values.get(campo.nome) {
                self.value(campo, value);
            }
        }
    }

    /// What a text of the log refers to: the value of a field, or a person by id.
    pub(crate) fn kept(&mut self, campo: Option<&Campo>, text: &str) {
        match campo {
            Some(campo) => self.value(campo, &crate::log::kept(campo, text)),
            None => self.people.extend(text.parse::<Uuid>().ok().map(UserId::from)),
        }
    }
}
