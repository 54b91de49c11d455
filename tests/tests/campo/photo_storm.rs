//! Photos in bad weather, by seed: telephones and a server that crash, a road and an object store
//! that fail, wrong bytes, the same photo twice, and an office that closes, hides and hands over
//! records while their photos are on the way. After each step no photo may be said to be safe that
//! is not; when the weather is over every photo must come through.
//!
//! `CAMPO_TESTS_PHOTO_SEEDS=100..200` runs those seeds instead of the few of the suite.

use crate::{
    estudio::{Celular, Estudio, sha256},
    office_api::{Api, Caso},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    registro::SituacaoArquivo,
};
use campo_mobile_core::{Error, PhotoSource, PhotoState, UploadReport};
use campo_server::{
    arquivos::{cleanup, derivatives, sweep, verify},
    objects,
};
use campo_tests::{
    dice::Dice,
    pictures::{self, Shot},
    proxy::{Fault, Weather},
};
use chrono::{TimeDelta, Utc};
use object_store::ObjectStoreExt;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Mutex,
    time::Duration,
};

/// Steps of bad weather for each seed.
const STEPS: u32 = 30;
/// How often everybody tries, once the weather is over.
const ROUNDS: u32 = 30;

/// Some 40 % of all requests come to harm.
const BAD: Weather = Weather { refused: 60, cut_up: 120, cut_down: 40, flipped: 120, lost: 80 };

/// A photo that somebody took.
struct Foto {
    caso: DocumentId,
    anexo: ItemId,
    /// Its place among the contents.
    que: usize,
    /// Whose telephone.
    de: usize,
}

struct Storm {
    seed: u64,
    dice: Dice,
    estudio: Estudio,
    pessoas: Vec<Api>,
    celulares: Vec<Celular>,
    casos: Vec<Caso>,
    /// What there is to photograph, with its hash.
    contents: Vec<(&'static str, Vec<u8>, String)>,
    fotos: Vec<Foto>,
    weather: Option<Weather>,
    told: Vec<String>,
    /// What happened how often.
    totals: BTreeMap<&'static str, u32>,
}

impl Drop for Storm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            println!("seed {seed}:\n  {}", self.told.join("\n  "));
            println!("see it: CAMPO_TESTS_PHOTO_SEEDS={seed}..{}", seed + 1);
        }
    }
}

fn contents() -> Vec<(&'static str, Vec<u8>, String)> {
    let contents = [
        ("menor.jpg", Shot::new(1, 320, 240).jpeg().unwrap()),
        ("deitada.jpg", Shot::new(2, 900, 700).held(6).jpeg().unwrap()),
        ("maior.jpg", Shot::new(3, 1_600, 1_200).jpeg().unwrap()),
        ("tela.png", Shot::new(4, 300, 200).png().unwrap()),
        ("nota.bin", pictures::noise(5, 400_000)),
    ];
    contents.map(|(nome, bytes)| (nome, bytes.clone(), sha256(&bytes))).to_vec()
}

/// As the app does it: what is known of photos first, then the photos.
fn send(celular: &Celular) -> Result<UploadReport, Error> {
    // What cannot be reached now is tried again later.
    let _ = celular.tenta_sync();
    celular.tentar_fotos_agora()?;
    celular.tenta_enviar()
}

impl Storm {
    fn new(seed: u64) -> Self {
        let estudio = Estudio::com(&[], seed);
        // One sees only what is hers; the other two see everything that is not restricted.
        let pessoas = [("lia", "ver"), ("rui", "ver ver_todas"), ("eva", "ver ver_todas")];
        let pessoas: Vec<_> =
            pessoas.iter().map(|(login, permissoes)| estudio.pessoa(login, permissoes)).collect();
        let casos: Vec<_> = (0..3).map(|_| estudio.caso(&estudio.adm)).collect();
        for caso in &casos {
            estudio.adm.altera(caso, json!({ "responsavel": pessoas[0].id })).feito();
        }
        let celulares = pessoas.iter().map(|quem| estudio.celular(quem)).collect();
        let mut dice = Dice::new(seed);
        let weather = dice.chance(1, 2).then_some(BAD);
        Storm {
            seed,
            dice,
            estudio,
            pessoas,
            celulares,
            casos,
            contents: contents(),
            fotos: Vec::new(),
            weather,
            told: Vec::new(),
            totals: BTreeMap::new(),
        }
    }

