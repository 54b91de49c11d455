//! The terminal client's commands for what waits, synchronisation, space and how the device stands.

use crate::{args::DeviceCommand, failure::Failure, output::Output, photos, words};
use campo_mobile_core::{Error, Phone, SessionState};
use chrono::Utc;
use std::{sync::atomic::AtomicBool, time::Duration};

/// Runs one of them.
pub fn run(phone: &Phone, output: &Output, command: &DeviceCommand) -> Result<(), Failure> {
    match command {
        DeviceCommand::Pending => output.pending(&phone.pending()?),
        DeviceCommand::Dismiss { id } => {
            phone.dismiss(*id)?;
            output.one(&serde_json::json!({ "id": id }), "O item não será mais mostrado.");
        }
        DeviceCommand::Sync { watch: false, .. } => {
            output.synced(&phone.sync_now(&|_| {}, &AtomicBool::new(false))?);
        }
        DeviceCommand::Sync { watch: true, intervalo } => return watch(phone, output, *intervalo),
        DeviceCommand::Photo(command) => photos::run(phone, output, command)?,
        DeviceCommand::Storage => output.storage(&phone.armazenamento()?),
        DeviceCommand::Cleanup => {
            let cleanup = phone.limpar_conferidas()?;
            let bytes = words::size(cleanup.bytes);
            let text = format!("{} original(is) liberado(s), {bytes}.", cleanup.originals);
            output.one(&cleanup, &text);
        }
        DeviceCommand::UninstallCheck => {
            let check = phone.safe_to_uninstall()?;
            output.one(&check, &check.sentence);
        }
        DeviceCommand::Status => output.status(&phone.status()?),
    }
    Ok(())
}

/// Until it is interrupted, or the session ends.
fn watch(phone: &Phone, output: &Output, seconds: u64) -> Result<(), Failure> {
    loop {
        match phone.sync_if_due(Utc::now(), &|_| {}, &AtomicBool::new(false)) {
            Ok(Some(report)) => output.synced(&report),
            Ok(None) => match phone.session_state()? {
                SessionState::Active => {}
                SessionState::Nobody => return Err(Error::NinguemEntrou.into()),
                SessionState::Expired { .. } => return Err(Error::SessaoExpirada.into()),
            },
            Err(Error::SessaoExpirada) => return Err(Error::SessaoExpirada.into()),
            Err(error) => eprintln!("{error}"),
        }
        std::thread::sleep(Duration::from_secs(seconds));
    }
}
