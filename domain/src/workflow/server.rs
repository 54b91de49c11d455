//! What the server writes in a person's name: restrictions, actions for the ERP and their answers,
//! links to corrective actions.

use super::limits::{ACOES_MAX, LISTADOS_MAX, room_for_one, valid_text};
use crate::{
    command::{Command, Listados},
    fluxo::Fase,
    ids::AcaoId,
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    registro::{Acao, Registro, SituacaoAcao},
    tipo::{AcaoPermitida, Tipo},
    valor::Valor,
};

/// Longest number of what the ERP made, in characters.
const EXTERNO_CHARS_MAX: usize = 200;

/// Decides on such a command; others pass.
///
/// # Errors
/// `sem_permissao`, or what the command itself may not.
pub(super) fn decide(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    comando: &Command,
) -> Result<(), Refusal> {
    match comando {
        Command::Restringir { para } => restrict(registro, pessoa, para.as_ref()),
        Command::SolicitarAcao { acao, codigo, observacao } => {
            hold(pessoa, Permissao::Ver)?;
            let permitida = allowed(registro, tipo, pessoa, codigo)?;
            ask(registro, *acao, permitida)?;
            if let Some(observacao) = observacao {
                valid_text(observacao, "Observação")?;
            }
            filled_in(registro, tipo, permitida)
        }
        Command::ResponderAcao { acao, situacao, externo, retorno } => {
            hold(pessoa, Permissao::Ver)?;
            let answer = Answer { situacao: *situacao, externo, retorno };
            answer_action(registro, tipo, *acao, &answer)
        }
        Command::VincularCorretiva { .. } => {
            hold(pessoa, Permissao::Gerenciar)?;
            if tipo.permite_acao_corretiva && registro.fase(tipo) == Fase::Concluido {
                Ok(())
            } else {
                Err(Refusal::new(Codigo::CorretivaNaoPermitida))
            }
        }
        _ => Ok(()),
    }
}

/// Whether the person holds the permission.
fn hold(pessoa: &Pessoa, permissao: Permissao) -> Result<(), Refusal> {
    if pessoa.pode(permissao) { Ok(()) } else { Err(Refusal::sem_permissao(permissao)) }
}

/// A restriction to these people and groups, or none (R86).
fn restrict(registro: &Registro, pessoa: &Pessoa, para: Option<&Listados>) -> Result<(), Refusal> {
    let own = registro.criacao.por == pessoa.id || registro.responsavel() == Some(pessoa.id);
    hold(pessoa, if own { Permissao::Ver } else { Permissao::Gerenciar })?;
    if registro.raiz() != registro.id || registro.kind == Kind::Cliente {
        return Err(Refusal::new(Codigo::SomenteNaRaiz));
    }
    let Some(Listados { usuarios, grupos }) = para else { return Ok(()) };
    room_for_one(usuarios.len(), LISTADOS_MAX + 1, "pessoas")?;
    room_for_one(grupos.len(), LISTADOS_MAX + 1, "grupos")?;
    if usuarios.is_empty() && grupos.is_empty() {
        // An empty list would leave the record to administrators alone.
        return Err(Refusal::with(Codigo::CamposObrigatorios, ["Usuários ou grupos".to_owned()]));
    }
    Ok(())
}

/// The tipo's action of that code, where the person may ask for it in this fase.
fn allowed<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    pessoa: &Pessoa,
    codigo: &str,
) -> Result<&'a AcaoPermitida, Refusal> {
    let not_allowed = |rotulo: &str| {
        let rotulo = rotulo.chars().take(60).collect();
        Err(Refusal::with(Codigo::AcaoNaoPermitida, [rotulo]))
    };
    let Some(permitida) = tipo.acao(codigo) else { return not_allowed(codigo) };
    hold(pessoa, permitida.permissao)?;
    if !permitida.fases.contains(&registro.fase(tipo)) {
        return not_allowed(&permitida.rotulo);
    }
    Ok(permitida)
}

