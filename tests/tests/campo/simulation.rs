//! The simulator: many seeds pass, each built-in mistake is found, and a seed always tells the same.

use campo_tests::{
    Sabotage,
    memory::MemoryLedger,
    trace::Totals,
    world::{Config, Run, simulate},
};

fn run(seed: u64, steps: u32, sabotage: Option<Sabotage>) -> Run {
    let config = Config { steps, sabotage, ..Config::seed(seed) };
    simulate(config, &mut MemoryLedger::new(seed, sabotage))
}

/// Runs these seeds on two threads; each world has one.
fn all(seeds: std::ops::Range<u64>, steps: u32) -> Vec<Run> {
    let middle = seeds.start.midpoint(seeds.end);
    let half = |seeds: std::ops::Range<u64>| {
        seeds.map(|seed| run(seed, steps, None)).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(move || half(middle..seeds.end));
        let mut runs = half(seeds.start..middle);
        runs.extend(second.join().unwrap());
        runs
    })
}

#[test]
fn hundreds_of_companies_live_through_every_fault() {
    let mut totals = Totals::new();
    for run in all(0..200, 90) {
        let (seed, steps) = (run.config.seed, run.config.steps);
        assert!(
            run.violation.is_none(),
            "seed {seed}: {}\nagain: cargo run --release -p campo-tests --bin simulate -- \
             --seed {seed} --steps {steps}",
            run.violation.unwrap(),
        );
        for (kind, count) in run.totals {
            *totals.entry(kind).or_default() += count;
        }
    }
    // A checker proves nothing of what never happens.
    for kind in [
        "command",
        "refused at the tap",
        "unruly command",
        "forged",
        "stolen",
        "office: command",
        "office: refused",
        "office: approved",
        "office: discarded",
        "office: permits",
        "office: forbids",
        "verdict: accepted",
        "verdict: known",
        "verdict: held",
        "verdict: missing",
        "verdict: refused",
        "transition done",
        "transition refused",
        "fate: accepted",
        "fate: held",
        "fate: refused",
        "granted",
        "revoked",
        "log: reset",
        "sent: change",
        "sent: snapshot",
        "sent: revoked",
        "sent: reference",
        "sent: held decided",
        "page with more to come",
        "page of a first sync",
        "synchronised",
        "replayed",
        "signed in",
        "fault: request lost",
        "fault: answer lost",
        "fault: answer too late",
        "fault: duplicated",
        "fault: timeout",
        "fault: cut off",
        "fault: crash",
        "fault: restored",
        "fault: server died",
    ] {
        assert!(totals.get(kind).is_some_and(|count| *count > 0), "{kind} never happened");
    }
}

#[test]
fn a_seed_always_tells_the_same_story() {
    for seed in [3, 14, 159] {
        let (first, again) = (run(seed, 120, None), run(seed, 120, None));
        assert_eq!((first.hash, first.totals), (again.hash, again.totals), "seed {seed}");
    }
    assert_ne!(run(3, 120, None).hash, run(4, 120, None).hash);
}

fn found(sabotage: Sabotage, seeds: u64) -> Run {
    let runs = (0..seeds).map(|seed| run(seed, Config::seed(seed).steps, Some(sabotage)));
    let mut found = runs.filter(|run| run.violation.is_some());
    found.next().unwrap_or_else(|| panic!("{} was not found", sabotage.name()))
}

#[test]
fn a_server_that_forgets_dependencies_is_found() {
    found(Sabotage::SkipDependencies, 20);
}

#[test]
fn a_server_that_takes_its_place_in_the_log_before_the_work_is_found() {
    found(Sabotage::SequenceBeforeWork, 60);
}

#[test]
fn a_device_that_drops_its_queue_on_a_refusal_is_found() {
    found(Sabotage::DropOutboxOnRefusal, 20);
}

#[test]
fn a_server_that_compares_only_heads_at_commit_is_found() {
    found(Sabotage::CompareOnlyHeads, 300);
}
