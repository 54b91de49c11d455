//! Fluxos that nobody has thought of: a tipo with every switch thrown by the dice, sound by the
//! rules of soundness and by nothing else.

use campo_domain::{
    fluxo::{CamposEditaveis, Consequencia, Fase, Fluxo, Guarda, Modo, Quem, Situacao, Transicao},
    kind::Kind,
    parte::Colecao,
    pessoa::Permissao,
    registro::TipoAnalise,
    tipo::{AcaoPermitida, Categoria, Indenizacao, Tipo},
};
use campo_tests::dice::Dice;

const FASES: [Fase; 8] = [
    Fase::Rascunho,
    Fase::Fila,
    Fase::Andamento,
    Fase::EsperaCliente,
    Fase::Conclusao,
    Fase::Concluido,
    Fase::Cancelado,
    Fase::Negado,
];

/// A tipo that holds together.
pub fn sixth(dice: &mut Dice) -> Tipo {
    for _ in 0..10_000 {
        let tipo = attempt(dice);
        if tipo.validar().is_ok() {
            return tipo;
        }
    }
    panic!("the dice make nothing that holds together");
}

fn some<T: Clone>(dice: &mut Dice, of: &[T], n: u32, among: u32) -> Vec<T> {
    of.iter().filter(|_| dice.chance(n, among)).cloned().collect()
}

fn attempt(dice: &mut Dice) -> Tipo {
    let kind = *dice.pick(&[Kind::Ocorrencia, Kind::Ocorrencia, Kind::Assistencia, Kind::Agenda]);
    let names: Vec<String> = kind.campos().iter().map(|campo| campo.nome.to_owned()).collect();
    let obrigatorios = some(dice, &names, 1, 12);
    let formulario = match dice.chance(1, 2) {
        true => Vec::new(),
        false => names
            .iter()
            .filter(|nome| obrigatorios.contains(nome) || dice.chance(1, 2))
            .cloned()
            .collect(),
    };
    let of_items = kind.campos_de(Colecao::Itens).iter().map(|campo| campo.nome.to_owned());
    let formulario_itens = match dice.chance(1, 2) {
        true => Vec::new(),
        false => of_items.filter(|nome| nome == "produto" || dice.chance(1, 2)).collect(),
    };
    let categorias: Vec<Categoria> = (0..dice.below(4))
        .filter(|_| names.iter().any(|nome| nome == "categoria"))
        .map(|n| Categoria {
            codigo: format!("c{n}"),
            nome: format!("Categoria {n}"),
            prioridade: (*dice.pick(&["baixa", "normal", "urgente"])).to_owned(),
            interna: dice.chance(1, 4),
        })
        .collect();
    let situacoes = situacoes(dice, &names);
    let transicoes = transicoes(dice, &situacoes, &categorias, &formulario, &names);
    let fluxo = Fluxo { codigo: "sexto".into(), inicial: "s0".into(), situacoes, transicoes };
    Tipo {
        codigo: "sexto.tipo".into(),
        versao: 1,
        nome: "Sexto".into(),
        kind,
        obrigatorios,
        obrigatorios_por: Default::default(),
        portal_campos: some(dice, &formulario, 1, 3),
        formulario,
        formulario_itens,
        exige_laudo: dice.chance(1, 2),
        analisa_procedencia: dice.chance(1, 2),
        permite_acao_corretiva: dice.chance(1, 2),
        permite_reabrir: dice.chance(1, 2),
        indenizacao: match dice.below(3) {
            0 => None,
            1 => Some(Indenizacao { limite: None }),
            _ => Some(Indenizacao { limite: Some(200_000) }),
        },
        despesas: dice.chance(1, 2),
        modalidades: match kind == Kind::Ocorrencia && dice.chance(1, 2) {
            true => vec!["loja".into(), "cliente".into()],
            false => Vec::new(),
        },
        acoes: match dice.chance(1, 2) {
            false => Vec::new(),
            true => vec![AcaoPermitida {
                codigo: "pedir".into(),
                rotulo: "Pedir".into(),
                permissao: Permissao::Ver,
                fases: some(dice, &FASES, 1, 2),
                exige: some(dice, &names, 1, 20),
                exige_valor: Default::default(),
            }],
        },
        min_fotos: match dice.chance(1, 3) {
            true => [("avaria".to_owned(), 1)].into(),
            false => Default::default(),
        },
        prazos: Default::default(),
        dias_inatividade: dice.chance(1, 2).then_some(10),
        categorias,
        visivel_no_portal: dice.chance(1, 2),
        portal_leitura: Vec::new(),
        orientacoes: Default::default(),
        rotulos: Default::default(),
        atribuicao_livre: dice.chance(1, 2),
        pede_posicao: dice.chance(1, 2),
        fluxo,
    }
}