    fn tell(&mut self, what: &'static str, detail: impl std::fmt::Display) {
        *self.totals.entry(what).or_default() += 1;
        self.told.push(format!("{what} {detail}"));
    }

    /// The road as it is in this weather.
    fn road(&mut self) {
        match self.weather {
            Some(weather) => self.estudio.proxy.storm(self.dice.fork(), weather),
            None => self.estudio.proxy.clear(),
        }
    }

    fn step(&mut self) {
        let who = self.dice.below(self.celulares.len());
        match self.dice.weighted(&[18, 8, 30, 9, 7, 5, 8, 6, 6]) {
            0 => self.photograph(who),
            1 => {
                let done = self.celulares[who].tenta_sync().is_ok();
                self.tell("sync", format!("{who}: {done}"));
            }
            2 => {
                let report = send(&self.celulares[who]);
                self.tell("send", format!("{who}: {report:?}"));
            }
            3 => self.crash_of_a_device(who),
            4 => self.end_of_the_server(who),
            5 => self.clean_up(who),
            6 => self.office(),
            7 => {
                self.weather = self.dice.chance(2, 3).then_some(BAD);
                self.tell("weather", format!("{:?}", self.weather));
            }
            _ => {
                let per_mille = *self.dice.pick(&[0, 0, 150, 400]);
                self.estudio.store.fail(per_mille);
                self.tell("store", per_mille);
            }
        }
    }

    fn photograph(&mut self, who: usize) {
        let (caso, que) = (self.dice.below(self.casos.len()), self.dice.below(self.contents.len()));
        let caso = self.casos[caso].id;
        let (nome, bytes, _) = &self.contents[que];
        match self.celulares[who].anexa(caso, nome, PhotoSource::Bytes(bytes)) {
            Ok(anexo) => {
                self.tell("photo", format!("{who}: {nome} {anexo} in {caso}"));
                self.fotos.push(Foto { caso, anexo, que, de: who });
            }
            // Out of sight, or closed: said at once, and nothing was kept.
            Err(error) => self.tell("photo refused", format!("{who}: {}", error.codigo())),
        }
    }

    /// It is as if the battery went at some byte: what was durable then is all that is left.
    fn crash_of_a_device(&mut self, who: usize) {
        let at = self.dice.below(300_000) as u64;
        let copy = tempfile::tempdir().unwrap();
        let (from, to) = (self.celulares[who].file(), copy.path().to_owned());
        let snapshot = Box::new(move || Celular::copia(&from, &to));
        let mut fault = Some(Fault::Meanwhile(at, snapshot));
        self.estudio.proxy.rule(move |request| match request.method == "PATCH" {
            true => fault.take().unwrap_or(Fault::Refuse),
            false => Fault::Pass,
        });
        let _ = send(&self.celulares[who]);
        self.road();
        let happened = copy.path().join("campo.db").exists();
        match happened {
            true => self.celulares[who].acorda_em(copy),
            false => self.celulares[who].reabre(),
        }
        self.tell("device crash", format!("{who}: at {at}, {happened}"));
    }

