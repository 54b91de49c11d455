//! The protocol: what is counted, what is kept, what is refused.

use super::*;
use crate::{arquivos::envio::ABERTOS_MAX, serve};
use sha1::Sha1;
use std::time::Duration;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn an_upload_is_made_looked_at_continued_and_verified() {
    let casa = Casa::nova().await;
    let foto = casa.foto(jpeg(1, 640, 480)).await;
    let (length, half) = (foto.bytes.len(), foto.bytes.len() / 2);
    let begun = casa.comecar(&foto).await;
    assert_eq!((begun.status, begun.offset()), (201, 0), "{begun:?}");
    assert_eq!(begun.header("tus-resumable"), "1.0.0");
    assert!(begun.header("upload-expires").ends_with(" GMT"));
    let url = begun.header("location").to_owned();
    let sent = casa.enviar(&url, 0, foto.bytes.slice(..half)).await;
    assert_eq!((sent.status, sent.offset()), (204, half), "{sent:?}");
    let seen = casa.ver(&url).await;
    assert_eq!((seen.status, seen.offset()), (200, half));
    assert_eq!(seen.header("upload-length"), length.to_string());
    assert_eq!(seen.header("cache-control"), "no-store");
    // Begun again, it goes on where it stands.
    let again = casa.comecar(&foto).await;
    assert_eq!((again.header("location"), again.offset()), (&*url, half));
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Esperada);
    let sent = casa.enviar(&url, half, foto.bytes.slice(half..)).await;
    assert_eq!((sent.status, sent.offset()), (204, length), "{sent:?}");
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Recebida);
    // Whoever lost that answer learns that nothing is left to send.
    assert_eq!(casa.ver(&url).await.offset(), length);
    assert_eq!(casa.comecar(&foto).await.offset(), length);
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
    assert_eq!(casa.conta("arquivo WHERE largura = 640 AND altura = 480").await, 1);
    assert_eq!(casa.conta("arquivo WHERE derivadas = 'pendentes'").await, 1);
    let hash = sha256(&foto.bytes);
    assert_eq!(casa.objetos().await, [format!("originais/{}/{hash}", &hash[..2])]);
    assert!(casa.guardado(&foto.bytes).await);
    assert_eq!(casa.conta("envio").await + casa.conta("envio_parte").await, 0);
    assert_eq!(casa.ver(&url).await.status, 404);
    let done = casa.comecar(&foto).await;
    assert_eq!((done.status, done.offset()), (201, length));
    let url = done.header("location").to_owned();
    assert_eq!(casa.ver(&url).await.offset(), length);
    let late = casa.enviar(&url, 0, foto.bytes.clone()).await;
    assert_eq!((late.codigo(), late.offset()), ((409, "posicao_diferente"), length));
    assert_eq!(casa.enviar(&url, length, Body::empty()).await.status, 204);
}

#[tokio::test]
async fn the_options_say_what_is_spoken_and_another_version_is_refused() {
    let casa = Casa::nova().await;
    let request = Request::options("/v1/arquivos").body(Body::empty()).unwrap();
    let answer = enviar(&casa.router, request).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(answer.header("tus-checksum-algorithm"), "sha1,sha256");
    assert_eq!(answer.header("tus-max-size"), (2u64 << 30).to_string());
    let known = "creation,creation-with-upload,checksum,termination,expiration";
    assert_eq!(answer.header("tus-extension"), known);
    let headers = [("tus-resumable", "0.2.2")];
    let answer = casa.pedir(Method::POST, "/v1/arquivos", &headers, Body::empty()).await;
    assert_eq!((answer.status, answer.header("tus-version")), (412, "1.0.0"));
    let stranger = pedir(&casa.router, "x", Method::POST, "/v1/arquivos", &[], Body::empty()).await;
    assert_eq!((stranger.status, stranger.header("tus-resumable")), (401, "1.0.0"));
}

