//! Files of records: how their bytes come in, are proven, and go out. What is known of each file is
//! in its document; the bytes are in the object store, once for each company and content.

pub mod assinatura;
pub mod baixar;
mod declarado;
pub mod derivadas;
pub mod envio;
mod estado;
pub mod limpeza;
pub(crate) mod qual;
pub mod varredura;
pub mod verificacao;

use crate::app::App;
use anyhow::{Context, Result};

/// Looks at a picture, off the threads that serve connections and one at a time: one may take half
/// a gigabyte.
async fn olhar<T: Send + 'static>(
    app: &App,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let turn = app.decodificacoes.clone().acquire_owned().await?;
    let looking = tokio::task::spawn_blocking(move || {
        // Kept until it is done, even if nobody waits for it any more.
        let _turn = turn;
        look()
    });
    looking.await.context("looking at an image broke off")
}

#[cfg(test)]
mod tests;
