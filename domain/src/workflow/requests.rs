//! Requests of transition: where one leads, or why it is refused.

use super::photos;
use crate::{
    analise::TipoAnalise,
    fluxo::{Consequencia, Guarda, Modo, Quem, Transicao},
    ids::UserId,
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::Tipo,
};

/// Where the decision is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onde {
    /// On a phone, perhaps without connection.
    Aparelho,
    /// On the server or in the office.
    Servidor,
}

/// The transition that brings an analysis of this type: the one that starts at the record's
/// situação, or the first if none does.
///
/// # Errors
/// `transicao_inexistente`.
pub fn transition_bringing<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    analise: TipoAnalise,
) -> Result<&'a Transicao, Refusal> {
    let atual = registro.situacao(tipo).map(|situacao| &situacao.codigo);
    let mut trazem = tipo.fluxo.transicoes.iter().filter(|t| t.traz == Some(analise));
    let daqui = trazem.clone().find(|t| atual.is_some_and(|atual| t.de.contains(atual)));
    daqui
        .or_else(|| trazem.next())
        .ok_or_else(|| Refusal::with(Codigo::TransicaoInexistente, [analise.rotulo().to_owned()]))
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Which transition.
    pub verb: &'a str,
    /// Why, where it was said.
    pub reason: Option<&'a str>,
    /// The analysis that comes with it.
    pub brings: Option<TipoAnalise>,
}

/// Judges a request of transition: the situação that it leads to, or why not. Photos that it needs
/// must have arrived where the server decides.
///
/// # Errors
/// As [`judge_request`], and `fotos_a_caminho`.
pub fn judge(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    asked: Asked<'_>,
    onde: Onde,
) -> Result<String, Refusal> {
    let para = judge_request(registro, tipo, pessoa, asked, onde)?;
    let awaited =
        (onde == Onde::Servidor).then(|| photos::photos_on_their_way(registro, tipo, asked.verb));
    awaited.flatten().map_or(Ok(para), Err)
}

/// Judges a request that is in the record, counting the photos that were declared. If their bytes
/// have not arrived yet, the request waits ([`photos::photos_on_their_way`]).
///
/// # Errors
/// `transicao_inexistente`, `nao_cabe_a_voce`, `sem_permissao`, `transicao_nao_permitida`,
/// `exige_conexao`, or what a guard asks for.
pub fn judge_request(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    asked: Asked<'_>,
    onde: Onde,
) -> Result<String, Refusal> {
    let unknown =
        || Refusal::with(Codigo::TransicaoInexistente, [asked.verb.chars().take(60).collect()]);
    let transicao = tipo.fluxo.transicao(asked.verb).ok_or_else(unknown)?;
    let quem = asker(pessoa);
    if !transicao.quem.contains(&quem) {
        // A client is not told that an internal transition exists (R52).
        return Err(match quem {
            Quem::Cliente => unknown(),
            _ => Refusal::with(Codigo::NaoCabeAVoce, [transicao.rotulo.clone()]),
        });
    }
    if quem == Quem::Interno && !pessoa.pode(transicao.permissao) {
        return Err(Refusal::sem_permissao(transicao.permissao));
    }
    let Some(atual) = registro.situacao(tipo) else {
        return Err(Refusal::with(Codigo::TransicaoInexistente, [transicao.rotulo.clone()]));
    };
    let not_from_here = || {
        // A client is not told of what goes on inside (R52).
        let visible = registro.situacao_do_cliente(tipo).filter(|_| quem == Quem::Cliente);
        let detalhes = [visible.unwrap_or(atual).nome.clone(), transicao.rotulo.clone()];
        Err(Refusal::with(Codigo::TransicaoNaoPermitida, detalhes))
    };
    if !transicao.de.contains(&atual.codigo) {
        return not_from_here();
    }
    if onde == Onde::Aparelho && transicao.modo == Modo::Online {
        return Err(Refusal::new(Codigo::ExigeConexao));
    }
    match (transicao.traz, asked.brings) {
        (a, b) if a == b => {}
        // An analysis needs the transition that brings it, and the permission of that one (R85).
        (_, Some(_)) => return not_from_here(),
        (Some(TipoAnalise::Solucao), None) => return Err(Refusal::new(Codigo::ExigeSolucao)),
        (Some(TipoAnalise::Parecer), None) => return Err(Refusal::new(Codigo::ExigeParecer)),
        (_, None) => return Err(Refusal::new(Codigo::ExigeLaudo)),
    }
    for guarda in &transicao.guardas {
        guard(guarda, registro, tipo, transicao, asked.reason)?;
    }
    // Where the person becomes responsável by asking, the field may be empty.
    let takes_over = transicao.efeitos.contains(&Consequencia::AtribuirSeVazio)
        && quem == Quem::Interno
        && pessoa.pode(Permissao::Ver);
    let exige = tipo.fluxo.situacao(&transicao.para).map_or(&[][..], |s| &s.exige);
    filled_in(registro, tipo, exige.iter().filter(|n| !(takes_over && *n == "responsavel")))?;
    Ok(transicao.para.clone())
}

