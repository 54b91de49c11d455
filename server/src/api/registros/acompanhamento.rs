//! The acompanhamento of a record: one log, five views of it (R78–R82).

use super::{
    enderecos::Registros,
    lido::{self, Lido},
    vista::{self, Nota},
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        extract::{ApiPath, ApiQuery},
        page::{self, Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    outbox::email::{self, AoCliente, Email},
    reading::{
        json::{self, Situacao},
        nomes::{Nomes, Pedidos, Quem},
        timeline,
    },
    visibility::Viewer,
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{
    ids::{DeviceId, NotaId, UserId},
    kind::Kind,
    registro::{self, Registro, SituacaoArquivo, Visibilidade},
    tipo::Tipo,
    valor::{Campo, TipoCampo, Valor},
};
use campo_screens::View;
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, FromRow, PgTransaction};
use std::{cmp::Reverse, collections::BTreeMap};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

// R78, R79, R80, R81, R82, in this order.
/// Uma vista do acompanhamento.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visao {
    /// Tudo o que aconteceu, do mais novo ao mais antigo.
    #[default]
    Tudo,
    /// Cada situação e cada responsável por que passou, com quanto tempo, do mais antigo ao mais
    /// novo.
    Tramite,
    /// As atividades, sem as alterações de campos.
    Historico,
    /// As anotações, cada conversa com as respostas.
    Conversas,
    /// Cada campo alterado: de, para, quem e quando.
    Alteracoes,
}

impl From<Visao> for View {
    fn from(visao: Visao) -> Self {
        match visao {
            Visao::Tudo => View::Tudo,
            Visao::Tramite => View::Tramite,
            Visao::Historico => View::Historico,
            Visao::Conversas => View::Conversas,
            Visao::Alteracoes => View::Alteracoes,
        }
    }
}

/// Which view, and which page of it.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// A vista; `tudo` se nada for dito.
    #[serde(default)]
    visao: Visao,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Uma linha do acompanhamento; o que tem depende da vista.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LinhaDoAcompanhamento {
    /// De `tudo`, `historico` e `alteracoes`; de `conversas`, um e-mail ao cliente.
    Evento(Box<Acontecimento>),
    /// De `tramite`.
    Etapa(Box<Etapa>),
    /// De `conversas`.
    Conversa(Box<Conversa>),
}

/// O que aconteceu.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acontecimento {
    /// A posição no registro da empresa.
    seq: i64,
    /// O lugar dentro da posição.
    ordem: i32,
    /// O que foi.
    #[schema(value_type = crate::schemas::TipoDeAcontecimento)]
    tipo: String,
    /// A parte de que trata: item, anexo, anotação, pedido, análise, ação, e-mail.
    parte: Option<Uuid>,
    /// O campo, onde é um.
    campo: Option<String>,
    /// O que uma pessoa lê do campo.
    rotulo: Option<String>,
    /// O valor antes.
    de: Value,
    /// O valor depois.
    para: Value,
    /// O valor antes, como uma pessoa o lê.
    de_exibicao: Option<String>,
    /// O valor depois, como uma pessoa o lê.
    para_exibicao: Option<String>,
    /// Uma frase para a pessoa.
    texto: String,
    /// Para quem.
    #[schema(value_type = crate::schemas::Visibilidade)]
    visibilidade: String,
    /// A anotação que uma anotação responde.
    resposta_a: Option<Uuid>,
    /// Quem.
    por: Quem,
    /// O aparelho.
    aparelho: Uuid,
    /// O nome do aparelho.
    aparelho_nome: Option<String>,
    /// Quando, pelo relógio do aparelho.
    no_aparelho: DateTime<Utc>,
    /// Quando chegou, pelo relógio do servidor.
    no_servidor: DateTime<Utc>,
    /// O e-mail ao cliente, onde é um: o que diz, e o que foi dele.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
}

/// Um trecho do trâmite: o tempo em que nem a situação nem quem é responsável mudou.
#[derive(Debug, Serialize, ToSchema)]
pub struct Etapa {
    /// A situação.
    situacao: Option<Situacao>,
    /// Quem era responsável.
    responsavel: Option<Quem>,
    /// Desde quando.
    entrou_em: DateTime<Utc>,
    /// Até quando; ausente no trecho atual.
    saiu_em: Option<DateTime<Utc>>,
    /// Quanto durou, em segundos; até agora, se ainda dura; ausente onde o trabalho acabou.
    duracao_s: Option<i64>,
    /// Quem o começou.
    por: Quem,
    /// A transição que o começou.
    verbo: Option<String>,
    /// O que uma pessoa lê dela.
    rotulo: Option<String>,
    /// O motivo que foi dado.
    motivo: Option<String>,
}

