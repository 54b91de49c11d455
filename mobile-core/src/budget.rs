//! What photos may cost: the network as the system says it is now, and what the person allows on
//! it. Asked before each file and for each buffer of it (ff39).

use campo_domain::parte::Variante;
use serde::Serialize;
use std::sync::atomic::{AtomicU8, Ordering};

/// The network that the device has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Network {
    /// None.
    #[serde(rename = "nenhuma")]
    None,
    /// Paid by the amount of data.
    #[serde(rename = "movel")]
    Mobile,
    /// Free of charge.
    #[serde(rename = "wi_fi")]
    WiFi,
}

/// What a person lets photos cost. Kept for each person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Budget {
    /// They go by whatever network there is.
    #[default]
    #[serde(rename = "qualquer_rede")]
    AnyNetwork,
    /// They wait for Wi-Fi.
    #[serde(rename = "so_wifi")]
    WiFiOnly,
    /// Thumbnails go by mobile data, the rest waits for Wi-Fi.
    #[serde(rename = "miniaturas_no_movel")]
    ThumbnailsOnMobile,
}

impl Budget {
    /// Every one.
    pub const ALL: [Budget; 3] = [Budget::AnyNetwork, Budget::WiFiOnly, Budget::ThumbnailsOnMobile];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Budget::AnyNetwork => "qualquer_rede",
            Budget::WiFiOnly => "so_wifi",
            Budget::ThumbnailsOnMobile => "miniaturas_no_movel",
        }
    }

    /// What a person reads.
    pub const fn label(self) -> &'static str {
        match self {
            Budget::AnyNetwork => "Qualquer rede",
            Budget::WiFiOnly => "Só Wi-Fi",
            Budget::ThumbnailsOnMobile => "Só miniaturas na rede móvel",
        }
    }

    /// The one of that name.
    pub fn of_code(code: &str) -> Option<Self> {
        Budget::ALL.into_iter().find(|budget| budget.code() == code)
    }

    /// Whether a picture may go by this network.
    pub(crate) const fn permits(self, network: Network, variant: Variante) -> bool {
        match (network, self) {
            (Network::None, _) | (Network::Mobile, Budget::WiFiOnly) => false,
            (Network::WiFi, _) | (Network::Mobile, Budget::AnyNetwork) => true,
            (Network::Mobile, Budget::ThumbnailsOnMobile) => {
                matches!(variant, Variante::Miniatura)
            }
        }
    }
}

/// The present network and budget, which may change during a transfer. Until the system reports a
/// network, a paid one is assumed.
#[derive(Debug)]
pub struct Allowance {
    network: AtomicU8,
    budget: AtomicU8,
}

impl Allowance {
    /// As an app begins.
    pub const fn new() -> Self {
        Allowance {
            network: AtomicU8::new(Network::Mobile as u8),
            budget: AtomicU8::new(Budget::AnyNetwork as u8),
        }
    }

    /// Says what network there is.
    pub fn set_network(&self, network: Network) {
        self.network.store(network as u8, Ordering::SeqCst);
    }

    /// Says what photos may cost.
    pub fn set_budget(&self, budget: Budget) {
        self.budget.store(budget as u8, Ordering::SeqCst);
    }

    /// Whether a picture may go now.
    pub fn permits(&self, variant: Variante) -> bool {
        let network = match self.network.load(Ordering::SeqCst) {
            0 => Network::None,
            1 => Network::Mobile,
            _ => Network::WiFi,
        };
        let budget = match self.budget.load(Ordering::SeqCst) {
            0 => Budget::AnyNetwork,
            1 => Budget::WiFiOnly,
            _ => Budget::ThumbnailsOnMobile,
        };
        budget.permits(network, variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_depends_on_the_network_and_on_what_the_person_allows() {
        use Budget::{AnyNetwork, ThumbnailsOnMobile, WiFiOnly};
        let go = |budget: Budget, network| {
            Variante::TODAS.map(|variant| budget.permits(network, variant))
        };
        for budget in Budget::ALL {
            assert_eq!(go(budget, Network::None), [false; 3]);
            assert_eq!(go(budget, Network::WiFi), [true; 3]);
            assert_eq!(Budget::of_code(budget.code()), Some(budget));
        }
        assert_eq!(go(AnyNetwork, Network::Mobile), [true; 3]);
        assert_eq!(go(WiFiOnly, Network::Mobile), [false; 3]);
        assert_eq!(go(ThumbnailsOnMobile, Network::Mobile), [false, false, true]);
    }
}
