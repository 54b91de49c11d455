//! What the record will look like once the server has judged what the person asked for.

use super::{
    photos,
    requests::{Asked, Onde, judge_request},
};
use crate::{
    fluxo::Consequencia,
    ids::ItemId,
    pessoa::{Permissao, Pessoa},
    registro::{Registro, SituacaoArquivo, Veredito},
    tipo::Tipo,
    valor::Valor,
};

/// The record as it will stand if the server accepts every pending request of the person, judged in
/// order; requests that would be refused leave it as it is.
pub fn predict(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa) -> Registro {
    let mut previsto = registro.clone();
    let pending: Vec<_> =
        registro.pedidos_pendentes().filter(|p| p.autoria.por == pessoa.id).cloned().collect();
    for pedido in pending {
        let brings = previsto.analises.iter().find(|a| a.pedido == Some(pedido.id)).map(|a| a.tipo);
        let asked = Asked { verb: &pedido.verbo, reason: pedido.motivo.as_deref(), brings };
        let judged = judge_request(&previsto, tipo, pessoa, asked, Onde::Servidor);
        if let Ok(para) = judged {
            // Where the server discarded a photo, another may have to be taken: the record stays
            // open for it, and what was asked for afterwards waits.
            let counts = |id: &ItemId| previsto.arquivo(id) != SituacaoArquivo::Recusada;
            if photos::lack_for(&previsto, tipo, &pedido.verbo, counts).is_some() {
                break;
            }
            let de = previsto.situacao(tipo).map_or(String::new(), |s| s.codigo.clone());
            previsto.situacao = Some(para.clone());
            take_over(&mut previsto, tipo, pessoa, &pedido.verbo);
            if let Some(judged) = previsto.pedidos.iter_mut().find(|p| p.id == pedido.id) {
                let quando = pedido.quando;
                judged.veredito = Some(Veredito { recusa: None, de, para, quando });
            }
        }
    }
    previsto
}

/// Who asked becomes responsável, where the transition says so and nobody is.
fn take_over(registro: &mut Registro, tipo: &Tipo, pessoa: &Pessoa, verbo: &str) {
    let transicao = tipo.fluxo.transicao(verbo);
    let says_so = transicao.is_some_and(|t| t.efeitos.contains(&Consequencia::AtribuirSeVazio));
    let has_field = registro.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
    if says_so && has_field && registro.responsavel().is_none() && pessoa.pode(Permissao::Ver) {
        registro.campos.insert("responsavel".into(), Valor::Id(pessoa.id.into()));
    }
}
