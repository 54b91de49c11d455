//! The catalogues of a company: what each is called where a person looks for it (R36), and who
//! looks after it. Their entries are data; the presets bring the first ones.

use crate::{
    busca,
    pessoa::Permissao::{self, Administrar, Ver},
};

/// One catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Catalogo {
    /// Stable name.
    pub codigo: &'static str,
    /// What a person reads.
    pub titulo: &'static str,
    /// What it takes to change its entries.
    pub quem: Permissao,
}

const fn catalogo(codigo: &'static str, titulo: &'static str, quem: Permissao) -> Catalogo {
    Catalogo { codigo, titulo, quem }
}

/// Every catalogue, by title.
pub const CATALOGOS: &[Catalogo] = &[
    catalogo("ambiente", "Ambientes", Administrar),
    catalogo("canal", "Canais de comunicação", Administrar),
    catalogo("categoria", "Categorias", Administrar),
    catalogo("contato", "Contatos", Ver),
    catalogo("contrato", "Contratos", Administrar),
    catalogo("tipo_despesa", "Despesas", Ver),
    catalogo("filial", "Filiais", Administrar),
    catalogo("fornecedor", "Fornecedores", Administrar),
    catalogo("grupo", "Grupos de usuários", Administrar),
    catalogo("linha", "Linhas de produto", Administrar),
    catalogo("modelo_impressao", "Modelos de impressão", Administrar),
    catalogo("modulo", "Módulos", Administrar),
    catalogo("motivo", "Motivos", Administrar),
    catalogo("origem", "Origens: propostas e notas fiscais", Administrar),
    catalogo("setor", "Processos e setores", Administrar),
    catalogo("produto", "Produtos", Administrar),
    catalogo("tipo_agenda", "Tipos de agenda", Administrar),
    catalogo("tipo_compromisso", "Tipos de compromisso", Administrar),
    catalogo("tipo_ocorrencia", "Tipos de ocorrência", Administrar),
];

/// The catalogue of that name.
pub fn obter(codigo: &str) -> Option<&'static Catalogo> {
    CATALOGOS.iter().find(|catalogo| catalogo.codigo == codigo)
}

/// The catalogues whose title has every word of the text, accents and case ignored (R36); all of
/// them where the text says nothing.
pub fn buscar(texto: &str) -> impl Iterator<Item = &'static Catalogo> + use<> {
    let texto = busca::dobrar(texto);
    CATALOGOS.iter().filter(move |catalogo| {
        let titulo = busca::dobrar(catalogo.titulo);
        texto.split_whitespace().all(|palavra| titulo.contains(palavra))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kind::Kind,
        parte::Colecao,
        preset,
        valor::{Alvo, TipoCampo::Referencia},
    };

    #[test]
    fn every_catalogue_that_a_field_or_a_preset_names_is_listed() {
        for kind in Kind::TODOS {
            let partes = Colecao::TODAS.into_iter().flat_map(|colecao| kind.campos_de(colecao));
            for campo in kind.campos().iter().chain(partes) {
                if let Referencia(Alvo::Catalogo(codigo)) = campo.tipo {
                    assert!(obter(codigo).is_some(), "{kind} {}: {codigo}", campo.nome);
                }
            }
        }
        for id in preset::ids() {
            for codigo in preset::carregar(id).unwrap().catalogos.keys() {
                assert!(obter(codigo).is_some(), "{id}: {codigo}");
            }
        }
    }

    #[test]
    fn r36_a_catalogue_is_found_by_its_name_without_accents() {
        let achados = |texto| buscar(texto).map(|c| c.codigo).collect::<Vec<_>>();
        assert_eq!(achados("despesas"), ["tipo_despesa"]);
        assert_eq!(achados("OCORRENCIA tipos"), ["tipo_ocorrencia"]);
        assert_eq!(achados("").len(), CATALOGOS.len());
        assert!(achados("inexistente").is_empty());
    }

    #[test]
    fn they_are_in_the_order_of_their_titles() {
        let titulos: Vec<_> = CATALOGOS.iter().map(|c| busca::dobrar(c.titulo)).collect();
        assert!(titulos.is_sorted(), "{titulos:?}");
    }
}
