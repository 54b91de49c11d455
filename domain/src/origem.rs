//! The document that a case comes from (R6): a proposta or nota fiscal, known through a catalogue
//! that the company's ERP fills. Only its products may then be chosen.

use crate::{
    busca,
    command::NovoItem,
    parte::Colecao,
    preenchimento::Dados,
    refusal::{Codigo, Refusal},
    registro::Campos,
    tipo::Tipo,
    valor::{Campo, Valor},
};

/// The catalogue that holds them.
pub const CATALOGO: &str = "origem";

/// One line of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linha {
    /// The product's name.
    pub produto: String,
    /// How many, as the ERP wrote it.
    pub quantidade: Option<String>,
    /// Lot or serial number.
    pub lote: Option<String>,
}

/// The catalogue's key of the document that a record names, if it names one.
pub fn chave(campos: &Campos) -> Option<String> {
    let texto = |nome: &str| campos.get(nome).and_then(Valor::texto);
    let (origem, numero) = (texto("origem")?, texto("origem_numero")?);
    let chave = codigo(&format!("{origem}:{numero}"));
    (!chave.ends_with(':')).then_some(chave)
}

/// A key of the catalogue as it is stored, `nf_saida:45198`: a number is the same with and without
/// points, spaces and leading zeros.
pub fn codigo(chave: &str) -> String {
    let chave = chave.to_lowercase();
    let (origem, numero) = chave.split_once(':').unwrap_or(("", &chave));
    let numero: String = numero.chars().filter(|c| *c != '.' && !c.is_whitespace()).collect();
    format!("{}:{}", origem.trim(), numero.trim_start_matches('0'))
}

/// The lines of the document, one a line of `produtos`: `produto|quantidade|lote`.
pub fn linhas(dados: &Dados) -> Vec<Linha> {
    let texto = dados.get("produtos").map_or("", String::as_str);
    let linhas = texto.lines().map(str::trim).filter(|linha| !linha.is_empty());
    linhas
        .map(|linha| {
            let mut partes = linha.split('|').map(str::trim);
            let mut proxima = || partes.next().filter(|parte| !parte.is_empty()).map(str::to_owned);
            let produto = proxima().unwrap_or_default();
            Linha { produto, quantidade: proxima(), lote: proxima() }
        })
        .collect()
}

/// Whether the item's product is among the document's. An item without a product passes, and a
/// document without lines restricts nothing.
///
/// # Errors
/// `produto_fora_da_origem`.
pub fn conferir(campos: &Campos, dados: &Dados, item: &Campos) -> Result<(), Refusal> {
    let linhas = linhas(dados);
    let produto = produto(item);
    let sem = produto.is_empty() || linhas.is_empty();
    if sem || linhas.iter().any(|linha| do_produto(linha, produto)) {
        return Ok(());
    }
    let numero = campos.get("origem_numero").and_then(Valor::texto).unwrap_or_default();
    let detalhes = [produto.chars().take(60).collect(), numero.to_owned()];
    Err(Refusal::with(Codigo::ProdutoForaDaOrigem, detalhes))
}

/// The client and the supplier of the document, where the record has such a field and leaves it
/// empty: what naming another document fills in.
pub fn partes(tipo: &Tipo, campos: &Campos, dados: &Dados) -> Vec<(&'static Campo, Valor)> {
    let valores = ["cliente", "fornecedor"].into_iter().filter_map(|nome| {
        let vazio = campos.get(nome).is_none_or(Valor::vazio);
        let campo = tipo.kind.campo(nome).filter(|_| vazio && tipo.tem_campo(nome))?;
        let valor = campo.ler(dados.get(nome)?, chrono_tz::UTC).ok()?;
        (!valor.vazio()).then_some((campo, valor))
    });
    valores.collect()
}

/// Fills in what the document says of the item's product, where one line alone is of it and the
/// person left it empty: quantity, and lot or serial number.
pub fn completar(tipo: &Tipo, dados: &Dados, item: &mut NovoItem) {
    let linhas = linhas(dados);
    let mut suas = linhas.iter().filter(|linha| do_produto(linha, produto(&item.campos)));
    let (Some(linha), None) = (suas.next(), suas.next()) else { return };
    for (nome, texto) in [("quantidade", &linha.quantidade), ("lote_serie", &linha.lote)] {
        let vazio = item.campos.get(nome).is_none_or(Valor::vazio) && tipo.tem_campo_item(nome);
        let campo = tipo.kind.campo_de(Colecao::Itens, nome).filter(|_| vazio);
        let lido = campo.zip(texto.as_ref()).map(|(campo, texto)| campo.ler(texto, chrono_tz::UTC));
        // What the ERP wrote and Campo cannot read is left to the person.
        if let Some(Ok(valor)) = lido {
            item.campos.insert(nome.to_owned(), valor);
        }
    }
}

fn produto(item: &Campos) -> &str {
    item.get("produto").and_then(Valor::texto).unwrap_or_default().trim()
}

fn do_produto(linha: &Linha, produto: &str) -> bool {
    busca::dobrar(&linha.produto) == busca::dobrar(produto)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_the_products_of_the_invoice_may_be_chosen() {
        let dados =
            Dados::from([("produtos".into(), "Colchão Itatiba|2|L-77\nCabeceira Lótus\n".into())]);
        let campos = Campos::from([
            ("origem".into(), Valor::Texto("nf_saida".into())),
            ("origem_numero".into(), Valor::Texto("45198".into())),
        ]);
        assert_eq!(chave(&campos).unwrap(), "nf_saida:45198");
        let item = |produto: &str| NovoItem {
            id: Uuid::nil().into(),
            campos: Campos::from([("produto".into(), Valor::Texto(produto.into()))]),
        };
        assert_eq!(conferir(&campos, &dados, &item("COLCHAO ITATIBA").campos), Ok(()));
        let recusa = conferir(&campos, &dados, &item("Sofá").campos).unwrap_err();
        assert_eq!(recusa.mensagem(), "“Sofá” não está entre os produtos de 45198.");
        assert_eq!(conferir(&campos, &Dados::new(), &item("Sofá").campos), Ok(()));
        assert_eq!(linhas(&dados)[0].lote.as_deref(), Some("L-77"));

        let preset = crate::preset::carregar("P000").unwrap();
        let tipo = preset.tipos.iter().find(|tipo| tipo.codigo == "p000.ocorrencia").unwrap();
        let mut escolhido = item("Colchão Itatiba");
        completar(tipo, &dados, &mut escolhido);
        assert_eq!(escolhido.campos["quantidade"], Valor::Inteiro(2_000));
        assert_eq!(escolhido.campos["lote_serie"], Valor::Texto("L-77".into()));
    }

    #[test]
    fn an_invoice_is_the_same_with_points_spaces_and_leading_zeros() {
        for escrito in ["nf_saida:45.198", "NF_SAIDA: 00045198", "nf_saida:45 198"] {
            assert_eq!(codigo(escrito), "nf_saida:45198");
        }
        assert_eq!(codigo("proposta:A-10/2026"), "proposta:a-10/2026");
    }
}