#[tokio::test]
async fn what_is_not_as_it_was_declared_is_refused_before_any_byte() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(1, 1_000)).await;
    let outro = Foto { bytes: dados(1, 999), ..foto.clone() };
    assert_eq!(casa.comecar(&outro).await.codigo(), (400, "tamanho_diferente"));
    let wrong = format!("sha256={}", sha256(b"x"));
    let refused = casa.comecar_como(&casa.token, &foto, &wrong).await;
    assert_eq!(refused.codigo(), (400, "hash_diferente"));
    let right = format!("sha256={}", sha256(&foto.bytes));
    let url = casa.comecar_como(&casa.token, &foto, &right).await.header("location").to_owned();
    let miniatura = Foto { bytes: dados(1, 300_000), ..foto.clone() };
    let mais = format!("variante=miniatura,{right}");
    let refused = casa.comecar_como(&casa.token, &miniatura, &mais).await;
    assert_eq!(refused.codigo(), (413, "arquivo_grande_demais"));
    let refused = casa.comecar_como(&casa.token, &foto, "variante=miniatura").await;
    assert_eq!(refused.codigo(), (400, "pedido_invalido"));
    let outro = Foto { anexo: Uuid::now_v7().into(), ..foto.clone() };
    assert_eq!(casa.comecar(&outro).await.codigo(), (404, "nao_encontrado"));
    // Nor is more taken than was declared, whether its length is said or not.
    let longer = dados(1, 1_001);
    let length = [("content-length", "1001")];
    let refused = patch(&casa.router, &casa.token, &url, 0, &length, longer.clone().into()).await;
    assert_eq!(refused.codigo(), (413, "arquivo_grande_demais"));
    let chunks = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(longer)]));
    assert_eq!(casa.enviar(&url, 0, chunks).await.codigo(), (413, "arquivo_grande_demais"));
    let plain = [("content-type", "image/jpeg"), ("upload-offset", "0")];
    let refused = casa.pedir(Method::PATCH, &url, &plain, Body::from("x")).await;
    assert_eq!(refused.status, 415);
    assert_eq!(casa.ver(&url).await.offset(), 0);
    assert!(casa.objetos().await.is_empty());
}

#[tokio::test]
async fn a_link_that_breaks_every_few_bytes_makes_progress_all_the_same() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(2, 10_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let mut offset = 0;
    while offset < foto.bytes.len() {
        let end = foto.bytes.len().min(offset + 1_500);
        casa.enviar(&url, offset, cortado(foto.bytes.slice(offset..end))).await;
        let seen = casa.ver(&url).await.offset();
        assert_eq!(seen, end);
        offset = seen;
    }
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
    assert!(casa.guardado(&foto.bytes).await);
    assert_eq!(casa.objetos().await.len(), 1);
}

