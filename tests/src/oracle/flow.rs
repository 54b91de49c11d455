//! Where a request leads (R21, R45–R50, R53–R68, R71–R77), as the requirements and the tables of
//! the presets put it.

use super::rules::{Codes, has, is_client, situacao, text};
use campo_domain::{
    command::Command,
    fluxo::{Consequencia, Fase, Guarda, Modo, Quem, Transicao},
    ids::{ItemId, PedidoId, UserId},
    pessoa::{Permissao, Pessoa},
    registro::{Item, Pedido, Registro, SituacaoArquivo, TipoAnalise},
    tipo::Tipo,
    valor::Valor,
};

/// A request as it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    pub pedido: PedidoId,
    pub verbo: &'a str,
    pub motivo: Option<&'a str>,
    pub brings: Option<TipoAnalise>,
}

impl<'a> Request<'a> {
    /// A request as it stands in a record.
    pub fn standing(registro: &Registro, pedido: &'a Pedido) -> Self {
        let mut analyses = registro.analises.iter();
        let brings = analyses.find(|a| a.pedido == Some(pedido.id)).map(|a| a.tipo);
        let (verbo, motivo) = (&pedido.verbo, pedido.motivo.as_deref());
        Request { pedido: pedido.id, verbo, motivo, brings }
    }
}

/// What newly stands in the record must be what the command asks for.
pub(crate) fn asked_as_written(
    before: Option<&Registro>,
    after: &Registro,
    tipo: &Tipo,
    command: &Command,
) -> Result<(), String> {
    let is_new = |pedido: &&Pedido| {
        before.is_none_or(|before| before.pedidos.iter().all(|old| old.id != pedido.id))
    };
    let new = after.pedidos.iter().filter(is_new);
    let new: Vec<Request<'_>> = new.map(|pedido| Request::standing(after, pedido)).collect();
    let asked = request(command, tipo);
    match (&new[..], asked) {
        ([], None) => Ok(()),
        ([new], Some(asked)) if *new == asked => Ok(()),
        (new, asked) => Err(format!("{asked:?} was asked for, {new:?} stands there")),
    }
}

/// The request that a command makes, if it makes one.
pub fn request<'a>(command: &'a Command, tipo: &'a Tipo) -> Option<Request<'a>> {
    match command {
        Command::Transicionar { pedido, verbo, motivo, .. } => {
            let motivo = motivo.as_deref();
            Some(Request { pedido: *pedido, verbo, motivo, brings: None })
        }
        Command::Analisar { tipo: what, pedido: Some(pedido), .. } => {
            let verbo = bringing(tipo, *what).map_or("", |t| t.verbo.as_str());
            Some(Request { pedido: pedido.id, verbo, motivo: None, brings: Some(*what) })
        }
        _ => None,
    }
}

/// The transition that such an analysis asks for. The presets have one for each.
fn bringing(tipo: &Tipo, what: TipoAnalise) -> Option<&Transicao> {
    tipo.fluxo.transicoes.iter().find(|t| t.traz == Some(what))
}

