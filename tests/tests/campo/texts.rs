//! Two people write the same without knowing of each other: long texts join or are a conflict (ADR
//! 0020), and no form writes over what its author has not seen.

use crate::{
    aparelho::Aparelho,
    casa::{Casa, EMPRESA},
    office_api::{Api, Caso},
    page_client::Pages,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Two {
    casa: Casa,
    sol: Api,
    phone: Aparelho,
    case: Caso,
}

/// Sol on a phone and the office write a case's relato, from `base`; then the phone syncs.
fn two(base: &str, of_sol: &str, of_office: &str) -> Two {
    let casa = Casa::nova("P004");
    let sol = casa.pessoa("sol", "ver ver_todas");
    let conta = casa.adm.cliente(json!({ "nome": "Padaria Aurora" }));
    let fields = json!({ "assunto": "Forno", "cliente": conta, "prioridade": "normal",
                         "relato": base });
    let case = sol.abre("p004.ocorrencia", fields).caso();
    let phone = casa.aparelho(&sol);
    phone.sync();
    phone.editar(case.id, "relato", of_sol).unwrap();
    casa.adm.altera(&case, json!({ "relato": of_office })).feito();
    phone.sync();
    Two { casa, sol, phone, case }
}

impl Two {
    fn ficha(&self) -> Value {
        self.sol.le(&self.case)
    }

    fn path(&self) -> String {
        format!("/registros/ocorrencia/{}", self.case.id)
    }
}

#[test]
fn two_who_rewrite_one_line_leave_a_conflict_that_everybody_sees_and_one_settles() {
    let (one, other) = ("O orçamento é de R$ 250,00.", "O orçamento é de R$ 180,00.");
    let two = two("O orçamento é de R$ 150,00.", one, other);
    let both: BTreeSet<&str> = [one, other].into();

    let on_phone = two.phone.show(two.case.id).unwrap().conflitos;
    assert_eq!(on_phone[0].versoes.iter().map(|v| &*v.valor).collect::<BTreeSet<_>>(), both);
    let ficha = two.ficha();
    let on_api = ficha["conflitos"][0]["versoes"].as_array().unwrap();
    assert_eq!(on_api.iter().map(|v| v["valor"].as_str().unwrap()).collect::<BTreeSet<_>>(), both);
    let pages = Pages::enter_at(&two.casa.road.url, EMPRESA, "sol");
    let page = pages.page(&two.path());
    let shown = page.split("id=\"conflitos\"").nth(1).unwrap();
    assert!(both.iter().all(|text| shown.contains(text)));
    let told = two.sol.historia(&two.case, "tudo").join("\n");
    assert!(told.contains("ao mesmo tempo que outra pessoa"), "{told}");

    // A choice that was made before another version came changes nothing.
    let sent = |name: &str| {
        let rest = shown.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().replace("&#34;", "\"")
    };
    let (choice, seen) = (sent("valor"), sent("visto"));
    let choose = |seen: &str| {
        let fields = [("campo", "relato"), ("valor", choice.as_str()), ("visto", seen)];
        pages.send(&format!("{}/conflito", two.path()), &fields)
    };
    assert_eq!(choose("[]").status, 422);
    assert_eq!(two.ficha()["conflitos"].as_array().unwrap().len(), 1);
    let settled = choose(&seen);
    assert_eq!(settled.status, 303, "{}", settled.body);
    let ficha = two.ficha();
    assert_eq!(ficha["conflitos"], json!([]));
    assert!(both.contains(ficha["campos"]["relato"].as_str().unwrap()));
}

#[test]
fn changes_of_different_lines_join_and_the_acompanhamento_has_both_originals() {
    let base = "Forno não esquenta.\nModelo: 300 L.\nOrçamento: R$ 150,00.";
    let one = base.replace("não esquenta", "esquenta pouco");
    let other = base.replace("150", "180");
    let two = two(base, &one, &other);
    let joined = "Forno esquenta pouco.\nModelo: 300 L.\nOrçamento: R$ 180,00.";
    let ficha = two.ficha();
    assert_eq!((&ficha["campos"]["relato"], &ficha["conflitos"]), (&json!(joined), &json!([])));
    assert_eq!(two.phone.registro(two.case.id).valor("relato").texto(), Some(joined));
    let page = Pages::enter_at(&two.casa.road.url, EMPRESA, "sol").page(&two.path());
    assert!(page.contains("Junta o que duas pessoas escreveram ao mesmo tempo."));
    let history = two.sol.acompanha(&two.case, "tudo");
    let wrote = |text: &str| history.iter().any(|line| line["para"] == text);
    assert!(wrote(&one) && wrote(&other), "{history:?}");
    let told = two.sol.historia(&two.case, "tudo").join("\n");
    assert!(told.contains("junto com o que outra pessoa escreveu ao mesmo tempo"), "{told}");
    two.casa.confere(&[&two.phone]);
}

#[test]
fn a_form_that_was_drawn_before_somebody_else_wrote_shows_both_and_is_sent_again() {
    let two = two("Um.", "Um.", "Um.");
    let pages = Pages::enter_at(&two.casa.road.url, EMPRESA, "sol");
    two.casa.adm.altera(&two.case, json!({ "relato": "Dois." })).feito();
    let send = |seen: &str| {
        let fields = [("campo", "relato"), ("valor", "Três."), ("visto", seen)];
        pages.send(&format!("{}/campo", two.path()), &fields)
    };
    let refused = send("Um.");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("mudou enquanto você escrevia"), "{}", refused.body);
    assert!(refused.body.contains("Dois.") && refused.body.contains("Três."));
    // The form now says what it is made from.
    assert!(refused.body.contains("name=\"visto\" value=\"Dois.\""));
    assert_eq!(send("Dois.").status, 303);
    assert_eq!(two.ficha()["campos"]["relato"], "Três.");
    let stale = json!({ "comando": "editar_texto", "campo": "relato",
                        "de": "Um.", "para": "Quatro." });
    let answer = two.sol.post(&two.case.em("/comandos"), &stale);
    assert_eq!((answer.status, &answer.corpo["codigo"]), (409, &json!("texto_mudou")));
}

