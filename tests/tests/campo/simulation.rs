//! Seeds of the simulator: on the memory ledger by the hundred, on PostgreSQL a few, and with
//! mistakes built in, to see that the checkers bite. `simulate` runs as many as there is time for.

use campo_tests::{
    Sabotage,
    memory::MemoryLedger,
    postgres::PostgresLedger,
    trace::Totals,
    world::{Config, Run, simulate},
};
use std::ops::Range;

fn run(seed: u64, sabotage: Option<Sabotage>) -> Run {
    let config = Config { sabotage, ..Config::seed(seed) };
    simulate(config, &mut MemoryLedger::new(seed, sabotage))
}

/// Runs the seeds; the first that fails says how to see it again.
fn pass(seeds: Range<u64>) -> Totals {
    let mut totals = Totals::new();
    for seed in seeds {
        let run = run(seed, None);
        if let Some(violation) = &run.violation {
            panic!("seed {seed}: {violation}\nsee it: simulate --seed {seed}");
        }
        for (kind, count) in &run.totals {
            *totals.entry(kind).or_default() += count;
        }
    }
    totals
}

#[test]
fn the_first_days_go_well_and_everything_that_can_happen_happens() {
    let totals = pass(0..70);
    let count = |kind: &str| totals.get(kind).copied().unwrap_or(0);
    for kind in [
        "fault: answer lost",
        "fault: request lost",
        "fault: duplicated",
        "fault: cut off",
        "fault: crash",
        "fault: restored",
        "verdict: accepted",
        "verdict: known",
        "verdict: missing",
        "verdict: held",
        "verdict: refused",
        "granted",
        "revoked",
        "office: approved",
        "office: discarded",
        "office: groups",
        "portal: command",
        "transition done",
        "transition refused",
        "agreed",
        "forged",
        "wait ended",
        "agreed on what waits",
        "fotos_a_caminho",
        "fault: store died",
        "photo: recebida",
        "photo: recusada",
        "photo: verificada",
        "photo: ends a wait",
        "photo: nothing new",
        "photo: lost on its way",
        "photo: nobody has it",
        "photo: not declared yet",
        "photo: of a closed record",
        "photo: of a restricted record",
        "photo: removed meanwhile",
        "photo: after it was verified",
        "photo: sent by another phone before",
        "photo: sent twice",
        "e-mail",
        "did: incluir item",
        "did: incluir despesa",
        "did: incluir anexo",
        "did: incluir vínculo",
        "did: interessar",
        "did: anotar",
        "did: anotar ao cliente",
        "did: análise parcial",
        "did: encaminhar",
        "did: laudo",
        "did: solução",
        "did: restringir",
        "did: liberar",
        "did: solicitar ação",
        "did: responder ação",
    ] {
        assert!(count(kind) > 0, "{kind} never happened: {totals:?}");
    }
}

#[test]
fn the_next_days_go_well() {
    pass(70..140);
}

#[test]
fn the_days_after_them_go_well() {
    pass(140..210);
}

#[test]
fn the_same_days_go_well_on_postgresql_where_the_projection_is_what_a_rebuild_gives() {
    let mut ledger = PostgresLedger::new().unwrap();
    // Every preset comes first once, and once more.
    for seed in 0..10 {
        let run = simulate(Config::seed(seed), &mut ledger);
        if let Some(violation) = &run.violation {
            panic!("seed {seed}: {violation}\nsee it: simulate --store postgres --seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_day() {
    for seed in [3, 77] {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!(first.hash, second.hash);
        assert_eq!(first.totals, second.totals);
    }
    assert_ne!(run(3, None).hash, run(4, None).hash);
}

/// Within these seeds the mistake is found.
fn found(sabotage: Sabotage, seeds: Range<u64>) {
    let found = seeds.clone().find(|seed| run(*seed, Some(sabotage)).violation.is_some());
    assert!(found.is_some(), "{} was not found in {seeds:?}", sabotage.name());
}

#[test]
fn a_server_that_skips_the_dependency_check_is_found() {
    found(Sabotage::SkipDependencies, 0..20);
}

#[test]
fn a_server_that_takes_positions_before_the_work_is_found() {
    found(Sabotage::SequenceBeforeWork, 0..40);
}

#[test]
fn a_device_that_drops_its_outbox_on_a_refusal_is_found() {
    found(Sabotage::DropOutboxOnRefusal, 0..20);
}

#[test]
fn a_server_that_compares_only_heads_when_it_commits_is_found() {
    found(Sabotage::CompareOnlyHeads, 430..460);
}

#[test]
fn a_pull_that_ignores_who_may_see_a_case_is_found() {
    found(Sabotage::PullIgnoresRestriction, 0..20);
}

#[test]
fn a_server_that_takes_declared_photos_for_verified_is_found() {
    found(Sabotage::BelieveDeclaredPhotos, 0..20);
}

#[test]
fn a_server_that_forgets_who_waits_for_photos_is_found() {
    found(Sabotage::ForgetWhoWaits, 0..20);
}
