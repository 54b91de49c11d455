//! The protocol: what is counted, what is kept, what is refused.

use super::*;
use crate::{arquivos::upload::OPEN_MAX, serve};
use sha1::Sha1;
use std::time::Duration;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn an_upload_is_made_looked_at_continued_and_verified() {
    let company = Company::new().await;
    let photo = company.photo(jpeg(1, 640, 480)).await;
    let (length, half) = (photo.bytes.len(), photo.bytes.len() / 2);
    let begun = company.begin(&photo).await;
    assert_eq!((begun.status, begun.offset()), (201, 0), "{begun:?}");
    assert_eq!(begun.header("tus-resumable"), "1.0.0");
    assert!(begun.header("upload-expires").ends_with(" GMT"));
    let url = begun.header("location").to_owned();
    let sent = company.send(&url, 0, photo.bytes.slice(..half)).await;
    assert_eq!((sent.status, sent.offset()), (204, half), "{sent:?}");
    let seen = company.look(&url).await;
    assert_eq!((seen.status, seen.offset()), (200, half));
    assert_eq!(seen.header("upload-length"), length.to_string());
    assert_eq!(seen.header("cache-control"), "no-store");
    // Begun again, it goes on where it stands.
    let again = company.begin(&photo).await;
    assert_eq!((again.header("location"), again.offset()), (&*url, half));
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Esperada);
    let sent = company.send(&url, half, photo.bytes.slice(half..)).await;
    assert_eq!((sent.status, sent.offset()), (204, length), "{sent:?}");
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Recebida);
    // Whoever lost that answer learns that nothing is left to send.
    assert_eq!(company.look(&url).await.offset(), length);
    assert_eq!(company.begin(&photo).await.offset(), length);
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
    assert_eq!(company.count("arquivo WHERE largura = 640 AND altura = 480").await, 1);
    assert_eq!(company.count("arquivo WHERE derivadas = 'pendentes'").await, 1);
    let hash = sha256(&photo.bytes);
    assert_eq!(company.objects().await, [format!("originais/{}/{hash}", &hash[..2])]);
    assert!(company.is_stored(&photo.bytes).await);
    assert_eq!(company.count("envio").await + company.count("envio_parte").await, 0);
    assert_eq!(company.look(&url).await.status, 404);
    let done = company.begin(&photo).await;
    assert_eq!((done.status, done.offset()), (201, length));
    let url = done.header("location").to_owned();
    assert_eq!(company.look(&url).await.offset(), length);
    let late = company.send(&url, 0, photo.bytes.clone()).await;
    assert_eq!((late.codigo(), late.offset()), ((409, "posicao_diferente"), length));
    assert_eq!(company.send(&url, length, Body::empty()).await.status, 204);
}

#[tokio::test]
async fn the_options_say_what_is_spoken_and_another_version_is_refused() {
    let company = Company::new().await;
    let request = Request::options("/v1/arquivos").body(Body::empty()).unwrap();
    let answer = send(&company.router, request).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(answer.header("tus-checksum-algorithm"), "sha1,sha256");
    assert_eq!(answer.header("tus-max-size"), (2u64 << 30).to_string());
    let known = "creation,creation-with-upload,checksum,termination,expiration";
    assert_eq!(answer.header("tus-extension"), known);
    let headers = [("tus-resumable", "0.2.2")];
    let answer = company.ask(Method::POST, "/v1/arquivos", &headers, Body::empty()).await;
    assert_eq!((answer.status, answer.header("tus-version")), (412, "1.0.0"));
    let stranger =
        ask(&company.router, "x", Method::POST, "/v1/arquivos", &[], Body::empty()).await;
    assert_eq!((stranger.status, stranger.header("tus-resumable")), (401, "1.0.0"));
}

