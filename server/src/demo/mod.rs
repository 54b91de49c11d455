//! The demonstration company, which a first start creates. Creating it again only adds what is
//! missing.

mod canvas;
mod photos;
mod records;

use crate::{
    app::App,
    auth::accounts::{self, NewCompany, NewUser},
};
use anyhow::Result;
use campo_domain::pessoa::Permissao::{
    self, Administrar, Aprovar, EmitirLaudo, Gerenciar, Ver, VerTodas,
};

/// Slug of the company.
pub(crate) const SLUG: &str = "demo";
/// Password of everybody in it.
pub(crate) const PASSWORD: &str = "campo-demo";

/// A person of the demonstration.
#[derive(Debug)]
pub struct DemoPerson {
    /// Login.
    pub login: &'static str,
    /// Name.
    pub nome: &'static str,
    /// What the person does, for the banner.
    pub role: &'static str,
    permissoes: &'static [Permissao],
}

/// Everybody in it.
pub const PEOPLE: [DemoPerson; 3] = [
    DemoPerson { login: "ana@demo", nome: "Ana Ribeiro", role: "técnica", permissoes: &[Ver] },
    DemoPerson { login: "bruno@demo", nome: "Bruno Tavares", role: "técnico", permissoes: &[Ver] },
    DemoPerson {
        login: "carla@demo",
        nome: "Carla Nogueira",
        role: "retaguarda",
        permissoes: &[Ver, VerTodas, Gerenciar, EmitirLaudo, Aprovar, Administrar],
    },
];

/// Creates the company, its people, its records and their photos, as far as they are missing.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn create(app: &App) -> Result<()> {
    let db = &app.db;
    let company = NewCompany {
        nome: "Móveis Aurora",
        slug: SLUG,
        fuso: "America/Sao_Paulo",
        preset: Some("P001"),
    };
    let tenant = match accounts::create_company(db, company).await {
        Err(error) if error.codigo == "empresa_existe" => {
            accounts::company_by_slug(db, SLUG).await?
        }
        created => created?,
    };
    for person in &PEOPLE {
        let DemoPerson { login, nome, .. } = *person;
        // A first start may have been interrupted here.
        if accounts::user_by_login(db, tenant, login).await.is_ok() {
            continue;
        }
        let permissoes = person.permissoes.iter().copied().collect();
        accounts::create_user(db, tenant, NewUser { login, nome, senha: PASSWORD, permissoes })
            .await?;
    }
    let ana = accounts::user_by_login(db, tenant, PEOPLE[0].login).await?;
    let bruno = accounts::user_by_login(db, tenant, PEOPLE[1].login).await?;
    let carla = accounts::user_by_login(db, tenant, PEOPLE[2].login).await?;
    let people = records::People { ana, bruno, carla };
    records::create(app, tenant, &people).await?;
    photos::create(app, tenant, &people).await
}
