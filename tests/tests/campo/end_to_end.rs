//! From a tap without signal to the office's list, on real HTTP, SQLite and PostgreSQL: what
//! Campo is for, in one test. The failures of the field that need all of it are in
//! `field_failures`.

use crate::{
    harness::{AURORA, Phone, Site, textos},
    page_client::Pages,
};
use campo_domain::{ids::DocumentId, kind::Kind, valor::Valor};

/// What Ana does without signal, and how many commands that is.
struct Ana {
    cliente: DocumentId,
    assistencia: DocumentId,
    ocorrencia: DocumentId,
    agenda: DocumentId,
    commands: usize,
}

fn ana_works(phone: &Phone, shared: DocumentId, site: &Site) -> Ana {
    let campo = &phone.campo;
    let ana = site.id("ana").to_string();
    let cliente = phone.cliente("Padaria Sol Nascente");
    let cliente_id = cliente.to_string();
    let campos = [("cliente", &*cliente_id), ("situacao_alegada", "Balcão rangendo"), ("uf", "SP")];
    let assistencia = campo.novo(Kind::Assistencia, None, &textos(&campos), &[]).unwrap();
    let ocorrencia = phone.ocorrencia(shared, "Dobradiça solta");
    let shared_id = shared.to_string();
    let campos = [
        ("assistencia", &*shared_id),
        ("tipo_agenda", "assistencia_tecnica"),
        ("responsavel", &*ana),
        ("inicio", "2026-11-23 09:00"),
        ("fim", "2026-11-23 10:30"),
        ("assunto", "Trocar dobradiças"),
    ];
    let agenda = campo.novo(Kind::Agenda, None, &textos(&campos), &[]).unwrap();
    campo.editar(shared, "endereco", "Rua da Ana, 1").unwrap();
    campo.editar(shared, "observacoes", "Porta esquerda.").unwrap();
    campo.anotar(shared, "Levei duas dobradiças.").unwrap();
    campo.transicionar(shared, "iniciar", None).unwrap();
    campo.transicionar(agenda, "deslocar", None).unwrap();
    campo.editar(assistencia, "prioridade", "alta").unwrap();
    Ana { cliente, assistencia, ocorrencia, agenda, commands: 10 }
}

#[test]
fn two_devices_work_offline_while_the_office_edits_and_cancels_and_nothing_is_lost() {
    let mut site = Site::new();
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let shared = ana.assistencia("Porta do armário caída", site.id("ana"));
    ana.campo.participar(shared, site.id("bruno"), true).unwrap();
    ana.sync();
    let late = bruno.assistencia("Gaveta emperrada", site.id("bruno"));
    let later = bruno.assistencia("Tampo lascado", site.id("bruno"));
    bruno.sync();
    assert_eq!(bruno.registro(shared).titulo(), "Porta do armário caída");

    site.stop();
    let made = ana_works(&ana, shared, &site);
    bruno.campo.editar(shared, "endereco", "Rua do Bruno, 2").unwrap();
    bruno.campo.editar(shared, "observacoes", "Porta direita.").unwrap();
    bruno.campo.editar(late, "contrato", "C-77").unwrap();
    bruno.campo.anotar(late, "Gaveta trocada.").unwrap();
    bruno.campo.editar(later, "cidade", "Santos").unwrap();
    let own = bruno.assistencia("Prateleira torta", site.id("bruno"));
    let found = bruno.ocorrencia(own, "Parede fora de prumo");
    assert_eq!(ana.counts(), (made.commands, 0, 0));
    assert_eq!(bruno.counts(), (8, 0, 0));
    assert!(ana.try_sync().is_err() && bruno.try_sync().is_err());
    assert_eq!((ana.counts().0, bruno.counts().0), (made.commands, 8));

    // Meanwhile the office, in a process of its own.
    site.edit(shared, "endereco", Valor::Texto("Rua da Carla, 3".into()));
    site.transition(late, "cancelar", Some("Cliente desistiu"));
    site.transition(later, "cancelar", Some("Aberta em dobro"));

    site.start();
    site.road.count("/v1/sync");
    let first = ana.sync();
    assert_eq!((first.pages, site.road.count("/v1/sync")), (1, 1));
    assert_eq!((first.accepted as usize, first.pending), (made.commands, 0));
    let second = bruno.sync();
    assert_eq!((second.pages, site.road.count("/v1/sync")), (1, 1));
    assert_eq!((second.accepted, second.held, second.refused), (5, 3, 0));
    assert_eq!((ana.counts(), bruno.counts()), ((0, 0, 0), (0, 3, 0)));

    the_office_sees_all_of_it(&site, &made, shared, own, found);
    the_conflict_shows_everyone(&site, &bruno, shared);
    held_work_is_decided(&site, &bruno, late, later);

    ana.sync();
    bruno.sync();
    assert_eq!((ana.counts(), bruno.counts()), ((0, 0, 0), (0, 0, 1)));
    site.converged("ana", &ana);
    site.converged("bruno", &bruno);
}

