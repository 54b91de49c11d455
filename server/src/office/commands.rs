//! Commands of people of the office and of programs: what follows from them is added, then they go
//! through the same gate as a device's.

use super::{error::OfficeError, preparo};
use crate::{
    app::App,
    commit::{Answer, Work},
};
use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DocumentId, TenantId},
    pessoa::Pessoa,
};

/// Runs a command of an office person on a record, through the same gate as a device's.
///
/// # Errors
/// [`OfficeError`].
pub async fn run(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    document: DocumentId,
    command: Command,
) -> Result<(), OfficeError> {
    run_all(app, tenant, pessoa, vec![(document, command)], None).await
}

/// As [`run`], with several commands, of several records too: all of them or none. With `se`, only
/// while that record has these heads.
///
/// # Errors
/// [`OfficeError`].
pub async fn run_all(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    mut commands: Vec<(DocumentId, Command)>,
    se: Option<(DocumentId, Vec<ChangeHash>)>,
) -> Result<(), OfficeError> {
    preparo::preparar(app, tenant, pessoa, &mut commands).await?;
    let work = Work::Office { user: pessoa.id, commands, only_if: se };
    answer(app.submit(tenant, work).await?)
}

/// What the committer says to one who asked for something to be done.
///
/// # Errors
/// [`OfficeError`].
pub(super) fn answer(answer: Answer) -> Result<(), OfficeError> {
    match answer {
        Answer::Office(done) => Ok(done?),
        Answer::Verdicts(_) | Answer::Ended(_) | Answer::File(_) => {
            Err(anyhow::anyhow!("an answer to something else").into())
        }
    }
}
