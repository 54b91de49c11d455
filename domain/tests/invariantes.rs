//! What a record must keep to, and what a tipo must be to be taken: the refusals by name.

#![allow(clippy::unwrap_used)]

use campo_domain::{
    command::{Command, NovoItem},
    fluxo::{CamposEditaveis, Guarda, Quem},
    ids::{DeviceId, DocumentId, ItemId, UserId},
    invariantes,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    preset,
    registro::{Autoria, Campos, Item, Registro, TipoAnalise},
    tipo::Tipo,
    valor::Valor,
    workflow::{Asked, Onde, decide, judge},
};
use std::collections::BTreeMap;
use uuid::Uuid;

fn tipo(codigo: &str) -> Tipo {
    let preset = preset::carregar(&codigo[..4].to_uppercase()).unwrap();
    preset.tipos.into_iter().find(|tipo| tipo.codigo == codigo).unwrap()
}

fn texto(texto: &str) -> Valor {
    Valor::Texto(texto.into())
}

fn autoria() -> Autoria {
    Autoria { por: UserId::from(Uuid::from_u128(1)), em: DeviceId::ESCRITORIO }
}

fn registro(tipo: &Tipo, campos: &[(&str, Valor)]) -> Registro {
    let campos: Campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Registro::novo(DocumentId::from(Uuid::from_u128(7)), tipo, autoria(), campos)
}

fn parte(campos: &[(&str, Valor)]) -> Item {
    let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Item { campos, removido: false, autoria: autoria() }
}

fn id(n: u128) -> ItemId {
    Uuid::from_u128(n).into()
}

fn pessoa(permissoes: &[Permissao]) -> Pessoa {
    Pessoa {
        id: UserId::from(Uuid::from_u128(1)),
        nome: "Ana".into(),
        permissoes: permissoes.iter().copied().collect(),
        ativo: true,
        grupos: Default::default(),
        filial: None,
        cliente: None,
    }
}

fn codigo(resultado: Result<(), campo_domain::refusal::Refusal>) -> Result<(), &'static str> {
    resultado.map_err(|refusal| refusal.codigo.codigo())
}

/// An atendimento that two phones together brought over its limit.
fn acima_do_limite() -> (Tipo, Registro) {
    let tipo = tipo("p003.reclamacao");
    let quem = Valor::Id(Uuid::from_u128(3));
    let mut registro = registro(
        &tipo,
        &[("cliente", quem.clone()), ("responsavel", quem), ("relato", texto("Riscou."))],
    );
    for n in [1, 2] {
        let item = [("produto", texto("Mesa")), ("valor_indenizado", Valor::Inteiro(300_000))];
        registro.itens.insert(id(n), parte(&item));
    }
    assert_eq!(codigo(invariantes::verificar(&registro, &tipo)), Err("limite_indenizacao"));
    (tipo, registro)
}

#[test]
fn one_old_fault_excuses_no_new_one() {
    let (tipo, registro) = acima_do_limite();
    let (ana, gere) = (pessoa(&[Permissao::Ver]), pessoa(&[Permissao::Ver, Permissao::Gerenciar]));
    let tenta = |quem: &Pessoa, comando: Command| {
        codigo(decide(Some(&registro), &tipo, quem, &comando, Onde::Servidor).map(|_| ()))
    };
    let item = |centavos| Command::IncluirItem {
        em: Colecao::Itens,
        item: NovoItem {
            id: id(9),
            campos: parte(&[
                ("produto", texto("Cadeira")),
                ("valor_indenizado", Valor::Inteiro(centavos)),
            ])
            .campos,
        },
    };
    assert_eq!(tenta(&ana, item(1)), Err("limite_indenizacao"));
    assert_eq!(tenta(&ana, item(0)), Ok(()));
    let indenizar = |centavos| Command::EditarItem {
        em: Colecao::Itens,
        item: id(1),
        campo: "valor_indenizado".into(),
        valor: Valor::Inteiro(centavos),
        visto: None,
    };
    assert_eq!(tenta(&ana, indenizar(300_001)), Err("limite_indenizacao"));
    // Towards the limit, even if not yet below it, is the way back.
    assert_eq!(tenta(&ana, indenizar(250_000)), Ok(()));
    let vazio =
        Command::EditarTexto { campo: "relato".into(), de: "Riscou.".into(), para: String::new() };
    assert_eq!(tenta(&ana, vazio), Err("campos_obrigatorios"));
    let sem_cliente = Command::Editar { campo: "cliente".into(), valor: Valor::Nulo, visto: None };
    assert_eq!(tenta(&gere, sem_cliente), Err("campos_obrigatorios"));
}

