//! A proxy between a device and the server that loses bytes: it passes each request on, counts the
//! bytes, and may break it off at a byte, stall it or change a byte. Its address stays the same
//! when the server behind it stops and another one starts.

use crate::dice::Dice;
use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long a connection may stand still before it is taken for dead.
const IDLE: Duration = Duration::from_secs(60);

/// What happens to a request; positions count bytes of its body from 0.
pub enum Fault {
    /// It passes, and so does its answer.
    Pass,
    /// It never arrives.
    Refuse,
    /// So many bytes of the body arrive; then both ends see a broken connection.
    CutUp(u64),
    /// So many bytes of the answer arrive, its head included.
    CutDown(u64),
    /// So many bytes of the body arrive; then nothing moves for so long, and it breaks.
    Stall(u64, Duration),
    /// The byte at that place arrives wrong.
    Flip(u64),
    /// It arrives and is done; the answer is lost.
    LoseAnswer,
    /// Once so many bytes of the body have passed this happens; then it goes on.
    Meanwhile(u64, Box<dyn FnOnce() + Send>),
}

/// A request as it begins.
#[derive(Clone, Debug)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Everything up to the body.
    pub head: String,
}

impl Request {
    /// A header, by its name in small letters; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(line, _)| line.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value.trim())
    }

    /// How many bytes of body it announces.
    pub fn length(&self) -> u64 {
        self.header("content-length").parse().unwrap_or(0)
    }
}

/// A request that came by, as far as it has come.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The request.
    pub request: Request,
    /// Bytes of its body that went on to the server.
    pub up: u64,
    /// Bytes of the answer that went on to the device.
    pub down: u64,
    /// What the server answered, whether it went on or not.
    pub status: Option<u16>,
}

/// How often which fault happens, in a thousand requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// How many never arrive.
    pub refused: u32,
    /// How many break off on the way up.
    pub cut_up: u32,
    /// How many break off on the way down.
    pub cut_down: u32,
    /// How many arrive with a wrong byte, of uploads.
    pub flipped: u32,
    /// How many lose their answer.
    pub lost: u32,
}

type Rule = Box<dyn FnMut(&Request) -> Fault + Send>;

struct State {
    to: Mutex<Option<SocketAddr>>,
    rule: Mutex<Rule>,
    log: Mutex<Vec<Passed>>,
    /// Counts changes of the rule: stalled connections break at the next one.
    turn: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

/// The proxy.
pub struct Proxy {
    /// Where devices think the server is.
    pub url: String,
    state: Arc<State>,
}

impl Proxy {
    /// A proxy without a server yet.
    ///
    /// # Errors
    /// There is no port.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State {
            to: Mutex::new(None),
            rule: Mutex::new(Box::new(|_| Fault::Pass)),
            log: Mutex::default(),
            turn: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for device in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || {
                    // An error here is a fault as intended: the device sees a broken connection.
                    let _ = state.carry(&device);
                    let _ = device.shutdown(Shutdown::Both);
                });
            }
        });
        Ok(Proxy { url, state })
    }

    /// From now on passes requests on to this server.
    pub fn leads_to(&self, addr: Option<SocketAddr>) {
        *lock(&self.state.to) = addr;
    }

    /// From now on this decides on each request.
    pub fn rule(&self, rule: impl FnMut(&Request) -> Fault + Send + 'static) {
        *lock(&self.state.rule) = Box::new(rule);
        self.state.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// The next request of that method whose path begins so meets this; everything else passes.
    pub fn once(&self, method: &'static str, path: &'static str, fault: Fault) {
        let mut fault = Some(fault);
        self.rule(move |request| {
            match request.method == method && request.path.starts_with(path) {
                true => fault.take().unwrap_or(Fault::Pass),
                false => Fault::Pass,
            }
        });
    }

    /// From now on everything passes.
    pub fn clear(&self) {
        self.rule(|_| Fault::Pass);
    }

    /// From now on faults are random.
    pub fn storm(&self, mut dice: Dice, weather: Weather) {
        self.rule(move |request| weather.fault(&mut dice, request));
    }

    /// Bytes of bodies that went up, since the beginning.
    pub fn up(&self) -> u64 {
        self.state.up.load(Ordering::Relaxed)
    }

    /// Bytes of answers that came down, since the beginning.
    pub fn down(&self) -> u64 {
        self.state.down.load(Ordering::Relaxed)
    }

    /// Every request since the beginning, in the order in which they came.
    pub fn passed(&self) -> Vec<Passed> {
        lock(&self.state.log).clone()
    }
}

