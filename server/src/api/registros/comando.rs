//! The commands of `POST …/comandos`: how each travels, and what the domain makes of it. What
//! stands here is all that is read; a field that is not here is refused.

use super::{
    enderecos,
    partes::{NovaParte, Partes},
    restricao::NovaRestricao,
};
use crate::{
    error::{ApiError, ApiResult},
    reading::json,
    schemas,
};
use campo_domain::{
    command::{Command, NovoPedido},
    ids::{AcaoId, AnaliseId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    refusal::Refusal,
    registro::{TipoAnalise, Visibilidade},
    valor::{Campo, Valor},
};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        schema::{AdditionalProperties, ArrayBuilder, OneOfBuilder},
    },
};
use uuid::Uuid;

/// Most commands of one request.
const COMANDOS_MAX: usize = 200;

/// Commands that have a route of their own.
const EM_OUTRO_LUGAR: [(&str, &str); 3] = [
    ("criar", "Crie registros com POST na coleção."),
    ("responder_acao", "Responda a ação em /v1/acoes/{id}/resposta."),
    ("vincular_corretiva", "Vincule em /v1/acoes-corretivas/{id}/registros."),
];

/// Um comando.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "comando", rename_all = "snake_case", deny_unknown_fields)]
pub enum Comando {
    /// Escreve um campo.
    Editar {
        /// O campo.
        campo: String,
        /// O valor, como nos campos de um registro; `null` esvazia.
        valor: Value,
        /// O valor que foi lido: se for outro agora, nada é escrito (`valor_mudou`).
        #[serde(default, deserialize_with = "present")]
        #[schema(value_type = Option<Object>)]
        visto: Option<Value>,
    },
    /// Altera um texto longo, do que a pessoa viu para o que ela quer.
    EditarTexto {
        /// O campo.
        campo: String,
        /// O texto como foi lido.
        de: String,
        /// O texto como será.
        para: String,
    },
    /// Inclui uma parte.
    IncluirItem {
        /// Em que coleção; `itens` se nada for dito.
        #[serde(default)]
        em: Partes,
        /// A parte.
        item: NovaParte,
    },
    /// Escreve um campo de uma parte.
    EditarItem {
        /// Em que coleção; `itens` se nada for dito.
        #[serde(default)]
        em: Partes,
        /// A parte.
        item: Uuid,
        /// O campo.
        campo: String,
        /// O valor; `null` esvazia.
        valor: Value,
        /// O valor que foi lido, como em `editar`.
        #[serde(default, deserialize_with = "present")]
        #[schema(value_type = Option<Object>)]
        visto: Option<Value>,
    },
    /// Remove uma parte.
    RemoverItem {
        /// De que coleção; `itens` se nada for dito.
        #[serde(default)]
        em: Partes,
        /// A parte.
        item: Uuid,
    },
    /// Inclui ou remove um participante.
    Participar {
        /// A pessoa.
        usuario: Uuid,
        /// Se participa.
        participa: bool,
    },
    /// Inclui ou remove um interessado.
    Interessar {
        /// A pessoa.
        usuario: Uuid,
        /// Se é avisada.
        interessado: bool,
    },
    /// Anota no acompanhamento.
    Anotar {
        /// O identificador, se quem anota o escolhe.
        id: Option<Uuid>,
        /// O texto.
        texto: String,
        /// Para quem; `interna` se nada for dito.
        #[serde(default)]
        #[schema(value_type = schemas::Visibilidade)]
        visibilidade: Visibilidade,
        /// A anotação que responde.
        resposta_a: Option<Uuid>,
    },
    /// Pede uma transição.
    Transicionar {
        /// O identificador do pedido, se quem pede o escolhe.
        pedido: Option<Uuid>,
        /// A transição.
        verbo: String,
        /// Por quê, onde a transição pergunta.
        motivo: Option<String>,
        /// Se o cliente deve ser avisado por e-mail, onde a transição oferece.
        #[serde(default)]
        email: bool,
    },
    /// Registra uma análise. Menos a parcial, todas pedem a transição a que servem.
    Analisar {
        /// O identificador, se quem analisa o escolhe.
        analise: Option<Uuid>,
        /// O que é.
        #[schema(value_type = schemas::TipoDeAnalise)]
        tipo: TipoAnalise,
        /// O texto.
        texto: String,
        /// De um laudo: se a reclamação procede.
        procedente: Option<bool>,
        /// O pedido da transição, de todas menos a parcial.
        pedido: Option<PedidoDaAnalise>,
        /// De uma parcial: quem passa a ser responsável.
        encaminhar: Option<Uuid>,
    },
    /// Diz quem pode ver o registro.
    Restringir {
        /// Estes, além de quem administra; `null` libera.
        para: Option<NovaRestricao>,
    },
    /// Pede uma ação ao ERP.
    SolicitarAcao {
        /// O identificador, se quem pede o escolhe.
        acao: Option<Uuid>,
        /// O código de uma das ações do tipo.
        codigo: String,
        /// O que acrescentar.
        observacao: Option<String>,
    },
}

