//! Held work (ff28): what phones did in good faith and too late, for the office to take in or not.
//! As the pages have it, through the same functions.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiJson, ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, EscreverRegistros, LerRegistros, Principal},
    },
    office::{self, HeldBranch},
    reading::{
        self, cited,
        json::PersonRef,
        record::{self, Held, Waiting},
    },
    visibility::Viewer,
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{
    ids::HeldId,
    kind::Kind,
    refusal::{Codigo, Refusal},
    texto,
};
use campo_screens::{Cited, Proposal, proposed};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgTransaction;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Um trabalho retido, na lista.
#[derive(Debug, Serialize, ToSchema)]
struct RetidaDaLista {
    /// O identificador.
    id: Uuid,
    /// O registro.
    registro: Uuid,
    /// O que o registro é.
    #[schema(value_type = crate::schemas::Kind)]
    kind: Kind,
    /// Se o registro existe; senão, aprovar o cria.
    existe: bool,
    /// O número do registro; antes dele, um rótulo provisório.
    rotulo: String,
    /// O título do registro.
    titulo: Option<String>,
    /// Quem fez.
    autor: PersonRef,
    /// Em que aparelho.
    aparelho: Option<String>,
    /// Quando chegou.
    recebida_em: DateTime<Utc>,
    /// Por que está retida: um código de recusa.
    codigo: String,
    /// O mesmo, para pessoas.
    motivo: String,
}

/// Um trabalho retido, com o que escreveria.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retida {
    /// O que a lista mostra.
    #[serde(flatten)]
    retida: RetidaDaLista,
    /// O que foi decidido.
    #[schema(value_type = crate::schemas::SituacaoDoRetido)]
    situacao: String,
    /// O que foi dito a quem fez, na decisão.
    nota: Option<String>,
    /// Se quem pergunta pode decidir agora.
    pode_decidir: bool,
    /// O que escreveria, em ordem, até onde ainda cabe no registro.
    escritas: Vec<EscritaRetida>,
}

/// Uma coisa que o trabalho retido escreveria, como uma pessoa lê.
#[derive(Debug, Serialize, ToSchema)]
struct EscritaRetida {
    /// O campo, ou o que é feito.
    rotulo: String,
    /// Como o registro está.
    atual: Option<String>,
    /// Como ficaria.
    proposto: Option<String>,
    /// Quando foi escrito, pelo relógio do aparelho.
    quando: DateTime<Utc>,
}

/// Which ones.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Só as deste registro.
    registro: Option<Uuid>,
    /// Só as de registros deste tipo.
    #[param(value_type = Option<crate::schemas::Kind>)]
    kind: Option<Kind>,
    /// Só as desta pessoa.
    autor: Option<Uuid>,
    /// Linhas por página.
    #[param(minimum = 1, maximum = 200)]
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// O que fazer com um trabalho retido.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisaoDaRetida {
    /// `true` aplica o trabalho ao registro, inteiro; `false` descarta.
    aprovar: bool,
    /// O que dizer a quem fez.
    nota: Option<String>,
    /// O `recebida_em` que foi lido: se mais chegou desde então, nada é decidido (`valor_mudou`).
    visto: Option<DateTime<Utc>>,
}

/// Lista os trabalhos retidos que esperam decisão, dos mais antigos aos mais novos.
#[utoipa::path(get, path = "/v1/retidas", tag = "Registros", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<RetidaDaLista>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(DateTime<Utc>, Uuid)>::new(filtro.limite, filtro.cursor.as_deref())?;
    let quais = Waiting {
        document: filtro.registro,
        kind: filtro.kind,
        author: filtro.autor,
        after: folha.depois,
        limit: folha.rows(),
    };
    let viewer = Viewer::of(&acesso.pessoa);
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let achadas = record::held(&mut tx, viewer, &quais).await?;
    let mut mentioned = Cited::default();
    for achada in &achadas {
        mentioned.people.insert(achada.author.into());
        mentioned.devices.insert(achada.device.into());
    }
    let names = cited::names(&mut tx, viewer, &mentioned).await?;
    let linha = |achada: Held| {
        Ok(RetidaDaLista {
            id: achada.id,
            registro: achada.document,
            kind: achada.kind.parse().map_err(ApiError::interno)?,
            existe: achada.existe,
            rotulo: record::label(achada.document, achada.numero.as_deref()),
            titulo: achada.titulo,
            autor: PersonRef::of(achada.author.into(), &names),
            aparelho: names.device(achada.device.into()).map(str::to_owned),
            recebida_em: achada.received_at,
            codigo: achada.reason,
            motivo: achada.message,
        })
    };
    let itens = achadas.into_iter().map(linha).collect::<ApiResult<Vec<_>>>()?;
    Ok(folha.close(itens, |ultima| (ultima.recebida_em, ultima.id)).linked(&uri))
}

