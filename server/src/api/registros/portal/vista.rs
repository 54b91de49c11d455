//! One case as its client sees it. What is the company's own is not in it: internal stages, notes
//! and fields, and what is written in a field before the client may read it.

use super::lista::{LinhaDoPortal, espera};
use crate::{
    api::registros::{
        lido::{Lido, fuso},
        possivel::{self, Verbo},
        vista::EstadoDoArquivo,
    },
    app::App,
    error::ApiResult,
    http::principal::Principal,
    reading::{
        json::{self, Situacao},
        nomes::Pedidos,
    },
    visibility::Viewer,
};
use campo_domain::{
    fluxo::Fase,
    ids::{DocumentId, NotaId},
    parte::Colecao,
    policy::{self, Parte},
    registro::{Registro, Visibilidade},
    tipo::{Leitura, Tipo},
    valor::{Campo, Valor},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma ocorrência, como o cliente a vê.
#[derive(Debug, Serialize, ToSchema)]
pub struct OcorrenciaDoPortal {
    /// O que a lista mostra.
    #[serde(flatten)]
    linha: LinhaDoPortal,
    /// Os campos que o cliente lê.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// O que uma pessoa lê de cada um.
    #[schema(value_type = Object)]
    rotulos: BTreeMap<&'static str, String>,
    /// Os valores preenchidos, como uma pessoa os lê.
    #[schema(value_type = Object)]
    exibicao: BTreeMap<&'static str, String>,
    /// Os estágios por que passou, do mais antigo ao mais novo.
    andamento: Vec<Passo>,
    /// As interações, na ordem.
    notas: Vec<NotaDoPortal>,
    /// Os arquivos que o cliente anexou.
    anexos: Vec<AnexoDoPortal>,
    /// O que o cliente pode pedir agora.
    verbos: Vec<Verbo>,
    /// Se o cliente pode escrever.
    pode_anotar: bool,
}

/// Um estágio por que a ocorrência passou.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passo {
    /// O estágio.
    situacao: Situacao,
    /// Quando chegou a ele.
    quando: Option<DateTime<Utc>>,
    /// O que foi dito então.
    #[serde(skip_serializing_if = "Option::is_none")]
    motivo: Option<String>,
}

/// Uma interação.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotaDoPortal {
    /// O identificador.
    id: Uuid,
    /// O texto.
    texto: String,
    /// O nome de quem escreveu.
    por: Option<String>,
    /// Se foi escrita pelo cliente.
    do_cliente: bool,
    /// A interação que responde.
    resposta_a: Option<Uuid>,
    /// Quando.
    quando: DateTime<Utc>,
}

/// Um arquivo do cliente.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnexoDoPortal {
    /// O identificador.
    id: Uuid,
    /// Os campos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Até onde chegaram os bytes.
    #[serde(flatten)]
    estado: EstadoDoArquivo,
}

/// The fields that a client reads in some stage or other. Which these are depends on the tipo
/// alone: a field that appears would tell of the stage.
fn lidos(tipo: &Tipo) -> impl Iterator<Item = &'static Campo> {
    let do_tipo = |campo: &&Campo| {
        let de_leitura = tipo.portal_leitura.iter().map(Leitura::campo);
        let mut nomes = tipo.portal_campos.iter().map(String::as_str).chain(de_leitura);
        nomes.any(|nome| nome == campo.nome)
    };
    tipo.kind.campos().iter().filter(do_tipo)
}

