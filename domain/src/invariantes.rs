//! What its tipo demands of a record at all times, whoever edits it. The device checks it before it
//! writes, the server before it merges.

use crate::{
    fluxo::Situacao,
    kind::Kind,
    parte::{Colecao, posicao},
    refusal::{Codigo, Refusal},
    registro::{Item, Registro},
    tipo::Tipo,
    valor::{self, Campo, TipoCampo, Valor},
};
use std::collections::{BTreeMap, BTreeSet};

/// Checks a record against its tipo.
///
/// # Errors
/// The first fault; of required fields that are empty, all: `campos_obrigatorios`,
/// `campo_fora_do_tipo`, `fim_antes_do_inicio`, `valor_invalido`, `email_invalido`,
/// `recurso_desabilitado`, `vinculo_repetido`, `limite_indenizacao`.
pub fn verificar(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    recusar(faltas(registro, tipo))
}

/// Whether an edit leaves the record no worse than it was. A fault that was there before does not
/// block the edit, but a money limit that was exceeded may not be exceeded by more.
///
/// # Errors
/// As [`verificar`], of what the edit itself breaks.
pub fn piora(antes: &Registro, depois: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let mut novas = faltas(depois, tipo);
    if novas.is_empty() {
        return Ok(());
    }
    for velha in faltas(antes, tipo) {
        if let Some(igual) = novas.iter().position(|nova| *nova == velha) {
            novas.remove(igual);
        }
    }
    // The limit may have been exceeded before: the sum may then stay, not grow.
    if let Some(limite) = limite(depois, tipo)
        && indenizado(depois) > indenizado(antes)
    {
        novas.push(limite);
    }
    recusar(novas)
}

fn recusar(faltas: Vec<Refusal>) -> Result<(), Refusal> {
    let Some(primeira) = faltas.first() else { return Ok(()) };
    let iguais = faltas.iter().filter(|falta| falta.codigo == primeira.codigo);
    Err(match primeira.codigo {
        Codigo::CamposObrigatorios => {
            let rotulos = iguais.flat_map(|falta| falta.detalhes.iter().cloned());
            Refusal::with(Codigo::CamposObrigatorios, rotulos)
        }
        _ => primeira.clone(),
    })
}

/// Whether the field must be filled in: by the tipo, in that situação, or by the value of another
/// field, which `valor` says (R1, R7).
pub fn exige<'a>(
    tipo: &Tipo,
    situacao: Option<&Situacao>,
    valor: impl Fn(&str) -> Option<&'a str>,
    nome: &str,
) -> bool {
    let tem = |nomes: &[String]| nomes.iter().any(|outro| outro == nome);
    let por_valor = |(campo, nomes): (&String, &BTreeMap<String, Vec<String>>)| {
        valor(campo).and_then(|valor| nomes.get(valor)).is_some_and(|nomes| tem(nomes))
    };
    tem(&tipo.obrigatorios)
        || situacao.is_some_and(|situacao| tem(&situacao.exige))
        || tipo.obrigatorios_por.iter().any(por_valor)
}

/// Everything that is wrong with a record, each field's fault by itself.
fn faltas(registro: &Registro, tipo: &Tipo) -> Vec<Refusal> {
    let kind = registro.kind;
    let situacao = registro.situacao(tipo);
    let valor = |nome: &str| registro.valor(nome).texto();
    // In the order of the kind's table.
    let campos = kind.campos().iter().filter(|campo| registro.valor(campo.nome).vazio());
    let vazios = campos.filter(|campo| exige(tipo, situacao, valor, campo.nome));
    let mut faltas: Vec<Refusal> = vazios
        .map(|campo| {
            Refusal::with(Codigo::CamposObrigatorios, [tipo.rotulo(campo.nome).to_owned()])
        })
        .collect();
    for (nome, valor) in &registro.campos {
        if !valor.vazio() && !tipo.tem_campo(nome) {
            faltas.push(Refusal::with(Codigo::CampoForaDoTipo, [tipo.rotulo(nome).to_owned()]));
        }
    }
    faltas.extend(duracao(registro));
    faltas.extend(escolhas(registro, tipo));
    faltas.extend(emails(registro, tipo));
    faltas.extend(procedencia(registro, tipo));
    faltas.extend(vinculos(registro));
    for colecao in Colecao::TODAS {
        let partes = registro.vivos(colecao);
        faltas.extend(
            partes.filter_map(|(_, parte)| parte_completa(kind, colecao, parte, tipo).err()),
        );
    }
    faltas.extend(indenizacao(registro, tipo));
    faltas
}

fn duracao(registro: &Registro) -> Option<Refusal> {
    let inicio = registro.valor("inicio").instante()?;
    let fim = registro.valor("fim").instante()?;
    (fim < inicio).then(|| Refusal::new(Codigo::FimAntesDoInicio))
}

/// A field for an e-mail address holds one address (R6, R60).
fn emails(registro: &Registro, tipo: &Tipo) -> Vec<Refusal> {
    let escritos = ["contato_email", "email"]
        .into_iter()
        .filter_map(|nome| Some((nome, registro.valor(nome).texto()?)));
    let errados = escritos.filter(|(_, texto)| !texto.is_empty() && !valor::email_valido(texto));
    errados
        .map(|(nome, texto)| {
            let detalhes = [tipo.rotulo(nome).to_owned(), texto.to_owned()];
            Refusal::with(Codigo::EmailInvalido, detalhes)
        })
        .collect()
}

