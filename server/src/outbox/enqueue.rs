//! From a plan to the rows of the outbox: the event of each action, and an e-mail for each person
//! who is told. A message that cannot be sent is stored with the reason; it does not fail the
//! commit.

use super::{
    cliente::{Cliente, filled},
    email::{self, NewEmail},
    evento, queue,
    template::Contexto,
};
use crate::visibility::visible;
use anyhow::Result;
use campo_domain::{
    ids::{TenantId, UserId},
    kind::Kind,
    registro::{Registro, SituacaoAcao, TipoAnalise},
    tipo::Tipo,
};
use campo_sync::exchange::{ActionWrite, EmailWrite, Plan, Recipients};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use uuid::Uuid;

/// Queues the messages of a plan in the transaction that commits it. The projection must be written
/// before, since it is read here.
///
/// # Errors
/// PostgreSQL's.
pub async fn enqueue(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    plan: &Plan,
) -> Result<()> {
    let mut messages = Vec::new();
    for ActionWrite { document, action, .. } in &plan.actions {
        let Some(write) = plan.documents.get(document) else { continue };
        let (registro, tipo) = (&write.merged.registro, &*write.merged.tipo);
        let Some(acao) = registro.acoes.iter().find(|other| other.id == *action) else { continue };
        messages.push(evento::solicitada(tx, tenant, now, registro, tipo, acao).await?);
    }
    queue::enqueue(tx, tenant, now, &messages).await?;
    let registros = plan.documents.values().map(|write| &write.merged.registro);
    let answered = registros.flat_map(|registro| {
        let acoes = registro.acoes.iter();
        let acoes = acoes.filter(|acao| acao.situacao != SituacaoAcao::Solicitada);
        acoes.map(|acao| (registro.id, acao.id))
    });
    queue::cancel(tx, tenant, &answered.collect::<Vec<_>>()).await?;
    let mut emails = Vec::new();
    for aviso in &plan.emails {
        let Some(write) = plan.documents.get(&aviso.document) else { continue };
        emails.extend(
            emails_for(tx, tenant, &write.merged.registro, &write.merged.tipo, aviso).await?,
        );
    }
    email::enqueue(tx, tenant, now, &emails).await
}

/// The e-mails of one notice: to the client, or to the people whom it names.
async fn emails_for(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    registro: &Registro,
    tipo: &Tipo,
    aviso: &EmailWrite,
) -> Result<Vec<NewEmail>> {
    let empresa: String = sqlx::query_scalar("SELECT nome FROM tenant WHERE id = $1")
        .bind(tenant.uuid())
        .fetch_one(&mut **tx)
        .await?;
    let cliente = Cliente::load(tx, tenant, registro.id).await?;
    // A client is told the situação that the portal shows (R66).
    let situacao = match aviso.to {
        Recipients::Client => registro.situacao_do_cliente(tipo),
        Recipients::Users(_) => registro.situacao(tipo),
    };
    let relato = match registro.valor("relato").texto() {
        Some(relato) => Some(relato),
        None => registro.valor("situacao_alegada").texto(),
    };
    let context = Contexto {
        empresa,
        destinatario: String::new(),
        tipo: tipo.nome.clone(),
        numero: registro.rotulo(),
        situacao: situacao.map(|situacao| situacao.nome.clone()).unwrap_or_default(),
        cliente: cliente.nome.clone().unwrap_or_default(),
        contato: cliente.contato_nome.clone().unwrap_or_default(),
        assunto: registro.titulo(),
        relato: relato.unwrap_or_default().to_owned(),
        parecer: registro
            .vigente(TipoAnalise::Parecer)
            .map(|parecer| parecer.texto.clone())
            .unwrap_or_default(),
    };
    let email_to = |user: Option<UserId>, name: &str, address: Option<String>| NewEmail {
        document: registro.id,
        template: aviso.template.clone(),
        user,
        address,
        context: Contexto { destinatario: name.to_owned(), ..context.clone() },
    };
    let users = match &aviso.to {
        Recipients::Client => {
            let name = filled(&cliente.contato_nome).or(filled(&cliente.nome)).unwrap_or_default();
            return Ok(vec![email_to(None, name, cliente.email_address())]);
        }
        Recipients::Users(users) => users,
    };
    // Only active people of the company who may see the record (R85, R86).
    let people: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(concat!(
        "SELECT u.id, u.nome, u.email \
         FROM usuario u, (SELECT $1::uuid AS tenant, $3::uuid AS raiz) d \
         WHERE u.tenant = d.tenant AND u.id = ANY ($2) AND u.ativo AND NOT u.servico \
             AND u.cliente IS NULL AND 'ver' = ANY (u.permissoes) AND ($4 OR ",
        visible!("d", "u.id", "'ver_todas' = ANY (u.permissoes)"),
        ") ORDER BY u.id"
    ))
    .bind(tenant.uuid())
    .bind(users.iter().map(|user| user.uuid()).collect::<Vec<_>>())
    .bind(registro.raiz().uuid())
    .bind(registro.kind == Kind::Cliente)
    .fetch_all(&mut **tx)
    .await?;
    let to = |(id, name, email): (Uuid, String, _)| email_to(Some(id.into()), &name, email);
    Ok(people.into_iter().map(to).collect())
}
