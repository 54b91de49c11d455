//! Ações corretivas (R76, R77): one is opened, and records join it, in one transaction through the
//! gate. It takes `Gerenciar` and sight of the records.

use super::{commands::answer, error::OfficeError, record};
use crate::{
    app::App,
    commit::{Linking, NewCorretiva, Work},
    error::{ApiError, ApiResult},
    ledger,
};
use campo_domain::{
    ids::{CorretivaId, DocumentId, TenantId},
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    texto, workflow,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Longest title, in characters.
const TITULO_CHARS_MAX: usize = 200;
/// Most records of one request.
const REGISTROS_MAX: usize = 200;
/// An ação corretiva to open, as it was asked for.
#[derive(Clone, Debug)]
pub struct Abertura {
    /// The title.
    pub titulo: String,
    /// The description.
    pub descricao: Option<String>,
    /// The tipo of its records; not needed where there are some.
    pub tipo: Option<String>,
    /// The records to link: all of them, or nothing is done.
    pub registros: BTreeSet<Uuid>,
}

fn exige(pessoa: &Pessoa) -> Result<(), Refusal> {
    match pessoa.pode(Permissao::Gerenciar) {
        true => Ok(()),
        false => Err(Refusal::sem_permissao(Permissao::Gerenciar)),
    }
}

fn texto(texto: &str, rotulo: &str, chars_max: usize) -> ApiResult<String> {
    let texto = texto::linhas(texto);
    workflow::valid_text(&texto, rotulo)?;
    if texto.chars().count() > chars_max {
        let detalhes = [rotulo.to_owned(), chars_max.to_string()];
        return Err(Refusal::with(Codigo::TextoLongoDemais, detalhes).into());
    }
    Ok(texto.trim().to_owned())
}

/// A title as it is kept.
///
/// # Errors
/// It is empty, too long, or of several lines.
pub fn titulo(enviado: &str) -> ApiResult<String> {
    let titulo = texto(enviado, "Título", TITULO_CHARS_MAX)?;
    if titulo.contains(['\n', '\t']) {
        return Err(Refusal::with(Codigo::ValorInvalido, ["Título".to_owned()]).into());
    }
    Ok(titulo)
}

/// A description as it is kept; none where nothing is said.
///
/// # Errors
/// It is too long, or has characters that no text has.
pub fn descricao(enviada: Option<String>) -> ApiResult<Option<String>> {
    let dita = enviada.filter(|descricao| !descricao.trim().is_empty());
    dita.map(|dita| texto(&dita, "Descrição", workflow::TEXTO_CHARS_MAX)).transpose()
}

/// Opens one in rascunho with its records; where one of them cannot join, there is none.
///
/// # Errors
/// `sem_permissao`, `corretiva_nao_permitida`, or what is wrong with the texts.
pub async fn abrir(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    pedida: Abertura,
) -> ApiResult<Uuid> {
    exige(pessoa)?;
    let Abertura { titulo: dito, descricao: dita, tipo, registros } = pedida;
    let (titulo, descricao) = (titulo(&dito)?, descricao(dita)?);
    let dos_registros = conferir(app, tenant, pessoa, &registros).await?;
    let tipo = match (tipo, &dos_registros) {
        (Some(tipo), None) => permitido(app, tenant, &tipo).await?,
        (Some(tipo), Some(deles)) if tipo != *deles => return Err(nao_permitida()),
        (_, Some(deles)) => deles.clone(),
        (None, None) => {
            let mensagem = "Diga o tipo dos registros, ou que registros vincular.";
            return Err(ApiError::invalido(mensagem));
        }
    };
    let id = Uuid::now_v7();
    let nova = Some(NewCorretiva { titulo, descricao, tipo });
    ligar(app, (tenant, pessoa), id, nova, &registros, dos_registros).await?;
    Ok(id)
}

fn nao_permitida() -> ApiError {
    Refusal::new(Codigo::CorretivaNaoPermitida).into()
}

/// A tipo that may have them, by its name.
async fn permitido(app: &App, tenant: TenantId, codigo: &str) -> ApiResult<String> {
    let mut tx = app.db.snapshot(tenant).await?;
    let tipos = ledger::tipos(&mut tx, tenant).await?;
    let tipo = tipos.atual(codigo)?;
    if tipo.permite_acao_corretiva { Ok(tipo.codigo.clone()) } else { Err(nao_permitida()) }
}

/// Whether all of the records may join one, and their tipo, if there are any.
async fn conferir(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    registros: &BTreeSet<Uuid>,
) -> ApiResult<Option<String>> {
    if registros.len() > REGISTROS_MAX {
        let mensagem = format!("Um pedido vincula até {REGISTROS_MAX} registros.");
        return Err(ApiError::invalido(mensagem));
    }
    let mut tipo: Option<String> = None;
    for id in registros {
        let lido = record::load(app, tenant, pessoa, DocumentId::from(*id)).await?;
        let (_, tipo_dele) =
            lido.ok_or_else(|| ApiError::nao_encontrado().with("registro", id.to_string()))?;
        let codigo = &tipo_dele.codigo;
        if tipo.get_or_insert_with(|| codigo.clone()) != codigo {
            return Err(nao_permitida());
        }
    }
    Ok(tipo)
}

/// Links the records, which are of that tipo, all or none, in one transaction with the row.
async fn ligar(
    app: &App,
    (tenant, pessoa): (TenantId, &Pessoa),
    id: Uuid,
    nova: Option<NewCorretiva>,
    registros: &BTreeSet<Uuid>,
    tipo: Option<String>,
) -> ApiResult<()> {
    let registros = registros.iter().copied().map(DocumentId::from).collect();
    let (user, corretiva) = (pessoa.id, CorretivaId::from(id));
    let work = Work::Corretiva(Linking { user, corretiva, opens: nova, records: registros, tipo });
    let done = app.submit(tenant, work).await.map_err(OfficeError::from);
    Ok(done.and_then(answer)?)
}

/// Links records to one in rascunho, all or none.
///
/// # Errors
/// `sem_permissao`, 404, `corretiva_nao_permitida`.
pub async fn vincular(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    id: Uuid,
    registros: &BTreeSet<Uuid>,
) -> ApiResult<()> {
    exige(pessoa)?;
    let tipo = conferir(app, tenant, pessoa, registros).await?;
    ligar(app, (tenant, pessoa), id, None, registros, tipo).await
}
