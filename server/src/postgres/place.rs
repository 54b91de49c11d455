//! Where the cluster lives and as whom it runs: PostgreSQL refuses root, and containers run as
//! root.

use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// Where the cluster goes when PostgreSQL's user cannot reach the data folder.
const FALLBACK: &str = "/var/lib/campo";

/// The user PostgreSQL runs as, where that is not our own.
#[derive(Clone, Copy, Debug)]
pub struct RunAs {
    uid: u32,
    gid: u32,
}

/// The folders of one embedded PostgreSQL.
#[derive(Clone, Debug)]
pub struct Place {
    /// What PostgreSQL itself writes (`PGDATA`).
    pub cluster: PathBuf,
    /// The password, readable by its owner only.
    pub password: PathBuf,
    /// Downloaded programs.
    pub downloads: PathBuf,
    /// What PostgreSQL says.
    pub log: PathBuf,
    /// The user to run as, when we are root.
    pub run_as: Option<RunAs>,
}

impl Place {
    /// Makes the data folder, and chooses where inside it (or beside it) the cluster goes.
    ///
    /// # Errors
    /// The folder cannot be made or written, or no user can run PostgreSQL in it.
    pub fn prepare(data_dir: &Path) -> Result<Self> {
        let here = |what| format!("{what} CAMPO_DATA_DIR={}", data_dir.display());
        fs::create_dir_all(data_dir).with_context(|| here("não foi possível criar"))?;
        let data_dir = data_dir.canonicalize().with_context(|| here("não foi possível abrir"))?;
        let run_as = if our_uid(&data_dir)? == 0 { Some(RunAs::unprivileged()?) } else { None };
        let link = data_dir.join("postgres");
        if let Some(run_as) = run_as
            && link.symlink_metadata().is_err()
            && !run_as.reaches(&data_dir)?
        {
            place_elsewhere(&data_dir, &link, run_as)?;
        }
        // Through the link where there is one: what is beside the cluster stays beside it.
        let home = match fs::read_link(&link) {
            Ok(target) => target.parent().map_or(data_dir.clone(), Path::to_owned),
            Err(_) => data_dir.clone(),
        };
        Ok(Self {
            cluster: home.join("postgres"),
            password: home.join("postgres.senha"),
            downloads: home.join("programas"),
            log: data_dir.join("postgres.log"),
            run_as,
        })
    }

    /// The major version of the cluster, if there is one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn version(&self) -> Result<Option<u32>> {
        let file = self.cluster.join("PG_VERSION");
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(Some(text.trim().parse().with_context(|| file.display().to_string())?))
    }

    /// The password of the cluster, made on first use.
    ///
    /// # Errors
    /// The file cannot be read or written, or a cluster is there without it.
    pub fn password(&self) -> Result<String> {
        if self.password.exists() {
            let text = fs::read_to_string(&self.password)
                .with_context(|| self.password.display().to_string())?;
            return Ok(text.trim().to_owned());
        }
        ensure!(
            !self.cluster.exists(),
            "falta {}: sem ele não se entra no banco que está em {}. Traga-o do backup",
            self.password.display(),
            self.cluster.display()
        );
        let password = hex::encode(rand::random::<[u8; 24]>());
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.password)?;
        file.write_all(password.as_bytes())?;
        file.sync_all()?;
        self.give(&self.password)?;
        Ok(password)
    }

    /// An empty folder that only PostgreSQL's user can read.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn fresh(&self, folder: &Path) -> Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        self.give(folder)
    }

    /// A command that runs as PostgreSQL's user, outside the folder we were started in.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some(RunAs { uid, gid }) = self.run_as {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes PostgreSQL's user the owner of `path`, when we are root.
    ///
    /// # Errors
    /// It cannot be changed.
    pub fn give(&self, path: &Path) -> Result<()> {
        if let Some(RunAs { uid, gid }) = self.run_as {
            chown(path, Some(uid), Some(gid)).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// Our user, without `unsafe`: the owner of a file that we just made.
fn our_uid(folder: &Path) -> Result<u32> {
    let probe = folder.join(format!(".campo-{}", std::process::id()));
    fs::write(&probe, b"")
        .with_context(|| format!("não é possível gravar em CAMPO_DATA_DIR={}", folder.display()))?;
    let uid = fs::metadata(&probe)?.uid();
    fs::remove_file(&probe)?;
    Ok(uid)
}

fn place_elsewhere(data_dir: &Path, link: &Path, run_as: RunAs) -> Result<()> {
    // One folder for each data folder: two of them must not share a cluster.
    let name = data_dir.to_string_lossy().trim_matches('/').replace('/', "-");
    let home = Path::new(FALLBACK).join(name);
    let made = fs::create_dir_all(&home).is_ok() && run_as.reaches(&home)?;
    if !made {
        bail!(
            "CAMPO_DATA_DIR={}: o PostgreSQL não roda como root, e o usuário que o roda não \
             consegue entrar nessa pasta. Escolha outra; exemplo: CAMPO_DATA_DIR=/srv/campo",
            data_dir.display()
        );
    }
    symlink(home.join("postgres"), link)?;
    Ok(())
}

impl RunAs {
    fn unprivileged() -> Result<Self> {
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name))
                && uid != 0
            {
                return Ok(Self { uid, gid });
            }
        }
        bail!(
            "o PostgreSQL não roda como root, e não há o usuário postgres nem o nobody. Rode o \
             Campo com outro usuário ou use DATABASE_URL"
        )
    }

    /// Whether every folder on the way lets this user through.
    fn reaches(self, folder: &Path) -> Result<bool> {
        for step in folder.ancestors() {
            let metadata = fs::metadata(step)?;
            let bit = if metadata.uid() == self.uid {
                0o100
            } else if metadata.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if metadata.mode() & bit == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn id(flag: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