#[test]
fn every_missing_field_is_named_in_the_order_of_the_form() {
    let tipo = tipo("p000.ocorrencia");
    let refusal =
        invariantes::verificar(&registro(&tipo, &[("escopo", texto("fornecedor"))]), &tipo)
            .unwrap_err();
    assert_eq!(refusal.codigo.codigo(), "campos_obrigatorios");
    let rotulos = ["Fornecedor", "Tipo de ocorrência", "Relato"];
    let ordem = rotulos.map(|rotulo| {
        let lugar = refusal.detalhes.iter().position(|d| d.eq_ignore_ascii_case(rotulo));
        lugar.unwrap_or_else(|| panic!("{rotulo} não está em {:?}", refusal.detalhes))
    });
    assert!(ordem.is_sorted(), "{:?}", refusal.detalhes);
}

#[test]
fn r1_each_escopo_asks_for_what_it_concerns() {
    let tipo = tipo("p000.ocorrencia");
    let pede = [
        ("cliente", "Cliente"),
        ("fornecedor", "Fornecedor"),
        ("produto", "Produto ou serviço"),
        ("servico", "Produto ou serviço"),
        ("processo_interno", "Setor"),
    ];
    for (escopo, rotulo) in pede {
        let com = invariantes::verificar(&registro(&tipo, &[("escopo", texto(escopo))]), &tipo)
            .unwrap_err();
        let sem = invariantes::verificar(&registro(&tipo, &[]), &tipo).unwrap_err();
        assert!(com.detalhes.iter().any(|d| d.contains(rotulo)), "{escopo}: {:?}", com.detalhes);
        assert!(!sem.detalhes.iter().any(|d| d.contains(rotulo)), "{escopo}: {:?}", sem.detalhes);
    }
}

#[test]
fn r62_the_record_and_its_items_say_the_same_of_procedencia() {
    let tipo = tipo("p003.reclamacao");
    let mut registro = registro(&tipo, &[]);
    registro.situacao = Some("em_analise".into());
    let diz = |procedencia: &str| {
        parte(&[("produto", texto("Mesa")), ("procedencia", texto(procedencia))])
    };
    let registrar = |registro: &Registro| {
        let asked = Asked { verb: "registrar", reason: None, brings: Some(TipoAnalise::Solucao) };
        let ana = pessoa(&[Permissao::Ver]);
        codigo(judge(registro, &tipo, &ana, asked, Onde::Servidor).map(|_| ()))
    };
    registro.campos.insert("procedencia".into(), texto("procedente"));
    registro.itens.insert(id(1), diz("improcedente"));
    assert_eq!(registrar(&registro), Err("procedencia_contraditoria"));
    registro.itens.insert(id(2), diz("procedente"));
    assert_eq!(registrar(&registro), Ok(()));
    registro.campos.insert("procedencia".into(), texto("improcedente"));
    assert_eq!(registrar(&registro), Err("procedencia_contraditoria"));
    // One changes one's mind step by step: only what is registered must fit.
    let muda =
        Command::Editar { campo: "procedencia".into(), valor: texto("procedente"), visto: None };
    let ana = pessoa(&[Permissao::Ver]);
    registro.itens.insert(id(2), diz("improcedente"));
    assert!(decide(Some(&registro), &tipo, &ana, &muda, Onde::Servidor).is_ok());
}

#[test]
fn r38_a_relationship_is_said_once_and_with_something_else() {
    let tipo = tipo("p004.ocorrencia");
    let liga = |documento: u128| {
        parte(&[
            ("relacao", texto("relacionado")),
            ("documento", Valor::Id(Uuid::from_u128(documento))),
        ])
    };
    let sem = registro(&tipo, &[]);
    let vale = |partes: &[Item]| {
        let mut com = sem.clone();
        com.vinculos = (1..).map(id).zip(partes.iter().cloned()).collect();
        codigo(invariantes::piora(&sem, &com, &tipo))
    };
    assert_eq!(vale(&[liga(8), liga(9)]), Ok(()));
    assert_eq!(vale(&[liga(8), liga(8)]), Err("vinculo_repetido"));
    assert_eq!(vale(&[liga(7)]), Err("vinculo_repetido"));
    // What is there twice already excuses no third.
    let mut duas = sem.clone();
    duas.vinculos = [(id(1), liga(8)), (id(2), liga(8))].into();
    let mut tres = duas.clone();
    tres.vinculos.insert(id(3), liga(8));
    let recusa = invariantes::piora(&duas, &tres, &tipo);
    assert_eq!(codigo(recusa), Err("vinculo_repetido"));
}

