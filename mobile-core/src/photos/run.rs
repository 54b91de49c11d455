//! What the threads of one run of the upload queue share: who sends, whether it goes on, and what
//! came of it so far.

use super::access::{Access, Failure};
use crate::{error::Error, http::HttpError, phone::Phone, store::arquivos::UploadState};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// How far one file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UploadProgress {
    /// The record.
    #[serde(rename = "documento")]
    pub document: DocumentId,
    /// The file.
    #[serde(rename = "anexo")]
    pub item: ItemId,
    /// Which picture of it.
    #[serde(rename = "variante")]
    pub variant: Variante,
    /// Bytes on their way or there.
    #[serde(rename = "enviado")]
    pub sent: u64,
    /// All of them.
    #[serde(rename = "tamanho")]
    pub size: u64,
}

/// Why an upload ended before all was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Stop {
    /// The person stopped it.
    #[serde(rename = "cancelado")]
    Cancelled,
    /// The rest may not go by the network of now.
    #[serde(rename = "rede")]
    Network,
    /// The server cannot be reached, or fails.
    #[serde(rename = "sem_conexao")]
    Offline,
    /// Another one is running.
    #[serde(rename = "ja_enviando")]
    AlreadyRunning,
}

impl Stop {
    /// What the person is told.
    pub const fn sentence(self) -> &'static str {
        match self {
            Stop::Cancelled => "O envio foi interrompido e continua depois de onde parou.",
            Stop::Network => "O que falta espera por uma rede permitida.",
            Stop::Offline => "O servidor não respondeu; o envio continua de onde parou.",
            Stop::AlreadyRunning => "O envio já está em andamento.",
        }
    }
}

/// What an upload did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UploadReport {
    /// Pictures that the server has now: thumbnails, previews and originals.
    #[serde(rename = "arquivos")]
    pub files: u32,
    /// Originals among them.
    #[serde(rename = "fotos")]
    pub photos: u32,
    /// Bytes that went.
    pub bytes: u64,
    /// Pictures that failed; each is tried again at its time.
    #[serde(rename = "falharam")]
    pub failed: u32,
    /// Photos that are not sent any more; each says why.
    #[serde(rename = "desistidas")]
    pub given_up: u32,
    /// Photos that the server has not verified yet.
    #[serde(rename = "aguardam")]
    pub waiting: u32,
    /// When the next try is due, after a failure.
    #[serde(rename = "proxima_tentativa")]
    pub next_try_at: Option<DateTime<Utc>>,
    /// Why it ended early.
    #[serde(rename = "parada")]
    pub stopped: Option<Stop>,
}

/// One run of the queue.
pub(super) struct Run<'a> {
    pub(super) phone: &'a Phone,
    pub(super) access: Access<'a>,
    pub(super) cancel: &'a AtomicBool,
    /// Nothing more is begun.
    pub(super) ended: AtomicBool,
    state: Mutex<State>,
    /// Something is no longer on its way.
    pub(super) turn: Condvar,
}

/// What changes while it runs.
#[derive(Default)]
pub(super) struct State {
    /// Key of the row and picture of what is on its way, with its hash.
    pub(super) busy: BTreeMap<(i64, Variante), String>,
    pub(super) report: UploadReport,
    /// Failures in a row that say something of all files.
    pub(super) failures: u32,
    pub(super) error: Option<Error>,
}

/// The end of one file's turn.
pub(super) enum End {
    Sent,
    /// Nobody wants it any more, or the server was only asked what became of it.
    Nothing,
    Stopped(Stop),
    /// This one failed: perhaps as any other would now, perhaps after some of it went.
    Failed {
        error: HttpError,
        offline: bool,
        moved: bool,
    },
    /// This one cannot be read here now; that says nothing of any other.
    Unread,
    /// This one is not sent any more; why, for the person.
    GivenUp(UploadState, String),
    Fatal(Error),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Http(error) => {
                let offline = matches!(error, HttpError::Network(_) | HttpError::Broken(_));
                End::Failed { error, offline, moved: false }
            }
            Failure::Fatal(error) => End::Fatal(error),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        End::Fatal(error)
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(phone: &'a Phone, access: Access<'a>, cancel: &'a AtomicBool) -> Self {
        Run {
            phone,
            access,
            cancel,
            ended: AtomicBool::new(false),
            state: Mutex::default(),
            turn: Condvar::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a file may not go on; `None` if it may.
    pub(super) fn halt(&self, variant: Variante) -> Option<Stop> {
        if self.cancel.load(Ordering::SeqCst) {
            Some(Stop::Cancelled)
        } else if !self.phone.allowance.permits(variant) {
            Some(Stop::Network)
        } else if self.state().error.is_some() {
            Some(Stop::Offline)
        } else {
            None
        }
    }

    /// Nothing more is begun; on an error, what is on its way stops as well.
    pub(super) fn end(&self, error: Option<Error>) {
        self.ended.store(true, Ordering::SeqCst);
        let mut state = self.state();
        state.report.stopped.get_or_insert(Stop::Offline);
        if let Some(error) = error {
            state.error.get_or_insert(error);
        }
    }
}
