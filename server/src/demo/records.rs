//! The records of the demonstration: a week of a furniture shop, written as commands of its office.

use crate::{
    app::App,
    commit::{Answer, Work},
    reading, reference,
};
use anyhow::{Context, Result, bail};
use campo_domain::{
    command::{Command, NovoItem, NovoPedido},
    ids::{DocumentId, NotaId, TenantId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{Campos, TipoAnalise, Visibilidade},
    tipo::{TipoRef, Tipos},
    valor::Valor,
};
use chrono::{DateTime, Days, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::json;
use sqlx::PgTransaction;
use std::sync::Arc;
use uuid::Uuid;

/// The people whom the records name.
pub(super) struct People {
    pub ana: UserId,
    pub bruno: UserId,
    pub carla: UserId,
}

const TIME_ZONE: Tz = chrono_tz::America::Sao_Paulo;

const CLIENTS: &[(&str, &str, &str, &str)] = &[
    ("Márcia Albuquerque", "(11) 98111-2040", "Rua das Acácias, 120, ap. 42", "São Paulo"),
    ("José Antônio Peçanha", "(11) 98222-3151", "Av. Brigadeiro Faria, 900", "São Paulo"),
    ("Conceição Araújo", "(19) 98333-4262", "Rua Coronel Quirino, 55", "Campinas"),
    ("Luís Otávio Brandão", "(13) 98444-5373", "Rua do Comércio, 310", "Santos"),
    ("Pousada Água Clara", "(12) 98555-6484", "Estrada da Serra, km 7", "Ubatuba"),
];

/// Client, complaint, whether it is Ana's (else Bruno's), hour of today's visit.
const ASSISTENCIAS: &[(usize, &str, bool, Option<u32>)] = &[
    (0, "Porta do armário da cozinha não fecha e a dobradiça range.", true, Some(9)),
    (1, "Gaveta do criado-mudo chegou riscada; cliente pede a troca da frente.", true, Some(11)),
    (2, "Tampo da mesa empenou depois de duas semanas de uso.", true, None),
    (3, "Sofá com costura aberta no braço direito.", false, Some(10)),
    (4, "Cama do quarto 8 com estrado quebrado.", false, Some(14)),
];

struct Writer<'a> {
    app: &'a App,
    tenant: TenantId,
    tipos: Arc<Tipos>,
    carla: UserId,
}

impl Writer<'_> {
    async fn command(&self, document: DocumentId, command: Command) -> Result<()> {
        self.command_of(self.carla, document, command).await
    }

    async fn command_of(&self, user: UserId, document: DocumentId, command: Command) -> Result<()> {
        let commands = vec![(document, command)];
        let work = Work::Office { user, commands, only_if: None };
        match self.app.submit(self.tenant, work).await? {
            Answer::Office(done) => done.context("a demonstration record was refused"),
            Answer::Verdicts(_) | Answer::Ended(_) | Answer::File(_) => {
                bail!("an answer to something else")
            }
        }
    }

    async fn create(
        &self,
        tipo: &str,
        campos: Vec<(&str, Valor)>,
        itens: Vec<NovoItem>,
    ) -> Result<DocumentId> {
        let id = DocumentId::from(Uuid::now_v7());
        let tipo = self.tipos.atual(tipo)?;
        let (kind, tipo): (Kind, TipoRef) = (tipo.kind, tipo.referencia());
        let campos: Campos = campos.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        self.command(id, Command::Criar { id, kind, tipo, campos, itens }).await?;
        Ok(id)
    }

    async fn transition(&self, document: DocumentId, verbo: &str) -> Result<()> {
        let pedido = Uuid::now_v7().into();
        let verbo = verbo.to_owned();
        let command = Command::Transicionar { pedido, verbo, motivo: None, email: false };
        self.command(document, command).await
    }
}

/// A new part.
fn part(campos: &[(&str, Valor)]) -> NovoItem {
    let campos = campos.iter().map(|(nome, valor)| ((*nome).to_owned(), valor.clone()));
    NovoItem { id: Uuid::now_v7().into(), campos: campos.collect() }
}

fn text(texto: &str) -> Valor {
    Valor::Texto(texto.to_owned())
}

fn today_at(hour: u32, minute: u32) -> DateTime<Utc> {
    let day = Utc::now().with_timezone(&TIME_ZONE).date_naive();
    let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or(NaiveTime::MIN);
    TIME_ZONE
        .from_local_datetime(&day.and_time(time))
        .earliest()
        .map_or_else(Utc::now, |instant| instant.with_timezone(&Utc))
}

