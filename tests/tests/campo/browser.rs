//! The office's pages in a real browser: what a person there sees move without touching anything.
//! Needs `chromedriver` and `chromium`; where they are missing, the test says so and passes, unless
//! `CAMPO_TESTS_BROWSER=required`.

use crate::{
    harness::{AURORA, SENHA, Site},
    pages::{arrive, declare},
};
use campo_domain::registro::SituacaoArquivo;
use campo_tests::pictures::Shot;
use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const DRIVER: &str = "/usr/bin/chromedriver";
const CHROMIUM: &str = "/usr/bin/chromium";
/// The elements that reach out of the window.
const WIDEST: &str = "return Array.from(document.querySelectorAll('main *')) \
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1) \
    .map((e) => e.tagName + '.' + e.className).slice(0, 12).join(' > ')";
/// How long a page may take to show something.
const SOON: Duration = Duration::from_secs(10);

/// A browser with an empty profile.
struct Browser {
    rt: Runtime,
    client: Option<Client>,
    driver: Child,
    base: String,
    _profile: TempDir,
}

impl Browser {
    fn start(base: String) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new(DRIVER)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let rt = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut browser = Browser { rt, client: None, driver, base, _profile: profile };
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < SOON, "chromedriver does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        let folder = browser._profile.path().display().to_string();
        let options = json!({ "binary": CHROMIUM, "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=1280,900", format!("--user-data-dir={folder}"),
        ]});
        let capabilities = json!({ "goog:chromeOptions": options }).as_object().unwrap().clone();
        let connect = async {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
        };
        browser.client = Some(browser.rt.block_on(connect).unwrap());
        browser
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    fn goto(&self, path: &str) {
        self.rt.block_on(self.client().goto(&format!("{}{path}", self.base))).unwrap();
    }

    /// Waits for an element.
    fn find(&self, css: &str) -> Element {
        let wait = self.client().wait().at_most(SOON);
        let found = async { wait.for_element(Locator::Css(css)).await };
        self.rt.block_on(found).unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    fn click(&self, css: &str) {
        let element = self.find(css);
        self.rt.block_on(element.click()).unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    fn write(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.rt.block_on(element.send_keys(text)).unwrap();
    }

    fn js(&self, script: &str) -> Value {
        self.rt.block_on(self.client().execute(script, Vec::new())).unwrap()
    }

    /// Waits until what the element says contains the text.
    fn says(&self, css: &str, text: &str) {
        let script = format!("return document.querySelector('{css}')?.innerText ?? ''");
        let since = Instant::now();
        loop {
            // While a page goes and another comes there is nothing to ask.
            let said = self.rt.block_on(self.client().execute(&script, Vec::new()));
            let said = said.ok().and_then(|said| said.as_str().map(str::to_owned));
            if said.as_ref().is_some_and(|said| said.contains(text)) {
                return;
            }
            assert!(since.elapsed() < SOON, "{css} never says “{text}”: {said:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the script gives this.
    fn gives(&self, script: &str, wanted: &Value) {
        let since = Instant::now();
        loop {
            let given = self.rt.block_on(self.client().execute(script, Vec::new()));
            if given.as_ref().is_ok_and(|given| given == wanted) {
                return;
            }
            assert!(since.elapsed() < SOON, "{script} never gives {wanted}: {given:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Marks the page that is loaded now.
    fn mark(&self) {
        self.js("window.aMesmaPagina = true");
    }

    /// Whether that page is still the one that is loaded.
    fn not_reloaded(&self) -> bool {
        self.js("return window.aMesmaPagina === true") == json!(true)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = self.rt.block_on(client.close());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Whether there is a browser to test with.
fn installed() -> bool {
    let there = Path::new(DRIVER).exists() && Path::new(CHROMIUM).exists();
    let required = std::env::var("CAMPO_TESTS_BROWSER").is_ok_and(|value| value == "required");
    assert!(there || !required, "CAMPO_TESTS_BROWSER=required, but no {DRIVER} and {CHROMIUM}");
    if !there {
        println!("passed over: no {DRIVER} and {CHROMIUM}");
    }
    there
}

#[test]
fn the_office_watches_cancels_and_approves_without_reloading() {
    if !installed() {
        return;
    }
    let site = Site::new();
    let ana = site.phone("ana");
    let browser = Browser::start(site.url());

    browser.goto("/assistencias");
    browser.write("#empresa", AURORA);
    browser.write("#login", "carla");
    browser.write("#senha", SENHA);
    browser.click("form button.principal");
    browser.says("main", "Ainda não há assistências");

    browser.mark();
    let id = ana.assistencia("Porta do armário caída", site.id("ana"));
    ana.sync();
    browser.says("main table.lista", "Porta do armário caída");
    browser.says("main table.lista", &site.registro(id).numero.unwrap());
    assert!(browser.not_reloaded(), "the list was reloaded");

    browser.click("main table.lista a.linha");
    browser.says("main h1", "Porta do armário caída");
    browser.mark();
    ana.campo.anotar(id, "A caminho.").unwrap();
    ana.sync();
    browser.says("#acompanhamento", "A caminho.");
    assert!(browser.not_reloaded(), "the record was reloaded");

    browser.click("#acao-cancelar summary");
    browser.write("#motivo-cancelar", "Cliente desistiu");
    browser.click("#acao-cancelar form button");
    browser.says("#acompanhamento", "Cliente desistiu");
    browser.says("main .resumo", "Cancelada");
    assert_eq!(site.registro(id).situacao.as_deref(), Some("cancelada"));

    // Ana, who had not heard of it, sends what she did.
    browser.mark();
    ana.campo.editar(id, "contrato", "C-77").unwrap();
    assert_eq!(ana.sync().held, 1);
    browser.says("main .cartao.alerta", "C-77");
    browser.says("main .cartao.alerta", "Ana Ribeiro");
    browser.says("#retidas-contagem", "1");
    assert!(browser.not_reloaded(), "the held edit appeared by a reload");
    browser.click("main .cartao.alerta button.principal");
    browser.says("#acompanhamento", "C-77");
    browser.says(".aviso", "aprovada");
    assert_eq!(site.registro(id).valor("contrato").texto(), Some("C-77"));

    nothing_scrolls_sideways_on_a_phone(&site, &browser, &format!("/registros/assistencia/{id}"));
}

#[test]
fn a_photo_that_arrives_is_seen_without_reloading() {
    if !installed() {
        return;
    }
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta riscada", site.id("ana"));
    let photo = Shot::new(1, 640, 480).jpeg().unwrap();
    let long = "riscadodeumladoaooutro".repeat(6);
    let anexo = declare(&ana, id, "porta.jpg", &long, &photo);
    declare(&ana, id, "outra.jpg", "Ainda no celular", b"nada");
    ana.sync();
    let browser = Browser::start(site.url());
    browser.goto(&format!("/entrar?voltar=/registros/assistencia/{id}"));
    browser.write("#empresa", AURORA);
    browser.write("#login", "carla");
    browser.write("#senha", SENHA);
    browser.click("form button.principal");
    browser.says("#anexos", "Aguardando envio do celular");

    browser.mark();
    assert_eq!(arrive(&site, id, anexo, &photo), SituacaoArquivo::Verificada);
    browser.says("#anexos", "Conferida");
    let image = format!("#parte-{anexo} a.quadro img");
    browser.find(&image);
    let width = "const image = document.querySelector('.galeria img'); \
                 image.scrollIntoView(); return image.naturalWidth";
    browser.gives(width, &json!(320));
    assert!(browser.not_reloaded(), "the record was reloaded");
    assert_eq!(browser.js("return document.querySelectorAll('.galeria img').length"), json!(1));
    browser.rt.block_on(browser.client().set_window_size(390, 844)).unwrap();
    let inner = browser.js("return window.innerWidth").as_i64().unwrap();
    let wide = browser.js("return document.scrollingElement.scrollWidth").as_i64().unwrap();
    assert!(wide <= inner, "{wide} in {inner}: {}", browser.js(WIDEST));

    // The preview opens by itself, larger.
    browser.click(&format!("#parte-{anexo} a.quadro"));
    browser.gives("return location.pathname.endsWith('/previa')", &json!(true));
    browser.gives("return document.images[0]?.naturalWidth", &json!(640));
}

fn nothing_scrolls_sideways_on_a_phone(site: &Site, browser: &Browser, record: &str) {
    let bruno = site.phone("bruno");
    let id = bruno.assistencia(&"Tampo lascado ".repeat(8), site.id("bruno"));
    bruno.ocorrencia(id, &"x".repeat(300));
    bruno.sync();
    let wide = format!("/registros/assistencia/{id}");
    browser.rt.block_on(browser.client().set_window_size(390, 844)).unwrap();
    for path in ["/assistencias", "/ocorrencias", "/agenda", "/retidas", record, &wide] {
        browser.goto(path);
        let inner = browser.js("return window.innerWidth").as_i64().unwrap();
        assert!(inner <= 500, "the window is {inner} wide");
        let width = browser.js("return document.scrollingElement.scrollWidth").as_i64().unwrap();
        assert!(width <= inner, "{path} is {width} wide in {inner}: {}", browser.js(WIDEST));
    }
}
