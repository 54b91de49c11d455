//! The first sync of a device: reference data, the documents of today's agenda, then all others.

use super::reader::{DOCUMENTS_MAX, Reader, size};
use crate::visibility::visible;
use anyhow::{Context, Result};
use campo_domain::{ids::DocumentId, pessoa::Permissao};
use campo_sync::wire::{Bootstrap, Cursor};
use chrono::{Days, NaiveTime, TimeZone, Utc};
use sqlx::Row;
use uuid::Uuid;

/// Most entries of reference data of one query.
const REFERENCES_MAX: i64 = 1_000;

/// Rank: the cases of today's agenda, by id.
const TODAY: u8 = 0;
/// Rank: every document in sight, the highest id first.
const EVERYTHING: u8 = 1;
/// Rank: what documents are read with: the person, the people, the tipos. `after` is a position.
const BASICS: u8 = 2;
/// Rank: the catalogues. `after` is a position.
const CATALOGUES: u8 = 3;
/// Not a rank of a first sync: the documents of the case that was granted at the position after
/// `seq`, by id.
pub(super) const GRANTED: u8 = 4;

/// Where a device begins that has nothing.
pub(super) const START: Bootstrap = Bootstrap { rank: BASICS, after: DocumentId::NIL };
/// Where a device begins that needs every document again; it has the reference data.
pub(super) const DOCUMENTS: Bootstrap = Bootstrap { rank: TODAY, after: DocumentId::NIL };

impl Reader<'_, '_, '_> {
    /// Fills the page from `at` on. It may be interrupted anywhere: changes after `seq`, the
    /// position at which the first sync began, are read from the log afterwards. Returns the cursor
    /// and whether there is more.
    pub(super) async fn bootstrap(
        &mut self,
        seq: u64,
        mut at: Bootstrap,
    ) -> Result<(Cursor, bool)> {
        loop {
            if self.full() {
                return Ok((Cursor { seq, bootstrap: Some(at) }, true));
            }
            let next = match at.rank {
                BASICS | CATALOGUES => self.references(seq, at).await?,
                TODAY => self.today(at.after.uuid()).await?,
                _ => self.everything(at.after.uuid()).await?,
            };
            let begin = |rank, after: Uuid| Bootstrap { rank, after: after.into() };
            at = match (next, at.rank) {
                (Some(after), rank) => begin(rank, after),
                (None, BASICS) => begin(CATALOGUES, Uuid::nil()),
                (None, CATALOGUES) => begin(TODAY, Uuid::nil()),
                (None, TODAY) => begin(EVERYTHING, Uuid::max()),
                (None, _) => return Ok((Cursor { seq, bootstrap: None }, self.head > seq)),
            };
        }
    }

    /// Adds reference data after a position; returns where it stopped, or `None` at the end.
    /// Catalogue entries after `until` are in the log. The basics are sent in their present state
    /// even then, since documents need them; the log sends those again.
    async fn references(&mut self, until: u64, at: Bootstrap) -> Result<Option<Uuid>> {
        let rows = sqlx::query(
            "SELECT seq, seq AS current_seq, collection, key, active, data FROM referencia \
             WHERE tenant = $1 AND (addressee IS NULL OR addressee = $2) AND seq > $3 \
                 AND (collection IN ('eu', 'usuario', 'tipo')) = $4 AND ($4 OR seq <= $5) \
             ORDER BY seq LIMIT $6",
        )
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(at.after.uuid().as_u128() as i64)
        .bind(at.rank == BASICS)
        .bind(until as i64)
        .bind(REFERENCES_MAX)
        .fetch_all(&mut **self.tx)
        .await?;
        let mut last = None;
        for row in rows {
            if self.full() {
                break;
            }
            let seq = row.try_get::<i64, _>("seq")? as u64;
            self.reference(&row, seq)?;
            last = Some(Uuid::from_u128(seq.into()));
        }
        Ok(last)
    }

    /// Adds the documents of the cases in the person's agenda of today, and their clients, with ids
    /// after `after`; returns where it stopped, or `None` at the end.
    async fn today(&mut self, after: Uuid) -> Result<Option<Uuid>> {
        let time_zone: String = sqlx::query_scalar("SELECT fuso FROM tenant WHERE id = $1")
            .bind(self.pull.tenant.uuid())
            .fetch_one(&mut **self.tx)
            .await?;
        let time_zone: chrono_tz::Tz =
            time_zone.parse().context("the company's time zone is not known")?;
        let today = self.pull.now.with_timezone(&time_zone).date_naive();
        let midnight = |days: u64| {
            let day = today.checked_add_days(Days::new(days)).unwrap_or(today);
            time_zone
                .from_local_datetime(&day.and_time(NaiveTime::MIN))
                .earliest()
                .map_or(self.pull.now, |instant| instant.with_timezone(&Utc))
        };
        let rows = sqlx::query_as(concat!(
            "WITH hoje AS (SELECT DISTINCT a.raiz FROM agendas a \
                 WHERE a.tenant = $1 AND a.responsavel = $2 AND a.inicio >= $3 AND a.inicio < $4 \
                 AND ",
            visible!("a", "$2", "$6"),
            ") SELECT d.id, ",
            size!(),
            " FROM document d WHERE $5 AND d.tenant = $1 AND NOT d.erased AND d.id > $7 AND ( \
                 d.raiz IN (SELECT raiz FROM hoje) \
                 OR d.id IN (SELECT cliente FROM assistencias \
                     WHERE tenant = $1 AND raiz IN (SELECT raiz FROM hoje)) \
                 OR d.id IN (SELECT cliente FROM ocorrencias \
                     WHERE tenant = $1 AND raiz IN (SELECT raiz FROM hoje))) \
             ORDER BY d.id LIMIT $8",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(midnight(0))
        .bind(midnight(1))
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(self.sees_all())
        .bind(after)
        .bind(DOCUMENTS_MAX)
        .fetch_all(&mut **self.tx)
        .await?;
        Ok(self.take(&rows).await?.last())
    }

    /// Adds the documents in sight with ids before `before`, newest first; returns where it
    /// stopped, or `None` at the end.
    async fn everything(&mut self, before: Uuid) -> Result<Option<Uuid>> {
        let rows = sqlx::query_as(concat!(
            "SELECT d.id, ",
            size!(),
            " FROM document d \
             WHERE d.tenant = $1 AND d.id < $3 AND NOT d.erased AND $5 \
                 AND (d.kind = 'cliente' OR ",
            visible!("d", "$2", "$4"),
            ") ORDER BY d.id DESC LIMIT $6",
        ))
        .bind(self.pull.tenant.uuid())
        .bind(self.pull.user.uuid())
        .bind(before)
        .bind(self.sees_all())
        .bind(self.pessoa.pode(Permissao::Ver))
        .bind(DOCUMENTS_MAX)
        .fetch_all(&mut **self.tx)
        .await?;
        Ok(self.take(&rows).await?.last())
    }
}
