//! What a person does. Each call checks the rules first (ff30), and returns once document, queue
//! and list row are on the disk together.

use crate::{
    campo::Campo,
    error::Error,
    store::{cursor, documents, lists, references, session::Quem},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{AnaliseId, CommandId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::Campos,
    tipo::Tipo,
    valor,
};
use campo_sync::client::{self, LocalDocument, Stamp, View};
use chrono::{SubsecRound, Utc};
use rusqlite::Connection;
use std::{cmp::Reverse, sync::Arc};
use uuid::Uuid;

/// Fields as a person typed them: name and text.
pub type Textos = Vec<(String, String)>;

impl Campo {
    /// Runs a command on a document; on none for `Criar`. Durable when it returns.
    ///
    /// # Errors
    /// `Recusa` with the sentence to show; `NaoEncontrado`, `NinguemEntrou`, storage. Nothing has
    /// changed then.
    pub fn run(&self, document: Option<DocumentId>, command: Command) -> Result<DocumentId, Error> {
        self.run_with(document, |_, _, _| Ok(command))
    }

    /// Creates a document from what the person typed. Without `tipo`, the tipo of the kind that
    /// suits the fields best. An agenda of an ocorrência gets the ocorrência's assistência.
    ///
    /// # Errors
    /// As [`Campo::run`]; `SemCadastros` before the first synchronisation.
    pub fn novo(
        &self,
        kind: Kind,
        tipo: Option<&str>,
        campos: &[(String, String)],
        itens: &[Textos],
    ) -> Result<DocumentId, Error> {
        self.run_with(None, |conn, quem, _| {
            policy::pode_criar(&quem.pessoa, Parte::Nota)?;
            let campos = &com_assistencia(conn, quem, kind, campos)?;
            let tipo = match tipo {
                Some(codigo) => quem.tipos.atual(codigo)?.clone(),
                None => tipo_para(conn, quem, kind, campos)?,
            };
            let itens: Result<Vec<_>, _> =
                itens.iter().map(|textos| novo_item(kind, textos, quem)).collect();
            Ok(Command::Criar {
                id: Uuid::now_v7().into(),
                kind,
                tipo: tipo.referencia(),
                campos: ler(campos, |nome| kind.campo(nome), quem)?,
                itens: itens?,
            })
        })
    }

    /// Writes a field with what the person typed; empty clears it. Long text is merged with what
    /// others write meanwhile.
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn editar(&self, document: DocumentId, campo: &str, texto: &str) -> Result<(), Error> {
        self.on(document, |quem, view| {
            let definicao = view.registro.kind.campo(campo);
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            let campo = campo.to_owned();
            if definicao.longo() {
                let de = view.registro.valor(&campo).texto().unwrap_or_default().to_owned();
                let para = if texto.trim().is_empty() { String::new() } else { texto.to_owned() };
                return Ok(Command::EditarTexto { campo, de, para });
            }
            Ok(Command::Editar { campo, valor: definicao.ler(texto, quem.conta.fuso)? })
        })
    }

    /// Asks for a transition.
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn transicionar(
        &self,
        document: DocumentId,
        verbo: &str,
        motivo: Option<&str>,
    ) -> Result<(), Error> {
        self.on(document, |_, _| {
            Ok(Command::Transicionar {
                pedido: PedidoId::from(Uuid::now_v7()),
                verbo: verbo.to_owned(),
                motivo: motivo.map(str::to_owned),
            })
        })
    }

    /// Issues a laudo and asks for the transition that it brings (R71).
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn emitir_laudo(
        &self,
        document: DocumentId,
        procedente: bool,
        conclusao: &str,
    ) -> Result<(), Error> {
        self.on(document, |_, _| {
            Ok(Command::EmitirLaudo {
                pedido: PedidoId::from(Uuid::now_v7()),
                laudo: AnaliseId::from(Uuid::now_v7()),
                procedente,
                conclusao: conclusao.to_owned(),
            })
        })
    }

    /// Writes into the acompanhamento (R78).
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn anotar(&self, document: DocumentId, texto: &str) -> Result<(), Error> {
        let texto = texto.to_owned();
        self.on(document, |_, _| Ok(Command::Anotar { id: NotaId::from(Uuid::now_v7()), texto }))
    }

    /// Adds an item.
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn incluir_item(
        &self,
        document: DocumentId,
        campos: &[(String, String)],
    ) -> Result<ItemId, Error> {
        let id = ItemId::from(Uuid::now_v7());
        self.on(document, |quem, view| {
            let mut item = novo_item(view.registro.kind, campos, quem)?;
            item.id = id;
            Ok(Command::IncluirItem { item })
        })?;
        Ok(id)
    }

    /// Writes a field of an item; empty clears it.
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn editar_item(
        &self,
        document: DocumentId,
        item: ItemId,
        campo: &str,
        texto: &str,
    ) -> Result<(), Error> {
        self.on(document, |quem, view| {
            let definicao = view.registro.kind.campo_item(campo);
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            let valor = definicao.ler(texto, quem.conta.fuso)?;
            Ok(Command::EditarItem { item, campo: campo.to_owned(), valor })
        })
    }

    /// Removes an item.
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn remover_item(&self, document: DocumentId, item: ItemId) -> Result<(), Error> {
        self.on(document, |_, _| Ok(Command::RemoverItem { item }))
    }

    /// Adds or removes a participante (R4).
    ///
    /// # Errors
    /// As [`Campo::run`].
    pub fn participar(
        &self,
        document: DocumentId,
        usuario: UserId,
        participa: bool,
    ) -> Result<(), Error> {
        self.on(document, |_, _| Ok(Command::Participar { usuario, participa }))
    }

    /// Runs the command that `make` derives from the document as it reads now.
    fn on(
        &self,
        document: DocumentId,
        make: impl FnOnce(&Quem, View) -> Result<Command, Error>,
    ) -> Result<(), Error> {
        self.run_with(Some(document), |_, quem, existing| {
            let existing = existing.ok_or_else(|| Error::NaoEncontrado(document.to_string()))?;
            if !existing.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            make(quem, client::view(existing, &quem.ctx())?)
        })?;
        Ok(())
    }

    /// One transaction: load, decide, write document, queue and list row.
    fn run_with(
        &self,
        document: Option<DocumentId>,
        make: impl FnOnce(&Connection, &Quem, Option<&LocalDocument>) -> Result<Command, Error>,
    ) -> Result<DocumentId, Error> {
        self.write(|tx| {
            let quem = crate::store::session::signed_in(tx)?.ok_or(Error::NinguemEntrou)?;
            let load = |id| documents::load(tx, quem.account, id);
            let existing = document.map(load).transpose()?.flatten();
            let command = make(tx, &quem, existing.as_ref())?;
            let existing = match (&command, existing) {
                (Command::Criar { id, .. }, None) => load(*id)?,
                (_, existing) => existing,
            };
            if let (None, Some(id)) = (&existing, document) {
                return Err(Error::NaoEncontrado(id.to_string()));
            }
            let stamp = Stamp {
                id: CommandId::from(Uuid::now_v7()),
                at: Utc::now().trunc_subsecs(3),
                seen: cursor::load(tx, quem.account)?.cursor.seq,
                nonce: rand::random(),
            };
            let ran = client::run(existing, &quem.ctx(), command, stamp)?;
            if ran.changed {
                let name = documents::Name::from(&ran.view.registro);
                documents::save(tx, quem.account, &ran.document, Some(&name))?;
                let pendente = ran.document.queue.len();
                let (eu, fuso) = (quem.pessoa.id, quem.conta.fuso);
                lists::write(tx, quem.account, &ran.view, pendente, eu, fuso)?;
            }
            Ok(ran.document.id)
        })
    }
}

/// Names the case of an agenda's ocorrência too: one sees a case, or nothing of it.
fn com_assistencia(
    conn: &Connection,
    quem: &Quem,
    kind: Kind,
    campos: &[(String, String)],
) -> Result<Textos, Error> {
    let mut todos = campos.to_vec();
    let texto = |nome| {
        let achado = campos.iter().rfind(|(n, _)| n == nome);
        achado.map(|(_, texto)| texto.trim()).filter(|texto| !texto.is_empty())
    };
    let ocorrencia: Option<DocumentId> = texto("ocorrencia").and_then(|id| id.parse().ok());
    if let (Kind::Agenda, None, Some(id)) = (kind, texto("assistencia"), ocorrencia)
        && let Some(linha) = lists::uma(conn, quem.account, id)?
        && linha.kind == Kind::Ocorrencia
        && linha.raiz != id
    {
        todos.push(("assistencia".to_owned(), linha.raiz.to_string()));
    }
    Ok(todos)
}

/// The tipo that suits: the one that misses fewest of its required fields, then the one that asks
/// for most of what is there.
fn tipo_para(
    conn: &Connection,
    quem: &Quem,
    kind: Kind,
    campos: &[(String, String)],
) -> Result<Arc<Tipo>, Error> {
    let inativos = references::tipos_inativos(conn, quem.account)?;
    let preenchido = |nome: &String| campos.iter().any(|(n, v)| n == nome && !v.trim().is_empty());
    quem.tipos
        .do_kind(kind)
        .filter(|tipo| !inativos.contains(&format!("{}@{}", tipo.codigo, tipo.versao)))
        .min_by_key(|tipo| {
            let faltam = tipo.obrigatorios.iter().filter(|nome| !preenchido(nome)).count();
            (faltam, Reverse(tipo.obrigatorios.len()), tipo.codigo.clone())
        })
        .cloned()
        .ok_or(Error::SemCadastros)
}

fn ler(
    textos: &[(String, String)],
    campo: impl Fn(&str) -> Option<&'static valor::Campo>,
    quem: &Quem,
) -> Result<Campos, Error> {
    let mut campos = Campos::new();
    for (nome, texto) in textos {
        let definicao = campo(nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        let valor = definicao.ler(texto, quem.conta.fuso)?;
        if valor != valor::Valor::Nulo {
            campos.insert(nome.clone(), valor);
        }
    }
    Ok(campos)
}

fn novo_item(kind: Kind, textos: &[(String, String)], quem: &Quem) -> Result<NovoItem, Error> {
    let campos = ler(textos, |nome| kind.campo_item(nome), quem)?;
    Ok(NovoItem { id: Uuid::now_v7().into(), campos })
}