/// No vínculo appears twice, and none leads to the record itself (R38).
fn vinculos(registro: &Registro) -> Vec<Refusal> {
    let mut ditos = BTreeSet::new();
    let proprio = Valor::Id(registro.id.into());
    let vinculos = registro.vivos(Colecao::Vinculos).filter_map(|(_, vinculo)| {
        let dito = ["relacao", "documento", "contato"].map(|nome| {
            let campo = registro.kind.campo_de(Colecao::Vinculos, nome);
            campo.map_or_else(String::new, |c| vinculo.valor(nome).exibir(c, chrono_tz::UTC))
        });
        let dito = dito.join(" ");
        let errado = *vinculo.valor("documento") == proprio || ditos.contains(&dito);
        ditos.insert(dito.clone());
        errado.then(|| Refusal::with(Codigo::VinculoRepetido, [dito]))
    });
    vinculos.collect()
}

/// Choices that the field has, but the tipo does not offer.
fn escolhas(registro: &Registro, tipo: &Tipo) -> Vec<Refusal> {
    let conhecida = |codigo: &str| tipo.categorias.is_empty() || tipo.categoria(codigo).is_some();
    let aceita = |nome: &str, codigo: &str| match nome {
        "categoria" => conhecida(codigo),
        _ => tipo.aceita_escolha(nome, codigo),
    };
    let erradas = ["modalidade", "categoria"]
        .into_iter()
        .filter(|nome| registro.valor(nome).texto().is_some_and(|codigo| !aceita(nome, codigo)));
    erradas.map(|n| Refusal::with(Codigo::ValorInvalido, [tipo.rotulo(n).to_owned()])).collect()
}

fn procedencia(registro: &Registro, tipo: &Tipo) -> Option<Refusal> {
    let mut dos_itens = registro.vivos(Colecao::Itens).map(|(_, item)| item.valor("procedencia"));
    let dita =
        !registro.valor("procedencia").vazio() || dos_itens.any(|procedencia| !procedencia.vazio());
    (dita && !tipo.analisa_procedencia)
        .then(|| Refusal::with(Codigo::RecursoDesabilitado, ["Procedência".to_owned()]))
}

/// Whether a part has the fields that its collection requires, well formed and offered by the tipo.
///
/// # Errors
/// `recurso_desabilitado`, `campos_obrigatorios`, `campo_fora_do_tipo` or `valor_invalido`.
pub(crate) fn parte_completa(
    kind: Kind,
    colecao: Colecao,
    parte: &Item,
    tipo: &Tipo,
) -> Result<(), Refusal> {
    if colecao == Colecao::Despesas && !tipo.despesas {
        return Err(Refusal::with(Codigo::RecursoDesabilitado, ["Despesas".to_owned()]));
    }
    let rotulo =
        |nome: &str| kind.campo_de(colecao, nome).map_or("", |campo| campo.rotulo).to_owned();
    let vazios = colecao.obrigatorios().iter().filter(|nome| parte.valor(nome).vazio());
    let faltam: Vec<String> = vazios.map(|nome| rotulo(nome)).collect();
    if !faltam.is_empty() {
        return Err(Refusal::with(Codigo::CamposObrigatorios, faltam));
    }
    match colecao {
        Colecao::Itens => {
            let fora = parte
                .campos
                .iter()
                .find(|(nome, valor)| !valor.vazio() && !tipo.tem_campo_item(nome));
            if let Some((nome, _)) = fora {
                return Err(Refusal::with(Codigo::CampoForaDoTipo, [rotulo(nome)]));
            }
        }
        Colecao::Anexos => {
            let sha256 = parte.valor("sha256").texto().unwrap_or_default();
            let hexa = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if sha256.len() != 64 || !sha256.bytes().all(hexa) {
                return Err(Refusal::with(Codigo::ValorInvalido, [rotulo("sha256")]));
            }
            if parte.valor("posicao").texto().is_some_and(|texto| posicao(texto).is_none()) {
                return Err(Refusal::with(Codigo::ValorInvalido, [rotulo("posicao")]));
            }
        }
        Colecao::Vinculos => {
            if parte.valor("documento").vazio() && parte.valor("contato").vazio() {
                let faltam = [rotulo("documento"), rotulo("contato")];
                return Err(Refusal::with(Codigo::CamposObrigatorios, faltam));
            }
        }
        Colecao::Despesas => {}
    }
    Ok(())
}

/// All the money for the client, in centavos; `None` where no item says any.
fn indenizado(registro: &Registro) -> Option<i64> {
    let valores = registro.vivos(Colecao::Itens).filter_map(|(_, item)| {
        match item.valor("valor_indenizado") {
            Valor::Inteiro(centavos) => Some(*centavos),
            _ => None,
        }
    });
    // A sum beyond what an integer holds is beyond any limit.
    valores.fold(None, |soma: Option<i64>, valor| Some(soma.unwrap_or(0).saturating_add(valor)))
}

/// Money for the client: only where the tipo has it, and up to its limit (R34).
fn indenizacao(registro: &Registro, tipo: &Tipo) -> Option<Refusal> {
    indenizado(registro)?;
    if tipo.indenizacao.is_none() {
        return Some(Refusal::with(Codigo::RecursoDesabilitado, ["Valor indenizado".to_owned()]));
    }
    limite(registro, tipo)
}

/// The tipo's limit, where the record is over it.
fn limite(registro: &Registro, tipo: &Tipo) -> Option<Refusal> {
    const LIMITE: Campo =
        Campo::novo("limite", "Limite", TipoCampo::Centavos { max: i64::MAX }, "R34");
    let limite = tipo.indenizacao?.limite.filter(|limite| indenizado(registro) > Some(*limite))?;
    let limite = Valor::Inteiro(limite).exibir(&LIMITE, chrono_tz::UTC);
    Some(Refusal::with(Codigo::LimiteIndenizacao, [limite]))
}