fn the_office_sees_all_of_it(
    site: &Site,
    made: &Ana,
    shared: DocumentId,
    own: DocumentId,
    found: DocumentId,
) {
    let carla = Pages::enter(site, AURORA, "carla");
    let list = carla.page("/assistencias");
    for title in ["Porta do armário caída", "Gaveta emperrada", "Balcão rangendo"] {
        assert!(list.contains(title), "{title}");
    }
    assert!(list.contains("Prateleira torta") && list.contains("Padaria Sol Nascente"));
    assert!(list.contains("Em Atendimento") && list.contains("Cancelada"));
    assert!(list.contains("conflito") && list.contains("edição retida"));
    let list = carla.page("/ocorrencias");
    assert!(list.contains("Dobradiça solta") && list.contains("Parede fora de prumo"));
    let day = carla.page("/agenda?dia=2026-11-23");
    assert!(day.contains("Trocar dobradiças") && day.contains("Em Deslocamento"));
    let page = carla.page(&format!("/registros/ocorrencia/{}", made.ocorrencia));
    assert!(page.contains("Dobradiça 35 mm") && page.contains("35,90"));
    let page = carla.page(&format!("/registros/assistencia/{shared}"));
    assert!(page.contains("Levei duas dobradiças.") && page.contains("Trocar dobradiças"));
    for (id, numbered) in [
        (made.cliente, false),
        (made.assistencia, true),
        (made.ocorrencia, true),
        (made.agenda, false),
        (own, true),
        (found, true),
    ] {
        assert_eq!(site.registro(id).numero.is_some(), numbered, "{id}");
    }
    let held = carla.page("/retidas");
    assert!(held.contains("Bruno Tavares") && held.contains("Gaveta emperrada"));
}

fn the_conflict_shows_everyone(site: &Site, bruno: &Phone, shared: DocumentId) {
    let registro = site.registro(shared);
    let conflito = registro.conflitos.iter().find(|c| c.campo == "endereco").unwrap();
    let mut quem: Vec<_> = conflito.versoes.iter().map(|v| v.autoria.por).collect();
    quem.sort_unstable();
    let mut todos = [site.id("ana"), site.id("bruno"), site.id("carla")];
    todos.sort_unstable();
    assert_eq!(quem, todos);
    // Two texts in one place: both are there, whole, for a person to decide.
    let conflito = registro.conflitos.iter().find(|c| c.campo == "observacoes").unwrap();
    let mut textos: Vec<_> = conflito.versoes.iter().map(|v| v.valor.texto().unwrap()).collect();
    textos.sort_unstable();
    assert_eq!(textos, ["Porta direita.", "Porta esquerda."]);

    let carla = Pages::enter(site, AURORA, "carla");
    let page = carla.page(&format!("/registros/assistencia/{shared}"));
    let section =
        page.split("id=\"conflitos\"").nth(1).unwrap().split("</section>").next().unwrap();
    for shown in [
        "Ana Ribeiro",
        "Bruno Tavares",
        "Carla Nogueira",
        "Rua da Ana, 1",
        "Rua do Bruno, 2",
        "Rua da Carla, 3",
    ] {
        assert!(section.contains(shown), "{shown}");
    }
    let shown = &bruno.campo.show(shared).unwrap().conflitos;
    let endereco = shown.iter().find(|c| c.campo == "endereco").unwrap();
    let autores: Vec<_> = endereco.versoes.iter().map(|v| v.autor.as_str()).collect();
    assert!(autores.contains(&"Ana Ribeiro") && autores.contains(&"Carla Nogueira"), "{autores:?}");
}

fn held_work_is_decided(site: &Site, bruno: &Phone, late: DocumentId, later: DocumentId) {
    let held = site.held(late);
    assert_eq!((held.len(), held[0].author), (1, site.id("bruno")));
    assert_eq!(held[0].reason_code, "situacao_nao_permite_edicao");
    let writes: Vec<_> =
        held[0].writes.iter().map(|w| w.proposed.as_deref().unwrap_or_default()).collect();
    assert!(writes[0].contains("C-77") && writes[1].contains("Gaveta trocada."), "{writes:?}");
    let shown = bruno.pending().retidas;
    assert!(shown.iter().all(|r| !r.mensagem.is_empty() && !r.conteudo.is_empty()), "{shown:?}");

    let carla = Pages::enter(site, AURORA, "carla");
    let path = format!("/registros/assistencia/{late}");
    let page = carla.page(&path);
    assert!(page.contains("Edição retida") && page.contains("C-77") && page.contains("Bruno"));
    let id = held[0].id.to_string();
    let sent = carla.send(&format!("{path}/retida"), &[("retida", &id), ("decisao", "aprovar")]);
    assert_eq!(sent.status, 303, "{}", sent.body);
    assert_eq!(site.registro(late).valor("contrato"), &Valor::Texto("C-77".into()));
    assert_eq!(site.registro(late).notas[0].texto, "Gaveta trocada.");

    let other = &site.held(later)[0];
    site.decide(other, false, Some("Já resolvido por telefone.")).unwrap();
    assert!(site.registro(later).valor("cidade").vazio());
    let report = bruno.sync();
    assert_eq!((report.pages, report.decided), (1, 2));
    let told = &bruno.pending().recusadas;
    assert_eq!(told.len(), 1);
    assert!(told[0].descartada && told[0].conteudo[0].valor == "Santos");
    assert_eq!(told[0].nota.as_deref(), Some("Já resolvido por telefone."));
    assert_eq!(bruno.registro(late).valor("contrato"), &Valor::Texto("C-77".into()));
}
