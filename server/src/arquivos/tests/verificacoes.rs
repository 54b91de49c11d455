//! What becomes of bytes once they are all here.

use super::*;
use crate::config::Config;
use campo_domain::parte::Variante;

#[tokio::test]
async fn bytes_that_are_not_what_was_declared_are_dropped_and_asked_for_again() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(1, 3_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    assert_eq!(casa.enviar(&url, 0, dados(9, 3_000)).await.status, 204);
    casa.verificar().await;
    let refused = (SituacaoArquivo::Recusada, Some("hash_diferente".to_owned()));
    assert_eq!(casa.estado(&foto).await, refused);
    assert!(casa.objetos().await.is_empty());
    assert_eq!(casa.conta("arquivo").await + casa.conta("envio").await, 0);
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn an_image_that_is_not_whole_is_dropped_though_its_hash_is_right() {
    let casa = Casa::nova().await;
    let whole = jpeg(2, 800, 600);
    let foto = casa.foto(whole.slice(..whole.len() / 2)).await;
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Recusada);
    assert_eq!(casa.estado(&foto).await.1.as_deref(), Some("imagem_ilegivel"));
    assert!(casa.objetos().await.is_empty());
}

#[tokio::test]
async fn a_store_that_fails_now_and_then_loses_nothing_and_refuses_nothing() {
    let casa = Casa::nova().await;
    let fotos = [casa.foto(jpeg(3, 500, 400)).await, casa.foto(dados(3, 9_500_000)).await];
    for (every, foto) in [(5, &fotos[0]), (7, &fotos[1])] {
        let url = casa.comecar(foto).await.header("location").to_owned();
        casa.loja.every.store(every, Relaxed);
        let (mut offset, mut tries) = (0, 0);
        while offset < foto.bytes.len() {
            let sent = casa.enviar(&url, offset, foto.bytes.slice(offset..)).await;
            assert!([204, 503].contains(&sent.status), "{sent:?}");
            offset = casa.ver(&url).await.offset();
            tries += 1;
            assert!(tries < 50);
        }
        for _ in 0..50 {
            casa.esperar().await;
            casa.verificar().await;
            assert_ne!(casa.situacao(foto).await, SituacaoArquivo::Recusada);
        }
        assert_eq!(casa.situacao(foto).await, SituacaoArquivo::Verificada);
        casa.loja.every.store(0, Relaxed);
        assert!(casa.guardado(&foto.bytes).await);
    }
    limpeza::once(&casa.app).await.unwrap();
    assert_eq!(casa.conta("envio").await, 0);
    assert_eq!(casa.objetos().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_died_while_it_verified_delays_it_by_its_lease() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(4, 3_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    casa.enviar(&url, 0, foto.bytes.clone()).await;
    casa.sql("UPDATE envio SET proxima_em = now() + interval '1 minute'").await;
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Recebida);
    // It had written the object and said so to nobody.
    let chave = crate::objects::original(casa.tenant, &sha256(&foto.bytes));
    casa.app.objects.store().put(&chave, foto.bytes.clone().into()).await.unwrap();
    casa.esperar().await;
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
    assert_eq!(casa.objetos().await.len(), 1);
}

#[tokio::test]
async fn a_part_that_the_store_lost_for_good_is_asked_for_again() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(5, 3_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    casa.enviar(&url, 0, foto.bytes.clone()).await;
    let lost = format!("{}/{}", casa.tenant, casa.objetos().await[0]);
    casa.app.objects.store().delete(&Path::from(lost)).await.unwrap();
    for _ in 0..8 {
        casa.esperar().await;
        casa.verificar().await;
        assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Recebida);
    }
    casa.esperar().await;
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Recusada);
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn the_same_bytes_are_kept_once_in_a_company_and_never_across() {
    let casa = Casa::nova().await;
    let bytes = jpeg(6, 300, 200);
    let foto = casa.foto(bytes.clone()).await;
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
    // In a record that she sees: nothing is sent.
    let again = casa.foto(bytes.clone()).await;
    let begun = casa.comecar(&again).await;
    assert_eq!(begun.offset(), bytes.len());
    assert_eq!(casa.ver(begun.header("location")).await.offset(), bytes.len());
    casa.verificar().await;
    assert_eq!(casa.situacao(&again).await, SituacaoArquivo::Verificada);
    assert_eq!((casa.objetos().await.len(), casa.conta("arquivo").await), (1, 1));
    // Whoever does not see that record sends the bytes: a hash alone opens nothing.
    let ana = casa.pessoa("ana", &[Permissao::Ver]).await;
    let token = casa.entrar("ana").await;
    let documento = casa.assistencia().await;
    let participa = Command::Participar { usuario: ana, participa: true };
    casa.comando(casa.carla, documento, participa).await;
    let dela = casa.declarada_por(ana, documento, bytes.clone()).await;
    let begun = casa.comecar_como(&token, &dela, "").await;
    assert_eq!((begun.status, begun.offset()), (201, 0), "{begun:?}");
    let garbage = vec![0; bytes.len()];
    casa.enviar(begun.header("location"), 0, garbage).await;
    casa.verificar().await;
    assert_eq!(casa.situacao(&dela).await, SituacaoArquivo::Recusada);
    let begun = casa.comecar_como(&token, &dela, "").await;
    casa.enviar(begun.header("location"), 0, bytes.clone()).await;
    casa.verificar().await;
    assert_eq!(casa.situacao(&dela).await, SituacaoArquivo::Verificada);
    assert_eq!((casa.objetos().await.len(), casa.conta("arquivo").await), (1, 1));
    // Another company on the same server and store knows nothing of it.
    let test = TestDb { url: casa.test.url.clone(), db: casa.test.db.clone() };
    let mut vizinha = Casa::em(test, "vizinha").await;
    vizinha.app.objects = casa.app.objects.clone();
    vizinha.router = routes::router(vizinha.app.clone());
    let foto = vizinha.foto(bytes.clone()).await;
    assert_eq!(vizinha.comecar(&foto).await.offset(), 0);
    assert_eq!(vizinha.enviada(&foto).await, SituacaoArquivo::Verificada);
    assert_eq!((casa.objetos().await.len(), casa.conta("arquivo").await), (2, 2));
}