/// O pedido de transição que vai com uma análise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PedidoDaAnalise {
    /// O identificador, se quem pede o escolhe.
    id: Option<Uuid>,
    /// Se o cliente deve ser avisado por e-mail, onde a transição oferece.
    #[serde(default)]
    email: bool,
}

/// The body: one command, or a list of them. For the document; [`read`] reads it, so that what is
/// wrong is said of the command that it is wrong in.
#[derive(Debug)]
pub enum Comandos {}

impl PartialSchema for Comandos {
    fn schema() -> RefOr<Schema> {
        let comando = || Ref::from_schema_name(Comando::name());
        let lista = ArrayBuilder::new().items(comando()).max_items(Some(COMANDOS_MAX));
        let descricao = "Um comando, como `{\"comando\": \"editar\", \"campo\": \"prazo\", \
                         \"valor\": \"2026-12-01\"}`, ou uma lista deles.";
        let escolha = OneOfBuilder::new().item(comando()).item(lista);
        escolha.description(Some(descricao)).into()
    }
}

impl ToSchema for Comandos {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let mut comando = Comando::schema();
        // What `deny_unknown_fields` does, and the derive says of structs only.
        if let RefOr::T(Schema::OneOf(um_de)) = &mut comando {
            for item in &mut um_de.items {
                if let RefOr::T(Schema::Object(objeto)) = item {
                    objeto.additional_properties =
                        Some(Box::new(AdditionalProperties::FreeForm(false)));
                }
            }
        }
        schemas.push((Comando::name().into_owned(), comando));
        Comando::schemas(schemas);
    }
}

/// The commands of a body.
///
/// # Errors
/// 400 for what is no command, or not of this route; `campo_desconhecido`, `valor_invalido`.
pub fn read(corpo: Value, kind: Kind, fuso: Tz) -> ApiResult<Vec<Command>> {
    let enviados = match corpo {
        Value::Array(enviados) => enviados,
        um => vec![um],
    };
    if enviados.len() > COMANDOS_MAX {
        let mensagem = format!("Um pedido leva até {COMANDOS_MAX} comandos.");
        return Err(ApiError::invalido(mensagem));
    }
    enviados.into_iter().map(|enviado| one(enviado, kind, fuso)).collect()
}

fn one(enviado: Value, kind: Kind, fuso: Tz) -> ApiResult<Command> {
    let nome = enviado.get("comando").and_then(Value::as_str);
    if let Some((_, onde)) = EM_OUTRO_LUGAR.iter().find(|(outro, _)| nome == Some(outro)) {
        return Err(ApiError::invalido(*onde));
    }
    if !enviado.is_object() {
        return Err(ApiError::invalido("Cada comando é um objeto."));
    }
    let comando: Comando = serde_json::from_value(enviado).map_err(|error| {
        ApiError::invalido("O comando não pôde ser lido.").with("detalhe", error.to_string())
    })?;
    comando.read(kind, fuso)
}

/// A value that was sent, `null` as well: what was read may have been empty.
fn present<'de, D: Deserializer<'de>>(sent: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(sent).map(Some)
}

