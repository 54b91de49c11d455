//! One company for a few days: phones, one server and the office in a loop that depends on the seed
//! alone, with a virtual clock. First with faults; then without, until all work is done.

mod agreement;
mod answers;
mod company;
mod field;
mod forgery;
mod office;
mod past;
mod photo;
mod rest;
mod store;
mod timers;
mod wire;

use crate::{
    Sabotage,
    checkers::{Checker, Issued, Violation, violated},
    device::Device,
    dice::Dice,
    ledger::{Ledger, References, Ticket, Wait},
    network::{Faults, Network, Sender},
    oracle::Oracle,
    script::Known,
    staff::Staff,
    trace::{Totals, Trace},
};
use automerge::ChangeHash;
use campo_domain::{
    fluxo::{Guarda, Quem},
    ids::{DocumentId, UserId},
    parte::CATEGORIAS_ANEXO,
    preset,
    tipo::Tipo,
};
use campo_sync::wire::{Limits, SyncRequest, SyncResponse};
use chrono::{DateTime, TimeDelta, Utc};
use photo::{Photo, Upload};
use std::collections::BTreeMap;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Decides everything.
    pub seed: u64,
    /// How many steps with faults on.
    pub steps: u32,
    /// A mistake built in on purpose.
    pub sabotage: Option<Sabotage>,
    /// Whether to keep a readable trace.
    pub readable: bool,
}

impl Config {
    /// The usual run of a seed.
    pub fn seed(seed: u64) -> Self {
        Config { seed, steps: 160, sabotage: None, readable: false }
    }
}

/// How a run went.
#[derive(Debug)]
pub struct Run {
    /// What was run.
    pub config: Config,
    /// What must not be, if anything.
    pub violation: Option<Violation>,
    /// How often each kind of event happened.
    pub totals: Totals,
    /// The hash over the trace.
    pub hash: u64,
    /// The readable trace, where it was asked for.
    pub lines: Vec<String>,
}

type Heads = BTreeMap<DocumentId, Vec<ChangeHash>>;

/// What is under way between phones and server, and inside the server.
#[derive(Clone, Debug)]
enum Message {
    Request(Sender, SyncRequest),
    Commit(Sender, SyncRequest, Ticket),
    /// If it completes a synchronisation, with the heads of all that the person saw at that moment.
    Response(Sender, SyncResponse, Option<Heads>),
    /// What one of the server's processes found to have waited too long.
    Timer(Vec<Wait>),
    /// Of which photo, and what happens to its bytes.
    Photo(usize, Upload),
}

/// The loop.
pub struct World<'a> {
    config: Config,
    dice: Dice,
    trace: Trace,
    now: DateTime<Utc>,
    staff: Staff,
    people: Vec<UserId>,
    ledger: &'a mut dyn Ledger,
    oracle: Oracle,
    network: Network<Message>,
    devices: Vec<Device>,
    backups: Vec<Option<Device>>,
    known: BTreeMap<DocumentId, Known>,
    photos: Vec<Photo>,
    /// What administrators published since the company was founded.
    published: References,
    issued: Vec<Issued>,
    /// On how many records most of the work happens.
    attention: usize,
    /// How many requests were sent.
    requests: u64,
    /// Requests that were sent, of which another phone may send a copy (ff26).
    sent: Vec<SyncRequest>,
}

/// Runs one seed on a ledger that is empty.
pub fn simulate(config: Config, ledger: &mut dyn Ledger) -> Run {
    let mut world = match World::new(config, ledger) {
        Ok(world) => world,
        Err(error) => {
            let violation = Some(violated(Checker::Machinery, format!("{error:#}")));
            let (totals, lines) = (Totals::new(), Vec::new());
            return Run { config, violation, totals, hash: 0, lines };
        }
    };
    let violation = world.run().err();
    let trace = world.trace;
    Run {
        config,
        violation,
        totals: trace.totals().clone(),
        hash: trace.hash(),
        lines: trace.lines().to_vec(),
    }
}

