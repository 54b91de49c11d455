//! E-mails on their way to people.

use super::*;
use crate::{
    auth::accounts::NewUser,
    outbox::{
        Texto,
        email::{self, Email, EmailFilter, NewEmail},
        template::Contexto,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::ids::UserId;

const FROM: (&str, &str) = ("CAMPO_SMTP_DE", "Móveis Aurora <campo@aurora.com.br>");

fn notice(address: Option<&str>) -> NewEmail {
    NewEmail {
        document: document(),
        template: "encerramento".into(),
        user: None,
        address: address.map(str::to_owned),
        context: Contexto {
            empresa: "Móveis Aurora".into(),
            destinatario: "João Ação".into(),
            tipo: "Ocorrência".into(),
            numero: "2026/7".into(),
            situacao: "Concluída".into(),
            parecer: "Peça trocada.\n.".into(),
            ..Contexto::default()
        },
    }
}

async fn queue(company: &Company, emails: &[NewEmail]) {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    email::enqueue(&mut tx, company.tenant, Utc::now(), emails).await.unwrap();
    tx.commit().await.unwrap();
}

async fn emails(company: &Company) -> Vec<Email> {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    email::list(&mut tx, company.tenant, &EmailFilter::default(), None, 100).await.unwrap()
}

async fn only(company: &Company) -> Email {
    let mut all = emails(company).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

async fn again(company: &Company, email: Uuid) -> crate::error::ApiResult<()> {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    email::send_again(&mut tx, company.tenant, email).await?;
    tx.commit().await.unwrap();
    Ok(())
}

/// Somebody of the company, without an address.
async fn bia(company: &Company) -> UserId {
    let new = NewUser {
        login: "bia@aurora",
        nome: "Bia",
        senha: "uma senha longa",
        permissoes: ["ver".parse().unwrap()].into_iter().collect(),
    };
    accounts::create_user(&company.app.db, company.tenant, new).await.unwrap()
}

async fn bia_has_an_address(company: &Company) {
    let sql = "UPDATE usuario SET email = 'bia@aurora.com.br'";
    sqlx::query(sql).execute(company.app.db.owner()).await.unwrap();
}

/// The headers and the text of a message as it travelled.
fn opened(message: &str) -> (String, String) {
    let (headers, body) = message.split_once("\r\n\r\n").unwrap();
    let headers = headers.replace("\r\n ", " ");
    let body = if headers.contains("Content-Transfer-Encoding: base64") {
        STANDARD.decode(body.replace("\r\n", "")).unwrap()
    } else {
        let body = body.replace("=\r\n", "");
        let mut parts = body.split('=');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        bytes
    };
    (headers, String::from_utf8(body).unwrap())
}

fn header<'a>(headers: &'a str, name: &str) -> &'a str {
    let line = headers.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim()
}

#[tokio::test]
async fn an_email_arrives_with_its_accents_and_is_recorded() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &smtp), FROM]).await;
    queue(&company, &[notice(Some(" joao@exemplo.com.br "))]).await;
    company.send().await;
    let (headers, body) = opened(&mail_server.received().remove(0));
    let subject = header(&headers, "Subject");
    let words = subject.split(' ').filter_map(|word| {
        let word = word.strip_prefix("=?utf-8?b?")?.strip_suffix("?=")?;
        Some(String::from_utf8(STANDARD.decode(word).unwrap()).unwrap())
    });
    assert_eq!(words.collect::<Vec<_>>(), ["Ocorrência", "Concluída"]);
    assert!(subject.is_ascii() && subject.contains("2026/7"), "{subject}");
    assert!(header(&headers, "To").contains("<joao@exemplo.com.br>"));
    assert_eq!(header(&headers, "MIME-Version"), "1.0");
    assert!(body.contains("Olá, João Ação.") && body.contains("Peça trocada.\r\n.\r\n"), "{body}");
    let email = only(&company).await;
    assert_eq!(email.situacao, "enviado");
    assert_eq!(email.message_id.as_deref(), Some(header(&headers, "Message-ID")));
    assert_eq!(email.resposta.as_deref(), Some("250 2.0.0 guardado como 42"));
    assert!(email.enviado_em.is_some() && email.erro.is_none());
    company.send().await;
    assert_eq!(mail_server.received().len(), 1);
}

