//! A device as a process of its own that takes photos, or sends them, to be killed in the middle of
//! it or to have its memory measured. The last line on stdout says what was done and the most
//! memory that it took.

use anyhow::{Context, Result, bail};
use campo_domain::ids::DocumentId;
use campo_mobile_core::{Network, NewPhoto, Phone, PhotoSource};
use campo_tests::{memory_use::peak_kb, pictures::numbered};
use clap::Parser;
use std::{fs, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

/// How often it tries to send.
const TRIES: u32 = 2_000;

#[derive(Parser)]
struct Args {
    /// File of the device.
    #[arg(long)]
    db: PathBuf,
    /// Takes so many photos, and sends nothing. Without it, sends until all are verified.
    #[arg(long, requires_all = ["caso", "foto"])]
    take: Option<u64>,
    /// The record that they are of.
    #[arg(long)]
    caso: Option<DocumentId>,
    /// What they show.
    #[arg(long)]
    foto: Option<PathBuf>,
    /// The number of the first: of other numbers, other bytes.
    #[arg(long, default_value_t = 0)]
    first: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let campo = Phone::open(&args.db, None)?;
    let done = match args.take {
        Some(photos) => take(&campo, &args, photos)?,
        None => send(&campo)?,
    };
    println!("{done} {}", peak_kb("self")?);
    Ok(())
}

fn take(campo: &Phone, args: &Args, photos: u64) -> Result<&'static str> {
    let (caso, foto) = args.caso.zip(args.foto.as_ref()).context("neither record nor photo")?;
    let jpeg = fs::read(foto)?;
    for number in args.first..args.first + photos {
        let bytes = numbered(&jpeg, number)?;
        let nova = NewPhoto {
            source: PhotoSource::Bytes(&bytes),
            name: "foto.jpg",
            category: "avaria",
            caption: None,
            taken_at: None,
            position: None,
        };
        campo.add_photo(caso, &nova)?;
    }
    Ok("tiradas")
}

fn send(campo: &Phone) -> Result<&'static str> {
    campo.set_network(Network::WiFi);
    for _ in 0..TRIES {
        // Without a server it tries again: that is what this is for.
        let never = AtomicBool::new(false);
        let _ = campo.sync_now(&|_| {}, &never);
        let _ = campo.enviar_fotos(&never, &|_| {});
        if campo.armazenamento()?.waiting == 0 {
            return Ok("conferidas");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("not all photos were verified")
}
