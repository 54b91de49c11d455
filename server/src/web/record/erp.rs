//! What goes out from a record: actions for the company's ERP (R21, R72–R75, R100) and e-mails.

use super::load::Loaded;
use crate::{
    outbox::delivery::EntregaDaAcao,
    reading::outbox::Email,
    web::{form::Draft, format::Moment, page::Visit},
};
use campo_domain::{
    command::Command,
    ids::AcaoId,
    refusal::Codigo,
    registro::{Acao, SituacaoAcao},
    tipo::AcaoPermitida,
    workflow::{self, Onde},
};
use uuid::Uuid;

/// An action that was asked for.
pub struct AcaoView {
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
pub fn asked(visit: &Visit, loaded: &Loaded) -> Vec<AcaoView> {
    let moment = |at| Moment::new(at, visit.now, loaded.fuso);
    let view = |acao: &Acao| AcaoView {
        id: acao.id.uuid(),
        label: loaded.tipo.acao(&acao.codigo).map_or(acao.codigo.clone(), |a| a.rotulo.clone()),
        state: acao.situacao.rotulo(),
        fase: match acao.situacao {
            SituacaoAcao::Solicitada => "andamento",
            SituacaoAcao::Concluida => "concluido",
            SituacaoAcao::Recusada => "negado",
        },
        external: acao.externo.clone(),
        remark: acao.observacao.clone(),
        answer: acao.retorno.clone(),
        by: loaded.names.people.name_or_unknown(acao.por.uuid()),
        at: moment(acao.quando),
        answered: (acao.situacao != SituacaoAcao::Solicitada).then(|| moment(acao.atualizada_em)),
        delivery: (acao.situacao == SituacaoAcao::Solicitada)
            .then(|| loaded.deliveries.get(&acao.id.uuid()).map(delivery))
            .flatten(),
    };
    loaded.registro.acoes.iter().rev().map(view).collect()
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
pub fn possible(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Vec<AskView> {
    let (registro, tipo, pessoa) = (&loaded.registro, &loaded.tipo, &visit.auth.pessoa);
    let view = |permitida: &AcaoPermitida| {
        let draft = Draft::of(draft, &format!("pedir-{}", permitida.codigo));
        let id = draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id("acao"));
        let codigo = permitida.codigo.clone();
        // A draft's own id may be in the record already: another is asked about.
        let acao = AcaoId::from(Uuid::now_v7());
        let command = Command::SolicitarAcao { acao, codigo, observacao: None };
        let decided = workflow::decide(Some(registro), tipo, pessoa, &command, Onde::Servidor);
        let lacks = match decided {
            Ok(_) => None,
            Err(refusal) if refusal.codigo == Codigo::ExigeCampo => Some(refusal.mensagem()),
            Err(_) => return None,
        };
        Some(AskView {
            code: permitida.codigo.clone(),
            label: permitida.rotulo.clone(),
            id,
            lacks,
            remark: Draft::text(draft, "observacao", String::new),
            error: Draft::error(draft),
        })
    };
    tipo.acoes.iter().filter_map(view).collect()
}

/// The e-mails about the record, the newest first (R60, R66, R87).
pub fn emails(visit: &Visit, loaded: &Loaded) -> Vec<EmailView> {
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
            at: Moment::new(email.enviado_em.unwrap_or(email.criado_em), visit.now, loaded.fuso),
        }
    };
    loaded.emails.iter().map(view).collect()
}