/// Where a request leads, or why not. `at_hand` says whether the server is where it is asked.
pub fn leads(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    request: &Request<'_>,
    at_hand: bool,
) -> Result<String, Codes> {
    let mut codes = Codes::new();
    let all = &tipo.fluxo.transicoes;
    let Some(transicao) = all.iter().find(|t| t.verbo == request.verbo) else {
        return Err(["transicao_inexistente"].into());
    };
    let (quem, asks) = match (pessoa.id == UserId::SERVIDOR, is_client(pessoa)) {
        (true, _) => (Quem::Sistema, false),
        (_, true) => (Quem::Cliente, false),
        _ => (Quem::Interno, true),
    };
    if !transicao.quem.contains(&quem) {
        // R52: a client is not told that an internal transition exists.
        let client = quem == Quem::Cliente;
        codes.insert(if client { "transicao_inexistente" } else { "nao_cabe_a_voce" });
    }
    if asks && !has(pessoa, transicao.permissao) {
        codes.insert("sem_permissao");
    }
    let atual = situacao(tipo, registro.situacao.as_deref()).map_or("", |s| s.codigo.as_str());
    if !transicao.de.iter().any(|de| de == atual) {
        codes.insert("transicao_nao_permitida");
    }
    if transicao.modo == Modo::Online && !at_hand {
        codes.insert("exige_conexao");
    }
    if transicao.traz != request.brings {
        codes.insert(match (request.brings, transicao.traz) {
            (Some(_), _) => "transicao_nao_permitida",
            (None, Some(TipoAnalise::Solucao)) => "exige_solucao",
            (None, Some(TipoAnalise::Parecer)) => "exige_parecer",
            (None, _) => "exige_laudo",
        });
    }
    // The new situação may require fields. `responsavel` is not missing if this transition sets it.
    let para = situacao(tipo, Some(&transicao.para));
    let taken = transicao.efeitos.contains(&Consequencia::AtribuirSeVazio)
        && has(pessoa, Permissao::Ver)
        && tipo.tem_campo("responsavel");
    let empty = |nome: &&String| {
        registro.campos.get(nome.as_str()).is_none_or(Valor::vazio)
            && !(taken && *nome == "responsavel")
    };
    if para.is_some_and(|para| para.exige.iter().any(|nome| empty(&nome))) {
        codes.insert("exige_campo");
    }
    for guarda in &transicao.guardas {
        codes.extend(lacks(guarda, registro, tipo, request.motivo));
    }
    if codes.is_empty() { Ok(transicao.para.clone()) } else { Err(codes) }
}

fn lacks(
    guarda: &Guarda,
    registro: &Registro,
    tipo: &Tipo,
    motivo: Option<&str>,
) -> Option<&'static str> {
    let is = |wrong: bool, code| wrong.then_some(code);
    let categoria = text(registro, "categoria");
    let among = |nomes: &[String]| nomes.iter().any(|nome| nome == categoria);
    let empty = |valor: Option<&Valor>| valor.is_none_or(Valor::vazio);
    let unfilled =
        |campos: &[String]| campos.iter().any(|nome| empty(registro.campos.get(nome.as_str())));
    match guarda {
        Guarda::Motivo => is(motivo.is_none_or(|m| m.trim().is_empty()), "exige_motivo"),
        Guarda::Laudo => {
            is(tipo.exige_laudo && !in_force(registro, TipoAnalise::Laudo), "exige_laudo")
        }
        Guarda::Solucao => is(!in_force(registro, TipoAnalise::Solucao), "exige_solucao"),
        Guarda::Parecer => is(!in_force(registro, TipoAnalise::Parecer), "exige_parecer"),
        Guarda::Procedencia => {
            let said = |item: &&Item| !empty(item.campos.get("procedencia"));
            let live: Vec<_> = registro.itens.values().filter(|item| !item.removido).collect();
            let of_record = !empty(registro.campos.get("procedencia"));
            let complete = match live.len() {
                0 => of_record,
                1 => of_record || live.iter().all(said),
                _ => live.iter().all(said),
            };
            // Once every item is judged, the record is founded if any item is.
            let all = !live.is_empty() && live.iter().all(said);
            let founded =
                |valor: Option<&Valor>| valor.and_then(Valor::texto) == Some("procedente");
            let any = live.iter().any(|item| founded(item.campos.get("procedencia")));
            let against = of_record && all && founded(registro.campos.get("procedencia")) != any;
            match tipo.analisa_procedencia {
                true if !complete => Some("exige_procedencia"),
                true => is(against, "procedencia_contraditoria"),
                false => None,
            }
        }
        Guarda::Fotos => is(!short_of(registro, tipo, |_| true).is_empty(), "exige_fotos"),
        Guarda::NuncaConcluido => is(was_concluded(registro, tipo), "ja_concluido"),
        Guarda::Categoria(nomes) => is(!among(nomes), "exige_categoria"),
        Guarda::CategoriaExceto(nomes) => is(among(nomes), "exige_categoria"),
        Guarda::Campos(campos) => is(unfilled(campos), "exige_campo"),
        Guarda::CamposDaCategoria { categorias, campos } => {
            is(among(categorias) && unfilled(campos), "exige_campo")
        }
    }
}