#[tokio::test]
async fn without_smtp_an_email_is_kept_names_the_setting_and_goes_out_once_it_is_set() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[]).await;
    queue(&company, &[notice(Some("joao@exemplo.com.br"))]).await;
    company.send().await;
    let email = only(&company).await;
    assert_eq!((email.situacao.as_str(), email.tentativas), ("nao_enviado", 0));
    assert!(email.erro.unwrap().ends_with("falta CAMPO_SMTP"));
    queue(&company, &[notice(Some("maria@exemplo.com.br"))]).await;
    once(&company.other(&[("CAMPO_SMTP", &smtp)]).await).await.unwrap();
    assert!(emails(&company).await[0].erro.as_ref().unwrap().ends_with("falta CAMPO_SMTP_DE"));
    assert!(mail_server.received().is_empty());
    once(&company.other(&[("CAMPO_SMTP", &smtp), FROM]).await).await.unwrap();
    assert_eq!(mail_server.received().len(), 2);
    assert!(emails(&company).await.iter().all(|e| e.situacao == "enviado" && e.erro.is_none()));
}

#[tokio::test]
async fn an_address_that_does_not_serve_is_recorded_and_puts_nothing_into_a_header() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &smtp), FROM]).await;
    let injected = "a@b.com\r\nBcc: x@y.com";
    let bad = [injected, "a@b.com, c@d.com", "\"a b\"@x.br", "joão@x.br"];
    for endereco in [None, Some("joao")].into_iter().chain(bad.map(Some)) {
        queue(&company, &[notice(endereco)]).await;
    }
    let mut nome = notice(Some("joao@exemplo.com.br"));
    nome.context.destinatario = "João\r\nBcc: x@y.com".into();
    queue(&company, &[nome]).await;
    company.send().await;
    let all = emails(&company).await;
    let without: Vec<_> = all.iter().filter(|email| email.situacao == "sem_endereco").collect();
    assert_eq!(without.len(), 6);
    assert!(without.iter().all(|email| email.erro.is_some()));
    assert_eq!(without[4].erro.as_deref(), Some("O endereço “joao” não serve como e-mail."));
    let received = mail_server.received();
    assert_eq!(received.len(), 1);
    assert!(!opened(&received[0]).0.contains("\nBcc"), "{}", received[0]);
}

#[tokio::test]
async fn an_unknown_mailbox_ends_it_and_a_passing_refusal_does_not() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &smtp), FROM]).await;
    mail_server.refusals.lock().unwrap().push_back("550 5.1.1 caixa desconhecida");
    queue(&company, &[notice(Some("joao@exemplo.com.br"))]).await;
    company.send().await;
    let email = only(&company).await;
    assert_eq!((email.situacao.as_str(), email.tentativas), ("falhou", 1));
    let erro = "o servidor de e-mail recusou o endereço: 550 5.1.1 caixa desconhecida";
    assert_eq!(email.erro.as_deref(), Some(erro));
    mail_server.refusals.lock().unwrap().push_back("451 volte depois");
    queue(&company, &[notice(Some("maria@exemplo.com.br"))]).await;
    company.send().await;
    let waiting = emails(&company).await.remove(0);
    assert_eq!((waiting.situacao.as_str(), waiting.tentativas), ("pendente", 1));
    let erro = "o servidor de e-mail não aceitou a mensagem agora: 451 volte depois";
    assert_eq!(waiting.erro.as_deref(), Some(erro));
    company.wait().await;
    company.send().await;
    let sent = emails(&company).await.remove(0);
    assert_eq!((sent.situacao.as_str(), sent.tentativas), ("enviado", 2));
    assert_eq!(sent.message_id, waiting.message_id);
}

