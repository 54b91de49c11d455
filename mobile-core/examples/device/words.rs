//! Values as one reads them in the terminal.

use campo_domain::{assistencia::PRIORIDADES, parte::CATEGORIAS_ANEXO};
use campo_mobile_core::{Linha, PhotoShown, PhotoState, SyncState};

/// The situação of a record, and the one that was asked for.
pub fn situacao(linha: &Linha) -> String {
    match &linha.situacao_prevista {
        Some(prevista) => format!("{} → {prevista}", linha.situacao_nome),
        None => linha.situacao_nome.clone(),
    }
}

/// The priority in force.
pub fn priority(linha: &Linha) -> String {
    let codigo = linha.prioridade.as_deref().unwrap_or_default();
    let rotulo = PRIORIDADES.iter().find(|(prioridade, _)| *prioridade == codigo);
    rotulo.map_or(codigo, |(_, rotulo)| rotulo).to_owned()
}

/// What a list marks a record with.
pub fn marks(linha: &Linha) -> String {
    let mut marcas = Vec::new();
    if linha.atrasado {
        marcas.push("atrasado".to_owned());
    }
    if linha.pendente > 0 {
        marcas.push(format!("{} pendente(s)", linha.pendente));
    }
    if linha.conflito {
        marcas.push("conflito".to_owned());
    }
    marcas.join(", ")
}

/// How a record stands with the server.
pub fn sync_state(state: SyncState) -> String {
    match state {
        SyncState::Synced => "sincronizado".into(),
        SyncState::Pending { n } => format!("{n} pendente(s)"),
        SyncState::Held { n } => format!("{n} retido(s) para decisão da retaguarda"),
        SyncState::Refused { n } => format!("{n} recusado(s)"),
        SyncState::OutOfSight => "fora do seu alcance".into(),
    }
}

/// What a file shows.
pub fn category(code: &str) -> String {
    let found = CATEGORIAS_ANEXO.iter().find(|(category, _)| *category == code);
    found.map_or(code, |(_, label)| label).to_owned()
}

/// What a row says of how a file stands.
pub fn photo_state(photo: &PhotoShown) -> String {
    match &photo.estado {
        PhotoState::Failed { reason, .. } | PhotoState::Held { reason } => {
            format!("{}: {reason}", photo.estado.label())
        }
        estado => estado.label(),
    }
}

/// Bytes as a person reads them.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{},{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Which pictures of a file are on this device.
pub fn here(photo: &PhotoShown) -> String {
    let locais: Vec<_> = photo.locais.iter().map(|variante| variante.codigo()).collect();
    locais.join(", ")
}
