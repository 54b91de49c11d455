//! Who may send what.

use super::*;
use crate::auth::{
    accounts::{Person, write_user},
    password,
};
use campo_domain::ids::PedidoId;

#[tokio::test]
async fn a_stranger_to_the_record_finds_nothing_and_its_author_may_always_send() {
    let company = Company::new().await;
    let ana = company.person("ana", &[Permissao::Ver]).await;
    let token = company.sign_in("ana").await;
    let photo = company.photo(noise(1, 1_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let not_found = (404, "nao_encontrado".to_owned());
    let refused = async |photo: &Photo| {
        let refused = company.begin_as(&token, photo, "").await;
        (refused.codigo().0, refused.codigo().1.to_owned())
    };
    assert_eq!(refused(&photo).await, not_found);
    let seen = ask(&company.router, &token, Method::HEAD, &url, &[], Body::empty()).await;
    assert_eq!(seen.status, 404);
    let body = Body::from(photo.bytes.clone());
    let sent = patch(&company.router, &token, &url, 0, &[], body).await;
    assert_eq!(sent.codigo(), (404, "nao_encontrado"));
    let gone = ask(&company.router, &token, Method::DELETE, &url, &[], Body::empty()).await;
    assert_eq!(gone.status, 404);
    // She took part, declared a photo, and was taken off the record before she could send it.
    let participate = async |participates| {
        let command = Command::Participar { usuario: ana, participa: participates };
        company.run(company.carla, photo.document, command).await;
    };
    participate(true).await;
    let hers = company.declared_by(ana, photo.document, noise(2, 500)).await;
    assert_eq!(company.begin_as(&token, &photo, "").await.status, 201);
    participate(false).await;
    assert_eq!(refused(&photo).await, not_found);
    let begun = company.begin_as(&token, &hers, "").await;
    assert_eq!(begun.status, 201);
    let url = begun.header("location");
    let body = Body::from(hers.bytes.clone());
    assert_eq!(patch(&company.router, &token, url, 0, &[], body).await.status, 204);
    company.verify().await;
    assert_eq!(company.file_state(&hers).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn a_record_that_is_closed_still_takes_the_bytes_of_what_was_declared() {
    let company = Company::new().await;
    let photo = company.photo(noise(3, 1_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    let pedido = PedidoId::from(Uuid::now_v7());
    let (verbo, reason) = ("cancelar".to_owned(), Some("O cliente desistiu.".to_owned()));
    let command = Command::Transicionar { pedido, verbo, motivo: reason, email: false };
    company.run(company.carla, photo.document, command).await;
    assert_eq!(company.send(&url, 0, photo.bytes.clone()).await.status, 204);
    company.verify().await;
    assert_eq!(company.file_state(&photo).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn a_file_that_was_removed_is_wanted_no_more() {
    let company = Company::new().await;
    let photo = company.photo(noise(4, 1_000)).await;
    let url = company.begin(&photo).await.header("location").to_owned();
    company.send(&url, 0, photo.bytes.slice(..10)).await;
    let command = Command::RemoverItem { em: Colecao::Anexos, item: photo.attachment };
    company.run(company.carla, photo.document, command).await;
    let removed = (410, "anexo_removido");
    assert_eq!(company.begin(&photo).await.codigo(), removed);
    assert_eq!(company.send(&url, 10, photo.bytes.slice(10..)).await.codigo(), removed);
    assert_eq!(company.look(&url).await.status, 410);
}

#[tokio::test]
async fn a_program_needs_the_scope_and_a_client_has_only_its_own() {
    let company = Company::new().await;
    let photo = company.photo(noise(5, 1_000)).await;
    for (escopo, status) in [("registros:ler", 403), ("registros:escrever", 201)] {
        let body = json!({
            "nome": "ERP", "escopos": [escopo], "permissoes": ["ver", "ver_todas"],
        });
        let request = Request::post("/v1/chaves")
            .header(header::AUTHORIZATION, format!("Bearer {}", company.token))
            .header(header::CONTENT_TYPE, "application/json");
        let made = send(&company.router, request.body(Body::from(body.to_string())).unwrap()).await;
        assert_eq!(made.status, StatusCode::CREATED.as_u16(), "{made:?}");
        let key = made.body["segredo"].as_str().unwrap();
        assert_eq!(company.begin_as(key, &photo, "").await.status, status, "{escopo}");
    }
    let name = [("nome", Valor::Texto("Pousada Água Clara".into()))];
    let cliente = company.create(Kind::Cliente, &name).await;
    let person = Person {
        login: "cliente".into(),
        nome: "Cliente".into(),
        permissoes: [Permissao::Portal].into(),
        cliente: Some(cliente),
        ativo: true,
        ..Person::default()
    };
    let hash = password::hash(SENHA).await.unwrap();
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let id = UserId::from(Uuid::now_v7());
    write_user(&mut tx, company.tenant, id, &person, Some(&hash)).await.unwrap();
    tx.commit().await.unwrap();
    let token = company.sign_in("cliente").await;
    assert_eq!(company.begin_as(&token, &photo, "").await.codigo(), (404, "nao_encontrado"));
}
