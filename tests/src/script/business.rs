//! Requests of transition, analyses, and what only the office does.

use super::Muse;
use crate::staff::GRUPOS;
use campo_domain::{
    command::{Command, Listados, NovoPedido},
    fluxo::{Fase, Guarda, Quem, Transicao},
    parte::Colecao,
    registro::{Item, Registro, SituacaoAcao, TipoAnalise, Visibilidade},
    tipo::{AcaoPermitida, Tipo},
    valor::Valor,
};

impl Muse<'_> {
    /// Mostly a request that is possible in the record's situação, or something that it still
    /// lacks.
    pub(super) fn ask(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let atual = registro.situacao(tipo).map_or("", |s| s.codigo.as_str());
        let daqui = |t: &&Transicao| t.de.iter().any(|de| de == atual);
        let daqui: Vec<_> = tipo.fluxo.transicoes.iter().filter(daqui).collect();
        let able =
            |t: &&&Transicao| self.may.contains(&t.permissao) && t.quem.contains(&Quem::Interno);
        let able: Vec<_> = daqui.iter().filter(able).copied().collect();
        if able.is_empty() || self.dice.chance(1, 10) {
            return self.ask_anything(registro, tipo);
        }
        let ends = |t: &Transicao| {
            let para = tipo.fluxo.situacao(&t.para).map(|situacao| situacao.fase);
            matches!(para, Some(Fase::Cancelado | Fase::Negado))
        };
        let mut transicao = *self.dice.pick(&able);
        let waits = |t: &&&Transicao| {
            let para = tipo.fluxo.situacao(&t.para).map(|situacao| situacao.fase);
            para == Some(Fase::EsperaCliente)
        };
        if let Some(wait) = able.iter().find(waits)
            && self.dice.chance(1, 3)
        {
            transicao = wait;
        }
        for _ in 0..2 {
            if ends(transicao) && self.dice.chance(3, 4) {
                transicao = *self.dice.pick(&able);
            }
        }
        if self.dice.chance(3, 4)
            && let Some(first) = self.fulfil(registro, tipo, transicao)
        {
            return first;
        }
        match transicao.traz {
            Some(analise) if self.dice.chance(15, 16) => self.analysis(analise),
            _ => self.request(transicao),
        }
    }

    pub(super) fn ask_anything(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        match tipo.fluxo.transicoes.is_empty() {
            true => self.note(registro),
            false => {
                let transicao = self.dice.pick(&tipo.fluxo.transicoes);
                self.request(transicao)
            }
        }
    }

    pub(super) fn request(&mut self, transicao: &Transicao) -> Command {
        let asked = transicao.guardas.contains(&Guarda::Motivo);
        let motivo = self.dice.chance(if asked { 7 } else { 2 }, 8).then(|| self.words());
        let email = self.dice.chance(1, 2);
        Command::Transicionar { pedido: self.id(), verbo: transicao.verbo.clone(), motivo, email }
    }

    /// Writes the field.
    fn fill(&mut self, registro: &Registro, tipo: &Tipo, nome: &str) -> Option<Command> {
        if let Some(of_items) = nome.strip_prefix("itens") {
            let (em, campo) = (Colecao::Itens, of_items.trim_start_matches('.'));
            let said = |item: &Item| campo.is_empty() || !item.valor(campo).vazio();
            if let Some((item, _)) = registro.vivos(em).find(|(_, item)| !said(item)) {
                let (item, campo) = (*item, campo.to_owned());
                let valor = Valor::Inteiro(self.dice.range(1, 9_000));
                return Some(Command::EditarItem { em, item, campo, valor, visto: None });
            }
            return Some(Command::IncluirItem { em, item: self.part(registro.kind, em, tipo) });
        }
        let campo = registro.kind.campo(nome)?;
        Some(match campo.longo() {
            true => self.write_text(registro, campo),
            false => {
                let valor = self.value(campo, tipo);
                Command::Editar { campo: campo.nome.to_owned(), valor, visto: None }
            }
        })
    }

    /// What a guard of the transition still asks for, if it is something to fill in.
    pub(super) fn fulfil(
        &mut self,
        registro: &Registro,
        tipo: &Tipo,
        transicao: &Transicao,
    ) -> Option<Command> {
        for guarda in &transicao.guardas {
            let missing = match guarda {
                Guarda::Campos(campos) | Guarda::CamposDaCategoria { campos, .. } => {
                    campos.iter().find(|nome| registro.valor(nome).vazio()).map(String::as_str)
                }
                Guarda::Procedencia if !registro.procedencia_completa() => {
                    let unsaid = registro
                        .vivos(Colecao::Itens)
                        .find(|(_, item)| item.valor("procedencia").vazio())
                        .map(|(id, _)| *id);
                    if let Some(item) = unsaid {
                        let em = Colecao::Itens;
                        let campo = "procedencia".to_owned();
                        let valor = Valor::Texto("procedente".into());
                        return Some(Command::EditarItem { em, item, campo, valor, visto: None });
                    }
                    Some("procedencia")
                }
                Guarda::Fotos => {
                    let categoria = lacking(registro, tipo);
                    if let Some(categoria) = categoria {
                        let em = Colecao::Anexos;
                        let mut item = self.part(registro.kind, em, tipo);
                        item.campos.insert("categoria".into(), Valor::Texto(categoria.to_owned()));
                        return Some(Command::IncluirItem { em, item });
                    }
                    None
                }
                Guarda::Categoria(nomes) => {
                    let atual = registro.valor("categoria").texto().unwrap_or_default();
                    if nomes.iter().any(|nome| nome == atual) {
                        continue;
                    }
                    let valor = Valor::Texto(self.dice.pick(nomes).clone());
                    return Some(Command::Editar { campo: "categoria".into(), valor, visto: None });
                }
                _ => None,
            };
            if let Some(first) = missing.and_then(|nome| self.fill(registro, tipo, nome)) {
                return Some(first);
            }
        }
        None
    }

    /// An analysis that this fluxo knows, mostly a partial one.
    pub(super) fn analyse(&mut self, _registro: &Registro, tipo: &Tipo) -> Command {
        let brought: Vec<_> = tipo.fluxo.transicoes.iter().filter_map(|t| t.traz).collect();
        match self.dice.maybe(&brought) {
            Some(analise) if self.dice.chance(1, 3) => self.analysis(analise),
            _ if self.dice.chance(1, 12) => {
                let analise = *self.dice.pick(&TipoAnalise::TODOS);
                self.analysis(analise)
            }
            _ => self.analysis(TipoAnalise::Parcial),
        }
    }

    pub(super) fn analysis(&mut self, tipo: TipoAnalise) -> Command {
        let pedido = (tipo != TipoAnalise::Parcial)
            .then(|| NovoPedido { id: self.id(), email: self.dice.chance(1, 2) });
        Command::Analisar {
            analise: self.id(),
            tipo,
            texto: self.words(),
            procedente: (tipo == TipoAnalise::Laudo).then(|| self.dice.chance(1, 2)),
            pedido,
            encaminhar: None,
        }
    }

    /// An analysis that no screen offers.
    pub(super) fn malformed_analysis(&mut self) -> Command {
        let tipo = *self.dice.pick(&TipoAnalise::TODOS);
        let mut command = self.analysis(tipo);
        let other = self.id();
        let usuario = *self.dice.pick(self.people);
        if let Command::Analisar { procedente, pedido, encaminhar, texto, .. } = &mut command {
            match self.dice.below(4) {
                0 => *procedente = if procedente.is_some() { None } else { Some(true) },
                1 => {
                    let new = NovoPedido { id: other, email: false };
                    *pedido = if pedido.is_some() { None } else { Some(new) };
                }
                2 => *encaminhar = Some(usuario),
                _ => " ".clone_into(texto),
            }
        }
        command
    }

    /// Something that only the office does (R64, R72–R77, R86).
    pub fn in_office(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let acts = if tipo.acoes.is_empty() { 1 } else { 6 };
        let open = registro.acoes.iter().any(|acao| acao.situacao == SituacaoAcao::Solicitada);
        let answers = if open { 9 } else { u32::from(!registro.acoes.is_empty()) };
        let over = registro.fase(tipo) == Fase::Concluido && tipo.permite_acao_corretiva;
        let links = if over { 8 } else { 1 };
        match self.dice.weighted(&[4, acts, answers, links, 2]) {
            0 => self.restrict(registro),
            1 => self.request_action(registro, tipo),
            2 => self.answer_action(registro, tipo),
            3 => {
                let numero = format!("AC-{:04}", self.dice.below(10_000));
                Command::VincularCorretiva { corretiva: self.id(), numero }
            }
            _ => {
                let usuario = *self.dice.pick(self.people);
                let mut command = self.analysis(TipoAnalise::Parcial);
                if let Command::Analisar { encaminhar, .. } = &mut command {
                    *encaminhar = Some(usuario);
                }
                command
            }
        }
    }

    fn restrict(&mut self, registro: &Registro) -> Command {
        if registro.restricao.is_some() && self.dice.chance(1, 2) {
            return Command::Restringir { para: None };
        }
        let mut listados = Listados::default();
        for _ in 0..self.dice.below(3) {
            listados.usuarios.insert(*self.dice.pick(self.people));
        }
        for grupo in GRUPOS {
            if self.dice.chance(1, 2) {
                listados.grupos.insert(grupo.to_owned());
            }
        }
        Command::Restringir { para: Some(listados) }
    }

    fn request_action(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let fase = registro.fase(tipo);
        // If no action is possible yet, fill in what one requires.
        let fits = |acao: &&AcaoPermitida| acao.fases.contains(&fase);
        let fitting: Vec<_> = tipo.acoes.iter().filter(fits).collect();
        let some = self.dice.maybe(&fitting);
        let some = some.or_else(|| self.dice.maybe(&tipo.acoes.iter().collect::<Vec<_>>()));
        if let Some(acao) = some
            && self.dice.chance(7, 8)
        {
            let missing = acao.exige.iter().find(|nome| lacks(registro, nome));
            if let Some(first) = missing.and_then(|nome| self.fill(registro, tipo, nome)) {
                return first;
            }
            let other = acao.exige_valor.iter().find(|(nome, values)| {
                !values.iter().any(|v| registro.valor(nome).texto() == Some(v))
            });
            if let Some((nome, values)) = other {
                let valor = Valor::Texto(self.dice.pick(values).clone());
                return Command::Editar { campo: nome.clone(), valor, visto: None };
            }
        }
        let codigo = some.map(|acao| acao.codigo.clone()).filter(|_| !self.dice.chance(1, 16));
        let codigo = codigo.unwrap_or_else(|| "nao_existe".to_owned());
        let observacao = self.dice.chance(1, 3).then(|| self.words());
        Command::SolicitarAcao { acao: self.id(), codigo, observacao }
    }

    fn answer_action(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let asked: Vec<_> = registro.acoes.iter().map(|acao| acao.id).collect();
        let Some(acao) = self.dice.maybe(&asked) else {
            return self.request_action(registro, tipo);
        };
        let situacao = match self.dice.below(8) {
            0 => SituacaoAcao::Solicitada,
            1..=5 => SituacaoAcao::Concluida,
            _ => SituacaoAcao::Recusada,
        };
        // The ERP repeats itself, now and then in other words.
        let externo = self.dice.chance(7, 8).then(|| "PC-1".to_owned());
        // R100: why, where it refuses.
        let why = if situacao == SituacaoAcao::Recusada { 7 } else { 1 };
        let retorno = self.dice.chance(why, 8).then(|| self.words());
        Command::ResponderAcao { acao, situacao, externo, retorno }
    }

    /// What a client does with its own case.
    pub fn alter_as_client(&mut self, registro: &Registro, tipo: &Tipo) -> Command {
        let theirs = |t: &&Transicao| t.quem.contains(&Quem::Cliente);
        let verbs: Vec<_> = tipo.fluxo.transicoes.iter().filter(theirs).collect();
        match self.dice.below(8) {
            0 => self.alter(registro, tipo),
            1 => {
                let em = Colecao::Anexos;
                Command::IncluirItem { em, item: self.part(registro.kind, em, tipo) }
            }
            2 => self.note(registro),
            3..=5 if !verbs.is_empty() => {
                let transicao = *self.dice.pick(&verbs);
                self.request(transicao)
            }
            _ => {
                let mut note = self.note(registro);
                if let Command::Anotar { visibilidade, .. } = &mut note {
                    *visibilidade = Visibilidade::Cliente;
                }
                note
            }
        }
    }
}

/// Whether the record lacks what an action asks for: a field, items, or a field of each item.
fn lacks(registro: &Registro, nome: &str) -> bool {
    match nome.strip_prefix("itens") {
        None => registro.valor(nome).vazio(),
        Some(campo) => {
            let campo = campo.trim_start_matches('.');
            let mut items = registro.vivos(Colecao::Itens).peekable();
            items.peek().is_none()
                || (!campo.is_empty() && items.any(|(_, item)| item.valor(campo).vazio()))
        }
    }
}

/// A category of which there are fewer photos than the tipo asks for.
fn lacking<'a>(registro: &Registro, tipo: &'a Tipo) -> Option<&'a str> {
    let of = |nome: &str| {
        let live = registro.vivos(Colecao::Anexos);
        live.filter(|(_, anexo)| anexo.valor("categoria").texto() == Some(nome)).count()
    };
    let short = tipo.min_fotos.iter().find(|(nome, min)| of(nome) < **min as usize);
    short.map(|(nome, _)| nome.as_str())
}
