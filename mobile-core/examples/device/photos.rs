//! The terminal client's commands for photos.

use crate::{
    args::{PhotoCommand, SendArgs},
    failure::Failure,
    output::Output,
};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, ItemId},
    parte::{CATEGORIAS_ANEXO, Variante, posicao},
};
use campo_mobile_core::{Budget, Error, NewPhoto, Phone, PhotoSource, UploadReport};
use std::{path::Path, sync::atomic::AtomicBool};

/// Runs one of them.
pub fn run(phone: &Phone, output: &Output, command: &PhotoCommand) -> Result<(), Failure> {
    let id = |texto: &str| phone.resolver(texto, None);
    match command {
        PhotoCommand::Add { id: texto, arquivo, categoria, legenda, posicao } => {
            let position = posicao.as_deref().map(position).transpose()?;
            let photo = (arquivo.as_path(), code(categoria), legenda.as_deref());
            add(phone, output, id(texto)?, photo, position)?;
        }
        PhotoCommand::List { id: texto } => output.photos(&phone.fotos(id(texto)?)?),
        PhotoCommand::Pull { id: texto, variante, anexo } => {
            fetch(phone, output, id(texto)?, *variante, *anexo)?;
        }
        PhotoCommand::Thumbnails { rede } => {
            phone.set_network(rede.network());
            let n = phone.baixar_miniaturas(&AtomicBool::new(false))?;
            let json = serde_json::json!({ "baixadas": n });
            output.one(&json, &format!("{n} miniatura(s) baixada(s)."));
        }
        PhotoCommand::Dismiss { id: texto, anexo } => {
            phone.dispensar_foto(id(texto)?, *anexo)?;
            output.one(&serde_json::json!({ "dispensada": anexo }), "Foto dispensada.");
        }
        PhotoCommand::Send(args) => send(phone, output, args)?,
        PhotoCommand::Budget { orcamento } => {
            if let Some(code) = orcamento {
                let usage = "use qualquer_rede, so_wifi ou miniaturas_no_movel".to_owned();
                phone.set_budget(Budget::of_code(code).ok_or(usage)?)?;
            }
            let budget = phone.budget()?;
            let json = serde_json::json!({ "orcamento": budget.code() });
            output.one(&json, &format!("Envio de fotos: {}.", budget.label()));
        }
    }
    Ok(())
}

fn add(
    phone: &Phone,
    output: &Output,
    id: DocumentId,
    (path, category, caption): (&Path, &str, Option<&str>),
    position: Option<(f64, f64)>,
) -> Result<(), Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("foto");
    let source = PhotoSource::Path(path);
    let new = NewPhoto { source, name, category, caption, taken_at: None, position };
    let anexo = phone.add_photo(id, &new)?;
    let photos = phone.fotos(id)?;
    let photo = photos.iter().find(|photo| photo.anexo == anexo);
    output.one(&photo, &format!("Guardado neste aparelho: {name} ({anexo})"));
    Ok(())
}

/// Sends what may go, and says what came of it.
fn send(phone: &Phone, output: &Output, args: &SendArgs) -> Result<(), Failure> {
    phone.set_network(args.rede.network());
    if args.agora {
        phone.tentar_fotos_agora()?;
    }
    let report = phone.enviar_fotos(&AtomicBool::new(false), &|_| {})?;
    output.one(&report, &sentence(&report));
    Ok(())
}

fn sentence(report: &UploadReport) -> String {
    let mut text = format!(
        "{} arquivo(s) enviado(s), {} de foto original; {} foto(s) aguardam conferência.",
        report.files, report.photos, report.waiting
    );
    if report.failed > 0 {
        text.push_str(&format!(" {} falharam e serão tentados de novo.", report.failed));
    }
    if report.given_up > 0 {
        let n = report.given_up;
        text.push_str(&format!(" {n} foto(s) não serão enviadas; a lista de fotos diz por quê."));
    }
    if let Some(stop) = report.stopped {
        text.push(' ');
        text.push_str(stop.sentence());
    }
    text
}

/// Fetches one file of a record, or all of them.
fn fetch(
    phone: &Phone,
    output: &Output,
    id: DocumentId,
    variant: Variante,
    anexo: Option<ItemId>,
) -> Result<(), Failure> {
    let mut paths = Vec::new();
    let photos = phone.fotos(id)?;
    let which = photos.iter().filter(|photo| anexo.is_none_or(|anexo| photo.anexo == anexo));
    for photo in which {
        match phone.baixar(id, photo.anexo, variant) {
            Ok(path) => paths.push((photo, path)),
            // Of several, one that nobody has sent yet holds up no other.
            Err(Error::Servidor { mensagem, .. }) if anexo.is_none() => {
                eprintln!("{}: {mensagem}", photo.nome);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let json: Vec<_> = paths
        .iter()
        .map(|(photo, path)| serde_json::json!({ "anexo": photo.anexo, "caminho": path }))
        .collect();
    let lines: Vec<String> =
        paths.iter().map(|(photo, path)| format!("{}: {}", photo.nome, path.display())).collect();
    let text = if lines.is_empty() { "Nada a baixar.".to_owned() } else { lines.join("\n") };
    output.one(&json, &text);
    Ok(())
}

fn position(text: &str) -> Result<(f64, f64), String> {
    posicao(text).ok_or_else(|| "use --posicao=lat,long, em graus: -23.55,-46.63".to_owned())
}

/// A category by its code or by what a person reads.
fn code(text: &str) -> &str {
    let found = CATEGORIAS_ANEXO.iter().find(|(_, label)| dobrar(label) == dobrar(text));
    found.map_or(text, |(code, _)| code)
}
