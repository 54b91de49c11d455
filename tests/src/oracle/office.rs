//! What only the office does (R71–R77, R86): it restricts cases, asks the ERP for actions, takes
//! its answers, and links corrective actions.

use super::rules::{Codes, has, situacao, text};
use campo_domain::{
    command::{Command, Listados},
    fluxo::Fase,
    ids::AcaoId,
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    registro::{Acao, Registro, SituacaoAcao},
    tipo::Tipo,
    valor::Valor,
};

/// Why the person may not give this command of the office; empty if the person may, or if the
/// command is not one that only the office gives.
pub fn office_only(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa, command: &Command) -> Codes {
    match command {
        Command::Restringir { para } => restrict(registro, pessoa, para.as_ref()),
        Command::SolicitarAcao { acao, codigo, .. } => {
            ask_erp(registro, tipo, pessoa, (*acao, codigo))
        }
        Command::ResponderAcao { acao, situacao, externo, retorno } => {
            let mut codes = lacks(pessoa, Permissao::Ver);
            match registro.acoes.iter().find(|asked| asked.id == *acao) {
                None => drop(codes.insert("nao_encontrado")),
                Some(asked) => codes.extend(answer(asked, *situacao, externo, retorno)),
            }
            codes
        }
        Command::VincularCorretiva { .. } => {
            let mut codes = lacks(pessoa, Permissao::Gerenciar);
            let atual = situacao(tipo, registro.situacao.as_deref());
            let concluded = atual.is_some_and(|s| s.fase == Fase::Concluido);
            if !tipo.permite_acao_corretiva || !concluded {
                codes.insert("corretiva_nao_permitida");
            }
            codes
        }
        _ => Codes::new(),
    }
}

fn lacks(pessoa: &Pessoa, permissao: Permissao) -> Codes {
    (!has(pessoa, permissao)).then_some("sem_permissao").into_iter().collect()
}

/// R86: who may see the case.
fn restrict(registro: &Registro, pessoa: &Pessoa, para: Option<&Listados>) -> Codes {
    let own = registro.criacao.por == pessoa.id
        || registro.campos.get("responsavel") == Some(&Valor::Id(pessoa.id.uuid()));
    let mut codes = lacks(pessoa, if own { Permissao::Ver } else { Permissao::Gerenciar });
    let child = ["assistencia", "ocorrencia"].map(|nome| registro.campos.get(nome));
    if registro.kind == Kind::Cliente || child.into_iter().flatten().next().is_some() {
        codes.insert("somente_na_raiz");
    }
    if para.is_some_and(|l| l.usuarios.is_empty() && l.grupos.is_empty()) {
        codes.insert("campos_obrigatorios");
    }
    codes
}

/// R72–R75: an action is asked for once, until the ERP has answered.
fn ask_erp(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    (acao, codigo): (AcaoId, &str),
) -> Codes {
    let mut codes = lacks(pessoa, Permissao::Ver);
    let Some(allowed) = tipo.acoes.iter().find(|a| a.codigo == codigo) else {
        codes.insert("acao_nao_permitida");
        return codes;
    };
    codes.extend(lacks(pessoa, allowed.permissao));
    let atual = situacao(tipo, registro.situacao.as_deref());
    if !atual.is_some_and(|s| allowed.fases.contains(&s.fase)) {
        codes.insert("acao_nao_permitida");
    }
    if registro.acoes.iter().any(|other| other.id == acao) {
        codes.insert("id_em_uso");
    }
    let open = |other: &Acao| other.situacao == SituacaoAcao::Solicitada;
    if registro.acoes.iter().any(|other| other.codigo == codigo && open(other)) {
        codes.insert("acao_em_andamento");
    }
    let live = || {
        let items = registro.itens.values();
        items.filter(|item| !item.removido)
    };
    let filled = |valor: Option<&Valor>| valor.is_some_and(|valor| !valor.vazio());
    let there = |nome: &String| match nome.strip_prefix("itens.") {
        // Every item must have a value, and at least one of them another than zero.
        Some(nome) => {
            live().all(|item| filled(item.campos.get(nome)))
                && live().any(|item| item.campos.get(nome) != Some(&Valor::Inteiro(0)))
        }
        None if nome == "itens" => live().next().is_some(),
        None => filled(registro.campos.get(nome)),
    };
    let right = |(nome, values): (&String, &Vec<String>)| {
        values.iter().any(|value| value == text(registro, nome))
    };
    if !allowed.exige.iter().all(there) || !allowed.exige_valor.iter().all(right) {
        codes.insert("exige_campo");
    }
    codes
}

/// R100: the ERP may repeat its answer and add what it left open, but not change it.
fn answer(
    asked: &Acao,
    situacao: SituacaoAcao,
    externo: &Option<String>,
    retorno: &Option<String>,
) -> Codes {
    let mut codes = Codes::new();
    if situacao == SituacaoAcao::Solicitada {
        codes.insert("valor_invalido");
    }
    if situacao == SituacaoAcao::Recusada && retorno.is_none() {
        codes.insert("exige_campo");
    }
    let fits = |now: &Option<String>, said: &Option<String>| {
        now.is_none() || said.is_none() || now == said
    };
    let same = asked.situacao == situacao
        && fits(&asked.externo, externo)
        && fits(&asked.retorno, retorno);
    if asked.situacao != SituacaoAcao::Solicitada && !same {
        codes.insert("acao_respondida");
    }
    codes
}