/// Writes the records, if the company has none.
pub(super) async fn create(app: &App, tenant: TenantId, people: &People) -> Result<()> {
    let mut tx = app.db.tenant(tenant).await?;
    let begun = reading::demo::has_records(&mut tx, tenant).await?;
    if begun {
        return Ok(());
    }
    // The demonstration shows complaints of products with a laudo (P000) beside home visits.
    reference::load_preset(&mut tx, tenant, "P000").await?;
    tx.commit().await?;
    let mut tx = app.db.tenant(tenant).await?;
    let tipos = crate::ledger::tipos(&mut tx, tenant).await?;
    drop(tx);
    let writer = Writer { app, tenant, tipos, carla: people.carla };

    let clientes = clients(&writer).await?;
    let mut tx = app.db.tenant(tenant).await?;
    reference::lock(&mut tx, tenant).await?;
    catalogues(&mut tx, tenant, &clientes).await?;
    tx.commit().await?;
    assistencias(&writer, &clientes, people).await?;
    complaints(&writer, &clientes, people).await
}

async fn clients(writer: &Writer<'_>) -> Result<Vec<DocumentId>> {
    let mut clientes = Vec::new();
    for (nome, telefone, endereco, cidade) in CLIENTS {
        let campos = vec![
            ("nome", text(nome)),
            ("telefone", text(telefone)),
            ("endereco", text(endereco)),
            ("cidade", text(cidade)),
            ("uf", text("SP")),
        ];
        clientes.push(writer.create("p001.cliente", campos, Vec::new()).await?);
    }
    Ok(clientes)
}

/// The assistências, with today's visits; the last one is late.
async fn assistencias(writer: &Writer<'_>, clientes: &[DocumentId], people: &People) -> Result<()> {
    for (position, (cliente, complaint, of_ana, hour)) in ASSISTENCIAS.iter().enumerate() {
        let responsavel = if *of_ana { people.ana } else { people.bruno };
        let (_, _, endereco, cidade) = CLIENTS[*cliente];
        let due = Utc::now().with_timezone(&TIME_ZONE).date_naive();
        let due = match position + 1 == ASSISTENCIAS.len() {
            true => due.checked_sub_days(Days::new(1)),
            false => due.checked_add_days(Days::new(3 + position as u64)),
        }
        .unwrap_or(due);
        let campos = vec![
            ("cliente", Valor::Id(clientes[*cliente].uuid())),
            ("situacao_alegada", text(complaint)),
            ("contrato", Valor::Texto(contract(position))),
            ("endereco", text(endereco)),
            ("cidade", text(cidade)),
            ("uf", text("SP")),
            ("responsavel", Valor::Id(responsavel.uuid())),
            ("prioridade", text(if position == 1 { "alta" } else { "normal" })),
            ("prazo", Valor::Data(due)),
        ];
        let assistencia = writer.create("p001.assistencia", campos, Vec::new()).await?;
        if let Some(hour) = hour {
            let campos = vec![
                ("assistencia", Valor::Id(assistencia.uuid())),
                ("tipo_agenda", text("assistencia_tecnica")),
                ("tipo_compromisso", text("vistoria")),
                ("responsavel", Valor::Id(responsavel.uuid())),
                ("inicio", Valor::Instante(today_at(*hour, 0))),
                ("fim", Valor::Instante(today_at(*hour + 1, 30))),
                ("assunto", Valor::Texto(format!("Vistoria: {}", CLIENTS[*cliente].0))),
            ];
            writer.create("p001.agenda", campos, Vec::new()).await?;
        }
        if position == 2 {
            warped_table(writer, assistencia).await?;
        }
    }
    Ok(())
}

/// An assistência under way, with its ocorrência.
async fn warped_table(writer: &Writer<'_>, assistencia: DocumentId) -> Result<()> {
    writer.transition(assistencia, "iniciar").await?;
    let campos = vec![
        ("assistencia", Valor::Id(assistencia.uuid())),
        ("tipo_ocorrencia", text("defeito_fabricacao")),
        ("modalidade", text("fabrica")),
        ("ambiente", text("sala")),
        ("linha", text("modulados")),
        ("relato", text("Tampo com 6 mm de empeno no centro. Pedida a troca à fábrica.")),
    ];
    let item = part(&[
        ("produto", text("Tampo de mesa Itatiba 1,80 m")),
        ("quantidade", Valor::Inteiro(1_000)),
        ("nota_fiscal", text("45.210")),
        ("valor", Valor::Inteiro(89_000)),
    ]);
    writer.create("p001.ocorrencia", campos, vec![item]).await?;
    Ok(())
}

fn contract(position: usize) -> String {
    format!("C-{}", 20_260 + position)
}

/// Catalogue entries that an ERP would have sent: contracts with their delivery addresses, and a
/// sale.
async fn catalogues(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    clientes: &[DocumentId],
) -> Result<()> {
    let contracts = ASSISTENCIAS.iter().enumerate().map(|(position, (cliente, ..))| {
        let (nome, _, endereco, cidade) = CLIENTS[*cliente];
        // The one of the mesa is delivered elsewhere than the client lives.
        let endereco =
            if position == 2 { "Rua Barão de Jaguara, 1.420, sala 3" } else { endereco };
        let dados = json!({
            "cliente": clientes[*cliente], "endereco": endereco, "cidade": cidade, "uf": "SP",
        });
        let codigo = contract(position);
        let nome = format!("{codigo} · {nome}");
        (codigo, true, json!({ "nome": nome, "dados": dados }))
    });
    reference::put(tx, tenant, "contrato", contracts.collect()).await?;
    let products = "Colchão Lótus queen|1|L-7731\nGuarda-roupa Itatiba 6 portas|1|L-7802";
    let sale = json!({
        "nome": "NF 45.198 · Márcia Albuquerque",
        "dados": { "cliente": clientes[0], "produtos": products },
    });
    reference::put(tx, tenant, "origem", vec![("nf_saida:45198".into(), true, sale)]).await?;
    Ok(())
}