#[test]
fn what_is_pasted_is_kept_alike_by_page_api_and_phone() {
    let two = two("Um.", "Um.", "Um.");
    let pasted = "Joa\u{303}o\u{200b} disse:\r\n\u{feff}levar\u{2028}nota\u{1b}";
    let kept = "João disse:\nlevar\nnota";
    let relato = || two.ficha()["campos"]["relato"].as_str().unwrap().to_owned();
    two.casa.adm.altera(&two.case, json!({ "relato": pasted })).feito();
    assert_eq!(relato(), kept);
    let pages = Pages::enter_at(&two.casa.road.url, EMPRESA, "sol");
    let send = |text: &str, seen: &str| {
        let fields = [("campo", "relato"), ("valor", text), ("visto", seen)];
        assert_eq!(pages.send(&format!("{}/campo", two.path()), &fields).status, 303);
    };
    send("Outro.", kept);
    send(pasted, "Outro.");
    assert_eq!(relato(), kept);
    two.phone.sync();
    two.phone.editar(two.case.id, "relato", &format!("{pasted} de novo")).unwrap();
    two.phone.sync();
    assert_eq!(relato(), format!("{kept} de novo"));
    two.sol.anota(&two.case, pasted).feito();
    let noted = two.sol.acompanha(&two.case, "tudo");
    assert!(noted.iter().any(|line| line["texto"] == kept), "{noted:?}");
    let nothing = two.sol.altera(&two.case, json!({ "assunto": "\u{200b}\u{200b}" }));
    assert_eq!(nothing.status, 422, "a name that nobody could see is none");
}