/// Uma anotação com as respostas.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conversa {
    /// A anotação.
    #[serde(flatten)]
    nota: Nota,
    /// O que se seguiu a ela, na ordem; `resposta_a` diz o que cada uma responde.
    respostas: Vec<Nota>,
}

/// Where a page ended: the view, and a place in it.
type Chave = (Visao, i64, i32);

/// Lê o acompanhamento de um registro.
#[utoipa::path(get, path = "/v1/{kind}/{id}/acompanhamento", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDoAcompanhamento>), crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let visao = filtro.visao;
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    if folha.depois.is_some_and(|(de, ..)| de != visao) {
        return Err(page::bad_cursor());
    }
    let lido = lido::carregar(&app, &acesso, colecao.kind(), id.into()).await?;
    let viewer = Viewer::of(&acesso.pessoa);
    let rows = usize::try_from(folha.rows()).unwrap_or(usize::MAX);
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let linhas = match visao {
        Visao::Tudo | Visao::Historico | Visao::Alteracoes => {
            let (seq, ordem) = folha.depois.map_or((i64::MAX, 0), |(_, seq, ordem)| (seq, ordem));
            let id = lido.registro.id;
            let antes = (seq, ordem);
            let mut guardados: Vec<_> =
                eventos(&mut tx, id.uuid(), visao, antes, folha.rows()).await?;
            if visao != Visao::Alteracoes {
                let emails = email::ao_cliente(&mut tx, id).await?.into_iter().map(enviado);
                guardados.extend(emails.filter(|email| email.lugar() < antes));
                guardados.sort_by_key(|guardado| Reverse(guardado.lugar()));
                guardados.truncate(rows);
            }
            mostrar(&mut tx, viewer, &lido, guardados).await?
        }
        Visao::Tramite => tramite(&mut tx, viewer, &lido).await?,
        Visao::Conversas => conversas(&mut tx, viewer, &lido).await?,
    };
    // The two that are made of the record itself are cut here: their key is the place in the list.
    let da_lista = matches!(visao, Visao::Tramite | Visao::Conversas);
    let inicio = folha.depois.filter(|_| da_lista).map_or(0, |(_, lugar, _)| lugar);
    let pulados = usize::try_from(inicio).unwrap_or(usize::MAX);
    let linhas: Vec<LinhaDoAcompanhamento> = linhas.into_iter().skip(pulados).take(rows).collect();
    let lugar = inicio.saturating_add(folha.rows() - 1);
    let pagina = folha.close(linhas, |ultima| match ultima {
        LinhaDoAcompanhamento::Evento(evento) if !da_lista => (visao, evento.seq, evento.ordem),
        _ => (visao, lugar, 0),
    });
    Ok(pagina.linked(&uri))
}

/// A row as it is stored.
#[derive(Debug, FromRow)]
struct Guardado {
    seq: i64,
    ordem: i32,
    tipo: String,
    parte: Option<Uuid>,
    campo: Option<String>,
    rotulo: Option<String>,
    de: Option<String>,
    para: Option<String>,
    texto: String,
    visibilidade: String,
    resposta_a: Option<Uuid>,
    por: Uuid,
    dispositivo: Uuid,
    no_aparelho: DateTime<Utc>,
    no_servidor: DateTime<Utc>,
    #[sqlx(skip)]
    email: Option<Email>,
}

impl Guardado {
    fn lugar(&self) -> (i64, i32) {
        (self.seq, self.ordem)
    }
}

/// An e-mail as if the log had it: it is no change of the record, and its state goes on.
fn enviado(AoCliente { seq, ordem, email }: AoCliente) -> Guardado {
    let Email { nome, assunto, .. } = &email;
    let para = match &email.endereco {
        Some(endereco) => format!("{nome} ({endereco})"),
        None => nome.clone(),
    };
    let texto = match (email.situacao.as_str(), &email.erro) {
        ("enviado", _) => format!("E-mail enviado para {para}: {assunto}"),
        ("pendente", None) => format!("E-mail na fila para {para}: {assunto}"),
        ("pendente", Some(erro)) => format!("E-mail na fila para {para}: {assunto} ({erro})"),
        (_, Some(erro)) => format!("E-mail não enviado para {para}: {assunto} ({erro})"),
        (_, None) => format!("E-mail não enviado para {para}: {assunto}"),
    };
    Guardado {
        seq,
        ordem,
        tipo: "email".into(),
        parte: Some(email.id),
        campo: None,
        rotulo: None,
        de: None,
        para: None,
        texto,
        visibilidade: Visibilidade::Cliente.codigo().into(),
        resposta_a: None,
        por: UserId::SERVIDOR.uuid(),
        dispositivo: DeviceId::ESCRITORIO.uuid(),
        no_aparelho: email.criado_em,
        no_servidor: email.criado_em,
        email: Some(email),
    }
}

