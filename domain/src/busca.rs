//! What a record is found by. The device and the office search alike because both list its texts
//! here, and fold them here: lower case, no accents, one space between words.

use crate::{
    parte::Colecao,
    registro::Registro,
    texto::invisivel,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use std::collections::BTreeSet;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Fields of a file that no person searches by.
const DO_ARQUIVO: [&str; 3] = ["sha256", "mime", "posicao"];

/// Every text of a record that a person may look for (R36, R91): number, fields, parts, notes,
/// analyses, reasons, and what the ERP answered. A choice is there by its label; the entry of a
/// catalogue by its code, and [`entradas`] tells whose names belong to it.
pub fn textos(registro: &Registro, tipo: &Tipo) -> Vec<String> {
    let mut textos = vec![Registro::rotulo_provisorio(registro.id), tipo.nome.clone()];
    textos.extend(registro.numero.clone());
    textos.extend(registro.situacao(tipo).map(|situacao| situacao.nome.clone()));
    for (campo, valor) in preenchidos(registro) {
        let Valor::Texto(texto) = valor else { continue };
        // A choice that the tipo no longer offers is still found by its label.
        let rotulos = tipo.opcoes(campo).into_iter().chain(campo.escolhas().iter().copied());
        let rotulo = rotulos.filter(|(codigo, _)| codigo == texto).map(|(_, rotulo)| rotulo).next();
        textos.extend(rotulo.map(str::to_owned));
        if campo.escolhas().is_empty() {
            textos.push(texto.clone());
        }
    }
    let versoes = registro.conflitos.iter().flat_map(|conflito| &conflito.versoes);
    textos.extend(versoes.filter_map(|versao| versao.valor.texto().map(str::to_owned)));
    textos.extend(registro.notas.iter().map(|nota| nota.texto.clone()));
    textos.extend(registro.analises.iter().map(|analise| analise.texto.clone()));
    textos.extend(registro.pedidos.iter().filter_map(|pedido| pedido.motivo.clone()));
    for acao in &registro.acoes {
        textos.extend(
            [&acao.observacao, &acao.externo, &acao.retorno].into_iter().flatten().cloned(),
        );
    }
    textos.extend(registro.corretivas.iter().map(|corretiva| corretiva.numero.clone()));
    textos
}

/// The entries of catalogues that a record names, each with its catalogue: it is found by their
/// names, and by the telephone of a contact.
pub fn entradas<'a>(registro: &'a Registro) -> BTreeSet<(&'static str, &'a str)> {
    let entrada = |(campo, valor): (&'static Campo, &'a Valor)| match (campo.tipo, valor) {
        (TipoCampo::Referencia(Alvo::Catalogo(catalogo)), Valor::Texto(codigo)) => {
            Some((catalogo, codigo.as_str()))
        }
        _ => None,
    };
    preenchidos(registro).filter_map(entrada).collect()
}

/// The telephones of a record.
pub fn telefones(registro: &Registro) -> impl Iterator<Item = &str> {
    ["telefone", "contato_telefone"].into_iter().filter_map(|nome| registro.valor(nome).texto())
}

/// The fields that are filled in, of the record and of its parts.
fn preenchidos(registro: &Registro) -> impl Iterator<Item = (&'static Campo, &Valor)> {
    let kind = registro.kind;
    let campos = registro.campos.iter().filter_map(move |(nome, v)| Some((kind.campo(nome)?, v)));
    let partes = Colecao::TODAS.into_iter().flat_map(move |colecao| {
        registro.vivos(colecao).flat_map(move |(_, parte)| {
            let valores =
                parte.campos.iter().filter(|(nome, _)| !DO_ARQUIVO.contains(&nome.as_str()));
            valores.filter_map(move |(nome, v)| Some((kind.campo_de(colecao, nome)?, v)))
        })
    });
    campos.chain(partes)
}

/// Folds text so that `"Pêça  QUEBRADA"` and `"peca quebrada"` are the same.
pub fn dobrar(texto: &str) -> String {
    let dobrado: String = texto
        .nfkd()
        .filter(|c| !is_combining_mark(*c) && !invisivel(*c))
        .flat_map(char::to_lowercase)
        .collect();
    dobrado.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::dobrar;

    #[test]
    fn accents_case_and_spaces_do_not_matter() {
        assert_eq!(dobrar("  Pêça \n QUEBRADA "), dobrar("peca quebrada"));
        assert_eq!(dobrar("São João d'Água"), "sao joao d'agua");
    }
}