/// Mostra um trabalho retido, ou já decidido, ao lado do que o registro diz agora.
#[utoipa::path(get, path = "/v1/retidas/{id}", tag = "Registros",
    params(("id" = Uuid, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Retida), crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    ApiPath(id): ApiPath<HeldId>,
) -> ApiResult<Json<Retida>> {
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    show(&mut tx, &acesso, id).await
}

/// Decide sobre um trabalho retido, por inteiro.
#[utoipa::path(post, path = "/v1/retidas/{id}/decisao", tag = "Registros",
    params(("id" = Uuid, Path)), request_body = DecisaoDaRetida,
    security(("token" = ["registros:escrever"])),
    responses((status = 200, body = Retida), crate::http::problems::Problemas))]
pub async fn decidir(
    State(app): State<App>,
    acesso: Acesso<EscreverRegistros>,
    ApiPath(id): ApiPath<HeldId>,
    ApiJson(decisao): ApiJson<DecisaoDaRetida>,
) -> ApiResult<Json<Retida>> {
    let DecisaoDaRetida { aprovar, nota, visto } = decisao;
    office::may_decide_held(&acesso.pessoa)?;
    let (tenant, pessoa) = (acesso.tenant, &acesso.pessoa);
    let mut tx = app.db.snapshot(tenant).await?;
    let achada = office::held_branch(&mut tx, tenant, pessoa, id).await?;
    tx.rollback().await?;
    if achada.view.status != ESPERA {
        return Err(Refusal::new(Codigo::RetidaDecidida).into());
    }
    let nota = nota.map(|nota| texto::linhas(&nota));
    office::decide_held(&app, tenant, pessoa, id, aprovar, nota, visto).await?;
    let mut tx = app.db.snapshot(tenant).await?;
    show(&mut tx, &acesso, id).await
}

/// What a branch is until somebody decides.
const ESPERA: &str = "aguardando";

async fn show(tx: &mut PgTransaction<'_>, who: &Principal, id: HeldId) -> ApiResult<Json<Retida>> {
    let found = office::held_branch(tx, who.tenant, &who.pessoa, id).await?;
    let HeldBranch { view, document, kind, registro: record, tipo } = found;
    let mut mentioned = Cited::default();
    mentioned.people.insert(view.author);
    mentioned.devices.insert(view.device);
    view.writes.iter().for_each(|write| write.cite(kind, &mut mentioned));
    let names = cited::names(tx, Viewer::of(&who.pessoa), &mentioned).await?;
    let zone = reading::zone(tx).await?;
    let proposals = tipo.map_or_else(Vec::new, |tipo| proposed(&tipo, &names, zone, &view.writes));
    let number = record.as_ref().and_then(|record| record.numero.as_deref());
    Ok(Json(Retida {
        pode_decidir: view.status == ESPERA && office::may_decide_held(&who.pessoa).is_ok(),
        escritas: proposals.into_iter().map(EscritaRetida::from).collect(),
        retida: RetidaDaLista {
            id: view.id.uuid(),
            registro: document.uuid(),
            kind,
            existe: record.is_some(),
            rotulo: record::label(document.uuid(), number),
            titulo: record.as_ref().map(|record| record.titulo()),
            autor: PersonRef::of(view.author, &names),
            aparelho: names.device(view.device).map(str::to_owned),
            recebida_em: view.received_at,
            codigo: view.reason_code,
            motivo: view.reason,
        },
        situacao: view.status,
        nota: view.decision_note,
    }))
}

impl From<Proposal> for EscritaRetida {
    fn from(proposal: Proposal) -> Self {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            rotulo: proposal.label,
            atual: filled(proposal.current.text),
            proposto: filled(proposal.proposed.text),
            quando: proposal.at,
        }
    }
}
