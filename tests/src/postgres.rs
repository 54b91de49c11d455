//! The real ledger under the simulator: the server's own functions on a real PostgreSQL, driven by
//! the same seeds. Each run founds a company of its own in one database.

use crate::ledger::{Email, HeldBranch, Ledger, Row, Ticket, Told, Wait, What};
use anyhow::{Context, bail};
use campo_domain::{
    command::Command,
    ids::{DocumentId, HeldId, TenantId, UserId},
    pessoa::Pessoa,
    refusal::Refusal,
    tipo::Tipo,
};
use campo_server::{
    api::sync,
    commit::{self, Answer, Work},
    ledger,
    projection::PARTS,
    rebuild, reference,
    testing::{self, TestDb},
};
use campo_sync::{
    exchange::ActionWrite,
    wire::{Hash, SyncRequest, SyncResponse},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow};
use std::collections::BTreeMap;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// The tables of the projection, but for [`PARTS`].
const PROJECTION: [&str; 5] =
    ["assistencias", "ocorrencias", "agendas", "clientes", "acompanhamentos"];

/// A server on PostgreSQL.
pub struct PostgresLedger {
    runtime: Runtime,
    test: TestDb,
    tenant: TenantId,
    companies: u32,
    tickets: BTreeMap<Ticket, (UserId, SyncRequest)>,
    next_ticket: u64,
}

impl PostgresLedger {
    /// Starts PostgreSQL.
    ///
    /// # Errors
    /// It does not start.
    pub fn new() -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let test = runtime.block_on(testing::database())?;
        Ok(PostgresLedger {
            runtime,
            test,
            tenant: Uuid::nil().into(),
            companies: 0,
            tickets: BTreeMap::new(),
            next_ticket: 0,
        })
    }

    fn work(&self, at: DateTime<Utc>, work: Work) -> anyhow::Result<Answer> {
        let done = commit::run(&self.test.db, self.tenant, vec![work], at);
        self.runtime.block_on(done)?.pop().context("no answer")
    }

    fn office_work(&self, at: DateTime<Utc>, work: Work) -> anyhow::Result<Result<(), Refusal>> {
        match self.work(at, work)? {
            Answer::Office(done) => Ok(done),
            other => bail!("{other:?} for an office command"),
        }
    }

    /// Rows of a query over this company's part of the database.
    fn select(&self, query: &str) -> anyhow::Result<Vec<PgRow>> {
        self.runtime.block_on(async {
            let mut tx = self.test.db.tenant(self.tenant).await?;
            Ok(sqlx::query(AssertSqlSafe(query.to_owned())).fetch_all(&mut *tx).await?)
        })
    }

    fn projection(&self) -> anyhow::Result<Vec<String>> {
        let mut rows = Vec::new();
        for table in PROJECTION.into_iter().chain(PARTS) {
            let query = format!("SELECT '{table} ' || to_jsonb(t)::text FROM {table} t ORDER BY 1");
            for row in self.select(&query)? {
                rows.push(row.try_get(0)?);
            }
        }
        Ok(rows)
    }
}

impl Ledger for PostgresLedger {
    fn found(
        &mut self,
        _at: DateTime<Utc>,
        people: &[Pessoa],
        presets: &[&str],
        newer: &[Tipo],
    ) -> anyhow::Result<()> {
        self.companies += 1;
        self.tickets.clear();
        self.tenant = Uuid::from_u128(u128::from(self.companies)).into();
        let (tenant, slug) = (self.tenant, format!("s{}", self.companies));
        self.runtime.block_on(async {
            let mut tx = self.test.db.tenant(tenant).await?;
            // UTC, as the memory ledger reckons years and days.
            sqlx::query("INSERT INTO tenant (id, nome, slug, fuso) VALUES ($1, $2, $2, 'UTC')")
                .bind(tenant.uuid())
                .bind(slug)
                .execute(self.test.db.owner())
                .await?;
            for preset in presets {
                reference::load_preset(&mut tx, tenant, preset).await?;
            }
            let entry = |tipo| Ok((reference::tipo_key(tipo), true, serde_json::to_value(tipo)?));
            let newer = newer.iter().map(entry).collect::<anyhow::Result<_>>()?;
            reference::put(&mut tx, tenant, "tipo", newer).await?;
            for pessoa in people {
                let codigos: Vec<&str> = pessoa.permissoes.iter().map(|p| p.codigo()).collect();
                sqlx::query(
                    "INSERT INTO usuario (tenant, id, login, nome, senha_hash, permissoes, \
                         grupos, cliente) VALUES ($1, $2, $3, $4, '-', $5, $6, $7)",
                )
                .bind(tenant.uuid())
                .bind(pessoa.id.uuid())
                .bind(pessoa.id.to_string())
                .bind(&pessoa.nome)
                .bind(codigos)
                .bind(pessoa.grupos.iter().cloned().collect::<Vec<_>>())
                .bind(pessoa.cliente.map(|id| id.uuid()))
                .execute(&mut *tx)
                .await?;
                reference::user_changed(&mut tx, tenant, pessoa.id).await?;
            }
            Ok(tx.commit().await?)
        })
    }

