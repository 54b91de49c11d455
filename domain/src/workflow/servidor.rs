//! What the server writes in a person's name: restrictions, actions for the ERP and their answers,
//! links to corrective actions.

use super::{ACOES_MAX, LISTADOS_MAX, Onde, limite, texto_valido};
use crate::{
    command::{Command, Listados},
    fluxo::Fase,
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    registro::{Acao, Registro, SituacaoAcao},
    tipo::Tipo,
    valor::Valor,
};

static SEM_LISTA: Listados = Listados {
    usuarios: std::collections::BTreeSet::new(),
    grupos: std::collections::BTreeSet::new(),
};

/// Decides on such a command.
///
/// # Errors
/// `exige_conexao` away from the server; then what the command itself may not.
pub(super) fn decidir(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    comando: &Command,
    onde: Onde,
) -> Result<(), Refusal> {
    if onde == Onde::Aparelho {
        return Err(Refusal::new(Codigo::ExigeConexao));
    }
    let exigir = |permissao| match pessoa.pode(permissao) {
        true => Ok(()),
        false => Err(Refusal::sem_permissao(permissao)),
    };
    match comando {
        Command::Restringir { para } => {
            let seu =
                registro.criacao.por == pessoa.id || registro.responsavel() == Some(pessoa.id);
            exigir(if seu { Permissao::Ver } else { Permissao::Gerenciar })?;
            if registro.raiz() != registro.id || registro.kind == Kind::Cliente {
                return Err(Refusal::new(Codigo::SomenteNaRaiz));
            }
            let Listados { usuarios, grupos } = para.as_ref().unwrap_or(&SEM_LISTA);
            limite(usuarios.len(), LISTADOS_MAX + 1, "pessoas")?;
            limite(grupos.len(), LISTADOS_MAX + 1, "grupos")?;
            let vazio = usuarios.is_empty() && grupos.is_empty();
            match para {
                // Nobody but administrators could ever look at it again.
                Some(_) if vazio => {
                    Err(Refusal::com(Codigo::CamposObrigatorios, ["Usuários ou grupos".to_owned()]))
                }
                _ => Ok(()),
            }
        }
        Command::SolicitarAcao { acao, codigo, observacao } => {
            exigir(Permissao::Ver)?;
            let nao_permitida = |rotulo: &str| {
                let rotulo = rotulo.chars().take(60).collect();
                Err(Refusal::com(Codigo::AcaoNaoPermitida, [rotulo]))
            };
            let Some(permitida) = tipo.acao(codigo) else { return nao_permitida(codigo) };
            exigir(permitida.permissao)?;
            if !permitida.fases.contains(&registro.fase(tipo)) {
                return nao_permitida(&permitida.rotulo);
            }
            if registro.acoes.iter().any(|outra| outra.id == *acao) {
                return Err(Refusal::new(Codigo::IdEmUso));
            }
            let espera = |outra: &Acao| {
                outra.codigo == *codigo && outra.situacao == SituacaoAcao::Solicitada
            };
            if registro.acoes.iter().any(espera) {
                // It is of the whole record: asked for twice, the ERP would do it twice.
                return Err(Refusal::com(Codigo::AcaoEmAndamento, [permitida.rotulo.clone()]));
            }
            limite(registro.acoes.len(), ACOES_MAX, "ações")?;
            if let Some(observacao) = observacao {
                texto_valido(observacao, "Observação")?;
            }
            let falta = |nome: &&String| match (nome.as_str(), nome.strip_prefix("itens.")) {
                ("itens", _) => registro.vivos(Colecao::Itens).next().is_none(),
                (_, Some(nome)) => {
                    let itens = registro.vivos(Colecao::Itens);
                    let valores: Vec<&Valor> = itens.map(|(_, item)| item.valor(nome)).collect();
                    valores.iter().any(|valor| valor.vazio())
                        || valores.iter().all(|valor| **valor == Valor::Inteiro(0))
                }
                (nome, None) => registro.valor(nome).vazio(),
            };
            let rotulo = |nome: &String| match (nome.as_str(), nome.strip_prefix("itens.")) {
                ("itens", _) => "Itens".to_owned(),
                (_, Some(nome)) => {
                    let campo = registro.kind.campo_de(Colecao::Itens, nome);
                    format!("{} dos itens", campo.map_or(nome, |campo| campo.rotulo))
                }
                (nome, None) => tipo.rotulo(nome).to_owned(),
            };
            let outro = |(nome, valores): &(&String, &Vec<String>)| {
                let valor = registro.valor(nome).texto().unwrap_or_default();
                !valores.iter().any(|aceito| aceito == valor)
            };
            let faltam = permitida.exige.iter().filter(falta);
            let outros = permitida.exige_valor.iter().filter(outro).map(|(nome, _)| nome);
            let faltam: Vec<String> = faltam.chain(outros).map(rotulo).collect();
            if faltam.is_empty() { Ok(()) } else { Err(Refusal::com(Codigo::ExigeCampo, faltam)) }
        }
        Command::ResponderAcao { acao, situacao, externo, retorno } => {
            exigir(Permissao::Ver)?;
            let Some(pedida) = registro.acoes.iter().find(|outra| outra.id == *acao) else {
                return Err(Refusal::new(Codigo::NaoEncontrado));
            };
            if *situacao == SituacaoAcao::Solicitada {
                return Err(Refusal::com(Codigo::ValorInvalido, ["Situação".to_owned()]));
            }
            if let Some(externo) = externo {
                texto_valido(externo, "Identificador externo")?;
                if externo.chars().count() > 200 {
                    let detalhes = ["Identificador externo".to_owned(), "200".to_owned()];
                    return Err(Refusal::com(Codigo::TextoLongoDemais, detalhes));
                }
            }
            match retorno {
                Some(retorno) => texto_valido(retorno, "Retorno")?,
                None if *situacao == SituacaoAcao::Recusada => {
                    return Err(Refusal::com(Codigo::ExigeCampo, ["Retorno".to_owned()]));
                }
                None => {}
            }
            // The same answer again, or what it left open.
            let cabe = |dito: &Option<String>, agora: &Option<String>| {
                dito.is_none() || agora.is_none() || dito == agora
            };
            let mesma = pedida.situacao == *situacao
                && cabe(&pedida.externo, externo)
                && cabe(&pedida.retorno, retorno);
            if pedida.situacao == SituacaoAcao::Solicitada || mesma {
                return Ok(());
            }
            let rotulo = tipo.acao(&pedida.codigo).map_or(&pedida.codigo, |acao| &acao.rotulo);
            Err(Refusal::com(Codigo::AcaoRespondida, [rotulo.clone()]))
        }
        Command::VincularCorretiva { .. } => {
            exigir(Permissao::Gerenciar)?;
            let concluido = registro.fase(tipo) == Fase::Concluido;
            if tipo.permite_acao_corretiva && concluido {
                Ok(())
            } else {
                Err(Refusal::new(Codigo::CorretivaNaoPermitida))
            }
        }
        _ => Ok(()),
    }
}
