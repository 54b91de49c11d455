//! Compares a record before and after a change. A situação may change only along a transition of
//! the fluxo; numbers, verdicts, restrictions, actions and the state of files are written by the
//! server only; the server ends a wait for the client when its days are over. Also collects the
//! e-mails and actions that must follow.

use super::{Mirror, rules};
use crate::ledger::Email;
use campo_domain::{
    fluxo::{Consequencia, Fase, Quem},
    ids::UserId,
    registro::{Pedido, Registro, SituacaoAcao},
};
use campo_sync::exchange::ActionWrite;
use chrono::{DateTime, TimeDelta, Utc};

/// What follows a change.
#[derive(Default)]
pub(super) struct Followed {
    /// To everybody whom the rules name. Those who do not see the case are left out later.
    pub emails: Vec<Email>,
    pub acoes: Vec<ActionWrite>,
}

impl Mirror {
    fn codigo(&self, registro: &Registro) -> String {
        let atual = rules::situacao(&self.tipo, registro.situacao.as_deref());
        atual.map_or(String::new(), |situacao| situacao.codigo.clone())
    }

    /// When the server must end the wait for the client; `None` where the record does not wait, or
    /// its fluxo has no transition that ends a wait.
    fn waits_until(&self) -> Option<DateTime<Utc>> {
        let atual = rules::situacao(&self.tipo, self.registro.situacao.as_deref())?;
        let days = self.tipo.dias_inatividade.filter(|_| atual.fase == Fase::EsperaCliente)?;
        let mut all = self.tipo.fluxo.transicoes.iter();
        let ends = all.any(|t| t.quem.contains(&Quem::Sistema) && t.de.contains(&atual.codigo));
        ends.then(|| self.moved_at + TimeDelta::days(i64::from(days)))
    }

    pub(super) fn waits(&self) -> bool {
        self.waits_until().is_some()
    }

    pub(super) fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.waits_until().is_some_and(|until| until <= now)
    }

    /// Compares the record with what it is after a change.
    pub(super) fn follow(
        &self,
        after: &Registro,
        by_server: bool,
        now: DateTime<Utc>,
    ) -> Result<Followed, String> {
        let before = &self.registro;
        let mut followed = Followed::default();
        let is_new = |pedido: &&Pedido| {
            pedido.veredito.is_some()
                && before.pedidos.iter().all(|old| old.id != pedido.id || old.veredito.is_none())
        };
        let judged: Vec<&Pedido> = after.pedidos.iter().filter(is_new).collect();
        let own = |r: &Registro| {
            let acoes = r.acoes.iter().map(|a| (a.id, a.situacao)).collect::<Vec<_>>();
            let corretivas = r.corretivas.iter().map(|c| c.id).collect::<Vec<_>>();
            let arquivos = r.arquivos.clone();
            (r.numero.clone(), r.recebido_em, r.restricao.clone(), acoes, corretivas, arquivos)
        };
        if !by_server && (!judged.is_empty() || own(before) != own(after)) {
            return Err("somebody wrote what is the server's".into());
        }
        let (from, to) = (self.codigo(before), self.codigo(after));
        match &judged[..] {
            [] if from == to => {}
            [one] => self.judged(one, after, &from, &to, &mut followed)?,
            _ => return Err(format!("from {from} to {to} by {} verdicts", judged.len())),
        }
        let asked = |p: &&Pedido| {
            p.autoria.por == UserId::SERVIDOR && before.pedidos.iter().all(|old| old.id != p.id)
        };
        if after.pedidos.iter().any(|pedido| asked(&pedido)) && !self.is_overdue(now) {
            return Err(format!("its wait was to last until {:?}", self.waits_until()));
        }
        let new = after.acoes.iter().filter(|a| before.acoes.iter().all(|old| old.id != a.id));
        for acao in new {
            if acao.situacao != SituacaoAcao::Solicitada {
                return Err(format!("the action {} begins as {:?}", acao.id, acao.situacao));
            }
            let (document, code) = (after.id, acao.codigo.clone());
            followed.acoes.push(ActionWrite { document, action: acao.id, code });
        }
        Ok(followed)
    }

    /// A verdict: a refused request leaves the situação as it was; an accepted one moves it along a
    /// transition and sends the e-mails of that transition.
    fn judged(
        &self,
        pedido: &Pedido,
        after: &Registro,
        from: &str,
        to: &str,
        followed: &mut Followed,
    ) -> Result<(), String> {
        let Some(veredito) = &pedido.veredito else { return Ok(()) };
        if veredito.de != from || veredito.para != to {
            return Err(format!("from {from} to {to}, but the verdict says {veredito:?}"));
        }
        if veredito.recusa.is_some() {
            return match from == to {
                true => Ok(()),
                false => Err(format!("{} was refused and done", pedido.verbo)),
            };
        }
        let mut edges = self.tipo.fluxo.transicoes.iter();
        let edge = edges
            .find(|t| t.verbo == pedido.verbo && t.para == to && t.de.iter().any(|de| de == from));
        let edge = edge.ok_or_else(|| format!("no {} leads from {from} to {to}", pedido.verbo))?;
        for efeito in &edge.efeitos {
            let document = after.id;
            match efeito {
                Consequencia::OferecerEmail(modelo) if pedido.email => {
                    let modelo = modelo.clone();
                    followed.emails.push(Email { document, modelo, usuario: None });
                }
                Consequencia::NotificarInteressados(modelo) => {
                    let to = |usuario: &UserId| {
                        let modelo = modelo.clone();
                        Email { document, modelo, usuario: Some(*usuario) }
                    };
                    followed.emails.extend(after.interessados.iter().map(to));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