    fn begin(
        &mut self,
        _at: DateTime<Utc>,
        usuario: UserId,
        request: SyncRequest,
    ) -> anyhow::Result<Ticket> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, (usuario, request));
        Ok(ticket)
    }

    fn finish(&mut self, at: DateTime<Utc>, ticket: Ticket) -> anyhow::Result<SyncResponse> {
        let begun = self.tickets.remove(&ticket);
        let (user, mut request) = begun.with_context(|| format!("{ticket:?} was not begun"))?;
        let pushes = std::mem::take(&mut request.push);
        let device = request.device;
        let mut verdicts = Vec::new();
        if !pushes.is_empty() {
            match self.work(at, Work::Push { user, device, pushes })? {
                Answer::Verdicts(answered) => verdicts = answered,
                other => bail!("{other:?} for a push"),
            }
        }
        let answer = sync::answer(&self.test.db, self.tenant, user, &request, verdicts, at);
        self.runtime.block_on(answer)
    }

    fn office(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        document: DocumentId,
        commands: &[Command],
    ) -> anyhow::Result<Result<(), Refusal>> {
        let commands = commands.iter().map(|command| (document, command.clone())).collect();
        self.office_work(at, Work::Office { user: usuario, commands, only_if: None })
    }

    fn decide(
        &mut self,
        at: DateTime<Utc>,
        usuario: UserId,
        held: HeldId,
        approve: bool,
    ) -> anyhow::Result<Result<(), Refusal>> {
        self.office_work(at, Work::Decide { user: usuario, held, approve, note: None, seen: None })
    }

    fn publish(
        &mut self,
        _at: DateTime<Utc>,
        collection: &str,
        key: &str,
        offered: bool,
        data: &Value,
    ) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let mut tx = self.test.db.tenant(self.tenant).await?;
            let entry = vec![(key.to_owned(), offered, data.clone())];
            reference::put(&mut tx, self.tenant, collection, entry).await?;
            Ok(tx.commit().await?)
        })
    }

    fn change(&mut self, _at: DateTime<Utc>, pessoa: &Pessoa) -> anyhow::Result<()> {
        let tenant = self.tenant;
        self.runtime.block_on(async {
            let mut tx = self.test.db.tenant(tenant).await?;
            let codigos: Vec<&str> = pessoa.permissoes.iter().map(|p| p.codigo()).collect();
            sqlx::query(
                "UPDATE usuario SET permissoes = $3, grupos = $4, ativo = $5 \
                 WHERE tenant = $1 AND id = $2",
            )
            .bind(tenant.uuid())
            .bind(pessoa.id.uuid())
            .bind(codigos)
            .bind(pessoa.grupos.iter().cloned().collect::<Vec<_>>())
            .bind(pessoa.ativo)
            .execute(&mut *tx)
            .await?;
            reference::user_changed(&mut tx, tenant, pessoa.id).await?;
            Ok(tx.commit().await?)
        })
    }

    fn waited(&mut self, at: DateTime<Utc>) -> anyhow::Result<Vec<Wait>> {
        // As `timers` looks: one query over all companies.
        let rows = sqlx::query("SELECT * FROM registros_inativos($1, $2, $3, 10000)")
            .bind(at)
            .bind(DateTime::UNIX_EPOCH)
            .bind(Uuid::nil())
            .fetch_all(self.test.db.pool());
        let mut waits = Vec::new();
        for row in self.runtime.block_on(rows)? {
            if row.try_get::<Uuid, _>("tenant")? == self.tenant.uuid() {
                let document = row.try_get::<Uuid, _>("document")?.into();
                waits.push(Wait { document, heads: ledger::heads(row.try_get("heads")?) });
            }
        }
        waits.sort_by_key(|wait| wait.document);
        Ok(waits)
    }

    fn end_wait(&mut self, at: DateTime<Utc>, wait: &Wait) -> anyhow::Result<bool> {
        let (document, heads) = (wait.document, wait.heads.clone());
        match self.work(at, Work::Inactive { document, heads })? {
            Answer::Ended(ended) => Ok(ended),
            other => bail!("{other:?} for the end of a wait"),
        }
    }

    fn arquivo(&mut self, at: DateTime<Utc>, told: Told) -> anyhow::Result<bool> {
        let Told { document, anexo, situacao, motivo } = told;
        match self
            .work(at, Work::File { document, attachment: anexo, state: situacao, reason: motivo })?
        {
            Answer::File(known) => Ok(known),
            other => bail!("{other:?} for a file"),
        }
    }

    fn emails(&mut self) -> anyhow::Result<Vec<Email>> {
        let rows = self.select("SELECT documento, modelo, usuario FROM email_saida")?;
        rows.iter()
            .map(|row| {
                Ok(Email {
                    document: row.try_get::<Uuid, _>("documento")?.into(),
                    modelo: row.try_get("modelo")?,
                    usuario: row.try_get::<Option<Uuid>, _>("usuario")?.map(UserId::from),
                })
            })
            .collect()
    }

    fn acoes(&mut self) -> anyhow::Result<Vec<ActionWrite>> {
        let query = "SELECT documento, acao, corpo::jsonb #>> '{data,codigo}' AS codigo \
                     FROM webhook_entrega";
        let rows = self.select(query)?;
        rows.iter()
            .map(|row| {
                Ok(ActionWrite {
                    document: row.try_get::<Uuid, _>("documento")?.into(),
                    action: row.try_get::<Uuid, _>("acao")?.into(),
                    code: row.try_get("codigo")?,
                })
            })
            .collect()
    }

    fn rows(&mut self, known: usize) -> anyhow::Result<Vec<Row>> {
        let rows = self.select(&format!("SELECT * FROM change_log ORDER BY seq OFFSET {known}"))?;
        rows.iter().map(row).collect()
    }

    fn held(&mut self) -> anyhow::Result<Vec<HeldBranch>> {
        let mut branches = BTreeMap::new();
        for row in self.select("SELECT id, document, author, status FROM held")? {
            let id: HeldId = row.try_get::<Uuid, _>("id")?.into();
            let branch = HeldBranch {
                id,
                document: row.try_get::<Uuid, _>("document")?.into(),
                author: row.try_get::<Uuid, _>("author")?.into(),
                decided: match row.try_get("status")? {
                    "aguardando" => None,
                    status => Some(status == "aprovado"),
                },
                changes: Vec::new(),
            };
            branches.insert(id, branch);
        }
        for row in self.select("SELECT held, hash, bytes FROM held_change ORDER BY held, ordem")? {
            let id: HeldId = row.try_get::<Uuid, _>("held")?.into();
            let branch = branches.get_mut(&id).context("a held change without its branch")?;
            branch.changes.push((hash(&row)?, row.try_get("bytes")?));
        }
        Ok(branches.into_values().collect())
    }

    fn documents(&mut self) -> anyhow::Result<Vec<(DocumentId, Vec<u8>)>> {
        let rows = self.select("SELECT id FROM document ORDER BY id")?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
        self.runtime.block_on(async {
            let mut tx = self.test.db.snapshot(self.tenant).await?;
            let stored = ledger::chunks(&mut tx, self.tenant, &ids).await?;
            Ok(stored.into_iter().map(|(id, (_, chunks))| (id, chunks)).collect())
        })
    }

    fn projection_differs(&mut self) -> anyhow::Result<Vec<String>> {
        let before = self.projection()?;
        self.runtime.block_on(rebuild::run(&self.test.db, Some(self.tenant)))?;
        let after = self.projection()?;
        let lost = before.iter().filter(|row| !after.contains(row)).map(|row| format!("- {row}"));
        let new = after.iter().filter(|row| !before.contains(row)).map(|row| format!("+ {row}"));
        Ok(lost.chain(new).collect())
    }
}

