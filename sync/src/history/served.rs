//! What the server wrote by itself or in a person's name, in words: all that differs between the
//! record before and after.

use super::evento::{Evento, Telling, plain, title};
use campo_domain::{
    ids::{DeviceId, ItemId, UserId},
    parte::{Colecao, frase_do_motivo},
    registro::{Acao, Arquivo, Autoria, Pedido, SituacaoAcao, SituacaoArquivo, Veredito},
};

/// A row for each thing that changed.
pub(super) fn served(telling: &Telling<'_>) -> Vec<Evento> {
    let (before, after) = (telling.before, telling.after);
    let mut eventos = Vec::new();
    if telling.base.autoria.por == UserId::SERVIDOR {
        eventos.extend(telling.responsavel());
        eventos.extend(telling.requests());
    }
    eventos.extend(telling.restriction());
    let changed = |acao: &&Acao| !before.acoes.contains(acao);
    eventos.extend(after.acoes.iter().filter(changed).map(|acao| telling.action(acao)));
    eventos.extend(telling.links());
    let moved = after.arquivos.iter().filter(|(id, now)| before.arquivos.get(id) != Some(now));
    eventos.extend(moved.map(|(id, arquivo)| telling.file(id, arquivo)));
    eventos.extend(telling.number());
    eventos.extend(telling.verdicts());
    eventos
}

impl Telling<'_> {
    fn in_name_of(&self, por: UserId) -> Evento {
        Evento { autoria: Autoria { por, em: DeviceId::ESCRITORIO }, ..self.base.clone() }
    }

    fn responsavel(&self) -> Option<Evento> {
        if self.before.responsavel() == self.after.responsavel() {
            return None;
        }
        let rotulo = self.tipo.rotulo("responsavel");
        Some(Evento {
            tipo: "campo",
            campo: Some("responsavel".into()),
            rotulo: Some(rotulo.to_owned()),
            de: plain(self.before.valor("responsavel")),
            para: plain(self.after.valor("responsavel")),
            texto: format!("{rotulo} alterado."),
            ..self.base.clone()
        })
    }

    fn requests(&self) -> impl Iterator<Item = Evento> {
        let old = |pedido: &&Pedido| self.before.pedidos.iter().any(|o| o.id == pedido.id);
        let new = self.after.pedidos.iter().filter(move |pedido| !old(pedido));
        new.filter_map(|pedido| self.requested(pedido.id))
    }

    fn restriction(&self) -> Option<Evento> {
        let now = &self.after.restricao;
        if self.before.restricao == *now {
            return None;
        }
        let texto =
            if now.is_some() { "Visualização restringida." } else { "Visualização liberada." };
        let por = self.after.restricao_por;
        let evento = por.map_or_else(|| self.base.clone(), |por| self.in_name_of(por));
        Some(Evento { tipo: "restricao", texto: texto.into(), ..evento })
    }

    fn action(&self, acao: &Acao) -> Evento {
        let old = self.before.acoes.iter().find(|old| old.id == acao.id);
        let rotulo = self.tipo.acao(&acao.codigo);
        let rotulo = rotulo.map_or(acao.codigo.clone(), |permitida| permitida.rotulo.clone());
        let texto = action_sentence(&rotulo, acao);
        let por = if old.is_none() { Some(acao.por) } else { acao.respondida_por };
        let evento = por.map_or_else(|| self.base.clone(), |por| self.in_name_of(por));
        Evento {
            tipo: "acao",
            parte: Some(acao.id.uuid()),
            campo: Some(acao.codigo.clone()),
            rotulo: Some(rotulo),
            de: old.map(|old| old.situacao.codigo().to_owned()),
            para: Some(acao.situacao.codigo().to_owned()),
            texto,
            ..evento
        }
    }

    fn links(&self) -> impl Iterator<Item = Evento> {
        let new = self.after.corretivas.iter().filter(|c| !self.before.corretivas.contains(c));
        new.map(|corretiva| Evento {
            tipo: "corretiva",
            parte: Some(corretiva.id.uuid()),
            para: Some(corretiva.numero.clone()),
            texto: format!("Ação corretiva {} vinculada.", corretiva.numero),
            ..self.in_name_of(corretiva.por)
        })
    }

    fn file(&self, id: &ItemId, arquivo: &Arquivo) -> Evento {
        let nome = title(self.after, Colecao::Anexos, id);
        let nome = nome.as_deref().unwrap_or("—");
        let texto = match (arquivo.situacao, &arquivo.motivo) {
            (SituacaoArquivo::Recusada, motivo) => {
                let frase = frase_do_motivo(motivo.as_deref().unwrap_or_default());
                format!("Arquivo {nome}: recusado. {frase}")
            }
            (situacao, _) => format!("Arquivo {nome}: {}.", file_state(situacao)),
        };
        Evento {
            tipo: "arquivo",
            parte: Some(id.uuid()),
            de: Some(self.before.arquivo(id).codigo().to_owned()),
            para: Some(arquivo.situacao.codigo().to_owned()),
            texto,
            ..self.base.clone()
        }
    }

    fn number(&self) -> Option<Evento> {
        if self.before.numero == self.after.numero {
            return None;
        }
        let numero = self.after.numero.clone();
        let texto = format!("Número {} atribuído.", numero.as_deref().unwrap_or_default());
        Some(Evento { tipo: "numero", para: numero, texto, ..self.base.clone() })
    }

    fn verdicts(&self) -> impl Iterator<Item = Evento> {
        self.after.pedidos.iter().filter_map(|pedido| {
            let veredito = pedido.veredito.as_ref()?;
            let old = self.before.pedidos.iter().find(|old| old.id == pedido.id)?;
            old.veredito.is_none().then(|| self.verdict(pedido, veredito))
        })
    }

    fn verdict(&self, pedido: &Pedido, veredito: &Veredito) -> Evento {
        let nome = |codigo: &str| {
            self.tipo.fluxo.situacao(codigo).map_or(codigo.to_owned(), |s| s.nome.clone())
        };
        let texto = match &veredito.recusa {
            None => format!("Situação: {} → {}.", nome(&veredito.de), nome(&veredito.para)),
            Some(recusa) => {
                let verb = self.verb_label(&pedido.verbo);
                format!("“{verb}” recusado: {}", recusa.mensagem())
            }
        };
        Evento {
            tipo: "veredito",
            parte: Some(pedido.id.uuid()),
            campo: Some(pedido.verbo.clone()),
            de: Some(veredito.de.clone()),
            para: Some(veredito.para.clone()),
            texto,
            ..self.base.clone()
        }
    }
}

fn action_sentence(rotulo: &str, acao: &Acao) -> String {
    if acao.situacao == SituacaoAcao::Solicitada {
        return match &acao.observacao {
            Some(observacao) => format!("{rotulo}: solicitada. {observacao}"),
            None => format!("{rotulo}: solicitada."),
        };
    }
    let mut texto = format!("{rotulo}: {}", acao.situacao.rotulo().to_lowercase());
    if let Some(externo) = &acao.externo {
        texto.push_str(&format!(" ({externo})"));
    }
    texto.push('.');
    if let Some(retorno) = &acao.retorno {
        texto.push_str(&format!(" {retorno}"));
    }
    texto
}

/// How far the bytes of a file have come, in words that follow “Arquivo”.
const fn file_state(situacao: SituacaoArquivo) -> &'static str {
    match situacao {
        SituacaoArquivo::Esperada => "aguardando envio",
        SituacaoArquivo::Recebida => "recebido, em conferência",
        SituacaoArquivo::Verificada => "conferido",
        SituacaoArquivo::Recusada => "recusado",
    }
}
