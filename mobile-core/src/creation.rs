//! How a record begins: its tipo, what Campo fills in by itself, and the copy of another record.

use crate::{
    commands::{Textos, ler, nova_parte},
    error::Error,
    phone::Phone,
    store::{documents, lists, references, session::Account},
};
use campo_domain::{
    busca::dobrar,
    command::Command,
    ids::{DocumentId, ItemId},
    kind::Kind,
    origem,
    parte::Colecao,
    policy::{self, Parte},
    preenchimento::{self, Contexto},
    refusal::{Codigo, Refusal},
    registro::Campos,
    tipo::Tipo,
    valor::{self, Valor},
};
use campo_sync::client;
use chrono::{SubsecRound, Utc};
use rusqlite::Connection;
use serde::Serialize;
use std::{cmp::Reverse, sync::Arc};
use uuid::Uuid;

/// A copy of a record, to be looked at and then given to [`Phone::novo`] (R94).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copia {
    /// Its kind.
    pub kind: Kind,
    /// Code of its tipo.
    pub tipo: String,
    /// Its fields, as one types them.
    pub campos: Textos,
    /// Its items.
    pub itens: Vec<Textos>,
}

/// A line of the document that a record comes from (R6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProdutoDaOrigem {
    /// The product's name.
    pub produto: String,
    /// How many.
    pub quantidade: Option<String>,
    /// Lot or serial number.
    pub lote_serie: Option<String>,
}

impl Phone {
    /// Creates a document from what the person typed; what is left empty is filled in where Campo
    /// knows it (R6, R9, R31, R32). `tipo` is a code or a name; without one, the tipo of the kind
    /// that suits the fields best. An agenda of an ocorrência gets the ocorrência's assistência.
    ///
    /// # Errors
    /// As [`Phone::run`]; `SemCadastros` before the first synchronisation, `EscolhaTipo` where
    /// several suit as well.
    pub fn novo(
        &self,
        kind: Kind,
        tipo: Option<&str>,
        campos: &[(String, String)],
        itens: &[Textos],
    ) -> Result<DocumentId, Error> {
        self.run_with(None, |conn, account, _| {
            let mut campos = ler(campos, |nome| kind.campo(nome), account)?;
            let assistencia = da_ocorrencia(conn, account, kind, &campos)?;
            let tipo = match tipo {
                Some(texto) => chamado(conn, account, kind, texto)?,
                None => que_serve(conn, account, kind, &campos, assistencia)?,
            };
            policy::pode_criar(&account.pessoa, &tipo, Parte::Nota)?;
            let itens: Result<Vec<_>, _> = itens
                .iter()
                .map(|textos| nova_parte(kind, Colecao::Itens, textos, account))
                .collect();
            completar(conn, account, &tipo, &mut campos, assistencia)?;
            Ok(Command::Criar {
                id: Uuid::now_v7().into(),
                kind,
                tipo: tipo.referencia(),
                campos,
                itens: itens?,
            })
        })
    }

    /// What a copy of the record starts with.
    ///
    /// # Errors
    /// As [`Phone::show`].
    pub fn copiar(&self, document: DocumentId) -> Result<Copia, Error> {
        self.read_as(|conn, account| {
            let absent = || Error::NaoEncontrado(document.to_string());
            let local = documents::load(conn, account.key, document)?.ok_or_else(absent)?;
            if !local.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            let registro = client::view(&local, &account.ctx())?.registro;
            let kind = registro.kind;
            // As it is made today, which may be another version than the original's.
            let tipo = chamado(conn, account, kind, &registro.tipo.codigo)?;
            let mint = || ItemId::from(Uuid::now_v7());
            let (campos, itens) = preenchimento::duplicar(&registro, &tipo, mint);
            let textos = |definicoes: &'static [valor::Campo], campos: &Campos| -> Textos {
                let cheios = definicoes.iter().filter_map(|campo| {
                    let texto =
                        campo_screens::typed(campo, campos.get(campo.nome)?, account.conta.fuso);
                    Some((campo.nome.to_owned(), texto))
                });
                cheios.collect()
            };
            let itens = itens.iter();
            Ok(Copia {
                kind,
                tipo: registro.tipo.codigo,
                campos: textos(kind.campos(), &campos),
                itens: itens.map(|i| textos(kind.campos_de(Colecao::Itens), &i.campos)).collect(),
            })
        })
    }

    /// The products of a proposta or nota fiscal (R6); `None` where the device does not know it,
    /// and then any may be written.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn produtos_da_origem(
        &self,
        origem: &str,
        numero: &str,
    ) -> Result<Option<Vec<ProdutoDaOrigem>>, Error> {
        let texto = |texto: &str| Valor::Texto(texto.to_owned());
        let campos = Campos::from([
            ("origem".to_owned(), texto(origem)),
            ("origem_numero".to_owned(), texto(numero)),
        ]);
        let Some(chave) = origem::chave(&campos) else { return Ok(None) };
        self.read_as(|conn, account| {
            let dados = references::dados(conn, account.key, origem::CATALOGO, &chave)?;
            let produto = |linha: origem::Linha| ProdutoDaOrigem {
                produto: linha.produto,
                quantidade: linha.quantidade,
                lote_serie: linha.lote,
            };
            Ok(dados.map(|dados| origem::linhas(&dados).into_iter().map(produto).collect()))
        })
    }
}

