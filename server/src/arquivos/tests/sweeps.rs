//! The sweep: what is of nobody, and what is missing.

use super::*;
use crate::{
    admin,
    admin::{Admin, Objetos},
    arquivos::sweep::{self, Sweep},
    config::Config,
};
use chrono::TimeDelta;

impl Company {
    /// As somebody sees it who comes so many hours later.
    async fn sweep(&self, delete: bool, hours: i64) -> Sweep {
        let at = Utc::now() + TimeDelta::hours(hours);
        sweep::run(&self.app.db, &self.app.objects, delete, at).await.unwrap()
    }
}

#[tokio::test]
async fn a_sweep_reports_both_ways_and_deletes_only_what_nobody_may_need() {
    let company = Company::new().await;
    let photos = [company.photo(noise(1, 900)).await, company.photo(jpeg(1, 60, 40)).await];
    for photo in &photos {
        assert_eq!(company.uploaded(photo).await, SituacaoArquivo::Verificada);
    }
    super::super::derivatives::once(&company.app).await.unwrap();
    // An upload under way, whose last part no row knows of yet.
    let pending = company.photo(noise(2, 900)).await;
    let url = company.begin(&pending).await.header("location").to_owned();
    company.send(&url, 0, pending.bytes.slice(..100)).await;
    let upload = url.rsplit('/').next().unwrap().parse().unwrap();
    let put = async |key: Path| {
        company.app.objects.store().put(&key, Bytes::from_static(b"x").into()).await.unwrap();
    };
    put(crate::objects::part(company.tenant, upload, 100)).await;
    let found = company.sweep(true, 48).await;
    assert!(!found.lacks_any() && found.companies[0].orphans.is_empty(), "{found}");
    assert!(found.to_string().contains("tudo confere"));

    put(crate::objects::part(company.tenant, Uuid::now_v7(), 0)).await;
    put(crate::objects::original(company.tenant, &sha256(b"x"))).await;
    put(Path::from(format!("{}/perdido", company.tenant))).await;
    let before = company.objects().await.len();
    assert!(company.sweep(true, 1).await.companies[0].orphans.is_empty(), "they may yet be needed");
    assert_eq!(company.sweep(false, 48).await.companies[0].orphans.len(), 3);
    assert_eq!(company.objects().await.len(), before);
    let found = company.sweep(true, 48).await;
    assert_eq!(found.companies[0].orphans.iter().filter(|orphan| orphan.deleted).count(), 3);
    assert_eq!(company.objects().await.len(), before - 3);
    assert_eq!(company.sweep(true, 48).await.companies[0].orphans.len(), 0);

    let key = crate::objects::original(company.tenant, &sha256(&photos[0].bytes));
    company.app.objects.store().delete(&key).await.unwrap();
    let found = company.sweep(false, 48).await;
    assert!(found.lacks_any() && found.companies[0].missing.len() == 1, "{found}");
    company
        .sql(&format!("DELETE FROM arquivo WHERE sha256 = '{}'", sha256(&photos[0].bytes)))
        .await;
    let found = company.sweep(false, 48).await;
    assert_eq!(found.companies[0].missing.len(), 1, "{found}");
    assert!(found.to_string().contains(&photos[0].attachment.to_string()), "{found}");
}

#[tokio::test]
async fn the_command_fails_where_a_record_lacks_its_bytes() {
    let folder = std::env::temp_dir().join(format!("campo-{}", Uuid::now_v7()));
    let dir = folder.display().to_string();
    let config = Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.clone())).unwrap();
    let mut company = Company::new().await;
    company.app.objects = Objects::connect(&config).await.unwrap();
    company.router = routes::router(company.app.clone());
    let photo = company.photo(noise(3, 900)).await;
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
    let sweep = async || {
        let command = Admin::Objetos(Objetos::Varrer { apagar: false });
        admin::run(&config, &company.app.db, command).await
    };
    assert_eq!(sweep().await.unwrap(), "aurora: 1 objeto, 900 bytes; tudo confere.");
    let key = crate::objects::original(company.tenant, &sha256(&photo.bytes));
    company.app.objects.store().delete(&key).await.unwrap();
    let error = sweep().await.unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(error.contains("Registros sem objeto: 1"), "{error}");
}
