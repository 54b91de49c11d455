//! Long texts that two people write without knowing of each other (ADR 0020): what stands was
//! written, line by line, by a person; every replica reads the same.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use campo_domain::{
    command::Command,
    registro::{Conflito, Registro},
    valor::Valor,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use support::{Phone, Server, begun, id, office};

const FIELD: &str = "situacao_alegada";

fn write(de: &str, para: &str) -> Command {
    Command::EditarTexto { campo: FIELD.into(), de: de.into(), para: para.into() }
}

fn text(registro: &Registro) -> &str {
    registro.valor(FIELD).texto().unwrap_or_default()
}

/// The técnica and the office both change `base`; then they meet.
fn met(base: &str, of_phone: &str, of_office: &str) -> (Server, Phone) {
    let (mut server, mut phone) = begun();
    phone.run(write("Porta solta", base));
    phone.sync(&mut server);
    phone.run(write(base, of_phone));
    server.office(id(1), write(base, of_office));
    phone.sync(&mut server);
    assert_eq!(server.registro(id(1)), &phone.registro(), "both read the same");
    (server, phone)
}

fn written(several: &[Conflito]) -> BTreeSet<String> {
    let [one] = several else { return BTreeSet::new() };
    let texts = one.versoes.iter().map(|v| v.valor.texto().unwrap_or_default().to_owned());
    texts.collect()
}

#[test]
fn changes_of_different_lines_join_and_say_who_wrote_what() {
    let base = "Porta riscada.\nCor: branca.\nVão de 120 cm.";
    let (one, other) = (base.replace("riscada", "solta"), base.replace("120", "125"));
    let (server, _) = met(base, &one, &other);
    let registro = server.registro(id(1));
    assert_eq!(text(registro), "Porta solta.\nCor: branca.\nVão de 125 cm.");
    assert!(registro.conflitos.is_empty());
    assert_eq!(written(&registro.juncoes), [one, other].into());
}

#[test]
fn changes_of_one_line_are_a_conflict_of_two_whole_texts() {
    for (base, one, other) in [
        ("Total R$ 150,00", "Total R$ 250,00", "Total R$ 180,00"),
        ("R$ 150,00", "R$ 1250,00", "R$ 1550,00"),
        ("(92) 99123-4567", "(11) 98765-4321", "(21) 97654-1234"),
        ("Vão de 120 cm", "Vão de 125 cm", "Vão de 130 cm"),
        ("Cliente autorizou a troca.", "Cliente não autorizou a troca.", "Autorizou o tampo."),
        ("Gaveta torta.", "Gaveta torta. Sem corrediça.", "Gaveta torta e porta riscada."),
    ] {
        let (server, _) = met(base, one, other);
        let registro = server.registro(id(1));
        assert!([one, other].contains(&text(registro)), "{}", text(registro));
        assert_eq!(written(&registro.conflitos), [one.to_owned(), other.to_owned()].into());
        assert!(registro.juncoes.is_empty());
    }
}

#[test]
fn the_same_change_on_both_sides_is_one() {
    let (server, _) = met("Faltam 2 parafusos.", "Faltam 3 parafusos.", "Faltam 3 parafusos.");
    let registro = server.registro(id(1));
    assert_eq!(text(registro), "Faltam 3 parafusos.");
    assert!(registro.conflitos.is_empty() && registro.juncoes.is_empty());
}

#[test]
fn a_person_settles_it_with_a_third_text() {
    let (mut server, mut phone) = met("R$ 150,00", "R$ 250,00", "R$ 180,00");
    let shown = phone.text(FIELD);
    phone.run(write(&shown, "R$ 215,00"));
    phone.sync(&mut server);
    let registro = server.registro(id(1));
    assert_eq!(text(registro), "R$ 215,00");
    assert!(registro.conflitos.is_empty());
}