/// The assistência of the ocorrência that an agenda names, where the device knows it.
fn da_ocorrencia(
    conn: &Connection,
    account: &Account,
    kind: Kind,
    campos: &Campos,
) -> Result<Option<DocumentId>, Error> {
    let ocorrencia = campos.get("ocorrencia").and_then(Valor::id).map(DocumentId::from);
    let Some(id) = ocorrencia.filter(|_| kind == Kind::Agenda) else { return Ok(None) };
    let linha = lists::uma(conn, account.key, id)?;
    let da_assistencia = linha.filter(|l| l.kind == Kind::Ocorrencia && l.raiz != id);
    Ok(da_assistencia.map(|linha| linha.raiz))
}

/// The tipos of a kind that are offered for new documents.
pub(crate) fn oferecidos<'a>(
    conn: &Connection,
    account: &'a Account,
    kind: Kind,
) -> Result<impl Iterator<Item = &'a Arc<Tipo>>, Error> {
    let inativos = references::tipos_inativos(conn, account.key)?;
    let chave = |tipo: &Tipo| format!("{}@{}", tipo.codigo, tipo.versao);
    Ok(account.tipos.do_kind(kind).filter(move |tipo| !inativos.contains(&chave(tipo))))
}

/// The newest version of the tipo of that code, or of the one that is called so; not of one that
/// was withdrawn.
pub(crate) fn chamado(
    conn: &Connection,
    account: &Account,
    kind: Kind,
    texto: &str,
) -> Result<Arc<Tipo>, Error> {
    if let Ok(tipo) = account.tipos.atual(texto) {
        let oferecido = oferecidos(conn, account, tipo.kind)?.any(|t| t.codigo == tipo.codigo);
        let retirado = || Refusal::with(Codigo::TipoRetirado, [tipo.nome.clone()]);
        return if oferecido { Ok(tipo.clone()) } else { Err(retirado().into()) };
    }
    let mut servem = oferecidos(conn, account, kind)?.filter(|t| dobrar(&t.nome) == dobrar(texto));
    match (servem.next(), servem.next()) {
        (Some(tipo), None) => Ok(tipo.clone()),
        (Some(_), Some(_)) => Err(Error::Ambiguo(texto.to_owned())),
        (None, _) => Err(Refusal::with(Codigo::TipoDesconhecido, [texto.to_owned()]).into()),
    }
}

/// The tipo that suits: the one that has all the fields, then the one that misses fewest of its
/// required ones, then the one that asks for most of what is there. Where several do, a person says
/// which (R30), but for kinds that have no case of their own.
fn que_serve(
    conn: &Connection,
    account: &Account,
    kind: Kind,
    campos: &Campos,
    assistencia: Option<DocumentId>,
) -> Result<Arc<Tipo>, Error> {
    let da_ocorrencia = assistencia.map(|_| "assistencia");
    let preenchidos = || campos.keys().map(String::as_str).chain(da_ocorrencia);
    let ordem = |tipo: &Tipo| {
        let fora = preenchidos().filter(|nome| !tipo.tem_campo(nome)).count();
        let falta = |nome: &&String| !preenchidos().any(|n| n == nome.as_str());
        let faltam = tipo.obrigatorios.iter().filter(falta).count();
        (fora, faltam, Reverse(tipo.obrigatorios.len()))
    };
    let mut todos: Vec<_> = oferecidos(conn, account, kind)?.collect();
    todos.sort_by_key(|tipo| (ordem(tipo), tipo.codigo.clone()));
    let melhor = todos.first().ok_or(Error::SemCadastros)?;
    let iguais: Vec<_> = todos.iter().take_while(|tipo| ordem(tipo) == ordem(melhor)).collect();
    if kind.numerado() && iguais.len() > 1 {
        let nomes: Vec<_> =
            iguais.iter().map(|tipo| format!("{} ({})", tipo.nome, tipo.codigo)).collect();
        return Err(Error::EscolhaTipo(nomes.join(", ")));
    }
    Ok((*melhor).clone())
}

/// Fills in what the person left empty and this device knows.
fn completar(
    conn: &Connection,
    account: &Account,
    tipo: &Tipo,
    campos: &mut Campos,
    assistencia: Option<DocumentId>,
) -> Result<(), Error> {
    let dados = |catalogo, codigo: Option<&str>| match codigo {
        Some(codigo) => references::dados(conn, account.key, catalogo, codigo),
        None => Ok(None),
    };
    let contrato = dados("contrato", campos.get("contrato").and_then(Valor::texto))?;
    let origem = dados(origem::CATALOGO, origem::chave(campos).as_deref())?;
    let mut contexto = Contexto {
        pessoa: &account.pessoa,
        agora: Utc::now().trunc_subsecs(3),
        cliente: None,
        contrato: contrato.as_ref(),
        origem: origem.as_ref(),
        assistencia,
    };
    preenchimento::completar(tipo, campos, &contexto);
    // Contract or origem may have said who the client is.
    let Some(cliente) = campos.get("cliente").and_then(Valor::id) else { return Ok(()) };
    let local = documents::load(conn, account.key, cliente.into())?;
    // A client whose record cannot be read now still is the client.
    let cliente = local.and_then(|local| client::view(&local, &account.ctx()).ok());
    contexto.cliente = cliente.as_ref().map(|view| &view.registro.campos);
    preenchimento::completar(tipo, campos, &contexto);
    Ok(())
}
