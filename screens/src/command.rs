//! What a command says, for the lists of what waits, was held or was refused: nothing that a person
//! wrote is ever out of sight.

use crate::{names::Names, words::words};
use campo_domain::{
    command::{Command, NovoItem},
    ids::UserId,
    kind::Kind,
    parte::Colecao,
    registro::Campos,
    tipo::Tipo,
    valor::{Campo, Valor},
};
use chrono_tz::Tz;

/// A label and its value, both as people read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// What stands before it.
    pub label: String,
    /// The value.
    pub value: String,
}

impl Labelled {
    fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into() }
    }
}

/// What is at hand to read a command.
struct Reader<'a> {
    kind: Option<Kind>,
    tipo: Option<&'a Tipo>,
    names: &'a Names,
    zone: Tz,
}

/// What a command says, whatever became of it. Kind and tipo of its record may not be known any
/// more; values are then read without the company's own names.
pub fn content(
    command: &Command,
    kind: Option<Kind>,
    tipo: Option<&Tipo>,
    names: &Names,
    zone: Tz,
) -> Vec<Labelled> {
    Reader { kind, tipo, names, zone }.read(command)
}

impl Reader<'_> {
    fn read(&self, command: &Command) -> Vec<Labelled> {
        let person =
            |label: &str, id: UserId| vec![Labelled::new(label, self.names.person_or_unknown(id))];
        let said = |label: &str, text: &Option<String>| -> Vec<Labelled> {
            text.iter().map(|text| Labelled::new(label, text)).collect()
        };
        // A part belongs to an ocorrência where nothing else is known of its record.
        let kind = self.kind.unwrap_or(Kind::Ocorrencia);
        match command {
            Command::Criar { kind, campos, itens, .. } => {
                let filled = campos.iter().filter(|(_, value)| !value.vazio());
                let fields = filled.map(|(name, value)| self.field(Some(*kind), name, value));
                let items = itens.iter().map(|item| self.part(*kind, Colecao::Itens, item));
                fields.chain(items).collect()
            }
            Command::Editar { campo, valor, .. } => vec![self.field(self.kind, campo, valor)],
            Command::EditarTexto { campo, para, .. } => {
                vec![Labelled::new(self.label(self.kind, campo), para)]
            }
            Command::IncluirItem { em, item } => vec![self.part(kind, *em, item)],
            Command::EditarItem { em, campo: name, valor, .. } => {
                vec![match kind.campo_de(*em, name) {
                    Some(campo) => Labelled::new(campo.rotulo, self.value(campo, valor, None)),
                    None => Labelled::new(name, valor.texto().unwrap_or_default()),
                }]
            }
            Command::Participar { usuario, .. } => person("Participante", *usuario),
            Command::Interessar { usuario, .. } => person("Interessado", *usuario),
            Command::Anotar { texto, .. } => vec![Labelled::new("Acompanhamento", texto)],
            Command::Transicionar { motivo, .. } => said("Motivo", motivo),
            Command::Analisar { tipo, texto, procedente, .. } => {
                let founded = procedente
                    .map(|yes| Labelled::new("Procedente", if yes { "Sim" } else { "Não" }));
                founded.into_iter().chain([Labelled::new(tipo.rotulo(), texto)]).collect()
            }
            Command::SolicitarAcao { observacao, .. } => said("Observação", observacao),
            Command::ResponderAcao { retorno, .. } => said("Retorno", retorno),
            Command::VincularCorretiva { numero, .. } => {
                vec![Labelled::new("Ação corretiva", numero)]
            }
            Command::RemoverItem { .. } | Command::Restringir { .. } => Vec::new(),
        }
    }

    fn label<'a>(&'a self, kind: Option<Kind>, name: &'a str) -> &'a str {
        let of_kind = || kind.and_then(|kind| kind.campo(name)).map_or(name, |campo| campo.rotulo);
        self.tipo.map_or_else(of_kind, |tipo| tipo.rotulo(name))
    }

    fn field(&self, kind: Option<Kind>, name: &str, value: &Valor) -> Labelled {
        let text = match kind.and_then(|kind| kind.campo(name)) {
            Some(campo) => self.value(campo, value, self.tipo),
            None => value.texto().unwrap_or_default().to_owned(),
        };
        Labelled::new(self.label(kind, name), text)
    }

    fn part(&self, kind: Kind, collection: Colecao, part: &NovoItem) -> Labelled {
        let filled = self.filled(kind.campos_de(collection), &part.campos);
        let texts: Vec<String> =
            filled.map(|field| format!("{}: {}", field.label, field.value)).collect();
        Labelled::new(collection.rotulo(), texts.join("; "))
    }

    fn filled<'a>(
        &'a self,
        fields: &'static [Campo],
        values: &'a Campos,
    ) -> impl Iterator<Item = Labelled> {
        fields.iter().filter_map(move |campo| {
            let value = values.get(campo.nome).filter(|value| !value.vazio())?;
            Some(Labelled::new(campo.rotulo, self.value(campo, value, None)))
        })
    }

    fn value(&self, campo: &Campo, value: &Valor, tipo: Option<&Tipo>) -> String {
        words(campo, value, tipo, self.names, self.zone).text
    }
}
