//! The upload queue: thumbnails of all, then previews, then originals, a few at a time, within the
//! budget. What the server has is asked of the server; what is to be done stands in the database
//! before it is begun, so that a crash anywhere goes on from there. Only what the accepted document
//! declares is sent, and only its word makes a photo verified.

use super::{
    access::{Access, Failure},
    files,
};
use crate::{
    campo::{Campo, sentence},
    error::Error,
    http::{HttpError, Problem},
    store::{
        arquivos::{self, Envio, Vez},
        documents,
    },
    sync::delay,
    transfer::{Created, Upload},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Sender, channel},
    },
    time::Duration,
};

/// Files on their way at once.
const AT_ONCE: usize = 3;
/// Bytes between two looks at whether a file may still go.
const BUFFER: usize = 64 * 1024;
/// How often a connection may break in a row without a byte of progress.
const CUTS_MAX: u32 = 3;
/// How often in a row the server may fail before the rest waits as well.
const FAILURES_MAX: u32 = 3;
const AFTER_CUT: Duration = Duration::from_millis(200);

/// How far one file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EnvioProgress {
    /// The record.
    pub documento: DocumentId,
    /// The file.
    pub anexo: ItemId,
    /// Which picture of it.
    pub variante: Variante,
    /// Bytes on their way or there.
    pub enviado: u64,
    /// All of them.
    pub tamanho: u64,
}

/// Why an upload ended before all was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parada {
    /// The person stopped it.
    Cancelado,
    /// The rest may not go by the network of now.
    Rede,
    /// The server cannot be reached, or fails.
    SemConexao,
    /// Another one is running.
    JaEnviando,
}

impl Parada {
    /// What the person is told.
    pub const fn frase(self) -> &'static str {
        match self {
            Parada::Cancelado => "O envio foi interrompido e continua depois de onde parou.",
            Parada::Rede => "O que falta espera por uma rede permitida.",
            Parada::SemConexao => "O servidor não respondeu; o envio continua de onde parou.",
            Parada::JaEnviando => "O envio já está em andamento.",
        }
    }
}

/// What an upload did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EnvioReport {
    /// Pictures that the server has now: thumbnails, previews and originals.
    pub arquivos: u32,
    /// Originals among them.
    pub fotos: u32,
    /// Bytes that went.
    pub bytes: u64,
    /// Pictures that failed; each is tried again at its time.
    pub falharam: u32,
    /// Photos that are not sent any more; each says why.
    pub desistidas: u32,
    /// Photos that the server has not verified yet.
    pub aguardam: u32,
    /// When the next try is due, after a failure.
    pub proxima_tentativa: Option<DateTime<Utc>>,
    /// Why it ended early.
    pub parada: Option<Parada>,
}

/// One run of the queue.
struct Run<'a> {
    campo: &'a Campo,
    access: Access<'a>,
    cancel: &'a AtomicBool,
    ended: AtomicBool,
    state: Mutex<State>,
    /// Something is no longer on its way.
    turn: Condvar,
}

#[derive(Default)]
struct State {
    /// What is on its way, with its hash.
    busy: BTreeMap<(i64, Variante), String>,
    report: EnvioReport,
    failures: u32,
    error: Option<Error>,
}