#[tokio::test]
async fn what_the_store_has_lost_is_sent_again_by_whoever_has_it() {
    let casa = Casa::nova().await;
    let bytes = dados(7, 3_000);
    assert_eq!(casa.enviada(&casa.foto(bytes.clone()).await).await, SituacaoArquivo::Verificada);
    let chave = crate::objects::original(casa.tenant, &sha256(&bytes));
    casa.app.objects.store().delete(&chave).await.unwrap();
    let again = casa.foto(bytes.clone()).await;
    assert_eq!(casa.comecar(&again).await.offset(), 0);
    assert_eq!(casa.enviada(&again).await, SituacaoArquivo::Verificada);
    assert!(casa.guardado(&bytes).await);
}

#[tokio::test]
async fn pictures_that_a_device_made_are_kept_if_they_are_pictures_and_spare_the_server_its_own() {
    let casa = Casa::nova().await;
    let foto = casa.foto(jpeg(8, 900, 700)).await;
    let send = async |variante: Variante, bytes: Bytes| {
        let dela = Foto { bytes: bytes.clone(), ..foto.clone() };
        let mais = format!("variante={variante},sha256={}", sha256(&bytes));
        let begun = casa.comecar_como(&casa.token, &dela, &mais).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let offset = begun.offset();
        if offset == 0 {
            let sent = casa.enviar(begun.header("location"), 0, bytes).await;
            assert_eq!(sent.status, 204, "{sent:?}");
            casa.verificar().await;
        }
        offset
    };
    // Too large a picture, half of one, and none: each is asked for again.
    let small = jpeg(8, 320, 240);
    for wrong in [jpeg(8, 321, 240), small.slice(..small.len() / 2), dados(8, 500)] {
        assert_eq!(send(Variante::Miniatura, wrong).await, 0);
        assert_eq!(casa.conta("derivada").await, 0);
        assert!(casa.objetos().await.is_empty());
    }
    assert_eq!(send(Variante::Miniatura, small.clone()).await, 0);
    assert_eq!(send(Variante::Miniatura, small.clone()).await, small.len());
    assert_eq!(send(Variante::Previa, jpeg(8, 800, 600)).await, 0);
    assert_eq!(casa.conta("derivada").await, 2);
    let miniatura = format!("anexos/{}/{}/miniatura.jpg", foto.documento, foto.anexo);
    assert_eq!(casa.objetos().await[0], miniatura);
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Esperada);
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
    assert_eq!(casa.conta("arquivo WHERE derivadas = 'nao_ha'").await, 1);
    // The same bytes elsewhere, without pictures of their own: then the server makes some.
    let again = casa.foto(foto.bytes.clone()).await;
    assert_eq!(casa.enviada(&again).await, SituacaoArquivo::Verificada);
    assert_eq!(casa.conta("arquivo WHERE derivadas = 'pendentes'").await, 1);
}

