//! The one door for what people write, paste or send: the texts of a command as they are kept.

use super::Command;
use crate::{
    kind::Kind,
    parte::Colecao,
    registro::Campos,
    texto::{linha, linhas},
    valor::{Campo, Valor},
};

impl Command {
    /// The command with its texts as they are kept: composed, with LF alone between lines, without
    /// what cannot be seen. A text of which nothing is left is none.
    #[must_use]
    pub fn limpo(mut self) -> Self {
        match &mut self {
            Command::Criar { kind, campos, itens, .. } => {
                limpar(campos, kind.campos());
                for item in itens {
                    limpar(&mut item.campos, kind.campos_de(Colecao::Itens));
                }
            }
            Command::Editar { campo, valor, .. } => {
                // A name is long in all kinds that have it, or in none.
                let campo = Kind::TODOS.iter().find_map(|kind| kind.campo(campo));
                limpar_valor(valor, campo);
            }
            Command::EditarTexto { de, para, .. } => (*de, *para) = (linhas(de), linhas(para)),
            Command::IncluirItem { item, .. } => {
                for valor in item.campos.values_mut() {
                    limpar_valor(valor, None);
                }
            }
            Command::EditarItem { valor, .. } => limpar_valor(valor, None),
            Command::Anotar { texto, .. } | Command::Analisar { texto, .. } => {
                *texto = linhas(texto);
            }
            Command::Transicionar { motivo: texto, .. }
            | Command::SolicitarAcao { observacao: texto, .. } => {
                *texto = texto.take().map(|texto| linhas(&texto)).filter(|texto| !texto.is_empty());
            }
            Command::ResponderAcao { externo, retorno, .. } => {
                *externo = externo.take().map(|texto| linha(&texto));
                *retorno = retorno.take().map(|texto| linhas(&texto));
            }
            Command::RemoverItem { .. }
            | Command::Participar { .. }
            | Command::Interessar { .. }
            | Command::Restringir { .. }
            | Command::VincularCorretiva { .. } => {}
        }
        self
    }
}

fn limpar(campos: &mut Campos, definicoes: &[Campo]) {
    for (nome, valor) in campos {
        limpar_valor(valor, definicoes.iter().find(|campo| campo.nome == nome));
    }
}

/// The fields of parts are of one line.
fn limpar_valor(valor: &mut Valor, campo: Option<&Campo>) {
    let Valor::Texto(texto) = valor else { return };
    let limpo = if campo.is_some_and(Campo::longo) { linhas(texto) } else { linha(texto) };
    *valor = if limpo.is_empty() { Valor::Nulo } else { Valor::Texto(limpo) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NotaId;
    use std::collections::BTreeMap;

    #[test]
    fn a_name_is_long_in_all_kinds_or_in_none() {
        let mut long = BTreeMap::new();
        for campo in Kind::TODOS.iter().flat_map(|kind| kind.campos()) {
            assert_eq!(
                *long.entry(campo.nome).or_insert(campo.longo()),
                campo.longo(),
                "{}",
                campo.nome
            );
        }
        let parts = Kind::TODOS.iter().flat_map(|kind| {
            Colecao::TODAS.into_iter().flat_map(|colecao| kind.campos_de(colecao))
        });
        assert!(parts.into_iter().all(|campo| !campo.longo()));
    }

    #[test]
    fn the_texts_of_a_command_are_kept_clean() {
        let editar = |campo: &str, texto: &str| {
            let valor = Valor::Texto(texto.into());
            match (Command::Editar { campo: campo.into(), valor, visto: None }).limpo() {
                Command::Editar { valor, .. } => valor,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            editar("nome", "Joa\u{303}o\tda\u{a0}Silva\r\n"),
            Valor::Texto("João da\u{a0}Silva".into())
        );
        assert_eq!(editar("observacoes", "um\r\n\u{feff}dois"), Valor::Texto("um\ndois".into()));
        assert_eq!(editar("nome", "\u{200b}\u{200b}"), Valor::Nulo);
        let nota = Command::Anotar {
            id: NotaId::from_u128(1),
            texto: "um\u{85}dois\u{1b}".into(),
            visibilidade: Default::default(),
            resposta_a: None,
        };
        let Command::Anotar { texto, .. } = nota.limpo() else { unreachable!() };
        assert_eq!(texto, "um\ndois");
    }
}
