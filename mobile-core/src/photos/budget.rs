//! What photos may cost: the network as the system says it is now, and what the person allows on
//! it. Asked before each file and for each buffer of it (ff39).

use crate::{campo::Campo, error::Error, store::arquivos};
use campo_domain::parte::Variante;
use rusqlite::Connection;
use serde::Serialize;
use std::sync::atomic::{AtomicU8, Ordering};

/// The network that the device has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rede {
    /// None.
    Nenhuma,
    /// One that costs by what it carries.
    Movel,
    /// One that costs nothing.
    WiFi,
}

/// What a person lets photos cost. Kept for each person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Orcamento {
    /// They go by whatever network there is.
    #[default]
    QualquerRede,
    /// They wait for Wi-Fi.
    SoWifi,
    /// Thumbnails go by mobile data, the rest waits for Wi-Fi.
    MiniaturasNoMovel,
}

impl Orcamento {
    /// Every one.
    pub const TODOS: [Orcamento; 3] =
        [Orcamento::QualquerRede, Orcamento::SoWifi, Orcamento::MiniaturasNoMovel];

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            Orcamento::QualquerRede => "qualquer_rede",
            Orcamento::SoWifi => "so_wifi",
            Orcamento::MiniaturasNoMovel => "miniaturas_no_movel",
        }
    }

    /// What a person reads.
    pub const fn rotulo(self) -> &'static str {
        match self {
            Orcamento::QualquerRede => "Qualquer rede",
            Orcamento::SoWifi => "Só Wi-Fi",
            Orcamento::MiniaturasNoMovel => "Só miniaturas na rede móvel",
        }
    }

    /// The one of that name.
    pub fn de_codigo(codigo: &str) -> Option<Self> {
        Orcamento::TODOS.into_iter().find(|orcamento| orcamento.codigo() == codigo)
    }

    /// Whether a picture may go by this network.
    pub const fn permite(self, rede: Rede, variante: Variante) -> bool {
        match (rede, self) {
            (Rede::Nenhuma, _) | (Rede::Movel, Orcamento::SoWifi) => false,
            (Rede::WiFi, _) | (Rede::Movel, Orcamento::QualquerRede) => true,
            (Rede::Movel, Orcamento::MiniaturasNoMovel) => {
                matches!(variante, Variante::Miniatura)
            }
        }
    }
}

/// The network of now. Until the system has said something, it is one that costs.
#[derive(Debug)]
pub(super) struct RedeAtual(AtomicU8);

impl RedeAtual {
    pub(super) const fn new() -> Self {
        RedeAtual(AtomicU8::new(Rede::Movel as u8))
    }

    pub(super) fn get(&self) -> Rede {
        match self.0.load(Ordering::SeqCst) {
            0 => Rede::Nenhuma,
            1 => Rede::Movel,
            _ => Rede::WiFi,
        }
    }

    fn set(&self, rede: Rede) {
        self.0.store(rede as u8, Ordering::SeqCst);
    }
}

/// The budget that an upload goes by, as it is now.
#[derive(Debug)]
pub(super) struct OrcamentoAtual(AtomicU8);

impl OrcamentoAtual {
    pub(super) const fn new() -> Self {
        OrcamentoAtual(AtomicU8::new(Orcamento::QualquerRede as u8))
    }

    pub(super) fn get(&self) -> Orcamento {
        match self.0.load(Ordering::SeqCst) {
            0 => Orcamento::QualquerRede,
            1 => Orcamento::SoWifi,
            _ => Orcamento::MiniaturasNoMovel,
        }
    }

    pub(super) fn set(&self, orcamento: Orcamento) {
        self.0.store(orcamento as u8, Ordering::SeqCst);
    }
}

impl Campo {
    /// Says what network there is: the app calls it whenever the system says so. What may not go by
    /// it stops within one buffer.
    pub fn set_rede(&self, rede: Rede) {
        self.fotos.rede.set(rede);
    }

    /// Says what photos may cost; kept for this person, and in force at once.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn set_orcamento(&self, orcamento: Orcamento) -> Result<(), Error> {
        self.write(|tx| {
            let session = crate::store::session::session(tx)?.ok_or(Error::NinguemEntrou)?;
            arquivos::set_orcamento(tx, session.account, orcamento.codigo())?;
            // In here, so that no run that reads it at this moment sets the one of before.
            self.fotos.orcamento.set(orcamento);
            Ok(())
        })
    }

    /// What photos may cost.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn orcamento(&self) -> Result<Orcamento, Error> {
        self.read_as(|conn, quem| stored(conn, quem.account))
    }

    /// What is stored is in force: another process may have stored it.
    pub(super) fn renew_orcamento(&self) -> Result<(), Error> {
        self.read_as(|conn, quem| {
            self.fotos.orcamento.set(stored(conn, quem.account)?);
            Ok(())
        })
    }

    /// Whether a picture may go by the network of now.
    pub(super) fn permite(&self, variante: Variante) -> bool {
        self.fotos.orcamento.get().permite(self.fotos.rede.get(), variante)
    }
}

fn stored(conn: &Connection, account: i64) -> Result<Orcamento, Error> {
    let codigo = arquivos::orcamento(conn, account)?;
    let orcamento = codigo.and_then(|codigo| Orcamento::de_codigo(&codigo));
    Ok(orcamento.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_depends_on_the_network_and_on_what_the_person_allows() {
        use Orcamento::{MiniaturasNoMovel, QualquerRede, SoWifi};
        let go = |orcamento: Orcamento, rede| {
            Variante::TODAS.map(|variante| orcamento.permite(rede, variante))
        };
        for orcamento in Orcamento::TODOS {
            assert_eq!(go(orcamento, Rede::Nenhuma), [false; 3]);
            assert_eq!(go(orcamento, Rede::WiFi), [true; 3]);
            assert_eq!(Orcamento::de_codigo(orcamento.codigo()), Some(orcamento));
        }
        assert_eq!(go(QualquerRede, Rede::Movel), [true; 3]);
        assert_eq!(go(SoWifi, Rede::Movel), [false; 3]);
        assert_eq!(go(MiniaturasNoMovel, Rede::Movel), [false, false, true]);
    }
}
