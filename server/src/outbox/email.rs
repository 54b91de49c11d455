//! E-mails to clients and to interested people (R60, R66, R87): the queue, and the templates of the
//! company. Each e-mail is filled in when it is queued, so that it tells of that moment.

use super::{
    cliente::Cliente,
    esperas::ESPERAS,
    modelo::{self, Contexto, Modelo, PADROES, Texto},
    smtp::{self, Carta, Falha},
};
use crate::{
    config::{Config, Smtp},
    error::{ApiError, ApiResult},
};
use anyhow::Result;
use axum::http::StatusCode;
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    valor,
};
use chrono::{DateTime, Utc};
use lettre::{Address, message::Mailbox};
use serde::Serialize;
use sqlx::{FromRow, PgTransaction};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// How long a claimed e-mail is left to whoever claimed it.
const LEASE: &str = "3 minutes";
/// Most e-mails to the client that an acompanhamento has.
const AO_CLIENTE_MAX: i64 = 1_000;
/// How long after it was due an e-mail still goes out by itself.
const ATRASO_MAX: &str = "3 days";

/// Um e-mail, como foi escrito, e o que foi dele.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, FromRow)]
pub struct Email {
    /// Id.
    pub id: Uuid,
    /// O registro.
    pub documento: Uuid,
    /// O modelo.
    pub modelo: String,
    /// Por que o modelo da empresa não foi usado, se não pôde ser.
    pub modelo_erro: Option<String>,
    /// A pessoa da empresa; ausente se é o cliente.
    pub usuario: Option<Uuid>,
    /// Para quem.
    pub nome: String,
    /// O endereço, se há um.
    pub endereco: Option<String>,
    /// Assunto.
    pub assunto: String,
    /// Texto.
    pub corpo: String,
    /// Até onde chegou.
    #[schema(value_type = crate::schemas::SituacaoDoEmail)]
    pub situacao: String,
    /// Tentativas desde que entrou na fila, ou voltou a ela.
    pub tentativas: i32,
    /// Quando será a próxima.
    pub proxima_em: Option<DateTime<Utc>>,
    /// Quando foi pedido.
    pub criado_em: DateTime<Utc>,
    /// Quando o servidor de e-mail aceitou.
    pub enviado_em: Option<DateTime<Utc>>,
    /// O `Message-ID`.
    pub message_id: Option<String>,
    /// O que o servidor de e-mail respondeu.
    pub resposta: Option<String>,
    /// Por que não foi enviado.
    pub erro: Option<String>,
}

/// The columns of an [`Email`], of `email_saida`.
macro_rules! colunas {
    () => {
        "id, documento, modelo, modelo_erro, usuario, nome, endereco, assunto, corpo, situacao, \
         tentativas, CASE WHEN situacao = 'pendente' THEN proxima_em END AS proxima_em, \
         criado_em, enviado_em, message_id, resposta, erro"
    };
}

/// An e-mail to the client, and where it stands in the log of its record.
#[derive(Clone, Debug, FromRow)]
pub struct AoCliente {
    /// The position of what it tells of.
    pub seq: i64,
    /// Its place after whatever else has that position.
    pub ordem: i32,
    /// The e-mail.
    #[sqlx(flatten)]
    pub email: Email,
}

/// Which e-mails to list.
#[derive(Clone, Debug, Default)]
pub struct Filtro {
    /// In this state.
    pub situacao: Option<String>,
    /// Of this record.
    pub documento: Option<DocumentId>,
}

/// The SMTP server and the sender, if both are set.
///
/// # Errors
/// The name of the setting that is missing.
pub fn smtp(config: &Config) -> Result<(&Smtp, &Mailbox), &'static str> {
    let smtp = config.smtp.as_ref().ok_or("CAMPO_SMTP")?;
    Ok((smtp, config.smtp_de.as_ref().ok_or("CAMPO_SMTP_DE")?))
}

/// Whether a text is an address that e-mail can be sent to.
///
/// # Errors
/// 422 `email_invalido`.
pub fn endereco(texto: &str) -> ApiResult<()> {
    if valor::email_valido(texto) && texto.parse::<Address>().is_ok() {
        return Ok(());
    }
    let mensagem = format!("O endereço “{texto}” não serve como e-mail.");
    Err(ApiError::recusado("email_invalido", mensagem))
}