#[test]
fn r39_a_case_that_is_atribuido_is_somebodys() {
    let tipo = tipo("p004.ocorrencia");
    let dono = Valor::Id(Uuid::from_u128(3));
    let campos = [("assunto", texto("X")), ("cliente", dono.clone()), ("responsavel", dono)];
    let mut registro = registro(&tipo, &campos);
    registro.situacao = Some("atribuido".into());
    let solta = Command::Editar { campo: "responsavel".into(), valor: Valor::Nulo, visto: None };
    let ana = pessoa(&[Permissao::Ver]);
    let recusa = decide(Some(&registro), &tipo, &ana, &solta, Onde::Aparelho).unwrap_err();
    assert_eq!(recusa.mensagem(), "Preencha o campo obrigatório: Atribuído a.");
    registro.situacao = Some("novo".into());
    assert!(decide(Some(&registro), &tipo, &ana, &solta, Onde::Aparelho).is_ok());
}

#[test]
fn one_wrong_address_does_not_excuse_another() {
    let tipo = tipo("p000.ocorrencia");
    let velho = registro(&tipo, &[("contato_email", texto("nao eh"))]);
    let muda = |email: &str| {
        let mut novo = velho.clone();
        novo.campos.insert("contato_email".into(), texto(email));
        codigo(invariantes::piora(&velho, &novo, &tipo))
    };
    assert_eq!(muda("a@b, c@d"), Err("email_invalido"));
    assert_eq!(muda("ana@exemplo.com.br"), Ok(()));
}

#[test]
fn r84_what_was_forgotten_is_noted_and_attached_where_the_situacao_takes_it() {
    use campo_domain::policy::{Parte, pode_alterar};
    let ana = pessoa(&[Permissao::Ver]);
    let pode = |tipo: &Tipo, situacao: &str, parte| {
        codigo(pode_alterar(&ana, tipo, tipo.fluxo.situacao(situacao), parte))
    };
    let atendimento = tipo("p003.reclamacao");
    assert_eq!(pode(&atendimento, "concluido", Parte::Nota), Ok(()));
    assert_eq!(pode(&atendimento, "concluido", Parte::Item(Colecao::Anexos)), Ok(()));
    let nunca = Err("situacao_nao_permite_edicao");
    assert_eq!(pode(&atendimento, "concluido", Parte::Remocao(Colecao::Anexos)), nunca);
    assert_eq!(pode(&atendimento, "concluido", Parte::NotaAoCliente), nunca);
    assert_eq!(pode(&atendimento, "cancelado", Parte::Nota), nunca);
    // P000: “não poderá mais ser alterada”.
    assert_eq!(pode(&tipo("p000.ocorrencia"), "concluida", Parte::Nota), nunca);
}

/// What is wrong with the tipo after the change.
fn recusado(codigo: &str, muda: impl FnOnce(&mut Tipo)) -> String {
    let mut tipo = tipo(codigo);
    tipo.validar().unwrap();
    muda(&mut tipo);
    tipo.validar().unwrap_err().to_string()
}