/// Whether the action may be asked for beside those that were (R72–R75).
fn ask(registro: &Registro, id: AcaoId, permitida: &AcaoPermitida) -> Result<(), Refusal> {
    if registro.acoes.iter().any(|outra| outra.id == id) {
        return Err(Refusal::new(Codigo::IdEmUso));
    }
    let waits = |outra: &Acao| {
        outra.codigo == permitida.codigo && outra.situacao == SituacaoAcao::Solicitada
    };
    if registro.acoes.iter().any(waits) {
        // An action is about the whole record: asked for twice, the ERP would do it twice.
        return Err(Refusal::with(Codigo::AcaoEmAndamento, [permitida.rotulo.clone()]));
    }
    room_for_one(registro.acoes.len(), ACOES_MAX, "ações")
}

/// Whether the record says what the action needs.
fn filled_in(registro: &Registro, tipo: &Tipo, permitida: &AcaoPermitida) -> Result<(), Refusal> {
    let lacks = |nome: &&String| match (nome.as_str(), nome.strip_prefix("itens.")) {
        ("itens", _) => registro.vivos(Colecao::Itens).next().is_none(),
        (_, Some(nome)) => {
            let itens = registro.vivos(Colecao::Itens);
            let valores: Vec<&Valor> = itens.map(|(_, item)| item.valor(nome)).collect();
            valores.iter().any(|valor| valor.vazio())
                || valores.iter().all(|valor| **valor == Valor::Inteiro(0))
        }
        (nome, None) => registro.valor(nome).vazio(),
    };
    let label = |nome: &String| match (nome.as_str(), nome.strip_prefix("itens.")) {
        ("itens", _) => "Itens".to_owned(),
        (_, Some(nome)) => {
            let campo = registro.kind.campo_de(Colecao::Itens, nome);
            format!("{} dos itens", campo.map_or(nome, |campo| campo.rotulo))
        }
        (nome, None) => tipo.rotulo(nome).to_owned(),
    };
    let holds_another = |(nome, valores): &(&String, &Vec<String>)| {
        let valor = registro.valor(nome).texto().unwrap_or_default();
        !valores.iter().any(|accepted| accepted == valor)
    };
    let lacking = permitida.exige.iter().filter(lacks);
    let others = permitida.exige_valor.iter().filter(holds_another).map(|(nome, _)| nome);
    let faltam: Vec<String> = lacking.chain(others).map(label).collect();
    if faltam.is_empty() { Ok(()) } else { Err(Refusal::with(Codigo::ExigeCampo, faltam)) }
}

/// What the ERP answers.
struct Answer<'a> {
    situacao: SituacaoAcao,
    externo: &'a Option<String>,
    retorno: &'a Option<String>,
}

/// Whether the answer is complete, and the first to the action or the same again (R100).
fn answer_action(
    registro: &Registro,
    tipo: &Tipo,
    id: AcaoId,
    answer: &Answer<'_>,
) -> Result<(), Refusal> {
    let Some(pedida) = registro.acoes.iter().find(|outra| outra.id == id) else {
        return Err(Refusal::new(Codigo::NaoEncontrado));
    };
    if answer.situacao == SituacaoAcao::Solicitada {
        return Err(Refusal::with(Codigo::ValorInvalido, ["Situação".to_owned()]));
    }
    if let Some(externo) = answer.externo {
        valid_text(externo, "Identificador externo")?;
        if externo.chars().count() > EXTERNO_CHARS_MAX {
            let detalhes = ["Identificador externo".to_owned(), EXTERNO_CHARS_MAX.to_string()];
            return Err(Refusal::with(Codigo::TextoLongoDemais, detalhes));
        }
    }
    match answer.retorno {
        Some(retorno) => valid_text(retorno, "Retorno")?,
        None if answer.situacao == SituacaoAcao::Recusada => {
            return Err(Refusal::with(Codigo::ExigeCampo, ["Retorno".to_owned()]));
        }
        None => {}
    }
    // The same answer again, or one that adds what the first left open.
    let agrees = |before: &Option<String>, now: &Option<String>| {
        before.is_none() || now.is_none() || before == now
    };
    let same = pedida.situacao == answer.situacao
        && agrees(&pedida.externo, answer.externo)
        && agrees(&pedida.retorno, answer.retorno);
    if pedida.situacao == SituacaoAcao::Solicitada || same {
        return Ok(());
    }
    let rotulo = tipo.acao(&pedida.codigo).map_or(&pedida.codigo, |acao| &acao.rotulo);
    Err(Refusal::with(Codigo::AcaoRespondida, [rotulo.clone()]))
}