/// E-mails, newest first, before the one whose id is `depois`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn listar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    filtro: &Filtro,
    depois: Option<Uuid>,
    limite: i64,
) -> ApiResult<Vec<Email>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        colunas!(),
        " FROM email_saida WHERE tenant = $1 AND ($2::text IS NULL OR situacao = $2) \
             AND ($3::uuid IS NULL OR documento = $3) AND ($4::uuid IS NULL OR id < $4) \
         ORDER BY id DESC LIMIT $5"
    ))
    .bind(tenant.uuid())
    .bind(&filtro.situacao)
    .bind(filtro.documento.map(DocumentId::uuid))
    .bind(depois)
    .bind(limite)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The newest e-mails about a record that are to its client, the oldest first. An e-mail has the
/// time of the transaction that it tells of, and so that transaction's last position in the log.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn ao_cliente(
    tx: &mut PgTransaction<'_>,
    documento: DocumentId,
) -> ApiResult<Vec<AoCliente>> {
    let mut rows: Vec<AoCliente> = sqlx::query_as(concat!(
        "SELECT ",
        colunas!(),
        ", coalesce((SELECT a.seq FROM acompanhamentos a WHERE a.tenant = email_saida.tenant \
                 AND a.document = documento AND a.no_servidor <= criado_em \
             ORDER BY a.seq DESC LIMIT 1), 0) AS seq, \
         1000000 + (row_number() OVER (ORDER BY id))::int AS ordem \
         FROM email_saida WHERE documento = $1 AND usuario IS NULL ORDER BY id DESC LIMIT $2"
    ))
    .bind(documento.uuid())
    .bind(AO_CLIENTE_MAX)
    .fetch_all(&mut **tx)
    .await?;
    rows.reverse();
    Ok(rows)
}

