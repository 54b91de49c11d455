//! What a record reads like, for each preset, situação, role and place: one set of golden files,
//! and what must hold of all of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use campo_domain::{
    command::Command,
    fluxo::Situacao,
    ids::{DeviceId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::{
        Permissao::{self, Administrar, Aprovar, EmitirLaudo, Gerenciar, Portal, Ver},
        Pessoa,
    },
    preset,
    registro::{Autoria, Campos, Item, Nota, Pedido, Registro, Veredito, Visibilidade},
    tipo::Tipo,
    valor::{
        Alvo, Campo,
        TipoCampo::{self, Referencia},
        Valor,
    },
    workflow::{self, Onde},
};
use campo_screens::{
    Entry, Field, Handover, Locked, Look, Names, View, buttons, client_form, form, kept, late,
    late_from, lines, locked, may, new_form, stages, threads, typed, visits, words,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeSet, fmt::Write, fs, path::Path};
use uuid::Uuid;

const ZONE: chrono_tz::Tz = chrono_tz::America::Sao_Paulo;
const ANA: u128 = 1;
const BRUNO: u128 = 2;

fn user(number: u128) -> UserId {
    UserId::from_u128(number)
}

fn person(permissions: &[Permissao]) -> Pessoa {
    Pessoa {
        id: user(ANA),
        nome: "Ana".into(),
        permissoes: permissions.iter().copied().collect(),
        ativo: true,
        grupos: BTreeSet::new(),
        filial: None,
        cliente: permissions.contains(&Portal).then(|| DocumentId::from_u128(7)),
    }
}

fn roles() -> [(&'static str, Pessoa); 6] {
    [
        ("ver", person(&[Ver])),
        ("gerenciar", person(&[Ver, Gerenciar])),
        ("emitir_laudo", person(&[Ver, EmitirLaudo])),
        ("aprovar", person(&[Ver, Aprovar])),
        ("administrar", person(&[Ver, Administrar])),
        ("portal", person(&[Portal])),
    ]
}

fn tipos() -> Vec<Tipo> {
    preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos).collect()
}

fn record(tipo: &Tipo, situacao: Option<&Situacao>) -> Registro {
    let criacao = Autoria { por: user(ANA), em: DeviceId::ESCRITORIO };
    let mut record = Registro::novo(DocumentId::from_u128(9), tipo, criacao, Campos::new());
    record.situacao = situacao.map(|situacao| situacao.codigo.clone());
    record.recebido_em = Some(at(0));
    record
}

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_999_980, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn look<'a>(
    record: &'a Registro,
    tipo: &'a Tipo,
    person: &'a Pessoa,
    names: &'a Names,
) -> Look<'a> {
    Look {
        record,
        expected: record,
        tipo,
        person,
        place: Onde::Servidor,
        now: at(60),
        zone: ZONE,
        names,
    }
}

fn value_of(campo: &Campo) -> Valor {
    match campo.tipo {
        TipoCampo::Escolha(choices) => Valor::Texto(choices[0].0.into()),
        TipoCampo::Instante => Valor::Instante(at(0)),
        TipoCampo::Data => Valor::Data(at(0).date_naive()),
        TipoCampo::Inteiro { .. } | TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } => {
            Valor::Inteiro(1)
        }
        TipoCampo::Logico => Valor::Logico(true),
        Referencia(Alvo::Catalogo(_)) => Valor::Texto("codigo".into()),
        Referencia(_) => Valor::Id(Uuid::from_u128(7)),
        TipoCampo::Texto { .. } | TipoCampo::TextoLongo { .. } => Valor::Texto("SP".into()),
    }
}