/// Whether a request for this transition has to wait for declared photos to be verified.
pub fn awaits_photos(registro: &Registro, tipo: &Tipo, verbo: &str) -> bool {
    let verified = |id: &ItemId| is(registro, id, SituacaoArquivo::Verificada);
    needs_photos(tipo, verbo) && !short_of(registro, tipo, verified).is_empty()
}

/// Whether it lacks photos even if all that are on their way arrive, since the store discarded
/// some: they have to be taken again.
pub(crate) fn awaits_other_photos(registro: &Registro, tipo: &Tipo, verbo: &str) -> bool {
    let good = |id: &ItemId| !is(registro, id, SituacaoArquivo::Recusada);
    needs_photos(tipo, verbo) && !short_of(registro, tipo, good).is_empty()
}

fn needs_photos(tipo: &Tipo, verbo: &str) -> bool {
    let edge = tipo.fluxo.transicoes.iter().find(|t| t.verbo == verbo);
    edge.is_some_and(|t| t.guardas.contains(&Guarda::Fotos))
}

fn is(registro: &Registro, anexo: &ItemId, situacao: SituacaoArquivo) -> bool {
    registro.arquivos.get(anexo).is_some_and(|arquivo| arquivo.situacao == situacao)
}

/// The categories with fewer photos than the tipo requires, counting only those that `counts`
/// accepts.
fn short_of<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    counts: impl Fn(&ItemId) -> bool,
) -> Vec<&'a str> {
    let categoria = |anexo: &Item| anexo.campos.get("categoria").cloned();
    let live = || registro.anexos.iter().filter(|(id, anexo)| !anexo.removido && counts(id));
    let of = |nome: &str| {
        let nome = Valor::Texto(nome.to_owned());
        live().filter(|(_, anexo)| categoria(anexo).as_ref() == Some(&nome)).count()
    };
    let asked = tipo.min_fotos.iter();
    asked.filter(|(nome, min)| of(nome) < **min as usize).map(|(nome, _)| nome.as_str()).collect()
}

/// Whether the record waits for a photo that is lost.
pub(crate) fn lacks_photos(
    registro: &Registro,
    tipo: &Tipo,
    lost: impl Fn(&ItemId) -> bool,
) -> bool {
    let short = short_of(registro, tipo, |id| is(registro, id, SituacaoArquivo::Verificada));
    registro.anexos.iter().any(|(id, anexo)| {
        let categoria = anexo.campos.get("categoria").and_then(Valor::texto).unwrap_or_default();
        !anexo.removido && lost(id) && short.contains(&categoria)
    })
}

/// Whether an analysis was issued whose request, if it has one, was accepted.
fn in_force(registro: &Registro, what: TipoAnalise) -> bool {
    let accepted = |id| {
        let pedido = registro.pedidos.iter().find(|pedido| pedido.id == id);
        let veredito = pedido.and_then(|pedido| pedido.veredito.as_ref());
        veredito.is_some_and(|veredito| veredito.recusa.is_none())
    };
    registro.analises.iter().any(|a| a.tipo == what && a.pedido.is_none_or(accepted))
}

fn was_concluded(registro: &Registro, tipo: &Tipo) -> bool {
    let done = |codigo: &str| {
        tipo.fluxo.situacoes.iter().any(|s| s.codigo == codigo && s.fase == Fase::Concluido)
    };
    registro.pedidos.iter().any(|pedido| {
        let veredito = pedido.veredito.as_ref();
        veredito.is_some_and(|v| v.recusa.is_none() && done(&v.para))
    })
}