/// As whom the person asks.
fn asker(pessoa: &Pessoa) -> Quem {
    if pessoa.id == UserId::SERVIDOR {
        Quem::Sistema
    } else if pessoa.portal() {
        Quem::Cliente
    } else {
        Quem::Interno
    }
}

fn filled_in<'a>(
    registro: &Registro,
    tipo: &Tipo,
    campos: impl IntoIterator<Item = &'a String>,
) -> Result<(), Refusal> {
    let vazios = campos.into_iter().filter(|nome| registro.valor(nome).vazio());
    let faltam: Vec<String> = vazios.map(|nome| tipo.rotulo(nome).to_owned()).collect();
    if faltam.is_empty() { Ok(()) } else { Err(Refusal::with(Codigo::ExigeCampo, faltam)) }
}

fn guard(
    guarda: &Guarda,
    registro: &Registro,
    tipo: &Tipo,
    transicao: &Transicao,
    reason: Option<&str>,
) -> Result<(), Refusal> {
    let categoria = registro.valor("categoria").texto().unwrap_or_default();
    let is_one_of = |nomes: &[String]| nomes.iter().any(|nome| nome == categoria);
    let rotulo = || [transicao.rotulo.clone()];
    let lacks = |analise| registro.vigente(analise).is_none();
    let codigo = match guarda {
        Guarda::Laudo if tipo.exige_laudo && lacks(TipoAnalise::Laudo) => Codigo::ExigeLaudo,
        Guarda::Solucao if lacks(TipoAnalise::Solucao) => Codigo::ExigeSolucao,
        Guarda::Parecer if lacks(TipoAnalise::Parecer) => Codigo::ExigeParecer,
        Guarda::Motivo if reason.is_none_or(|m| m.trim().is_empty()) => Codigo::ExigeMotivo,
        Guarda::Procedencia if tipo.analisa_procedencia && !registro.procedencia_completa() => {
            Codigo::ExigeProcedencia
        }
        Guarda::Procedencia if tipo.analisa_procedencia && registro.procedencia_contraditoria() => {
            Codigo::ProcedenciaContraditoria
        }
        Guarda::Fotos => return photos::enough(registro, tipo),
        Guarda::NuncaConcluido if registro.ja_concluido(tipo) => {
            return Err(Refusal::with(Codigo::JaConcluido, rotulo()));
        }
        Guarda::Categoria(nomes) if !is_one_of(nomes) => {
            return Err(Refusal::with(Codigo::ExigeCategoria, rotulo()));
        }
        Guarda::CategoriaExceto(nomes) if is_one_of(nomes) => {
            return Err(Refusal::with(Codigo::ExigeCategoria, rotulo()));
        }
        Guarda::Campos(campos) => return filled_in(registro, tipo, campos),
        Guarda::CamposDaCategoria { categorias, campos } if is_one_of(categorias) => {
            return filled_in(registro, tipo, campos);
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(codigo))
}

/// The transitions from where the record stands that are another's to ask for, each with why.
pub fn withheld<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    pessoa: &Pessoa,
    onde: Onde,
) -> impl Iterator<Item = (&'a Transicao, Refusal)> {
    let atual = registro.situacao(tipo).map(|situacao| situacao.codigo.as_str());
    let from_here =
        move |transicao: &&Transicao| transicao.de.iter().any(|de| Some(de.as_str()) == atual);
    tipo.fluxo.transicoes.iter().filter(from_here).filter_map(move |transicao| {
        let asked = Asked { verb: &transicao.verbo, reason: Some("?"), brings: transicao.traz };
        let why = judge(registro, tipo, pessoa, asked, onde).err()?;
        let another = matches!(why.codigo, Codigo::SemPermissao | Codigo::NaoCabeAVoce);
        another.then_some((transicao, why))
    })
}

/// The transitions that the person could ask for now, in the fluxo's order: what buttons to show.
/// Those that only lack something that the person can still give are included.
pub fn available<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    pessoa: &Pessoa,
    onde: Onde,
) -> Vec<&'a Transicao> {
    let offered = |transicao: &&Transicao| {
        let asked = Asked { verb: &transicao.verbo, reason: Some("?"), brings: transicao.traz };
        match judge(registro, tipo, pessoa, asked, onde) {
            Ok(_) => true,
            Err(refusal) => matches!(
                refusal.codigo,
                Codigo::ExigeLaudo
                    | Codigo::ExigeSolucao
                    | Codigo::ExigeParecer
                    | Codigo::ExigeProcedencia
                    | Codigo::ExigeFotos
                    | Codigo::FotosACaminho
                    | Codigo::ExigeCampo
            ),
        }
    };
    tipo.fluxo.transicoes.iter().filter(offered).collect()
}
