//! The terminal client's commands for photos.

use crate::{
    Falha,
    args::{Envio, PhotoCommand, RedeArg},
    output::Saida,
};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, ItemId},
    parte::{CATEGORIAS_ANEXO, Variante, posicao},
};
use campo_mobile_core::{
    Campo, EnvioReport, Error, EstadoFoto, Fonte, FotoExibida, NovaFoto, Orcamento, Rede,
};
use std::{path::Path, sync::atomic::AtomicBool};

/// Runs one of them.
pub fn run(campo: &Campo, saida: &Saida, command: &PhotoCommand) -> Result<(), Falha> {
    let id = |texto: &str| campo.resolver(texto, None);
    match command {
        PhotoCommand::Add { id: texto, arquivo, categoria, legenda, posicao: onde } => {
            let id = id(texto)?;
            let posicao = onde.as_deref().map(lugar).transpose()?;
            let nome = arquivo.file_name().and_then(|nome| nome.to_str()).unwrap_or("foto");
            let nova = NovaFoto {
                fonte: Fonte::Caminho(arquivo),
                nome,
                categoria: codigo(categoria),
                legenda: legenda.as_deref(),
                capturada_em: None,
                posicao,
            };
            let anexo = campo.add_photo(id, &nova)?;
            let fotos = campo.fotos(id)?;
            let foto = fotos.iter().find(|foto| foto.anexo == anexo);
            saida.um(&foto, &format!("Guardado neste aparelho: {nome} ({anexo})"));
        }
        PhotoCommand::List { id: texto } => {
            saida.fotos(&campo.fotos(id(texto)?)?);
        }
        PhotoCommand::Pull { id: texto, variante, anexo } => {
            baixar(campo, saida, id(texto)?, *variante, *anexo)?;
        }
        PhotoCommand::Thumbnails { rede } => {
            campo.set_rede(rede.rede());
            let n = campo.baixar_miniaturas(&AtomicBool::new(false))?;
            saida.um(
                &serde_json::json!({ "baixadas": n }),
                &format!("{n} miniatura(s) baixada(s)."),
            );
        }
        PhotoCommand::Dismiss { id: texto, anexo } => {
            campo.dispensar_foto(id(texto)?, *anexo)?;
            saida.um(&serde_json::json!({ "dispensada": anexo }), "Foto dispensada.");
        }
        PhotoCommand::Send(envio) => enviar(campo, saida, envio)?,
        PhotoCommand::Budget { orcamento } => {
            if let Some(codigo) = orcamento {
                let orcamento = Orcamento::de_codigo(codigo);
                let uso = "use qualquer_rede, so_wifi ou miniaturas_no_movel".to_owned();
                campo.set_orcamento(orcamento.ok_or(uso)?)?;
            }
            let orcamento = campo.orcamento()?;
            let json = serde_json::json!({ "orcamento": orcamento.codigo() });
            saida.um(&json, &format!("Envio de fotos: {}.", orcamento.rotulo()));
        }
    }
    Ok(())
}

/// Sends what may go, and says what came of it.
fn enviar(campo: &Campo, saida: &Saida, envio: &Envio) -> Result<(), Falha> {
    campo.set_rede(envio.rede.rede());
    if envio.agora {
        campo.tentar_fotos_agora()?;
    }
    let report = campo.enviar_fotos(&AtomicBool::new(false), &|_| {})?;
    saida.um(&report, &frase(&report));
    Ok(())
}

fn frase(report: &EnvioReport) -> String {
    let mut frase = format!(
        "{} arquivo(s) enviado(s), {} de foto original; {} foto(s) aguardam conferência.",
        report.arquivos, report.fotos, report.aguardam
    );
    if report.falharam > 0 {
        frase.push_str(&format!(" {} falharam e serão tentados de novo.", report.falharam));
    }
    if report.desistidas > 0 {
        let n = report.desistidas;
        frase.push_str(&format!(" {n} foto(s) não serão enviadas; a lista de fotos diz por quê."));
    }
    if let Some(parada) = report.parada {
        frase.push(' ');
        frase.push_str(parada.frase());
    }
    frase
}

/// Fetches one file of a record, or all of them.
fn baixar(
    campo: &Campo,
    saida: &Saida,
    id: DocumentId,
    variante: Variante,
    anexo: Option<ItemId>,
) -> Result<(), Falha> {
    let mut caminhos = Vec::new();
    let fotos = campo.fotos(id)?;
    let quais = fotos.iter().filter(|foto| anexo.is_none_or(|anexo| foto.anexo == anexo));
    for foto in quais {
        match campo.baixar(id, foto.anexo, variante) {
            Ok(caminho) => caminhos.push((foto, caminho)),
            // Of several, one that nobody has sent yet holds up no other.
            Err(Error::Servidor { mensagem, .. }) if anexo.is_none() => {
                eprintln!("{}: {mensagem}", foto.nome);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let json: Vec<_> = caminhos
        .iter()
        .map(|(foto, caminho)| serde_json::json!({ "anexo": foto.anexo, "caminho": caminho }))
        .collect();
    let linhas: Vec<String> = caminhos
        .iter()
        .map(|(foto, caminho)| format!("{}: {}", foto.nome, caminho.display()))
        .collect();
    let texto = if linhas.is_empty() { "Nada a baixar.".to_owned() } else { linhas.join("\n") };
    saida.um(&json, &texto);
    Ok(())
}

fn lugar(texto: &str) -> Result<(f64, f64), String> {
    posicao(texto).ok_or_else(|| "use --posicao=lat,long, em graus: -23.55,-46.63".to_owned())
}

/// A category by its code or by what a person reads.
fn codigo(texto: &str) -> &str {
    let achada = CATEGORIAS_ANEXO.iter().find(|(_, rotulo)| dobrar(rotulo) == dobrar(texto));
    achada.map_or(texto, |(codigo, _)| codigo)
}

impl RedeArg {
    /// As the device's core says it.
    pub const fn rede(self) -> Rede {
        match self {
            RedeArg::Nenhuma => Rede::Nenhuma,
            RedeArg::Movel => Rede::Movel,
            RedeArg::Wifi => Rede::WiFi,
        }
    }
}

/// What a row says of how a file stands.
pub fn estado(foto: &FotoExibida) -> String {
    match &foto.estado {
        EstadoFoto::Falhou { porque, .. } | EstadoFoto::Retida { porque } => {
            format!("{}: {porque}", foto.estado.rotulo())
        }
        estado => estado.rotulo(),
    }
}

/// Bytes as a person reads them.
pub fn tamanho(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{},{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Where a file came from, in one word.
pub fn locais(foto: &FotoExibida) -> String {
    let locais: Vec<_> = foto.locais.iter().map(|variante| variante.codigo()).collect();
    locais.join(", ")
}

/// Whether a path is a file: said before anything else is done.
pub fn existe(texto: &str) -> Result<std::path::PathBuf, String> {
    let caminho = Path::new(texto);
    match caminho.is_file() {
        true => Ok(caminho.to_owned()),
        false => Err("não é um arquivo".to_owned()),
    }
}