#[tokio::test]
async fn bytes_whose_sum_is_wrong_do_not_count_and_leave_nothing() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(3, 9_000_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let sum = |bytes: &[u8]| format!("sha1 {}", STANDARD.encode(Sha1::digest(bytes)));
    let checked = async |offset: usize, sum: String, body: Body| {
        let headers = [("upload-checksum", &*sum)];
        patch(&casa.router, &casa.token, &url, offset, &headers, body).await
    };
    let wrong = checked(0, sum(b"outra coisa"), foto.bytes.clone().into()).await;
    assert_eq!(wrong.codigo(), (460, "soma_diferente"));
    checked(0, sum(&foto.bytes), cortado(foto.bytes.slice(..8_000_000))).await;
    assert_eq!(checked(0, "md5 AAAA".into(), Body::from("x")).await.status, 400);
    assert_eq!(casa.ver(&url).await.offset(), 0);
    assert!(casa.objetos().await.is_empty());
    let right = checked(0, sum(&foto.bytes), foto.bytes.clone().into()).await;
    assert_eq!((right.status, right.offset()), (204, foto.bytes.len()));
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn of_two_connections_at_the_same_byte_one_is_told_where_the_upload_stands() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(4, 5_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let other = casa.outro_servidor().await;
    let body = || Body::from(foto.bytes.slice(..3_000));
    let (a, b) = tokio::join!(
        casa.enviar(&url, 0, body()),
        patch(&other, &casa.token, &url, 0, &[], body()),
    );
    let mut codes = [a.status, b.status];
    codes.sort_unstable();
    assert_eq!(codes, [204, 409], "{a:?} {b:?}");
    assert_eq!(casa.objetos().await.len(), 1);
    // And the other server goes on.
    let sent = patch(&other, &casa.token, &url, 3_000, &[], foto.bytes.slice(3_000..).into()).await;
    assert_eq!(sent.offset(), 5_000, "{sent:?}");
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn an_upload_that_is_given_up_or_forgotten_goes_with_its_bytes() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(5, 4_000)).await;
    let begin = async || {
        let url = casa.comecar(&foto).await.header("location").to_owned();
        casa.enviar(&url, 0, foto.bytes.slice(..100)).await;
        url
    };
    let url = begin().await;
    assert_eq!(casa.objetos().await.len(), 1);
    assert_eq!(casa.pedir(Method::DELETE, &url, &[], Body::empty()).await.status, 204);
    assert_eq!(casa.ver(&url).await.status, 404);
    assert!(casa.objetos().await.is_empty());
    let url = begin().await;
    limpeza::once(&casa.app).await.unwrap();
    assert_eq!(casa.ver(&url).await.offset(), 100);
    casa.sql("UPDATE envio SET expira_em = now() - interval '1 second'").await;
    assert_eq!(casa.ver(&url).await.status, 404);
    assert_eq!(casa.enviar(&url, 100, Body::from("x")).await.codigo(), (404, "envio_expirado"));
    limpeza::once(&casa.app).await.unwrap();
    assert_eq!(casa.conta("envio").await + casa.conta("envio_parte").await, 0);
    assert!(casa.objetos().await.is_empty());
    // One that is complete waits as long as it takes.
    let url = begin().await;
    casa.enviar(&url, 100, foto.bytes.slice(100..)).await;
    casa.sql("UPDATE envio SET expira_em = now() - interval '1 second'").await;
    limpeza::once(&casa.app).await.unwrap();
    let refused = casa.pedir(Method::DELETE, &url, &[], Body::empty()).await;
    assert_eq!(refused.codigo(), (409, "envio_completo"));
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn a_small_file_comes_with_its_creation_and_other_methods_hide_in_a_post() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(6, 2_000)).await;
    let metadata = metadados(&foto, "");
    let headers = [
        ("upload-length", "2000"),
        ("upload-metadata", &*metadata),
        ("content-type", "application/offset+octet-stream"),
    ];
    let body = Body::from(foto.bytes.slice(..500));
    let begun = casa.pedir(Method::POST, "/v1/arquivos", &headers, body).await;
    assert_eq!((begun.status, begun.offset()), (201, 500), "{begun:?}");
    let url = begun.header("location");
    let hidden = [
        ("x-http-method-override", "PATCH"),
        ("content-type", "application/offset+octet-stream"),
        ("upload-offset", "500"),
    ];
    let body = Body::from(foto.bytes.slice(500..1_000));
    let sent = casa.pedir(Method::POST, url, &hidden, body).await;
    assert_eq!((sent.status, sent.offset()), (204, 1_000), "{sent:?}");
    let hidden = [("x-http-method-override", "DELETE")];
    assert_eq!(casa.pedir(Method::POST, url, &hidden, Body::empty()).await.status, 204);
    assert_eq!(casa.pedir(Method::POST, url, &[], Body::empty()).await.status, 405);
    assert_eq!(casa.ver(url).await.status, 404);
}

