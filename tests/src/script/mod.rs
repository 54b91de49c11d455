//! Random commands of people, mostly sensible ones, for any tipo that the company has. Who gives
//! them and whether they are allowed is decided elsewhere.

mod business;
mod create;
mod past;

use crate::{dice::Dice, staff::Staff};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Permissoes, Pessoa},
    registro::{Campos, Registro, TipoAnalise, Visibilidade},
    tipo::{Tipo, Tipos},
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// What is known of a document by who may refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its kind.
    pub kind: Kind,
    /// The assistência that it belongs to.
    pub assistencia: Option<DocumentId>,
}

/// Makes commands up, from chance and from what the person who gives them knows.
pub struct Muse<'a> {
    /// Chance.
    pub dice: &'a mut Dice,
    /// The writer's clock.
    pub at: DateTime<Utc>,
    /// Everybody who works in the company.
    pub people: &'a [UserId],
    /// The documents that the writer knows of.
    pub known: &'a BTreeMap<DocumentId, Known>,
    /// What records may be.
    pub tipos: &'a Tipos,
    /// The client that has a login.
    pub client: DocumentId,
    /// What the writer may ask for, mostly.
    pub may: Permissoes,
}

const WORDS: [&str; 8] =
    ["porta", "gaveta", "riscada", "solta", "não fecha", "dobradiça", "puxador", "ação"];

/// What files are, mostly.
const MIMES: [&str; 4] = ["image/jpeg", "image/jpeg", "image/heic", "application/pdf"];

impl<'a> Muse<'a> {
    /// The muse of somebody who knows of these documents.
    pub fn of(
        dice: &'a mut Dice,
        at: DateTime<Utc>,
        people: &'a [UserId],
        known: &'a BTreeMap<DocumentId, Known>,
        tipos: &'a Tipos,
        staff: &Staff,
    ) -> Self {
        let client = staff.client.cliente.unwrap_or(DocumentId::NIL);
        Muse { dice, at, people, known, tipos, client, may: Permissao::TODAS.into() }
    }

    /// The same, of somebody with these permissions.
    pub fn may(mut self, pessoa: &Pessoa) -> Self {
        self.may = pessoa.permissoes.clone();
        self
    }
}

