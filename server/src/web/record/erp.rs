//! What goes out from a record: actions for the company's ERP (R21, R72–R75, R100) and e-mails.

use super::{
    load::RecordRead,
    shown::{moment, person},
};
use crate::{
    outbox::delivery::EntregaDaAcao,
    reading::outbox::Email,
    web::{form::Draft, format::Moment},
};
use campo_domain::registro::{Acao, SituacaoAcao};
use campo_screens::{ErpAction, Look, erp_actions};
use uuid::Uuid;

/// An action that was asked for.
pub struct AskedView {
    pub id: Uuid,
    pub label: String,
    pub state: &'static str,
    /// The fase whose colour it has.
    pub fase: &'static str,
    pub external: Option<String>,
    pub remark: Option<String>,
    pub answer: Option<String>,
    pub by: String,
    pub at: Moment,
    /// When the ERP answered.
    pub answered: Option<Moment>,
    /// How it got to the ERP, while there is no answer.
    pub delivery: Option<String>,
}

/// An action that may be asked for.
pub struct AskView {
    pub code: String,
    pub label: String,
    pub id: Uuid,
    /// What has to be filled in first.
    pub lacks: Option<String>,
    pub remark: String,
    pub error: Option<String>,
}

/// An e-mail about the record.
pub struct EmailView {
    pub whom: String,
    pub subject: String,
    pub state: &'static str,
    /// The fase whose colour it has.
    pub fase: &'static str,
    pub error: Option<String>,
    pub at: Moment,
}

/// What was asked for, the newest first.
pub fn asked(look: &Look<'_>, read: &RecordRead) -> Vec<AskedView> {
    let view = |action: &Acao| {
        let waits = action.situacao == SituacaoAcao::Solicitada;
        let known = look.tipo.acao(&action.codigo);
        let delivered = read.deliveries.get(&action.id.uuid()).filter(|_| waits);
        AskedView {
            id: action.id.uuid(),
            label: known.map_or_else(|| action.codigo.clone(), |known| known.rotulo.clone()),
            state: action.situacao.rotulo(),
            fase: match action.situacao {
                SituacaoAcao::Solicitada => "andamento",
                SituacaoAcao::Concluida => "concluido",
                SituacaoAcao::Recusada => "negado",
            },
            external: action.externo.clone(),
            remark: action.observacao.clone(),
            answer: action.retorno.clone(),
            by: person(look, action.por),
            at: moment(look, action.quando),
            answered: (!waits).then(|| moment(look, action.atualizada_em)),
            delivery: delivered.map(delivery),
        }
    };
    look.record.acoes.iter().rev().map(view).collect()
}

fn delivery(delivery: &EntregaDaAcao) -> String {
    let why = delivery.erro.as_deref().map(|erro| format!(" {}", sentence(erro)));
    let why = why.unwrap_or_default();
    match (delivery.situacao.as_str(), delivery.tentativas) {
        ("entregue", _) => "Entregue ao ERP; falta a resposta.".into(),
        ("pendente", _) if delivery.proxima_em.is_none() => {
            format!("O destino está parado: será enviada quando ele voltar.{why}")
        }
        ("pendente", 0) => "A caminho do ERP.".into(),
        ("pendente", tries) => format!("Nova tentativa em breve ({tries} feitas).{why}"),
        ("sem_destino", _) => "Nenhum destino cadastrado: será enviada quando houver um.".into(),
        _ => format!("Não foi possível entregar.{why}"),
    }
}

/// Words of the outbox as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    format!("{}.", first.chain(letters).collect::<String>().trim_end_matches('.'))
}

/// What the person may ask for now, what still lacks a field included.
pub fn possible(look: &Look<'_>, draft: Option<&Draft>) -> Vec<AskView> {
    let view = |action: ErpAction<'_>| {
        let draft = Draft::of(draft, &format!("pedir-{}", action.code));
        AskView {
            code: action.code.to_owned(),
            label: action.label.to_owned(),
            id: Draft::id(draft, "acao"),
            lacks: action.lacks.map(|refusal| refusal.mensagem()),
            remark: Draft::text(draft, "observacao", String::new),
            error: Draft::error(draft),
        }
    };
    erp_actions(look).into_iter().map(view).collect()
}

/// The e-mails about the record, the newest first (R60, R66, R87).
pub fn emails(look: &Look<'_>, read: &RecordRead) -> Vec<EmailView> {
    let view = |email: &Email| {
        let (state, fase) = match email.situacao.as_str() {
            "enviado" => ("Enviado", "concluido"),
            "pendente" => ("Na fila", "andamento"),
            "sem_endereco" => ("Sem endereço", "negado"),
            "nao_enviado" => ("Não enviado", "espera_cliente"),
            "vencido" => ("Vencido", "espera_cliente"),
            "cancelado" => ("Cancelado", "negado"),
            _ => ("Falhou", "negado"),
        };
        let whom = match (email.usuario, &email.endereco) {
            (None, Some(endereco)) => format!("{} ({endereco})", email.nome),
            _ => email.nome.clone(),
        };
        EmailView {
            whom,
            subject: email.assunto.clone(),
            state,
            fase,
            error: email.erro.as_deref().filter(|_| email.situacao != "enviado").map(sentence),
            at: moment(look, email.enviado_em.unwrap_or(email.criado_em)),
        }
    };
    read.emails.iter().map(view).collect()
}