#[test]
fn who_wrote_on_what_is_no_more_is_told_and_overwrites_nothing() {
    let (mut server, _) = begun();
    server.office(id(1), write("Porta solta", "Porta solta\nCor: branca."));
    let late = server.office_as(&office(), id(1), write("Porta solta", "Porta presa"));
    assert_eq!(late.unwrap_err().codigo.codigo(), "texto_mudou");
    assert_eq!(text(server.registro(id(1))), "Porta solta\nCor: branca.");
    // A change elsewhere in the text joins.
    let base = "um\ndois\ntrês";
    server.office(id(1), write("Porta solta\nCor: branca.", base));
    server.office(id(1), write(base, "UM\ndois\ntrês"));
    server.office(id(1), write(base, "um\ndois\nTRÊS"));
    assert_eq!(text(server.registro(id(1))), "UM\ndois\nTRÊS");
}

#[test]
fn a_joined_text_that_somebody_changes_is_an_ordinary_text_again() {
    let (mut server, mut phone) = met("um\ndois\ntrês", "UM\ndois\ntrês", "um\ndois\nTRÊS");
    phone.run(write("UM\ndois\nTRÊS", "UM\nDOIS\nTRÊS"));
    phone.sync(&mut server);
    let registro = server.registro(id(1));
    assert_eq!(text(registro), "UM\nDOIS\nTRÊS");
    assert!(registro.juncoes.is_empty());
}

/// Who does something next.
#[derive(Clone, Debug)]
enum Step {
    /// The first, the second phone or the office changes a line, or adds or removes one.
    Write { who: usize, line: usize, how: u8 },
    /// A phone meets the server.
    Sync { who: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_usize, 0..5_usize, 0..3_u8)
            .prop_map(|(who, line, how)| Step::Write { who, line, how }),
        1 => (0..2_usize).prop_map(|who| Step::Sync { who }),
    ];
    proptest::collection::vec(step, 1..24)
}

/// What somebody makes of a text: one line written anew, added, or taken out.
fn changed(text: &str, line: usize, how: u8, turn: usize) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let line = line % lines.len();
    match how {
        0 => lines[line] = format!("{} {turn}", lines[line]),
        1 => lines.insert(line, format!("linha {turn}")),
        _ if lines.len() > 1 => drop(lines.remove(line)),
        _ => lines[line] = format!("outra {turn}"),
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_line_that_stands_was_written_whole_and_all_read_the_same(steps in steps()) {
        let (mut server, mut ana) = begun();
        let begin = "um\ndois\ntrês\nquatro\ncinco";
        ana.run(write("Porta solta", begin));
        ana.sync(&mut server);
        let mut bruno = Phone::new(ana.pessoa.clone());
        bruno.n = 1_000;
        bruno.document = ana.document.clone();
        bruno.document.as_mut().unwrap().nonce = None;
        let mut phones = [ana, bruno];
        let mut lines: BTreeSet<String> = begin.split('\n').map(str::to_owned).collect();
        lines.insert(String::new());
        for (turn, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write { who, line, how } => {
                    let shown = match phones.get(who) {
                        Some(phone) => phone.text(FIELD),
                        None => text(server.registro(id(1))).to_owned(),
                    };
                    let wanted = changed(&shown, line, how, turn);
                    lines.extend(wanted.split('\n').map(str::to_owned));
                    match phones.get_mut(who) {
                        Some(phone) => phone.run(write(&shown, &wanted)),
                        None => server.office(id(1), write(&shown, &wanted)),
                    }
                }
                Step::Sync { who } => drop(phones[who].sync(&mut server)),
            }
            let stands = text(server.registro(id(1)));
            prop_assert!(stands.split('\n').all(|line| lines.contains(line)), "{stands:?}");
        }
        for _ in 0..2 {
            phones.iter_mut().for_each(|phone| drop(phone.sync(&mut server)));
        }
        for phone in &phones {
            prop_assert_eq!(server.registro(id(1)), &phone.registro());
        }
        prop_assert!(matches!(server.registro(id(1)).valor(FIELD), Valor::Texto(_)));
    }
}