impl<'a> World<'a> {
    fn new(config: Config, ledger: &'a mut dyn Ledger) -> anyhow::Result<Self> {
        let mut dice = Dice::new(config.seed);
        let morning = DateTime::from_timestamp(1_772_452_800, 0).unwrap_or_default();
        let now = morning + TimeDelta::minutes(dice.range(0, 14 * 60));
        let phones = 2 + dice.below(3);
        let without_phone = dice.below(2);
        let staff = Staff::hire(&mut dice, now, phones + without_phone);
        let devices: Vec<Device> = (0..phones)
            .map(|place| {
                let usuario = staff.field[place].id;
                Device::new(dice.uuid(now).into(), usuario, clock(&mut dice), limits(&mut dice))
            })
            .collect();
        let presets = presets(config.seed, &mut dice);
        let newer = asking_for_photos(&presets, &mut dice)?;
        ledger.found(now, &staff.all(), &presets, &newer)?;
        let oracle = Oracle::new(&staff.all(), &presets, &newer)?;
        let network = Network::new(Faults::roll(&mut dice));
        Ok(World {
            config,
            trace: Trace::new(config.readable),
            now,
            people: staff.ids(),
            ledger,
            oracle,
            network,
            backups: vec![None; devices.len()],
            devices,
            // The client with a login is known before its record is.
            known: BTreeMap::from_iter(staff.client.cliente.map(|id| (id, Known::CLIENT))),
            photos: Vec::new(),
            published: References::new(),
            issued: Vec::new(),
            attention: *dice.pick(&[1, 1, 2, 4]),
            requests: 0,
            sent: Vec::new(),
            staff,
            dice,
        })
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.read_log()?;
        self.past()?;
        for _ in 0..self.config.steps {
            self.step()?;
        }
        self.rest()
    }

    /// Time passes, what is due arrives, and somebody does something.
    fn step(&mut self) -> Result<(), Violation> {
        let pause = match self.dice.below(90) {
            // A client lets the company wait.
            0 => TimeDelta::days(self.dice.range(3, 15)),
            1..=3 => TimeDelta::minutes(self.dice.range(30, 600)),
            4..=15 => TimeDelta::minutes(self.dice.range(1, 20)),
            _ => TimeDelta::milliseconds(self.dice.range(1, 5_000)),
        };
        self.now += pause;
        self.trace.at(self.now);
        while let Some(message) = self.network.due(self.now) {
            self.deliver(message)?;
        }
        let who = self.dice.below(self.devices.len() * 2 + 2);
        match who.checked_sub(2) {
            None if self.dice.chance(1, 6) => self.timers(),
            None => self.office(),
            Some(place) => self.field(place % self.devices.len()),
        }
    }

    /// Takes in what the log says since the last time.
    fn read_log(&mut self) -> Result<(), Violation> {
        let rows = self.ledger.rows(self.oracle.rows()).map_err(machinery)?;
        for row in &rows {
            self.read_row(row)?;
        }
        self.check_settled()
    }

    fn name(&self, usuario: UserId) -> &str {
        self.staff.name(usuario)
    }
}

/// One or two of the presets: each in its turn, perhaps with another beside it.
fn presets(seed: u64, dice: &mut Dice) -> Vec<&'static str> {
    let all: Vec<&str> = preset::ids().collect();
    let one = usize::try_from(seed).unwrap_or(0) % all.len();
    let other = dice.below(all.len());
    if one == other { vec![all[one]] } else { vec![all[one], all[other]] }
}

/// Some of the presets' tipos as the company changed them: with photos that some transitions need.
fn asking_for_photos(presets: &[&str], dice: &mut Dice) -> anyhow::Result<Vec<Tipo>> {
    let mut newer = Vec::new();
    for id in presets {
        for mut tipo in preset::carregar(id)?.tipos {
            let goes_anywhere = !tipo.fluxo.transicoes.is_empty();
            if !goes_anywhere || dice.chance(1, 2) {
                continue;
            }
            tipo.versao += 1;
            for _ in 0..dice.range(1, 2) {
                let (categoria, _) = dice.pick(CATEGORIAS_ANEXO);
                tipo.min_fotos.insert((*categoria).to_owned(), 1 + u32::from(dice.chance(1, 4)));
            }
            for transicao in &mut tipo.fluxo.transicoes {
                if !transicao.quem.contains(&Quem::Sistema) && dice.chance(3, 5) {
                    transicao.guardas.push(Guarda::Fotos);
                }
            }
            tipo.validar()?;
            newer.push(tipo);
        }
    }
    Ok(newer)
}

/// Right, an hour off, or years off (ff19).
fn clock(dice: &mut Dice) -> TimeDelta {
    match dice.below(4) {
        0 => TimeDelta::days(-365 * dice.range(1, 25)),
        1 => TimeDelta::days(365 * dice.range(1, 9)),
        2 => TimeDelta::minutes(dice.range(-90, 90)),
        _ => TimeDelta::zero(),
    }
}

/// As the server's, or so small that everything comes in pieces.
fn limits(dice: &mut Dice) -> Limits {
    let mut limits = Limits::DEFAULT;
    if dice.chance(1, 2) {
        limits.page_bytes_max = u32::try_from(dice.range(500, 6_000)).unwrap_or(500);
    }
    if dice.chance(1, 3) {
        limits.push_items_max = u32::try_from(dice.range(1, 4)).unwrap_or(1);
    }
    if dice.chance(1, 4) {
        limits.push_bytes_max = u32::try_from(dice.range(300, 2_000)).unwrap_or(300);
    }
    limits
}

fn machinery(error: anyhow::Error) -> Violation {
    violated(Checker::Machinery, format!("{error:#}"))
}
