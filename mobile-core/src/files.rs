//! Files beside the database: `<database>.fotos/<account>/{originais,previas,miniaturas}/<sha256>`.
//! Names are hashes of the content, so writing the same file twice is harmless. A file gets its
//! name only when it is complete and on the disk; its row is written after that, and deleted before
//! it.
//!
//! There are three locks: for naming, removing and sweeping files, for sending, and for renewing
//! the session. They are also locks of the file system, so that they hold between processes and end
//! with them. Where a file system has no locks, it is assumed that no other process uses the files.

use crate::store::{arquivos, database::Database, error::Stored};
use campo_domain::parte::Variante;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{self, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

const DRAFT: &str = "tmp";
const PARTIAL: &str = "parte";
const BUFFER: usize = 64 * 1024;
/// From when on a file that cannot be locked counts as left behind.
const IDLE_MIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Among the threads of this process: a database may be open in it more than once.
static NAMING: Mutex<()> = Mutex::new(());

/// The folder of a database's files.
pub struct Files {
    root: PathBuf,
    sending: Mutex<()>,
    renewing: Mutex<()>,
}

/// A file without a name yet. Gone if it is dropped so.
pub struct Draft {
    path: PathBuf,
    named: bool,
    /// Locked as long as it is being written.
    file: File,
    /// SHA-256 of what was written, in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// A lock, among threads and among processes, that ends when it is dropped.
pub struct Lock<'a> {
    _threads: MutexGuard<'a, ()>,
    _processes: File,
}

/// The lock for renewing the session.
pub struct Renewal<'a> {
    _threads: MutexGuard<'a, ()>,
    _processes: Option<File>,
}

impl Files {
    /// The files of that database.
    pub fn new(database: &Path) -> Self {
        let mut root = database.as_os_str().to_owned();
        root.push(".fotos");
        Files { root: root.into(), sending: Mutex::default(), renewing: Mutex::default() }
    }

    /// Whether there ever was one.
    pub fn exist(&self) -> bool {
        self.root.is_dir()
    }

    /// Where the file with these bytes is, or would be.
    pub fn path(&self, account: i64, variant: Variante, sha256: &str) -> PathBuf {
        let extension = if variant == Variante::Original { "" } else { ".jpg" };
        self.folder(account, variant).join(format!("{sha256}{extension}"))
    }

    /// What has come so far of an original that is being fetched.
    pub fn partial(&self, account: i64, sha256: &str) -> io::Result<PathBuf> {
        let folder = self.made(account, Variante::Original)?;
        Ok(folder.join(format!("{sha256}.{PARTIAL}")))
    }

