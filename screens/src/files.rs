//! The photos and files of a record (R83): what is known of each, and how far its bytes have come.

use crate::{
    look::Look,
    parts::{self, Part},
};
use campo_domain::{
    ids::{DeviceId, ItemId},
    parte::{Colecao, frase_do_motivo, posicao},
    registro::{Item, SituacaoArquivo},
    valor::Valor,
};
use chrono::{DateTime, Utc};

/// One photo or file.
#[derive(Clone, Debug)]
pub struct File<'a> {
    /// Its fields as a form, and who added it.
    pub part: Part,
    /// What the file is called.
    pub name: &'a str,
    /// What sort of file it is, as a media type.
    pub mime: &'a str,
    /// The digest of its bytes, in hexadecimal.
    pub sha256: &'a str,
    /// What somebody wrote under it.
    pub caption: &'a str,
    /// The label of its category.
    pub category: String,
    /// When it was taken, by the clock of the device.
    pub taken: Option<DateTime<Utc>>,
    /// How large it is.
    pub size_bytes: Option<u64>,
    /// Where it was taken, as it was written.
    pub place: &'a str,
    /// Where that is: latitude and longitude, in degrees.
    pub coordinates: Option<(f64, f64)>,
    /// Whether a phone added it, which then sends the bytes.
    pub from_phone: bool,
    /// How far its bytes have come.
    pub state: SituacaoArquivo,
    /// The same, as a person reads it.
    pub state_label: &'static str,
    /// Why the bytes that arrived were refused.
    pub why_refused: Option<&'static str>,
}

/// The files of a record that were not removed, in the order in which they were taken; what does
/// not say when comes last.
pub fn files<'a>(look: &Look<'a>) -> Vec<File<'a>> {
    let mut files: Vec<File<'a>> =
        look.record.vivos(Colecao::Anexos).map(|(id, item)| file(look, *id, item)).collect();
    files.sort_by_key(|file| (file.taken.is_none(), file.taken, file.part.id));
    files
}

fn file<'a>(look: &Look<'a>, id: ItemId, item: &'a Item) -> File<'a> {
    let part = parts::part(look, Colecao::Anexos, id, item);
    let text = |name: &str| item.valor(name).texto().unwrap_or_default();
    let category = part.fields.iter().find(|field| field.campo.nome == "categoria");
    let from_phone = item.autoria.em != DeviceId::ESCRITORIO;
    let state = look.record.arquivo(&id);
    let reason = look.record.arquivos.get(&id).and_then(|file| file.motivo.as_deref());
    File {
        name: text("nome"),
        mime: text("mime"),
        sha256: text("sha256"),
        caption: text("legenda"),
        category: category.map_or_else(String::new, |field| field.words.text.clone()),
        taken: match item.valor("capturado_em") {
            Valor::Instante(at) => Some(*at),
            _ => None,
        },
        size_bytes: match item.valor("tamanho") {
            Valor::Inteiro(bytes) => Some(bytes.unsigned_abs()),
            _ => None,
        },
        place: text("posicao"),
        coordinates: posicao(text("posicao")),
        from_phone,
        state,
        state_label: match state {
            SituacaoArquivo::Esperada if from_phone => "Aguardando envio do celular",
            state => state.rotulo(),
        },
        why_refused: (state == SituacaoArquivo::Recusada)
            .then(|| frase_do_motivo(reason.unwrap_or_default())),
        part,
    }
}