#[tokio::test]
async fn what_is_not_as_it_was_declared_is_refused_before_any_byte() {
    let company = Company::new().await;
    let photo = company.photo(noise(1, 1_000)).await;
    let other = Photo { bytes: noise(1, 999), ..photo.clone() };
    assert_eq!(company.begin(&other).await.codigo(), (400, "tamanho_diferente"));
    let wrong = format!("sha256={}", sha256(b"x"));
    let refused = company.begin_as(&company.token, &photo, &wrong).await;
    assert_eq!(refused.codigo(), (400, "hash_diferente"));
    let right = format!("sha256={}", sha256(&photo.bytes));
    let url = company.begin_as(&company.token, &photo, &right).await.header("location").to_owned();
    let thumbnail = Photo { bytes: noise(1, 300_000), ..photo.clone() };
    let more = format!("variante=miniatura,{right}");
    let refused = company.begin_as(&company.token, &thumbnail, &more).await;
    assert_eq!(refused.codigo(), (413, "arquivo_grande_demais"));
    let refused = company.begin_as(&company.token, &photo, "variante=miniatura").await;
    assert_eq!(refused.codigo(), (400, "pedido_invalido"));
    let other = Photo { attachment: Uuid::now_v7().into(), ..photo.clone() };
    assert_eq!(company.begin(&other).await.codigo(), (404, "nao_encontrado"));
    // Nor is more taken than was declared, whether its length is said or not.
    let longer = noise(1, 1_001);
    let length = [("content-length", "1001")];
    let refused =
        patch(&company.router, &company.token, &url, 0, &length, longer.clone().into()).await;
    assert_eq!(refused.codigo(), (413, "arquivo_grande_demais"));
    let chunks = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(longer)]));
    assert_eq!(company.send(&url, 0, chunks).await.codigo(), (413, "arquivo_grande_demais"));
    let plain = [("content-type", "image/jpeg"), ("upload-offset", "0")];
    let refused = company.ask(Method::PATCH, &url, &plain, Body::from("x")).await;
    assert_eq!(refused.status, 415);
    assert_eq!(company.look(&url).await.offset(), 0);
    assert!(company.objects().await.is_empty());
}

