//! Writes ações corretivas (R76, R77). The row, its number and the links of records are written in
//! one transaction, so that none is left without its records and the numbers of a year have no gap.
//! What becomes of the row afterwards is written below, by a handler's own transaction.

use crate::ledger::{self, Conflict, Frame, Share};
use anyhow::Result;
use campo_domain::{
    command::Command,
    ids::{CorretivaId, DocumentId, UserId},
    refusal::{Codigo, Refusal},
};
use campo_sync::{admission::Requester, exchange::Planner};
use sqlx::PgTransaction;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Records of one tipo to link, all or none, to an ação corretiva that is a draft (`rascunho`).
#[derive(Clone, Debug)]
pub struct Linking {
    /// The person who links them.
    pub user: UserId,
    /// The ação corretiva.
    pub corretiva: CorretivaId,
    /// Its texts, if it is to be opened; `None` for an existing one.
    pub opens: Option<NewCorretiva>,
    /// The records.
    pub records: BTreeSet<DocumentId>,
    /// The code of their tipo; `None` without records.
    pub tipo: Option<String>,
}

/// An ação corretiva to open. The caller has checked the texts.
#[derive(Clone, Debug)]
pub struct NewCorretiva {
    /// The title.
    pub titulo: String,
    /// The description.
    pub descricao: Option<String>,
    /// The code of the tipo whose records may be linked.
    pub tipo: String,
}

/// An ação corretiva as it was when the plan was made.
#[derive(Debug)]
struct Stored {
    number: String,
    tipo: String,
    is_draft: bool,
    linked: BTreeSet<DocumentId>,
}

/// An ação corretiva that the plan opens or adds to.
#[derive(Debug)]
struct CorretivaWrite {
    id: CorretivaId,
    user: UserId,
    number: String,
    opens: Option<NewCorretiva>,
}

/// The ações corretivas of a batch: as stored, and what is to be written.
#[derive(Debug, Default)]
pub(super) struct Corretivas {
    stored: BTreeMap<CorretivaId, Stored>,
    /// The year of new numbers, and the last number of it.
    year: i32,
    last: i64,
    writes: Vec<CorretivaWrite>,
}

impl Corretivas {
    /// Reads what these linkings need.
    pub(super) async fn read(
        tx: &mut PgTransaction<'_>,
        linkings: &[&Linking],
        year: i32,
    ) -> Result<Self> {
        let mut all = Corretivas { year, ..Corretivas::default() };
        let (opening, existing): (Vec<&Linking>, Vec<_>) =
            linkings.iter().copied().partition(|linking| linking.opens.is_some());
        if !existing.is_empty() {
            let rows: Vec<(Uuid, String, String, bool, Vec<Uuid>)> = sqlx::query_as(
                "SELECT c.id, c.numero, c.tipo, c.situacao = 'rascunho', \
                     ARRAY (SELECT v.document FROM corretiva_vinculo v \
                         WHERE v.tenant = c.tenant AND v.id = c.id) \
                 FROM acao_corretiva c WHERE c.id = ANY ($1)",
            )
            .bind(existing.iter().map(|linking| linking.corretiva.uuid()).collect::<Vec<_>>())
            .fetch_all(&mut **tx)
            .await?;
            all.stored.extend(rows.into_iter().map(|(id, number, tipo, is_draft, linked)| {
                let linked = linked.into_iter().map(DocumentId::from).collect();
                (id.into(), Stored { number, tipo, is_draft, linked })
            }));
        }
        if !opening.is_empty() {
            let last: Option<i64> = sqlx::query_scalar(
                "SELECT max(substring(numero FROM '[0-9]+$')::bigint) FROM acao_corretiva \
                 WHERE numero LIKE $1",
            )
            .bind(format!("AC-{year}/%"))
            .fetch_one(&mut **tx)
            .await?;
            all.last = last.unwrap_or(0);
        }
        Ok(all)
    }