#[tokio::test]
async fn a_refusal_of_the_sender_or_of_a_policy_does_not_end_it_and_one_of_the_mailbox_does() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &smtp), FROM]).await;
    for (refusal, situacao) in [
        ("550 5.7.1 sem permissão para este remetente", "pendente"),
        ("553 5.7.1 remetente de outro usuário", "pendente"),
        ("501 5.1.7 remetente inválido", "pendente"),
        ("550 4.2.1 tente depois", "pendente"),
        ("550 5.2.1 caixa desativada", "falhou"),
        ("550 #5.1.1 caixa desconhecida", "falhou"),
        ("550 10.0.0.1 não conhece a caixa", "falhou"),
        ("553 caixa desconhecida", "falhou"),
    ] {
        mail_server.refusals.lock().unwrap().push_back(refusal);
        queue(&company, &[notice(Some("joao@exemplo.com.br"))]).await;
        company.send().await;
        assert_eq!(emails(&company).await[0].situacao, situacao, "{refusal}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_until_the_last_time() {
    let company = Company::new(&[("CAMPO_SMTP", "smtp://127.0.0.1:9"), FROM]).await;
    queue(&company, &[notice(Some("joao@exemplo.com.br"))]).await;
    for _ in 0..10 {
        assert_eq!(only(&company).await.situacao, "pendente");
        company.wait().await;
        company.send().await;
    }
    let email = only(&company).await;
    assert_eq!((email.situacao.as_str(), email.tentativas), ("falhou", 10));
    let erro = "não foi possível falar com o servidor de e-mail";
    assert_eq!(email.erro.as_deref(), Some(erro));
}

#[tokio::test]
async fn what_the_server_cannot_do_is_said_in_portuguese() {
    let (_correio, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &format!("{smtp}?tls=required")), FROM]).await;
    queue(&company, &[notice(Some("joao@exemplo.com.br"))]).await;
    company.send().await;
    let email = only(&company).await;
    assert_eq!(email.situacao, "pendente");
    let erro = "o servidor de e-mail não oferece a cifra (STARTTLS) que CAMPO_SMTP pede";
    assert_eq!(email.erro.as_deref(), Some(erro));
}

#[tokio::test]
async fn an_email_that_waited_for_too_long_goes_out_only_when_somebody_asks() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[]).await;
    let to_bia = notice(Some("bia@aurora.com.br"));
    let to_bia = NewEmail { user: Some(bia(&company).await), ..to_bia };
    bia_has_an_address(&company).await;
    queue(&company, &[to_bia, notice(Some("maria@exemplo.com.br"))]).await;
    company.send().await;
    sqlx::query(
        "UPDATE email_saida SET proxima_em = now() - interval '73 hours' \
         WHERE usuario IS NOT NULL",
    )
    .execute(company.app.db.owner())
    .await
    .unwrap();
    let later = company.other(&[("CAMPO_SMTP", &smtp), FROM]).await;
    once(&later).await.unwrap();
    let all = emails(&company).await;
    let states: Vec<&str> = all.iter().map(|email| email.situacao.as_str()).collect();
    assert_eq!(states, ["enviado", "vencido"]);
    assert!(all[1].erro.as_ref().unwrap().contains("3 dias"));
    once(&later).await.unwrap();
    assert_eq!(mail_server.received().len(), 1);
    again(&company, all[1].id).await.unwrap();
    once(&later).await.unwrap();
    assert_eq!(mail_server.received().len(), 2);
    assert!(emails(&company).await.iter().all(|email| email.situacao == "enviado"));
}

#[tokio::test]
async fn an_email_that_waits_may_be_cancelled_and_one_that_went_may_not() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[]).await;
    let cancel = async |email: Uuid| {
        let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
        email::cancel(&mut tx, company.tenant, email, "Carla").await?;
        tx.commit().await.unwrap();
        crate::error::ApiResult::Ok(())
    };
    queue(&company, &[notice(Some("joao@exemplo.com.br")), notice(Some("maria@exemplo.com.br"))])
        .await;
    company.send().await;
    let both = async || -> [Email; 2] { emails(&company).await.try_into().unwrap() };
    let [maria, joao] = both().await;
    cancel(joao.id).await.unwrap();
    cancel(joao.id).await.unwrap();
    once(&company.other(&[("CAMPO_SMTP", &smtp), FROM]).await).await.unwrap();
    assert_eq!(mail_server.received().len(), 1);
    assert_eq!(cancel(maria.id).await.unwrap_err().codigo, "email_fora_de_hora");
    let [maria, joao] = both().await;
    assert_eq!((maria.situacao.as_str(), joao.situacao.as_str()), ("enviado", "cancelado"));
    assert_eq!(joao.erro.as_deref(), Some("cancelado por Carla"));
    assert_eq!(cancel(Uuid::now_v7()).await.unwrap_err().codigo, "nao_encontrado");
}

