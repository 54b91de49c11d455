//! The photos and files of a record (R83): what has arrived is shown, what has not says so. The
//! bytes come by `web::anexos`; adding them is the devices' and the API's.

use super::{
    inputs::Input,
    load::RecordRead,
    parts::{alterable, inputs},
    shown::{Shown, moment, person},
};
use crate::{
    reading::record::Picture,
    web::{
        form::Draft,
        format::{self, Moment},
    },
};
use campo_domain::{
    parte::{Colecao, Variante},
    registro::SituacaoArquivo,
};
use campo_screens::{File, Look, files, parts};
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
pub fn gallery(look: &Look<'_>, read: &RecordRead, draft: Option<&Draft>) -> Option<GalleryView> {
    if look.record.kind.campos_de(Colecao::Anexos).is_empty() {
        return None;
    }
    let may_remove = parts(look, Colecao::Anexos).removable.is_ok();
    let files = files(look);
    let arrived = files.iter().filter(|file| file.state == SituacaoArquivo::Verificada).count();
    let summary = match (files.len(), files.len() - arrived) {
        (0, _) => String::new(),
        (1, 0) => "Conferida pelo servidor.".to_owned(),
        (_, 0) => "Todas conferidas pelo servidor.".to_owned(),
        (all, missing) if all == missing => "Nenhuma conferida ainda.".to_owned(),
        (_, missing) => format!("Conferidas: {arrived}. Ainda não: {missing}."),
    };
    let tiles = files.into_iter().map(|file| tile(look, read, file, may_remove, draft));
    Some(GalleryView { summary, tiles: tiles.collect() })
}

fn tile(
    look: &Look<'_>,
    read: &RecordRead,
    file: File<'_>,
    may_remove: bool,
    draft: Option<&Draft>,
) -> TileView {
    let id = file.part.id;
    let verified = file.state == SituacaoArquivo::Verificada;
    let path = |variant: Variante| format!("/web/anexos/{}/{id}/{variant}", look.record.id);
    let picture = match read.pictures.get(&id.uuid()) {
        _ if !verified => PictureView::Nothing,
        Some(Picture { miniatura: true, .. }) => PictureView::Thumbnail(path(Variante::Miniatura)),
        Some(Picture { derivadas: Some(made), .. }) => match made.as_str() {
            "prontas" => PictureView::Thumbnail(path(Variante::Miniatura)),
            "pendentes" => PictureView::Soon,
            _ => PictureView::File(ending(file.name)),
        },
        _ => PictureView::File(ending(file.name)),
    };
    let opens = match &picture {
        PictureView::Thumbnail(_) => Some(path(Variante::Previa)),
        PictureView::File(_) => Some(path(Variante::Original)),
        PictureView::Soon | PictureView::Nothing => None,
    };
    let draft = Draft::of(draft, &format!("parte-{id}"));
    TileView {
        id: id.uuid(),
        picture,
        opens,
        original: verified.then(|| path(Variante::Original)),
        alt: match file.caption.is_empty() {
            true => file.category.clone(),
            false => format!("{}: {}", file.category, file.caption),
        },
        caption: file.caption.to_owned(),
        by: person(look, file.part.by),
        taken: file.taken.map(|at| moment(look, at)),
        size: file.size_bytes.map(format::bytes).unwrap_or_default(),
        state: file.state.codigo(),
        state_text: file.state_label,
        why: file.why_refused,
        again: match file.from_phone {
            true => "O celular envia de novo.",
            false => "É preciso enviar de novo.",
        },
        details: details(&file),
        inputs: inputs(read, Colecao::Anexos, alterable(&file.part.fields), draft),
        may_remove,
        error: Draft::error(draft),
        category: file.category,
    }
}

/// What identifies the file, and where it was taken.
fn details(file: &File<'_>) -> Vec<(&'static str, Shown)> {
    let geo = |(latitude, longitude): (f64, f64)| format!("geo:{latitude},{longitude}");
    let place = Shown { text: file.place.to_owned(), href: file.coordinates.map(geo) };
    let all = [
        ("Arquivo", Shown::plain(file.name)),
        ("Tipo", Shown::plain(file.mime)),
        ("SHA-256", Shown::plain(file.sha256)),
        ("Posição", place),
    ];
    all.into_iter().filter(|(_, shown)| !shown.text.is_empty()).collect()
}

/// What the name of a file ends in, as people say it.
fn ending(name: &str) -> String {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let short = (1..=5).contains(&ending.chars().count());
    if short { ending.to_uppercase() } else { "Arquivo".to_owned() }
}
