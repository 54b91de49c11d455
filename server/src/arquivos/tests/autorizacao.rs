//! Who may send what.

use super::*;
use crate::auth::{
    accounts::{Person, write_user},
    password,
};
use campo_domain::ids::PedidoId;

#[tokio::test]
async fn a_stranger_to_the_record_finds_nothing_and_its_author_may_always_send() {
    let casa = Casa::nova().await;
    let ana = casa.pessoa("ana", &[Permissao::Ver]).await;
    let token = casa.entrar("ana").await;
    let foto = casa.foto(dados(1, 1_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let not_found = (404, "nao_encontrado".to_owned());
    let refused = async |foto: &Foto| {
        let refused = casa.comecar_como(&token, foto, "").await;
        (refused.codigo().0, refused.codigo().1.to_owned())
    };
    assert_eq!(refused(&foto).await, not_found);
    let seen = pedir(&casa.router, &token, Method::HEAD, &url, &[], Body::empty()).await;
    assert_eq!(seen.status, 404);
    let body = Body::from(foto.bytes.clone());
    let sent = patch(&casa.router, &token, &url, 0, &[], body).await;
    assert_eq!(sent.codigo(), (404, "nao_encontrado"));
    let gone = pedir(&casa.router, &token, Method::DELETE, &url, &[], Body::empty()).await;
    assert_eq!(gone.status, 404);
    // She took part, declared a photo, and was taken off the record before she could send it.
    let participar = async |participa| {
        let command = Command::Participar { usuario: ana, participa };
        casa.comando(casa.carla, foto.documento, command).await;
    };
    participar(true).await;
    let dela = casa.declarada_por(ana, foto.documento, dados(2, 500)).await;
    assert_eq!(casa.comecar_como(&token, &foto, "").await.status, 201);
    participar(false).await;
    assert_eq!(refused(&foto).await, not_found);
    let begun = casa.comecar_como(&token, &dela, "").await;
    assert_eq!(begun.status, 201);
    let url = begun.header("location");
    let body = Body::from(dela.bytes.clone());
    assert_eq!(patch(&casa.router, &token, url, 0, &[], body).await.status, 204);
    casa.verificar().await;
    assert_eq!(casa.situacao(&dela).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn a_record_that_is_closed_still_takes_the_bytes_of_what_was_declared() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(3, 1_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    let pedido = PedidoId::from(Uuid::now_v7());
    let (verbo, motivo) = ("cancelar".to_owned(), Some("O cliente desistiu.".to_owned()));
    let command = Command::Transicionar { pedido, verbo, motivo, email: false };
    casa.comando(casa.carla, foto.documento, command).await;
    assert_eq!(casa.enviar(&url, 0, foto.bytes.clone()).await.status, 204);
    casa.verificar().await;
    assert_eq!(casa.situacao(&foto).await, SituacaoArquivo::Verificada);
}

#[tokio::test]
async fn a_file_that_was_removed_is_wanted_no_more() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(4, 1_000)).await;
    let url = casa.comecar(&foto).await.header("location").to_owned();
    casa.enviar(&url, 0, foto.bytes.slice(..10)).await;
    let command = Command::RemoverItem { em: Colecao::Anexos, item: foto.anexo };
    casa.comando(casa.carla, foto.documento, command).await;
    let removed = (410, "anexo_removido");
    assert_eq!(casa.comecar(&foto).await.codigo(), removed);
    assert_eq!(casa.enviar(&url, 10, foto.bytes.slice(10..)).await.codigo(), removed);
    assert_eq!(casa.ver(&url).await.status, 410);
}

#[tokio::test]
async fn a_program_needs_the_scope_and_a_client_has_only_its_own() {
    let casa = Casa::nova().await;
    let foto = casa.foto(dados(5, 1_000)).await;
    for (escopo, status) in [("registros:ler", 403), ("registros:escrever", 201)] {
        let body = json!({
            "nome": "ERP", "escopos": [escopo], "permissoes": ["ver", "ver_todas"],
        });
        let request = Request::post("/v1/chaves")
            .header(header::AUTHORIZATION, format!("Bearer {}", casa.token))
            .header(header::CONTENT_TYPE, "application/json");
        let made = enviar(&casa.router, request.body(Body::from(body.to_string())).unwrap()).await;
        assert_eq!(made.status, StatusCode::CREATED.as_u16(), "{made:?}");
        let chave = made.body["segredo"].as_str().unwrap();
        assert_eq!(casa.comecar_como(chave, &foto, "").await.status, status, "{escopo}");
    }
    let nome = [("nome", Valor::Texto("Pousada Água Clara".into()))];
    let cliente = casa.criar(Kind::Cliente, &nome).await;
    let person = Person {
        login: "cliente".into(),
        nome: "Cliente".into(),
        permissoes: [Permissao::Portal].into(),
        cliente: Some(cliente),
        ativo: true,
        ..Person::default()
    };
    let hash = password::hash(SENHA).await.unwrap();
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let id = UserId::from(Uuid::now_v7());
    write_user(&mut tx, casa.tenant, id, &person, Some(&hash)).await.unwrap();
    tx.commit().await.unwrap();
    let token = casa.entrar("cliente").await;
    assert_eq!(casa.comecar_como(&token, &foto, "").await.codigo(), (404, "nao_encontrado"));
}
