//! The photos of the demonstration. They are drawn, attached by commands of the technicians, and
//! verified like uploads. Attaching them again has no effect.

use super::{
    canvas::{Canvas, Color, HEIGHT, WIDTH, darker},
    records::People,
};
use crate::{
    app::App,
    arquivos::verify,
    ledger,
    office::{self, OfficeError},
    reading,
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

const QUALITY: u8 = 82;

const WALNUT: Color = [150, 98, 60];
const OAK: Color = [201, 164, 112];
const WHITE: Color = [236, 236, 230];
const WALL: Color = [222, 217, 205];
const FLOOR: Color = [140, 126, 112];
const SCRATCH: Color = [250, 243, 226];
const CRACK: Color = [38, 22, 12];
const METAL: Color = [176, 180, 184];

struct Photo {
    /// The beginning of the complaint in its record, by which the record is found.
    complaint: &'static str,
    name: &'static str,
    category: &'static str,
    caption: &'static str,
    draw: fn() -> Canvas,
}

const PHOTOS: [Photo; 8] = [
    Photo {
        complaint: "Porta do armário",
        name: "armario-antes.jpg",
        category: "antes",
        caption: "A porta da direita caiu 2 cm e raspa na de baixo.",
        draw: || cabinet(34),
    },
    Photo {
        complaint: "Porta do armário",
        name: "armario-depois.jpg",
        category: "depois",
        caption: "Dobradiças trocadas e portas alinhadas.",
        draw: || cabinet(0),
    },
    Photo {
        complaint: "Gaveta do criado-mudo",
        name: "gaveta-riscada.jpg",
        category: "avaria",
        caption: "Riscos profundos na frente da gaveta de cima.",
        draw: drawer,
    },
    Photo {
        complaint: "Tampo da mesa",
        name: "mesa-inteira.jpg",
        category: "antes",
        caption: "A mesa na sala, longe da janela.",
        draw: || table(false),
    },
    Photo {
        complaint: "Tampo da mesa",
        name: "tampo-rachado.jpg",
        category: "avaria",
        caption: "O tampo abriu no meio, do lado da cabeceira.",
        draw: || table(true),
    },
    Photo {
        complaint: "Sofá com costura",
        name: "sofa.jpg",
        category: "avaria",
        caption: "Costura aberta no braço direito e mancha no assento.",
        draw: sofa,
    },
    Photo {
        complaint: "Cama do quarto 8",
        name: "estrado.jpg",
        category: "avaria",
        caption: "Duas ripas do estrado partidas.",
        draw: bed_slats,
    },
    Photo {
        complaint: "Caixa do guarda-roupa",
        name: "embalagem.jpg",
        category: "avaria",
        caption: "Canto da caixa amassado, como chegou da transportadora.",
        draw: carton,
    },
];

/// Attaches those that are missing.
pub(super) async fn create(app: &App, tenant: TenantId, people: &People) -> Result<()> {
    for (minute, photo) in (0..).zip(&PHOTOS) {
        let mut tx = app.db.tenant(tenant).await?;
        let found = reading::demo::by_complaint(&mut tx, photo.complaint).await?;
        let Some((document, responsavel, criado_em)) = found else { continue };
        let attachment = id(document, photo.name);
        let state = reading::demo::state_of_file(&mut tx, document, attachment.uuid()).await?;
        tx.rollback().await?;
        if state.as_deref() == Some("verificada") {
            continue;
        }
        let author = responsavel.map_or(people.carla, UserId::from);
        let document = DocumentId::from(document);
        let bytes = tokio::task::spawn_blocking(|| paint(photo)).await.context("drawing")?;
        if state.is_none() {
            let taken = criado_em - TimeDelta::minutes(20 - minute);
            let item = item(photo, attachment, &bytes, taken);
            let command = Command::IncluirItem { em: Colecao::Anexos, item };
            let mut tx = app.db.tenant(tenant).await?;
            let pessoa = ledger::pessoa(&mut tx, tenant, author).await?;
            tx.rollback().await?;
            match office::run(app, tenant, &pessoa, document, command).await {
                Ok(()) => {}
                // Somebody has removed it since, or concluded the record.
                Err(OfficeError::Refused(_)) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        verify::keep(app, tenant, document, attachment, bytes).await?;
    }
    Ok(())
}

/// The id of a photo. It is derived from record and name, so that the photo is attached only once.
fn id(document: Uuid, name: &str) -> ItemId {
    let digest = Sha256::new().chain_update(document).chain_update(name).finalize();
    let bytes = std::array::from_fn(|at| digest[at]);
    ItemId::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn paint(photo: &Photo) -> Bytes {
    let pixels = (photo.draw)().finish();
    let (width, height) = (WIDTH.unsigned_abs(), HEIGHT.unsigned_abs());
    campo_fotos::encode(&pixels, width, height, QUALITY).into()
}

fn item(photo: &Photo, id: ItemId, bytes: &Bytes, taken: DateTime<Utc>) -> NovoItem {
    let text = |text: &str| Valor::Texto(text.to_owned());
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let campos = [
        ("nome", text(photo.name)),
        ("categoria", text(photo.category)),
        ("legenda", text(photo.caption)),
        ("mime", text("image/jpeg")),
        ("tamanho", Valor::Inteiro(length)),
        ("sha256", Valor::Texto(hex::encode(Sha256::digest(bytes)))),
        ("capturado_em", Valor::Instante(taken)),
    ];
    NovoItem { id, campos: campos.map(|(name, value)| (name.to_owned(), value)).into() }
}

/// A kitchen cabinet whose right door is `drop` pixels too low.
fn cabinet(drop: i32) -> Canvas {
    let mut canvas = Canvas::room(WALL, FLOOR);
    canvas.board((240, 150), (1360, 830), WALNUT);
    canvas.gradient((270, 180), (1330, 800), darker(WALNUT, 95), darker(WALNUT, 110));
    for (x, offset) in [(275, 0), (805, drop)] {
        let (from, to) = ((x, 185 + offset), (x + 520, 795 + offset));
        canvas.gradient(from, to, WHITE, darker(WHITE, 26));
        canvas.stroke(&[from, (to.0, from.1), to, (from.0, to.1), from], 5, darker(WHITE, 70));
    }
    for x in [730, 870] {
        let offset = if x > 800 { drop } else { 0 };
        canvas.gradient((x - 8, 430 + offset), (x + 8, 560 + offset), METAL, darker(METAL, 70));
    }
    for y in [250, 730] {
        canvas.gradient((1290, y), (1345, y + 34), METAL, darker(METAL, 50));
    }
    if drop > 0 {
        canvas.stroke(&[(1010, 815), (1140, 822), (1290, 826)], 7, SCRATCH);
    }
    canvas
}

/// The front of a drawer, with scratches.
fn drawer() -> Canvas {
    let mut canvas = Canvas::room(WALL, FLOOR);
    canvas.board((330, 210), (1270, 1000), darker(OAK, 30));
    for (top, bottom) in [(260, 580), (620, 950)] {
        canvas.board((370, top), (1230, bottom), OAK);
        let middle = (top + bottom) / 2;
        canvas.ellipse((800, middle + 8), (46, 42), darker(OAK, 110));
        canvas.ellipse((800, middle), (40, 36), METAL);
    }
    canvas.stroke(&[(430, 330), (560, 372), (690, 360), (760, 398)], 6, SCRATCH);
    canvas.stroke(&[(455, 372), (600, 418), (705, 409)], 4, SCRATCH);
    canvas.stroke(&[(900, 500), (1010, 452), (1130, 470)], 5, SCRATCH);
    canvas
}

/// A table, whole or cracked.
fn table(cracked: bool) -> Canvas {
    let mut canvas = Canvas::room([206, 214, 216], FLOOR);
    canvas.gradient((90, 90), (430, 520), [242, 248, 252], [190, 214, 230]);
    canvas.stroke(&[(260, 90), (260, 520)], 14, WHITE);
    canvas.stroke(&[(90, 300), (430, 300)], 14, WHITE);
    for x in [330, 1190] {
        canvas.board((x, 700), (x + 80, 1110), darker(WALNUT, 40));
    }
    canvas.board((210, 600), (1390, 720), WALNUT);
    if cracked {
        let crack = [(980, 596), (1004, 630), (990, 660), (1020, 690), (1008, 724)];
        canvas.stroke(&crack, 12, CRACK);
        canvas.stroke(&[(1004, 630), (1090, 640), (1180, 634)], 6, CRACK);
        canvas.stroke(&[(990, 660), (900, 668)], 5, CRACK);
    }
    canvas
}

/// A sofa with an open seam and a stain.
fn sofa() -> Canvas {
    let fabric: Color = [92, 118, 140];
    let mut canvas = Canvas::room([226, 220, 212], [150, 120, 92]);
    canvas.gradient((260, 380), (1340, 930), fabric, darker(fabric, 60));
    canvas.gradient((180, 520), (330, 980), darker(fabric, 14), darker(fabric, 60));
    canvas.gradient((1270, 520), (1420, 980), darker(fabric, 14), darker(fabric, 60));
    for (from, to) in [(335, 798), (804, 1266)] {
        canvas.gradient((from, 730), (to, 930), darker(fabric, 4), darker(fabric, 46));
    }
    canvas.ellipse((600, 800), (110, 46), [96, 74, 52]);
    canvas.ellipse((660, 826), (50, 22), [104, 82, 58]);
    let seam = [(1300, 560), (1316, 630), (1298, 700), (1312, 780)];
    canvas.stroke(&seam, 16, CRACK);
    for y in [590, 650, 720] {
        canvas.stroke(&[(1278, y), (1340, y + 14)], 4, SCRATCH);
    }
    canvas
}

/// The slats of a bed, two of them broken.
fn bed_slats() -> Canvas {
    let mut canvas = Canvas::room([196, 186, 172], [120, 104, 90]);
    canvas.board((120, 120), (200, 1100), WALNUT);
    canvas.board((1400, 120), (1480, 1100), WALNUT);
    for slat in 0..7 {
        let y = 170 + slat * 132;
        if matches!(slat, 2 | 3) {
            canvas.board((205, y), (760, y + 62), OAK);
            canvas.board((850, y + 46), (1395, y + 108), OAK);
            let splinter = [(752, y), (790, y + 20), (764, y + 36), (806, y + 62)];
            canvas.stroke(&splinter, 14, darker(OAK, 60));
        } else {
            canvas.board((205, y), (1395, y + 62), OAK);
        }
    }
    canvas
}

/// A box with a dented corner.
fn carton() -> Canvas {
    let cardboard: Color = [190, 150, 104];
    let mut canvas = Canvas::room([210, 210, 206], [128, 128, 126]);
    canvas.gradient((340, 240), (1260, 1020), cardboard, darker(cardboard, 34));
    canvas.gradient((340, 590), (1260, 660), [226, 206, 160], [214, 192, 146]);
    canvas.stroke(&[(340, 240), (1260, 240), (1260, 1020), (340, 1020), (340, 240)], 6, CRACK);
    canvas.gradient((820, 760), (1120, 930), WHITE, darker(WHITE, 12));
    for line in 0..5 {
        canvas.stroke(&[(850, 790 + line * 26), (1090, 790 + line * 26)], 6, [70, 70, 70]);
    }
    for (step, light) in [(0, 20), (26, 46), (52, 74), (78, 100)] {
        let fold = [(340, 380 - step), (420 - step / 2, 330 - step / 2), (480 - step, 240)];
        canvas.stroke(&fold, 18, darker(cardboard, light));
    }
    canvas
}