/// Sends an e-mail again, whatever became of it, to the address that the person has now.
///
/// # Errors
/// 404; 409 `sem_endereco`, 422 `email_invalido`.
pub async fn reenviar(tx: &mut PgTransaction<'_>, tenant: TenantId, email: Uuid) -> ApiResult<()> {
    let (documento, usuario): (Uuid, Option<Uuid>) = sqlx::query_as(
        "SELECT documento, usuario FROM email_saida WHERE tenant = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.uuid())
    .bind(email)
    .fetch_one(&mut **tx)
    .await?;
    let para = match usuario {
        Some(usuario) => {
            let sql = "SELECT email FROM usuario WHERE tenant = $1 AND id = $2";
            let found = sqlx::query_scalar(sql).bind(tenant.uuid()).bind(usuario);
            found.fetch_optional(&mut **tx).await?.flatten()
        }
        None => Cliente::load(tx, tenant, documento.into()).await?.endereco(),
    };
    let para: String = para.ok_or_else(|| {
        let mensagem = "Quem receberia este e-mail ainda não tem endereço. Cadastre-o e reenvie.";
        ApiError::new(StatusCode::CONFLICT, "sem_endereco", mensagem)
    })?;
    let para = para.trim();
    endereco(para)?;
    sqlx::query(
        "UPDATE email_saida SET endereco = $3, situacao = 'pendente', tentativas = 0, \
             proxima_em = now(), arrendamento = NULL, erro = NULL, \
             reenvios = reenvios + (enviado_em IS NOT NULL)::int \
         WHERE tenant = $1 AND id = $2",
    )
    .bind(tenant.uuid())
    .bind(email)
    .bind(para)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Cancels an e-mail that waits, for whatever; one that was cancelled stays so.
///
/// # Errors
/// 404; 409 `email_fora_de_hora` where it was sent, has failed, or is on its way just now.
pub async fn cancelar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    email: Uuid,
    por: &str,
) -> ApiResult<()> {
    let (situacao, saindo): (String, bool) = sqlx::query_as(
        "SELECT situacao, arrendamento IS NOT NULL AND proxima_em > now() FROM email_saida \
         WHERE tenant = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant.uuid())
    .bind(email)
    .fetch_one(&mut **tx)
    .await?;
    match situacao.as_str() {
        "cancelado" => return Ok(()),
        "pendente" | "nao_enviado" | "sem_endereco" | "vencido" if !saindo => {}
        _ => {
            let mensagem = "Este e-mail não espera mais: foi enviado, falhou ou está saindo agora.";
            return Err(ApiError::new(StatusCode::CONFLICT, "email_fora_de_hora", mensagem));
        }
    }
    sqlx::query(
        "UPDATE email_saida SET situacao = 'cancelado', arrendamento = NULL, erro = $3 \
         WHERE tenant = $1 AND id = $2",
    )
    .bind(tenant.uuid())
    .bind(email)
    .bind(format!("cancelado por {por}"))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The templates: those that Campo brings, as the company has changed them, and the company's own.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn modelos(tx: &mut PgTransaction<'_>, tenant: TenantId) -> ApiResult<Vec<Modelo>> {
    let rows: Vec<(String, String, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT codigo, assunto, corpo, alterado_em FROM modelo_email WHERE tenant = $1",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let mut modelos: BTreeMap<String, Modelo> = PADROES
        .iter()
        .map(|codigo| {
            let Texto { assunto, corpo } = modelo::padrao(codigo);
            let codigo = (*codigo).to_owned();
            let padrao =
                Modelo { codigo: codigo.clone(), assunto, corpo, padrao: true, alterado_em: None };
            (codigo, padrao)
        })
        .collect();
    for (codigo, assunto, corpo, alterado_em) in rows {
        let alterado_em = Some(alterado_em);
        let modelo = Modelo { codigo: codigo.clone(), assunto, corpo, padrao: false, alterado_em };
        modelos.insert(codigo, modelo);
    }
    Ok(modelos.into_values().collect())
}

/// Writes a template of the company; `None` goes back to the one that Campo brings.
///
/// # Errors
/// 422 `modelo_invalido`.
pub async fn gravar_modelo(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    codigo: &str,
    texto: Option<&Texto>,
) -> ApiResult<()> {
    let query = match texto {
        None => sqlx::query("DELETE FROM modelo_email WHERE tenant = $1 AND codigo = $2")
            .bind(tenant.uuid())
            .bind(codigo),
        Some(texto) => {
            modelo::validar(codigo, texto)?;
            sqlx::query(
                "INSERT INTO modelo_email (tenant, codigo, assunto, corpo) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (tenant, codigo) DO UPDATE SET assunto = excluded.assunto, \
                     corpo = excluded.corpo, alterado_em = now()",
            )
            .bind(tenant.uuid())
            .bind(codigo)
            .bind(&texto.assunto)
            .bind(&texto.corpo)
        }
    };
    query.execute(&mut **tx).await?;
    Ok(())
}

/// An e-mail to queue.
#[derive(Clone, Debug)]
pub(super) struct NovoEmail {
    pub(super) documento: DocumentId,
    pub(super) modelo: String,
    /// The person; the client when `None`.
    pub(super) usuario: Option<UserId>,
    pub(super) endereco: Option<String>,
    pub(super) contexto: Contexto,
}

/// Queues e-mails in the transaction that commits what they tell of. One without an address is
/// kept too, and says so.
pub(super) async fn enfileirar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    emails: &[NovoEmail],
) -> Result<()> {
    if emails.is_empty() {
        return Ok(());
    }
    let codigos: Vec<&str> = emails.iter().map(|email| email.modelo.as_str()).collect();
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT codigo, assunto, corpo FROM modelo_email WHERE tenant = $1 AND codigo = ANY ($2)",
    )
    .bind(tenant.uuid())
    .bind(codigos)
    .fetch_all(&mut **tx)
    .await?;
    let da_empresa: BTreeMap<String, Texto> = rows
        .into_iter()
        .map(|(codigo, assunto, corpo)| (codigo, Texto { assunto, corpo }))
        .collect();
    for email in emails {
        let (texto, modelo_erro) =
            modelo::preencher(&email.modelo, da_empresa.get(&email.modelo), &email.contexto)?;
        let para = email.endereco.as_deref().map(str::trim).filter(|texto| !texto.is_empty());
        let erro = match para {
            None => Some("não há endereço de e-mail cadastrado".to_owned()),
            Some(texto) => endereco(texto).err().map(|error| error.mensagem.into_owned()),
        };
        sqlx::query(
            "INSERT INTO email_saida (tenant, id, documento, modelo, modelo_erro, usuario, nome, \
                 endereco, assunto, corpo, situacao, erro, criado_em) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
                 CASE WHEN $11::text IS NULL THEN 'pendente' ELSE 'sem_endereco' END, $11, $12)",
        )
        .bind(tenant.uuid())
        .bind(Uuid::now_v7())
        .bind(email.documento.uuid())
        .bind(&email.modelo)
        .bind(modelo_erro)
        .bind(email.usuario.map(UserId::uuid))
        .bind(&email.contexto.destinatario)
        .bind(para)
        .bind(texto.assunto)
        .bind(texto.corpo)
        .bind(erro)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Writes into what waits that it waits for a setting.
pub(super) async fn sem_smtp(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    falta: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE email_saida SET situacao = 'nao_enviado', erro = $2 \
         WHERE tenant = $1 AND situacao = 'pendente' AND proxima_em <= now()",
    )
    .bind(tenant.uuid())
    .bind(format!("o envio de e-mails não está configurado: falta {falta}"))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What has waited too long to go out by itself does not: it would tell of what was.
async fn vencer(tx: &mut PgTransaction<'_>, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE email_saida SET situacao = 'vencido', arrendamento = NULL, erro = $3 \
         WHERE tenant = $1 AND situacao IN ('pendente', 'nao_enviado') \
             AND proxima_em < now() - $2::interval",
    )
    .bind(tenant.uuid())
    .bind(ATRASO_MAX)
    .bind("esperou mais de 3 dias e não sai mais por si; reenvie-o, se ainda vale")
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An e-mail that was claimed: nobody else sends it while the lease lasts.
#[derive(Debug, FromRow)]
pub(super) struct Reservado {
    pub(super) id: Uuid,
    pub(super) tentativas: i32,
    arrendamento: Uuid,
    nome: String,
    endereco: String,
    assunto: String,
    corpo: String,
    message_id: String,
}

impl Reservado {
    /// Tries once.
    pub(super) async fn enviar(&self, smtp: &Smtp, de: &Mailbox) -> Result<String, Falha> {
        let carta = Carta {
            de,
            nome: &self.nome,
            endereco: &self.endereco,
            assunto: &self.assunto,
            corpo: &self.corpo,
            message_id: &self.message_id,
        };
        smtp::enviar(smtp, &carta).await
    }
}

/// Claims an e-mail that is due, if there is one. Its Message-ID is the same on every try, so that
/// a mailbox can tell a repetition, and another when it is sent again on demand.
pub(super) async fn reservar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    de: &Mailbox,
) -> sqlx::Result<Option<Reservado>> {
    vencer(tx, tenant).await?;
    sqlx::query_as(
        "UPDATE email_saida e SET situacao = 'pendente', tentativas = tentativas + 1, \
             arrendamento = $2, proxima_em = now() + $3::interval, \
             message_id = format('<%s.%s@%s>', e.id, e.reenvios, $4::text) \
         WHERE e.tenant = $1 AND e.id = ( \
             SELECT x.id FROM email_saida x WHERE x.tenant = $1 \
                 AND x.situacao IN ('pendente', 'nao_enviado') AND x.proxima_em <= now() \
             ORDER BY x.proxima_em, x.id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id, tentativas, arrendamento, nome, coalesce(endereco, '') AS endereco, \
             assunto, corpo, message_id",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(LEASE)
    .bind(de.email.domain())
    .fetch_optional(&mut **tx)
    .await
}

/// Records a try and decides what follows. It decides nothing if somebody else has the e-mail now.
pub(super) async fn registrar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    reservado: &Reservado,
    resultado: &Result<String, Falha>,
) -> sqlx::Result<()> {
    let espera = ESPERAS.depois(reservado.tentativas);
    let situacao = match resultado {
        Ok(_) => "enviado",
        Err(falha) if falha.definitiva || espera.is_none() => "falhou",
        Err(_) => "pendente",
    };
    sqlx::query(
        "UPDATE email_saida SET situacao = $4, resposta = $5, erro = $6, arrendamento = NULL, \
             proxima_em = now() + make_interval(secs => $7), \
             enviado_em = CASE WHEN $4 = 'enviado' THEN now() ELSE enviado_em END \
         WHERE tenant = $1 AND id = $2 AND arrendamento = $3",
    )
    .bind(tenant.uuid())
    .bind(reservado.id)
    .bind(reservado.arrendamento)
    .bind(situacao)
    .bind(resultado.as_ref().ok())
    .bind(resultado.as_ref().err().map(|falha| &falha.erro))
    .bind(espera.unwrap_or_default().as_secs_f64())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
