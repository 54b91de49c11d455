//! How long one photo takes, beside what `vipsthumbnail` takes for the same two sizes.
//!
//! `cargo bench -p campo-fotos` makes a 12 MP photo of some 4 MB and prints a table. Ours runs in
//! this process, one decode for both sizes; `vipsthumbnail` runs once for each size, as its command
//! line demands, and starts a process each time.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;
const TIMES: usize = 15;

fn main() {
    if !std::env::args().any(|a| a == "--bench") {
        return; // `cargo test --all-targets` has no use for it
    }
    let photo = photo();
    println!("{WIDTH}×{HEIGHT}, {:.1} MB, {TIMES} times each, median\n", photo.len() as f64 / 1e6);
    println!("{:<44}{:>10}{:>10}", "", "wall ms", "CPU ms");
    let before = memory("VmRSS");
    let ours = measure(|| {
        let made = campo_fotos::derive(&photo, false);
        assert!(made.is_ok_and(|d| d.preview.len() > 1000 && d.thumbnail.len() > 1000));
    });
    let peak = memory("VmHWM");
    row("campo-fotos: derive (1600 + 320)", ours);
    row("campo-fotos: verify", measure(|| assert!(campo_fotos::verify(&photo).is_ok())));

    let folder = std::env::temp_dir().join(format!("campo-fotos-bench-{}", std::process::id()));
    let vips = vips(&folder, &photo);
    let _ = std::fs::remove_dir_all(&folder);
    match vips {
        Some(time) => {
            row("vipsthumbnail: 1600x1600, then 320x320", time);
            println!("\nours / theirs: {:.2}", ours.0.as_secs_f64() / time.0.as_secs_f64());
        }
        None => println!("\nvipsthumbnail is absent (Debian: libvips-tools): nothing to compare"),
    }
    if let (Some(before), Some(peak)) = (before, peak) {
        println!("peak memory of derive: {} MiB above the photo itself", (peak - before) / 1024);
    }
}

fn row(name: &str, (wall, cpu): (Duration, Duration)) {
    println!("{name:<44}{:>10.1}{:>10.1}", wall.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3);
}

/// Median time on the wall, and mean CPU time of this process and of those it has waited for.
fn measure(mut once: impl FnMut()) -> (Duration, Duration) {
    once();
    let cpu = cpu();
    let mut walls: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed()
        })
        .collect();
    let cpu = (self::cpu() - cpu) / TIMES as u32;
    walls.sort();
    (walls[TIMES / 2], cpu)
}

fn vips(folder: &Path, photo: &[u8]) -> Option<(Duration, Duration)> {
    let input = folder.join("foto.jpg");
    std::fs::create_dir_all(folder).ok()?;
    std::fs::write(&input, photo).ok()?;
    let run = |side: &str, output: &str| {
        let mut command = Command::new("vipsthumbnail");
        command.arg(&input).args(["--size", side, "-o"]).arg(folder.join(output));
        command.status().is_ok_and(|s| s.success())
    };
    if !run("320x320", "b.jpg") {
        return None;
    }
    Some(measure(|| assert!(run("1600x1600", "a.jpg") && run("320x320", "b.jpg"))))
}

/// CPU time so far, in ticks of 10 ms; zero where there is no `/proc`.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), the name being the second.
    let ticks = after_name.split_whitespace().skip(11).take(4);
    Duration::from_millis(10 * ticks.filter_map(|t| t.parse::<u64>().ok()).sum::<u64>())
}

/// A line of `/proc/self/status`, in KiB.
fn memory(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let row = status.lines().find(|l| l.starts_with(name))?;
    row.split_whitespace().nth(1)?.parse().ok()
}

/// A 12 MP photo: gradients, edges, texture and the noise of a small sensor.
fn photo() -> Vec<u8> {
    let mut rgb = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    let mut random = 0x1234_5678_u32;
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let noise = (random >> 24) as f32 / 255.0 * 22.0 - 11.0;
            let boxes = if (x / 97 + y / 61) % 5 == 0 { 60.0 } else { 0.0 };
            let texture = (x as f32 * 0.31).sin() * (y as f32 * 0.27).cos() * 9.0;
            let wave = (x as f32 * 0.013).sin() * (y as f32 * 0.011).cos() * 50.0;
            let (u, v) = (x as f32 / WIDTH as f32, y as f32 / HEIGHT as f32);
            let light = noise + boxes + texture;
            let colors = [80.0 + 100.0 * u + wave, 70.0 + 110.0 * v - wave, 130.0 + wave / 2.0];
            rgb.extend(colors.map(|c| (c + light).clamp(0.0, 255.0) as u8));
        }
    }
    campo_fotos::encode(&rgb, WIDTH, HEIGHT, 90)
}