    /// The lock for naming and removing files.
    pub fn lock(&self) -> io::Result<Lock<'_>> {
        let threads = NAMING.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.lock_file("nomes")?;
        wait(&file)?;
        Ok(Lock { _threads: threads, _processes: file })
    }

    /// The lock for sending; `None` while another call or process holds it.
    pub fn sender(&self) -> io::Result<Option<Lock<'_>>> {
        let threads = match self.sending.try_lock() {
            Ok(threads) => threads,
            Err(sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(sync::TryLockError::WouldBlock) => return Ok(None),
        };
        let file = self.lock_file("envio")?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) if !unsupported(&error) => return Err(error),
            _ => {}
        }
        Ok(Some(Lock { _threads: threads, _processes: file }))
    }

    /// The lock for renewing the session. Without room for its file it holds among threads alone.
    pub fn renewal(&self) -> Renewal<'_> {
        let threads = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.lock_file("sessao").and_then(|file| wait(&file).map(|()| file));
        Renewal { _threads: threads, _processes: file.ok() }
    }

    fn lock_file(&self, name: &str) -> io::Result<File> {
        fs::create_dir_all(&self.root)?;
        let path = self.root.join(format!("{name}.trava"));
        OpenOptions::new().create(true).truncate(false).write(true).open(path)
    }

    /// Writes all that `from` gives, and makes it last. It has no name yet.
    pub fn draft(&self, account: i64, variant: Variante, from: impl Read) -> io::Result<Draft> {
        let path = self.made(account, variant)?.join(format!("{}.{DRAFT}", Uuid::now_v7()));
        let file = OpenOptions::new().create_new(true).write(true).open(&path)?;
        let mut draft = Draft { path, named: false, file, sha256: String::new(), size: 0 };
        wait(&draft.file)?;
        let (mut from, mut hasher, mut buffer) = (from, Sha256::new(), vec![0; BUFFER]);
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            draft.file.write_all(&buffer[..n])?;
            hasher.update(&buffer[..n]);
            draft.size += n as u64;
        }
        draft.file.sync_all()?;
        draft.sha256 = hex::encode(hasher.finalize());
        Ok(draft)
    }

    /// Gives a draft its name, in place of whatever had it: that was the same, or damaged. Under
    /// [`Files::lock`], which is held until a row names it too.
    pub fn name(&self, account: i64, variant: Variante, draft: &mut Draft) -> io::Result<()> {
        let path = self.path(account, variant, &draft.sha256);
        fs::rename(&draft.path, path)?;
        draft.named = true;
        sync_folder(&self.folder(account, variant))
    }

    /// Gives what was fetched its name; as [`Files::name`].
    pub fn name_partial(&self, account: i64, partial: &Path, sha256: &str) -> io::Result<()> {
        fs::rename(partial, self.path(account, Variante::Original, sha256))?;
        sync_folder(&self.folder(account, Variante::Original))
    }

    /// Takes a file away, if it is there. Under [`Files::lock`].
    pub fn remove(&self, account: i64, variant: Variante, sha256: &str) -> io::Result<()> {
        match fs::remove_file(self.path(account, variant, sha256)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes away files that are needed no more. First those that were lost and are back are taken
    /// in again.
    pub fn sweep(&self, database: &Database) -> Stored<()> {
        if !self.exist() {
            return Ok(());
        }
        let _naming = self.lock()?;
        let (mut back, gone) = database
            .read(|conn| Stored::Ok((arquivos::lost(conn)?, arquivos::to_remove(conn)?)))?;
        back.retain(|(account, variant, sha256)| {
            let path = self.path(*account, *variant, sha256);
            hash(&path).is_ok_and(|(found, _)| found == *sha256)
        });
        if !back.is_empty() || !gone.is_empty() {
            database.write(|tx| {
                for (account, variant, sha256) in &back {
                    arquivos::found(tx, *account, *variant, sha256)?;
                }
                for (account, sha256) in &gone {
                    let named = arquivos::named(tx, *account, Variante::Original, true)?;
                    if !named.contains(sha256) {
                        self.remove(*account, Variante::Original, sha256)?;
                    }
                    arquivos::removed(tx, *account, sha256)?;
                }
                Stored::Ok(())
            })?;
        }
        database.read(|conn| self.remove_unnamed(conn))
    }

    /// Takes away what no row names: what a crash left behind, and what is needed no more. Drafts
    /// and partial files that somebody is writing stay. So do originals: rows that are older than
    /// the files, or new, name none of them, and they may be the only ones.
    fn remove_unnamed(&self, conn: &Connection) -> Stored<()> {
        for entry in fs::read_dir(&self.root)?.flatten() {
            let account = entry.file_name().to_str().and_then(|name| name.parse::<i64>().ok());
            let Some(account) = account else { continue };
            for variant in Variante::TODAS {
                let here = arquivos::named(conn, account, variant, true)?;
                let coming = arquivos::named(conn, account, variant, false)?;
                let Ok(files) = fs::read_dir(self.folder(account, variant)) else { continue };
                for file in files.flatten() {
                    let name = file.file_name();
                    let Some(name) = name.to_str() else { continue };
                    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
                    let sweeps = match extension {
                        DRAFT => idle(&file.path()),
                        PARTIAL => !coming.contains(stem) && idle(&file.path()),
                        _ if variant == Variante::Original => false,
                        _ => stem.len() == 64 && !here.contains(stem),
                    };
                    if sweeps {
                        fs::remove_file(file.path())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn folder(&self, account: i64, variant: Variante) -> PathBuf {
        self.root.join(account.to_string()).join(match variant {
            Variante::Original => "originais",
            Variante::Previa => "previas",
            Variante::Miniatura => "miniaturas",
        })
    }

    /// The folder, which lasts once anything in it does.
    fn made(&self, account: i64, variant: Variante) -> io::Result<PathBuf> {
        let folder = self.folder(account, variant);
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            for above in folder.ancestors().skip(1).take(3) {
                sync_folder(above)?;
            }
        }
        Ok(folder)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.named {
            // What stays is swept at the next opening.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// SHA-256 of a file, in hexadecimal, and how many bytes it has.
pub fn hash(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let (mut buffer, mut size) = (vec![0; BUFFER], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hex::encode(hasher.finalize()), size)),
            n => {
                hasher.update(&buffer[..n]);
                size += n as u64;
            }
        }
    }
}

/// Locks a file, where files can be locked.
pub fn wait(file: &File) -> io::Result<()> {
    file.lock().or_else(|error| if unsupported(&error) { Ok(()) } else { Err(error) })
}

fn unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// Whether nobody writes to the file.
fn idle(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(fs::TryLockError::WouldBlock) => false,
        // Nobody writes for so long without a byte.
        Err(fs::TryLockError::Error(_)) => {
            let age = file.metadata().and_then(|data| data.modified()).map(|at| at.elapsed());
            age.is_ok_and(|age| age.is_ok_and(|age| age > IDLE_MIN))
        }
    }
}

/// Makes the names in a folder last. The database's own folder may be the empty path: here.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_one_after_the_other_in_a_process_whatever_files_can_be_locked() {
        let dir = tempfile::tempdir().unwrap();
        // The locks of the file system are two: only the process is the same.
        let here = Files::new(&dir.path().join("a.db"));
        let there = Files::new(&dir.path().join("b.db"));
        let held = here.lock().unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| drop(there.lock().unwrap()));
            std::thread::sleep(Duration::from_millis(100));
            assert!(!other.is_finished());
            drop(held);
        });
    }
}
