//! The road between devices and the server: a proxy that counts requests and does to them what
//! roads do. It keeps its address when the server behind it stops and another one starts.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What becomes of a request.
pub enum Fate {
    /// It arrives, and so does its answer.
    Pass,
    /// It never arrives.
    Cut,
    /// It arrives and is done; the answer is lost.
    Lose,
    /// It arrives; this happens before the answer does.
    Meanwhile(Box<dyn FnOnce() + Send>),
}

type Rule = Box<dyn FnMut(&str) -> Fate + Send>;

struct State {
    to: Mutex<Option<SocketAddr>>,
    rule: Mutex<Rule>,
    log: Mutex<Vec<String>>,
}

/// The road.
pub struct Road {
    /// Where devices think the server is.
    pub url: String,
    state: Arc<State>,
}

impl Road {
    /// A road that leads nowhere yet.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            to: Mutex::new(None),
            rule: Mutex::new(Box::new(|_| Fate::Pass)),
            log: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // What breaks here is what roads do: the device sees a broken connection.
                std::thread::spawn(move || drop(state.carry(stream)));
            }
        });
        Road { url, state }
    }

    /// From now on leads there.
    pub fn leads_to(&self, addr: Option<SocketAddr>) {
        *self.state.to.lock().unwrap() = addr;
    }

    /// From now on the rule decides on each request, by its path.
    pub fn rule(&self, rule: impl FnMut(&str) -> Fate + Send + 'static) {
        *self.state.rule.lock().unwrap() = Box::new(rule);
    }

    /// The next request of that path meets this fate; everything else passes.
    pub fn once(&self, path: &'static str, fate: Fate) {
        let mut fate = Some(fate);
        self.rule(move |asked| match asked == path {
            true => fate.take().unwrap_or(Fate::Pass),
            false => Fate::Pass,
        });
    }

    /// How many requests of that path came by since this was last asked.
    pub fn count(&self, path: &str) -> usize {
        let log = std::mem::take(&mut *self.state.log.lock().unwrap());
        log.iter().filter(|asked| *asked == path).count()
    }
}

impl State {
    fn carry(&self, device: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(device.try_clone()?);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
            if !lower.starts_with("connection:") {
                head.push_str(&line);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.log.lock().unwrap().push(path.clone());
        let fate = (self.rule.lock().unwrap())(&path);
        let to = *self.to.lock().unwrap();
        let (Some(to), false) = (to, matches!(fate, Fate::Cut)) else {
            return device.shutdown(Shutdown::Both);
        };
        let mut server = TcpStream::connect(to)?;
        server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
        server.write_all(&body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        match fate {
            Fate::Lose => return device.shutdown(Shutdown::Both),
            Fate::Meanwhile(happens) => happens(),
            Fate::Pass | Fate::Cut => {}
        }
        (&device).write_all(&answer)?;
        device.shutdown(Shutdown::Write)
    }
}
