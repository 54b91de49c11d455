//! The office's pages: what the forms of a page do, and how they refuse.

use crate::{
    harness::{AURORA, Phone, SENHA, Site, textos},
    page_client::Pages,
    rest::Rest,
};
use campo_domain::{
    ids::{DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{Registro, SituacaoAcao, SituacaoArquivo, TipoAnalise, Visibilidade},
};
use campo_server::{
    arquivos::{derivatives, verify},
    auth::{
        accounts::{self, NewCompany, Person},
        password,
    },
    ledger, office,
};
use campo_tests::pictures::Shot;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A company of a preset beside the others, with its people by login.
struct Company<'a> {
    site: &'a Site,
    slug: String,
    tenant: campo_domain::ids::TenantId,
    people: BTreeMap<&'static str, UserId>,
}

impl<'a> Company<'a> {
    fn new(site: &'a Site, preset: &str, people: &[(&'static str, &str)]) -> Self {
        let (slug, office) = (preset.to_lowercase(), &site.office.db);
        site.rt.block_on(async {
            let fuso = "America/Sao_Paulo";
            let new = NewCompany { nome: preset, slug: &slug, fuso, preset: Some(preset) };
            let tenant = accounts::create_company(office, new).await.unwrap();
            let hash = password::hash(SENHA).await.unwrap();
            let mut ids = BTreeMap::new();
            let mut tx = office.tenant(tenant).await.unwrap();
            for (login, permissoes) in people {
                let id = UserId::from(Uuid::now_v7());
                let person = Person {
                    login: (*login).into(),
                    nome: login[..1].to_uppercase() + &login[1..],
                    permissoes: permissoes.split(' ').map(|p| p.parse().unwrap()).collect(),
                    ativo: true,
                    ..Person::default()
                };
                accounts::write_user(&mut tx, tenant, id, &person, Some(&hash)).await.unwrap();
                ids.insert(*login, id);
            }
            tx.commit().await.unwrap();
            Company { site, slug: slug.clone(), tenant, people: ids }
        })
    }

    fn enter(&self, login: &str) -> Pages {
        Pages::enter(self.site, &self.slug, login)
    }

    fn id(&self, login: &str) -> String {
        self.people[login].to_string()
    }

    /// The record as the person sees it.
    fn seen_by(&self, login: &str, id: DocumentId) -> Option<Registro> {
        self.site.rt.block_on(async {
            let mut tx = self.site.office.db.tenant(self.tenant).await.unwrap();
            let pessoa = ledger::pessoa(&mut tx, self.tenant, self.people[login]).await.unwrap();
            drop(tx);
            let seen = office::load(&self.site.office, self.tenant, &pessoa, id).await.unwrap();
            seen.map(|(registro, _)| registro)
        })
    }
}

impl Pages {
    /// Sends a form that must be done; the page that it leads to.
    #[track_caller]
    fn done(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(path, fields);
        assert_eq!(answer.status, 303, "{path} {fields:?}: {}", said(&answer.body));
        answer.header("location").to_owned()
    }

    /// Sends a form that must be refused; the page that comes back.
    #[track_caller]
    fn refused(&self, path: &str, fields: &[(&str, &str)], why: &str) -> String {
        let answer = self.send(path, fields);
        assert_eq!(answer.status, 422, "{path} {fields:?}: {}", said(&answer.body));
        let alert = answer.body.split("role=\"alert\"").nth(1).unwrap();
        let told = said(&format!("<p{}", alert.split("</p>").next().unwrap()));
        assert!(told.contains(why), "{path} {fields:?}: {told}");
        answer.body
    }
}

