//! Whether what a request refers to exists. A phone without a connection cannot know; whoever calls
//! the API can be told.

use super::Lido;
use crate::{
    api::principal::Principal,
    app::App,
    error::{ApiError, ApiResult},
    web::queries::{Viewer, record},
};
use campo_domain::{
    command::{Command, Listados, NovoItem},
    ids::UserId,
    kind::Kind,
    origem,
    parte::Colecao,
    refusal::{Codigo, Refusal},
    registro::Campos,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use sqlx::PgTransaction;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Checks the references among the values: people of the company, records that the person may see,
/// entries of catalogues that are in use.
///
/// # Errors
/// `valor_invalido`, with the name of the field.
pub async fn conferir(
    app: &App,
    quem: &Principal,
    tipo: &Tipo,
    valores: &[(&'static Campo, Valor)],
) -> ApiResult<()> {
    let mut tx = app.db.snapshot(quem.tenant).await?;
    conferir_em(&mut tx, quem, tipo, valores).await
}

async fn conferir_em(
    tx: &mut PgTransaction<'_>,
    quem: &Principal,
    tipo: &Tipo,
    valores: &[(&'static Campo, Valor)],
) -> ApiResult<()> {
    let do_alvo = |certo: fn(&Alvo) -> bool| {
        let certos = valores.iter().filter(
            move |(campo, _)| matches!(&campo.tipo, TipoCampo::Referencia(alvo) if certo(alvo)),
        );
        certos.collect::<Vec<_>>()
    };
    let ids = |de: &[&(&'static Campo, Valor)]| {
        de.iter().filter_map(|(_, valor)| valor.id()).collect::<Vec<_>>()
    };
    let pessoas = do_alvo(|alvo| *alvo == Alvo::Usuario);
    let ativas: Vec<Uuid> = match ids(&pessoas) {
        nenhuma if nenhuma.is_empty() => nenhuma,
        ids => {
            sqlx::query_scalar("SELECT id FROM usuario WHERE id = ANY($1) AND ativo")
                .bind(ids)
                .fetch_all(&mut **tx)
                .await?
        }
    };
    for (campo, valor) in pessoas {
        if valor.id().is_some_and(|id| !ativas.contains(&id)) {
            return Err(invalido(campo));
        }
    }
    let documentos = do_alvo(|alvo| matches!(alvo, Alvo::Documento(_) | Alvo::Qualquer));
    let vistos = record::named(tx, Viewer::of(&quem.pessoa), &ids(&documentos)).await?;
    for (campo, valor) in documentos {
        let Some(id) = valor.id() else { continue };
        let visto = vistos.get(&id).map(|visto| visto.kind.as_str());
        let certo = match campo.tipo {
            TipoCampo::Referencia(Alvo::Documento(kind)) => visto == Some(kind.codigo()),
            _ => visto.is_some(),
        };
        if !certo {
            return Err(invalido(campo));
        }
    }
    let entradas = valores.iter().filter_map(|(campo, valor)| {
        let TipoCampo::Referencia(Alvo::Catalogo(catalogo)) = campo.tipo else { return None };
        // A category of the tipo needs no catalogue.
        let codigo = valor
            .texto()
            .filter(|codigo| campo.nome != "categoria" || tipo.categoria(codigo).is_none())?;
        Some((*campo, catalogo, codigo))
    });
    let entradas: Vec<(&Campo, &str, &str)> = entradas.collect();
    let falta: Option<i64> = sqlx::query_scalar(
        "SELECT n.ordem FROM unnest($1::text[], $2::text[]) WITH ORDINALITY n (c, k, ordem) \
         WHERE NOT EXISTS (SELECT 1 FROM referencia r WHERE r.tenant = campo_tenant() \
             AND r.collection = n.c AND r.key = n.k AND r.active AND r.addressee IS NULL) \
         ORDER BY n.ordem LIMIT 1",
    )
    .bind(entradas.iter().map(|(_, catalogo, _)| *catalogo).collect::<Vec<_>>())
    .bind(entradas.iter().map(|(.., codigo)| *codigo).collect::<Vec<_>>())
    .fetch_optional(&mut **tx)
    .await?;
    let falta = falta.and_then(|ordem| usize::try_from(ordem - 1).ok());
    match falta.and_then(|lugar| entradas.get(lugar)) {
        Some((campo, ..)) => Err(invalido(campo)),
        None => Ok(()),
    }
}

fn invalido(campo: &Campo) -> ApiError {
    let refusal = Refusal::com(Codigo::ValorInvalido, [campo.rotulo.to_owned()]);
    ApiError::from(refusal).with("campo", campo.nome)
}

/// Checks that these are people of the company who are still there.
///
/// # Errors
/// `valor_invalido`.
pub async fn pessoas(
    app: &App,
    quem: &Principal,
    ids: impl IntoIterator<Item = UserId>,
) -> ApiResult<()> {
    let ids: BTreeSet<Uuid> = ids.into_iter().map(UserId::uuid).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let ativas: i64 =
        sqlx::query_scalar("SELECT count(*) FROM usuario WHERE id = ANY($1) AND ativo")
            .bind(&ids)
            .fetch_one(&mut *tx)
            .await?;
    if ativas.unsigned_abs() == ids.len() as u64 {
        return Ok(());
    }
    Err(Refusal::com(Codigo::ValorInvalido, ["Pessoa".to_owned()]).into())
}

/// Checks the people and the groups of a restriction.
///
/// # Errors
/// `valor_invalido`.
pub async fn listados(app: &App, quem: &Principal, listados: &Listados) -> ApiResult<()> {
    pessoas(app, quem, listados.usuarios.iter().copied()).await?;
    let grupos: Vec<&str> = listados.grupos.iter().map(String::as_str).collect();
    if grupos.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let conhecidos: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM unnest($1::text[]) g WHERE EXISTS (SELECT 1 FROM referencia r \
             WHERE r.tenant = campo_tenant() AND r.collection = 'grupo' AND r.key = g \
                 AND r.active) \
         OR EXISTS (SELECT 1 FROM usuario u WHERE g = ANY(u.grupos))",
    )
    .bind(&grupos)
    .fetch_one(&mut *tx)
    .await?;
    if conhecidos.unsigned_abs() == grupos.len() as u64 {
        return Ok(());
    }
    Err(Refusal::com(Codigo::ValorInvalido, ["Grupo".to_owned()]).into())
}

/// Checks what a list of commands refers to.
///
/// # Errors
/// `valor_invalido`, `produto_fora_da_origem`.
pub async fn conferir_comandos(
    app: &App,
    quem: &Principal,
    lido: &Lido,
    comandos: &[Command],
) -> ApiResult<()> {
    let kind = lido.registro.kind;
    let (mut valores, mut gente, mut itens) = (Vec::new(), Vec::new(), Vec::new());
    for comando in comandos {
        match comando {
            Command::Editar { campo, valor } => {
                valores.extend(kind.campo(campo).map(|campo| (campo, valor.clone())));
            }
            Command::IncluirItem { em, item } => {
                valores.extend(da_parte(kind, *em, item));
                itens.extend((*em == Colecao::Itens).then(|| item.clone()));
            }
            Command::EditarItem { em, item, campo, valor } => {
                let campos = Campos::from([(campo.clone(), valor.clone())]);
                let item = NovoItem { id: *item, campos };
                valores.extend(da_parte(kind, *em, &item));
                itens.extend((*em == Colecao::Itens && campo == "produto").then_some(item));
            }
            Command::Participar { usuario, participa: true }
            | Command::Interessar { usuario, interessado: true } => gente.push(*usuario),
            Command::Analisar { encaminhar: Some(usuario), .. } => gente.push(*usuario),
            Command::Restringir { para: Some(para) } => listados(app, quem, para).await?,
            _ => {}
        }
    }
    pessoas(app, quem, gente).await?;
    conferir(app, quem, &lido.tipo, &valores).await?;
    conferir_origem(app, quem, &lido.registro.campos, &itens).await
}

/// The fields of a new part, with their definitions.
pub fn da_parte(kind: Kind, em: Colecao, item: &NovoItem) -> Vec<(&'static Campo, Valor)> {
    let campos = item.campos.iter();
    campos.filter_map(|(nome, valor)| Some((kind.campo_de(em, nome)?, valor.clone()))).collect()
}

/// Checks that the items are among the products of the record's origem, where the company's ERP
/// made that known (R6).
///
/// # Errors
/// `produto_fora_da_origem`.
pub async fn conferir_origem(
    app: &App,
    quem: &Principal,
    campos: &Campos,
    itens: &[NovoItem],
) -> ApiResult<()> {
    let Some(chave) = origem::chave(campos).filter(|_| !itens.is_empty()) else { return Ok(()) };
    let mut tx = app.db.snapshot(quem.tenant).await?;
    if let Some(dados) = super::nomes::dados(&mut tx, origem::CATALOGO, &chave).await? {
        itens.iter().try_for_each(|item| origem::conferir(campos, &dados, item))?;
    }
    Ok(())
}
