//! What a client may open: the tipos that show in the portal and are in use, each with its form, as
//! `campo_screens` has it.

use crate::{
    api::registros::formulario::Opcao,
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
use campo_screens::{Field, client_form, is_internal};
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
struct CampoDoPortal {
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
    let offered = offered(&app, acesso.tenant).await?;
    let forms: Vec<_> = offered.iter().map(|tipo| client_form(tipo, &acesso.pessoa)).collect();
    let fields = forms.iter().flat_map(|form| &form.fields);
    let catalogues: BTreeSet<&str> = fields.filter_map(|field| catalogue(field.campo)).collect();
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let catalogues = Catalogues::load(&mut tx, &catalogues).await?;
    let one = |(tipo, form): (&Arc<Tipo>, campo_screens::NewForm)| TipoDoPortal {
        codigo: tipo.codigo.clone(),
        nome: tipo.nome.clone(),
        campos: form.fields.into_iter().map(|field| shown(tipo, field, &catalogues)).collect(),
        orientacao_anexos: form.files_hint,
    };
    Ok(Json(offered.iter().zip(forms).map(one).collect()))
}

/// The newest version of each tipo that clients may open and that is in use.
pub(super) async fn offered(app: &App, tenant: TenantId) -> ApiResult<Vec<Arc<Tipo>>> {
    let mut tx = app.db.snapshot(tenant).await?;
    let mut tipos = reference::offered(&mut tx, tenant, Kind::Ocorrencia).await?;
    tipos.retain(|tipo| tipo.visivel_no_portal);
    Ok(tipos)
}

/// The catalogue that a field chooses from.
fn catalogue(campo: &Campo) -> Option<&'static str> {
    match campo.tipo {
        TipoCampo::Referencia(Alvo::Catalogo(name)) => Some(name),
        _ => None,
    }
}

/// A field, with the entries in use of its catalogue where the tipo lists no choices of its own,
/// less what is the company's own (R27).
fn shown(tipo: &Tipo, field: Field, catalogues: &Catalogues) -> CampoDoPortal {
    let campo = field.campo;
    let mut choices: Vec<Opcao> = field.choices.into_iter().map(Opcao::from).collect();
    let of_catalogue = campo_screens::choices(campo, Some(tipo)).is_empty();
    if let Some(name) = catalogue(campo).filter(|_| of_catalogue) {
        let in_use = catalogues.entries(name).iter().filter(|entry| entry.active);
        let in_use = in_use.filter(|entry| !is_internal(tipo, campo, &entry.code));
        choices = in_use
            .map(|entry| Opcao { codigo: entry.code.clone(), rotulo: entry.name.clone() })
            .collect();
    }
    CampoDoPortal {
        campo: campo.nome,
        rotulo: field.label,
        tipo: campo.codigo_do_tipo(),
        obrigatorio: field.required,
        opcoes: choices,
        orientacao: field.hint,
    }
}