impl Muse<'_> {
    fn id<T: From<uuid::Uuid>>(&mut self) -> T {
        self.dice.uuid(self.at).into()
    }

    fn document(&mut self, kind: Kind) -> Option<(DocumentId, Known)> {
        let of_kind: Vec<_> =
            self.known.iter().filter(|(_, k)| k.kind == kind).map(|(i, k)| (*i, *k)).collect();
        self.dice.maybe(&of_kind)
    }

    /// Words with a number that is not written twice.
    fn words(&mut self) -> String {
        let word = *self.dice.pick(&WORDS);
        format!("{word} {:04x}", self.dice.below(0x1_0000))
    }

    /// A value that the field takes, in a record of this tipo.
    fn value(&mut self, campo: &Campo, tipo: &Tipo) -> Valor {
        let offered: Vec<&str> = match campo.nome {
            "modalidade" => tipo.modalidades.iter().map(String::as_str).collect(),
            "categoria" => tipo.categorias.iter().map(|c| c.codigo.as_str()).collect(),
            _ => Vec::new(),
        };
        // Now and then one that this tipo does not know.
        if !offered.is_empty() && !self.dice.chance(1, 16) {
            return Valor::Texto((*self.dice.pick(&offered)).to_owned());
        }
        if matches!(campo.nome, "email" | "contato_email") && !self.dice.chance(1, 12) {
            return Valor::Texto(format!("lia{}@exemplo.com.br", self.dice.below(100)));
        }
        match campo.tipo {
            TipoCampo::Texto { chars_max } | TipoCampo::TextoLongo { chars_max } => {
                Valor::Texto(self.words().chars().rev().take(chars_max).collect())
            }
            TipoCampo::Centavos { .. } => Valor::Inteiro(self.dice.range(0, 300_000)),
            TipoCampo::Milesimos { .. } => Valor::Inteiro(self.dice.range(0, 100_000)),
            TipoCampo::Inteiro { min, max } => Valor::Inteiro(self.dice.range(min, max)),
            TipoCampo::Logico => Valor::Logico(self.dice.chance(1, 2)),
            TipoCampo::Data => {
                let day = chrono::NaiveDate::from_yo_opt(2026, 1).unwrap_or_default();
                Valor::Data(day + TimeDelta::days(self.dice.range(0, 360)))
            }
            TipoCampo::Instante => {
                // From years ago to years ahead of what the server calls today.
                let base = DateTime::from_timestamp(1_772_400_000, 0).unwrap_or_default();
                Valor::Instante(base + TimeDelta::minutes(self.dice.range(-600, 3_000)))
            }
            TipoCampo::Escolha(opcoes) => Valor::Texto(self.dice.pick(opcoes).0.to_owned()),
            TipoCampo::Referencia(Alvo::Catalogo(_)) => {
                Valor::Texto(self.dice.pick(&["cozinha", "sala", "vistoria"]).to_string())
            }
            TipoCampo::Referencia(Alvo::Usuario) => Valor::Id(self.dice.pick(self.people).uuid()),
            TipoCampo::Referencia(Alvo::Qualquer) => {
                let all: Vec<DocumentId> = self.known.keys().copied().collect();
                let id = self.dice.maybe(&all).map(|id| id.uuid());
                Valor::Id(id.unwrap_or_else(|| self.dice.uuid(self.at)))
            }
            TipoCampo::Referencia(Alvo::Documento(Kind::Cliente)) if self.dice.chance(1, 3) => {
                Valor::Id(self.client.uuid())
            }
            TipoCampo::Referencia(Alvo::Documento(kind)) => match self.document(kind) {
                Some((id, _)) => Valor::Id(id.uuid()),
                None => Valor::Id(self.dice.uuid(self.at)),
            },
        }
    }

    /// A part of a collection, complete mostly.
    fn part(&mut self, kind: Kind, em: Colecao, tipo: &Tipo) -> NovoItem {
        let mut campos = Campos::new();
        for campo in kind.campos_de(em) {
            let asked = em.obrigatorios().contains(&campo.nome);
            let there = match campo.nome {
                _ if em != Colecao::Itens => true,
                "procedencia" if !tipo.analisa_procedencia => false,
                "valor_indenizado" if tipo.indenizacao.is_none() => false,
                nome => tipo.tem_campo_item(nome),
            };
            let wanted = match (asked, there) {
                (true, _) => !self.dice.chance(1, 30),
                (false, true) => self.dice.chance(1, 3),
                (false, false) => self.dice.chance(1, 30),
            };
            if wanted {
                let value = match campo.nome {
                    // Few, so that two people have the same photo.
                    "sha256" => Valor::Texto(format!("{:02x}", self.dice.below(30)).repeat(32)),
                    "nome" if em == Colecao::Anexos => {
                        Valor::Texto(format!("IMG_{:04}.jpg", self.dice.below(10_000)))
                    }
                    "mime" => Valor::Texto((*self.dice.pick(&MIMES)).to_owned()),
                    "posicao" => self.place(),
                    _ => self.value(campo, tipo),
                };
                campos.insert(campo.nome.to_owned(), value);
            }
        }
        if em == Colecao::Vinculos && !campos.contains_key("documento") {
            campos.insert("contato".into(), Valor::Texto("sala".into()));
        }
        NovoItem { id: self.id(), campos }
    }

    /// Where a photo was taken; now and then nowhere on Earth.
    fn place(&mut self) -> Valor {
        let latitude = self.dice.range(-95, 95);
        Valor::Texto(format!("{latitude}.{:04}, -46.6333", self.dice.below(10_000)))
    }

    /// One of the documents that the writer knows of: mostly one of the newest `attention` that are
    /// still worked on.
    pub fn choose(
        &mut self,
        ids: &[DocumentId],
        attention: usize,
        open: impl Fn(DocumentId) -> bool,
    ) -> Option<DocumentId> {
        let lively = |id: &&DocumentId| self.known.get(id).is_some_and(|k| k.kind != Kind::Cliente);
        let newest = ids.iter().rev().filter(lively).filter(|id| open(**id));
        let newest = newest.take(attention);
        let newest: Vec<DocumentId> = newest.copied().collect();
        match self.dice.maybe(&newest) {
            Some(id) if self.dice.chance(5, 6) => Some(id),
            _ => self.dice.maybe(ids),
        }
    }

    /// Something to do with a document as it reads now.
    pub fn alter(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let verbs = u32::from(!tipo.fluxo.transicoes.is_empty());
        let parts = u32::from(Colecao::TODAS.iter().any(|c| !registro.colecao(*c).is_empty()));
        match self.dice.weighted(&[5, 3, 3, 2 * parts, parts, 2, 1, 4, 16 * verbs, 3 * verbs]) {
            0 => self.edit(registro, tipo),
            1 => self.edit_text(registro, tipo),
            2 => self.include(registro, tipo),
            3 => self.edit_part(registro, tipo),
            4 => {
                let (em, item) = self.some_part(registro);
                Command::RemoverItem { em, item }
            }
            5 => Command::Participar {
                usuario: *self.dice.pick(self.people),
                participa: self.dice.chance(2, 3),
            },
            6 => Command::Interessar {
                usuario: *self.dice.pick(self.people),
                interessado: self.dice.chance(3, 4),
            },
            7 => self.note(registro),
            8 => self.ask(registro, tipo),
            _ => self.analyse(registro, tipo),
        }
    }

    fn include(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let all: Vec<Colecao> = Colecao::TODAS
            .into_iter()
            .filter(|colecao| !registro.kind.campos_de(*colecao).is_empty())
            .filter(|colecao| *colecao != Colecao::Despesas || tipo.despesas)
            .collect();
        let em = match self.dice.maybe(&all) {
            Some(em) if !self.dice.chance(1, 20) => em,
            _ => *self.dice.pick(&Colecao::TODAS),
        };
        Command::IncluirItem { em, item: self.part(registro.kind, em, tipo) }
    }

    fn some_part(&mut self, registro: &Registro) -> (Colecao, ItemId) {
        let all: Vec<(Colecao, ItemId)> = Colecao::TODAS
            .into_iter()
            .flat_map(|em| registro.colecao(em).keys().map(move |item| (em, *item)))
            .collect();
        *self.dice.pick(&all)
    }

    fn edit_part(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let (em, item) = self.some_part(registro);
        // A modified app may have made a part where there are none.
        let Some(campo) = self.dice.maybe(registro.kind.campos_de(em)) else {
            return Command::RemoverItem { em, item };
        };
        let valor = match self.dice.chance(1, 8) {
            true => Valor::Nulo,
            false => self.value(&campo, tipo),
        };
        Command::EditarItem { em, item, campo: campo.nome.to_owned(), valor, visto: None }
    }

    fn note(&mut self, registro: &Registro) -> Command {
        let notes: Vec<_> = registro.notas.iter().map(|nota| nota.id).collect();
        let visibilidade = match self.dice.chance(1, 2) {
            true => Visibilidade::Cliente,
            false => Visibilidade::Interna,
        };
        let resposta_a = if self.dice.chance(1, 4) { self.dice.maybe(&notes) } else { None };
        Command::Anotar { id: self.id(), texto: self.words(), visibilidade, resposta_a }
    }

    /// A field of the tipo's form mostly.
    fn edit(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let scalar = || registro.kind.campos().iter().filter(|c| !c.longo());
        let form: Vec<_> = scalar().filter(|c| tipo.tem_campo(c.nome)).collect();
        let responsavel = form.iter().find(|campo| campo.nome == "responsavel");
        // `responsavel` more often than others: most rules are about assignment.
        let campo = match responsavel {
            Some(campo) if self.dice.chance(1, 4) => *campo,
            _ if form.is_empty() || self.dice.chance(1, 20) => {
                *self.dice.pick(&scalar().collect::<Vec<_>>())
            }
            _ => *self.dice.pick(&form),
        };
        let valor = if self.dice.chance(1, 8) { Valor::Nulo } else { self.value(campo, tipo) };
        Command::Editar { campo: campo.nome.to_owned(), valor, visto: None }
    }

    fn edit_text(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let long = registro.kind.campos().iter().filter(|c| c.longo() && tipo.tem_campo(c.nome));
        let long: Vec<_> = long.collect();
        if long.is_empty() {
            return self.edit(registro, tipo);
        }
        let campo = *self.dice.pick(&long);
        self.write_text(registro, campo)
    }

    fn write_text(&mut self, registro: &Registro, campo: &Campo) -> Command {
        let de = registro.valor(campo.nome).texto().unwrap_or_default().to_owned();
        let words = self.words();
        let para = match self.dice.below(4) {
            0 => format!("{words}. {de}"),
            1 if de.len() > 40 => words,
            _ => format!("{de} {words}"),
        };
        Command::EditarTexto { campo: campo.nome.to_owned(), de, para }
    }

    /// Something that no app would let a person do: a wrong value, a field that is fixed or
    /// unknown, what only the office may.
    pub fn misbehave(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        match self.dice.below(8) {
            0 => Command::Editar {
                campo: "situacao".into(),
                valor: Valor::Texto("x".into()),
                visto: None,
            },
            1 => Command::Editar {
                campo: "responsavel".into(),
                valor: Valor::Logico(true),
                visto: None,
            },
            2 => match registro.kind.campos().iter().find(|campo| campo.fixo) {
                Some(campo) => {
                    let valor = self.value(campo, tipo);
                    Command::Editar { campo: campo.nome.to_owned(), valor, visto: None }
                }
                None => self.alter(registro, tipo),
            },
            3 => Command::Anotar {
                id: self.id(),
                texto: "  ".into(),
                visibilidade: Visibilidade::Interna,
                resposta_a: None,
            },
            4 => self.malformed_analysis(),
            5 => self.ask_anything(registro, tipo),
            _ => self.alter(registro, tipo),
        }
    }
}

