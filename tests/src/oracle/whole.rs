//! What a record as a whole must be (R7, R14, R27, R33–R35, R38, R44, R62, R83), by its tipo.

use super::rules::{Codes, situacao, text};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    registro::{Item, Registro},
    tipo::Tipo,
    valor::Valor,
};
use std::collections::BTreeSet;

fn empty(valor: Option<&Valor>) -> bool {
    match valor {
        None | Some(Valor::Nulo) => true,
        Some(Valor::Texto(texto)) => texto.trim().is_empty(),
        Some(_) => false,
    }
}

/// What is wrong with a record: the code, and of which field or part.
type Fault = (&'static str, String);

/// What is wrong with the record, whoever made it so; empty where nothing is.
pub fn broken(registro: &Registro, tipo: &Tipo) -> Codes {
    faults(registro, tipo).into_iter().map(|(code, _)| code).collect()
}

/// The faults that a change adds. Faults that the record had before do not block the change, but
/// they do not excuse new ones either.
pub fn worse(before: &Registro, after: &Registro, tipo: &Tipo) -> Codes {
    let mut new = faults(after, tipo);
    let known = faults(before, tipo);
    new.retain(|fault| !known.contains(fault));
    // R34: where the limit was exceeded before, raising the sum further is a fault of its own.
    if over_the_limit(after, tipo) && sum(after) > sum(before) {
        new.insert(("limite_indenizacao", String::new()));
    }
    new.into_iter().map(|(code, _)| code).collect()
}

fn live(registro: &Registro, em: Colecao) -> impl Iterator<Item = &Item> {
    registro.colecao(em).values().filter(|parte| !parte.removido)
}

/// Money for the client, in centavos, where an item says any.
fn paid(registro: &Registro) -> impl Iterator<Item = i64> {
    live(registro, Colecao::Itens).filter_map(|item| match item.campos.get("valor_indenizado") {
        Some(Valor::Inteiro(centavos)) => Some(*centavos),
        _ => None,
    })
}

fn sum(registro: &Registro) -> i64 {
    paid(registro).sum()
}

fn over_the_limit(registro: &Registro, tipo: &Tipo) -> bool {
    let limite = tipo.indenizacao.and_then(|indenizacao| indenizacao.limite);
    limite.is_some_and(|limite| sum(registro) > limite)
}

fn faults(registro: &Registro, tipo: &Tipo) -> BTreeSet<Fault> {
    let mut faults = BTreeSet::new();
    let value = |nome: &str| registro.campos.get(nome);
    let mut wrong = |code: &'static str, of: &str| {
        faults.insert((code, of.to_owned()));
    };
    let here = situacao(tipo, registro.situacao.as_deref()).into_iter().flat_map(|s| &s.exige);
    let by_value = tipo.obrigatorios_por.iter();
    let by_value = by_value.filter_map(|(nome, of)| of.get(text(registro, nome))).flatten();
    for nome in tipo.obrigatorios.iter().chain(here).chain(by_value) {
        if empty(value(nome)) {
            wrong("campos_obrigatorios", nome);
        }
    }
    let on_form = |nome: &String| tipo.formulario.is_empty() || tipo.formulario.contains(nome);
    for (nome, valor) in &registro.campos {
        if !empty(Some(valor)) && !on_form(nome) {
            wrong("campo_fora_do_tipo", nome);
        }
    }
    if let (Some(Valor::Instante(inicio)), Some(Valor::Instante(fim))) =
        (value("inicio"), value("fim"))
        && fim < inicio
    {
        wrong("fim_antes_do_inicio", "fim");
    }
    let modalidade = text(registro, "modalidade");
    let of_tipo = tipo.modalidades.is_empty() || tipo.modalidades.iter().any(|m| m == modalidade);
    if !modalidade.is_empty() && !of_tipo {
        wrong("valor_invalido", "modalidade");
    }
    let categoria = text(registro, "categoria");
    let known = tipo.categorias.is_empty() || tipo.categorias.iter().any(|c| c.codigo == categoria);
    if !categoria.is_empty() && !known {
        wrong("valor_invalido", "categoria");
    }
    for nome in ["contato_email", "email"] {
        let email = text(registro, nome);
        if !email.is_empty() && !is_address(email) {
            wrong("email_invalido", &format!("{nome} {email}"));
        }
    }
    let of_items = live(registro, Colecao::Itens).map(|item| item.campos.get("procedencia"));
    let said = of_items.chain([value("procedencia")]).any(|said| !empty(said));
    if said && !tipo.analisa_procedencia {
        wrong("recurso_desabilitado", "procedencia");
    }
    for vinculo in repeated(registro) {
        wrong("vinculo_repetido", &vinculo);
    }
    for em in Colecao::TODAS {
        for (id, parte) in registro.colecao(em).iter().filter(|(_, parte)| !parte.removido) {
            for code in broken_part(registro.kind, em, parte, tipo) {
                wrong(code, &id.to_string());
            }
        }
    }
    match tipo.indenizacao {
        None if paid(registro).next().is_some() => wrong("recurso_desabilitado", "indenizado"),
        _ if over_the_limit(registro, tipo) => wrong("limite_indenizacao", ""),
        _ => {}
    }
    faults
}

/// R38: relationships that the record names more than once, or that it has with itself.
fn repeated(registro: &Registro) -> Vec<String> {
    let vinculos: Vec<_> = live(registro, Colecao::Vinculos)
        .map(|v| ["relacao", "documento", "contato"].map(|n| v.campos.get(n)))
        .map(|said| said.map(|valor| valor.filter(|valor| **valor != Valor::Nulo)))
        .collect();
    let itself = Valor::Id(registro.id.uuid());
    let each = vinculos.iter().enumerate().filter_map(|(n, one)| {
        let times = vinculos[..n].iter().filter(|other| *other == one).count();
        (times > 0 || one[1] == Some(&itself)).then(|| format!("{one:?} {times}"))
    });
    each.collect()
}

/// Whether a text has the form of the e-mail addresses that the scripts write: a name at a domain
/// with a dot, without spaces.
fn is_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    matches!(parts[..], [who, at] if !who.is_empty() && at.contains('.') && !text.contains(' '))
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
