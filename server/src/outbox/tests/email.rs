//! E-mails on their way to people.

use super::*;
use crate::{
    auth::accounts::NewUser,
    outbox::{
        Texto,
        email::{self, Email, Filtro, NovoEmail},
        modelo::Contexto,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::ids::UserId;

const DE: (&str, &str) = ("CAMPO_SMTP_DE", "Móveis Aurora <campo@aurora.com.br>");

fn aviso(endereco: Option<&str>) -> NovoEmail {
    NovoEmail {
        documento: document(),
        modelo: "encerramento".into(),
        usuario: None,
        endereco: endereco.map(str::to_owned),
        contexto: Contexto {
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

async fn queue(casa: &Casa, emails: &[NovoEmail]) {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    email::enfileirar(&mut tx, casa.tenant, Utc::now(), emails).await.unwrap();
    tx.commit().await.unwrap();
}

async fn emails(casa: &Casa) -> Vec<Email> {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    email::listar(&mut tx, casa.tenant, &Filtro::default(), None, 100).await.unwrap()
}

async fn only(casa: &Casa) -> Email {
    let mut all = emails(casa).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

async fn again(casa: &Casa, email: Uuid) -> crate::error::ApiResult<()> {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    email::reenviar(&mut tx, casa.tenant, email).await?;
    tx.commit().await.unwrap();
    Ok(())
}

/// Somebody of the company, without an address.
async fn bia(casa: &Casa) -> UserId {
    let new = NewUser {
        login: "bia@aurora",
        nome: "Bia",
        senha: "uma senha longa",
        permissoes: ["ver".parse().unwrap()].into_iter().collect(),
    };
    accounts::create_user(&casa.app.db, casa.tenant, new).await.unwrap()
}

async fn bia_has_an_address(casa: &Casa) {
    let sql = "UPDATE usuario SET email = 'bia@aurora.com.br'";
    sqlx::query(sql).execute(casa.app.db.owner()).await.unwrap();
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
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &smtp), DE]).await;
    queue(&casa, &[aviso(Some(" joao@exemplo.com.br "))]).await;
    casa.send().await;
    let (headers, body) = opened(&correio.received().remove(0));
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
    let email = only(&casa).await;
    assert_eq!(email.situacao, "enviado");
    assert_eq!(email.message_id.as_deref(), Some(header(&headers, "Message-ID")));
    assert_eq!(email.resposta.as_deref(), Some("250 2.0.0 guardado como 42"));
    assert!(email.enviado_em.is_some() && email.erro.is_none());
    casa.send().await;
    assert_eq!(correio.received().len(), 1);
}

#[tokio::test]
async fn without_smtp_an_email_is_kept_names_the_setting_and_goes_out_once_it_is_set() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[]).await;
    queue(&casa, &[aviso(Some("joao@exemplo.com.br"))]).await;
    casa.send().await;
    let email = only(&casa).await;
    assert_eq!((email.situacao.as_str(), email.tentativas), ("nao_enviado", 0));
    assert!(email.erro.unwrap().ends_with("falta CAMPO_SMTP"));
    queue(&casa, &[aviso(Some("maria@exemplo.com.br"))]).await;
    once(&casa.other(&[("CAMPO_SMTP", &smtp)]).await).await.unwrap();
    assert!(emails(&casa).await[0].erro.as_ref().unwrap().ends_with("falta CAMPO_SMTP_DE"));
    assert!(correio.received().is_empty());
    once(&casa.other(&[("CAMPO_SMTP", &smtp), DE]).await).await.unwrap();
    assert_eq!(correio.received().len(), 2);
    assert!(emails(&casa).await.iter().all(|e| e.situacao == "enviado" && e.erro.is_none()));
}

#[tokio::test]
async fn an_address_that_does_not_serve_is_recorded_and_puts_nothing_into_a_header() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &smtp), DE]).await;
    let injetado = "a@b.com\r\nBcc: x@y.com";
    let ruins = [injetado, "a@b.com, c@d.com", "\"a b\"@x.br", "joão@x.br"];
    for endereco in [None, Some("joao")].into_iter().chain(ruins.map(Some)) {
        queue(&casa, &[aviso(endereco)]).await;
    }
    let mut nome = aviso(Some("joao@exemplo.com.br"));
    nome.contexto.destinatario = "João\r\nBcc: x@y.com".into();
    queue(&casa, &[nome]).await;
    casa.send().await;
    let all = emails(&casa).await;
    let without: Vec<_> = all.iter().filter(|email| email.situacao == "sem_endereco").collect();
    assert_eq!(without.len(), 6);
    assert!(without.iter().all(|email| email.erro.is_some()));
    assert_eq!(without[4].erro.as_deref(), Some("O endereço “joao” não serve como e-mail."));
    let received = correio.received();
    assert_eq!(received.len(), 1);
    assert!(!opened(&received[0]).0.contains("\nBcc"), "{}", received[0]);
}