#[tokio::test]
async fn a_link_that_breaks_every_few_bytes_makes_progress_all_the_same() {
    let company = Company::new().await;
    let photo = company.photo(noise(2, 10_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let mut offset = 0;
    while offset < photo.bytes.len() {
        let end = photo.bytes.len().min(offset + 1_500);
        company.send(&url, offset, cut_off(photo.bytes.slice(offset..end))).await;
        let seen = company.look(&url).await.offset();
        assert_eq!(seen, end);
        offset = seen;
    }
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
    assert!(company.is_stored(&photo.bytes).await);
    assert_eq!(company.objects().await.len(), 1);
}

#[tokio::test]
async fn bytes_whose_sum_is_wrong_do_not_count_and_leave_nothing() {
    let company = Company::new().await;
    let photo = company.photo(noise(3, 9_000_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let sum = |bytes: &[u8]| format!("sha1 {}", STANDARD.encode(Sha1::digest(bytes)));
    let checked = async |offset: usize, sum: String, body: Body| {
        let headers = [("upload-checksum", &*sum)];
        patch(&company.router, &company.token, &url, offset, &headers, body).await
    };
    let wrong = checked(0, sum(b"outra coisa"), photo.bytes.clone().into()).await;
    assert_eq!(wrong.codigo(), (460, "soma_diferente"));
    checked(0, sum(&photo.bytes), cut_off(photo.bytes.slice(..8_000_000))).await;
    assert_eq!(checked(0, "md5 AAAA".into(), Body::from("x")).await.status, 400);
    assert_eq!(company.look(&url).await.offset(), 0);
    assert!(company.objects().await.is_empty());
    let right = checked(0, sum(&photo.bytes), photo.bytes.clone().into()).await;
    assert_eq!((right.status, right.offset()), (204, photo.bytes.len()));
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn of_two_connections_at_the_same_byte_one_is_told_where_the_upload_stands() {
    let company = Company::new().await;
    let photo = company.photo(noise(4, 5_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let other = company.other_server().await;
    let body = || Body::from(photo.bytes.slice(..3_000));
    let (a, b) = tokio::join!(
        company.send(&url, 0, body()),
        patch(&other, &company.token, &url, 0, &[], body()),
    );
    let mut codes = [a.status, b.status];
    codes.sort_unstable();
    assert_eq!(codes, [204, 409], "{a:?} {b:?}");
    assert_eq!(company.objects().await.len(), 1);
    // And the other server goes on.
    let sent =
        patch(&other, &company.token, &url, 3_000, &[], photo.bytes.slice(3_000..).into()).await;
    assert_eq!(sent.offset(), 5_000, "{sent:?}");
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn an_upload_that_is_given_up_or_forgotten_goes_with_its_bytes() {
    let company = Company::new().await;
    let photo = company.photo(noise(5, 4_000)).await;
    let begin = async || {
        let url = company.begin(&photo).await.header("location").to_owned();
        company.send(&url, 0, photo.bytes.slice(..100)).await;
        url
    };
    let url = begin().await;
    assert_eq!(company.objects().await.len(), 1);
    assert_eq!(company.ask(Method::DELETE, &url, &[], Body::empty()).await.status, 204);
    assert_eq!(company.look(&url).await.status, 404);
    assert!(company.objects().await.is_empty());
    let url = begin().await;
    cleanup::once(&company.app).await.unwrap();
    assert_eq!(company.look(&url).await.offset(), 100);
    company.sql("UPDATE envio SET expira_em = now() - interval '1 second'").await;
    assert_eq!(company.look(&url).await.status, 404);
    assert_eq!(company.send(&url, 100, Body::from("x")).await.codigo(), (404, "envio_expirado"));
    cleanup::once(&company.app).await.unwrap();
    assert_eq!(company.count("envio").await + company.count("envio_parte").await, 0);
    assert!(company.objects().await.is_empty());
    // One that is complete waits as long as it takes.
    let url = begin().await;
    company.send(&url, 100, photo.bytes.slice(100..)).await;
    company.sql("UPDATE envio SET expira_em = now() - interval '1 second'").await;
    cleanup::once(&company.app).await.unwrap();
    let refused = company.ask(Method::DELETE, &url, &[], Body::empty()).await;
    assert_eq!(refused.codigo(), (409, "envio_completo"));
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn a_small_file_comes_with_its_creation_and_other_methods_hide_in_a_post() {
    let company = Company::new().await;
    let photo = company.photo(noise(6, 2_000)).await;
    let metadata = metadata(&photo, "");
    let headers = [
        ("upload-length", "2000"),
        ("upload-metadata", &*metadata),
        ("content-type", "application/offset+octet-stream"),
    ];
    let body = Body::from(photo.bytes.slice(..500));
    let begun = company.ask(Method::POST, "/v1/arquivos", &headers, body).await;
    assert_eq!((begun.status, begun.offset()), (201, 500), "{begun:?}");
    let url = begun.header("location");
    let hidden = [
        ("x-http-method-override", "PATCH"),
        ("content-type", "application/offset+octet-stream"),
        ("upload-offset", "500"),
    ];
    let body = Body::from(photo.bytes.slice(500..1_000));
    let sent = company.ask(Method::POST, url, &hidden, body).await;
    assert_eq!((sent.status, sent.offset()), (204, 1_000), "{sent:?}");
    let hidden = [("x-http-method-override", "DELETE")];
    assert_eq!(company.ask(Method::POST, url, &hidden, Body::empty()).await.status, 204);
    assert_eq!(company.ask(Method::POST, url, &[], Body::empty()).await.status, 405);
    assert_eq!(company.look(url).await.status, 404);
}

#[tokio::test]
async fn nobody_begins_uploads_without_end() {
    let company = Company::new().await;
    let photo = company.photo(noise(7, 2_000)).await;
    let (tenant, carla) = (company.tenant, company.carla);
    let fill = format!(
        "INSERT INTO envio (tenant, id, document, anexo, variante, usuario, sha256, tamanho, \
             expira_em) SELECT '{tenant}', gen_random_uuid(), gen_random_uuid(), \
             gen_random_uuid(), 'original', '{carla}', '', 1, now() + interval '1 day' \
         FROM generate_series(1, {OPEN_MAX})"
    );
    company.sql(&fill).await;
    let refused = company.begin(&photo).await;
    assert_eq!(refused.codigo(), (429, "envios_demais"));
    company.sql("UPDATE envio SET expira_em = now() - interval '1 day'").await;
    assert_eq!(company.begin(&photo).await.status, 201);
}

#[tokio::test]
async fn what_a_connection_brought_before_it_died_is_kept() {
    let company = Company::new().await;
    let photo = company.photo(noise(8, 200_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let db = Db::open(&company.test.url, 5).await.unwrap();
    let objects = company.app.objects.clone();
    let running = serve::start(company.app.config.clone(), db, objects, listener).unwrap();
    let head = format!(
        "PATCH {url} HTTP/1.1\r\nhost: campo\r\nauthorization: Bearer {}\r\n\
         tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n\
         upload-offset: 0\r\ncontent-length: 200000\r\n\r\n",
        company.token
    );
    let mut connection = TcpStream::connect(running.addr).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&photo.bytes[..150_000]).await.unwrap();
    connection.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(connection);
    let mut offset = 0;
    for _ in 0..100 {
        offset = company.look(&url).await.offset();
        if offset > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(offset, 150_000);
    // Nothing of it stands in the way of the next.
    let sent = company.send(&url, offset, photo.bytes.slice(offset..)).await;
    assert_eq!(sent.status, 204, "{sent:?}");
    let mut state = SituacaoArquivo::Recebida;
    for _ in 0..100 {
        state = company.file_state(&photo).await;
        if state == SituacaoArquivo::Verificada {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(state, SituacaoArquivo::Verificada);
    running.stop().await;
}

#[tokio::test]
async fn what_a_silent_connection_brought_counts_while_it_is_still_silent() {
    let company = Company::new().await;
    let photo = company.photo(noise(9, 3_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let first = stream::iter([Ok::<_, std::io::Error>(photo.bytes.slice(..1_000))]);
    let (router, token) = (company.router.clone(), company.token.clone());
    let to = url.clone();
    let silent = tokio::spawn(async move {
        let body = Body::from_stream(first.chain(stream::pending()));
        patch(&router, &token, &to, 0, &[], body).await
    });
    let mut offset = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        offset = company.look(&url).await.offset();
        if offset > 0 {
            break;
        }
    }
    assert_eq!(offset, 1_000);
    // Another goes on past it, without waiting for its end.
    let sent = company.send(&url, 1_000, photo.bytes.slice(1_000..)).await;
    assert_eq!((sent.status, sent.offset()), (204, 3_000), "{sent:?}");
    assert!(!silent.is_finished());
    // A server that stops lets go of it.
    company.app.shutdown.request();
    assert_eq!(silent.await.unwrap().codigo(), (503, "servidor_ocupado"));
}

#[tokio::test]
async fn while_bytes_come_slowly_nobody_is_kept_from_the_database() {
    let company = Company::new().await;
    let photo = company.photo(noise(21, 20_000)).await;
    company.begin(&photo).await;
    // More of them than there are connections, each begun again with a body that does not end.
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let (router, token) = (company.router.clone(), company.token.clone());
            let metadata = metadata(&photo, "");
            tokio::spawn(async move {
                let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
                let headers = [
                    ("upload-length", "20000"),
                    ("upload-metadata", &*metadata),
                    ("content-type", "application/offset+octet-stream"),
                ];
                let body = Body::from_stream(never);
                ask(&router, &token, Method::POST, "/v1/arquivos", &headers, body).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = company.begin(&photo);
    let answered = tokio::time::timeout(Duration::from_secs(5), asked).await;
    assert_eq!(answered.expect("no connection was left").status, 201);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}