impl Comando {
    fn read(self, kind: Kind, fuso: Tz) -> ApiResult<Command> {
        Ok(match self {
            Comando::Editar { campo, valor, visto } => {
                let read = |sent| value(kind.campo(&campo), &campo, sent, fuso);
                let (valor, visto) = (read(valor)?, visto.map(read).transpose()?);
                Command::Editar { campo, valor, visto }
            }
            Comando::EditarTexto { campo, de, para } => Command::EditarTexto { campo, de, para },
            Comando::IncluirItem { em, item } => {
                let em = em.collection();
                Command::IncluirItem { em, item: item.read(kind, em, fuso)? }
            }
            Comando::EditarItem { em, item, campo, valor, visto } => {
                let em = em.collection();
                let read = |sent| value(kind.campo_de(em, &campo), &campo, sent, fuso);
                let (valor, visto) = (read(valor)?, visto.map(read).transpose()?);
                Command::EditarItem { em, item: item.into(), campo, valor, visto }
            }
            Comando::RemoverItem { em, item } => {
                Command::RemoverItem { em: em.collection(), item: ItemId::from(item) }
            }
            Comando::Participar { usuario, participa } => {
                Command::Participar { usuario: usuario.into(), participa }
            }
            Comando::Interessar { usuario, interessado } => {
                Command::Interessar { usuario: usuario.into(), interessado }
            }
            Comando::Anotar { id, texto, visibilidade, resposta_a } => Command::Anotar {
                id: enderecos::id_or_new::<NotaId>(id),
                texto,
                visibilidade,
                resposta_a: resposta_a.map(NotaId::from),
            },
            Comando::Transicionar { pedido, verbo, motivo, email } => {
                let pedido = enderecos::id_or_new::<PedidoId>(pedido);
                Command::Transicionar { pedido, verbo, motivo, email }
            }
            Comando::Analisar { analise, tipo, texto, procedente, pedido, encaminhar } => {
                Command::Analisar {
                    analise: enderecos::id_or_new::<AnaliseId>(analise),
                    tipo,
                    texto,
                    procedente,
                    pedido: pedido.map(|pedido| NovoPedido {
                        id: enderecos::id_or_new::<PedidoId>(pedido.id),
                        email: pedido.email,
                    }),
                    encaminhar: encaminhar.map(UserId::from),
                }
            }
            Comando::Restringir { para } => {
                Command::Restringir { para: para.map(NovaRestricao::listed) }
            }
            Comando::SolicitarAcao { acao, codigo, observacao } => Command::SolicitarAcao {
                acao: enderecos::id_or_new::<AcaoId>(acao),
                codigo,
                observacao,
            },
        })
    }
}

/// A value as the rest of the API writes it, or as a device's outbox does.
fn value(campo: Option<&Campo>, nome: &str, valor: Value, fuso: Tz) -> ApiResult<Valor> {
    let campo = campo.ok_or_else(|| Refusal::campo_desconhecido(nome))?;
    if !valor.is_object() {
        return Ok(json::ler(campo, &valor, fuso)?);
    }
    serde_json::from_value(valor).map_err(|error| {
        ApiError::invalido("O comando não pôde ser lido.").with("detalhe", error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::borrow::Cow;

    const FUSO: Tz = chrono_tz::America::Sao_Paulo;

    fn lido(enviado: Value) -> Result<Vec<Command>, Cow<'static, str>> {
        read(enviado, Kind::Ocorrencia, FUSO).map_err(|error| error.mensagem)
    }

    #[test]
    fn a_field_that_a_command_does_not_have_is_refused() {
        let id = Uuid::from_u128(7);
        let comandos = [
            json!({ "comando": "editar", "campo": "prioridade", "valor": "normal" }),
            json!({ "comando": "editar_texto", "campo": "relato", "de": "", "para": "x" }),
            json!({ "comando": "incluir_item", "item": { "campos": { "produto": "Lata" } } }),
            json!({ "comando": "editar_item", "item": id, "campo": "produto", "valor": "x" }),
            json!({ "comando": "remover_item", "em": "despesas", "item": id }),
            json!({ "comando": "participar", "usuario": id, "participa": true }),
            json!({ "comando": "interessar", "usuario": id, "interessado": false }),
            json!({ "comando": "anotar", "texto": "x", "visibilidade": "cliente" }),
            json!({ "comando": "transicionar", "verbo": "iniciar", "email": true }),
            json!({ "comando": "analisar", "tipo": "laudo", "texto": "x", "procedente": true,
                    "pedido": { "email": false } }),
            json!({ "comando": "restringir", "para": { "grupos": ["norte"] } }),
            json!({ "comando": "solicitar_acao", "codigo": "credito" }),
        ];
        let todos = Value::from(comandos.to_vec());
        assert_eq!(lido(todos).map(|lidos| lidos.len()), Ok(comandos.len()));
        for mut comando in comandos {
            comando["emial"] = json!(true);
            let error = read(comando.clone(), Kind::Ocorrencia, FUSO).unwrap_err();
            assert_eq!(error.codigo, "pedido_invalido", "{comando}");
            let detalhe = error.extras["detalhe"].as_str().unwrap_or_default();
            assert!(detalhe.contains("emial"), "{comando}: {detalhe}");
        }
        for (nome, onde) in EM_OUTRO_LUGAR {
            assert_eq!(lido(json!({ "comando": nome })), Err(onde.into()));
        }
    }
}
