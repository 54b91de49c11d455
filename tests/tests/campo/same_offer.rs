//! For each preset and role, and each situação that a walk through the fluxo reaches, the office's
//! page, the REST API and the phone offer the same: the same fields in the same order, the same of
//! them to be written, the same buttons with the same reasons why not.

use crate::{
    aparelho::Aparelho,
    casa::{Casa, EMPRESA, TODAS},
    office_api::{Api, Caso},
    page_client::Pages,
};
use campo_domain::{
    fluxo::{Guarda, Modo},
    kind::Kind,
    preset::{self, Preset},
    tipo::Tipo,
    valor::{Alvo, TipoCampo},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Most steps that are taken with the records of one tipo.
const STEPS_MAX: usize = 24;

/// Label, name, and whether it may be written.
type Offered = (String, String, bool);
/// Verb, label, and what it lacks.
type Button = (String, String, Option<String>);

/// The walk reaches everything.
const NO_SITUACAO: [&str; 0] = [];

/// Somebody in the three places.
struct Person {
    role: &'static str,
    api: Api,
    pages: Pages,
    phone: Aparelho,
}

const ROLES: [(&str, &str); 5] = [
    ("rita", "ver ver_todas"),
    ("gil", "ver ver_todas gerenciar"),
    ("lea", "ver ver_todas emitir_laudo"),
    ("ari", "ver ver_todas aprovar"),
    ("ada", "ver ver_todas administrar"),
];

fn people(casa: &Casa) -> Vec<Person> {
    let person = |(login, role): (&str, &'static str)| {
        let api = casa.pessoa(login, role);
        let phone = casa.aparelho(&api);
        Person { role, pages: Pages::enter_at(&casa.road.url, EMPRESA, login), api, phone }
    };
    ROLES.into_iter().map(person).collect()
}

#[test]
fn p000_page_api_and_phone_offer_the_same() {
    assert_eq!(not_reached("P000"), NO_SITUACAO);
}

#[test]
fn p001_page_api_and_phone_offer_the_same() {
    assert_eq!(not_reached("P001"), NO_SITUACAO);
}

#[test]
fn p002_page_api_and_phone_offer_the_same() {
    assert_eq!(not_reached("P002"), ["p002.ocorrencia diagnostico_tecnico"]);
}

#[test]
fn p003_page_api_and_phone_offer_the_same() {
    let tipos = ["p003.reclamacao", "p003.devolucao", "p003.assistencia_tecnica"];
    // What comes after the approval of a laudo for every item.
    let last = ["aguardando_conclusao", "concluido", "reaberto"];
    let left = tipos.iter().flat_map(|tipo| last.map(|situacao| format!("{tipo} {situacao}")));
    assert_eq!(not_reached("P003"), left.collect::<Vec<_>>());
}

#[test]
fn p004_page_api_and_phone_offer_the_same() {
    assert_eq!(not_reached("P004"), NO_SITUACAO);
}

/// Takes records of each tipo of a preset through their situações, and compares in each what each
/// person is offered. The situações that it did not reach, of which some want a photo, an item or
/// work that nobody does here.
fn not_reached(id: &str) -> Vec<String> {
    let casa = Casa::nova(id);
    let preset = preset::carregar(id).unwrap();
    let people = people(&casa);
    let mut seen = BTreeSet::new();
    for tipo in preset.tipos.iter().filter(|tipo| tipo.kind != Kind::Cliente) {
        walk(&casa, &preset, tipo, &people, &mut seen);
    }
    let all = preset.tipos.iter().filter(|tipo| tipo.kind != Kind::Cliente).flat_map(|tipo| {
        let of_tipo = tipo.fluxo.situacoes.iter();
        of_tipo.map(|situacao| (tipo.codigo.clone(), situacao.codigo.clone()))
    });
    let left = all.filter(|one| !seen.contains(one));
    left.map(|(tipo, situacao)| format!("{tipo} {situacao}")).collect()
}

fn walk(
    casa: &Casa,
    preset: &Preset,
    tipo: &Tipo,
    people: &[Person],
    seen: &mut BTreeSet<(String, String)>,
) {
    let all = casa.pessoa(&format!("t{}", tipo.codigo.replace('.', "-")), &all_permissions());
    let mut taken = BTreeSet::new();
    let mut case = opened(casa, preset, tipo);
    let mut turn = 0;
    prepare(&all, preset, tipo, &case, turn);
    for _ in 0..STEPS_MAX {
        let ficha = all.le(&case);
        let situacao = ficha["situacao"]["codigo"].as_str().unwrap().to_owned();
        if seen.insert((tipo.codigo.clone(), situacao.clone())) {
            people.iter().for_each(|person| same(person, tipo, &case, &situacao));
        }
        let verbs = ficha["verbos"].as_array().unwrap().iter();
        // Where nobody has been before first, then where this record has not been.
        let mut open: Vec<&Value> = verbs.filter(|verb| verb["falta"].is_null()).collect();
        let been = |verb: &Value| {
            let to = verb["para"]["codigo"].as_str().unwrap_or_default();
            seen.contains(&(tipo.codigo.clone(), to.to_owned()))
        };
        open.sort_by_key(|verb| been(verb));
        let next = open
            .into_iter()
            .find(|verb| taken.insert((situacao.clone(), verb["verbo"].to_string())));
        match next {
            Some(verb) => ask(&all, &case, verb),
            None => {
                taken.clear();
                case = opened(casa, preset, tipo);
                turn += 1;
                prepare(&all, preset, tipo, &case, turn);
            }
        }
    }
}

fn all_permissions() -> String {
    format!("{TODAS} aprovar")
}

fn ask(who: &Api, case: &Caso, verb: &Value) {
    let name = verb["verbo"].as_str().unwrap();
    let body = match verb["analise"].as_str() {
        Some(analysis) => {
            let founded = (analysis == "laudo").then_some(true);
            json!({ "analise": { "texto": "Foi visto.", "procedente": founded } })
        }
        None if verb["motivo"] == true => json!({ "motivo": "Porque sim." }),
        None => json!({}),
    };
    who.pede_com(case, name, body).ficha();
}

/// Fills in what the guards of the tipo's transitions ask for, as far as the record takes it now.
/// The category is another one each turn.
fn prepare(who: &Api, preset: &Preset, tipo: &Tipo, case: &Caso, turn: usize) {
    let mut names = BTreeSet::new();
    for guard in tipo.fluxo.transicoes.iter().flat_map(|transicao| &transicao.guardas) {
        match guard {
            Guarda::Campos(campos) | Guarda::CamposDaCategoria { campos, .. } => {
                names.extend(campos.iter().map(String::as_str));
            }
            Guarda::Categoria(_) | Guarda::CategoriaExceto(_) => {
                names.insert("categoria");
            }
            _ => {}
        }
    }
    for name in names {
        let campo = tipo.kind.campo(name).unwrap();
        let value = match (name, campo.tipo) {
            ("categoria", _) => {
                let of_tipo = tipo.opcoes(campo);
                json!(of_tipo[turn % of_tipo.len()].0)
            }
            ("cliente", _) => json!(who.cliente(json!({ "nome": "Márcia" }))),
            (_, TipoCampo::Referencia(Alvo::Catalogo(catalogue))) => {
                json!(preset.catalogos[catalogue].first().unwrap().codigo)
            }
            (_, TipoCampo::Referencia(Alvo::Usuario)) => json!(who.id),
            (_, TipoCampo::Data) => json!("2026-12-01"),
            (_, TipoCampo::Instante) => json!("2026-12-01T09:00"),
            (_, TipoCampo::Escolha(options)) => json!(options[0].0),
            (_, TipoCampo::Texto { .. } | TipoCampo::TextoLongo { .. }) => json!("Foi trocado"),
            _ => continue,
        };
        let answer = who.altera(case, json!({ name: value }));
        assert!([200, 422].contains(&answer.status), "{name}: {}", answer.texto);
    }
}

/// A record with everything that its tipo requires.
fn opened(casa: &Casa, preset: &Preset, tipo: &Tipo) -> Caso {
    let mut fields = Map::new();
    let first = tipo.situacao(None).into_iter().flat_map(|situacao| &situacao.exige);
    for name in tipo.obrigatorios.iter().chain(first) {
        let campo = tipo.kind.campo(name).unwrap();
        let choice = || tipo.opcoes(campo).first().map(|(code, _)| json!(code));
        let value = match campo.tipo {
            TipoCampo::Referencia(Alvo::Catalogo(catalogue)) => choice()
                .unwrap_or_else(|| json!(preset.catalogos[catalogue].first().unwrap().codigo)),
            TipoCampo::Referencia(Alvo::Usuario) => json!(casa.adm.id),
            TipoCampo::Referencia(Alvo::Documento(Kind::Cliente)) => {
                json!(casa.adm.cliente(json!({ "nome": "Márcia" })))
            }
            TipoCampo::Referencia(Alvo::Documento(kind)) => {
                let of_kind = preset.tipos.iter().find(|tipo| tipo.kind == kind).unwrap();
                json!(opened(casa, preset, of_kind).id)
            }
            TipoCampo::Instante => json!("2026-12-01T09:00"),
            TipoCampo::Data => json!("2026-12-01"),
            TipoCampo::Escolha(_) => choice().unwrap(),
            _ => json!("Porta empenada"),
        };
        fields.insert(name.clone(), value);
    }
    // What a value of another field asks for besides (R1).
    for (field, by_value) in &tipo.obrigatorios_por {
        let names = fields.get(field).and_then(Value::as_str).and_then(|v| by_value.get(v));
        for name in names.cloned().into_iter().flatten() {
            let value = match tipo.kind.campo(&name).unwrap().tipo {
                TipoCampo::Referencia(Alvo::Documento(_)) => {
                    json!(casa.adm.cliente(json!({ "nome": "Márcia" })))
                }
                _ => json!("porta"),
            };
            fields.insert(name, value);
        }
    }
    let kind = match tipo.kind {
        Kind::Assistencia => "assistencias",
        Kind::Agenda => "agendas",
        _ => "ocorrencias",
    };
    let body = json!({ "tipo": tipo.codigo, "campos": fields });
    casa.adm.abre_com(kind, &body).caso()
}

fn same(person: &Person, tipo: &Tipo, case: &Caso, situacao: &str) {
    let what = format!("{} in {situacao} for {}", tipo.codigo, person.role);
    person.phone.sync();
    let ficha = person.api.le(case);
    let (fields, buttons) = on_api(&ficha);
    let page = person.pages.page(&format!("/registros/{}/{}", tipo.kind, case.id));
    let (page_fields, page_buttons) = on_page(&page);
    let locked = locked_on_api(&ficha);
    assert_eq!(locked_on_page(&page), locked, "what cannot be changed on the page, {what}");
    assert_eq!(page_fields, fields, "fields of the page, {what}");
    assert_eq!(page_buttons, buttons, "buttons of the page, {what}");
    let shown = person.phone.show(case.id).unwrap();
    let phone_fields: Vec<Offered> =
        shown.campos.iter().map(|f| (f.rotulo.clone(), f.nome.to_owned(), f.editavel)).collect();
    assert_eq!(phone_fields, fields, "fields of the phone, {what}");
    let phone_buttons: Vec<Button> =
        shown.verbos.into_iter().map(|b| (b.verbo, b.rotulo, b.falta)).collect();
    // Away from the server a phone cannot do all that the office can: of each field it says the
    // same.
    let on_phone = shown.bloqueios.iter().map(|b| (&b.campos[..], &*b.motivo));
    let on_api = ficha["bloqueios"].as_array().unwrap().iter().map(|locked| {
        let names = locked["campos"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        (names.collect::<Vec<_>>(), locked["motivo"]["mensagem"].as_str().unwrap())
    });
    let on_api: Vec<_> = on_api.filter(|(names, _)| !names.is_empty()).collect();
    let on_phone: Vec<_> = on_phone.filter(|(names, _)| !names.is_empty()).collect();
    assert_eq!(on_phone.len(), on_api.len(), "what cannot be changed on the phone, {what}");
    for ((phone, why), (api, reason)) in on_phone.iter().zip(&on_api) {
        assert_eq!((*phone, why), (&api[..], reason), "{what}");
    }
    // A phone does not offer what needs the server at hand.
    let offline =
        |button: &&Button| tipo.fluxo.transicao(&button.0).is_some_and(|t| t.modo != Modo::Online);
    let expected: Vec<Button> = buttons.iter().filter(offline).cloned().collect();
    assert_eq!(phone_buttons, expected, "buttons of the phone, {what}");
}

fn on_api(ficha: &Value) -> (Vec<Offered>, Vec<Button>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fields = ficha["formulario"].as_array().unwrap().iter();
    let fields = fields.map(|field| {
        (text(&field["rotulo"]), text(&field["campo"]), field["editavel"].as_bool().unwrap())
    });
    let buttons = ficha["verbos"].as_array().unwrap().iter();
    let buttons = buttons.map(|verb| {
        let lacks = verb["falta"]["mensagem"].as_str().map(str::to_owned);
        (text(&verb["verbo"]), text(&verb["rotulo"]), lacks)
    });
    (fields.collect(), buttons.collect())
}

/// What cannot be changed, and why.
fn locked_on_api(ficha: &Value) -> Vec<(String, String)> {
    let each = ficha["bloqueios"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |locked: &Value| {
        let parts: Vec<_> = locked["o_que"].as_array().unwrap().iter().map(text).collect();
        (parts.join(", "), text(&locked["motivo"]["mensagem"]))
    };
    each.map(one).collect()
}

fn locked_on_page(page: &str) -> Vec<(String, String)> {
    let Some((_, list)) = page.split_once("id=\"bloqueios\"") else { return Vec::new() };
    let list = list.split("</details>").next().unwrap();
    let lines = list.split("<li><strong>").skip(1);
    let line = |line: &str| {
        let (what, why) = line.split_once("</strong>: ").unwrap();
        (unescaped(what), unescaped(why.split("</li>").next().unwrap()))
    };
    lines.map(line).collect()
}

fn on_page(page: &str) -> (Vec<Offered>, Vec<Button>) {
    let between = |text: &str, from: &str, to: &str| {
        let found = text.split_once(from).and_then(|(_, rest)| rest.split_once(to));
        found.map(|(found, _)| unescaped(found))
    };
    let fields = page.split("<div class=\"campo").skip(1).filter_map(|part| {
        let name = between(part, "id=\"campo-", "\"")?;
        let label = between(part, "<dt>", "<")?.trim().to_owned();
        let editable = part.contains(&format!("id=\"editar-{name}\""));
        Some((label, name, editable))
    });
    let buttons = page.split(" id=\"acao-").skip(1).filter_map(|part| {
        let verb = part.split_once('"')?.0.to_owned();
        let opening = part.split("</form>").next()?.split("</details>").next()?;
        let label = match opening.split_once("<summary") {
            Some((_, summary)) => between(summary, ">", "…</summary>")?,
            None => between(opening.split_once("<button")?.1, ">", "</button>")?,
        };
        Some((verb, label, between(opening, "<div class=\"painel\"><p>", "</p>")))
    });
    (fields.collect(), buttons.collect())
}

fn unescaped(text: &str) -> String {
    let signs = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    signs.iter().fold(text.to_owned(), |text, (sign, plain)| text.replace(sign, plain))
}
