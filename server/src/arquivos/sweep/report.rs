//! What a sweep found, and its pt-BR text for the terminal.

use campo_domain::parte::Variante;
use object_store::path::Path;
use std::fmt;
use uuid::Uuid;

/// Most objects, and most rows, that are printed for a company.
const LINES_MAX: usize = 50;

/// What a sweep found.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// Whether the orphans were to be deleted.
    pub delete: bool,
    /// One report for each company, by slug.
    pub companies: Vec<CompanyReport>,
}

/// What was found of a company.
#[derive(Clone, Debug, Default)]
pub struct CompanyReport {
    /// The company.
    pub slug: String,
    /// How many objects it has.
    pub objects: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// Objects without a row, by key.
    pub orphans: Vec<Orphan>,
    /// Rows without an object.
    pub missing: Vec<Missing>,
}

/// An object without a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Its key.
    pub object: Path,
    /// Its size.
    pub bytes: u64,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// A row without an object, or with one of another size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A verified original.
    Original {
        /// Its SHA-256.
        sha256: String,
    },
    /// A smaller picture that the server made.
    Derivative {
        /// SHA-256 of the original.
        sha256: String,
        /// Which smaller picture.
        variant: Variante,
    },
    /// A smaller picture that a device sent.
    Sent {
        /// The record.
        document: Uuid,
        /// The file.
        attachment: Uuid,
        /// Which smaller picture.
        variant: Variante,
    },
    /// A file that its record calls verified, without a row in `arquivo`.
    Attachment {
        /// The record.
        document: Uuid,
        /// The file.
        attachment: Uuid,
        /// Its declared SHA-256.
        sha256: String,
    },
}

impl Sweep {
    /// Whether any row lacks its object.
    pub(crate) fn lacks_any(&self) -> bool {
        self.companies.iter().any(|company| !company.missing.is_empty())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Original { sha256 } => write!(f, "original {sha256}"),
            Missing::Derivative { sha256, variant } => write!(f, "{variant} de {sha256}"),
            Missing::Sent { document, attachment, variant } => {
                write!(f, "{variant} do anexo {attachment} do registro {document}")
            }
            Missing::Attachment { document, attachment, sha256 } => {
                write!(f, "anexo {attachment} do registro {document}, conferido ({sha256})")
            }
        }
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, company) in self.companies.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            company.write(f, self.delete)?;
        }
        if self.companies.is_empty() {
            f.write_str("Nenhuma empresa.")?;
        }
        Ok(())
    }
}

impl CompanyReport {
    fn write(&self, f: &mut fmt::Formatter<'_>, delete: bool) -> fmt::Result {
        let CompanyReport { slug, objects, bytes, orphans, missing } = self;
        let object = if *objects == 1 { "objeto" } else { "objetos" };
        write!(f, "{slug}: {objects} {object}, {}", readable_size(*bytes))?;
        if orphans.is_empty() && missing.is_empty() {
            return f.write_str("; tudo confere.");
        }
        if !orphans.is_empty() {
            let sum: u64 = orphans.iter().map(|orphan| orphan.bytes).sum();
            write!(f, "\n  Objetos sem registro: {} ({})", orphans.len(), readable_size(sum))?;
            let lines = orphans.iter().map(|orphan| match orphan.deleted {
                true => format!("{}, apagado", orphan.object),
                false => orphan.object.to_string(),
            });
            list(f, lines)?;
            if !delete {
                f.write_str("\n    Para apagá-los: campo admin objetos varrer --apagar")?;
            }
        }
        if !missing.is_empty() {
            write!(f, "\n  Registros sem objeto: {}", missing.len())?;
            list(f, missing.iter().map(Missing::to_string))?;
            f.write_str("\n    Recupere-os de uma cópia do armazenamento de objetos.")?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, lines: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    let more = lines.len().saturating_sub(LINES_MAX);
    for line in lines.take(LINES_MAX) {
        write!(f, "\n    {line}")?;
    }
    if more > 0 {
        write!(f, "\n    e mais {more}")?;
    }
    Ok(())
}

/// A size in decimal units with one place, pt-BR.
fn readable_size(bytes: u64) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB"];
    let (mut unit, mut whole, mut tenths) = (0, bytes, 0);
    while whole >= 1000 && unit + 1 < units.len() {
        tenths = whole % 1000 / 100;
        whole /= 1000;
        unit += 1;
    }
    match unit {
        0 => format!("{whole} bytes"),
        _ => format!("{whole},{tenths} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_there_is_and_what_to_do() {
        let orphan = Orphan { object: Path::from("t/envios/x"), bytes: 4_321_000, deleted: false };
        let missing = vec![Missing::Original { sha256: "ab".into() }];
        let orphans = vec![orphan];
        let company =
            CompanyReport { slug: "aurora".into(), objects: 3, bytes: 999, orphans, missing };
        let clean = CompanyReport { slug: "vizinha".into(), ..CompanyReport::default() };
        let sweep = Sweep { delete: false, companies: vec![company, clean] };
        let text = sweep.to_string();
        assert!(sweep.lacks_any());
        assert_eq!(
            text,
            "aurora: 3 objetos, 999 bytes\n  Objetos sem registro: 1 (4,3 MB)\n    t/envios/x\n    \
             Para apagá-los: campo admin objetos varrer --apagar\n  Registros sem objeto: 1\n    \
             original ab\n    Recupere-os de uma cópia do armazenamento de objetos.\n\
             vizinha: 0 objetos, 0 bytes; tudo confere."
        );
    }
}