#[test]
fn a_fluxo_that_cannot_work_is_refused_with_its_fault() {
    let situacao = |tipo: &mut Tipo, codigo: &str, muda: fn(&mut campo_domain::fluxo::Situacao)| {
        muda(tipo.fluxo.situacoes.iter_mut().find(|s| s.codigo == codigo).unwrap());
    };
    let transicao =
        |tipo: &mut Tipo, verbo: &str, muda: fn(&mut campo_domain::fluxo::Transicao)| {
            muda(tipo.fluxo.transicoes.iter_mut().find(|t| t.verbo == verbo).unwrap());
        };
    let fault = recusado("p000.ocorrencia", |tipo| {
        situacao(tipo, "concluida", |s| s.campos_editaveis = CamposEditaveis::Todos);
    });
    assert!(fault.contains("concluida é final e não pode ter campos editáveis"), "{fault}");
    let fault = recusado("p000.ocorrencia", |tipo| tipo.fluxo.inicial = "cancelada".into());
    assert!(fault.contains("cancelada é final e não pode ser a inicial"), "{fault}");
    let fault = recusado("p000.ocorrencia", |tipo| {
        transicao(tipo, "concluir", |t| t.guardas.clear());
    });
    assert!(fault.contains("exige laudo, mas concluir"), "{fault}");
    // Nothing brings what the guard asks for: what lies behind it is never reached.
    let fault = recusado("p000.ocorrencia", |tipo| {
        tipo.fluxo.transicoes.retain(|t| t.verbo != "emitir_laudo");
        tipo.fluxo.situacoes.retain(|s| s.codigo != "laudo_emitido");
        for t in &mut tipo.fluxo.transicoes {
            t.de.retain(|de| de != "laudo_emitido");
        }
    });
    assert!(fault.contains("nenhuma transição leva a concluida"), "{fault}");
    let fault = recusado("p003.reclamacao", |tipo| {
        transicao(tipo, "registrar", |t| t.guardas.push(Guarda::Parecer));
    });
    assert!(fault.contains("nenhuma transição leva a"), "{fault}");
    let fault = recusado("p004.ocorrencia", |tipo| {
        for t in &mut tipo.fluxo.transicoes {
            t.de.retain(|de| de != "aguardando_informacao");
        }
        tipo.fluxo.transicoes.retain(|t| !t.de.is_empty());
    });
    assert!(fault.contains("de aguardando_informacao não se chega"), "{fault}");
    let fault = recusado("p004.ocorrencia", |tipo| {
        tipo.visivel_no_portal = false;
        for t in &mut tipo.fluxo.transicoes {
            t.quem = vec![Quem::Cliente];
        }
    });
    assert!(fault.contains("de novo não se chega a nenhuma situação final"), "{fault}");
    // The clock brings no analysis, and runs only while a client is awaited.
    for muda in
        [(|t| t.traz = Some(TipoAnalise::Laudo)) as fn(&mut campo_domain::fluxo::Transicao), |t| {
            t.de = vec!["em_atendimento".into()]
        }]
    {
        let fault = recusado("p002.ocorrencia", |tipo| {
            transicao(tipo, "finalizar_inatividade", muda);
        });
        assert!(fault.contains("ninguém pode pedir finalizar_inatividade"), "{fault}");
    }
    let fault = recusado("p002.ocorrencia", |tipo| {
        transicao(tipo, "diagnosticar", |t| t.guardas = vec![Guarda::Categoria(vec![])]);
    });
    assert!(fault.contains("ninguém pode pedir diagnosticar"), "{fault}");
}

#[test]
fn a_tipo_that_names_what_is_not_there_is_refused_with_the_name() {
    type Caso = (&'static str, fn(&mut Tipo), &'static str);
    let casos: [Caso; 9] = [
        ("p002.ocorrencia", |t| t.categorias[1].codigo = "problema".into(), "repete “problema”"),
        ("p000.ocorrencia", |t| t.acoes[1].codigo = "credito_cliente".into(), "repete"),
        ("p000.ocorrencia", |t| t.nome = " ".into(), "precisa de um nome"),
        ("p000.ocorrencia", |t| t.fluxo.transicoes[0].rotulo.clear(), "precisa de um nome"),
        (
            "p004.ocorrencia",
            |t| t.dias_inatividade = Some(10),
            "nenhuma transição do sistema encerra a espera",
        ),
        (
            "p004.ocorrencia",
            |t| t.fluxo.transicoes[0].guardas = vec![Guarda::Campos(vec!["prazo".into()])],
            "guardas cita “prazo”",
        ),
        (
            "p000.ocorrencia",
            |t| t.acoes[0].exige = vec!["itens.procedencia".into()],
            "acoes.exige cita “itens.procedencia”",
        ),
        (
            "p000.ocorrencia",
            |t| {
                let por = BTreeMap::from([("galaxia".into(), vec!["cliente".into()])]);
                t.obrigatorios_por.insert("escopo".into(), por);
            },
            "obrigatorios_por cita “escopo=galaxia”",
        ),
        (
            "p004.ocorrencia",
            |t| t.fluxo.situacoes[0].exige = vec!["modulo".into()],
            "situacoes.exige cita “modulo”",
        ),
    ];
    for (codigo, muda, esperado) in casos {
        let fault = recusado(codigo, muda);
        assert!(fault.contains(esperado), "{fault}");
    }
}

#[test]
fn a_fluxo_serves_tipos_with_and_without_portal_and_timer() {
    let mut tipo = tipo("p002.ocorrencia");
    tipo.visivel_no_portal = false;
    tipo.dias_inatividade = None;
    assert_eq!(tipo.validar(), Ok(()));
}