/// Shapes a case for its client.
pub(super) async fn vista(
    app: &App,
    quem: &Principal,
    lido: Lido,
) -> ApiResult<OcorrenciaDoPortal> {
    let Lido { registro, tipo, .. } = lido;
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let notas = registro.notas.iter().filter(|nota| nota.visibilidade == Visibilidade::Cliente);
    let autores = notas.clone().map(|nota| nota.autoria.por.uuid());
    let anexos = registro.vivos(Colecao::Anexos);
    let autores: Vec<Uuid> =
        autores.chain(anexos.map(|(_, anexo)| anexo.autoria.por.uuid())).collect();
    let autores: Vec<(Uuid, String, Option<Uuid>)> =
        sqlx::query_as("SELECT id, nome, cliente FROM usuario WHERE id = ANY($1)")
            .bind(autores)
            .fetch_all(&mut *tx)
            .await?;
    let autores: BTreeMap<Uuid, (String, Option<Uuid>)> =
        autores.into_iter().map(|(id, nome, cliente)| (id, (nome, cliente))).collect();
    let cliente = quem.pessoa.cliente.map(DocumentId::uuid);
    let e_do_cliente =
        |id: Uuid| cliente.is_some() && autores.get(&id).is_some_and(|(_, de)| *de == cliente);
    let notas = notas.map(|nota| {
        let por = nota.autoria.por.uuid();
        NotaDoPortal {
            id: nota.id.uuid(),
            texto: nota.texto.clone(),
            por: autores.get(&por).map(|(nome, _)| nome.clone()),
            do_cliente: e_do_cliente(por),
            resposta_a: nota.resposta_a.map(NotaId::uuid),
            quando: nota.quando,
        }
    });
    let campos_de_anexo = registro.kind.campos_de(Colecao::Anexos);
    let anexos = registro.vivos(Colecao::Anexos);
    let anexos = anexos.filter(|(_, anexo)| e_do_cliente(anexo.autoria.por.uuid()));
    let anexos = anexos.map(|(id, anexo)| AnexoDoPortal {
        id: id.uuid(),
        campos: json::campos(campos_de_anexo, &anexo.campos),
        estado: EstadoDoArquivo::de(&registro, *id),
    });
    let valores: Vec<(&'static Campo, Valor)> =
        lidos(&tipo).map(|campo| (campo, ao_cliente(&registro, &tipo, campo))).collect();
    let mut pedidos = Pedidos::default();
    valores.iter().for_each(|(campo, valor)| pedidos.valor(campo, valor));
    let nomes = pedidos.ler(&mut tx, Viewer::of(&quem.pessoa)).await?;
    let fuso = fuso(&mut tx).await?;
    let exibir = |(campo, valor): &(&'static Campo, Valor)| {
        let do_tipo = tipo.opcoes(campo).into_iter().find(|(c, _)| Some(*c) == valor.texto());
        let do_tipo = do_tipo.map(|(_, rotulo)| rotulo.to_owned());
        Some((campo.nome, do_tipo.or_else(|| nomes.exibir(campo, valor, fuso))?))
    };
    let campos = valores.iter().map(|(c, valor)| (c.nome.to_owned(), json::valor(c, valor)));
    let situacao = registro.situacao_do_cliente(&tipo);
    let do_titulo = if registro.valor("assunto").vazio() { "relato" } else { "assunto" };
    let titulo = match tipo.le_no_portal(do_titulo, registro.situacao(&tipo)) {
        true => registro.titulo(),
        false => String::new(),
    };
    let pode_anotar =
        policy::pode_alterar_registro(&quem.pessoa, &registro, &tipo, Parte::NotaAoCliente).is_ok();
    Ok(OcorrenciaDoPortal {
        linha: LinhaDoPortal {
            id: registro.id.uuid(),
            rotulo: registro.rotulo(),
            numero: registro.numero.clone(),
            tipo: tipo.codigo.clone(),
            tipo_nome: tipo.nome.clone(),
            titulo,
            situacao: situacao.map(Situacao::from),
            espera_resposta: espera(situacao),
            criado_em: registro.criado_em,
        },
        campos: campos.collect(),
        rotulos: lidos(&tipo).map(|c| (c.nome, tipo.rotulo(c.nome).to_owned())).collect(),
        exibicao: valores.iter().filter_map(exibir).collect(),
        andamento: andamento(&registro, &tipo),
        notas: notas.collect(),
        anexos: anexos.collect(),
        verbos: possivel::verbos(&registro, &tipo, &quem.pessoa),
        pode_anotar,
    })
}

/// The value that a client reads of a field: none while it is the company's own.
fn ao_cliente(registro: &Registro, tipo: &Tipo, campo: &Campo) -> Valor {
    if !tipo.le_no_portal(campo.nome, registro.situacao(tipo)) {
        return Valor::Nulo;
    }
    match campo.nome {
        "prioridade" => {
            registro.prioridade(tipo).map_or(Valor::Nulo, |codigo| Valor::Texto(codigo.to_owned()))
        }
        nome => registro.valor(nome).clone(),
    }
}

/// The stages that the client may see, and what was said between them (R52).
fn andamento(registro: &Registro, tipo: &Tipo) -> Vec<Passo> {
    let visivel = |codigo: &str| tipo.fluxo.situacao(codigo).filter(|s| s.visivel_cliente);
    let mut feitos: Vec<_> = registro.feitos().collect();
    feitos.sort_by_key(|(_, veredito)| veredito.quando);
    let inicial = feitos.first().map(|(_, veredito)| veredito.de.as_str());
    let inicial = tipo.situacao(inicial.or(registro.situacao.as_deref()));
    let inicial = inicial.filter(|situacao| situacao.visivel_cliente);
    let mut passos: Vec<Passo> = inicial
        .map(|situacao| Passo {
            situacao: situacao.into(),
            quando: registro.recebido_em,
            motivo: None,
        })
        .into_iter()
        .collect();
    for (pedido, veredito) in feitos {
        let Some(para) = visivel(&veredito.para) else { continue };
        // From inside to where it was seen last: for the client nothing happened.
        if passos.last().is_some_and(|ultimo| ultimo.situacao.codigo == para.codigo) {
            continue;
        }
        // What is said on the way out of an internal stage is for the client only where the case
        // ends or waits for it.
        let dito = visivel(&veredito.de).is_some()
            || !para.fase.aberta()
            || para.fase == Fase::EsperaCliente;
        passos.push(Passo {
            situacao: para.into(),
            quando: Some(veredito.quando),
            motivo: pedido.motivo.clone().filter(|_| dito),
        });
    }
    passos
}
