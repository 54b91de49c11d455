//! Runs the simulator: `simulate --seeds 1000`, or one seed with its trace: `simulate --seed 7`.

use anyhow::bail;
use campo_tests::{
    Sabotage,
    memory::MemoryLedger,
    postgres::PostgresLedger,
    trace::Totals,
    world::{Config, Run, simulate},
};
use clap::{Parser, ValueEnum};
use std::{process::ExitCode, time::Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    Memory,
    Postgres,
}

/// Phones, a server and an office, by seed.
#[derive(Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed; with one seed only, its trace is printed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What the server keeps its data in.
    #[arg(long, value_enum, default_value = "memory")]
    store: Store,
    /// Steps with faults on, for each seed.
    #[arg(long, default_value_t = Config::seed(0).steps)]
    steps: u32,
    /// Reports every seed that fails instead of stopping at the first.
    #[arg(long)]
    keep_going: bool,
    /// Builds a mistake in, to see that it is found.
    #[arg(long, value_parser = sabotage)]
    sabotage: Option<Sabotage>,
}

fn sabotage(name: &str) -> Result<Sabotage, String> {
    let all = Sabotage::ALL;
    let names = all.map(Sabotage::name).join(", ");
    all.into_iter().find(|s| s.name() == name).ok_or(format!("use one of {names}"))
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.store == Store::Postgres && args.sabotage.is_some() {
        bail!("the mistakes are built into the memory ledger: use --store memory");
    }
    let mut postgres = match args.store {
        Store::Postgres => Some(PostgresLedger::new()?),
        Store::Memory => None,
    };
    let start = Instant::now();
    let mut totals = Totals::new();
    let mut failed = 0;
    for seed in args.seed..args.seed + args.seeds {
        let readable = args.seeds == 1;
        let config = Config { seed, steps: args.steps, sabotage: args.sabotage, readable };
        let run = match &mut postgres {
            Some(postgres) => simulate(config, postgres),
            None => simulate(config, &mut MemoryLedger::new(seed, args.sabotage)),
        };
        run.lines.iter().for_each(|line| println!("{line}"));
        for (kind, count) in &run.totals {
            *totals.entry(kind).or_default() += count;
        }
        if run.violation.is_some() {
            report(&args, &run);
            failed += 1;
            if !args.keep_going {
                return Ok(ExitCode::FAILURE);
            }
        }
        if readable {
            println!("trace hash {:016x}", run.hash);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    for (kind, count) in &totals {
        println!("{count:>10}  {kind}");
    }
    let rate = args.seeds as f64 / seconds;
    println!("{} seeds in {seconds:.1} s, {rate:.0} seeds/s, {failed} failed", args.seeds);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(args: &Args, run: &Run) {
    let seed = run.config.seed;
    if let Some(violation) = &run.violation {
        println!("seed {seed}: {violation}");
    }
    let sabotage = args.sabotage.map_or(String::new(), |s| format!(" --sabotage {}", s.name()));
    let steps = args.steps;
    println!(
        "again: cargo run --release -p campo-tests --bin simulate -- --seed {seed} --steps {steps}\
         {sabotage}"
    );
}