    /// It ends while somebody sends, in order or not, and another one starts.
    fn end_of_the_server(&mut self, who: usize) {
        let wait = Duration::from_millis(self.dice.below(120) as u64);
        let in_order = self.dice.chance(1, 3);
        let celular = &self.celulares[who];
        let estudio = &mut self.estudio;
        std::thread::scope(|scope| {
            scope.spawn(|| send(celular));
            std::thread::sleep(wait);
            if in_order {
                estudio.stop()
            } else {
                estudio.crash()
            }
            estudio.start();
        });
        let what = if in_order { "server stopped" } else { "server crash" };
        self.tell(what, format!("{who}: after {wait:?}"));
    }

    fn clean_up(&mut self, who: usize) {
        let freed = self.celulares[who].limpar_conferidas().unwrap();
        self.tell("clean-up", format!("{who}: {}", freed.originals));
    }

    fn office(&mut self) {
        let caso = self.dice.pick(&self.casos).clone();
        let adm = self.estudio.adm.clone();
        let (what, done) = match self.dice.below(4) {
            0 => ("closed", adm.pede_por(&caso, "cancelar", "Cliente desistiu")),
            1 => {
                let listados = json!({ "usuarios": [adm.id] });
                ("restricted", adm.restringe(&caso, listados))
            }
            2 => ("freed", adm.libera(&caso)),
            _ => {
                let other = self.dice.pick(&self.pessoas).id;
                ("handed over", adm.altera(&caso, json!({ "responsavel": other })))
            }
        };
        self.tell(what, format!("{}: {}", caso.id, done.status));
    }

    /// What the server says of each file.
    fn estados(&self) -> BTreeMap<ItemId, String> {
        self.estudio.estados().into_iter().collect()
    }

    fn estado_de(&self, anexo: ItemId) -> Option<String> {
        self.estados().remove(&anexo)
    }

    /// Nothing is said to be safe that is not.
    fn check(&self) {
        let safe: Vec<bool> =
            self.celulares.iter().map(|c| c.safe_to_uninstall().unwrap().safe).collect();
        let estados = self.estados();
        let stored: Vec<bool> = self
            .contents
            .iter()
            .map(|(_, bytes, hash)| {
                let stored = self.estudio.guardado(hash);
                assert!(stored.as_ref().is_none_or(|stored| stored == bytes), "{hash} is wrong");
                stored.is_some()
            })
            .collect();
        for foto in &self.fotos {
            let Foto { caso, anexo, que, de } = foto;
            let verificada = estados.get(anexo).is_some_and(|estado| estado == "verificada");
            assert!(!verificada || stored[*que], "{anexo} is verified and not in the store");
            for (who, celular) in self.celulares.iter().enumerate() {
                let fotos = match celular.fotos(*caso) {
                    Err(error) if error.codigo() == "nao_encontrado" => Vec::new(),
                    fotos => fotos.unwrap(),
                };
                let shown = fotos.iter().find(|shown| shown.anexo == *anexo);
                if shown.is_some_and(|shown| shown.estado == PhotoState::Verified) {
                    assert!(verificada, "{who} says that {anexo} is verified");
                }
            }
            // Nobody removes or dismisses a photo here: each counts.
            assert!(verificada || !safe[*de], "{de} may go, and {anexo} is not verified");
            if !verificada {
                let path = self.celulares[*de].original(&self.contents[*que].2);
                let kept = path.map(|path| std::fs::read(path).unwrap());
                let same = kept.as_ref() == Some(&self.contents[*que].1);
                assert!(same, "{de} has lost {anexo}, which is not verified");
            }
        }
    }

