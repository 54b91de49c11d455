//! How long one photo takes, beside what `vipsthumbnail` takes for the same two sizes.
//!
//! `cargo bench -p campo-fotos` makes a 12 MP photo of some 4 MB and prints a table. Ours runs in
//! this process, one decode for both sizes; `vipsthumbnail` runs once for each size, as its command
//! line demands, and starts a process each time.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const LARGURA: u32 = 4000;
const ALTURA: u32 = 3000;
const VEZES: usize = 15;

fn main() {
    if !std::env::args().any(|a| a == "--bench") {
        return; // `cargo test --all-targets` has no use for it
    }
    let foto = foto();
    println!("{LARGURA}×{ALTURA}, {:.1} MB, {VEZES} times each, median\n", foto.len() as f64 / 1e6);
    println!("{:<44}{:>10}{:>10}", "", "wall ms", "CPU ms");
    let antes = memoria("VmRSS");
    let nossa = medir(|| {
        let derivadas = campo_fotos::derivar(&foto, false);
        assert!(derivadas.is_ok_and(|d| d.previa.len() > 1000 && d.miniatura.len() > 1000));
    });
    let pico = memoria("VmHWM");
    linha("campo-fotos: derivar (1600 + 320)", nossa);
    linha("campo-fotos: inteira", medir(|| assert!(campo_fotos::inteira(&foto).is_ok())));

    let pasta = std::env::temp_dir().join(format!("campo-fotos-bench-{}", std::process::id()));
    let vips = vips(&pasta, &foto);
    let _ = std::fs::remove_dir_all(&pasta);
    match vips {
        Some(tempo) => {
            linha("vipsthumbnail: 1600x1600, then 320x320", tempo);
            println!("\nours / theirs: {:.2}", nossa.0.as_secs_f64() / tempo.0.as_secs_f64());
        }
        None => println!("\nvipsthumbnail is absent (Debian: libvips-tools): nothing to compare"),
    }
    if let (Some(antes), Some(pico)) = (antes, pico) {
        println!("peak memory of derivar: {} MiB above the photo itself", (pico - antes) / 1024);
    }
}

fn linha(nome: &str, (parede, cpu): (Duration, Duration)) {
    println!("{nome:<44}{:>10.1}{:>10.1}", parede.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3);
}

/// Median time on the wall, and mean CPU time of this process and of those it has waited for.
fn medir(mut uma: impl FnMut()) -> (Duration, Duration) {
    uma();
    let cpu = cpu();
    let mut paredes: Vec<Duration> = (0..VEZES)
        .map(|_| {
            let inicio = Instant::now();
            uma();
            inicio.elapsed()
        })
        .collect();
    let cpu = (self::cpu() - cpu) / VEZES as u32;
    paredes.sort();
    (paredes[VEZES / 2], cpu)
}

fn vips(pasta: &Path, foto: &[u8]) -> Option<(Duration, Duration)> {
    let entrada = pasta.join("foto.jpg");
    std::fs::create_dir_all(pasta).ok()?;
    std::fs::write(&entrada, foto).ok()?;
    let rodar = |lado: &str, saida: &str| {
        let mut comando = Command::new("vipsthumbnail");
        comando.arg(&entrada).args(["--size", lado, "-o"]).arg(pasta.join(saida));
        comando.status().is_ok_and(|s| s.success())
    };
    if !rodar("320x320", "b.jpg") {
        return None;
    }
    Some(medir(|| assert!(rodar("1600x1600", "a.jpg") && rodar("320x320", "b.jpg"))))
}

/// CPU time so far, in ticks of 10 ms; zero where there is no `/proc`.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let depois_do_nome = stat.rsplit(')').next().unwrap_or_default();
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), the name being the second.
    let ticks = depois_do_nome.split_whitespace().skip(11).take(4);
    Duration::from_millis(10 * ticks.filter_map(|t| t.parse::<u64>().ok()).sum::<u64>())
}

/// A line of `/proc/self/status`, in KiB.
fn memoria(nome: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let linha = status.lines().find(|l| l.starts_with(nome))?;
    linha.split_whitespace().nth(1)?.parse().ok()
}

/// A 12 MP photo: gradients, edges, texture and the noise of a small sensor.
fn foto() -> Vec<u8> {
    let mut rgb = Vec::with_capacity((LARGURA * ALTURA * 3) as usize);
    let mut acaso = 0x1234_5678_u32;
    for y in 0..ALTURA {
        for x in 0..LARGURA {
            acaso ^= acaso << 13;
            acaso ^= acaso >> 17;
            acaso ^= acaso << 5;
            let ruido = (acaso >> 24) as f32 / 255.0 * 22.0 - 11.0;
            let caixa = if (x / 97 + y / 61) % 5 == 0 { 60.0 } else { 0.0 };
            let textura = (x as f32 * 0.31).sin() * (y as f32 * 0.27).cos() * 9.0;
            let onda = (x as f32 * 0.013).sin() * (y as f32 * 0.011).cos() * 50.0;
            let (u, v) = (x as f32 / LARGURA as f32, y as f32 / ALTURA as f32);
            let luz = ruido + caixa + textura;
            let cores = [80.0 + 100.0 * u + onda, 70.0 + 110.0 * v - onda, 130.0 + onda / 2.0];
            rgb.extend(cores.map(|c| (c + luz).clamp(0.0, 255.0) as u8));
        }
    }
    campo_fotos::codificar(&rgb, LARGURA, ALTURA, 90)
}
