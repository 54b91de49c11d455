//! What a record as a whole must be (R7, R14, R27, R33–R35, R38, R44, R62, R83), by its tipo.

use super::rules::{Codes, text};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    registro::{Item, Registro},
    tipo::Tipo,
    valor::Valor,
};

fn empty(valor: Option<&Valor>) -> bool {
    match valor {
        None | Some(Valor::Nulo) => true,
        Some(Valor::Texto(texto)) => texto.trim().is_empty(),
        Some(_) => false,
    }
}

/// What is wrong with the record, whoever made it so; empty where nothing is.
pub fn broken(registro: &Registro, tipo: &Tipo) -> Codes {
    let mut codes = Codes::new();
    let value = |nome: &str| registro.campos.get(nome);
    if tipo.obrigatorios.iter().any(|nome| empty(value(nome))) {
        codes.insert("campos_obrigatorios");
    }
    let on_form = |nome: &String| tipo.formulario.is_empty() || tipo.formulario.contains(nome);
    if registro.campos.iter().any(|(nome, valor)| !empty(Some(valor)) && !on_form(nome)) {
        codes.insert("campo_fora_do_tipo");
    }
    if let (Some(Valor::Instante(inicio)), Some(Valor::Instante(fim))) =
        (value("inicio"), value("fim"))
        && fim < inicio
    {
        codes.insert("fim_antes_do_inicio");
    }
    let modalidade = text(registro, "modalidade");
    let of_tipo = tipo.modalidades.is_empty() || tipo.modalidades.iter().any(|m| m == modalidade);
    let categoria = text(registro, "categoria");
    let known = tipo.categorias.is_empty() || tipo.categorias.iter().any(|c| c.codigo == categoria);
    if (!modalidade.is_empty() && !of_tipo) || (!categoria.is_empty() && !known) {
        codes.insert("valor_invalido");
    }
    let live = |em: Colecao| registro.colecao(em).values().filter(|parte| !parte.removido);
    let judged = !empty(value("procedencia"))
        || live(Colecao::Itens).any(|item| !empty(item.campos.get("procedencia")));
    if judged && !tipo.analisa_procedencia {
        codes.insert("recurso_desabilitado");
    }
    for em in Colecao::TODAS {
        for parte in live(em) {
            codes.extend(broken_part(registro.kind, em, parte, tipo));
        }
    }
    let paid: Vec<i64> = live(Colecao::Itens)
        .filter_map(|item| match item.campos.get("valor_indenizado") {
            Some(Valor::Inteiro(centavos)) => Some(*centavos),
            _ => None,
        })
        .collect();
    match tipo.indenizacao {
        None if !paid.is_empty() => {
            codes.insert("recurso_desabilitado");
        }
        Some(indenizacao)
            if indenizacao.limite.is_some_and(|max| paid.iter().sum::<i64>() > max) =>
        {
            codes.insert("limite_indenizacao");
        }
        _ => {}
    }
    codes
}

/// What is wrong with a part by itself.
pub fn broken_part(kind: Kind, em: Colecao, parte: &Item, tipo: &Tipo) -> Codes {
    let mut codes = Codes::new();
    let value = |nome: &str| parte.campos.get(nome);
    let asked: &[&str] = match em {
        Colecao::Itens => &["produto"],
        Colecao::Despesas => &["despesa", "valor"],
        Colecao::Anexos => &["nome", "categoria", "mime", "tamanho", "sha256"],
        Colecao::Vinculos => &["relacao"],
    };
    if asked.iter().any(|nome| empty(value(nome))) {
        codes.insert("campos_obrigatorios");
    }
    match em {
        Colecao::Itens => {
            let form = &tipo.formulario_itens;
            let off = |nome: &String| !form.is_empty() && !form.contains(nome);
            if parte.campos.iter().any(|(nome, valor)| !empty(Some(valor)) && off(nome)) {
                codes.insert("campo_fora_do_tipo");
            }
        }
        Colecao::Despesas if !tipo.despesas => {
            codes.insert("recurso_desabilitado");
        }
        Colecao::Anexos => {
            let hash = value("sha256").and_then(Valor::texto).unwrap_or_default();
            if hash.len() != 64 || !hash.chars().all(|c| "0123456789abcdef".contains(c)) {
                codes.insert("valor_invalido");
            }
            let place = value("posicao").and_then(Valor::texto);
            codes.extend(place.is_some_and(|place| !on_earth(place)).then_some("valor_invalido"));
        }
        Colecao::Vinculos if empty(value("documento")) && empty(value("contato")) => {
            codes.insert("campos_obrigatorios");
        }
        _ => {}
    }
    if kind.campos_de(em).is_empty() {
        codes.insert("campo_desconhecido");
    }
    codes
}

/// Latitude and longitude in degrees, with a comma between.
fn on_earth(place: &str) -> bool {
    let degrees: Vec<Option<f64>> = place.split(',').map(|n| n.trim().parse().ok()).collect();
    match degrees[..] {
        [Some(latitude), Some(longitude)] => {
            (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)
        }
        _ => false,
    }
}