    /// Plans the commands that link the records, and the row with its number if it is new.
    pub(super) fn link(
        &mut self,
        planner: &mut Planner,
        requester: &Requester,
        linking: &Linking,
    ) -> Result<(), Refusal> {
        let id = linking.corretiva;
        let (number, records) = match (&linking.opens, self.stored.get(&id)) {
            (Some(_), _) => {
                (format!("AC-{}/{:06}", self.year, self.last + 1), linking.records.clone())
            }
            (None, None) => return Err(Refusal::new(Codigo::NaoEncontrado)),
            (None, Some(stored)) => {
                let fits = linking.tipo.as_ref().is_none_or(|tipo| *tipo == stored.tipo);
                if !stored.is_draft || !fits {
                    return Err(Refusal::new(Codigo::CorretivaNaoPermitida));
                }
                (stored.number.clone(), &linking.records - &stored.linked)
            }
        };
        let link = Command::VincularCorretiva { corretiva: id, numero: number.clone() };
        let commands: Vec<_> = records.iter().map(|record| (*record, link.clone())).collect();
        planner.office_all(requester, &commands, None)?;
        match self.stored.get_mut(&id) {
            Some(stored) => stored.linked.extend(records),
            None => self.last += 1,
        }
        let (user, opens) = (linking.user, linking.opens.clone());
        self.writes.push(CorretivaWrite { id, user, number, opens });
        Ok(())
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Inserts the new rows, and locks the existing ones, which must still be drafts.
    pub(super) async fn write(&self, tx: &mut PgTransaction<'_>, frame: Frame<'_>) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        ledger::lock_company(tx, frame.tenant, Share::WithOthers).await?;
        for CorretivaWrite { id, user, number, opens } in &self.writes {
            let Some(NewCorretiva { titulo, descricao, tipo }) = opens else {
                let is_draft: bool = sqlx::query_scalar(
                    "SELECT situacao = 'rascunho' FROM acao_corretiva WHERE id = $1 FOR SHARE",
                )
                .bind(id.uuid())
                .fetch_one(&mut **tx)
                .await?;
                if !is_draft {
                    return Err(Conflict.into());
                }
                continue;
            };
            sqlx::query(
                "INSERT INTO acao_corretiva (tenant, id, numero, titulo, descricao, tipo, \
                     criada_por, criada_em) VALUES (campo_tenant(), $1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(id.uuid())
            .bind(number)
            .bind(titulo)
            .bind(descricao)
            .bind(tipo)
            .bind(user.uuid())
            .bind(frame.now)
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }
}

/// What happens to one that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// From the draft to being carried out.
    Start,
    /// From being carried out to its end.
    Finish,
}

/// Locks one until the transaction ends; returns its situação.
///
/// # Errors
/// There is none of that id; PostgreSQL refuses.
pub(crate) async fn lock(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<String> {
    sqlx::query_scalar("SELECT situacao FROM acao_corretiva WHERE id = $1 FOR UPDATE")
        .bind(id)
        .fetch_one(&mut **tx)
        .await
}

/// Writes its title, if one is given, and its description, if one is said: none then removes it.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn rewrite(
    tx: &mut PgTransaction<'_>,
    id: Uuid,
    titulo: Option<String>,
    descricao: Option<Option<String>>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE acao_corretiva SET titulo = coalesce($2, titulo), \
             descricao = CASE WHEN $3 THEN $4 ELSE descricao END WHERE id = $1",
    )
    .bind(id)
    .bind(titulo)
    .bind(descricao.is_some())
    .bind(descricao.flatten())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the step; returns whether it was where the step begins.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn advance(
    tx: &mut PgTransaction<'_>,
    id: Uuid,
    step: Step,
) -> sqlx::Result<bool> {
    let sql = match step {
        Step::Start => {
            "UPDATE acao_corretiva SET situacao = 'em_execucao', iniciada_em = now() \
             WHERE id = $1 AND situacao = 'rascunho'"
        }
        Step::Finish => {
            "UPDATE acao_corretiva SET situacao = 'encerrada', encerrada_em = now() \
             WHERE id = $1 AND situacao = 'em_execucao'"
        }
    };
    let done = sqlx::query(sql).bind(id).execute(&mut **tx).await?;
    Ok(done.rows_affected() != 0)
}