/// The words of a page.
fn said(page: &str) -> String {
    let (mut text, mut inside) = (String::new(), false);
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&#34;", "\"").replace("&#38;", "&").replace("&#39;", "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of the part of a page that has this id.
fn section(page: &str, id: &str) -> String {
    let from = page.split(&format!("id=\"{id}\"")).nth(1);
    let from = from.unwrap_or_else(|| panic!("no {id} in the page"));
    said(&format!("<a{}", from.split("</section>").next().unwrap()))
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

fn document(path: &str) -> DocumentId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

const OFFICE: &str = "ver ver_todas gerenciar emitir_laudo aprovar administrar";

/// A new atendimento of Chefe's, its page, and its client.
fn reclamacao(chefe: &Pages, responsavel: &str) -> (String, DocumentId, String) {
    let cliente = [
        ("id", &*new_id()),
        ("tipo", "p003.cliente"),
        ("versao", "1"),
        ("nome", "Padaria Água Fresca"),
        ("email", "c@exemplo.br"),
    ];
    let cliente = chefe.done("/novo/cliente", &cliente).rsplit('/').next().unwrap().to_owned();
    let fields = [
        ("id", &*new_id()),
        ("tipo", "p003.reclamacao"),
        ("versao", "1"),
        ("cliente", &cliente),
        ("responsavel", responsavel),
        ("relato", "Cadeira quebrada"),
    ];
    let path = chefe.done("/novo/ocorrencia", &fields);
    (path.clone(), document(&path), cliente)
}

#[test]
fn a_record_is_made_in_the_office_by_its_tipo_and_may_be_copied() {
    let site = Site::new();
    let casa = Company::new(&site, "P003", &[("chefe", OFFICE)]);
    let chefe = casa.enter("chefe");
    assert_eq!(chefe.get("/").header("location"), "/ocorrencias");
    // The tipo comes first, and the form is the tipo's.
    let tipos = said(&chefe.page("/novo/ocorrencia"));
    assert!(tipos.contains("Reclamação") && tipos.contains("Elogio"), "{tipos}");
    let form = said(&chefe.page("/novo/ocorrencia?tipo=p003.reclamacao"));
    assert!(form.contains("Descrição do atendimento *") && !form.contains("Modalidade"), "{form}");

    let nobody =
        [("id", &*new_id()), ("tipo", "p003.reclamacao"), ("versao", "1"), ("relato", "Só isto")];
    let page = chefe.refused("/novo/ocorrencia", &nobody, "Preencha os campos obrigatórios");
    assert!(page.contains("Só isto"), "what was typed is gone");
    assert_eq!(chefe.get("/novo/nada").status, 404);
    assert_eq!(chefe.get(&format!("/novo/ocorrencia?copia={}", new_id())).status, 404);

    let id = casa.id("chefe");
    let (path, made, cliente) = reclamacao(&chefe, &id);
    let registro = casa.seen_by("chefe", made).unwrap();
    // R32: the e-mail comes from the client's record.
    assert_eq!(registro.valor("contato_email").texto(), Some("c@exemplo.br"));
    // A client is looked for without losing what was typed; the same form sent twice makes one.
    let mut fields = vec![
        ("tipo", "p003.reclamacao"),
        ("versao", "1"),
        ("relato", "Cadeira quebrada"),
        ("procurar", "agua fresca"),
    ];
    let found = chefe.send("/novo/ocorrencia", &fields);
    assert_eq!(found.status, 200);
    assert!(found.body.contains(&format!("value=\"{cliente}\" checked")), "{}", found.body);
    assert!(found.body.contains("Cadeira quebrada"));
    let (again, cliente) = (new_id(), cliente.clone());
    fields.extend([("id", &*again), ("cliente", &*cliente), ("responsavel", &*id)]);
    let twice = [(); 2].map(|()| chefe.done("/novo/ocorrencia", &fields));
    assert_eq!(twice[0], twice[1]);

    let item = [("em", "itens"), ("parte", &*new_id()), ("novo", "sim"), ("produto", "Cadeira")];
    chefe.done(&format!("{path}/parte"), &item);
    let form = chefe.page(&format!("/novo/ocorrencia?copia={made}"));
    assert!(form.contains("Cadeira quebrada") && said(&form).contains("Copiar também o item"));
    let copy = [
        ("id", &*new_id()),
        ("tipo", "p003.reclamacao"),
        ("versao", "1"),
        ("copia", &made.to_string()),
        ("itens", "sim"),
        ("cliente", &cliente),
        ("responsavel", &id),
        ("relato", "Cadeira quebrada, outra vez"),
    ];
    let copy = document(&chefe.done("/novo/ocorrencia", &copy));
    let copy = casa.seen_by("chefe", copy).unwrap();
    assert_eq!(copy.vivos(Colecao::Itens).count(), 1);
    assert_ne!(copy.numero, registro.numero);
}

#[test]
fn an_atendimento_goes_its_whole_way_on_its_page() {
    let site = Site::new();
    let people = [("chefe", OFFICE), ("rosa", "ver ver_todas"), ("abel", "ver")];
    let casa = Company::new(&site, "P003", &people);
    let (chefe, rosa, abel) = (casa.enter("chefe"), casa.enter("rosa"), casa.enter("abel"));
    let (path, id, _) = reclamacao(&chefe, &casa.id("abel"));
    let to = |act: &str| format!("{path}/{act}");
    let registro = || casa.seen_by("chefe", id).unwrap();

    // Items and expenses, each refused with what was typed.
    let item = |produto: &str, valor: &str| {
        [("em", "itens"), ("novo", "sim"), ("produto", produto), ("valor_indenizado", valor)]
            .map(|(name, value)| (name, value.to_owned()))
    };
    let send = |fields: &[(&'static str, String)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        rosa.send(&to("parte"), &fields).status
    };
    assert_eq!(send(&item("Cadeira", "3.000,00")), 303);
    assert_eq!(send(&item("Mesa", "2.500,00")), 422);
    let too_much =
        [("em", "itens"), ("novo", "sim"), ("produto", "Mesa"), ("valor_indenizado", "9.000,00")];
    let page = rosa.refused(&to("parte"), &too_much, "R$ 5.000,00");
    assert!(section(&page, "itens-novo").contains("limite") && page.contains("value=\"9.000,00\""));
    assert_eq!(send(&item("Mesa", "2.000,00")), 303);
    let despesa = [("em", "despesas"), ("novo", "sim"), ("despesa", "almoco"), ("valor", "")];
    rosa.refused(&to("parte"), &despesa, "Preencha o campo obrigatório: Valor.");
    let despesa = [("em", "despesas"), ("novo", "sim"), ("despesa", "almoco"), ("valor", "32,50")];
    rosa.done(&to("parte"), &despesa);
    assert!(section(&rosa.page(&path), "despesas").contains("Total: R$ 32,50 Despesa Almoço"));

    rosa.done(&to("interessado"), &[("usuario", &casa.id("rosa")), ("entra", "sim")]);
    rosa.refused(&to("interessado"), &[("usuario", "ninguém"), ("entra", "sim")], "Pessoa");
    assert!(registro().interessados.contains(&casa.people["rosa"]));

    // The e-mail to the client is offered, and asked for.
    assert!(said(&rosa.page(&path)).contains("Enviar e-mail ao cliente (c@exemplo.br)"));
    rosa.done(&to("transicao"), &[("verbo", "iniciar"), ("email", "sim")]);
    assert!(registro().pedidos[0].email);
    rosa.done(&to("transicao"), &[("verbo", "enviar_para_analise")]);
    let partial = [("texto", "Medido na fábrica."), ("encaminhar", &*casa.id("rosa"))];
    // Abel handed it over: it is out of sight then.
    assert_eq!(abel.done(&to("analise"), &partial), "/");
    assert_eq!(registro().responsavel(), Some(casa.people["rosa"]));
    rosa.refused(&to("analise"), &[("texto", " ")], "Análise parcial");

    let solved = [("verbo", "registrar"), ("texto", "Trocar a perna.")];
    let page = rosa.page(&path);
    assert!(section(&page, "acao-registrar").contains("em cada um deles"), "what is missing");
    rosa.refused(&to("transicao"), &solved, "procedente ou improcedente");
    let itens: Vec<String> = registro().itens.keys().map(ToString::to_string).collect();
    for (item, says) in itens.iter().zip(["procedente", "improcedente"]) {
        rosa.done(&to("parte"), &[("em", "itens"), ("parte", item), ("procedencia", says)]);
    }
    rosa.done(&to("transicao"), &solved);
    assert!(chefe.page(&path).contains("title=\"Leva a Concluído\""), "where a button leads");
    rosa.refused(&to("transicao"), &[("verbo", "concluir"), ("texto", "Fim.")], "permissão");
    chefe.refused(&to("transicao"), &[("verbo", "concluir"), ("texto", "")], "Parecer");
    chefe.done(&to("transicao"), &[("verbo", "concluir"), ("texto", "Procede; trocado.")]);
    let registro = registro();
    assert_eq!(registro.situacao.as_deref(), Some("concluido"));
    assert!(registro.vigente(TipoAnalise::Parecer).is_some());
    let analises = section(&chefe.page(&path), "analises");
    assert!(analises.contains("Parecer em vigor Procede; trocado."), "{analises}");

    // Concluded, it joins a corrective action (R77).
    chefe.refused(&to("corretiva"), &[("titulo", "")], "Título");
    chefe.done(&to("corretiva"), &[("titulo", "Rever o molde")]);
    assert!(section(&chefe.page(&path), "corretivas").contains("Rever o molde Rascunho"));
    the_views_of_the_acompanhamento(&chefe, &path);
}

/// R78–R82.
fn the_views_of_the_acompanhamento(chefe: &Pages, path: &str) {
    let view =
        |visao: &str| section(&chefe.page(&format!("{path}?visao={visao}")), "acompanhamento");
    let tudo = view("tudo");
    for told in ["Ocorrência criada.", "Item incluído: Mesa.", "Solução: Trocar a perna."] {
        assert!(tudo.contains(told), "{told}: {tudo}");
    }
    assert_eq!(view("qualquer"), tudo);
    let tramite = view("tramite");
    let mut from = 0;
    for stage in ["Aberto", "Iniciado", "Em análise", "Aguardando conclusão", "Concluído"] {
        from += tramite[from..].find(stage).unwrap_or_else(|| panic!("{stage}: {tramite}"));
    }
    assert!(tramite.contains("Responsável: Abel → Rosa"), "{tramite}");
    let historico = view("historico");
    assert!(
        historico.contains("Encaminhado a Rosa.") && !historico.contains("Procedência do item")
    );
    let alteracoes = view("alteracoes");
    let judged = "Procedência do item: vazio → para Procedente";
    assert!(alteracoes.contains(judged) && alteracoes.contains("Rosa Retaguarda servidor:"));
    assert!(alteracoes.contains("Situação: Aberto → para Iniciado"), "{alteracoes}");
    assert!(alteracoes.contains("aparelho:"), "{alteracoes}");
}

#[test]
fn whoever_is_not_listed_finds_nothing_of_a_restricted_record() {
    let site = Site::new();
    let people = [("chefe", OFFICE), ("rosa", "ver ver_todas"), ("nino", "ver ver_todas")];
    let casa = Company::new(&site, "P003", &people);
    let (chefe, rosa, nino) = (casa.enter("chefe"), casa.enter("rosa"), casa.enter("nino"));
    let (path, _, _) = reclamacao(&chefe, &casa.id("rosa"));
    let restrict = format!("{path}/restricao");
    assert_eq!(nino.get(&path).status, 200);
    assert!(!nino.page(&path).contains("id=\"restringir\""), "neither creator nor responsável");
    nino.refused(&restrict, &[("usuario", &casa.id("nino"))], "permissão");
    rosa.refused(&restrict, &[], "Usuários ou grupos");
    rosa.done(&restrict, &[("usuario", &casa.id("rosa")), ("grupo", "qualidade")]);
    assert!(section(&rosa.page(&path), "restricao").contains("Só Rosa, grupo Qualidade"));
    assert_eq!((nino.get(&path).status, chefe.get(&path).status), (404, 200));
    assert!(!nino.page("/ocorrencias").contains("Cadeira quebrada"));
    let asked = nino.send(&restrict, &[("decisao", "liberar")]);
    assert_eq!(asked.status, 404, "{}", asked.body);
    // A form carries the list that it was drawn from, and replaces no other.
    let seen = |page: &str| {
        let form = page.split("id=\"restricao\"").nth(1).unwrap();
        let seen = form.split("name=\"visto\" value=\"").nth(1).unwrap();
        seen.split('"').next().unwrap().replace("&#43;", "+")
    };
    let of_rosa = seen(&rosa.page(&path));
    let both = [("usuario", casa.id("rosa")), ("usuario", casa.id("chefe"))];
    let [a, b] = &both;
    chefe.done(&restrict, &[("visto", &of_rosa), (a.0, &a.1), (b.0, &b.1)]);
    rosa.refused(&restrict, &[("visto", &of_rosa), (a.0, &a.1)], "mudou depois que você leu");
    rosa.refused(&restrict, &[("visto", &of_rosa), ("decisao", "liberar")], "mudou depois");
    assert!(section(&rosa.page(&path), "restricao").contains("Chefe"));
    // Somebody who takes the own name off the list is told, and sees it no more.
    let now = seen(&rosa.page(&path));
    let only_nino = [("visto", now.as_str()), ("usuario", &casa.id("nino"))];
    assert_eq!(rosa.done(&restrict, &only_nino), "/");
    assert_eq!((nino.get(&path).status, rosa.get(&path).status), (200, 404));
    let now = seen(&chefe.page(&path));
    chefe.done(&restrict, &[("visto", &now), ("decisao", "liberar")]);
    assert_eq!(rosa.get(&path).status, 200);
}

#[test]
fn a_conversation_says_who_reads_it_and_a_clients_login_stays_outside() {
    let site = Site::new();
    let people = [("rosa", "ver ver_todas"), ("pedro", "portal")];
    let casa = Company::new(&site, "P002", &people);
    let rosa = casa.enter("rosa");
    let fields = [
        ("id", &*new_id()),
        ("tipo", "p002.ocorrencia"),
        ("versao", "1"),
        ("categoria", "estrategica"),
        ("relato", "Erro na nota"),
    ];
    let path = rosa.done("/novo/ocorrencia", &fields);
    let (nota, id) = (format!("{path}/nota"), document(&path));
    let page = rosa.page(&path);
    assert!(
        said(&page).contains("6 - Estratégica") && said(&page).contains("Baixa, pela categoria")
    );
    // The office's own guidance stands beside the field (R25).
    assert!(page.contains("Descreva com o maior volume de informações possível"));
    let question = new_id();
    let asked = [("nota", &*question), ("texto", "Qual a chave?"), ("visibilidade", "cliente")];
    rosa.done(&nota, &asked);
    let answer = [("texto", "Sem resposta"), ("resposta_a", &*question), ("visao", "conversas")];
    assert_eq!(rosa.done(&nota, &answer), format!("{path}?visao=conversas"));
    let notas = casa.seen_by("rosa", id).unwrap().notas;
    assert_eq!(notas[0].visibilidade, Visibilidade::Cliente);
    assert_eq!(
        (notas[1].visibilidade, notas[1].resposta_a),
        (Visibilidade::Interna, Some(notas[0].id))
    );
    let talk = section(&rosa.page(&format!("{path}?visao=conversas")), "acompanhamento");
    let first = talk.find("visível ao cliente").unwrap();
    assert!(
        talk[first..].contains("interna") && talk.contains("Em resposta a Rosa: Qual a chave?")
    );
    let blank = [("texto", " "), ("resposta_a", &*question), ("visao", "conversas")];
    let page = rosa.refused(&nota, &blank, "Escreva algo");
    assert!(section(&page, &format!("resposta-{question}")).contains("Escreva algo"));

    let pedro = casa.enter("pedro");
    for closed in ["/", "/ocorrencias", "/novo/ocorrencia", &path] {
        let answer = pedro.get(closed);
        assert_eq!(answer.status, 403, "{closed}");
        assert!(answer.body.contains("/sair") && !answer.body.contains("Erro na nota"));
    }
    assert_eq!(pedro.get("/web/ao-vivo").status, 403);
}

#[test]
fn the_erp_is_asked_from_the_page_and_the_list_finds_what_is_late() {
    let site = Site::new();
    let ana = site.phone("ana");
    let campos = [
        ("escopo", "produto"),
        ("produto", "Portão"),
        ("tipo_ocorrencia", "avaria"),
        ("relato", "Portão riscado na descarga"),
        ("contato_nome", "Rui"),
        ("contato_telefone", "(11) 98765-4321"),
    ];
    let novo = || {
        let tipo = Some("p000.ocorrencia");
        ana.campo.novo(Kind::Ocorrencia, tipo, &textos(&campos), &[]).unwrap()
    };
    let (id, causa) = (novo(), novo());
    ana.sync();
    let carla = Pages::enter(&site, AURORA, "carla");
    let path = format!("/registros/ocorrencia/{id}");
    let to = |act: &str| format!("{path}/{act}");
    assert!(!carla.page(&path).contains("pedir-credito_cliente"), "not before the analysis");
    carla.done(&to("transicao"), &[("verbo", "colocar_em_analise")]);
    let page = carla.page(&path);
    let falta = "Preencha antes: Cliente, Valor indenizado dos itens.";
    assert!(section(&page, "pedir-credito_cliente").contains(falta));
    carla.refused(&to("acao"), &[("codigo", "credito_cliente")], falta);
    carla.refused(&to("acao"), &[("codigo", "nada")], "não é possível");
    carla.done(&to("transicao"), &[("verbo", "estornar")]);
    let item = [("em", "itens"), ("novo", "sim"), ("produto", "Portão"), ("quantidade", "1")];
    carla.done(&to("parte"), &item);
    carla.done(&to("transicao"), &[("verbo", "colocar_em_analise")]);
    let asked = [("acao", &*new_id()), ("codigo", "entrada_estoque"), ("observacao", "Doca 2")];
    carla.done(&to("acao"), &asked);
    carla.done(&to("acao"), &asked);
    let acoes = site.registro(id).acoes;
    assert_eq!((acoes.len(), acoes[0].situacao), (1, SituacaoAcao::Solicitada));
    let erp = section(&carla.page(&path), "erp");
    assert!(
        erp.contains("Entrar Produto no Estoque Solicitada") && erp.contains("Doca 2"),
        "{erp}"
    );

    let other = new_id();
    let link = [("em", "vinculos"), ("novo", "sim"), ("parte", &*other), ("relacao", "causa")];
    let to_itself = [&link[..], &[("documento", "9999/000001")]].concat();
    carla.refused(&to("parte"), &to_itself, "Registro");
    let [proprio, da_causa] = [id, causa].map(|id| site.registro(id).numero.unwrap());
    let itself = [&link[..], &[("documento", &*proprio)]].concat();
    carla.refused(&to("parte"), &itself, "liga o registro a ele mesmo");
    carla.done(&to("parte"), &[&link[..], &[("documento", &*da_causa)]].concat());
    let page = carla.page(&format!("/registros/ocorrencia/{causa}"));
    assert!(section(&page, "vinculos").contains("Registros que apontam para este"));

    // The same words as the API finds it by: accents, plurals, telephones.
    let list =
        |query: &str| carla.page(&format!("/ocorrencias?{query}")).contains("Portão riscado");
    for query in ["texto=portoes", "texto=98765-4321", "texto=DESCARGA", "tipo=p000.ocorrencia"] {
        assert!(list(query), "{query}");
    }
    assert!(!list("texto=janela") && !list("prazo=atrasados"));
    let late = "UPDATE ocorrencias SET etapa_ate = now() - interval '1 hour'";
    assert_eq!(site.sql(late), 2);
    assert!(list("prazo=atrasados"));
}

/// A photo that a technician declares on the phone.
pub fn declare(phone: &Phone, id: DocumentId, nome: &str, legenda: &str, bytes: &[u8]) -> ItemId {
    let (tamanho, sha256) = (bytes.len().to_string(), hex::encode(Sha256::digest(bytes)));
    let campos = [
        ("nome", nome),
        ("categoria", "avaria"),
        ("legenda", legenda),
        ("mime", "image/jpeg"),
        ("tamanho", &*tamanho),
        ("sha256", &*sha256),
        ("capturado_em", "2026-11-20 14:03"),
    ];
    let campos = textos(&campos.map(|(nome, valor)| (nome, valor)));
    let campos: Vec<_> = campos.into_iter().filter(|(_, valor)| !valor.is_empty()).collect();
    phone.campo.incluir_parte(id, Colecao::Anexos, &campos).unwrap()
}

/// Its bytes, or others, arrive and are looked at.
pub fn arrive(site: &Site, id: DocumentId, anexo: ItemId, bytes: &[u8]) -> SituacaoArquivo {
    let bytes = bytes.to_vec().into();
    site.rt.block_on(verify::keep(&site.office, site.tenant, id, anexo, bytes)).unwrap()
}

#[test]
fn the_gallery_shows_what_has_arrived_and_says_what_has_not() {
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta riscada", site.id("ana"));
    ana.sync();
    let carla = Pages::enter(&site, AURORA, "carla");
    let path = format!("/registros/assistencia/{id}");
    let gallery = || section(&carla.page(&path), "anexos");
    assert!(gallery().contains("Nenhuma foto ou arquivo."), "{}", gallery());

    let photos = [1, 2, 3].map(|seed| Shot::new(seed, 640, 480).jpeg().unwrap());
    let [porta, rodape, vidro] = ["Porta <direita>", "Rodapé", "Vidro"];
    let arrived = declare(&ana, id, "porta.jpg", porta, &photos[0]);
    declare(&ana, id, "rodape.jpg", rodape, &photos[1]);
    let wrong = declare(&ana, id, "vidro.jpg", vidro, &photos[2]);
    let sheet = b"%PDF-1.4 nada".to_vec();
    let file = declare(&ana, id, "laudo.pdf", "", &sheet);
    ana.sync();
    assert!(gallery().contains("Nenhuma conferida ainda."), "{}", gallery());
    assert_eq!(arrive(&site, id, arrived, &photos[0]), SituacaoArquivo::Verificada);
    let mut other = photos[2].clone();
    other[200] ^= 1;
    assert_eq!(arrive(&site, id, wrong, &other), SituacaoArquivo::Recusada);
    assert_eq!(arrive(&site, id, file, &sheet), SituacaoArquivo::Verificada);
    site.rt.block_on(derivatives::once(&site.office)).unwrap();

    let said = gallery();
    for words in [
        "Conferidas: 2. Ainda não: 2.",
        "Avaria Conferida Porta &#60;direita&#62; Ana Ribeiro 20/11/2026 14:03",
        "Ainda não chegou Avaria Aguardando envio do celular Rodapé",
        "Ainda não há foto Avaria Recusada O arquivo chegou diferente do que foi registrado",
        "PDF Avaria Avaria Conferida Ana Ribeiro 20/11/2026 14:03 13 B Baixar o original",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let page = carla.page(&path);
    assert_eq!(page.matches("<img ").count(), 1, "only what has arrived looks so");
    let image = page.split("<img ").nth(1).unwrap().split('>').next().unwrap();
    assert!(image.contains("loading=\"lazy\"") && image.contains("width=\"320\""), "{image}");
    assert!(image.contains("alt=\"Avaria: Porta &#60;direita&#62;\""), "{image}");
    for variante in ["miniatura", "previa", "original"] {
        let link = format!("\"/web/anexos/{id}/{arrived}/{variante}\"");
        assert!(page.contains(&link), "{variante}");
        assert_eq!(carla.get(link.trim_matches('"')).header("content-type"), "image/jpeg");
    }
    let saved = carla.get(&format!("/web/anexos/{id}/{file}/original"));
    assert!(saved.header("content-disposition").starts_with("attachment; filename=\"laudo.pdf\""));
    assert!(saved.bytes == sheet);
    assert_eq!(carla.get(&format!("/web/anexos/{id}/{wrong}/original")).status, 404);

    // What is said of it is altered and it is removed like any part; its bytes stay.
    let part = arrived.to_string();
    let fields = [("em", "anexos"), ("parte", &*part), ("legenda", "Porta de correr")];
    carla.done(&format!("{path}/parte"), &fields);
    assert!(gallery().contains("Conferida Porta de correr"));
    carla.done(&format!("{path}/parte/remover"), &[("em", "anexos"), ("parte", &*part)]);
    assert!(!gallery().contains("Porta de correr"));
    assert!(carla.get(&format!("/web/anexos/{id}/{arrived}/original")).bytes == photos[0]);

    let history = section(&carla.page(&path), "acompanhamento");
    assert!(history.contains("Arquivo porta.jpg: conferido."), "{history}");
    assert!(history.contains("Arquivo vidro.jpg: recusado. O arquivo chegou"), "{history}");
    let rest = Rest::enter(&site, AURORA, "carla");
    let lines = rest.read(&format!("/v1/assistencias/{id}/acompanhamento?visao=historico"));
    let lines = lines["itens"].as_array().unwrap();
    let line = lines.iter().find(|line| line["tipo"] == "arquivo").unwrap();
    assert!(["Conferida", "Recusada"].contains(&line["para_exibicao"].as_str().unwrap()));

    let ficha = rest.read(&format!("/v1/assistencias/{id}"));
    let anexos = ficha["anexos"].as_array().unwrap();
    let of = |anexo: ItemId| anexos.iter().find(|a| a["id"] == anexo.to_string()).unwrap();
    assert_eq!(of(file)["estado"], "verificada");
    assert_eq!(of(wrong)["motivo"]["codigo"], "hash_diferente");
    assert!(of(wrong)["motivo"]["mensagem"].as_str().unwrap().contains("diferente"));
    let link = of(file)["links"]["original"].as_str().unwrap();
    assert!(rest.get(link).bytes == sheet);
    assert_eq!(rest.get(of(wrong)["links"]["previa"].as_str().unwrap()).status, 404);
}
