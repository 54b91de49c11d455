//! Passwords: argon2id, on threads that may block, at most four at a time to bound the memory.

use crate::error::{ApiError, ApiResult};
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash};
use rand::seq::IndexedRandom;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Fewest characters of a password.
const PASSWORD_CHARS_MIN: usize = 8;
/// Most bytes of a password.
const PASSWORD_BYTES_MAX: usize = 512;

/// Each hash takes 19 MiB while it runs.
static SLOTS: Semaphore = Semaphore::const_new(4);

/// Verified where no login matches, so that the answer takes as long as for a wrong password.
static DUMMY: LazyLock<String> =
    LazyLock::new(|| hash_blocking("uma senha que ninguém tem").unwrap_or_default());

/// The PHC string of a password.
///
/// # Errors
/// 400 `senha_fraca` when it is too short or too long.
pub async fn hash(password: &str) -> ApiResult<String> {
    if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
        let message = "A senha precisa ter entre 8 e 512 caracteres.";
        return Err(ApiError::new(axum::http::StatusCode::BAD_REQUEST, "senha_fraca", message));
    }
    let password = password.to_owned();
    run(move || hash_blocking(&password).map_err(|e| ApiError::interno(anyhow::anyhow!(e)))).await?
}

/// Whether the password is the one of `hash`; false, after the same work, when there is no hash.
///
/// # Errors
/// Internal ones only: the stored hash cannot be read.
pub async fn verify(password: &str, hash: Option<String>) -> ApiResult<bool> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(false);
    }
    let password = password.to_owned();
    run(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DUMMY.clone());
        match Argon2::default().verify_password(password.as_bytes(), hash.as_str()) {
            Ok(()) => Ok(known),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(ApiError::interno(anyhow::anyhow!(error))),
        }
    })
    .await?
}

/// A random password for a person to copy: 16 characters (80 bits) without look-alikes.
pub(crate) fn generate() -> String {
    const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    let mut pick = || ALPHABET.choose(&mut rng).map_or('x', |&b| char::from(b));
    let group = |pick: &mut dyn FnMut() -> char| (0..4).map(|_| pick()).collect::<String>();
    (0..4).map(|_| group(&mut pick)).collect::<Vec<_>>().join("-")
}

fn hash_blocking(password: &str) -> Result<String, password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
    let _slot = SLOTS.acquire().await.map_err(ApiError::interno)?;
    tokio::task::spawn_blocking(work).await.map_err(ApiError::interno)
}