const COLUNAS: &str = "seq, ordem, tipo, parte, campo, rotulo, de, para, texto, visibilidade, \
                       resposta_a, por, dispositivo, no_aparelho, no_servidor";

async fn eventos(
    tx: &mut PgTransaction<'_>,
    document: Uuid,
    visao: Visao,
    antes: (i64, i32),
    limite: i64,
) -> sqlx::Result<Vec<Guardado>> {
    let sql = format!(
        "SELECT {COLUNAS} FROM acompanhamentos WHERE document = $1 AND (seq, ordem) < ($2, $3) \
         AND {} ORDER BY seq DESC, ordem DESC LIMIT $4",
        timeline::condition(visao.into())
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(document)
        .bind(antes.0)
        .bind(antes.1)
        .bind(limite)
        .fetch_all(&mut **tx)
        .await
}

/// Rows with names beside ids.
async fn mostrar(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    lido: &Lido,
    guardados: Vec<Guardado>,
) -> ApiResult<Vec<LinhaDoAcompanhamento>> {
    let kind = lido.registro.kind;
    let fuso = lido::fuso(tx).await?;
    let mut citados = Pedidos::default();
    for guardado in &guardados {
        citados.pessoa(guardado.por.into());
        citados.aparelho(guardado.dispositivo.into());
        for texto in [&guardado.de, &guardado.para] {
            match valor(kind, guardado, texto) {
                Some((campo, valor)) => citados.valor(campo, &valor),
                None => pessoa(guardado, texto).into_iter().for_each(|id| citados.pessoa(id)),
            }
        }
    }
    let nomes = citados.ler(tx, viewer).await?;
    let um = |guardado: Guardado| {
        let (de, de_exibicao) = dizer(lido, &guardado, &guardado.de, &nomes, fuso);
        let (para, para_exibicao) = dizer(lido, &guardado, &guardado.para, &nomes, fuso);
        // The change log reads of a situação like of any other field (R82).
        let situacao = guardado.tipo == "veredito";
        let campo = if situacao { Some("situacao".to_owned()) } else { guardado.campo };
        let rotulo = if situacao { Some("Situação".to_owned()) } else { guardado.rotulo };
        LinhaDoAcompanhamento::Evento(Box::new(Acontecimento {
            seq: guardado.seq,
            ordem: guardado.ordem,
            tipo: guardado.tipo,
            parte: guardado.parte,
            campo,
            rotulo,
            de,
            para,
            de_exibicao,
            para_exibicao,
            texto: guardado.texto,
            visibilidade: guardado.visibilidade,
            resposta_a: guardado.resposta_a,
            por: nomes.quem(guardado.por.into()),
            aparelho: guardado.dispositivo,
            aparelho_nome: nomes.aparelho(guardado.dispositivo.into()),
            no_aparelho: guardado.no_aparelho,
            no_servidor: guardado.no_servidor,
            email: guardado.email,
        }))
    };
    Ok(guardados.into_iter().map(um).collect())
}

/// The value of a field, out of the text that the log has of it.
fn valor(
    kind: Kind,
    guardado: &Guardado,
    texto: &Option<String>,
) -> Option<(&'static Campo, Valor)> {
    if guardado.tipo == "texto" {
        return None;
    }
    let campo = vista::campo_de(kind, guardado.campo.as_deref()?)?;
    let texto = texto.as_deref()?;
    let valor = match campo.tipo {
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            texto.parse().ok().map(Valor::Inteiro)
        }
        TipoCampo::Logico => texto.parse().ok().map(Valor::Logico),
        TipoCampo::Data => texto.parse::<NaiveDate>().ok().map(Valor::Data),
        TipoCampo::Instante => {
            let instante = DateTime::parse_from_rfc3339(texto).ok();
            instante.map(|instante| Valor::Instante(instante.with_timezone(&Utc)))
        }
        TipoCampo::Referencia(
            campo_domain::valor::Alvo::Usuario
            | campo_domain::valor::Alvo::Documento(_)
            | campo_domain::valor::Alvo::Qualquer,
        ) => texto.parse().ok().map(Valor::Id),
        _ => Some(Valor::Texto(texto.to_owned())),
    };
    Some((campo, valor?))
}

