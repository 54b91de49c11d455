//! Who may do what, written out: a golden file that shows in a review what a change of the policy
//! table or of a preset really changes. `CAMPO_BLESS=1` writes it anew.

use campo_domain::{
    ids::{DeviceId, DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    policy::{self, Parte},
    preset,
    refusal::Refusal,
    registro::{Autoria, Registro},
    tipo::Tipo,
    workflow::{self, Asked, Onde},
};
use std::{fmt::Write, path::PathBuf};

/// The sets of permissions that people hold: none, a client's, each of R85 with `Ver`,
/// and all.
fn sets() -> Vec<(&'static str, Vec<Permissao>)> {
    use Permissao::{Administrar, Aprovar, EmitirLaudo, Gerenciar, Portal, Ver, VerTodas};
    vec![
        ("nenhuma", vec![]),
        ("portal", vec![Portal]),
        ("ver", vec![Ver]),
        ("ver+ver_todas", vec![Ver, VerTodas]),
        ("ver+gerenciar", vec![Ver, Gerenciar]),
        ("ver+emitir_laudo", vec![Ver, EmitirLaudo]),
        ("ver+aprovar", vec![Ver, Aprovar]),
        ("ver+administrar", vec![Ver, Administrar]),
        ("todas", Permissao::TODAS.to_vec()),
    ]
}

fn pessoa(permissoes: &[Permissao]) -> Pessoa {
    let permissoes = permissoes.iter().copied().collect();
    let id = UserId::from_u128(1);
    Pessoa { id, nome: "Ana".into(), permissoes, ..Pessoa::servidor() }
}

fn cell(result: Result<(), Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.codigo.codigo(), |()| "sim")
}

fn tipos() -> Vec<Tipo> {
    preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos).collect()
}

fn registro(tipo: &Tipo, situacao: &str) -> Registro {
    let autoria = Autoria { por: UserId::from_u128(1), em: DeviceId::ESCRITORIO };
    let novo = Registro::novo(DocumentId::from_u128(9), tipo, autoria, Default::default());
    Registro { situacao: Some(situacao.into()), ..novo }
}

fn partes(kind: Kind) -> Vec<(String, Parte)> {
    let campos = kind.campos().iter().map(|c| (format!("campo {}", c.nome), Parte::Campo(c)));
    let mut partes: Vec<_> = campos.collect();
    for colecao in Colecao::TODAS {
        let campos = kind.campos_de(colecao);
        if !campos.is_empty() {
            partes.push((colecao.codigo().into(), Parte::Item(colecao)));
            partes.push((format!("{} (remover)", colecao.codigo()), Parte::Remocao(colecao)));
        }
        let campos = campos.iter();
        partes.extend(
            campos.map(|campo| {
                (format!("{colecao}/{}", campo.nome), Parte::CampoItem(colecao, campo))
            }),
        );
    }
    partes.extend([
        ("participantes".into(), Parte::Participante),
        ("interessados".into(), Parte::Interessado),
        ("notas".into(), Parte::Nota),
        ("notas ao cliente".into(), Parte::NotaAoCliente),
        ("análises parciais".into(), Parte::AnaliseParcial),
        ("pedidos".into(), Parte::Pedido),
        ("análises".into(), Parte::Analise),
        ("servidor".into(), Parte::Servidor),
    ]);
    partes
}

/// `sim: ver ver+gerenciar · sem_permissao: nenhuma`: who gets which answer.
fn row(answer: impl Fn(&Pessoa) -> String) -> String {
    let mut answers: Vec<(String, Vec<&str>)> = Vec::new();
    for (nome, set) in sets() {
        let given = answer(&pessoa(&set));
        match answers.iter_mut().find(|(known, _)| *known == given) {
            Some((_, who)) => who.push(nome),
            None => answers.push((given, vec![nome])),
        }
    }
    if let [(only, _)] = &answers[..] {
        return format!("{only}: todos");
    }
    let parts: Vec<String> =
        answers.iter().map(|(answer, who)| format!("{answer}: {}", who.join(" "))).collect();
    parts.join(" · ")
}

fn matrix() -> String {
    let mut out = String::from("# Quem pode o quê, por tipo, parte, situação e permissões\n");
    for tipo in tipos() {
        writeln!(out, "\n## {} v{} ({})", tipo.codigo, tipo.versao, tipo.kind).unwrap();
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for (nome, parte) in partes(tipo.kind) {
            let block = rows(&tipo, parte);
            match groups.iter_mut().find(|(known, _)| *known == block) {
                Some((_, nomes)) => nomes.push(nome),
                None => groups.push((block, vec![nome])),
            }
        }
        for (block, nomes) in groups {
            write!(out, "\n{}\n{block}", nomes.join(", ")).unwrap();
        }
        transitions(&mut out, &tipo);
    }
    out
}

fn rows(tipo: &Tipo, parte: Parte) -> String {
    let criar = row(|pessoa| cell(policy::pode_criar(pessoa, tipo, parte)).to_owned());
    let mut block = format!("  criar — {criar}\n");
    for situacao in &tipo.fluxo.situacoes {
        let alterar = row(|pessoa| {
            cell(policy::pode_alterar(pessoa, tipo, Some(situacao), parte)).to_owned()
        });
        writeln!(block, "  alterar em {} — {alterar}", situacao.codigo).unwrap();
    }
    block
}

fn transitions(out: &mut String, tipo: &Tipo) {
    for transicao in &tipo.fluxo.transicoes {
        writeln!(out, "\nverbo {}", transicao.verbo).unwrap();
        let asked =
            Asked { verb: &transicao.verbo, reason: Some("motivo"), brings: transicao.traz };
        for situacao in &tipo.fluxo.situacoes {
            let registro = registro(tipo, &situacao.codigo);
            let judged = row(|pessoa| {
                match workflow::judge(&registro, tipo, pessoa, asked, Onde::Servidor) {
                    Ok(para) => format!("→ {para}"),
                    Err(refusal) => refusal.codigo.codigo().to_owned(),
                }
            });
            writeln!(out, "  de {} — {judged}", situacao.codigo).unwrap();
        }
    }
}

#[test]
fn the_policy_is_what_the_golden_file_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/policy_matrix.txt");
    let now = matrix();
    if std::env::var_os("CAMPO_BLESS").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    let differs = now.lines().zip(golden.lines()).find(|(now, golden)| now != golden);
    assert!(
        now == golden,
        "the policy changed, first here:\n  was {:?}\n  is  {:?}\nIf it is meant: CAMPO_BLESS=1",
        differs.map(|(_, golden)| golden),
        differs.map(|(now, _)| now),
    );
}

#[test]
fn the_golden_file_has_every_part_of_every_tipo_and_denies_somewhere() {
    let matrix = matrix();
    for tipo in tipos() {
        assert!(matrix.contains(&format!("## {} v", tipo.codigo)));
    }
    for denial in ["campo_protegido", "campo_fixo", "sem_permissao", "situacao_nao_permite_edicao"]
    {
        assert!(matrix.contains(denial), "{denial} never happens");
    }
}
