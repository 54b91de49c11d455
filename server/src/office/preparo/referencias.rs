//! Whether what values refer to is there and in use: people whom work may be given to, records that
//! the person may see, entries of catalogues that are offered.

use crate::{
    reading::{record, references},
    visibility::Viewer,
};
use campo_domain::{
    command::NovoItem,
    parte::Colecao,
    pessoa::Pessoa,
    refusal::Codigo,
    registro::Campos,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use sqlx::PgTransaction;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What somebody is to be in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Papel {
    /// Who does the work, or is told of it.
    Encarregada,
    /// Who takes part: a program may as well, to see the case.
    Participante,
    /// Who is let see it: anybody of the company whom it knows.
    Listada,
}

/// Those of the people, by their places, who cannot be that, each with the code of the refusal.
///
/// # Errors
/// PostgreSQL refuses.
pub(super) async fn inelegiveis(
    tx: &mut PgTransaction<'_>,
    pessoas: &[(Uuid, Papel)],
) -> sqlx::Result<BTreeMap<usize, Codigo>> {
    if pessoas.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids = pessoas.iter().map(|(id, _)| *id).collect();
    let conhecidas = references::standing(tx, ids).await?;
    let recusa = |(id, papel): &(Uuid, Papel)| {
        let Some(conhecida) = conhecidas.iter().find(|conhecida| conhecida.id == *id) else {
            return Some(Codigo::ValorInvalido);
        };
        let serve = match papel {
            Papel::Encarregada => conhecida.eligible,
            Papel::Participante => conhecida.sees,
            Papel::Listada => !conhecida.portal,
        };
        match (serve, conhecida.portal) {
            (true, _) => None,
            (false, true) => Some(Codigo::ClienteDoPortal),
            (false, false) => Some(Codigo::ValorInvalido),
        }
    };
    let recusas = pessoas.iter().enumerate();
    Ok(recusas.filter_map(|(lugar, pessoa)| Some((lugar, recusa(pessoa)?))).collect())
}

/// Those of the values, by their places, whose reference does not serve, each with the code of the
/// refusal.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn fora_de_uso(
    tx: &mut PgTransaction<'_>,
    pessoa: &Pessoa,
    tipo: &Tipo,
    valores: &[(&'static Campo, Valor)],
) -> sqlx::Result<BTreeMap<usize, Codigo>> {
    let (mut pessoas, mut documentos, mut entradas) = (Vec::new(), Vec::new(), Vec::new());
    for (lugar, (campo, valor)) in valores.iter().enumerate() {
        match (campo.tipo, valor) {
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => pessoas.push((lugar, *id)),
            (TipoCampo::Referencia(Alvo::Documento(kind)), Valor::Id(id)) => {
                documentos.push((lugar, *id, Some(kind)));
            }
            (TipoCampo::Referencia(Alvo::Qualquer), Valor::Id(id)) => {
                documentos.push((lugar, *id, None));
            }
            // A category of the tipo needs no catalogue.
            (TipoCampo::Referencia(Alvo::Catalogo(catalogo)), Valor::Texto(codigo))
                if campo.nome != "categoria" || tipo.categoria(codigo).is_none() =>
            {
                entradas.push((lugar, catalogo, codigo.as_str()));
            }
            _ => {}
        }
    }
    let encarregadas: Vec<_> = pessoas.iter().map(|(_, id)| (*id, Papel::Encarregada)).collect();
    let recusadas = inelegiveis(tx, &encarregadas).await?.into_iter();
    let mut fora: BTreeMap<usize, Codigo> =
        recusadas.filter_map(|(i, codigo)| Some((pessoas.get(i)?.0, codigo))).collect();
    let ids: Vec<Uuid> = documentos.iter().map(|(_, id, _)| *id).collect();
    let vistos = record::named(tx, Viewer::of(pessoa), &ids).await?;
    for (lugar, id, kind) in documentos {
        let visto = vistos.get(&id).map(|visto| visto.kind.as_str());
        if visto.is_none() || kind.is_some_and(|kind| visto != Some(kind.codigo())) {
            fora.insert(lugar, Codigo::ValorInvalido);
        }
    }
    if entradas.is_empty() {
        return Ok(fora);
    }
    let nomes: Vec<_> = entradas.iter().map(|(_, catalogo, codigo)| (*catalogo, *codigo)).collect();
    let faltam = references::not_offered(tx, &nomes).await?;
    let faltam: BTreeSet<i64> = faltam.into_iter().collect();
    let faltam = (1..).zip(entradas).filter(|(ordem, _)| faltam.contains(ordem));
    fora.extend(faltam.map(|(_, (lugar, ..))| (lugar, Codigo::ValorInvalido)));
    Ok(fora)
}

/// Takes out of a copy what is no longer in use (R94). What is required is then asked for by name.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn so_em_uso(
    tx: &mut PgTransaction<'_>,
    pessoa: &Pessoa,
    tipo: &Tipo,
    campos: &mut Campos,
    itens: &mut [NovoItem],
) -> sqlx::Result<()> {
    let kind = tipo.kind;
    let do_registro = campos.iter();
    let mut valores: Vec<(&'static Campo, Valor)> =
        do_registro.filter_map(|(nome, valor)| Some((kind.campo(nome)?, valor.clone()))).collect();
    let proprios = valores.len();
    let mut donos = Vec::new();
    for (posicao, item) in itens.iter().enumerate() {
        for (nome, valor) in &item.campos {
            let Some(campo) = kind.campo_de(Colecao::Itens, nome) else { continue };
            valores.push((campo, valor.clone()));
            donos.push(posicao);
        }
    }
    for lugar in fora_de_uso(tx, pessoa, tipo, &valores).await?.into_keys() {
        let Some((campo, _)) = valores.get(lugar) else { continue };
        match lugar.checked_sub(proprios).and_then(|lugar| donos.get(lugar)) {
            Some(item) => itens[*item].campos.remove(campo.nome),
            None => campos.remove(campo.nome),
        };
    }
    Ok(())
}