/// What kind of thing a command is.
pub fn label(command: &Command) -> &'static str {
    match command {
        Command::Criar { .. } => "did: criar",
        Command::Editar { .. } => "did: editar",
        Command::EditarTexto { .. } => "did: editar texto",
        Command::IncluirItem { em, .. } => match em {
            Colecao::Itens => "did: incluir item",
            Colecao::Despesas => "did: incluir despesa",
            Colecao::Anexos => "did: incluir anexo",
            Colecao::Vinculos => "did: incluir vínculo",
        },
        Command::EditarItem { .. } => "did: editar parte",
        Command::RemoverItem { .. } => "did: remover parte",
        Command::Participar { .. } => "did: participar",
        Command::Interessar { .. } => "did: interessar",
        Command::Anotar { visibilidade: Visibilidade::Interna, .. } => "did: anotar",
        Command::Anotar { visibilidade: Visibilidade::Cliente, .. } => "did: anotar ao cliente",
        Command::Transicionar { .. } => "did: pedir",
        Command::Analisar { encaminhar: Some(_), .. } => "did: encaminhar",
        Command::Analisar { tipo, .. } => match tipo {
            TipoAnalise::Parcial => "did: análise parcial",
            TipoAnalise::Laudo => "did: laudo",
            TipoAnalise::Solucao => "did: solução",
            TipoAnalise::Parecer => "did: parecer",
        },
        Command::Restringir { para: Some(_) } => "did: restringir",
        Command::Restringir { para: None } => "did: liberar",
        Command::SolicitarAcao { .. } => "did: solicitar ação",
        Command::ResponderAcao { .. } => "did: responder ação",
        Command::VincularCorretiva { .. } => "did: vincular corretiva",
    }
}