#[tokio::test]
async fn two_workers_send_each_email_once() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &smtp), FROM]).await;
    let all: Vec<NewEmail> = (0..20).map(|_| notice(Some("joao@exemplo.com.br"))).collect();
    queue(&company, &all).await;
    let other = company.other(&[("CAMPO_SMTP", &smtp), FROM]).await;
    let (one, two) = tokio::join!(once(&company.app), once(&other));
    one.and(two).unwrap();
    assert_eq!(mail_server.received().len(), 20);
}

#[tokio::test]
async fn sent_again_on_demand_it_goes_to_the_present_address_as_another_message() {
    let (mail_server, smtp) = MailServer::start().await;
    let company = Company::new(&[("CAMPO_SMTP", &smtp), FROM]).await;
    let bia = bia(&company).await;
    queue(&company, &[NewEmail { user: Some(bia), ..notice(None) }]).await;
    company.send().await;
    let first = only(&company).await;
    assert_eq!(first.situacao, "sem_endereco");
    assert_eq!(again(&company, first.id).await.unwrap_err().codigo, "sem_endereco");
    assert_eq!(again(&company, Uuid::now_v7()).await.unwrap_err().codigo, "nao_encontrado");
    bia_has_an_address(&company).await;
    let mut ids = Vec::new();
    for sent in 1..=2 {
        again(&company, first.id).await.unwrap();
        company.send().await;
        assert_eq!(mail_server.received().len(), sent);
        let email = only(&company).await;
        assert_eq!(email.endereco.as_deref(), Some("bia@aurora.com.br"));
        ids.push(email.message_id.unwrap());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_company_writes_its_own_template_and_may_go_back() {
    let company = Company::new(&[]).await;
    let neighbour = Company {
        app: company.app.clone(),
        url: company.url.clone(),
        tenant: create_company(&company.app.db, "boreal").await,
    };
    let write = async |corpo: Option<&str>| {
        let texto = corpo
            .map(|corpo| Texto { assunto: "Pronto: {{ numero }}".into(), corpo: corpo.into() });
        let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
        let codigo = "encerramento";
        email::write_template(&mut tx, company.tenant, codigo, texto.as_ref()).await?;
        tx.commit().await.unwrap();
        crate::error::ApiResult::Ok(())
    };
    write(Some("{{ destinatario }}, {% if parecer %}feito{% endif %}!")).await.unwrap();
    assert_eq!(write(Some("{{ senha }}")).await.unwrap_err().codigo, "modelo_invalido");
    for company in [&company, &neighbour] {
        queue(company, &[notice(None)]).await;
    }
    let email = only(&company).await;
    assert_eq!(
        (email.assunto.as_str(), email.corpo.as_str()),
        ("Pronto: 2026/7", "João Ação, feito!")
    );
    assert_eq!(only(&neighbour).await.assunto, "Ocorrência 2026/7: Concluída");
    // One that turns out too long for a record gives way to the text that Campo brings.
    write(Some(&"{{ parecer }}".repeat(1_500))).await.unwrap();
    let mut long = notice(None);
    long.context.parecer = "p".repeat(20_000);
    queue(&company, &[long]).await;
    let email = emails(&company).await.remove(0);
    assert_eq!(email.assunto, "Ocorrência 2026/7: Concluída");
    assert!(email.modelo_erro.unwrap().contains("saiu o texto padrão"));
    write(None).await.unwrap();
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let templates = email::templates(&mut tx, company.tenant).await.unwrap();
    assert_eq!(templates.len(), 2);
    assert!(templates.iter().all(|modelo| modelo.padrao));
}
