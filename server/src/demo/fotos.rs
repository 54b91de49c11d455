//! The photos of the demonstration: drawn here, attached by the technicians through the same gate
//! as everything else, and verified like any that arrives. Attaching them again is harmless.

use super::{
    quadro::{ALTURA, Cor, LARGURA, Quadro, escura},
    records::Pessoas,
};
use crate::{
    app::App,
    arquivos::verificacao,
    ledger,
    office::{self, OfficeError},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId, TenantId, UserId},
    parte::Colecao,
    valor::Valor,
};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const QUALIDADE: u8 = 82;

const NOGUEIRA: Cor = [150, 98, 60];
const CARVALHO: Cor = [201, 164, 112];
const BRANCO: Cor = [236, 236, 230];
const PAREDE: Cor = [222, 217, 205];
const PISO: Cor = [140, 126, 112];
const RISCO: Cor = [250, 243, 226];
const RACHA: Cor = [38, 22, 12];
const METAL: Cor = [176, 180, 184];

struct Foto {
    /// How what is claimed begins, in the record that it belongs to.
    de: &'static str,
    nome: &'static str,
    categoria: &'static str,
    legenda: &'static str,
    desenho: fn() -> Quadro,
}

const FOTOS: [Foto; 8] = [
    Foto {
        de: "Porta do armário",
        nome: "armario-antes.jpg",
        categoria: "antes",
        legenda: "A porta da direita caiu 2 cm e raspa na de baixo.",
        desenho: || armario(34),
    },
    Foto {
        de: "Porta do armário",
        nome: "armario-depois.jpg",
        categoria: "depois",
        legenda: "Dobradiças trocadas e portas alinhadas.",
        desenho: || armario(0),
    },
    Foto {
        de: "Gaveta do criado-mudo",
        nome: "gaveta-riscada.jpg",
        categoria: "avaria",
        legenda: "Riscos profundos na frente da gaveta de cima.",
        desenho: gaveta,
    },
    Foto {
        de: "Tampo da mesa",
        nome: "mesa-inteira.jpg",
        categoria: "antes",
        legenda: "A mesa na sala, longe da janela.",
        desenho: || mesa(false),
    },
    Foto {
        de: "Tampo da mesa",
        nome: "tampo-rachado.jpg",
        categoria: "avaria",
        legenda: "O tampo abriu no meio, do lado da cabeceira.",
        desenho: || mesa(true),
    },
    Foto {
        de: "Sofá com costura",
        nome: "sofa.jpg",
        categoria: "avaria",
        legenda: "Costura aberta no braço direito e mancha no assento.",
        desenho: sofa,
    },
    Foto {
        de: "Cama do quarto 8",
        nome: "estrado.jpg",
        categoria: "avaria",
        legenda: "Duas ripas do estrado partidas.",
        desenho: estrado,
    },
    Foto {
        de: "Caixa do guarda-roupa",
        nome: "embalagem.jpg",
        categoria: "avaria",
        legenda: "Canto da caixa amassado, como chegou da transportadora.",
        desenho: caixa,
    },
];

