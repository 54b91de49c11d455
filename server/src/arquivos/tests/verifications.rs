//! What becomes of bytes once they are all here.

use super::*;
use crate::config::Config;
use campo_domain::parte::Variante;

#[tokio::test]
async fn bytes_that_are_not_what_was_declared_are_dropped_and_asked_for_again() {
    let company = Company::new().await;
    let photo = company.photo(noise(1, 3_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    assert_eq!(company.send(&url, 0, noise(9, 3_000)).await.status, 204);
    company.verify().await;
    let refused = (SituacaoArquivo::Recusada, Some("hash_diferente".to_owned()));
    assert_eq!(company.state(&photo).await, refused);
    assert!(company.objects().await.is_empty());
    assert_eq!(company.count("arquivo").await + company.count("envio").await, 0);
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn an_image_that_is_not_whole_is_dropped_though_its_hash_is_right() {
    let company = Company::new().await;
    let whole = jpeg(2, 800, 600);
    let photo = company.photo(whole.slice(..whole.len() / 2)).await;
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Recusada);
    assert_eq!(company.state(&photo).await.1.as_deref(), Some("imagem_ilegivel"));
    assert!(company.objects().await.is_empty());
}

#[tokio::test]
async fn a_store_that_fails_now_and_then_loses_nothing_and_refuses_nothing() {
    let company = Company::new().await;
    let photos = [company.photo(jpeg(3, 500, 400)).await, company.photo(noise(3, 9_500_000)).await];
    for (every, photo) in [(5, &photos[0]), (7, &photos[1])] {
        let url = company.begin(photo).await.header("location").to_owned();
        company.flaky_store.every.store(every, Relaxed);
        let (mut offset, mut tries) = (0, 0);
        while offset < photo.bytes.len() {
            let sent = company.send(&url, offset, photo.bytes.slice(offset..)).await;
            assert!([204, 503].contains(&sent.status), "{sent:?}");
            offset = company.look(&url).await.offset();
            tries += 1;
            assert!(tries < 50);
        }
        for _ in 0..50 {
            company.make_due().await;
            company.verify().await;
            assert_ne!(company.file_state(photo).await, SituacaoArquivo::Recusada);
        }
        assert_eq!(company.file_state(photo).await, SituacaoArquivo::Verificada);
        company.flaky_store.every.store(0, Relaxed);
        assert!(company.is_stored(&photo.bytes).await);
    }
    cleanup::once(&company.app).await.unwrap();
    assert_eq!(company.count("envio").await, 0);
    assert_eq!(company.objects().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_died_while_it_verified_delays_it_by_its_lease() {
    let company = Company::new().await;
    let photo = company.photo(noise(4, 3_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    company.send(&url, 0, photo.bytes.clone()).await;
    company.sql("UPDATE envio SET proxima_em = now() + interval '1 minute'").await;
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Recebida);
    // It had written the object and said so to nobody.
    let key = crate::objects::original(company.tenant, &sha256(&photo.bytes));
    company.app.objects.store().put(&key, photo.bytes.clone().into()).await.unwrap();
    company.make_due().await;
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
    assert_eq!(company.objects().await.len(), 1);
}

#[tokio::test]
async fn a_part_that_the_store_lost_for_good_is_asked_for_again() {
    let company = Company::new().await;
    let photo = company.photo(noise(5, 3_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    company.send(&url, 0, photo.bytes.clone()).await;
    let lost = format!("{}/{}", company.tenant, company.objects().await[0]);
    company.app.objects.store().delete(&Path::from(lost)).await.unwrap();
    for _ in 0..8 {
        company.make_due().await;
        company.verify().await;
        assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Recebida);
    }
    company.make_due().await;
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Recusada);
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn the_same_bytes_are_kept_once_in_a_company_and_never_across() {
    let company = Company::new().await;
    let bytes = jpeg(6, 300, 200);
    let photo = company.photo(bytes.clone()).await;
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
    // In a record that she sees: nothing is sent.
    let again = company.photo(bytes.clone()).await;
    let begun = company.begin(&again).await;
    assert_eq!(begun.offset(), bytes.len());
    assert_eq!(company.look(begun.header("location")).await.offset(), bytes.len());
    company.verify().await;
    assert_eq!(company.file_state(&again).await, SituacaoArquivo::Verificada);
    assert_eq!((company.objects().await.len(), company.count("arquivo").await), (1, 1));
    // Whoever does not see that record sends the bytes: a hash alone opens nothing.
    let ana = company.person("ana", &[Permissao::Ver]).await;
    let token = company.sign_in("ana").await;
    let document = company.assistencia().await;
    let joins = Command::Participar { usuario: ana, participa: true };
    company.run(company.carla, document, joins).await;
    let hers = company.declared_by(ana, document, bytes.clone()).await;
    let begun = company.begin_as(&token, &hers, "").await;
    assert_eq!((begun.status, begun.offset()), (201, 0), "{begun:?}");
    let garbage = vec![0; bytes.len()];
    company.send(begun.header("location"), 0, garbage).await;
    company.verify().await;
    assert_eq!(company.file_state(&hers).await, SituacaoArquivo::Recusada);
    let begun = company.begin_as(&token, &hers, "").await;
    company.send(begun.header("location"), 0, bytes.clone()).await;
    company.verify().await;
    assert_eq!(company.file_state(&hers).await, SituacaoArquivo::Verificada);
    assert_eq!((company.objects().await.len(), company.count("arquivo").await), (1, 1));
    // Another company on the same server and store knows nothing of it.
    let test = TestDb { url: company.test.url.clone(), db: company.test.db.clone() };
    let mut neighbour = Company::on(test, "vizinha").await;
    neighbour.app.objects = company.app.objects.clone();
    neighbour.router = routes::router(neighbour.app.clone());
    let photo = neighbour.photo(bytes.clone()).await;
    assert_eq!(neighbour.begin(&photo).await.offset(), 0);
    assert_eq!(neighbour.uploaded(&photo).await, SituacaoArquivo::Verificada);
    assert_eq!((company.objects().await.len(), company.count("arquivo").await), (2, 2));
}

#[tokio::test]
async fn what_the_store_has_lost_is_sent_again_by_whoever_has_it() {
    let company = Company::new().await;
    let bytes = noise(7, 3_000);
    assert_eq!(
        company.uploaded(&company.photo(bytes.clone()).await).await,
        SituacaoArquivo::Verificada
    );
    let key = crate::objects::original(company.tenant, &sha256(&bytes));
    company.app.objects.store().delete(&key).await.unwrap();
    let again = company.photo(bytes.clone()).await;
    assert_eq!(company.begin(&again).await.offset(), 0);
    assert_eq!(company.uploaded(&again).await, SituacaoArquivo::Verificada);
    assert!(company.is_stored(&bytes).await);
}

#[tokio::test]
async fn pictures_that_a_device_made_are_kept_if_they_are_pictures_and_spare_the_server_its_own() {
    let company = Company::new().await;
    let photo = company.photo(jpeg(8, 900, 700)).await;
    let send = async |variante: Variante, bytes: Bytes| {
        let hers = Photo { bytes: bytes.clone(), ..photo.clone() };
        let more = format!("variante={variante},sha256={}", sha256(&bytes));
        let begun = company.begin_as(&company.token, &hers, &more).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let offset = begun.offset();
        if offset == 0 {
            let sent = company.send(begun.header("location"), 0, bytes).await;
            assert_eq!(sent.status, 204, "{sent:?}");
            company.verify().await;
        }
        offset
    };
    // Too large a picture, half of one, and none: each is asked for again.
    let small = jpeg(8, 320, 240);
    for wrong in [jpeg(8, 321, 240), small.slice(..small.len() / 2), noise(8, 500)] {
        assert_eq!(send(Variante::Miniatura, wrong).await, 0);
        assert_eq!(company.count("derivada").await, 0);
        assert!(company.objects().await.is_empty());
    }
    assert_eq!(send(Variante::Miniatura, small.clone()).await, 0);
    assert_eq!(send(Variante::Miniatura, small.clone()).await, small.len());
    assert_eq!(send(Variante::Previa, jpeg(8, 800, 600)).await, 0);
    assert_eq!(company.count("derivada").await, 2);
    let thumbnail = format!("anexos/{}/{}/miniatura.jpg", photo.document, photo.attachment);
    assert_eq!(company.objects().await[0], thumbnail);
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Esperada);
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
    assert_eq!(company.count("arquivo WHERE derivadas = 'nao_ha'").await, 1);
    // The same bytes elsewhere, without pictures of their own: then the server makes some.
    let again = company.photo(photo.bytes.clone()).await;
    assert_eq!(company.uploaded(&again).await, SituacaoArquivo::Verificada);
    assert_eq!(company.count("arquivo WHERE derivadas = 'pendentes'").await, 1);
}

#[tokio::test]
async fn bytes_that_the_server_has_by_another_way_are_verified_like_any() {
    let company = Company::new().await;
    let photo = company.photo(jpeg(9, 200, 100)).await;
    let keep = async |bytes: Bytes| {
        let (tenant, document, attachment) = (company.tenant, photo.document, photo.attachment);
        verify::keep(&company.app, tenant, document, attachment, bytes).await
    };
    assert!(keep(noise(1, 10)).await.is_err());
    let garbage = noise(1, photo.bytes.len());
    assert_eq!(keep(garbage).await.unwrap(), SituacaoArquivo::Recusada);
    assert_eq!(keep(photo.bytes.clone()).await.unwrap(), SituacaoArquivo::Verificada);
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
    assert_eq!((company.objects().await.len(), company.count("envio").await), (1, 0));
}

#[tokio::test]
async fn a_folder_keeps_what_is_uploaded_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("campo-{}", Uuid::now_v7()));
    let dir = folder.display().to_string();
    let config = Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.clone())).unwrap();
    let mut company = Company::new().await;
    company.app.objects = Objects::connect(&config).await.unwrap();
    company.router = routes::router(company.app.clone());
    for bytes in [jpeg(10, 640, 480), noise(10, 20_000_000)] {
        let photo = company.photo(bytes).await;
        let url = company.begin(&photo).await.header("location").to_owned();
        company.send(&url, 0, cut_off(photo.bytes.slice(..10_000))).await;
        assert_eq!(company.look(&url).await.offset(), 10_000);
        assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
        assert!(company.is_stored(&photo.bytes).await);
    }
    let wrong = company.photo(noise(11, 9_000_000)).await;
    let url = company.begin(&wrong).await.header("location").to_owned();
    company.send(&url, 0, noise(12, 9_000_000)).await;
    company.verify().await;
    assert_eq!(company.file_state(&wrong).await, SituacaoArquivo::Recusada);
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
    let company = Company::new().await;
    let photo = company.photo(noise(31, 3_000)).await;
    let (document, attachment) = (photo.document, photo.attachment);
    let work = Work::File { document, attachment, state: SituacaoArquivo::Recebida, reason: None };
    company.app.submit(company.tenant, work).await.unwrap();
    cleanup::once(&company.app).await.unwrap();
    assert_eq!(
        company.file_state(&photo).await,
        SituacaoArquivo::Recebida,
        "somebody may be at it"
    );
    company.sql("UPDATE anexos SET estado_em = now() - interval '11 minutes'").await;
    cleanup::once(&company.app).await.unwrap();
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Recusada);
    assert_eq!(company.uploaded(&photo).await, SituacaoArquivo::Verificada);
}