#[tokio::test]
async fn an_unknown_mailbox_ends_it_and_a_passing_refusal_does_not() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &smtp), DE]).await;
    correio.refusals.lock().unwrap().push_back("550 5.1.1 caixa desconhecida");
    queue(&casa, &[aviso(Some("joao@exemplo.com.br"))]).await;
    casa.send().await;
    let email = only(&casa).await;
    assert_eq!((email.situacao.as_str(), email.tentativas), ("falhou", 1));
    let erro = "o servidor de e-mail recusou o endereço: 550 5.1.1 caixa desconhecida";
    assert_eq!(email.erro.as_deref(), Some(erro));
    correio.refusals.lock().unwrap().push_back("451 volte depois");
    queue(&casa, &[aviso(Some("maria@exemplo.com.br"))]).await;
    casa.send().await;
    let waiting = emails(&casa).await.remove(0);
    assert_eq!((waiting.situacao.as_str(), waiting.tentativas), ("pendente", 1));
    let erro = "o servidor de e-mail não aceitou a mensagem agora: 451 volte depois";
    assert_eq!(waiting.erro.as_deref(), Some(erro));
    casa.wait().await;
    casa.send().await;
    let sent = emails(&casa).await.remove(0);
    assert_eq!((sent.situacao.as_str(), sent.tentativas), ("enviado", 2));
    assert_eq!(sent.message_id, waiting.message_id);
}

#[tokio::test]
async fn a_refusal_of_the_sender_or_of_a_policy_does_not_end_it_and_one_of_the_mailbox_does() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &smtp), DE]).await;
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
        correio.refusals.lock().unwrap().push_back(refusal);
        queue(&casa, &[aviso(Some("joao@exemplo.com.br"))]).await;
        casa.send().await;
        assert_eq!(emails(&casa).await[0].situacao, situacao, "{refusal}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_until_the_last_time() {
    let casa = Casa::new(&[("CAMPO_SMTP", "smtp://127.0.0.1:9"), DE]).await;
    queue(&casa, &[aviso(Some("joao@exemplo.com.br"))]).await;
    for _ in 0..10 {
        assert_eq!(only(&casa).await.situacao, "pendente");
        casa.wait().await;
        casa.send().await;
    }
    let email = only(&casa).await;
    assert_eq!((email.situacao.as_str(), email.tentativas), ("falhou", 10));
    let erro = "não foi possível falar com o servidor de e-mail";
    assert_eq!(email.erro.as_deref(), Some(erro));
}

#[tokio::test]
async fn what_the_server_cannot_do_is_said_in_portuguese() {
    let (_correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &format!("{smtp}?tls=required")), DE]).await;
    queue(&casa, &[aviso(Some("joao@exemplo.com.br"))]).await;
    casa.send().await;
    let email = only(&casa).await;
    assert_eq!(email.situacao, "pendente");
    let erro = "o servidor de e-mail não oferece a cifra (STARTTLS) que CAMPO_SMTP pede";
    assert_eq!(email.erro.as_deref(), Some(erro));
}

#[tokio::test]
async fn an_email_that_waited_for_too_long_goes_out_only_when_somebody_asks() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[]).await;
    let para_bia = aviso(Some("bia@aurora.com.br"));
    let para_bia = NovoEmail { usuario: Some(bia(&casa).await), ..para_bia };
    bia_has_an_address(&casa).await;
    queue(&casa, &[para_bia, aviso(Some("maria@exemplo.com.br"))]).await;
    casa.send().await;
    sqlx::query(
        "UPDATE email_saida SET proxima_em = now() - interval '73 hours' \
         WHERE usuario IS NOT NULL",
    )
    .execute(casa.app.db.owner())
    .await
    .unwrap();
    let later = casa.other(&[("CAMPO_SMTP", &smtp), DE]).await;
    once(&later).await.unwrap();
    let all = emails(&casa).await;
    let states: Vec<&str> = all.iter().map(|email| email.situacao.as_str()).collect();
    assert_eq!(states, ["enviado", "vencido"]);
    assert!(all[1].erro.as_ref().unwrap().contains("3 dias"));
    once(&later).await.unwrap();
    assert_eq!(correio.received().len(), 1);
    again(&casa, all[1].id).await.unwrap();
    once(&later).await.unwrap();
    assert_eq!(correio.received().len(), 2);
    assert!(emails(&casa).await.iter().all(|email| email.situacao == "enviado"));
}

