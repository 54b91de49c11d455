//! Checks of the rules of the business: e-mails and actions, verdicts, files, and that phone and
//! server allow the same.

use super::violation::{Checked, Checker, ensure, violated};
use crate::oracle::{Judged, Oracle};
use campo_domain::{
    command::Command,
    ids::DocumentId,
    pessoa::Pessoa,
    refusal::Codigo,
    registro::{Registro, SituacaoAcao, SituacaoArquivo},
    tipo::Tipo,
    workflow::{self, Onde},
};
use std::fmt::Debug;

/// Both lists have the same elements equally often, in any order.
pub(crate) fn same<T: Debug + PartialEq>(there: &[T], expected: &[T], what: &str) -> Checked {
    let often = |of: &[T], one: &T| of.iter().filter(|other| *other == one).count();
    let wrong = there.iter().chain(expected).find(|one| often(there, one) != often(expected, one));
    match wrong {
        None => Ok(()),
        Some(one) => {
            let (there, expected) = (often(there, one), often(expected, one));
            let what = format!("{what}: {one:?} {there} times, not {expected}");
            Err(violated(Checker::Business, what))
        }
    }
}

/// The verdict on a request is right, and was given in its turn.
pub(crate) fn judged(judged: &Judged) -> Checked {
    ensure(judged.is_right(), Checker::Oracle, || format!("a verdict is wrong: {judged:?}"))
}

/// A phone shows a file as verified only if the store has verified it.
pub(crate) fn proven(oracle: &Oracle, shown: &Registro, who: &str) -> Checked {
    let verified = |of: SituacaoArquivo| of == SituacaoArquivo::Verificada;
    let wrong = shown.arquivos.iter().find(|(anexo, arquivo)| {
        verified(arquivo.situacao) && !verified(oracle.arquivo(shown.id, **anexo))
    });
    ensure(wrong.is_none(), Checker::Business, || {
        format!("{who} shows {wrong:?} of {}, which nobody has verified", shown.id)
    })
}

/// What a command of the office wrote is in the record.
pub(crate) fn done(oracle: &Oracle, id: DocumentId, command: &Command) -> Checked {
    let Some((registro, _)) = oracle.registro(id) else {
        return Err(violated(Checker::NothingLost, format!("{command:?} left no {id}")));
    };
    let stands = match command {
        Command::Restringir { para } => {
            let listed = registro.restricao.as_ref().map(|r| (&r.usuarios, &r.grupos));
            listed == para.as_ref().map(|l| (&l.usuarios, &l.grupos))
        }
        Command::SolicitarAcao { acao, codigo, observacao } => {
            let found = registro.acoes.iter().find(|asked| asked.id == *acao);
            found.is_some_and(|asked| {
                asked.codigo == *codigo
                    && asked.observacao == *observacao
                    && asked.situacao == SituacaoAcao::Solicitada
            })
        }
        Command::ResponderAcao { acao, situacao, externo, .. } => {
            let found = registro.acoes.iter().find(|asked| asked.id == *acao);
            let says = |asked: &Option<String>| externo.is_none() || asked == externo;
            found.is_some_and(|asked| asked.situacao == *situacao && says(&asked.externo))
        }
        Command::VincularCorretiva { corretiva, numero } => {
            let mut all = registro.corretivas.iter();
            all.any(|linked| linked.id == *corretiva && linked.numero == *numero)
        }
        Command::Analisar { encaminhar: Some(usuario), .. } => {
            registro.responsavel() == Some(*usuario)
        }
        _ => true,
    };
    ensure(stands, Checker::NothingLost, || {
        format!("{command:?} was done and is not in {id}: {registro:?}")
    })
}

/// A phone and the server that know the same of a record allow the same. Two differences are right:
/// commands that need a connection, and photos, which the phone counts before they have arrived.
pub(crate) fn agree(
    phone: (&Registro, &Pessoa),
    server: (&Registro, &Pessoa),
    tipo: &Tipo,
    command: &Command,
) -> Checked {
    let here = workflow::decide(Some(phone.0), tipo, phone.1, command, Onde::Aparelho);
    let there = workflow::decide(Some(server.0), tipo, server.1, command, Onde::Servidor);
    let alone = here.as_ref().is_err_and(|refusal| refusal.codigo == Codigo::ExigeConexao);
    let on_the_way = here.is_ok()
        && there.as_ref().is_err_and(|refusal| refusal.codigo == Codigo::FotosACaminho);
    ensure(here == there || alone || on_the_way, Checker::Business, || {
        format!("{command:?}: the phone says {here:?}, the server {there:?}")
    })
}