async fn complaints(writer: &Writer<'_>, clientes: &[DocumentId], people: &People) -> Result<()> {
    let complaint = |relato: &str, tipo: &str| {
        vec![
            ("escopo", text("produto")),
            ("produto", text("Guarda-roupa Itatiba 6 portas")),
            ("cliente", Valor::Id(clientes[0].uuid())),
            ("tipo_ocorrencia", text(tipo)),
            ("relato", text(relato)),
            ("origem", text("nf_saida")),
            ("origem_numero", text("45.198")),
            ("contato_nome", text("Márcia Albuquerque")),
            ("contato_telefone", text("(11) 98111-2040")),
            ("contato_email", text("marcia@exemplo.com.br")),
        ]
    };
    let relato = "Colchão com mola aparente após três meses; cliente pede ressarcimento.";
    let mattress = part(&[
        ("produto", text("Colchão Lótus queen")),
        ("quantidade", Valor::Inteiro(1_000)),
        ("lote_serie", text("L-7731")),
        ("valor_indenizado", Valor::Inteiro(125_000)),
    ]);
    let campos = complaint(relato, "reclamacao_produto");
    let refund = writer.create("p000.ocorrencia", campos, vec![mattress]).await?;
    let relato = "Caixa do guarda-roupa chegou amassada, duas portas avariadas.";
    let under_analysis =
        writer.create("p000.ocorrencia", complaint(relato, "avaria"), vec![]).await?;
    let link = part(&[
        ("relacao", text("relacionado")),
        ("documento", Valor::Id(refund.uuid())),
        ("descricao", text("Mesma entrega")),
    ]);
    let linking = Command::IncluirItem { em: Colecao::Vinculos, item: link };
    writer.command(under_analysis, linking).await?;
    writer.transition(under_analysis, "colocar_em_analise").await?;
    let partial = analysis(TipoAnalise::Parcial, "Fotos pedidas à transportadora.");
    writer.command(under_analysis, partial).await?;
    let relato = "Cliente recebeu cor diferente da proposta.";
    let campos = complaint(relato, "divergencia_comercial");
    let wardrobe = part(&[
        ("produto", text("Guarda-roupa Itatiba 6 portas")),
        ("quantidade", Valor::Inteiro(1_000)),
        ("lote_serie", text("L-7802")),
        ("valor_indenizado", Valor::Inteiro(38_000)),
    ]);
    let with_laudo = writer.create("p000.ocorrencia", campos, vec![wardrobe]).await?;
    with_a_laudo(writer, with_laudo, people).await
}

/// A complaint that went further: people, a conversation, a laudo, an action for the ERP.
async fn with_a_laudo(writer: &Writer<'_>, id: DocumentId, people: &People) -> Result<()> {
    let bruno = people.bruno;
    writer.command(id, Command::Participar { usuario: bruno, participa: true }).await?;
    writer.command(id, Command::Interessar { usuario: people.ana, interessado: true }).await?;
    let question = NotaId::from(Uuid::now_v7());
    let note = |id: NotaId, texto: &str, resposta_a: Option<NotaId>| Command::Anotar {
        id,
        texto: texto.into(),
        visibilidade: Visibilidade::Interna,
        resposta_a,
    };
    let texto = "Bruno, qual a etiqueta que está na embalagem?";
    writer.command(id, note(question, texto, None)).await?;
    let answer = note(Uuid::now_v7().into(), "Nogueira, lote 7802.", Some(question));
    writer.command_of(bruno, id, answer).await?;
    writer.transition(id, "colocar_em_analise").await?;
    let conclusion = "A etiqueta do lote confirma a cor trocada na expedição.";
    writer.command(id, analysis(TipoAnalise::Laudo, conclusion)).await?;
    let credit = Command::SolicitarAcao {
        acao: Uuid::now_v7().into(),
        codigo: "credito_cliente".into(),
        observacao: Some("Diferença de preço entre as cores.".into()),
    };
    writer.command(id, credit).await
}

fn analysis(tipo: TipoAnalise, texto: &str) -> Command {
    let partial = tipo == TipoAnalise::Parcial;
    Command::Analisar {
        analise: Uuid::now_v7().into(),
        tipo,
        texto: texto.into(),
        procedente: (tipo == TipoAnalise::Laudo).then_some(true),
        pedido: (!partial).then(|| NovoPedido { id: Uuid::now_v7().into(), email: false }),
        encaminhar: None,
    }
}