/// Attaches those that are missing.
pub(super) async fn create(app: &App, tenant: TenantId, pessoas: &Pessoas) -> Result<()> {
    for (minuto, foto) in (0..).zip(&FOTOS) {
        let mut tx = app.db.tenant(tenant).await?;
        let found: Option<(Uuid, Option<Uuid>, DateTime<Utc>)> = sqlx::query_as(
            "SELECT id, responsavel, criado_em FROM ( \
                 SELECT id, responsavel, criado_em, situacao_alegada AS texto FROM assistencias \
                 UNION ALL SELECT id, responsavel, criado_em, relato FROM ocorrencias) r \
             WHERE starts_with(r.texto, $1) ORDER BY criado_em LIMIT 1",
        )
        .bind(foto.de)
        .fetch_optional(&mut *tx)
        .await?;
        let Some((document, responsavel, criado_em)) = found else { continue };
        let anexo = id(document, foto.nome);
        let estado: Option<String> =
            sqlx::query_scalar("SELECT estado FROM anexos WHERE document = $1 AND id = $2")
                .bind(document)
                .bind(anexo.uuid())
                .fetch_optional(&mut *tx)
                .await?;
        tx.rollback().await?;
        if estado.as_deref() == Some("verificada") {
            continue;
        }
        let autor = responsavel.map_or(pessoas.carla, UserId::from);
        let document = DocumentId::from(document);
        let bytes = tokio::task::spawn_blocking(|| pintar(foto)).await.context("drawing")?;
        if estado.is_none() {
            let tirada = criado_em - TimeDelta::minutes(20 - minuto);
            let item = item(foto, anexo, &bytes, tirada);
            let command = Command::IncluirItem { em: Colecao::Anexos, item };
            let mut tx = app.db.tenant(tenant).await?;
            let pessoa = ledger::pessoa(&mut tx, tenant, autor).await?;
            tx.rollback().await?;
            match office::run(app, tenant, &pessoa, document, command).await {
                Ok(()) => {}
                // Somebody has removed it since, or concluded the record.
                Err(OfficeError::Refused(_)) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        verificacao::guardar(app, tenant, document, anexo, bytes).await?;
    }
    Ok(())
}

/// Always the same, so that the photo is attached once.
fn id(document: Uuid, nome: &str) -> ItemId {
    let digest = Sha256::new().chain_update(document).chain_update(nome).finalize();
    let bytes = std::array::from_fn(|at| digest[at]);
    ItemId::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn pintar(foto: &Foto) -> Bytes {
    let pixels = (foto.desenho)().pronto();
    let (largura, altura) = (LARGURA.unsigned_abs(), ALTURA.unsigned_abs());
    campo_fotos::encode(&pixels, largura, altura, QUALIDADE).into()
}

fn item(foto: &Foto, id: ItemId, bytes: &Bytes, tirada: DateTime<Utc>) -> NovoItem {
    let texto = |texto: &str| Valor::Texto(texto.to_owned());
    let tamanho = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let campos = [
        ("nome", texto(foto.nome)),
        ("categoria", texto(foto.categoria)),
        ("legenda", texto(foto.legenda)),
        ("mime", texto("image/jpeg")),
        ("tamanho", Valor::Inteiro(tamanho)),
        ("sha256", Valor::Texto(hex::encode(Sha256::digest(bytes)))),
        ("capturado_em", Valor::Instante(tirada)),
    ];
    NovoItem { id, campos: campos.map(|(nome, valor)| (nome.to_owned(), valor)).into() }
}

/// A kitchen cabinet whose right door hangs so much lower.
fn armario(caida: i32) -> Quadro {
    let mut quadro = Quadro::sala(PAREDE, PISO);
    quadro.tabua((240, 150), (1360, 830), NOGUEIRA);
    quadro.degrade((270, 180), (1330, 800), escura(NOGUEIRA, 95), escura(NOGUEIRA, 110));
    for (x, desce) in [(275, 0), (805, caida)] {
        let (de, ate) = ((x, 185 + desce), (x + 520, 795 + desce));
        quadro.degrade(de, ate, BRANCO, escura(BRANCO, 26));
        quadro.traco(&[de, (ate.0, de.1), ate, (de.0, ate.1), de], 5, escura(BRANCO, 70));
    }
    for x in [730, 870] {
        let desce = if x > 800 { caida } else { 0 };
        quadro.degrade((x - 8, 430 + desce), (x + 8, 560 + desce), METAL, escura(METAL, 70));
    }
    for y in [250, 730] {
        quadro.degrade((1290, y), (1345, y + 34), METAL, escura(METAL, 50));
    }
    if caida > 0 {
        quadro.traco(&[(1010, 815), (1140, 822), (1290, 826)], 7, RISCO);
    }
    quadro
}

/// The front of a drawer, with scratches.
fn gaveta() -> Quadro {
    let mut quadro = Quadro::sala(PAREDE, PISO);
    quadro.tabua((330, 210), (1270, 1000), escura(CARVALHO, 30));
    for (cima, baixo) in [(260, 580), (620, 950)] {
        quadro.tabua((370, cima), (1230, baixo), CARVALHO);
        let meio = (cima + baixo) / 2;
        quadro.mancha((800, meio + 8), (46, 42), escura(CARVALHO, 110));
        quadro.mancha((800, meio), (40, 36), METAL);
    }
    quadro.traco(&[(430, 330), (560, 372), (690, 360), (760, 398)], 6, RISCO);
    quadro.traco(&[(455, 372), (600, 418), (705, 409)], 4, RISCO);
    quadro.traco(&[(900, 500), (1010, 452), (1130, 470)], 5, RISCO);
    quadro
}

/// A table, whole or cracked.
fn mesa(rachada: bool) -> Quadro {
    let mut quadro = Quadro::sala([206, 214, 216], PISO);
    quadro.degrade((90, 90), (430, 520), [242, 248, 252], [190, 214, 230]);
    quadro.traco(&[(260, 90), (260, 520)], 14, BRANCO);
    quadro.traco(&[(90, 300), (430, 300)], 14, BRANCO);
    for x in [330, 1190] {
        quadro.tabua((x, 700), (x + 80, 1110), escura(NOGUEIRA, 40));
    }
    quadro.tabua((210, 600), (1390, 720), NOGUEIRA);
    if rachada {
        let racha = [(980, 596), (1004, 630), (990, 660), (1020, 690), (1008, 724)];
        quadro.traco(&racha, 12, RACHA);
        quadro.traco(&[(1004, 630), (1090, 640), (1180, 634)], 6, RACHA);
        quadro.traco(&[(990, 660), (900, 668)], 5, RACHA);
    }
    quadro
}

/// A sofa with an open seam and a stain.
fn sofa() -> Quadro {
    let tecido: Cor = [92, 118, 140];
    let mut quadro = Quadro::sala([226, 220, 212], [150, 120, 92]);
    quadro.degrade((260, 380), (1340, 930), tecido, escura(tecido, 60));
    quadro.degrade((180, 520), (330, 980), escura(tecido, 14), escura(tecido, 60));
    quadro.degrade((1270, 520), (1420, 980), escura(tecido, 14), escura(tecido, 60));
    for (de, ate) in [(335, 798), (804, 1266)] {
        quadro.degrade((de, 730), (ate, 930), escura(tecido, 4), escura(tecido, 46));
    }
    quadro.mancha((600, 800), (110, 46), [96, 74, 52]);
    quadro.mancha((660, 826), (50, 22), [104, 82, 58]);
    let costura = [(1300, 560), (1316, 630), (1298, 700), (1312, 780)];
    quadro.traco(&costura, 16, RACHA);
    for y in [590, 650, 720] {
        quadro.traco(&[(1278, y), (1340, y + 14)], 4, RISCO);
    }
    quadro
}

/// The slats of a bed, two of them broken.
fn estrado() -> Quadro {
    let mut quadro = Quadro::sala([196, 186, 172], [120, 104, 90]);
    quadro.tabua((120, 120), (200, 1100), NOGUEIRA);
    quadro.tabua((1400, 120), (1480, 1100), NOGUEIRA);
    for ripa in 0..7 {
        let y = 170 + ripa * 132;
        if matches!(ripa, 2 | 3) {
            quadro.tabua((205, y), (760, y + 62), CARVALHO);
            quadro.tabua((850, y + 46), (1395, y + 108), CARVALHO);
            let lasca = [(752, y), (790, y + 20), (764, y + 36), (806, y + 62)];
            quadro.traco(&lasca, 14, escura(CARVALHO, 60));
        } else {
            quadro.tabua((205, y), (1395, y + 62), CARVALHO);
        }
    }
    quadro
}

/// A box with a dented corner.
fn caixa() -> Quadro {
    let papelao: Cor = [190, 150, 104];
    let mut quadro = Quadro::sala([210, 210, 206], [128, 128, 126]);
    quadro.degrade((340, 240), (1260, 1020), papelao, escura(papelao, 34));
    quadro.degrade((340, 590), (1260, 660), [226, 206, 160], [214, 192, 146]);
    quadro.traco(&[(340, 240), (1260, 240), (1260, 1020), (340, 1020), (340, 240)], 6, RACHA);
    quadro.degrade((820, 760), (1120, 930), BRANCO, escura(BRANCO, 12));
    for linha in 0..5 {
        quadro.traco(&[(850, 790 + linha * 26), (1090, 790 + linha * 26)], 6, [70, 70, 70]);
    }
    for (passo, luz) in [(0, 20), (26, 46), (52, 74), (78, 100)] {
        let dobra = [(340, 380 - passo), (420 - passo / 2, 330 - passo / 2), (480 - passo, 240)];
        quadro.traco(&dobra, 18, escura(papelao, luz));
    }
    quadro
}
