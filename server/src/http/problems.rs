//! Answers that many routes share, for the OpenAPI document.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        HeaderBuilder, RefOr, ResponseBuilder,
        content::{Content, ContentBuilder},
        response::Response as Documented,
        schema::{ObjectBuilder, Ref, Type},
    },
};

/// Um problema (RFC 9457), em `application/problem+json`.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // Shown in the document; `ApiError` writes it.
pub struct Problema {
    /// `urn:campo:problema:` e o código.
    r#type: String,
    /// O que o status quer dizer.
    title: String,
    /// O status da resposta.
    status: u16,
    /// O que aconteceu e o que fazer, para pessoas.
    detail: String,
    /// Código estável, para programas.
    codigo: String,
    /// O mesmo que `detail`.
    mensagem: String,
    /// `urn:campo:requisicao:` e o id da requisição.
    instance: Option<String>,
    /// O id da requisição, para procurar no registro do servidor.
    requisicao: Option<String>,
    /// Os particulares que a mensagem nomeia, na ordem dela.
    detalhes: Option<Vec<String>>,
    /// O que a leitura do pedido encontrou, para quem programa.
    detalhe: Option<String>,
}

/// What a problem is written as.
pub const PROBLEM: &str = "application/problem+json";

/// The content of an answer that is a problem.
pub fn problem() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problema"))).build()
}

/// What a GET with an `ETag` answers where the caller has that version already.
#[derive(Debug)]
pub struct NaoMudou;

impl IntoResponses for NaoMudou {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let same = ResponseBuilder::new().description("Não mudou.").build();
        [("304".to_owned(), same.into())].into()
    }
}

/// The problems that any route of the API may answer with.
#[derive(Debug)]
pub struct Problemas;

impl IntoResponses for Problemas {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let later = || {
            let seconds = HeaderBuilder::new().description(Some("Segundos até tentar de novo."));
            seconds.schema(ObjectBuilder::new().schema_type(Type::Integer)).build()
        };
        let problem = |status: &str, what: &str| {
            let response = ResponseBuilder::new().description(what).content(PROBLEM, problem());
            match status {
                "409" | "429" | "503" => response.header("Retry-After", later()).build(),
                _ => response.build(),
            }
        };
        [
            ("400", "O pedido não pôde ser lido."),
            ("401", "Falta o token ou a chave, ou não vale mais."),
            ("403", "Falta a permissão ou o escopo."),
            ("404", "Não existe, ou não para quem pergunta."),
            ("405", "O endereço não aceita esse método; `Allow` diz quais aceita."),
            ("409", "Não cabe no estado atual, ou o mesmo pedido ainda está em andamento."),
            ("410", "Foi apagado."),
            ("412", "Foi alterado por outra pessoa; o `ETag` atual vem no cabeçalho."),
            ("413", "O corpo passa do limite."),
            ("415", "O corpo não é do tipo que o endereço lê."),
            ("422", "Os dados ou as regras não permitem."),
            ("428", "Falta o cabeçalho If-Match."),
            ("429", "Tentativas demais."),
            ("500", "Algo falhou no servidor."),
            ("503", "O servidor está ocupado, iniciando ou parando."),
        ]
        .map(|(status, what)| (status.to_owned(), problem(status, what).into()))
        .into()
    }
}