#[test]
fn no_form_command_or_tap_writes_over_what_its_author_has_not_seen() {
    let two = two("Um.", "Um.", "Um.");
    let pages = Pages::enter_at(&two.casa.road.url, EMPRESA, "sol");
    let field = || two.ficha()["campos"]["prioridade"].as_str().unwrap().to_owned();
    two.casa.adm.altera(&two.case, json!({ "prioridade": "alta" })).feito();

    // The page was drawn while it was "normal".
    let send = |seen: &str| {
        let fields = [("campo", "prioridade"), ("valor", "baixa"), ("visto", seen)];
        pages.send(&format!("{}/campo", two.path()), &fields)
    };
    let refused = send("normal");
    assert_eq!((refused.status, field()), (422, "alta".to_owned()));
    assert!(refused.body.contains("mudou depois que você leu"), "{}", refused.body);
    assert!(refused.body.contains("name=\"visto\" value=\"alta\""), "it is of what stands now");
    // By the API, with what was read.
    let command = |seen: Value| {
        let command = json!({ "comando": "editar", "campo": "prioridade", "valor": "baixa",
                              "visto": seen });
        two.sol.post(&two.case.em("/comandos"), &command)
    };
    for seen in [json!("normal"), Value::Null] {
        let answer = command(seen);
        assert_eq!((answer.status, &answer.corpo["codigo"]), (409, &json!("valor_mudou")));
    }
    // On the phone, whose form was open while it synchronised.
    two.phone.sync();
    let late = two.phone.editar_de(two.case.id, "prioridade", "normal", "baixa");
    assert!(late.unwrap_err().to_string().contains("mudou depois que você leu"));
    let late = two.phone.editar_de(two.case.id, "relato", "Outro.", "Meu.");
    assert!(late.unwrap_err().to_string().contains("mudou enquanto você escrevia"));
    assert_eq!(two.phone.contas(), (0, 0, 0));
    // Who saw it, and who wants what stands there already, is not stopped.
    two.phone.editar_de(two.case.id, "prioridade", "normal", "alta").unwrap();
    assert_eq!(command(json!("alta")).status, 200);
    assert_eq!(field(), "baixa");
}

#[test]
fn a_form_of_a_part_writes_only_what_differs_from_what_it_showed() {
    let casa = Casa::nova("P003");
    let sol = casa.pessoa("sol", "ver ver_todas");
    let cliente = casa.adm.cliente(json!({ "nome": "Padaria Aurora" }));
    let fields = json!({ "relato": "Cadeira", "cliente": cliente, "responsavel": sol.id });
    let case = sol.abre("p003.reclamacao", fields).caso();
    let item = json!({ "produto": "Cadeira", "quantidade": "2" });
    let item = sol.inclui(&case, "itens", item).id();
    let pages = Pages::enter_at(&casa.road.url, EMPRESA, "sol");
    casa.adm.altera_parte(&case, "itens", &item, json!({ "quantidade": "5" })).feito();
    let send = |quantidade: &str, seen: &str| {
        let fields = [
            ("em", "itens"),
            ("parte", item.as_str()),
            ("produto", "Cadeira azul"),
            ("visto-produto", "Cadeira"),
            ("quantidade", quantidade),
            ("visto-quantidade", seen),
        ];
        pages.send(&format!("/registros/ocorrencia/{}/parte", case.id), &fields)
    };
    let item = || sol.le(&case)["itens"][0]["campos"].clone();
    // Both inputs were touched, one of what stands no more: nothing is written.
    assert_eq!(send("3", "2").status, 422);
    assert_eq!((&item()["produto"], &item()["quantidade"]), (&json!("Cadeira"), &json!("5")));
    // An input that was left as it was shown puts nothing back.
    assert_eq!(send("2", "2").status, 303);
    assert_eq!((&item()["produto"], &item()["quantidade"]), (&json!("Cadeira azul"), &json!("5")));
}
