//! What always holds of a record, whoever edits it, by what its tipo says. The device asks before
//! it writes, the server before it merges.

use crate::{
    kind::Kind,
    parte::{Colecao, posicao},
    refusal::{Codigo, Refusal},
    registro::{Item, Registro},
    tipo::Tipo,
    valor::{Campo, TipoCampo, Valor},
};

/// Checks a record against its tipo.
///
/// # Errors
/// `campos_obrigatorios` with every missing label, `fim_antes_do_inicio`, `campo_fora_do_tipo`,
/// `recurso_desabilitado`, `valor_invalido`, `limite_indenizacao`.
pub fn verificar(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let kind = registro.kind;
    let vazios = tipo.obrigatorios.iter().filter(|nome| registro.valor(nome).vazio());
    let faltam: Vec<String> = vazios.map(|nome| tipo.rotulo(nome).to_owned()).collect();
    if !faltam.is_empty() {
        return Err(Refusal::com(Codigo::CamposObrigatorios, faltam));
    }
    for (nome, valor) in &registro.campos {
        if !valor.vazio() && !tipo.tem_campo(nome) {
            return Err(Refusal::com(Codigo::CampoForaDoTipo, [tipo.rotulo(nome).to_owned()]));
        }
    }
    match (registro.valor("inicio").instante(), registro.valor("fim").instante()) {
        (Some(inicio), Some(fim)) if fim < inicio => {
            return Err(Refusal::new(Codigo::FimAntesDoInicio));
        }
        _ => {}
    }
    escolhas(registro, tipo)?;
    procedencia(registro, tipo)?;
    for colecao in Colecao::TODAS {
        for (_, parte) in registro.vivos(colecao) {
            parte_completa(kind, colecao, parte, tipo)?;
        }
    }
    indenizacao(registro, tipo)
}

/// What the tipo narrows further than the field does.
fn escolhas(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let modalidade = registro.valor("modalidade").texto();
    if modalidade.is_some_and(|codigo| !tipo.aceita_escolha("modalidade", codigo)) {
        return Err(Refusal::com(Codigo::ValorInvalido, [tipo.rotulo("modalidade").to_owned()]));
    }
    let categoria = registro.valor("categoria").texto();
    let conhecida = |codigo: &str| tipo.categorias.is_empty() || tipo.categoria(codigo).is_some();
    if categoria.is_some_and(|codigo| !conhecida(codigo)) {
        return Err(Refusal::com(Codigo::ValorInvalido, [tipo.rotulo("categoria").to_owned()]));
    }
    Ok(())
}

fn procedencia(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let dita = !registro.valor("procedencia").vazio()
        || registro.vivos(Colecao::Itens).any(|(_, item)| !item.valor("procedencia").vazio());
    if dita && !tipo.analisa_procedencia {
        return Err(Refusal::com(Codigo::RecursoDesabilitado, ["Procedência".to_owned()]));
    }
    Ok(())
}

/// Whether a part says what a part of its collection must.
///
/// # Errors
/// As [`verificar`].
pub(crate) fn parte_completa(
    kind: Kind,
    colecao: Colecao,
    parte: &Item,
    tipo: &Tipo,
) -> Result<(), Refusal> {
    if colecao == Colecao::Despesas && !tipo.despesas {
        return Err(Refusal::com(Codigo::RecursoDesabilitado, ["Despesas".to_owned()]));
    }
    let rotulo =
        |nome: &str| kind.campo_de(colecao, nome).map_or("", |campo| campo.rotulo).to_owned();
    let vazios = colecao.obrigatorios().iter().filter(|nome| parte.valor(nome).vazio());
    let faltam: Vec<String> = vazios.map(|nome| rotulo(nome)).collect();
    if !faltam.is_empty() {
        return Err(Refusal::com(Codigo::CamposObrigatorios, faltam));
    }
    match colecao {
        Colecao::Itens => {
            let fora = parte
                .campos
                .iter()
                .find(|(nome, valor)| !valor.vazio() && !tipo.tem_campo_item(nome));
            if let Some((nome, _)) = fora {
                return Err(Refusal::com(Codigo::CampoForaDoTipo, [rotulo(nome)]));
            }
        }
        Colecao::Anexos => {
            let sha256 = parte.valor("sha256").texto().unwrap_or_default();
            let hexa = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if sha256.len() != 64 || !sha256.bytes().all(hexa) {
                return Err(Refusal::com(Codigo::ValorInvalido, [rotulo("sha256")]));
            }
            if parte.valor("posicao").texto().is_some_and(|texto| posicao(texto).is_none()) {
                return Err(Refusal::com(Codigo::ValorInvalido, [rotulo("posicao")]));
            }
        }
        Colecao::Vinculos => {
            if parte.valor("documento").vazio() && parte.valor("contato").vazio() {
                let faltam = [rotulo("documento"), rotulo("contato")];
                return Err(Refusal::com(Codigo::CamposObrigatorios, faltam));
            }
        }
        Colecao::Despesas => {}
    }
    Ok(())
}

/// Money for the client: only where the tipo has it, and up to its limit (R34).
fn indenizacao(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let valores = registro.vivos(Colecao::Itens).filter_map(|(_, item)| {
        match item.valor("valor_indenizado") {
            Valor::Inteiro(centavos) => Some(*centavos),
            _ => None,
        }
    });
    // A sum beyond what an integer holds is beyond any limit.
    let total = valores
        .fold(None, |soma: Option<i64>, valor| Some(soma.unwrap_or(0).saturating_add(valor)));
    let Some(total) = total else { return Ok(()) };
    let Some(indenizacao) = tipo.indenizacao else {
        return Err(Refusal::com(Codigo::RecursoDesabilitado, ["Valor indenizado".to_owned()]));
    };
    match indenizacao.limite {
        Some(limite) if total > limite => {
            const LIMITE: Campo =
                Campo::novo("limite", "Limite", TipoCampo::Centavos { max: i64::MAX }, "R34");
            let limite = Valor::Inteiro(limite).exibir(&LIMITE, chrono_tz::UTC);
            Err(Refusal::com(Codigo::LimiteIndenizacao, [limite]))
        }
        _ => Ok(()),
    }
}
