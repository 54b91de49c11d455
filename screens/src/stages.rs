//! The trâmite of a record: every situação that it passed through and every person who was
//! responsible meanwhile, with how long (R79).

use campo_domain::{
    fluxo::Situacao,
    ids::UserId,
    registro::{Pedido, Registro},
    tipo::Tipo,
};
use chrono::{DateTime, SubsecRound, Utc};

/// A change of the responsável, out of the log; oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// When, by the server's clock.
    pub at: DateTime<Utc>,
    /// Who changed it.
    pub by: UserId,
    /// Who was responsible before.
    pub from: Option<UserId>,
    /// Who is since.
    pub to: Option<UserId>,
}

/// A stretch of time in which neither the situação nor the responsável changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    /// The situação.
    pub situacao: Option<&'a Situacao>,
    /// Who was responsible.
    pub responsible: Option<UserId>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; none of the last one.
    pub until: Option<DateTime<Utc>>,
    /// How long, in seconds: until now where it lasts; none where work is over.
    pub lasted_s: Option<i64>,
    /// Who began it.
    pub by: UserId,
    /// The request that began it, where one did.
    pub request: Option<&'a Pedido>,
    /// The label of that request's transition.
    pub label: Option<&'a str>,
}

/// The time that a record spent in one situação, with everybody who was responsible meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit<'a> {
    /// The situação.
    pub situacao: Option<&'a Situacao>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; none of the last one.
    pub until: Option<DateTime<Utc>>,
    /// Who was responsible, one after the other; none is nobody.
    pub attendants: Vec<Option<UserId>>,
    /// Who brought the record there.
    pub by: UserId,
    /// The reason that was given.
    pub reason: Option<&'a str>,
}

/// Something that began another stretch.
struct Turn<'a> {
    at: DateTime<Utc>,
    by: UserId,
    situacao: Option<&'a str>,
    /// The new responsável, where that changed.
    responsible: Option<Option<UserId>>,
    request: Option<&'a Pedido>,
}

/// The stretches of a record's life, the oldest first.
pub fn stages<'a>(
    record: &'a Registro,
    tipo: &'a Tipo,
    handovers: &[Handover],
    now: DateTime<Utc>,
) -> Vec<Stage<'a>> {
    let initial = record.feitos().map(|(_, verdict)| (verdict.quando, verdict.de.as_str())).min();
    let initial = initial.map(|(_, from)| from).or(record.situacao.as_deref());
    let first = handovers.first().map_or_else(|| record.responsavel(), |change| change.from);
    let mut stages = vec![Stage {
        situacao: tipo.situacao(initial),
        responsible: first,
        since: record.recebido_em.unwrap_or(record.criado_em),
        until: None,
        lasted_s: None,
        by: record.criacao.por,
        request: None,
        label: None,
    }];
    for turn in turns(record, handovers) {
        let Some(last) = stages.last().copied() else { break };
        let mut stage = Stage {
            situacao: match turn.situacao {
                Some(code) => tipo.situacao(Some(code)),
                None => last.situacao,
            },
            responsible: turn.responsible.unwrap_or(last.responsible),
            since: turn.at,
            until: None,
            lasted_s: None,
            by: turn.by,
            request: turn.request,
            label: None,
        };
        // What happens in one moment is one turn: the transition, and the responsável it gave.
        if last.since >= stage.since {
            stages.pop();
            stage.since = last.since;
            stage.request = stage.request.or(last.request);
        }
        if let Some(previous) = stages.last_mut() {
            previous.until = Some(stage.since);
        }
        stages.push(stage);
    }
    let open = record.aberto(tipo);
    for stage in &mut stages {
        let transition = stage.request.and_then(|request| tipo.fluxo.transicao(&request.verbo));
        stage.label = transition.map(|transition| transition.rotulo.as_str());
        let end = stage.until.or(open.then_some(now));
        stage.lasted_s = end.map(|end| (end - stage.since).num_seconds().max(0));
    }
    stages
}

fn turns<'a>(record: &'a Registro, handovers: &[Handover]) -> Vec<Turn<'a>> {
    let moved = record.feitos().map(|(request, verdict)| Turn {
        at: verdict.quando,
        by: request.autoria.por,
        situacao: Some(&verdict.para),
        responsible: None,
        request: Some(request),
    });
    let handed = handovers.iter().map(|change| Turn {
        // As precise as a verdict says it: to the millisecond.
        at: change.at.trunc_subsecs(3),
        by: change.by,
        situacao: None,
        responsible: Some(change.to),
        request: None,
    });
    let mut turns: Vec<Turn<'a>> = moved.chain(handed).collect();
    turns.sort_by_key(|turn| turn.at);
    turns
}

/// The stretches of each situação as one.
pub fn visits<'a>(stages: &[Stage<'a>]) -> Vec<Visit<'a>> {
    let mut visits: Vec<Visit<'a>> = Vec::new();
    for stage in stages {
        match visits.last_mut().filter(|_| stage.request.is_none()) {
            Some(visit) => {
                visit.until = stage.until;
                if visit.attendants.last() != Some(&stage.responsible) {
                    visit.attendants.push(stage.responsible);
                }
            }
            None => visits.push(Visit {
                situacao: stage.situacao,
                since: stage.since,
                until: stage.until,
                attendants: vec![stage.responsible],
                by: stage.by,
                reason: stage.request.and_then(|request| request.motivo.as_deref()),
            }),
        }
    }
    visits
}
