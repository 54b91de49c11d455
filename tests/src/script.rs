//! What people do: commands made up by the dice, sensible ones mostly. Who writes them and whether
//! they are allowed is not known here.

use crate::dice::Dice;
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, UserId},
    kind::Kind,
    registro::{Campos, Registro},
    tipo::{Tipo, TipoRef},
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

/// Where ideas come from.
pub struct Muse<'a> {
    /// Chance.
    pub dice: &'a mut Dice,
    /// The writer's clock.
    pub at: DateTime<Utc>,
    /// Everybody in the company.
    pub people: &'a [UserId],
    /// The documents that the writer knows of.
    pub known: &'a BTreeMap<DocumentId, Known>,
}

const WORDS: [&str; 8] =
    ["porta", "gaveta", "riscada", "solta", "não fecha", "dobradiça", "puxador", "ação"];

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

    /// A value that the field takes.
    fn value(&mut self, campo: &Campo) -> Valor {
        match campo.tipo {
            TipoCampo::Texto { chars_max } | TipoCampo::TextoLongo { chars_max } => {
                Valor::Texto(self.words().chars().rev().take(chars_max).collect())
            }
            TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } => {
                Valor::Inteiro(self.dice.range(0, 100_000))
            }
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
            TipoCampo::Referencia(Alvo::Documento(kind)) => match self.document(kind) {
                Some((id, _)) => Valor::Id(id.uuid()),
                None => Valor::Id(self.dice.uuid(self.at)),
            },
        }
    }

    /// A new document of some kind, of P001 mostly.
    pub fn create(&mut self) -> Command {
        let kind = match self.dice.weighted(&[2, 3, 4, 3]) {
            0 => Kind::Cliente,
            1 => Kind::Assistencia,
            2 => Kind::Ocorrencia,
            _ => Kind::Agenda,
        };
        self.create_kind(kind)
    }

    /// A new document of this kind.
    pub fn create_kind(&mut self, kind: Kind) -> Command {
        let id: DocumentId = self.id();
        let mut campos = Campos::new();
        let (preset, kind) = match kind {
            Kind::Cliente => {
                campos.insert("nome".into(), Valor::Texto(self.words()));
                ("p001", kind)
            }
            Kind::Assistencia => {
                let cliente = match self.document(Kind::Cliente) {
                    Some((cliente, _)) => cliente.uuid(),
                    None => self.dice.uuid(self.at),
                };
                campos.insert("cliente".into(), Valor::Id(cliente));
                campos.insert("situacao_alegada".into(), Valor::Texto(self.words()));
                ("p001", kind)
            }
            Kind::Ocorrencia => match self.document(Kind::Assistencia) {
                Some((assistencia, _)) if self.dice.chance(2, 3) => {
                    campos.insert("assistencia".into(), Valor::Id(assistencia.uuid()));
                    campos.insert("tipo_ocorrencia".into(), Valor::Texto("regulagem".into()));
                    ("p001", kind)
                }
                _ => {
                    for nome in ["escopo", "relato", "contato_nome", "contato_telefone"] {
                        let valor = kind.campo(nome).map(|campo| self.value(campo));
                        campos.insert(nome.into(), valor.unwrap_or(Valor::Nulo));
                    }
                    campos.insert("tipo_ocorrencia".into(), Valor::Texto("avaria".into()));
                    ("p000", kind)
                }
            },
            Kind::Agenda => {
                self.serve(&mut campos);
                campos.insert("tipo_agenda".into(), Valor::Texto("assistencia_tecnica".into()));
                campos.insert("assunto".into(), Valor::Texto(self.words()));
                let inicio = self.at + TimeDelta::hours(self.dice.range(-3, 30));
                campos.insert("inicio".into(), Valor::Instante(inicio));
                campos.insert("fim".into(), Valor::Instante(inicio + TimeDelta::hours(2)));
                let responsavel = *self.dice.pick(self.people);
                campos.insert("responsavel".into(), Valor::Id(responsavel.uuid()));
                ("p001", kind)
            }
        };
        if kind.campo("responsavel").is_some() && self.dice.chance(1, 2) {
            let responsavel = *self.dice.pick(self.people);
            campos.insert("responsavel".into(), Valor::Id(responsavel.uuid()));
        }
        let mut itens = Vec::new();
        if kind == Kind::Ocorrencia && self.dice.chance(1, 2) {
            itens.push(self.item());
        }
        let tipo = TipoRef { codigo: format!("{preset}.{}", kind.codigo()), versao: 1 };
        Command::Criar { id, kind, tipo, campos, itens }
    }

    /// What an agenda is for: an assistência, perhaps one of its ocorrências, or nothing.
    fn serve(&mut self, campos: &mut Campos) {
        let kind = if self.dice.chance(1, 2) { Kind::Assistencia } else { Kind::Ocorrencia };
        let Some((id, known)) = self.document(kind) else { return };
        let assistencia = if kind == Kind::Assistencia { Some(id) } else { known.assistencia };
        // Now and then what no screen offers: a parent of the wrong kind, or not named.
        match self.dice.below(30) {
            0 => {
                campos.insert("assistencia".into(), Valor::Id(id.uuid()));
                return;
            }
            1 => {
                campos.insert("ocorrencia".into(), Valor::Id(id.uuid()));
                return;
            }
            _ => {}
        }
        if let Some(assistencia) = assistencia {
            campos.insert("assistencia".into(), Valor::Id(assistencia.uuid()));
        }
        if kind == Kind::Ocorrencia {
            campos.insert("ocorrencia".into(), Valor::Id(id.uuid()));
        }
    }

    fn item(&mut self) -> NovoItem {
        let produto = Valor::Texto(self.words());
        let quantidade = Valor::Inteiro(self.dice.range(1, 9) * 1000);
        let campos = [("produto".to_owned(), produto), ("quantidade".to_owned(), quantidade)];
        NovoItem { id: self.id(), campos: campos.into() }
    }

    /// Something to do with a document as it reads now.
    pub fn alter(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let kind = registro.kind;
        let itens = u32::from(!kind.campos_item().is_empty());
        let some_item = u32::from(!registro.itens.is_empty());
        let verbs = u32::from(!tipo.fluxo.transicoes.is_empty());
        let weights =
            [6, 4, 2 * itens, 3 * itens * some_item, itens * some_item, 2, 5, 6 * verbs, verbs];
        match self.dice.weighted(&weights) {
            0 => self.edit(registro),
            1 => self.edit_text(registro),
            2 => Command::IncluirItem { item: self.item() },
            choice @ (3 | 4) => {
                let ids: Vec<_> = registro.itens.keys().copied().collect();
                let item = *self.dice.pick(&ids);
                if choice == 4 {
                    return Command::RemoverItem { item };
                }
                let campo = *self.dice.pick(kind.campos_item());
                Command::EditarItem {
                    item,
                    campo: campo.nome.to_owned(),
                    valor: self.value(&campo),
                }
            }
            5 => Command::Participar {
                usuario: *self.dice.pick(self.people),
                participa: self.dice.chance(2, 3),
            },
            6 => Command::Anotar { id: self.id(), texto: self.words() },
            7 => {
                let atual = registro.situacao(tipo).map_or("", |s| s.codigo.as_str());
                let todas = &tipo.fluxo.transicoes;
                let daqui: Vec<_> =
                    todas.iter().filter(|t| t.de.iter().any(|de| de == atual)).collect();
                let verbo = match daqui.is_empty() || self.dice.chance(1, 8) {
                    true => self.dice.pick(todas).verbo.clone(),
                    false => self.dice.pick(&daqui).verbo.clone(),
                };
                let motivo = self.dice.chance(2, 3).then(|| self.words());
                Command::Transicionar { pedido: self.id(), verbo, motivo }
            }
            _ => Command::EmitirLaudo {
                pedido: self.id(),
                laudo: self.id(),
                procedente: self.dice.chance(1, 2),
                conclusao: self.words(),
            },
        }
    }

    fn edit(&mut self, registro: &Registro) -> Command {
        let scalar: Vec<_> = registro.kind.campos().iter().filter(|c| !c.longo()).collect();
        let responsavel = scalar.iter().find(|campo| campo.nome == "responsavel");
        // Reassigning is what the rules are most about.
        let campo = match responsavel {
            Some(campo) if self.dice.chance(1, 4) => *campo,
            _ => *self.dice.pick(&scalar),
        };
        let valor = if self.dice.chance(1, 8) { Valor::Nulo } else { self.value(campo) };
        Command::Editar { campo: campo.nome.to_owned(), valor }
    }

    fn edit_text(&mut self, registro: &Registro) -> Command {
        let long: Vec<_> = registro.kind.campos().iter().filter(|c| c.longo()).collect();
        if long.is_empty() {
            return self.edit(registro);
        }
        let campo = *self.dice.pick(&long);
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
    /// unknown.
    pub fn misbehave(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        match self.dice.below(5) {
            0 => Command::Editar { campo: "situacao".into(), valor: Valor::Texto("x".into()) },
            1 => Command::Editar { campo: "responsavel".into(), valor: Valor::Logico(true) },
            2 => match registro.kind.campos().iter().find(|campo| campo.fixo) {
                Some(campo) => {
                    let valor = self.value(campo);
                    Command::Editar { campo: campo.nome.to_owned(), valor }
                }
                None => self.alter(registro, tipo),
            },
            3 => Command::Anotar { id: self.id(), texto: "  ".into() },
            _ => self.alter(registro, tipo),
        }
    }
}