/// The person that a row about people names.
fn pessoa(guardado: &Guardado, texto: &Option<String>) -> Option<UserId> {
    let de_pessoa = matches!(guardado.tipo.as_str(), "participante" | "interessado" | "analise");
    texto.as_deref().filter(|_| de_pessoa)?.parse().ok()
}

/// What the log has of a value, for programs and for people.
fn dizer(
    lido: &Lido,
    guardado: &Guardado,
    texto: &Option<String>,
    nomes: &Nomes,
    fuso: Tz,
) -> (Value, Option<String>) {
    if let Some((campo, valor)) = valor(lido.registro.kind, guardado, texto) {
        return (json::valor(campo, &valor), nomes.exibir(campo, &valor, fuso));
    }
    let Some(texto) = texto else { return (Value::Null, None) };
    let exibicao = match pessoa(guardado, &Some(texto.clone())) {
        Some(id) => nomes.quem(id).nome().map(str::to_owned),
        None if guardado.tipo == "veredito" => {
            lido.tipo.fluxo.situacao(texto).map(|situacao| situacao.nome.clone())
        }
        None if guardado.tipo == "arquivo" => {
            SituacaoArquivo::de_codigo(texto).map(|situacao| situacao.rotulo().to_owned())
        }
        None => None,
    };
    (texto.as_str().into(), Some(exibicao.unwrap_or_else(|| texto.clone())))
}

/// Something that began another stretch of the trâmite.
struct Virada<'a> {
    quando: DateTime<Utc>,
    por: UserId,
    situacao: Option<&'a str>,
    /// The new responsável, where that changed.
    responsavel: Option<Option<UserId>>,
    pedido: Option<&'a registro::Pedido>,
}

/// A change of the responsável: when, by whom, from whom, to whom.
type Troca = (DateTime<Utc>, Uuid, Option<String>, Option<String>);