/// The end of one file's turn.
enum End {
    Sent,
    /// Nobody wants it any more, or the server was only asked what became of it.
    Nothing,
    Stopped(Parada),
    /// This one failed: perhaps as any other would now, perhaps after some of it went.
    Failed {
        error: HttpError,
        offline: bool,
        moved: bool,
    },
    /// This one cannot be read here now; that says nothing of any other.
    Unread,
    GivenUp(Envio, String),
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

impl Campo {
    /// Sends what is due, as far as network and budget allow; returns when nothing more can be
    /// done now. `cancel` is looked at for each buffer. A second call returns at once and says so.
    /// What failed waits for its time; [`Campo::tentar_fotos_agora`] cuts that short.
    ///
    /// # Errors
    /// `SessaoExpirada`, `NinguemEntrou`, storage. What was done stays done; a file that failed is
    /// no error but stands in the report and in [`Campo::fotos`].
    pub fn enviar_fotos(
        &self,
        cancel: &AtomicBool,
        progress: &dyn Fn(EnvioProgress),
    ) -> Result<EnvioReport, Error> {
        let Some(_alone) = self.fotos.files.sender()? else {
            return Ok(EnvioReport { parada: Some(Parada::JaEnviando), ..EnvioReport::default() });
        };
        let access = Access::new(self)?;
        self.renew_orcamento()?;
        let account = access.account;
        let run = Run {
            campo: self,
            access,
            cancel,
            ended: AtomicBool::new(false),
            state: Mutex::default(),
            turn: Condvar::new(),
        };
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                let (run, sender) = (&run, sender.clone());
                scope.spawn(move || run.work(&sender));
            }
            drop(sender);
            receiver.iter().for_each(progress);
        });
        let State { mut report, error, .. } =
            run.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = error {
            return Err(error);
        }
        let pendentes = self.read(|conn| Ok(arquivos::pending(conn, Some(account))?))?;
        report.aguardam = pendentes.fotos;
        report.proxima_tentativa = pendentes.proxima_em;
        Ok(report)
    }

    /// What failed is due at once, and what the server did not want goes once more: the person asks
    /// for it.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage.
    pub fn tentar_fotos_agora(&self) -> Result<(), Error> {
        let account = self.read_as(|_, quem| Ok(quem.account))?;
        self.write(|tx| Ok(arquivos::all_due(tx, account)?))
    }
}