fn situacoes(dice: &mut Dice, names: &[String]) -> Vec<Situacao> {
    let parts = ["itens", "despesas", "analises"].map(str::to_owned);
    (0..3 + dice.below(4))
        .map(|n| Situacao {
            codigo: format!("s{n}"),
            nome: format!("Situação {n}"),
            fase: if n == 0 { Fase::Fila } else { *dice.pick(&FASES) },
            campos_editaveis: match dice.below(if n == 0 { 2 } else { 4 }) {
                0 | 1 => CamposEditaveis::Todos,
                2 => CamposEditaveis::Nenhum,
                _ => {
                    let mut listed = some(dice, names, 1, 2);
                    listed.extend(some(dice, &parts, 1, 2));
                    CamposEditaveis::Apenas(listed)
                }
            },
            exige: if n == 0 { Vec::new() } else { some(dice, names, 1, 40) },
            aceita_notas: dice.chance(1, 3),
            visivel_cliente: dice.chance(3, 4),
        })
        .collect()
}

fn transicoes(
    dice: &mut Dice,
    situacoes: &[Situacao],
    categorias: &[Categoria],
    formulario: &[String],
    names: &[String],
) -> Vec<Transicao> {
    let codigos: Vec<String> = situacoes.iter().map(|s| s.codigo.clone()).collect();
    let form = if formulario.is_empty() { names } else { formulario };
    (0..3 + dice.below(8))
        .map(|n| {
            let mut de = some(dice, &codigos, 1, 3);
            if de.is_empty() {
                de.push("s0".into());
            }
            let mut quem = some(dice, &[Quem::Cliente, Quem::Sistema], 1, 5);
            if quem.is_empty() || dice.chance(2, 3) {
                quem.push(Quem::Interno);
            }
            Transicao {
                verbo: format!("v{n}"),
                rotulo: format!("Verbo {n}"),
                de,
                para: dice.pick(&codigos).clone(),
                permissao: *dice.pick(&Permissao::TODAS[..5]),
                modo: *dice.pick(&[Modo::Direto, Modo::Propor, Modo::Online]),
                quem,
                traz: match dice.chance(1, 4) {
                    true => Some(*dice.pick(&TipoAnalise::TODOS[1..])),
                    false => None,
                },
                guardas: guardas(dice, categorias, form),
                efeitos: efeitos(dice),
            }
        })
        .collect()
}

fn guardas(dice: &mut Dice, categorias: &[Categoria], form: &[String]) -> Vec<Guarda> {
    let codigos: Vec<String> = categorias.iter().map(|c| c.codigo.clone()).collect();
    (0..dice.below(3))
        .map(|_| match dice.below(if codigos.is_empty() { 8 } else { 11 }) {
            0 => Guarda::Laudo,
            1 => Guarda::Solucao,
            2 => Guarda::Parecer,
            3 | 4 => Guarda::Motivo,
            5 => Guarda::Procedencia,
            6 => Guarda::NuncaConcluido,
            7 => Guarda::Fotos,
            8 => Guarda::Categoria(vec![dice.pick(&codigos).clone()]),
            9 => Guarda::CategoriaExceto(vec![dice.pick(&codigos).clone()]),
            _ => Guarda::CamposDaCategoria {
                categorias: vec![dice.pick(&codigos).clone()],
                campos: vec![dice.pick(form).clone()],
            },
        })
        .collect()
}

fn efeitos(dice: &mut Dice) -> Vec<Consequencia> {
    let all = [
        Consequencia::NotificarInteressados("abertura".into()),
        Consequencia::OferecerEmail("encerramento".into()),
        Consequencia::AtribuirSeVazio,
    ];
    some(dice, &all, 1, 4)
}
