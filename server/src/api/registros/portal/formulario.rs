//! What a client may open: the tipos that show in the portal and are in use, each with its form.

use crate::{
    api::registros::formulario::{self, Opcao},
    app::App,
    error::ApiResult,
    http::principal::{LerRegistros, Portal},
    reading::Catalogues,
    reference, schemas,
};
use axum::{Json, extract::State};
use campo_domain::{
    ids::TenantId,
    kind::Kind,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo},
};
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};
use utoipa::ToSchema;

/// Um tipo de ocorrência que o cliente pode abrir.
#[derive(Debug, Serialize, ToSchema)]
pub struct TipoDoPortal {
    /// O código.
    codigo: String,
    /// O nome.
    nome: String,
    /// Os campos do formulário, na ordem.
    campos: Vec<CampoDoPortal>,
    /// O que ajuda a escolher os anexos.
    #[serde(skip_serializing_if = "Option::is_none")]
    orientacao_anexos: Option<String>,
}

/// Um campo do formulário do portal.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampoDoPortal {
    /// O nome do campo.
    campo: &'static str,
    /// O que uma pessoa lê.
    rotulo: String,
    /// O que aceita.
    #[schema(value_type = schemas::TipoDeCampo)]
    tipo: &'static str,
    /// Se precisa ser preenchido.
    obrigatorio: bool,
    /// As opções.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    opcoes: Vec<Opcao>,
    /// O que ajuda a preencher.
    #[serde(skip_serializing_if = "Option::is_none")]
    orientacao: Option<String>,
}

/// Lista os tipos de ocorrência que o cliente pode abrir, com o formulário de cada um.
#[utoipa::path(get, path = "/v1/portal/tipos", tag = "Portal",
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Vec<TipoDoPortal>), crate::http::problems::Problemas))]
pub async fn tipos(
    State(app): State<App>,
    acesso: Portal<LerRegistros>,
) -> ApiResult<Json<Vec<TipoDoPortal>>> {
    let oferecidos = oferecidos(&app, acesso.tenant).await?;
    let catalogos: BTreeSet<&str> =
        oferecidos.iter().flat_map(|tipo| escritos(tipo)).filter_map(catalogo).collect();
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let catalogos = Catalogues::load(&mut tx, &catalogos).await?;
    let um = |tipo: &Arc<Tipo>| TipoDoPortal {
        codigo: tipo.codigo.clone(),
        nome: tipo.nome.clone(),
        campos: escritos(tipo).map(|campo| do_portal(tipo, campo, &catalogos)).collect(),
        orientacao_anexos: tipo.orientacoes.get("anexos").cloned(),
    };
    Ok(Json(oferecidos.iter().map(um).collect()))
}

/// The newest version of each tipo that clients may open and that is in use.
pub(super) async fn oferecidos(app: &App, tenant: TenantId) -> ApiResult<Vec<Arc<Tipo>>> {
    let mut tx = app.db.snapshot(tenant).await?;
    let mut tipos = reference::offered(&mut tx, tenant, Kind::Ocorrencia).await?;
    tipos.retain(|tipo| tipo.visivel_no_portal);
    Ok(tipos)
}

/// The fields that a client fills in, in the order of the form.
fn escritos(tipo: &Tipo) -> impl Iterator<Item = &'static Campo> {
    let do_tipo = |campo: &&Campo| tipo.portal_campos.iter().any(|nome| nome == campo.nome);
    tipo.kind.campos().iter().filter(do_tipo)
}

/// The catalogue that a field chooses from.
fn catalogo(campo: &Campo) -> Option<&'static str> {
    match campo.tipo {
        TipoCampo::Referencia(Alvo::Catalogo(catalogo)) => Some(catalogo),
        _ => None,
    }
}

/// What a client may choose: what the tipo leaves of the field's choices, less what is the
/// company's own (R27), or the entries in use of its catalogue.
fn opcoes(tipo: &Tipo, campo: &Campo, catalogos: &Catalogues) -> Vec<Opcao> {
    let mut opcoes = formulario::opcoes(campo, tipo);
    if let Some(catalogo) = catalogo(campo).filter(|_| opcoes.is_empty()) {
        let em_uso = catalogos.entries(catalogo).iter().filter(|entrada| entrada.active);
        opcoes = em_uso
            .map(|entrada| Opcao { codigo: entrada.code.clone(), rotulo: entrada.name.clone() })
            .collect();
    }
    let interna = |codigo: &str| tipo.categoria(codigo).is_some_and(|c| c.interna);
    opcoes.retain(|opcao| campo.nome != "categoria" || !interna(&opcao.codigo));
    opcoes
}

fn do_portal(tipo: &Tipo, campo: &'static Campo, catalogos: &Catalogues) -> CampoDoPortal {
    CampoDoPortal {
        campo: campo.nome,
        rotulo: tipo.rotulo(campo.nome).to_owned(),
        tipo: campo.codigo_do_tipo(),
        obrigatorio: tipo.obrigatorios.iter().any(|nome| nome == campo.nome),
        opcoes: opcoes(tipo, campo, catalogos),
        orientacao: tipo.orientacoes.get(campo.nome).cloned(),
    }
}