    /// The sun comes out: everything that was declared arrives, and nothing else stays.
    fn end(&mut self) {
        for (anexo, estado) in self.estados() {
            match &*estado {
                "verificada" => self.tell("verified in time", anexo),
                "recusada" => self.tell("wrong bytes", anexo),
                _ => self.tell("under way", format!("{anexo} {estado}")),
            }
        }
        self.tell("the end", self.estudio.store.failed());
        self.weather = None;
        self.road();
        self.estudio.store.heal();
        for caso in &self.casos {
            self.estudio.adm.libera(caso);
            let lia = json!({ "responsavel": self.pessoas[0].id });
            // Where it is closed nobody can be put in; then she may not see it, and need not.
            self.estudio.adm.altera(caso, lia);
        }
        let declared: BTreeSet<ItemId> = self.fotos.iter().map(|foto| foto.anexo).collect();
        let mut last = String::new();
        for round in 0.. {
            assert!(round < ROUNDS, "it does not come to an end: {last}");
            for celular in &self.celulares {
                celular.tentar_fotos_agora().unwrap();
                celular.sync();
                celular.envia();
            }
            let app = self.estudio.app.clone();
            self.estudio.apressa();
            self.estudio.rt.block_on(verify::once(&app)).unwrap();
            for caso in &self.casos {
                for retido in self.estudio.retidos(caso) {
                    self.estudio.aprova(&self.estudio.adm, &retido);
                }
            }
            let estados = self.estados();
            let left = declared
                .iter()
                .filter(|anexo| estados.get(anexo).is_none_or(|estado| estado != "verificada"));
            let left: Vec<_> = left.map(|anexo| (anexo, estados.get(anexo))).collect();
            last = format!("{left:?}");
            if left.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        for celular in &self.celulares {
            celular.sync();
        }
        self.check();
        for foto in &self.fotos {
            let celular = &self.celulares[foto.de];
            // Where she sees the record no more, the server's word has to do.
            if celular.show(foto.caso).is_ok() {
                assert_eq!(celular.mostra(foto.caso, foto.anexo), PhotoState::Verified);
            }
        }
        self.only_what_is_needed_is_left();
    }

    fn only_what_is_needed_is_left(&self) {
        let estudio = &self.estudio;
        let (app, objects) = (&estudio.app, &estudio.app.objects);
        let kept: BTreeSet<_> = self.fotos.iter().map(|foto| &self.contents[foto.que].2).collect();
        estudio.rt.block_on(cleanup::once(app)).unwrap();
        estudio.apressa();
        estudio.rt.block_on(derivatives::once(app)).unwrap();
        // What crashes have left behind is found, and is of nobody.
        let later = Utc::now() + TimeDelta::hours(25);
        let sweep = |apagar| {
            let sweep = sweep::run(&app.db, objects, apagar, later);
            estudio.rt.block_on(sweep).unwrap().companies
        };
        for empresa in sweep(true) {
            assert!(empresa.missing.is_empty(), "{:?}", empresa.missing);
        }
        assert!(sweep(false).iter().all(|empresa| empresa.orphans.is_empty()));
        self.check();
        assert_eq!(estudio.objetos_em("originais/").len(), kept.len());
        assert_eq!(estudio.conta("SELECT count(*) FROM envio WHERE situacao = 'completo'"), 0);
        // A thumbnail or preview that a device gave up may be under way for ever; it expires.
        estudio.sql("UPDATE envio SET expira_em = now() - interval '1 second'");
        estudio.rt.block_on(cleanup::once(app)).unwrap();
        assert_eq!(estudio.conta("SELECT count(*) FROM envio"), 0);
        assert_eq!(estudio.conta("SELECT count(*) FROM envio_parte"), 0);
        assert!(estudio.objetos_em("envios/").is_empty(), "{:?}", estudio.objetos_em("envios/"));
        for celular in &self.celulares {
            celular.limpar_conferidas().unwrap();
        }
        self.check();
    }
}

/// One seed; what happened in it.
fn run(seed: u64) -> BTreeMap<&'static str, u32> {
    let mut storm = Storm::new(seed);
    for _ in 0..STEPS {
        storm.road();
        storm.step();
        storm.check();
    }
    storm.end();
    storm.totals.clone()
}

fn seeds() -> Range<u64> {
    let given = std::env::var("CAMPO_TESTS_PHOTO_SEEDS").ok();
    let given = given.as_deref().and_then(|given| given.split_once(".."));
    match given.map(|(from, to)| (from.parse(), to.parse())) {
        Some((Ok(from), Ok(to))) => from..to,
        _ => 0..3,
    }
}

