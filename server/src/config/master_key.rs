//! The server's key (`CAMPO_CHAVE`). It encrypts the secrets of webhooks, which the server needs in
//! clear to sign and which the database must not hold in clear.

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

/// The key of this installation. All servers of one database must have the same.
#[derive(Clone)]
pub struct MasterKey {
    cipher: XChaCha20Poly1305,
    /// From which keys for other purposes are derived.
    root: Hmac<Sha256>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Reads base64 of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
        let root = Hmac::new_from_slice(&bytes).ok()?;
        Some(MasterKey { cipher: XChaCha20Poly1305::new(&bytes.into()), root })
    }

    /// The key in the file `chave` of the folder; it is made on first use.
    ///
    /// # Errors
    /// The file cannot be made or read, or holds no key; the message names the setting.
    pub(super) fn of_folder(folder: &Path) -> Result<Self> {
        let path = folder.join("chave");
        let text = read_or_make(&path).with_context(|| {
            format!("a chave {} não pode ser lida nem criada; veja CAMPO_CHAVE", path.display())
        })?;
        Self::parse(&text)
            .with_context(|| format!("{} não contém uma chave; veja CAMPO_CHAVE", path.display()))
    }

    /// Derives a key for one purpose. Neither this key nor those for other purposes can be computed
    /// from it.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.root.clone().chain_update(purpose).finalize().into_bytes().into()
    }

    /// Encrypts a text for the row with that id; it can be decrypted only for the same row.
    ///
    /// # Errors
    /// The cipher refuses (the text is too long).
    pub(crate) fn seal(&self, tenant: TenantId, holder: Uuid, text: &str) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: text.as_bytes(), aad: &owner(tenant, holder) };
        let sealed = self.cipher.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| anyhow!("the secret cannot be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts what [`MasterKey::seal`] encrypted.
    ///
    /// # Errors
    /// It was encrypted with another key or for another row.
    pub(crate) fn reveal(&self, tenant: TenantId, holder: Uuid, sealed: &[u8]) -> Result<String> {
        let other = || anyhow!("o segredo foi cifrado com outra chave; veja CAMPO_CHAVE");
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(other)?;
        let payload = Payload { msg: sealed, aad: &owner(tenant, holder) };
        let text = self.cipher.decrypt(&(*nonce).into(), payload).map_err(|_| other())?;
        String::from_utf8(text).map_err(|_| other())
    }
}

fn owner(tenant: TenantId, holder: Uuid) -> [u8; 32] {
    let mut owner = [0; 32];
    owner[..16].copy_from_slice(tenant.bytes());
    owner[16..].copy_from_slice(holder.as_bytes());
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
    // Written to another file and hard-linked, so that of several processes the first one wins and
    // none sees half a key.
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
        let key = MasterKey::parse(&STANDARD.encode([7; 32])).unwrap();
        let (tenant, holder) = (TenantId::from_u128(1), Uuid::from_u128(2));
        let sealed = key.seal(tenant, holder, "whsec_abc").unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"whsec"));
        assert_eq!(key.reveal(tenant, holder, &sealed).unwrap(), "whsec_abc");
        assert_ne!(key.seal(tenant, holder, "whsec_abc").unwrap(), sealed);
        assert!(key.reveal(TenantId::from_u128(3), holder, &sealed).is_err());
        assert!(key.reveal(tenant, Uuid::from_u128(4), &sealed).is_err());
        let other = MasterKey::parse(&STANDARD.encode([8; 32])).unwrap();
        let error = other.reveal(tenant, holder, &sealed).unwrap_err().to_string();
        assert!(error.contains("CAMPO_CHAVE"), "{error}");
        assert!(key.reveal(tenant, holder, &[]).is_err());
    }

    #[test]
    fn without_the_setting_the_key_is_made_once_and_for_its_owner_only() {
        let folder = std::env::temp_dir().join(format!("campo-chave-{}", Uuid::now_v7()));
        let dir = folder.to_str().unwrap();
        let settings =
            Config::parse(|name| (name == "CAMPO_DATA_DIR").then(|| dir.to_owned())).unwrap();
        let (tenant, holder) = (TenantId::from_u128(1), Uuid::from_u128(2));
        let sealed = settings.master_key().unwrap().seal(tenant, holder, "segredo").unwrap();
        let again = settings.master_key().unwrap();
        assert_eq!(again.reveal(tenant, holder, &sealed).unwrap(), "segredo");
        let mode = fs::metadata(folder.join("chave")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::write(folder.join("chave"), "curta").unwrap();
        let error = format!("{:#}", settings.master_key().unwrap_err());
        assert!(error.contains("CAMPO_CHAVE"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