#[tokio::test]
async fn nobody_begins_uploads_without_end() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(7, 2_000)).await;
    let (tenant, carla) = (casa.tenant, casa.carla);
    let fill = format!(
        "INSERT INTO envio (tenant, id, document, anexo, variante, usuario, sha256, tamanho, \
             expira_em) SELECT '{tenant}', gen_random_uuid(), gen_random_uuid(), \
             gen_random_uuid(), 'original', '{carla}', '', 1, now() + interval '1 day' \
         FROM generate_series(1, {ABERTOS_MAX})"
    );
    casa.sql(&fill).await;
    let refused = casa.comecar(&foto).await;
    assert_eq!(refused.codigo(), (429, "envios_demais"));
    casa.sql("UPDATE envio SET expira_em = now() - interval '1 day'").await;
    assert_eq!(casa.comecar(&foto).await.status, 201);
}

#[tokio::test]
async fn what_a_connection_brought_before_it_died_is_kept() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(8, 200_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let db = Db::open(&casa.test.url, 5).await.unwrap();
    let objects = casa.app.objects.clone();
    let running = serve::start(casa.app.config.clone(), db, objects, listener).unwrap();
    let head = format!(
        "PATCH {url} HTTP/1.1\r\nhost: campo\r\nauthorization: Bearer {}\r\n\
         tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n\
         upload-offset: 0\r\ncontent-length: 200000\r\n\r\n",
        casa.token
    );
    let mut connection = TcpStream::connect(running.addr).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&foto.bytes[..150_000]).await.unwrap();
    connection.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(connection);
    let mut offset = 0;
    for _ in 0..100 {
        offset = casa.ver(&url).await.offset();
        if offset > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(offset, 150_000);
    // Nothing of it stands in the way of the next.
    let sent = casa.enviar(&url, offset, foto.bytes.slice(offset..)).await;
    assert_eq!(sent.status, 204, "{sent:?}");
    let mut situacao = SituacaoArquivo::Recebida;
    for _ in 0..100 {
        situacao = casa.situacao(&foto).await;
        if situacao == SituacaoArquivo::Verificada {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(situacao, SituacaoArquivo::Verificada);
    running.stop().await;
}

#[tokio::test]
async fn what_a_silent_connection_brought_counts_while_it_is_still_silent() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(9, 3_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let first = stream::iter([Ok::<_, std::io::Error>(foto.bytes.slice(..1_000))]);
    let (router, token) = (casa.router.clone(), casa.token.clone());
    let to = url.clone();
    let silent = tokio::spawn(async move {
        let body = Body::from_stream(first.chain(stream::pending()));
        patch(&router, &token, &to, 0, &[], body).await
    });
    let mut offset = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        offset = casa.ver(&url).await.offset();
        if offset > 0 {
            break;
        }
    }
    assert_eq!(offset, 1_000);
    // Another goes on past it, without waiting for its end.
    let sent = casa.enviar(&url, 1_000, foto.bytes.slice(1_000..)).await;
    assert_eq!((sent.status, sent.offset()), (204, 3_000), "{sent:?}");
    assert!(!silent.is_finished());
    // A server that stops lets go of it.
    casa.app.shutdown.request();
    assert_eq!(silent.await.unwrap().codigo(), (503, "servidor_ocupado"));
}

#[tokio::test]
async fn while_bytes_come_slowly_nobody_is_kept_from_the_database() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(21, 20_000)).await;
    casa.comecar(&foto).await;
    // More of them than there are connections, each begun again with a body that does not end.
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let (router, token) = (casa.router.clone(), casa.token.clone());
            let metadata = metadados(&foto, "");
            tokio::spawn(async move {
                let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
                let headers = [
                    ("upload-length", "20000"),
                    ("upload-metadata", &*metadata),
                    ("content-type", "application/offset+octet-stream"),
                ];
                let body = Body::from_stream(never);
                pedir(&router, &token, Method::POST, "/v1/arquivos", &headers, body).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = casa.comecar(&foto);
    let answered = tokio::time::timeout(Duration::from_secs(5), asked).await;
    assert_eq!(answered.expect("no connection was left").status, 201);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}
