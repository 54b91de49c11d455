//! Ações corretivas (R76, R77) in the committer: the row, its number and the links of the records
//! are one transaction. So none is left without its records, and the numbers of a year have no gap.

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

/// Records of one tipo to link, all or none, to an ação corretiva in rascunho.
#[derive(Clone, Debug)]
pub struct Vinculacao {
    /// Who links them.
    pub user: UserId,
    /// Which ação corretiva.
    pub corretiva: CorretivaId,
    /// What it is opened with; `None` where it is there already.
    pub nova: Option<Nova>,
    /// Which records.
    pub registros: BTreeSet<DocumentId>,
    /// Their tipo, if there are any.
    pub tipo: Option<String>,
}

/// An ação corretiva to open. The texts are checked.
#[derive(Clone, Debug)]
pub struct Nova {
    /// The title.
    pub titulo: String,
    /// The description.
    pub descricao: Option<String>,
    /// The tipo of the records that may join.
    pub tipo: String,
}

/// One as it was when the plan was made.
#[derive(Debug)]
struct Lida {
    numero: String,
    tipo: String,
    rascunho: bool,
    vinculados: BTreeSet<DocumentId>,
}

/// One that the plan opens or adds to.
#[derive(Debug)]
struct Escrita {
    id: CorretivaId,
    user: UserId,
    numero: String,
    nova: Option<Nova>,
}

/// Those that a batch speaks of, and what is to be written of them.
#[derive(Debug, Default)]
pub(super) struct Corretivas {
    lidas: BTreeMap<CorretivaId, Lida>,
    /// The year of new numbers, and the last that was given in it.
    ano: i32,
    ultimo: i64,
    escritas: Vec<Escrita>,
}

impl Corretivas {
    /// Reads what these need.
    pub(super) async fn ler(
        tx: &mut PgTransaction<'_>,
        pedidas: &[&Vinculacao],
        ano: i32,
    ) -> Result<Self> {
        let mut all = Corretivas { ano, ..Corretivas::default() };
        let (novas, abertas): (Vec<&Vinculacao>, Vec<_>) =
            pedidas.iter().copied().partition(|pedida| pedida.nova.is_some());
        if !abertas.is_empty() {
            let rows: Vec<(Uuid, String, String, bool, Vec<Uuid>)> = sqlx::query_as(
                "SELECT c.id, c.numero, c.tipo, c.situacao = 'rascunho', \
                     ARRAY (SELECT v.document FROM corretiva_vinculo v \
                         WHERE v.tenant = c.tenant AND v.id = c.id) \
                 FROM acao_corretiva c WHERE c.id = ANY ($1)",
            )
            .bind(abertas.iter().map(|pedida| pedida.corretiva.uuid()).collect::<Vec<_>>())
            .fetch_all(&mut **tx)
            .await?;
            all.lidas.extend(rows.into_iter().map(|(id, numero, tipo, rascunho, vinculados)| {
                let vinculados = vinculados.into_iter().map(DocumentId::from).collect();
                (id.into(), Lida { numero, tipo, rascunho, vinculados })
            }));
        }
        if !novas.is_empty() {
            let ultimo: Option<i64> = sqlx::query_scalar(
                "SELECT max(substring(numero FROM '[0-9]+$')::bigint) FROM acao_corretiva \
                 WHERE numero LIKE $1",
            )
            .bind(format!("AC-{ano}/%"))
            .fetch_one(&mut **tx)
            .await?;
            all.ultimo = ultimo.unwrap_or(0);
        }
        Ok(all)
    }

    /// Links the records through the gate, under a new number where it is to be opened.
    pub(super) fn vincular(
        &mut self,
        planner: &mut Planner,
        requester: &Requester,
        pedida: &Vinculacao,
    ) -> Result<(), Refusal> {
        let id = pedida.corretiva;
        let (numero, registros) = match (&pedida.nova, self.lidas.get(&id)) {
            (Some(_), _) => {
                (format!("AC-{}/{:06}", self.ano, self.ultimo + 1), pedida.registros.clone())
            }
            (None, None) => return Err(Refusal::new(Codigo::NaoEncontrado)),
            (None, Some(lida)) => {
                let cabe = pedida.tipo.as_ref().is_none_or(|tipo| *tipo == lida.tipo);
                if !lida.rascunho || !cabe {
                    return Err(Refusal::new(Codigo::CorretivaNaoPermitida));
                }
                (lida.numero.clone(), &pedida.registros - &lida.vinculados)
            }
        };
        let vincular = Command::VincularCorretiva { corretiva: id, numero: numero.clone() };
        let comandos: Vec<_> =
            registros.iter().map(|registro| (*registro, vincular.clone())).collect();
        planner.office_all(requester, &comandos, None)?;
        match self.lidas.get_mut(&id) {
            Some(lida) => lida.vinculados.extend(registros),
            None => self.ultimo += 1,
        }
        let (user, nova) = (pedida.user, pedida.nova.clone());
        self.escritas.push(Escrita { id, user, numero, nova });
        Ok(())
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.escritas.is_empty()
    }

    /// Writes the new ones; nobody may begin to carry out the others before the commit.
    pub(super) async fn escrever(
        &self,
        tx: &mut PgTransaction<'_>,
        frame: Frame<'_>,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        ledger::lock_company(tx, frame.tenant, Share::WithOthers).await?;
        for Escrita { id, user, numero, nova } in &self.escritas {
            let Some(Nova { titulo, descricao, tipo }) = nova else {
                let rascunho: bool = sqlx::query_scalar(
                    "SELECT situacao = 'rascunho' FROM acao_corretiva WHERE id = $1 FOR SHARE",
                )
                .bind(id.uuid())
                .fetch_one(&mut **tx)
                .await?;
                if !rascunho {
                    return Err(Conflict.into());
                }
                continue;
            };
            sqlx::query(
                "INSERT INTO acao_corretiva (tenant, id, numero, titulo, descricao, tipo, \
                     criada_por, criada_em) VALUES (campo_tenant(), $1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(id.uuid())
            .bind(numero)
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
