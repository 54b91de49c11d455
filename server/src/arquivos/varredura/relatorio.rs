//! What a sweep found, for a person to read.

use campo_domain::parte::Variante;
use object_store::path::Path;
use std::fmt;
use uuid::Uuid;

/// Most lines of one sort that are printed for a company.
const LINHAS_MAX: usize = 50;

/// What a sweep found.
#[derive(Clone, Debug, Default)]
pub struct Varredura {
    /// Whether objects without a record were to be deleted.
    pub apagar: bool,
    /// Company by company.
    pub empresas: Vec<DaEmpresa>,
}

/// What was found of a company.
#[derive(Clone, Debug, Default)]
pub struct DaEmpresa {
    /// Which.
    pub slug: String,
    /// Objects in all.
    pub objetos: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects without a record.
    pub orfaos: Vec<Orfao>,
    /// Records without an object.
    pub faltas: Vec<Falta>,
}

/// An object without a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orfao {
    /// Which.
    pub objeto: Path,
    /// Its length.
    pub bytes: u64,
    /// Whether it was deleted.
    pub apagado: bool,
}

/// A record without an object, or with one of another length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Falta {
    /// Verified bytes.
    Arquivo {
        /// What they hash to.
        sha256: String,
    },
    /// A picture that the server made.
    Derivado {
        /// Of which bytes.
        sha256: String,
        /// Which.
        variante: Variante,
    },
    /// A picture that a device sent.
    DoAnexo {
        /// The record.
        documento: Uuid,
        /// The file.
        anexo: Uuid,
        /// Which.
        variante: Variante,
    },
    /// A file that its record calls verified, and whose bytes nobody knows of.
    Anexo {
        /// The record.
        documento: Uuid,
        /// The file.
        anexo: Uuid,
        /// What its bytes hash to.
        sha256: String,
    },
}

impl Varredura {
    /// Whether a record lacks its object.
    pub fn falta_algo(&self) -> bool {
        self.empresas.iter().any(|empresa| !empresa.faltas.is_empty())
    }
}

impl fmt::Display for Falta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Falta::Arquivo { sha256 } => write!(f, "original {sha256}"),
            Falta::Derivado { sha256, variante } => write!(f, "{variante} de {sha256}"),
            Falta::DoAnexo { documento, anexo, variante } => {
                write!(f, "{variante} do anexo {anexo} do registro {documento}")
            }
            Falta::Anexo { documento, anexo, sha256 } => {
                write!(f, "anexo {anexo} do registro {documento}, conferido ({sha256})")
            }
        }
    }
}

impl fmt::Display for Varredura {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, empresa) in self.empresas.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            empresa.escrever(f, self.apagar)?;
        }
        if self.empresas.is_empty() {
            f.write_str("Nenhuma empresa.")?;
        }
        Ok(())
    }
}

impl DaEmpresa {
    fn escrever(&self, f: &mut fmt::Formatter<'_>, apagar: bool) -> fmt::Result {
        let DaEmpresa { slug, objetos, bytes, orfaos, faltas } = self;
        let objeto = if *objetos == 1 { "objeto" } else { "objetos" };
        write!(f, "{slug}: {objetos} {objeto}, {}", tamanho(*bytes))?;
        if orfaos.is_empty() && faltas.is_empty() {
            return f.write_str("; tudo confere.");
        }
        if !orfaos.is_empty() {
            let sum: u64 = orfaos.iter().map(|orfao| orfao.bytes).sum();
            write!(f, "\n  Objetos sem registro: {} ({})", orfaos.len(), tamanho(sum))?;
            let lines = orfaos.iter().map(|orfao| match orfao.apagado {
                true => format!("{}, apagado", orfao.objeto),
                false => orfao.objeto.to_string(),
            });
            listar(f, lines)?;
            if !apagar {
                f.write_str("\n    Para apagá-los: campo admin objetos varrer --apagar")?;
            }
        }
        if !faltas.is_empty() {
            write!(f, "\n  Registros sem objeto: {}", faltas.len())?;
            listar(f, faltas.iter().map(Falta::to_string))?;
            f.write_str("\n    Recupere-os de uma cópia do armazenamento de objetos.")?;
        }
        Ok(())
    }
}

fn listar(f: &mut fmt::Formatter<'_>, lines: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    let more = lines.len().saturating_sub(LINHAS_MAX);
    for line in lines.take(LINHAS_MAX) {
        write!(f, "\n    {line}")?;
    }
    if more > 0 {
        write!(f, "\n    e mais {more}")?;
    }
    Ok(())
}

/// A length as a person reads it.
fn tamanho(bytes: u64) -> String {
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
        let orfao = Orfao { objeto: Path::from("t/envios/x"), bytes: 4_321_000, apagado: false };
        let faltas = vec![Falta::Arquivo { sha256: "ab".into() }];
        let orfaos = vec![orfao];
        let empresa = DaEmpresa { slug: "aurora".into(), objetos: 3, bytes: 999, orfaos, faltas };
        let limpa = DaEmpresa { slug: "vizinha".into(), ..DaEmpresa::default() };
        let varredura = Varredura { apagar: false, empresas: vec![empresa, limpa] };
        let text = varredura.to_string();
        assert!(varredura.falta_algo());
        assert_eq!(
            text,
            "aurora: 3 objetos, 999 bytes\n  Objetos sem registro: 1 (4,3 MB)\n    t/envios/x\n    \
             Para apagá-los: campo admin objetos varrer --apagar\n  Registros sem objeto: 1\n    \
             original ab\n    Recupere-os de uma cópia do armazenamento de objetos.\n\
             vizinha: 0 objetos, 0 bytes; tudo confere."
        );
    }
}