async fn tramite(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    lido: &Lido,
) -> ApiResult<Vec<LinhaDoAcompanhamento>> {
    let (registro, tipo) = (&lido.registro, &*lido.tipo);
    let trocas: Vec<Troca> = sqlx::query_as(
        "SELECT no_servidor, por, de, para FROM acompanhamentos \
         WHERE document = $1 AND tipo = 'campo' AND campo = 'responsavel' ORDER BY seq, ordem",
    )
    .bind(registro.id.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let id = |texto: &Option<String>| texto.as_deref().and_then(|texto| texto.parse().ok());
    let primeiro = match trocas.first() {
        Some((_, _, de, _)) => id(de),
        None => registro.responsavel(),
    };
    let mut viradas: Vec<Virada<'_>> = registro
        .feitos()
        .map(|(pedido, veredito)| Virada {
            quando: veredito.quando,
            por: pedido.autoria.por,
            situacao: Some(&veredito.para),
            responsavel: None,
            pedido: Some(pedido),
        })
        .chain(trocas.iter().map(|(quando, por, _, para)| Virada {
            // As precise as a verdict says it.
            quando: quando.trunc_subsecs(3),
            por: (*por).into(),
            situacao: None,
            responsavel: Some(id(para)),
            pedido: None,
        }))
        .collect();
    viradas.sort_by_key(|virada| virada.quando);
    let mut citados = Pedidos::default();
    citados.pessoa(registro.criacao.por);
    primeiro.into_iter().for_each(|id| citados.pessoa(id));
    for virada in &viradas {
        citados.pessoa(virada.por);
        virada.responsavel.flatten().into_iter().for_each(|id| citados.pessoa(id));
    }
    let nomes = citados.ler(tx, viewer).await?;
    let etapas = trechos(registro, tipo, primeiro, &viradas, &nomes, Utc::now());
    Ok(etapas.into_iter().map(|etapa| LinhaDoAcompanhamento::Etapa(Box::new(etapa))).collect())
}

fn trechos(
    registro: &Registro,
    tipo: &Tipo,
    primeiro: Option<UserId>,
    viradas: &[Virada<'_>],
    nomes: &Nomes,
    agora: DateTime<Utc>,
) -> Vec<Etapa> {
    let inicio = registro.recebido_em.unwrap_or(registro.criado_em);
    let inicial = registro.feitos().map(|(_, v)| (v.quando, v.de.as_str())).min();
    let inicial = inicial.map(|(_, de)| de).or(registro.situacao.as_deref());
    let mut situacao = tipo.situacao(inicial);
    let mut responsavel = primeiro;
    let comecar = |situacao: Option<&campo_domain::fluxo::Situacao>, responsavel, quando, por| {
        let responsavel: Option<UserId> = responsavel;
        Etapa {
            situacao: situacao.map(Situacao::from),
            responsavel: responsavel.map(|id| nomes.quem(id)),
            entrou_em: quando,
            saiu_em: None,
            duracao_s: None,
            por: nomes.quem(por),
            verbo: None,
            rotulo: None,
            motivo: None,
        }
    };
    let mut etapas = vec![comecar(situacao, responsavel, inicio, registro.criacao.por)];
    for virada in viradas {
        situacao = virada.situacao.map_or(situacao, |codigo| tipo.situacao(Some(codigo)));
        responsavel = virada.responsavel.unwrap_or(responsavel);
        let mut etapa = comecar(situacao, responsavel, virada.quando, virada.por);
        if let Some(pedido) = virada.pedido {
            let transicao = tipo.fluxo.transicao(&pedido.verbo);
            etapa.verbo = Some(pedido.verbo.clone());
            etapa.rotulo = transicao.map(|transicao| transicao.rotulo.clone());
            etapa.motivo = pedido.motivo.clone();
        }
        // What happens in one moment is one turn: the transition, and the responsável that it gave.
        let junto = etapas.pop_if(|ultima| ultima.entrou_em >= etapa.entrou_em);
        if let Some(junto) = junto {
            etapa.entrou_em = junto.entrou_em;
            etapa.verbo = etapa.verbo.or(junto.verbo);
            etapa.rotulo = etapa.rotulo.or(junto.rotulo);
            etapa.motivo = etapa.motivo.or(junto.motivo);
        }
        if let Some(ultima) = etapas.last_mut() {
            ultima.saiu_em = Some(etapa.entrou_em);
        }
        etapas.push(etapa);
    }
    let aberto = situacao.is_none_or(|situacao| situacao.fase.aberta());
    for etapa in &mut etapas {
        let fim = etapa.saiu_em.or(aberto.then_some(agora));
        etapa.duracao_s = fim.map(|fim| (fim - etapa.entrou_em).num_seconds().max(0));
    }
    etapas
}

/// Threads of notes, and the e-mails to the client, each before the first thread that is younger.
async fn conversas(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    lido: &Lido,
) -> ApiResult<Vec<LinhaDoAcompanhamento>> {
    let registro = &lido.registro;
    let mut citados = Pedidos::default();
    registro.notas.iter().for_each(|nota| citados.autoria(nota.autoria));
    let nomes = citados.ler(tx, viewer).await?;
    let mut linhas: Vec<_> = enfiar(&registro.notas, &nomes)
        .into_iter()
        .map(|(desde, conversa)| (desde, LinhaDoAcompanhamento::Conversa(Box::new(conversa))))
        .collect();
    let emails: Vec<_> =
        email::ao_cliente(tx, registro.id).await?.into_iter().map(enviado).collect();
    let quando: Vec<_> = emails.iter().map(|email| email.no_servidor).collect();
    for (quando, email) in quando.into_iter().zip(mostrar(tx, viewer, lido, emails).await?) {
        let lugar = linhas.iter().position(|(desde, _)| *desde > quando);
        linhas.insert(lugar.unwrap_or(linhas.len()), (quando, email));
    }
    Ok(linhas.into_iter().map(|(_, linha)| linha).collect())
}

/// Threads: each note that begins one, with all that follows from it. Not as a tree: how deep that
/// would be is up to whoever writes.
fn enfiar(notas: &[registro::Nota], nomes: &Nomes) -> Vec<(DateTime<Utc>, Conversa)> {
    let mut conversas: Vec<(DateTime<Utc>, Conversa)> = Vec::new();
    let mut lugares: BTreeMap<NotaId, usize> = BTreeMap::new();
    for nota in notas {
        let lugar = nota.resposta_a.and_then(|pai| lugares.get(&pai).copied());
        let mostrada = Nota::de(nota, nomes);
        match lugar.and_then(|lugar| conversas.get_mut(lugar)) {
            Some((_, conversa)) => conversa.respostas.push(mostrada),
            None => {
                let conversa = Conversa { nota: mostrada, respostas: Vec::new() };
                conversas.push((nota.quando, conversa));
            }
        }
        lugares.insert(nota.id, lugar.unwrap_or(conversas.len() - 1));
    }
    conversas
}
