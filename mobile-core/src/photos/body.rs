//! The bytes of a file on their way: gives no more of them once they may not go.

use super::run::{Run, Stop, UploadProgress};
use crate::store::uploads::UploadTurn;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
};

/// Bytes between two looks at whether a file may still go.
const BUFFER: usize = 64 * 1024;

/// A file that is read to be sent.
pub(super) struct Body<'a> {
    run: &'a Run<'a>,
    turn: &'a UploadTurn,
    file: File,
    at: u64,
    counter: &'a AtomicU64,
    progress: &'a Sender<UploadProgress>,
    /// How many bytes went.
    pub(super) went: u64,
    /// Why no more of them may go.
    pub(super) halted: Option<Stop>,
    /// Why the file could not be read: not the network's fault.
    pub(super) unread: Option<io::Error>,
}

impl<'a> Body<'a> {
    pub(super) fn open(
        run: &'a Run<'a>,
        turn: &'a UploadTurn,
        path: &Path,
        counter: &'a AtomicU64,
        progress: &'a Sender<UploadProgress>,
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        let (at, went, halted, unread) = (0, 0, None, None);
        Ok(Body { run, turn, file, at, counter, progress, went, halted, unread })
    }

    /// Goes on from that byte.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.at = offset;
        let sought = self.file.seek(SeekFrom::Start(offset));
        sought.map(|_| ()).map_err(|error| self.failed(error))
    }

    fn some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 && self.at < self.turn.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(n)
    }

    fn failed(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        if kind != io::ErrorKind::Interrupted {
            self.unread = Some(error);
        }
        kind.into()
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.halted = self.run.halt(self.turn.variant);
        if self.halted.is_some() {
            return Err(io::Error::other("stopped"));
        }
        let left = usize::try_from(self.turn.size - self.at).unwrap_or(BUFFER);
        let most = buffer.len().min(BUFFER).min(left);
        let n = self.some(&mut buffer[..most]).map_err(|error| self.failed(error))?;
        self.at += n as u64;
        self.went += n as u64;
        self.counter.store(self.at, Ordering::Relaxed);
        let UploadTurn { document, item, variant, size, .. } = *self.turn;
        // If nobody listens any more, the upload continues.
        let _ = self.progress.send(UploadProgress { document, item, variant, sent: self.at, size });
        Ok(n)
    }
}
