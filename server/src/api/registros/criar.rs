//! New records: made whole in one request, and copies of others (R94).

use super::{
    change,
    enderecos::{self, Registros},
    ficha::{self, RegistroCriado},
    lido,
    partes::NovaParte,
    read, referencias,
    restricao::NovaRestricao,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiJson, ApiJsonOpcional, ApiPath},
        principal::{Acesso, EscreverRegistros, Principal},
    },
    office::{self, preparo},
    reading::json,
    reference,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId},
    kind::Kind,
    parte::Colecao,
    preenchimento,
    refusal::{Codigo, Refusal},
    registro::Campos,
    tipo::{Tipo, TipoRef, Tipos},
    valor::{Campo, Valor},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, sync::Arc};
use utoipa::ToSchema;
use uuid::Uuid;

/// Um registro novo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NovoRegistro {
    /// O identificador, se quem cria o escolhe (UUID v7, de preferência): repetir o pedido não cria
    /// outro.
    #[schema(value_type = Option<Uuid>)]
    pub id: Option<Uuid>,
    /// O código do tipo; dispensável onde só há um.
    pub tipo: Option<String>,
    /// Os campos, pelo nome. O que ficou vazio e o Campo sabe é preenchido.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub campos: Map<String, Value>,
    /// Itens.
    #[serde(default)]
    pub itens: Vec<NovaParte>,
    /// Despesas.
    #[serde(default)]
    pub despesas: Vec<NovaParte>,
    /// Vínculos com outros registros e contatos.
    #[serde(default)]
    pub vinculos: Vec<NovaParte>,
    /// Quem participa além de quem é responsável.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    pub participantes: BTreeSet<Uuid>,
    /// Quem é avisado na abertura e na conclusão.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    pub interessados: BTreeSet<Uuid>,
    /// Quem pode ver, além de quem administra; todos, se ausente.
    pub restricao: Option<NovaRestricao>,
}

/// Cria um registro.
#[utoipa::path(post, path = "/v1/{kind}", tag = "Registros",
    params(("kind" = Registros, Path)), request_body = NovoRegistro,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = RegistroCriado), crate::http::problems::Problemas))]
pub async fn criar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(colecao): ApiPath<Registros>,
    ApiJson(novo): ApiJson<NovoRegistro>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let (fuso, tipos) = lido::empresa(&app, acesso.tenant).await?;
    let tipo = choose(&app, &acesso, &tipos, kind, novo.tipo.as_deref()).await?;
    let id: DocumentId = enderecos::id_or_new(novo.id);
    let comandos = commands_of(&app, &acesso, &tipo, id, novo, fuso).await?;
    write(&app, &acesso, comandos).await?;
    ficha::created(&app, &acesso, kind, id).await
}

/// The newest version of the tipo that is named, or of the only one that is offered.
///
/// # Errors
/// `tipo_desconhecido`, or 400 where it must be named.
async fn choose(
    app: &App,
    quem: &Principal,
    tipos: &Tipos,
    kind: Kind,
    nome: Option<&str>,
) -> ApiResult<Arc<Tipo>> {
    if let Some(nome) = nome {
        let tipo = tipos.atual(nome)?;
        if tipo.kind != kind {
            return Err(Refusal::with(Codigo::TipoDesconhecido, [nome.to_owned()]).into());
        }
        return Ok(tipo.clone());
    }
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let oferecidos = reference::offered(&mut tx, quem.tenant, kind).await?;
    match &oferecidos[..] {
        [tipo] => Ok(tipo.clone()),
        todos => {
            let codigos: Vec<&str> = todos.iter().map(|tipo| tipo.codigo.as_str()).collect();
            Err(ApiError::invalido("Diga o tipo do registro.").with("tipos", codigos))
        }
    }
}

/// Everything that makes the record, to be written together.
async fn commands_of(
    app: &App,
    quem: &Principal,
    tipo: &Tipo,
    id: DocumentId,
    novo: NovoRegistro,
    fuso: Tz,
) -> ApiResult<Vec<(DocumentId, Command)>> {
    let kind = tipo.kind;
    let mut valores = json::ler_campos(kind.campos(), &novo.campos, fuso)?;
    let partes = |partes: &[NovaParte], em| -> Result<Vec<NovoItem>, Refusal> {
        partes.iter().map(|parte| parte.read(kind, em, fuso)).collect()
    };
    let itens = partes(&novo.itens, Colecao::Itens)?;
    let mut outras = Vec::new();
    for (em, enviadas) in [(Colecao::Despesas, novo.despesas), (Colecao::Vinculos, novo.vinculos)] {
        outras.extend(partes(&enviadas, em)?.into_iter().map(|item| (em, item)));
    }
    let campos = fill(app, quem, tipo, &valores).await?;
    for (em, item) in itens
        .iter()
        .map(|item| (Colecao::Itens, item))
        .chain(outras.iter().map(|(em, item)| (*em, item)))
    {
        valores.extend(referencias::of_part(kind, em, item));
    }
    referencias::check(app, quem, tipo, &valores).await?;

    let mut comandos = vec![creation(id, tipo, campos, itens)];
    comandos.extend(outras.into_iter().map(|(em, item)| Command::IncluirItem { em, item }));
    comandos.extend(
        novo.participantes
            .into_iter()
            .map(|usuario| Command::Participar { usuario: usuario.into(), participa: true }),
    );
    comandos.extend(
        novo.interessados
            .into_iter()
            .map(|usuario| Command::Interessar { usuario: usuario.into(), interessado: true }),
    );
    if let Some(restricao) = novo.restricao {
        let listados = restricao.listed();
        referencias::check_groups(app, quem, &listados).await?;
        comandos.push(Command::Restringir { para: Some(listados) });
    }
    Ok(comandos.into_iter().map(|comando| (id, comando)).collect())
}