#[test]
fn whatever_the_weather_no_photo_is_lost_and_none_is_said_to_be_safe_too_early() {
    let next = Mutex::new(seeds());
    let one_after_the_other = || {
        loop {
            let seed = next.lock().unwrap().next();
            let Some(seed) = seed else { return };
            println!("seed {seed}: {:?}", run(seed));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(one_after_the_other);
        scope.spawn(one_after_the_other);
    });
}

#[test]
fn a_photo_that_is_lost_or_spoilt_is_noticed() {
    let mut storm = Storm::new(0);
    storm.estudio.proxy.clear();
    let caso = storm.casos[0].id;
    let (nome, bytes, hash) = storm.contents[0].clone();
    let anexo = storm.celulares[0].anexa(caso, nome, PhotoSource::Bytes(&bytes)).unwrap();
    storm.fotos.push(Foto { caso, anexo, que: 0, de: 0 });
    let lia = &storm.celulares[0];
    let notices = || {
        let check = std::panic::AssertUnwindSafe(|| storm.check());
        std::panic::catch_unwind(check).is_err()
    };
    assert!(!notices());
    let path = lia.original(&hash).unwrap();
    std::fs::rename(&path, path.with_extension("x")).unwrap();
    assert!(notices(), "the only copy is gone");
    std::fs::rename(path.with_extension("x"), &path).unwrap();
    lia.sync();
    lia.envia();
    storm.estudio.espera_estado(caso, anexo, SituacaoArquivo::Verificada);
    std::fs::remove_file(&path).unwrap();
    assert!(!notices(), "it may go now");
    let key = objects::original(storm.estudio.tenant, &hash);
    let write = |bytes: Vec<u8>| {
        let put = storm.estudio.store.inner().put(&key, bytes.into());
        storm.estudio.rt.block_on(put).unwrap();
    };
    write(pictures::cut(&bytes, 900));
    assert!(notices(), "what the store has is cut");
    write(bytes);
    lia.sync();
    assert!(!notices(), "both say that it is verified");
    assert!(lia.safe_to_uninstall().unwrap().safe);
    storm.estudio.sql("UPDATE anexos SET estado = 'recebida'");
    assert!(notices(), "the device says more than the server");
}

#[test]
fn a_photo_out_of_sight_is_not_safe_while_the_server_has_only_received_it() {
    let mut storm = Storm::new(0);
    storm.weather = None;
    storm.road();
    let caso = storm.casos[0].clone();
    let (nome, bytes, _) = storm.contents[0].clone();
    let anexo = storm.celulares[0].anexa(caso.id, nome, PhotoSource::Bytes(&bytes)).unwrap();
    storm.fotos.push(Foto { caso: caso.id, anexo, que: 0, de: 0 });
    storm.celulares[0].sync();
    let adm = storm.estudio.adm.clone();
    adm.altera(&caso, json!({ "responsavel": storm.pessoas[1].id })).feito();
    adm.restringe(&caso, json!({ "usuarios": [adm.id] })).feito();
    storm.celulares[0].sync();
    assert!(storm.celulares[0].show(caso.id).is_err(), "she sees it no more");
    storm.estudio.store.fail_reads(1_000);
    let ask = |storm: &Storm| {
        send(&storm.celulares[0]).unwrap();
        storm.check();
        storm.celulares[0].safe_to_uninstall().unwrap().safe
    };
    for _ in 0..3 {
        assert!(!ask(&storm));
    }
    storm.estudio.store.heal();
    storm.estudio.apressa();
    let verified = || storm.estado_de(anexo).as_deref() == Some("verificada");
    storm.estudio.espera("it is verified", verified);
    assert!(ask(&storm), "the server has said so itself");
}
