//! One file's turn: asks the server how much of it is there, sends the rest, and resumes after a
//! cut, until the file has arrived or nothing more can be done for it now.

use super::{
    access::Failure,
    body::Body,
    run::{End, Run, UploadProgress},
};
use crate::{
    error::Error,
    files,
    http::{HttpError, Problem},
    store::{
        arquivos::UploadState,
        documents,
        uploads::{self, UploadTurn},
    },
    transfer::{Created, Upload},
};
use campo_domain::parte::Variante;
use chrono::Utc;
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

/// How often a connection may break in a row without a byte of progress.
const CUTS_MAX: u32 = 3;
/// How long to wait after the first cut; as many times longer after each further one.
const AFTER_CUT: Duration = Duration::from_millis(200);

/// A file on its way.
struct Way<'a> {
    turn: &'a UploadTurn,
    path: PathBuf,
    progress: &'a Sender<UploadProgress>,
    /// What a screen shows of it.
    counter: Arc<AtomicU64>,
    /// Where it goes.
    url: Option<String>,
    /// How often the server was asked where.
    places: u32,
    /// Cuts in a row.
    cuts: u32,
    /// The most bytes that the server was seen to have.
    furthest: u64,
    /// Bytes that went.
    went: u64,
}

impl Run<'_> {
    /// Sends one file, whatever part of it the server lacks.
    pub(super) fn send(&self, turn: &UploadTurn, progress: &Sender<UploadProgress>) -> End {
        let path = self.phone.files.path(self.access.account, turn.variant, &turn.sha256);
        let picture = (turn.document, turn.item, turn.variant);
        let mut way = Way {
            turn,
            path,
            progress,
            counter: Arc::default(),
            url: turn.url.clone(),
            places: 0,
            cuts: 0,
            furthest: turn.received,
            went: 0,
        };
        // Whether what is here can be sent matters only if the server turns out to lack it.
        if !turn.asks
            && let Err(end) = way.intact()
        {
            return end;
        }
        way.counter = self.phone.transfer.sending.begin(picture, turn.received);
        let end = loop {
            match self.round(&mut way) {
                Ok(None) => {}
                Ok(Some(end)) | Err(end) => break end,
            }
        };
        match end {
            End::Failed { error, offline, .. } => {
                End::Failed { error, offline, moved: offline && way.went > 0 }
            }
            end => end,
        }
    }

    /// Asks and sends once. `None` if it is to be done again.
    fn round(&self, way: &mut Way<'_>) -> Result<Option<End>, End> {
        let turn = way.turn;
        if let Some(stop) = self.halt(turn.variant) {
            return Ok(Some(End::Stopped(stop)));
        }
        if !self.phone.read(|conn| Ok(uploads::wanted(conn, turn)?))? {
            return Ok(Some(End::Nothing));
        }
        let (place, offset) = match self.place(way) {
            Ok(Some(place)) => place,
            Ok(None) if turn.asks => return Ok(Some(End::Nothing)),
            Ok(None) => return Ok(Some(End::Sent)),
            // Perhaps only the connection that was kept open had gone.
            Err(End::Failed { offline: true, .. }) if way.cuts == 0 => {
                way.cuts += 1;
                std::thread::sleep(AFTER_CUT);
                return Ok(None);
            }
            Err(end) => return Err(end),
        };
        if turn.asks && offset < turn.size {
            way.intact()?;
        }
        if offset > way.furthest {
            (way.cuts, way.furthest) = (0, offset);
        }
        self.phone.write(|tx| Ok(uploads::received(tx, turn, &place, offset)?))?;
        way.counter.store(offset, Ordering::Relaxed);
        let has = if offset >= turn.size { Ok(offset) } else { self.append(way, &place, offset) };
        let error = match has {
            Ok(has) if has >= turn.size => {
                let now = Utc::now();
                self.phone.write(|tx| Ok(uploads::sent(tx, turn, Some(&place), false, now)?))?;
                return Ok(Some(End::Sent));
            }
            Ok(_) => HttpError::Broken(io::Error::other("the server takes nothing")),
            Err(End::Failed { error, .. }) if resumes(&error) => error,
            Err(End::Failed { error: HttpError::Status(problem), .. })
                if turn.variant != Variante::Original && !problem.passing() =>
            {
                return Ok(Some(End::GivenUp(UploadState::Refused, problem.mensagem)));
            }
            Err(end) => return Err(end),
        };
        way.cuts += 1;
        if way.cuts >= CUTS_MAX {
            return Ok(Some(End::Failed { error, offline: false, moved: false }));
        }
        way.url = Some(place);
        std::thread::sleep(AFTER_CUT * way.cuts);
        Ok(None)
    }

    /// Where the file goes and how much of it is there; `None` if the server needs nothing of it.
    fn place(&self, way: &mut Way<'_>) -> Result<Option<(String, u64)>, End> {
        let (turn, transfer) = (way.turn, &self.phone.transfer);
        if let Some(url) = way.url.clone() {
            match self.access.call(|server, bearer| transfer.offset(server, bearer, &url)) {
                Ok(offset) => return Ok(Some((url, offset))),
                // The server forgot it, or finished with it: it has to be asked for anew.
                Err(Failure::Http(HttpError::Status(problem)))
                    if matches!(problem.status, 404 | 410) && way.places < 2 =>
                {
                    self.phone.write(|tx| Ok(uploads::opened(tx, turn, None)?))?;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        way.places += 1;
        let upload = Upload {
            document: turn.document,
            item: turn.item,
            variant: turn.variant,
            sha256: &turn.sha256,
            size: turn.size,
        };
        let created = self.access.call(|server, bearer| transfer.create(server, bearer, &upload));
        let Created { path, offset, verified } = match created {
            Ok(created) => created,
            Err(Failure::Http(HttpError::Status(problem))) if !problem.passing() => {
                return Err(self.not_taken(turn, problem)?);
            }
            Err(failure) => return Err(failure.into()),
        };
        if offset >= turn.size {
            let now = Utc::now();
            self.phone.write(|tx| Ok(uploads::sent(tx, turn, None, verified, now)?))?;
            return Ok(None);
        }
        self.phone.write(|tx| Ok(uploads::opened(tx, turn, Some(&path))?))?;
        Ok(Some((path, offset)))
    }

    /// The server does not take a file. Of a record in sight its document will say what became of
    /// an original; of any other nobody will.
    fn not_taken(&self, turn: &UploadTurn, problem: Problem) -> Result<End, Error> {
        if problem.status == 410 && problem.codigo == "anexo_removido" {
            self.phone.write(|tx| Ok(uploads::unwanted(tx, turn)?))?;
            return Ok(End::Nothing);
        }
        if turn.variant != Variante::Original {
            return Ok(End::GivenUp(UploadState::Refused, problem.mensagem));
        }
        let account = self.access.account;
        let sees =
            self.phone.read(|conn| Ok(documents::in_scope(conn, account, turn.document)?))?;
        if matches!(problem.status, 404 | 410) && sees != Some(true) {
            let why = "O servidor não tem mais o registro desta foto, ou ele saiu do seu alcance, \
                       e ela não pode ser enviada.";
            return Ok(End::GivenUp(UploadState::Refused, why.to_owned()));
        }
        Ok(Failure::Http(HttpError::Status(problem)).into())
    }

    /// Sends the bytes from there on. Returns how many the server has then.
    fn append(&self, way: &mut Way<'_>, url: &str, offset: u64) -> Result<u64, End> {
        let turn = way.turn;
        let body = Body::open(self, turn, &way.path, &way.counter, way.progress);
        let mut body = body.map_err(|error| lost(&error))?;
        let transfer = &self.phone.transfer;
        let length = turn.size - offset;
        let has = self.access.call(|server, bearer| {
            body.seek(offset).map_err(HttpError::Broken)?;
            transfer.append(server, bearer, url, offset, (length, &mut body))
        });
        way.went += body.went;
        self.state().report.bytes += body.went;
        if let Some(error) = &body.unread {
            return Err(lost(error));
        }
        match (has, body.halted) {
            (Err(Failure::Http(_)), Some(stop)) => Err(End::Stopped(stop)),
            (has, _) => has.map_err(End::from),
        }
    }
}

impl Way<'_> {
    /// Whether the file is here and, as far as one can tell at once, whole. After the server has
    /// discarded it once, all of it is looked at: what is damaged is never sent again.
    fn intact(&self) -> Result<(), End> {
        let turn = self.turn;
        let size = self.path.metadata().map_err(|error| lost(&error))?.len();
        let read_again = turn.discards > 0 && turn.variant == Variante::Original;
        let same = size == turn.size
            && (!read_again
                || files::hash(&self.path).map_err(|error| lost(&error))?.0 == turn.sha256);
        if same {
            return Ok(());
        }
        let why = "O arquivo mudou neste aparelho depois de registrado e não pode ser enviado. \
                   Se ainda tiver a foto, anexe de novo.";
        Err(End::GivenUp(UploadState::Damaged, why.to_owned()))
    }
}

/// Whether the next thing to do is to ask how much the server has.
fn resumes(error: &HttpError) -> bool {
    match error {
        HttpError::Network(_) | HttpError::Broken(_) => true,
        HttpError::Status(problem) => matches!(problem.status, 404 | 409 | 410 | 460),
        HttpError::Answer(_) => false,
    }
}

fn lost(error: &io::Error) -> End {
    if error.kind() == io::ErrorKind::NotFound {
        let why = "O arquivo não está mais neste aparelho e não pode ser enviado. \
                   Se ainda tiver a foto, anexe de novo.";
        return End::GivenUp(UploadState::Lost, why.to_owned());
    }
    End::Unread
}