impl Weather {
    fn fault(&self, dice: &mut Dice, request: &Request) -> Fault {
        let length = request.length();
        let place = |dice: &mut Dice| match usize::try_from(length) {
            Ok(length) if length > 0 => dice.below(length) as u64,
            _ => 0,
        };
        let chances = [self.refused, self.cut_up, self.cut_down, self.flipped, self.lost];
        let calm = 1_000_u32.saturating_sub(chances.iter().sum());
        let [refused, cut_up, cut_down, flipped, lost] = chances;
        match dice.weighted(&[calm, refused, cut_up, cut_down, flipped, lost]) {
            1 => Fault::Refuse,
            2 => Fault::CutUp(place(dice)),
            3 => Fault::CutDown(dice.below(400) as u64),
            // Only uploads get wrong bytes: synchronisation has checks of its own.
            4 if request.method == "PATCH" => Fault::Flip(place(dice)),
            5 => Fault::LoseAnswer,
            _ => Fault::Pass,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn carry(&self, device: &TcpStream) -> Result<()> {
        device.set_read_timeout(Some(IDLE))?;
        let Some((request, begun)) = head(device)? else { return Ok(()) };
        let turn = self.turn.load(Ordering::Relaxed);
        let fault = (lock(&self.rule))(&request);
        let to = *lock(&self.to);
        let head = request.head.lines();
        let head: Vec<_> =
            head.filter(|line| !line.to_lowercase().starts_with("connection:")).collect();
        let head = format!("{}\r\nconnection: close\r\n\r\n", head.join("\r\n"));
        let number = {
            let mut log = lock(&self.log);
            log.push(Passed { request, up: 0, down: 0, status: None });
            log.len() - 1
        };
        let (Some(to), false) = (to, matches!(fault, Fault::Refuse)) else { return Ok(()) };
        let (mut down_max, mut lost) = (u64::MAX, false);
        match fault {
            Fault::CutDown(bytes) => down_max = bytes,
            Fault::LoseAnswer => lost = true,
            _ => {}
        }
        let server = TcpStream::connect(to)?;
        server.set_read_timeout(Some(IDLE))?;
        (&server).write_all(head.as_bytes())?;
        std::thread::scope(|scope| {
            scope.spawn(|| self.send(device, &server, &begun, fault, (number, turn)));
            self.answer(&server, device, number, down_max, lost);
            // The end of the answer ends the request, even if part of the body was not sent.
            let _ = device.shutdown(Shutdown::Both);
        });
        Ok(())
    }

    fn count(&self, number: usize, count: impl FnOnce(&mut Passed)) {
        if let Some(passed) = lock(&self.log).get_mut(number) {
            count(passed);
        }
    }

    /// Carries the body until it ends or breaks.
    fn send(
        &self,
        mut device: &TcpStream,
        mut server: &TcpStream,
        begun: &[u8],
        fault: Fault,
        (number, turn): (usize, u64),
    ) {
        let (mut gone, mut fault) = (0_u64, fault);
        let mut buffer = [0; 16 * 1024];
        let mut piece = begun.to_vec();
        loop {
            let end = gone + piece.len() as u64;
            let mut broken = false;
            match &mut fault {
                Fault::CutUp(at) | Fault::Stall(at, _) if *at <= end => {
                    piece.truncate(usize::try_from(*at - gone).unwrap_or(0));
                    broken = true;
                }
                Fault::Flip(at) if (gone..end).contains(at) => {
                    piece[usize::try_from(*at - gone).unwrap_or(0)] ^= 0x20;
                }
                _ => {}
            }
            // Break the device's connection first, so that no answer to the partial body reaches
            // it.
            if matches!(fault, Fault::CutUp(_)) && broken {
                let _ = device.shutdown(Shutdown::Both);
            }
            // Counted before it is sent, so that the counts are complete when the answer arrives.
            gone += piece.len() as u64;
            self.up.fetch_add(piece.len() as u64, Ordering::Relaxed);
            self.count(number, |passed| passed.up = gone);
            if server.write_all(&piece).is_err() {
                return;
            }
            if broken {
                if let Fault::Stall(_, time) = fault {
                    self.stand_still(turn, time);
                }
                let _ = device.shutdown(Shutdown::Both);
                // The server reads what arrived, and then that there is no more.
                let _ = server.shutdown(Shutdown::Write);
                return;
            }
            if matches!(fault, Fault::Meanwhile(at, _) if at <= gone)
                && let Fault::Meanwhile(_, happens) = std::mem::replace(&mut fault, Fault::Pass)
            {
                happens();
            }
            match device.read(&mut buffer) {
                Ok(length) if length > 0 => piece = buffer[..length].to_vec(),
                // The device has gone, or waits for its answer no longer.
                _ => {
                    let _ = server.shutdown(Shutdown::Write);
                    return;
                }
            }
        }
    }

    fn stand_still(&self, turn: u64, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && self.turn.load(Ordering::Relaxed) == turn {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Carries the answer until it ends or breaks.
    fn answer(
        &self,
        mut server: &TcpStream,
        mut device: &TcpStream,
        number: usize,
        down_max: u64,
        lost: bool,
    ) {
        let mut gone = 0_u64;
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = server.read(&mut buffer) {
            let piece = &buffer[..length];
            self.count(number, |passed| passed.status = passed.status.or_else(|| status(piece)));
            if lost {
                continue;
            }
            let left = usize::try_from(down_max - gone).unwrap_or(usize::MAX);
            let piece = &piece[..length.min(left)];
            gone += piece.len() as u64;
            self.down.fetch_add(piece.len() as u64, Ordering::Relaxed);
            self.count(number, |passed| passed.down = gone);
            if device.write_all(piece).is_err() || gone == down_max {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    }
}

/// The status of an answer, from its first bytes.
fn status(begun: &[u8]) -> Option<u16> {
    std::str::from_utf8(begun.get(..12)?).ok()?.split(' ').nth(1)?.parse().ok()
}

/// Reads a request up to its body, and what of the body came with it.
fn head(mut device: &TcpStream) -> Result<Option<(Request, Vec<u8>)>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4 * 1024]);
    loop {
        if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = all.split_off(end + 4);
            all.truncate(end);
            let head = String::from_utf8_lossy(&all).into_owned();
            let mut words = head.split(' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (method, path) = (word(), word());
            return Ok(Some((Request { method, path, head }, body)));
        }
        if all.len() > HEAD_BYTES_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "a head without an end"));
        }
        match device.read(&mut buffer)? {
            0 => return Ok(None),
            length => all.extend_from_slice(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// A server that tells what arrived of each body, and answers with it.
    fn echo(proxy: &Proxy) -> Receiver<Vec<u8>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        proxy.leads_to(Some(listener.local_addr().unwrap()));
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (request, mut body) = head(&stream).unwrap().unwrap();
                let mut buffer = [0; 1_000];
                while (body.len() as u64) < request.length() {
                    match (&stream).read(&mut buffer) {
                        Ok(length) if length > 0 => body.extend_from_slice(&buffer[..length]),
                        _ => break,
                    }
                }
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = (&stream).write_all(answer.as_bytes());
                let _ = (&stream).write_all(&body);
                tell.send(body).unwrap();
            }
        });
        told
    }

    fn send(proxy: &Proxy, body: &[u8]) -> std::result::Result<Vec<u8>, ureq::Error> {
        let url = format!("{}/v1/arquivos/x", proxy.url);
        ureq::patch(url).send(body)?.into_body().read_to_vec()
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let proxy = Proxy::start().unwrap();
        let told = echo(&proxy);
        let body: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let meet = |fault| {
            proxy.once("PATCH", "/v1/", fault);
            send(&proxy, &body)
        };
        assert_eq!(meet(Fault::Pass).unwrap(), body);
        assert_eq!(told.recv().unwrap(), body);
        assert!(meet(Fault::Refuse).is_err());
        assert!(meet(Fault::CutUp(70_001)).is_err());
        assert_eq!(told.recv().unwrap(), body[..70_001]);
        assert!(meet(Fault::CutUp(0)).is_err());
        assert_eq!(told.recv().unwrap(), b"");
        assert!(meet(Fault::CutDown(60)).is_err());
        assert_eq!(told.recv().unwrap(), body);
        assert!(meet(Fault::LoseAnswer).is_err());
        assert_eq!(told.recv().unwrap(), body);
        let flipped = meet(Fault::Flip(50_000)).unwrap();
        assert_eq!(flipped, told.recv().unwrap());
        assert_eq!(flipped.iter().zip(&body).filter(|(is, was)| is != was).count(), 1);
        assert_ne!(flipped[50_000], body[50_000]);
        let begun = Instant::now();
        assert!(meet(Fault::Stall(10, Duration::from_millis(300))).is_err());
        assert!(begun.elapsed() >= Duration::from_millis(300));
        assert_eq!(told.recv().unwrap(), body[..10]);
        let (tell, happened) = channel();
        let happens = Box::new(move || tell.send(()).unwrap());
        assert_eq!(meet(Fault::Meanwhile(20_000, happens)).unwrap(), body);
        happened.recv().unwrap();

        let passed = proxy.passed();
        assert_eq!(passed.len(), 9);
        assert!(passed.iter().all(|one| one.request.length() == 100_000));
        assert_eq!((passed[0].up, passed[0].status), (100_000, Some(200)));
        assert_eq!((passed[1].up, passed[1].status), (0, None));
        assert_eq!((passed[2].up, passed[4].down), (70_001, 60));
        assert_eq!((passed[5].down, passed[5].status), (0, Some(200)));
        proxy.leads_to(None);
        assert!(send(&proxy, &body).is_err());
    }

    #[test]
    fn what_stands_still_breaks_when_the_road_is_cleared() {
        let proxy = Proxy::start().unwrap();
        let _told = echo(&proxy);
        proxy.once("PATCH", "/", Fault::Stall(5, Duration::from_secs(60)));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let sent = scope.spawn(|| send(&proxy, &[1; 100]).is_err());
            while proxy.up() < 5 {
                std::thread::sleep(Duration::from_millis(5));
            }
            proxy.clear();
            assert!(sent.join().unwrap());
        });
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(send(&proxy, b"agora").unwrap(), b"agora");
    }
}