/// One file a preset: the form of each tipo, and for each situação and role the buttons.
#[test]
fn what_each_preset_offers_to_whom_and_when() {
    let mut faults = Vec::new();
    for id in preset::ids() {
        let mut told = String::new();
        for tipo in preset::carregar(id).unwrap().tipos {
            tell(&mut told, &tipo);
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{id}.txt"));
        if std::env::var_os("CAMPO_BLESS").is_some() {
            fs::write(&file, &told).unwrap();
        }
        let known = fs::read_to_string(&file).unwrap_or_default();
        if known != told {
            let differs = known.lines().zip(told.lines()).find(|(a, b)| a != b);
            faults.push(format!("{id}: {differs:?}"));
        }
    }
    assert!(
        faults.is_empty(),
        "{faults:#?}\nCAMPO_BLESS=1 writes the files anew; read the change."
    );
}

fn tell(told: &mut String, tipo: &Tipo) {
    let names = Names::default();
    writeln!(told, "# {} ({})", tipo.codigo, tipo.kind).unwrap();
    let new = new_form(tipo, &person(&[Ver]));
    let field =
        |field: &Field| format!("{}{}", field.campo.nome, if field.required { "*" } else { "" });
    writeln!(told, "form: {}", joined(&new.fields, field)).unwrap();
    for (of, fields) in [("item", &new.items), ("despesa", &new.expenses)] {
        if !fields.is_empty() {
            writeln!(told, "{of}: {}", joined(fields, field)).unwrap();
        }
    }
    if tipo.visivel_no_portal {
        let client = client_form(tipo, &person(&[Portal]));
        writeln!(told, "client: {}", joined(&client.fields, field)).unwrap();
    }
    for situacao in &tipo.fluxo.situacoes {
        writeln!(told, "\n## {} ({})", situacao.codigo, situacao.fase.codigo()).unwrap();
        let record = record(tipo, Some(situacao));
        for (role, person) in roles() {
            let look = look(&record, tipo, &person, &names);
            let button = |button: &campo_screens::Button<'_>| {
                let to = button.leads_to.map_or("?", |to| to.codigo.as_str());
                let lacks = button.lacks.as_ref();
                let lacks = lacks.map_or(String::new(), |l| format!(" [{}]", l.codigo.codigo()));
                format!("{}→{to}{lacks}", button.verb)
            };
            let shown = buttons(&look);
            let editable = form(&look).iter().filter(|field| field.editable.is_ok()).count();
            writeln!(told, "{role}: {editable} fields; {}", joined(&shown, button)).unwrap();
            let locked = locked(&look);
            let line =
                |one: &Locked| format!("{}: {}", one.why.codigo.codigo(), one.what.join(", "));
            writeln!(told, "  not {}", joined(&locked, line)).unwrap();
        }
    }
    told.push('\n');
}