/// The command that makes a record.
pub fn creation(id: DocumentId, tipo: &Tipo, campos: Campos, itens: Vec<NovoItem>) -> Command {
    Command::Criar { id, kind: tipo.kind, tipo: tipo.referencia(), campos, itens }
}

/// Writes it, all or nothing.
///
/// # Errors
/// A refusal of the rules.
pub async fn write(
    app: &App,
    quem: &Principal,
    comandos: Vec<(DocumentId, Command)>,
) -> ApiResult<()> {
    let done = office::run_all(app, quem.tenant, &quem.pessoa, comandos, None).await;
    change::judged(done)
}

/// The fields as they were sent, and what Campo knows of those that were left empty.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn fill(
    app: &App,
    quem: &Principal,
    tipo: &Tipo,
    valores: &[(&'static Campo, Valor)],
) -> ApiResult<Campos> {
    let preenchidos = valores.iter().filter(|(_, valor)| !valor.vazio());
    let mut campos: Campos =
        preenchidos.map(|(campo, valor)| (campo.nome.to_owned(), valor.clone())).collect();
    let mut tx = app.db.snapshot(quem.tenant).await?;
    preparo::completar(&mut tx, quem.tenant, &quem.pessoa, tipo, &mut campos).await?;
    Ok(campos)
}

/// Uma cópia de um registro.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Duplicar {
    /// O identificador da cópia, se quem copia o escolhe.
    #[schema(value_type = Option<Uuid>)]
    id: Option<Uuid>,
    /// Campos da cópia que serão outros.
    #[serde(default)]
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Se a cópia é só mostrada, para ser conferida e depois criada.
    #[serde(default)]
    rascunho: bool,
}

/// Uma cópia que ainda não foi gravada: o corpo de um `POST` na coleção.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rascunho {
    /// O identificador que terá.
    id: Uuid,
    /// O código do tipo.
    tipo: String,
    /// Os campos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Os itens.
    itens: Vec<ItemDoRascunho>,
}

/// Um item da cópia.
#[derive(Debug, Serialize, ToSchema)]
struct ItemDoRascunho {
    /// O identificador que terá.
    id: Uuid,
    /// Os campos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

/// Duplica um registro: grava a cópia ou, com `rascunho`, só a mostra.
#[utoipa::path(post, path = "/v1/{kind}/{id}/duplicar", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path)), request_body = Option<Duplicar>,
    security(("token" = ["registros:escrever"])),
    responses((status = 201, body = RegistroCriado), (status = 200, body = Rascunho),
        crate::http::problems::Problemas))]
pub async fn duplicar(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath((colecao, original)): ApiPath<(Registros, Uuid)>,
    ApiJsonOpcional(pedido): ApiJsonOpcional<Duplicar>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let read = read::of_kind(&mut tx, &acesso, kind, original.into()).await?;
    tx.rollback().await?;
    let (fuso, tipos) = lido::empresa(&app, acesso.tenant).await?;
    // As it is made today, which may be another version than the original's.
    let tipo = tipos.atual(&read.tipo.codigo)?.clone();
    let novo_item = || ItemId::from(Uuid::now_v7());
    let (mut campos, mut itens) = preenchimento::duplicar(&read.record, &tipo, novo_item);
    let outros = json::ler_campos(kind.campos(), &pedido.campos, fuso)?;
    referencias::check(&app, &acesso, &tipo, &outros).await?;
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    preparo::so_em_uso(&mut tx, &acesso.pessoa, &tipo, &mut campos, &mut itens).await?;
    for (campo, valor) in outros {
        campos.insert(campo.nome.to_owned(), valor);
    }
    campos.retain(|_, valor| !valor.vazio());
    preparo::completar(&mut tx, acesso.tenant, &acesso.pessoa, &tipo, &mut campos).await?;
    tx.rollback().await?;
    let id: DocumentId = enderecos::id_or_new(pedido.id);
    if pedido.rascunho {
        return Ok(Json(draft(id, &tipo, &campos, &itens)).into_response());
    }
    write(&app, &acesso, vec![(id, creation(id, &tipo, campos, itens))]).await?;
    ficha::created(&app, &acesso, kind, id).await
}

fn draft(id: DocumentId, tipo: &Tipo, campos: &Campos, itens: &[NovoItem]) -> Rascunho {
    let preenchidos = |definicoes: &[Campo], valores: &Campos| {
        let mut campos = json::campos(definicoes, valores);
        campos.retain(|_, valor| !valor.is_null());
        campos
    };
    let TipoRef { codigo, .. } = tipo.referencia();
    let da_colecao = tipo.kind.campos_de(Colecao::Itens);
    let itens = itens.iter().map(|item| ItemDoRascunho {
        id: item.id.uuid(),
        campos: preenchidos(da_colecao, &item.campos),
    });
    Rascunho {
        id: id.uuid(),
        tipo: codigo,
        campos: preenchidos(tipo.kind.campos(), campos),
        itens: itens.collect(),
    }
}
