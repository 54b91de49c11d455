//! From a plan to the rows of the outbox: what the ERP is told of an action, and whom an e-mail
//! reaches. Nothing of the business makes it fail: what cannot be sent is kept and says why.

use super::{
    cliente::{Cliente, filled},
    email::{self, NovoEmail},
    evento, fila,
    modelo::Contexto,
};
use crate::visibility::visible;
use anyhow::Result;
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    kind::Kind,
    registro::{Registro, SituacaoAcao, TipoAnalise},
    tipo::Tipo,
};
use campo_sync::exchange::{ActionWrite, EmailWrite, Plan, Recipients};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use uuid::Uuid;

/// Queues what follows a plan, in the transaction that commits it, once the projection is written.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn enqueue(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    plan: &Plan,
) -> Result<()> {
    let mut mensagens = Vec::new();
    for ActionWrite { document, action, .. } in &plan.actions {
        let Some(write) = plan.documents.get(document) else { continue };
        let (registro, tipo) = (&write.merged.registro, &*write.merged.tipo);
        let Some(acao) = registro.acoes.iter().find(|other| other.id == *action) else { continue };
        mensagens.push(evento::solicitada(tx, tenant, now, registro, tipo, acao).await?);
    }
    fila::enfileirar(tx, tenant, now, &mensagens).await?;
    let registros = plan.documents.values().map(|write| &write.merged.registro);
    let respondidas = registros.flat_map(|registro| {
        let acoes = registro.acoes.iter();
        let acoes = acoes.filter(|acao| acao.situacao != SituacaoAcao::Solicitada);
        acoes.map(|acao| (registro.id, acao.id))
    });
    fila::cancelar(tx, tenant, &respondidas.collect::<Vec<_>>()).await?;
    let mut emails = Vec::new();
    for aviso in &plan.emails {
        let Some(write) = plan.documents.get(&aviso.document) else { continue };
        emails.extend(avisar(tx, tenant, &write.merged.registro, &write.merged.tipo, aviso).await?);
    }
    email::enfileirar(tx, tenant, now, &emails).await
}

async fn avisar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    registro: &Registro,
    tipo: &Tipo,
    aviso: &EmailWrite,
) -> Result<Vec<NovoEmail>> {
    let empresa: String = sqlx::query_scalar("SELECT nome FROM tenant WHERE id = $1")
        .bind(tenant.uuid())
        .fetch_one(&mut **tx)
        .await?;
    let cliente = Cliente::load(tx, tenant, registro.id).await?;
    // A client is told no more than the portal shows.
    let situacao = match aviso.to {
        Recipients::Client => registro.situacao_do_cliente(tipo),
        Recipients::Users(_) => registro.situacao(tipo),
    };
    let relato = match registro.valor("relato").texto() {
        Some(relato) => Some(relato),
        None => registro.valor("situacao_alegada").texto(),
    };
    let contexto = Contexto {
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
    let para = |usuario: Option<UserId>, nome: &str, endereco: Option<String>| NovoEmail {
        documento: registro.id,
        modelo: aviso.template.clone(),
        usuario,
        endereco,
        contexto: Contexto { destinatario: nome.to_owned(), ..contexto.clone() },
    };
    let usuarios = match &aviso.to {
        Recipients::Client => {
            let nome = filled(&cliente.contato_nome).or(filled(&cliente.nome)).unwrap_or_default();
            return Ok(vec![para(None, nome, cliente.endereco())]);
        }
        Recipients::Users(usuarios) => usuarios,
    };
    // Only the company's own people, and of them those who may see the record (R85, R86).
    let people: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(concat!(
        "SELECT u.id, u.nome, u.email \
         FROM usuario u, (SELECT $1::uuid AS tenant, $3::uuid AS raiz) d \
         WHERE u.tenant = d.tenant AND u.id = ANY ($2) AND u.ativo AND NOT u.servico \
             AND u.cliente IS NULL AND 'ver' = ANY (u.permissoes) AND ($4 OR ",
        visible!("d", "u.id", "'ver_todas' = ANY (u.permissoes)"),
        ") ORDER BY u.id"
    ))
    .bind(tenant.uuid())
    .bind(usuarios.iter().map(|usuario| usuario.uuid()).collect::<Vec<_>>())
    .bind(registro.raiz().uuid())
    .bind(registro.kind == Kind::Cliente)
    .fetch_all(&mut **tx)
    .await?;
    let to = |(id, nome, email): (Uuid, String, _)| para(Some(id.into()), &nome, email);
    Ok(people.into_iter().map(to).collect())
}
