//! The server's key, and what it seals: the secrets of webhooks, which Campo must be able to read
//! again in order to sign, and which the database must never hold in clear.

use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::ids::TenantId;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use uuid::Uuid;

const NONCE_BYTES: usize = 24;

/// The key of this installation. Every server of one database needs the same.
#[derive(Clone)]
pub struct Chave {
    cifra: XChaCha20Poly1305,
    /// What keys for other uses are derived from.
    raiz: Hmac<Sha256>,
}

impl fmt::Debug for Chave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chave")
    }
}

impl Chave {
    /// Reads base64 of 32 bytes.
    pub fn parse(texto: &str) -> Option<Self> {
        let bytes: [u8; 32] = STANDARD.decode(texto.trim()).ok()?.try_into().ok()?;
        let raiz = Hmac::new_from_slice(&bytes).ok()?;
        Some(Chave { cifra: XChaCha20Poly1305::new(&bytes.into()), raiz })
    }

    /// That of the file `chave` in the folder, made on first use.
    ///
    /// # Errors
    /// The file cannot be made or read, or holds no key; the message names the setting.
    pub(super) fn of_folder(folder: &Path) -> Result<Self> {
        let path = folder.join("chave");
        let texto = read_or_make(&path).with_context(|| {
            format!("a chave {} não pode ser lida nem criada; veja CAMPO_CHAVE", path.display())
        })?;
        Self::parse(&texto)
            .with_context(|| format!("{} não contém uma chave; veja CAMPO_CHAVE", path.display()))
    }

    /// Another key, for one use: nothing is learnt of this one, or of that of another use, from it.
    pub fn derivada(&self, uso: &str) -> [u8; 32] {
        self.raiz.clone().chain_update(uso).finalize().into_bytes().into()
    }

    /// Encrypts; only the same owner can read it back.
    ///
    /// # Errors
    /// The cipher refuses (the text is too long).
    pub fn seal(&self, tenant: TenantId, dono: Uuid, texto: &str) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: texto.as_bytes(), aad: &owner(tenant, dono) };
        let sealed = self.cifra.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| anyhow!("the secret cannot be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Reads what [`Chave::seal`] wrote.
    ///
    /// # Errors
    /// Another key sealed it, or for another owner.
    pub fn reveal(&self, tenant: TenantId, dono: Uuid, sealed: &[u8]) -> Result<String> {
        let other = || anyhow!("o segredo foi cifrado com outra chave; veja CAMPO_CHAVE");
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(other)?;
        let payload = Payload { msg: sealed, aad: &owner(tenant, dono) };
        let texto = self.cifra.decrypt(&(*nonce).into(), payload).map_err(|_| other())?;
        String::from_utf8(texto).map_err(|_| other())
    }
}

fn owner(tenant: TenantId, dono: Uuid) -> [u8; 32] {
    let mut owner = [0; 32];
    owner[..16].copy_from_slice(tenant.bytes());
    owner[16..].copy_from_slice(dono.as_bytes());
    owner
}

fn read_or_make(path: &Path) -> std::io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read,
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Written aside and linked: another process sees the whole key or none, and the first one wins.
    let draft = path.with_extension(Uuid::now_v7().simple().to_string());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(STANDARD.encode(rand::random::<[u8; 32]>()).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => fs::read_to_string(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_sealed_secret_is_read_back_by_its_owner_alone() {
        let chave = Chave::parse(&STANDARD.encode([7; 32])).unwrap();
        let (tenant, dono) = (TenantId::from_u128(1), Uuid::from_u128(2));
        let sealed = chave.seal(tenant, dono, "whsec_abc").unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"whsec"));
        assert_eq!(chave.reveal(tenant, dono, &sealed).unwrap(), "whsec_abc");
        assert_ne!(chave.seal(tenant, dono, "whsec_abc").unwrap(), sealed);
        assert!(chave.reveal(TenantId::from_u128(3), dono, &sealed).is_err());
        assert!(chave.reveal(tenant, Uuid::from_u128(4), &sealed).is_err());
        let other = Chave::parse(&STANDARD.encode([8; 32])).unwrap();
        let error = other.reveal(tenant, dono, &sealed).unwrap_err().to_string();
        assert!(error.contains("CAMPO_CHAVE"), "{error}");
        assert!(chave.reveal(tenant, dono, &[]).is_err());
    }

    #[test]
    fn without_the_setting_the_key_is_made_once_and_for_its_owner_only() {
        let folder = std::env::temp_dir().join(format!("campo-chave-{}", Uuid::now_v7()));
        let dir = folder.to_str().unwrap();
        let settings =
            Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.to_owned())).unwrap();
        let (tenant, dono) = (TenantId::from_u128(1), Uuid::from_u128(2));
        let sealed = settings.chave().unwrap().seal(tenant, dono, "segredo").unwrap();
        let again = settings.chave().unwrap();
        assert_eq!(again.reveal(tenant, dono, &sealed).unwrap(), "segredo");
        let mode = fs::metadata(folder.join("chave")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::write(folder.join("chave"), "curta").unwrap();
        let error = format!("{:#}", settings.chave().unwrap_err());
        assert!(error.contains("CAMPO_CHAVE"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