fn joined<T>(all: &[T], each: impl Fn(&T) -> String) -> String {
    all.iter().map(each).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_field_that_is_offered_can_be_written_and_one_that_is_not_says_the_rule_s_own_reason() {
    let names = Names::default();
    for tipo in tipos() {
        for situacao in &tipo.fluxo.situacoes {
            let record = record(&tipo, Some(situacao));
            for (role, person) in roles() {
                for field in form(&look(&record, &tipo, &person, &names)) {
                    let (campo, valor) = (field.campo.nome.to_owned(), value_of(field.campo));
                    let command = match field.campo.longo() {
                        true => Command::EditarTexto {
                            campo,
                            de: String::new(),
                            para: valor.texto().unwrap().to_owned(),
                        },
                        false => Command::Editar { campo, valor, visto: None },
                    };
                    let place = Onde::Servidor;
                    let decided = workflow::decide(Some(&record), &tipo, &person, &command, place);
                    let what =
                        format!("{} {} {role} {}", tipo.codigo, situacao.codigo, field.label);
                    match (&field.editable, decided) {
                        (Ok(()), Ok(_)) => {}
                        // The record's own invariants come after the permission.
                        (Ok(()), Err(refusal)) => assert!(
                            !matches!(
                                refusal.codigo.codigo(),
                                "sem_permissao" | "situacao_nao_permite_edicao" | "campo_fixo"
                            ),
                            "{what}: {refusal:?}"
                        ),
                        (Err(why), Err(refusal)) => assert_eq!(*why, refusal, "{what}"),
                        (Err(why), Ok(_)) => panic!("{what}: {why:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_button_without_a_lack_leads_where_it_says() {
    let names = Names::default();
    for tipo in tipos() {
        for situacao in &tipo.fluxo.situacoes {
            let record = record(&tipo, Some(situacao));
            for (_, person) in roles() {
                for button in buttons(&look(&record, &tipo, &person, &names)) {
                    let pedir = workflow::Asked {
                        verb: button.verb,
                        reason: button.needs_reason.then_some("porque sim"),
                        brings: button.brings,
                    };
                    let judged = workflow::judge(&record, &tipo, &person, pedir, Onde::Servidor);
                    assert_eq!(judged.clone().err(), button.lacks, "{}", button.label);
                    if let (Ok(to), Some(leads)) = (judged, button.leads_to) {
                        assert_eq!(to, leads.codigo, "{}", button.label);
                    }
                    assert!(button.asks.is_some() >= button.needs_reason, "{}", button.label);
                }
            }
        }
    }
}

#[test]
fn on_a_phone_what_needs_the_server_is_not_offered_and_says_why() {
    let tipo = tipos().into_iter().find(|tipo| tipo.codigo == "p001.assistencia").unwrap();
    let (record, person, names) =
        (record(&tipo, None), person(&[Ver, Gerenciar]), Names::default());
    let office = look(&record, &tipo, &person, &names);
    let phone = Look { place: Onde::Aparelho, ..office };
    assert!(may(&office).restrict.is_ok());
    assert_eq!(may(&phone).restrict.unwrap_err().codigo.codigo(), "exige_conexao");
    assert!(may(&phone).notes.is_ok());
}

#[test]
fn what_the_log_keeps_and_what_an_input_holds_read_back_as_the_same_value() {
    for kind in Kind::TODOS {
        let parts = Colecao::TODAS.into_iter().flat_map(|collection| kind.campos_de(collection));
        for campo in kind.campos().iter().chain(parts) {
            let valor = value_of(campo);
            let text = campo_sync::history::plain(&valor).unwrap();
            assert_eq!(kept(campo, &text), valor, "{}", campo.nome);
            // An input shows minutes: the instant of the test has no seconds.
            let held = typed(campo, &valor, ZONE);
            assert_eq!(campo.ler(&held, ZONE).unwrap(), valor, "{}: {held}", campo.nome);
        }
    }
    let item = |name| Kind::Ocorrencia.campo_de(Colecao::Itens, name).unwrap();
    for (campo, n) in [
        (item("valor_indenizado"), 123_456_789),
        (item("valor_indenizado"), 5),
        (item("quantidade"), 1_234_000),
        (item("quantidade"), 2_500),
    ] {
        let held = typed(campo, &Valor::Inteiro(n), ZONE);
        assert_eq!(campo.ler(&held, ZONE).unwrap(), Valor::Inteiro(n), "{held}");
    }
}

#[test]
fn an_id_without_a_name_says_so_in_words_and_is_not_shown_as_an_id() {
    let names = Names::default();
    let campo = Kind::Assistencia.campo("responsavel").unwrap();
    let said = words(campo, &Valor::Id(Uuid::from_u128(BRUNO)), None, &names, ZONE);
    assert!(said.unknown && !said.text.contains("0000"), "{said:?}");
    assert_eq!(said.known(), None);
    let campo = Kind::Assistencia.campo("cliente").unwrap();
    let said = words(campo, &Valor::Id(Uuid::from_u128(7)), None, &names, ZONE);
    assert!(said.unknown && said.link.is_none(), "{said:?}");
}

#[test]
fn late_says_so_from_the_moment_that_late_from_names() {
    let day = at(0).with_timezone(&ZONE).date_naive();
    for (day, stage) in
        [(Some(day), None), (None, Some(at(30))), (Some(day), Some(at(30))), (None, None)]
    {
        let from = late_from(true, day, stage, ZONE);
        assert_eq!(late_from(false, day, stage, ZONE), None);
        let Some(from) = from else { continue };
        let second = TimeDelta::seconds(1);
        assert_eq!(late(true, day, stage, from - second, ZONE), None);
        assert!(late(true, day, stage, from, ZONE).is_some());
        assert!(late(true, day, stage, from + second, ZONE).is_some());
        assert_eq!(late(false, day, stage, from + second, ZONE), None);
    }
}

#[test]
fn answers_stand_below_what_they_answer_and_a_circle_ends() {
    let id = NotaId::from_u128;
    let notes = [
        (id(1), None),
        (id(2), None),
        (id(3), Some(id(1))),
        (id(4), Some(id(3))),
        (id(5), Some(id(1))),
        (id(6), Some(id(99))),
    ];
    let first = vec![(0, 0), (1, 2), (2, 3), (1, 4)];
    assert_eq!(threads(&notes), [first, vec![(0, 1)], vec![(0, 5)]]);
    let circle = [(id(1), Some(id(2))), (id(2), Some(id(1))), (id(3), Some(id(3)))];
    let all: usize = threads(&circle).iter().map(Vec::len).sum();
    assert_eq!(all, 3);
}

fn done(record: &mut Registro, minutes: i64, verb: &str, from: &str, to: &str) {
    let number = 100 + record.pedidos.len() as u128;
    record.pedidos.push(Pedido {
        id: PedidoId::from_u128(number),
        autoria: Autoria { por: user(BRUNO), em: DeviceId::ESCRITORIO },
        quando: at(minutes),
        verbo: verb.into(),
        motivo: Some(format!("motivo de {verb}")),
        email: false,
        veredito: Some(Veredito {
            recusa: None,
            de: from.into(),
            para: to.into(),
            quando: at(minutes),
        }),
    });
    record.situacao = Some(to.into());
}

#[test]
fn r79_the_tramite_has_every_situacao_and_everybody_who_was_responsible_meanwhile() {
    let tipo = tipos().into_iter().find(|tipo| tipo.codigo == "p001.assistencia").unwrap();
    let mut record = record(&tipo, None);
    done(&mut record, 20, "iniciar", "aberta", "em_atendimento");
    let handed = |minutes, from, to| Handover { at: at(minutes), by: user(ANA), from, to };
    let handovers =
        [handed(10, None, Some(user(ANA))), handed(30, Some(user(ANA)), Some(user(BRUNO)))];
    let stages = stages(&record, &tipo, &handovers, at(60));
    let seen: Vec<_> = stages
        .iter()
        .map(|s| (s.situacao.unwrap().codigo.as_str(), s.responsible, s.lasted_s))
        .collect();
    assert_eq!(
        seen,
        [
            ("aberta", None, Some(600)),
            ("aberta", Some(user(ANA)), Some(600)),
            ("em_atendimento", Some(user(ANA)), Some(600)),
            ("em_atendimento", Some(user(BRUNO)), Some(1_800)),
        ]
    );
    let visits = visits(&stages);
    assert_eq!(visits.len(), 2);
    assert_eq!(visits[0].attendants, [None, Some(user(ANA))]);
    assert_eq!(visits[1].reason, Some("motivo de iniciar"));
    assert_eq!(visits[1].until, None);
}

fn entry(tipo: &str, field: Option<&str>, before: Option<&str>, after: Option<&str>) -> Entry {
    Entry {
        tipo: tipo.into(),
        part: None,
        field: field.map(str::to_owned),
        label: None,
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        text: "Participante incluído.".into(),
        visibility: Visibilidade::Interna,
        answers: None,
        by: user(ANA),
        device: DeviceId::ESCRITORIO,
        on_device: at(0),
        on_server: Some(at(5)),
    }
}

#[test]
fn a_line_of_the_log_has_names_where_the_log_has_ids_and_codes() {
    let tipo = tipos().into_iter().find(|tipo| tipo.codigo == "p001.ocorrencia").unwrap();
    let mut record = record(&tipo, None);
    let item = ItemId::from_u128(5);
    let autoria = Autoria { por: user(ANA), em: DeviceId::ESCRITORIO };
    record.itens.insert(item, Item { campos: Campos::new(), removido: false, autoria });
    record.notas.push(Nota {
        id: NotaId::from_u128(1),
        autoria,
        quando: at(0),
        texto: format!("Primeira linha\n{}", "x".repeat(80)),
        visibilidade: Visibilidade::Interna,
        resposta_a: None,
    });
    let mut names = Names::default();
    names.people.insert(user(BRUNO), "Bruno".into());
    let person = person(&[Ver]);
    let bruno = user(BRUNO).to_string();
    let quantity = format!("itens/{item}/quantidade");
    let mut answer = entry("nota", None, None, None);
    answer.answers = Some(NotaId::from_u128(1));
    let entries = [
        entry("participante", None, None, Some(&bruno)),
        entry("campo", Some("responsavel"), None, Some(&bruno)),
        entry("item", Some(&quantity), Some("1000"), Some("2500")),
        entry("veredito", Some("iniciar"), Some("aberta"), Some("aberta")),
        answer,
    ];
    let look = look(&record, &tipo, &person, &names);
    let lines = lines(&look, &entries);
    assert_eq!(lines[0].text, "Participante incluído: Bruno.");
    assert!(lines[0].clocks_differ);
    let change = |place: usize| lines[place].change.as_ref().unwrap();
    assert_eq!(change(1).after.as_ref().unwrap().words.text, "Bruno");
    assert_eq!(change(2).label.as_deref(), Some("Quantidade do item"));
    assert_eq!(change(2).before.as_ref().unwrap().words.text, "1");
    assert_eq!(change(2).after.as_ref().unwrap().words.text, "2,5");
    assert_eq!(change(3).field.as_deref(), Some("situacao"));
    let quote = lines[4].quote.as_ref().unwrap();
    assert!(quote.text.starts_with("Primeira linha x") && quote.text.ends_with('…'));
    let in_view = |view: View| entries.iter().map(|e| view.shows(e)).collect::<Vec<_>>();
    assert_eq!(in_view(View::Conversas), [false, false, false, false, true]);
    assert_eq!(in_view(View::Alteracoes), [true, true, true, false, false]);
    assert_eq!(in_view(View::Historico), [true, false, false, true, true]);
    assert_eq!(in_view(View::Tramite), [false, true, false, true, false]);
}