impl Run<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One file after the other, until none is left that may go.
    fn work(&self, progress: &Sender<EnvioProgress>) {
        loop {
            let vez = match self.next() {
                Ok(Some(vez)) => vez,
                Ok(None) => return,
                Err(error) => return self.end(Some(error)),
            };
            let turn = Turn { run: self, vez: &vez };
            let end = self.send(&vez, progress);
            let settled = self.settle(&vez, end);
            drop(turn);
            if let Err(error) = settled {
                return self.end(Some(error));
            }
        }
    }

    /// The next file whose turn it is: no preview while a thumbnail is on its way.
    fn next(&self) -> Result<Option<Vez>, Error> {
        // Held while looking, so that no two take the same.
        let mut state = self.state();
        loop {
            if self.ended.load(Ordering::SeqCst) {
                return Ok(None);
            }
            if self.cancel.load(Ordering::SeqCst) {
                state.report.parada = Some(Parada::Cancelado);
                return Ok(None);
            }
            let account = self.access.account;
            let mut waiting =
                self.campo.read(|conn| Ok(arquivos::waiting(conn, account, Utc::now())?))?;
            waiting.retain(|vez| !state.busy.contains_key(&(vez.anexo, vez.variante)));
            if waiting.is_empty() {
                return Ok(None);
            }
            waiting.retain(|vez| self.campo.permite(vez.variante));
            if waiting.is_empty() {
                state.report.parada = Some(Parada::Rede);
                return Ok(None);
            }
            // The same bytes may not be needed twice.
            let twice = |vez: &Vez| state.busy.values().any(|sha256| *sha256 == vez.sha256);
            let vez = waiting.into_iter().find(|vez| !twice(vez));
            let alone =
                |vez: &Vez| state.busy.keys().all(|(_, variante)| *variante == vez.variante);
            if let Some(vez) = vez.filter(alone) {
                state.busy.insert((vez.anexo, vez.variante), vez.sha256.clone());
                return Ok(Some(vez));
            }
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a file may go on.
    fn halt(&self, variante: Variante) -> Option<Parada> {
        if self.cancel.load(Ordering::SeqCst) {
            Some(Parada::Cancelado)
        } else if !self.campo.permite(variante) {
            Some(Parada::Rede)
        } else if self.state().error.is_some() {
            Some(Parada::SemConexao)
        } else {
            None
        }
    }

    /// Nothing more is begun; on an error, what is on its way stops as well.
    fn end(&self, error: Option<Error>) {
        self.ended.store(true, Ordering::SeqCst);
        let mut state = self.state();
        state.report.parada.get_or_insert(Parada::SemConexao);
        if let Some(error) = error {
            state.error.get_or_insert(error);
        }
    }

    /// Writes down how a file's turn ended.
    fn settle(&self, vez: &Vez, end: End) -> Result<(), Error> {
        let mut state = self.state();
        match end {
            End::Sent => {
                state.failures = 0;
                state.report.arquivos += 1;
                state.report.fotos += u32::from(vez.variante == Variante::Original);
            }
            End::Nothing => {}
            End::Stopped(parada) => {
                state.report.parada.get_or_insert(parada);
            }
            End::Failed { error, offline, moved } => {
                state.report.falharam += 1;
                let (of_all, retry_after) = match &error {
                    // What the server says of this file says nothing of the others.
                    HttpError::Status(problem) => (problem.passing(), problem.retry_after),
                    _ => (true, None),
                };
                state.failures += u32::from(of_all);
                let all = offline || state.failures >= FAILURES_MAX;
                drop(state);
                // What was cut off goes on as soon as it can: nothing of it is lost.
                let wait = delay(vez.falhas.saturating_add(1), retry_after);
                let next = Utc::now() + if moved { TimeDelta::zero() } else { wait };
                let erro = sentence(error).to_string();
                self.campo.write(|tx| Ok(arquivos::failed(tx, vez, next, &erro)?))?;
                if all {
                    self.end(None);
                }
            }
            End::Unread => {
                state.report.falharam += 1;
                drop(state);
                let next = Utc::now() + delay(vez.falhas.saturating_add(1), None);
                let erro = "O arquivo não pôde ser lido neste aparelho agora.";
                self.campo.write(|tx| Ok(arquivos::failed(tx, vez, next, erro)?))?;
            }
            End::GivenUp(envio, erro) => {
                state.report.desistidas += u32::from(vez.variante == Variante::Original);
                drop(state);
                self.campo.write(|tx| Ok(arquivos::given_up(tx, vez, envio, &erro)?))?;
            }
            End::Fatal(error) => {
                drop(state);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends one file, whatever part of it the server lacks.
    fn send(&self, vez: &Vez, progress: &Sender<EnvioProgress>) -> End {
        let files = &self.campo.fotos.files;
        let path = files.path(self.access.account, vez.variante, &vez.sha256);
        // Whether what is here can be sent matters only if the server turns out to lack it.
        if !vez.pergunta
            && let Err(end) = intact(&path, vez)
        {
            return end;
        }
        let mut went = 0;
        match self.rounds(vez, &path, progress, &mut went).unwrap_or_else(|end| end) {
            End::Failed { error, offline, .. } => {
                End::Failed { error, offline, moved: offline && went > 0 }
            }
            end => end,
        }
    }

    fn rounds(
        &self,
        vez: &Vez,
        path: &Path,
        progress: &Sender<EnvioProgress>,
        went: &mut u64,
    ) -> Result<End, End> {
        let (mut url, mut places, mut cuts, mut furthest) = (vez.url.clone(), 0, 0, vez.recebido);
        let sending = &self.campo.fotos.sending;
        let counter = sending.begin((vez.document, vez.item, vez.variante), vez.recebido);
        loop {
            if let Some(parada) = self.halt(vez.variante) {
                return Ok(End::Stopped(parada));
            }
            if !self.campo.read(|conn| Ok(arquivos::wanted(conn, vez)?))? {
                return Ok(End::Nothing);
            }
            let (place, offset) = match self.place(vez, url.clone(), &mut places) {
                Ok(Some(place)) => place,
                Ok(None) if vez.pergunta => return Ok(End::Nothing),
                Ok(None) => return Ok(End::Sent),
                // Perhaps only the connection that was kept open had gone.
                Err(End::Failed { offline: true, .. }) if cuts == 0 => {
                    cuts += 1;
                    std::thread::sleep(AFTER_CUT);
                    continue;
                }
                Err(end) => return Ok(end),
            };
            if vez.pergunta && offset < vez.tamanho {
                intact(path, vez)?;
            }
            if offset > furthest {
                (cuts, furthest) = (0, offset);
            }
            self.campo.write(|tx| Ok(arquivos::received(tx, vez, &place, offset)?))?;
            counter.store(offset, Ordering::Relaxed);
            let has = if offset >= vez.tamanho {
                Ok(offset)
            } else {
                let body = Body::open(self, vez, path, &counter, progress);
                self.append(vez, &place, offset, body, went)
            };
            match has {
                Ok(has) if has >= vez.tamanho => {
                    let now = Utc::now();
                    self.campo
                        .write(|tx| Ok(arquivos::sent(tx, vez, Some(&place), false, now)?))?;
                    return Ok(End::Sent);
                }
                Ok(_) => {
                    cuts += 1;
                    if cuts >= CUTS_MAX {
                        let error = HttpError::Broken(io::Error::other("the server takes nothing"));
                        return Ok(End::Failed { error, offline: false, moved: false });
                    }
                }
                Err(End::Failed { error, .. }) if resumes(&error) => {
                    cuts += 1;
                    if cuts >= CUTS_MAX {
                        return Ok(End::Failed { error, offline: false, moved: false });
                    }
                }
                Err(End::Failed { error: HttpError::Status(problem), .. })
                    if vez.variante != Variante::Original && !problem.passing() =>
                {
                    return Ok(End::GivenUp(Envio::Recusado, problem.mensagem));
                }
                Err(end) => return Ok(end),
            }
            url = Some(place);
            std::thread::sleep(AFTER_CUT * cuts);
        }
    }

    /// Where the file goes and how much of it is there; `None` if the server needs nothing of it.
    fn place(
        &self,
        vez: &Vez,
        url: Option<String>,
        places: &mut u32,
    ) -> Result<Option<(String, u64)>, End> {
        let transfer = &self.campo.transfer;
        if let Some(url) = url {
            match self.access.call(|server, bearer| transfer.offset(server, bearer, &url)) {
                Ok(offset) => return Ok(Some((url, offset))),
                // The server forgot it, or finished with it: it has to be asked for anew.
                Err(Failure::Http(HttpError::Status(problem)))
                    if matches!(problem.status, 404 | 410) && *places < 2 =>
                {
                    self.campo.write(|tx| Ok(arquivos::opened(tx, vez, None)?))?;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        *places += 1;
        let upload = Upload {
            documento: vez.document,
            anexo: vez.item,
            variante: vez.variante,
            sha256: &vez.sha256,
            tamanho: vez.tamanho,
        };
        let created = self.access.call(|server, bearer| transfer.create(server, bearer, &upload));
        let Created { path, offset, verificada } = match created {
            Ok(created) => created,
            Err(Failure::Http(HttpError::Status(problem))) if !problem.passing() => {
                return Err(self.not_taken(vez, problem)?);
            }
            Err(failure) => return Err(failure.into()),
        };
        if offset >= vez.tamanho {
            let now = Utc::now();
            self.campo.write(|tx| Ok(arquivos::sent(tx, vez, None, verificada, now)?))?;
            return Ok(None);
        }
        self.campo.write(|tx| Ok(arquivos::opened(tx, vez, Some(&path))?))?;
        Ok(Some((path, offset)))
    }

    /// The server does not take a file. Of a record in sight its document will say what became of
    /// an original; of any other nobody will.
    fn not_taken(&self, vez: &Vez, problem: Problem) -> Result<End, Error> {
        if problem.status == 410 && problem.codigo == "anexo_removido" {
            self.campo.write(|tx| Ok(arquivos::unwanted(tx, vez)?))?;
            return Ok(End::Nothing);
        }
        if vez.variante != Variante::Original {
            return Ok(End::GivenUp(Envio::Recusado, problem.mensagem));
        }
        let account = self.access.account;
        let sees = self.campo.read(|conn| Ok(documents::in_scope(conn, account, vez.document)?))?;
        if matches!(problem.status, 404 | 410) && sees != Some(true) {
            let erro = "O servidor não tem mais o registro desta foto, ou ele saiu do seu alcance, \
                        e ela não pode ser enviada.";
            return Ok(End::GivenUp(Envio::Recusado, erro.to_owned()));
        }
        Ok(Failure::Http(HttpError::Status(problem)).into())
    }

    fn append(
        &self,
        vez: &Vez,
        url: &str,
        offset: u64,
        body: io::Result<Body<'_>>,
        went: &mut u64,
    ) -> Result<u64, End> {
        let mut body = body.map_err(|error| lost(&error))?;
        let transfer = &self.campo.transfer;
        let length = vez.tamanho - offset;
        let has = self.access.call(|server, bearer| {
            body.from(offset).map_err(HttpError::Broken)?;
            transfer.append(server, bearer, url, offset, (length, &mut body))
        });
        *went += body.went;
        self.state().report.bytes += body.went;
        if let Some(error) = &body.unread {
            return Err(lost(error));
        }
        match (has, body.halted) {
            (Err(Failure::Http(_)), Some(parada)) => Err(End::Stopped(parada)),
            (has, _) => has.map_err(End::from),
        }
    }
}

/// A file that is on its way, until it is dropped.
struct Turn<'a> {
    run: &'a Run<'a>,
    vez: &'a Vez,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Vez { anexo, document, item, variante, .. } = *self.vez;
        self.run.campo.fotos.sending.end((document, item, variante));
        self.run.state().busy.remove(&(anexo, variante));
        self.run.turn.notify_all();
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

/// Whether the file is here and, as far as one can tell at once, whole. After the server has
/// discarded it once, all of it is looked at: what is damaged is never sent again.
fn intact(path: &Path, vez: &Vez) -> Result<(), End> {
    let tamanho = path.metadata().map_err(|error| lost(&error))?.len();
    let read_again = vez.recusas > 0 && vez.variante == Variante::Original;
    let same = tamanho == vez.tamanho
        && (!read_again || files::hash(path).map_err(|error| lost(&error))?.0 == vez.sha256);
    if same {
        return Ok(());
    }
    let erro = "O arquivo mudou neste aparelho depois de registrado e não pode ser enviado. \
                Se ainda tiver a foto, anexe de novo.";
    Err(End::GivenUp(Envio::Danificado, erro.to_owned()))
}

fn lost(error: &io::Error) -> End {
    if error.kind() == io::ErrorKind::NotFound {
        let erro = "O arquivo não está mais neste aparelho e não pode ser enviado. \
                    Se ainda tiver a foto, anexe de novo.";
        return End::GivenUp(Envio::Perdido, erro.to_owned());
    }
    End::Unread
}

/// The bytes of a file on their way: gives no more of them once they may not go.
struct Body<'a> {
    run: &'a Run<'a>,
    vez: &'a Vez,
    file: File,
    at: u64,
    counter: &'a Arc<AtomicU64>,
    progress: &'a Sender<EnvioProgress>,
    went: u64,
    halted: Option<Parada>,
    /// Why the file could not be read: not the network's fault.
    unread: Option<io::Error>,
}

impl<'a> Body<'a> {
    fn open(
        run: &'a Run<'a>,
        vez: &'a Vez,
        path: &Path,
        counter: &'a Arc<AtomicU64>,
        progress: &'a Sender<EnvioProgress>,
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        let (at, went, halted, unread) = (0, 0, None, None);
        Ok(Body { run, vez, file, at, counter, progress, went, halted, unread })
    }

    fn from(&mut self, offset: u64) -> io::Result<()> {
        self.at = offset;
        let sought = self.file.seek(SeekFrom::Start(offset));
        sought.map(|_| ()).map_err(|error| self.failed(error))
    }

    fn some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 && self.at < self.vez.tamanho {
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
        self.halted = self.run.halt(self.vez.variante);
        if self.halted.is_some() {
            return Err(io::Error::other("stopped"));
        }
        let left = usize::try_from(self.vez.tamanho - self.at).unwrap_or(BUFFER);
        let most = buffer.len().min(BUFFER).min(left);
        let n = self.some(&mut buffer[..most]).map_err(|error| self.failed(error))?;
        self.at += n as u64;
        self.went += n as u64;
        self.counter.store(self.at, Ordering::Relaxed);
        let Vez { document, item, variante, tamanho, .. } = *self.vez;
        // Whoever watches may have gone; the file goes on.
        let _ = self.progress.send(EnvioProgress {
            documento: document,
            anexo: item,
            variante,
            enviado: self.at,
            tamanho,
        });
        Ok(n)
    }
}
