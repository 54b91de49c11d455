//! The sweep: what is of nobody, and what is missing.

use super::*;
use crate::{
    admin,
    arquivos::varredura::{self, Varredura},
    cli::{Admin, Objetos},
    config::Config,
};
use chrono::TimeDelta;

impl Casa {
    /// As somebody sees it who comes so many hours later.
    async fn varrer(&self, apagar: bool, horas: i64) -> Varredura {
        let at = Utc::now() + TimeDelta::hours(horas);
        varredura::varrer(&self.app.db, &self.app.objects, apagar, at).await.unwrap()
    }
}

#[tokio::test]
async fn a_sweep_reports_both_ways_and_deletes_only_what_nobody_may_need() {
    let casa = Casa::nova().await;
    let fotos = [casa.foto(dados(1, 900)).await, casa.foto(jpeg(1, 60, 40)).await];
    for foto in &fotos {
        assert_eq!(casa.enviada(foto).await, SituacaoArquivo::Verificada);
    }
    super::super::derivadas::once(&casa.app).await.unwrap();
    // An upload under way, whose last part no row knows of yet.
    let pending = casa.foto(dados(2, 900)).await;
    let url = casa.comecar(&pending).await.header("location").to_owned();
    casa.enviar(&url, 0, pending.bytes.slice(..100)).await;
    let envio = url.rsplit('/').next().unwrap().parse().unwrap();
    let put = async |key: Path| {
        casa.app.objects.store().put(&key, Bytes::from_static(b"x").into()).await.unwrap();
    };
    put(crate::objects::parte(casa.tenant, envio, 100)).await;
    let found = casa.varrer(true, 48).await;
    assert!(!found.falta_algo() && found.empresas[0].orfaos.is_empty(), "{found}");
    assert!(found.to_string().contains("tudo confere"));

    put(crate::objects::parte(casa.tenant, Uuid::now_v7(), 0)).await;
    put(crate::objects::original(casa.tenant, &sha256(b"x"))).await;
    put(Path::from(format!("{}/perdido", casa.tenant))).await;
    let before = casa.objetos().await.len();
    assert!(casa.varrer(true, 1).await.empresas[0].orfaos.is_empty(), "they may yet be needed");
    assert_eq!(casa.varrer(false, 48).await.empresas[0].orfaos.len(), 3);
    assert_eq!(casa.objetos().await.len(), before);
    let found = casa.varrer(true, 48).await;
    assert_eq!(found.empresas[0].orfaos.iter().filter(|orfao| orfao.apagado).count(), 3);
    assert_eq!(casa.objetos().await.len(), before - 3);
    assert_eq!(casa.varrer(true, 48).await.empresas[0].orfaos.len(), 0);

    let chave = crate::objects::original(casa.tenant, &sha256(&fotos[0].bytes));
    casa.app.objects.store().delete(&chave).await.unwrap();
    let found = casa.varrer(false, 48).await;
    assert!(found.falta_algo() && found.empresas[0].faltas.len() == 1, "{found}");
    casa.sql(&format!("DELETE FROM arquivo WHERE sha256 = '{}'", sha256(&fotos[0].bytes))).await;
    let found = casa.varrer(false, 48).await;
    assert_eq!(found.empresas[0].faltas.len(), 1, "{found}");
    assert!(found.to_string().contains(&fotos[0].anexo.to_string()), "{found}");
}

#[tokio::test]
async fn the_command_fails_where_a_record_lacks_its_bytes() {
    let folder = std::env::temp_dir().join(format!("campo-{}", Uuid::now_v7()));
    let dir = folder.display().to_string();
    let config = Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.clone())).unwrap();
    let mut casa = Casa::nova().await;
    casa.app.objects = Objects::connect(&config).await.unwrap();
    casa.router = routes::router(casa.app.clone());
    let foto = casa.foto(dados(3, 900)).await;
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
    let varrer = async || {
        let command = Admin::Objetos(Objetos::Varrer { apagar: false });
        admin::run(&config, &casa.app.db, command).await
    };
    assert_eq!(varrer().await.unwrap(), "aurora: 1 objeto, 900 bytes; tudo confere.");
    let chave = crate::objects::original(casa.tenant, &sha256(&foto.bytes));
    casa.app.objects.store().delete(&chave).await.unwrap();
    let error = varrer().await.unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(error.contains("Registros sem objeto: 1"), "{error}");
}
