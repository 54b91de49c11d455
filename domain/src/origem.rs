//! The document that a case comes from (R6): a proposta or nota fiscal, known through a catalogue
//! that the company's ERP fills. Only its products may then be chosen.

use crate::{
    busca,
    command::NovoItem,
    preenchimento::Dados,
    refusal::{Codigo, Refusal},
    registro::Campos,
    valor::Valor,
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
    let texto = |nome: &str| campos.get(nome).and_then(Valor::texto).map(str::trim);
    let (origem, numero) = (texto("origem")?, texto("origem_numero")?);
    let chave = format!("{origem}:{}", numero.to_lowercase());
    (!numero.is_empty()).then_some(chave)
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

/// Whether the item's product is one of the document's. A document without lines restricts nothing.
///
/// # Errors
/// `produto_fora_da_origem`.
pub fn conferir(campos: &Campos, dados: &Dados, item: &NovoItem) -> Result<(), Refusal> {
    let linhas = linhas(dados);
    let produto = item.campos.get("produto").and_then(Valor::texto).unwrap_or_default();
    let mesmo = |linha: &Linha| busca::dobrar(&linha.produto) == busca::dobrar(produto.trim());
    if linhas.is_empty() || linhas.iter().any(mesmo) {
        return Ok(());
    }
    let numero = campos.get("origem_numero").and_then(Valor::texto).unwrap_or_default();
    let detalhes = [produto.chars().take(60).collect(), numero.to_owned()];
    Err(Refusal::com(Codigo::ProdutoForaDaOrigem, detalhes))
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
        assert_eq!(conferir(&campos, &dados, &item("COLCHAO ITATIBA")), Ok(()));
        let recusa = conferir(&campos, &dados, &item("Sofá")).unwrap_err();
        assert_eq!(recusa.mensagem(), "“Sofá” não está entre os produtos de 45198.");
        assert_eq!(conferir(&campos, &Dados::new(), &item("Sofá")), Ok(()));
        assert_eq!(linhas(&dados)[0].lote.as_deref(), Some("L-77"));
    }
}