#[tokio::test]
async fn bytes_that_the_server_has_by_another_way_are_verified_like_any() {
    let casa = Casa::nova().await;
    let foto = casa.foto(jpeg(9, 200, 100)).await;
    let guardar = async |bytes: Bytes| {
        let (tenant, documento, anexo) = (casa.tenant, foto.documento, foto.anexo);
        verificacao::guardar(&casa.app, tenant, documento, anexo, bytes).await
    };
    assert!(guardar(dados(1, 10)).await.is_err());
    let garbage = dados(1, foto.bytes.len());
    assert_eq!(guardar(garbage).await.unwrap(), SituacaoArquivo::Recusada);
    assert_eq!(guardar(foto.bytes.clone()).await.unwrap(), SituacaoArquivo::Verificada);
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
    assert_eq!((casa.objetos().await.len(), casa.conta("envio").await), (1, 0));
}

#[tokio::test]
async fn a_folder_keeps_what_is_uploaded_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("campo-{}", Uuid::now_v7()));
    let dir = folder.display().to_string();
    let config = Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.clone())).unwrap();
    let mut casa = Casa::nova().await;
    casa.app.objects = Objects::connect(&config).await.unwrap();
    casa.router = routes::router(casa.app.clone());
    for bytes in [jpeg(10, 640, 480), dados(10, 20_000_000)] {
        let foto = casa.foto(bytes).await;
        let url = casa.comecar(&foto).await.header("location").to_owned();
        casa.enviar(&url, 0, cortado(foto.bytes.slice(..10_000))).await;
        assert_eq!(casa.ver(&url).await.offset(), 10_000);
        assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
        assert!(casa.guardado(&foto.bytes).await);
    }
    let wrong = casa.foto(dados(11, 9_000_000)).await;
    let url = casa.comecar(&wrong).await.header("location").to_owned();
    casa.enviar(&url, 0, dados(12, 9_000_000)).await;
    casa.verificar().await;
    assert_eq!(casa.situacao(&wrong).await, SituacaoArquivo::Recusada);
    let (mut files, mut folders) = (0, vec![folder.clone()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files += 1,
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(files, 2);
}

#[tokio::test]
async fn what_was_received_and_never_looked_at_is_asked_for_again() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(31, 3_000)).await;
    let (document, anexo) = (foto.documento, foto.anexo);
    let work = Work::Arquivo { document, anexo, situacao: SituacaoArquivo::Recebida, motivo: None };
    casa.app.submit(casa.tenant, work).await.unwrap();
    limpeza::once(&casa.app).await.unwrap();
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Recebida, "somebody may be at it");
    casa.sql("UPDATE anexos SET estado_em = now() - interval '11 minutes'").await;
    limpeza::once(&casa.app).await.unwrap();
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Recusada);
    assert_eq!(casa.enviada(&foto).await, SituacaoArquivo::Verificada);
}