#[tokio::test]
async fn an_email_that_waits_may_be_cancelled_and_one_that_went_may_not() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[]).await;
    let cancel = async |email: Uuid| {
        let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
        email::cancelar(&mut tx, casa.tenant, email, "Carla").await?;
        tx.commit().await.unwrap();
        crate::error::ApiResult::Ok(())
    };
    queue(&casa, &[aviso(Some("joao@exemplo.com.br")), aviso(Some("maria@exemplo.com.br"))]).await;
    casa.send().await;
    let both = async || -> [Email; 2] { emails(&casa).await.try_into().unwrap() };
    let [maria, joao] = both().await;
    cancel(joao.id).await.unwrap();
    cancel(joao.id).await.unwrap();
    once(&casa.other(&[("CAMPO_SMTP", &smtp), DE]).await).await.unwrap();
    assert_eq!(correio.received().len(), 1);
    assert_eq!(cancel(maria.id).await.unwrap_err().codigo, "email_fora_de_hora");
    let [maria, joao] = both().await;
    assert_eq!((maria.situacao.as_str(), joao.situacao.as_str()), ("enviado", "cancelado"));
    assert_eq!(joao.erro.as_deref(), Some("cancelado por Carla"));
    assert_eq!(cancel(Uuid::now_v7()).await.unwrap_err().codigo, "nao_encontrado");
}

#[tokio::test]
async fn two_workers_send_each_email_once() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &smtp), DE]).await;
    let all: Vec<NovoEmail> = (0..20).map(|_| aviso(Some("joao@exemplo.com.br"))).collect();
    queue(&casa, &all).await;
    let other = casa.other(&[("CAMPO_SMTP", &smtp), DE]).await;
    let (one, two) = tokio::join!(once(&casa.app), once(&other));
    one.and(two).unwrap();
    assert_eq!(correio.received().len(), 20);
}

#[tokio::test]
async fn sent_again_on_demand_it_goes_to_the_present_address_as_another_message() {
    let (correio, smtp) = Correio::start().await;
    let casa = Casa::new(&[("CAMPO_SMTP", &smtp), DE]).await;
    let bia = bia(&casa).await;
    queue(&casa, &[NovoEmail { usuario: Some(bia), ..aviso(None) }]).await;
    casa.send().await;
    let first = only(&casa).await;
    assert_eq!(first.situacao, "sem_endereco");
    assert_eq!(again(&casa, first.id).await.unwrap_err().codigo, "sem_endereco");
    assert_eq!(again(&casa, Uuid::now_v7()).await.unwrap_err().codigo, "nao_encontrado");
    bia_has_an_address(&casa).await;
    let mut ids = Vec::new();
    for sent in 1..=2 {
        again(&casa, first.id).await.unwrap();
        casa.send().await;
        assert_eq!(correio.received().len(), sent);
        let email = only(&casa).await;
        assert_eq!(email.endereco.as_deref(), Some("bia@aurora.com.br"));
        ids.push(email.message_id.unwrap());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_company_writes_its_own_template_and_may_go_back() {
    let casa = Casa::new(&[]).await;
    let vizinha = Casa {
        app: casa.app.clone(),
        url: casa.url.clone(),
        tenant: company(&casa.app.db, "boreal").await,
    };
    let write = async |corpo: Option<&str>| {
        let texto = corpo
            .map(|corpo| Texto { assunto: "Pronto: {{ numero }}".into(), corpo: corpo.into() });
        let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
        let codigo = "encerramento";
        email::gravar_modelo(&mut tx, casa.tenant, codigo, texto.as_ref()).await?;
        tx.commit().await.unwrap();
        crate::error::ApiResult::Ok(())
    };
    write(Some("{{ destinatario }}, {% if parecer %}feito{% endif %}!")).await.unwrap();
    assert_eq!(write(Some("{{ senha }}")).await.unwrap_err().codigo, "modelo_invalido");
    for casa in [&casa, &vizinha] {
        queue(casa, &[aviso(None)]).await;
    }
    let email = only(&casa).await;
    assert_eq!(
        (email.assunto.as_str(), email.corpo.as_str()),
        ("Pronto: 2026/7", "João Ação, feito!")
    );
    assert_eq!(only(&vizinha).await.assunto, "Ocorrência 2026/7: Concluída");
    // One that turns out too long for a record gives way to the text that Campo brings.
    write(Some(&"{{ parecer }}".repeat(1_500))).await.unwrap();
    let mut longo = aviso(None);
    longo.contexto.parecer = "p".repeat(20_000);
    queue(&casa, &[longo]).await;
    let email = emails(&casa).await.remove(0);
    assert_eq!(email.assunto, "Ocorrência 2026/7: Concluída");
    assert!(email.modelo_erro.unwrap().contains("saiu o texto padrão"));
    write(None).await.unwrap();
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let modelos = email::modelos(&mut tx, casa.tenant).await.unwrap();
    assert_eq!(modelos.len(), 2);
    assert!(modelos.iter().all(|modelo| modelo.padrao));
}