fn hash(row: &PgRow) -> anyhow::Result<Hash> {
    let bytes: &[u8] = row.try_get("hash")?;
    Ok(<[u8; 32]>::try_from(bytes)?.into())
}

fn row(row: &PgRow) -> anyhow::Result<Row> {
    let kind: &str = row.try_get("kind")?;
    let document: Option<Uuid> = row.try_get("document")?;
    let usuario: Option<UserId> = row.try_get::<Option<Uuid>, _>("addressee")?.map(UserId::from);
    let addressee = || usuario.context("a row of the log without its addressee");
    let what = match (kind, document) {
        ("change", Some(document)) => What::Change {
            document: document.into(),
            generation: row.try_get::<i32, _>("generation")?.unsigned_abs(),
            hash: hash(row)?,
            bytes: row.try_get("bytes")?,
        },
        ("granted", Some(raiz)) => What::Granted { usuario: addressee()?, raiz: raiz.into() },
        ("granted", None) => What::Reset { usuario: addressee()? },
        ("revoked", Some(raiz)) => What::Revoked { usuario: addressee()?, raiz: raiz.into() },
        ("reference", _) => What::Reference {
            usuario,
            collection: row.try_get("collection")?,
            key: row.try_get("key")?,
        },
        ("held", _) => {
            let held = row.try_get::<&str, _>("key")?.parse()?;
            What::HeldDecided { usuario: addressee()?, held }
        }
        (other, _) => bail!("an unknown kind of row in the log: {other}"),
    };
    Ok(Row { seq: row.try_get::<i64, _>("seq")?.unsigned_abs(), what })
}
