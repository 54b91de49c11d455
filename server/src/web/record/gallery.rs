//! The photos and files of a record (R83): what has arrived is shown, what has not says so. The
//! bytes come by `web::anexos`; adding them is the devices' and the API's.

use super::{fields::Input, load::Loaded, parts};
use crate::{
    reading::{record::Picture, values::Shown},
    web::{
        form::Draft,
        format::{self, Moment},
        page::Visit,
    },
};
use campo_domain::{
    ids::{DeviceId, ItemId},
    parte::{Colecao, Variante, frase_do_motivo, posicao},
    policy::{self, Parte},
    registro::{Item, SituacaoArquivo},
    valor::Valor,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Everything that is attached.
pub struct GalleryView {
    /// How many have arrived and how many have not, in words.
    pub summary: String,
    pub tiles: Vec<TileView>,
}

/// One photo or file.
pub struct TileView {
    pub id: Uuid,
    pub picture: PictureView,
    /// What opens by the picture, and what is saved: paths.
    pub opens: Option<String>,
    pub original: Option<String>,
    /// What the picture shows, for who does not see it.
    pub alt: String,
    pub category: String,
    pub caption: String,
    pub by: String,
    pub taken: Option<Moment>,
    pub size: String,
    /// How far the bytes have come: a code, and words.
    pub state: &'static str,
    pub state_text: &'static str,
    /// Why what arrived was refused.
    pub why: Option<&'static str>,
    /// What happens then.
    pub again: &'static str,
    /// What else is known of it.
    pub details: Vec<(&'static str, Shown)>,
    /// The form, where the person may alter something of it now.
    pub inputs: Vec<Input>,
    pub may_remove: bool,
    pub error: Option<String>,
}

/// What stands in the place of the picture.
pub enum PictureView {
    /// The thumbnail, by its path.
    Thumbnail(String),
    /// It is here, and is no picture: what its name ends in.
    File(String),
    /// It is here, and its thumbnail is being made.
    Soon,
    /// It is not here.
    Nothing,
}

/// The gallery, of records that have one.
pub fn gallery(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Option<GalleryView> {
    let registro = &loaded.registro;
    if registro.kind.campos_de(Colecao::Anexos).is_empty() {
        return None;
    }
    let mut attached: Vec<_> = registro.vivos(Colecao::Anexos).collect();
    // In the order in which they were taken; what does not say when comes last.
    attached.sort_by_key(|(id, part)| (taken(part).is_none(), taken(part), **id));
    let tiles = attached.into_iter().map(|(id, part)| tile(*id, part, visit, loaded, draft));
    let tiles: Vec<TileView> = tiles.collect();
    let arrived = SituacaoArquivo::Verificada.codigo();
    let arrived = tiles.iter().filter(|tile| tile.state == arrived).count();
    let summary = match (tiles.len(), tiles.len() - arrived) {
        (0, _) => String::new(),
        (1, 0) => "Conferida pelo servidor.".to_owned(),
        (_, 0) => "Todas conferidas pelo servidor.".to_owned(),
        (all, missing) if all == missing => "Nenhuma conferida ainda.".to_owned(),
        (_, missing) => format!("Conferidas: {arrived}. Ainda não: {missing}."),
    };
    Some(GalleryView { summary, tiles })
}

fn tile(
    id: ItemId,
    part: &Item,
    visit: &Visit,
    loaded: &Loaded,
    draft: Option<&Draft>,
) -> TileView {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let situacao = registro.arquivo(&id);
    let verified = situacao == SituacaoArquivo::Verificada;
    let known = loaded.pictures.get(&id.uuid());
    let path = |variante: Variante| format!("/web/anexos/{}/{id}/{variante}", registro.id);
    let text = |nome: &str| part.valor(nome).texto().unwrap_or_default().to_owned();
    let picture = match known {
        _ if !verified => PictureView::Nothing,
        Some(Picture { miniatura: true, .. }) => PictureView::Thumbnail(path(Variante::Miniatura)),
        Some(Picture { derivadas: Some(made), .. }) => match made.as_str() {
            "prontas" => PictureView::Thumbnail(path(Variante::Miniatura)),
            "pendentes" => PictureView::Soon,
            _ => PictureView::File(ending(&text("nome"))),
        },
        _ => PictureView::File(ending(&text("nome"))),
    };
    let opens = match &picture {
        PictureView::Thumbnail(_) => Some(path(Variante::Previa)),
        PictureView::File(_) => Some(path(Variante::Original)),
        PictureView::Soon | PictureView::Nothing => None,
    };
    let campo = |nome: &str| registro.kind.campo_de(Colecao::Anexos, nome);
    let shown =
        |nome: &str| campo(nome).map(|campo| loaded.reader().show(campo, part.valor(nome)).text);
    let (category, caption) = (shown("categoria").unwrap_or_default(), text("legenda"));
    let alt = match caption.is_empty() {
        true => category.clone(),
        false => format!("{category}: {caption}"),
    };
    let by_phone = part.autoria.em != DeviceId::ESCRITORIO;
    let pessoa = &visit.auth.pessoa;
    let may = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte).is_ok();
    let draft = Draft::of(draft, &format!("parte-{id}"));
    let motivo = registro.arquivos.get(&id).and_then(|arquivo| arquivo.motivo.as_deref());
    TileView {
        id: id.uuid(),
        picture,
        opens,
        original: verified.then(|| path(Variante::Original)),
        alt,
        category,
        caption,
        by: loaded.names.people.name_or_unknown(part.autoria.por.uuid()),
        taken: taken(part).map(|at| Moment::new(at, visit.now, loaded.fuso)),
        size: match part.valor("tamanho") {
            Valor::Inteiro(bytes) => format::bytes(bytes.unsigned_abs()),
            _ => String::new(),
        },
        state: situacao.codigo(),
        state_text: match situacao {
            SituacaoArquivo::Esperada if by_phone => "Aguardando envio do celular",
            situacao => situacao.rotulo(),
        },
        why: (situacao == SituacaoArquivo::Recusada)
            .then(|| frase_do_motivo(motivo.unwrap_or_default())),
        again: match by_phone {
            true => "O celular envia de novo.",
            false => "É preciso enviar de novo.",
        },
        details: details(part),
        inputs: parts::inputs(loaded, Colecao::Anexos, Some(part), draft, |campo| {
            !campo.fixo && may(Parte::CampoItem(Colecao::Anexos, campo))
        }),
        may_remove: may(Parte::Remocao(Colecao::Anexos)),
        error: Draft::error(draft),
    }
}

fn taken(part: &Item) -> Option<DateTime<Utc>> {
    match part.valor("capturado_em") {
        Valor::Instante(at) => Some(*at),
        _ => None,
    }
}

/// What identifies the file, and where it was taken.
fn details(part: &Item) -> Vec<(&'static str, Shown)> {
    let text = |nome: &str| part.valor(nome).texto().unwrap_or_default().to_owned();
    let place = text("posicao");
    let geo = posicao(&place).map(|(latitude, longitude)| format!("geo:{latitude},{longitude}"));
    let plain = |text| Shown { text, href: None };
    let all = [
        ("Arquivo", plain(text("nome"))),
        ("Tipo", plain(text("mime"))),
        ("SHA-256", plain(text("sha256"))),
        ("Posição", Shown { text: place, href: geo }),
    ];
    all.into_iter().filter(|(_, shown)| !shown.text.is_empty()).collect()
}

/// What the name of a file ends in, as people say it.
fn ending(nome: &str) -> String {
    let ending = nome.rsplit_once('.').map_or("", |(_, ending)| ending);
    let short = (1..=5).contains(&ending.chars().count());
    if short { ending.to_uppercase() } else { "Arquivo".to_owned() }
}
