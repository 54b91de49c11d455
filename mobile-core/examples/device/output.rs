//! What the terminal client prints: aligned pt-BR text, or one JSON document.

use crate::{table::table, words};
use campo_domain::{ids::DocumentId, preset::ItemCatalogo, pt_br, tipo::Tipo};
use campo_mobile_core::{CatalogueShown, Error, Linha, Phone, ProdutoDaOrigem};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use std::sync::Arc;

/// Where and how to print.
pub struct Output {
    pub json: bool,
    pub fuso: Tz,
}

impl Output {
    /// One thing.
    pub fn one(&self, valor: &impl Serialize, texto: &str) {
        if !self.printed(valor) {
            println!("{texto}");
        }
    }

    /// A document that was made.
    pub fn created(&self, phone: &Phone, id: DocumentId) -> Result<(), Error> {
        let detalhe = phone.show(id)?;
        let texto = format!("Criado: {} ({id})", detalhe.linha.rotulo);
        self.one(&detalhe.linha, &texto);
        Ok(())
    }

    /// A document that was changed.
    pub fn done(&self, phone: &Phone, id: DocumentId) -> Result<(), Error> {
        let detalhe = phone.show(id)?;
        let linha = &detalhe.linha;
        let situacao = linha.situacao_prevista.as_ref().unwrap_or(&linha.situacao_nome);
        let estado = words::sync_state(detalhe.sincronia);
        self.one(linha, &format!("Gravado: {} · {situacao} · {estado}", linha.rotulo));
        Ok(())
    }

    /// A list of documents; `tudo` is what `--json` shows.
    pub fn rows(&self, tudo: &impl Serialize, linhas: &[Linha]) {
        if self.printed(tudo) {
            return;
        }
        let cells = linhas.iter().map(|linha| {
            vec![
                linha.rotulo.clone(),
                linha.titulo.clone(),
                words::situacao(linha),
                linha.cliente_nome.clone().unwrap_or_default(),
                linha.responsavel_nome.clone().unwrap_or_default(),
                words::priority(linha),
                linha.prazo.map_or(String::new(), pt_br::day),
                words::marks(linha),
            ]
        });
        let titles =
            ["Número", "Título", "Situação", "Cliente", "Responsável", "Prioridade", "Prazo", ""];
        table(&titles, cells);
    }

    /// The agenda of a day.
    pub fn agenda(&self, linhas: &[Linha]) {
        if self.printed(&linhas) {
            return;
        }
        let hora = |instante: Option<DateTime<Utc>>| {
            instante.map_or(String::new(), |instante| pt_br::hour(instante, self.fuso))
        };
        let cells = linhas.iter().map(|linha| {
            vec![
                format!("{}–{}", hora(linha.inicio), hora(linha.fim)),
                linha.rotulo.clone(),
                linha.titulo.clone(),
                words::situacao(linha),
                linha.cliente_nome.clone().unwrap_or_default(),
                linha.responsavel_nome.clone().unwrap_or_default(),
                words::marks(linha),
            ]
        });
        let titles = ["Horário", "Agenda", "Assunto", "Situação", "Cliente", "Responsável", ""];
        table(&titles, cells);
    }

    /// A catalogue.
    pub fn catalogue(&self, itens: &[ItemCatalogo]) {
        if !self.printed(&itens) {
            let cells = itens.iter().map(|item| vec![item.codigo.clone(), item.nome.clone()]);
            table(&["Código", "Nome"], cells);
        }
    }

    /// The catalogues.
    pub fn catalogues(&self, catalogos: &[CatalogueShown]) {
        if !self.printed(&catalogos) {
            let cells = catalogos
                .iter()
                .map(|c| vec![c.codigo.to_owned(), c.titulo.to_owned(), c.itens.to_string()]);
            table(&["Código", "Título", "Itens"], cells);
        }
    }

    /// Tipos to choose from.
    pub fn tipos(&self, tipos: &[Arc<Tipo>]) {
        let todos: Vec<_> = tipos
            .iter()
            .map(|tipo| ItemCatalogo {
                codigo: tipo.codigo.clone(),
                nome: tipo.nome.clone(),
                dados: Default::default(),
            })
            .collect();
        self.catalogue(&todos);
    }

    /// The products of a proposta or nota fiscal.
    pub fn origem(&self, produtos: Option<&[ProdutoDaOrigem]>) {
        if self.printed(&produtos) {
            return;
        }
        let Some(produtos) = produtos else {
            println!("Este aparelho não conhece esse documento; qualquer produto pode ser usado.");
            return;
        };
        let cells = produtos.iter().map(|produto| {
            let texto = |texto: &Option<String>| texto.clone().unwrap_or_default();
            vec![produto.produto.clone(), texto(&produto.quantidade), texto(&produto.lote_serie)]
        });
        table(&["Produto", "Quantidade", "Lote ou série"], cells);
    }

    /// Prints JSON if that was asked for. True if it did.
    pub fn printed(&self, valor: &impl Serialize) -> bool {
        if self.json {
            println!("{}", serde_json::json!(valor));
        }
        self.json
    }

    /// An instant by the clock of the company.
    pub fn when(&self, instante: DateTime<Utc>) -> String {
        pt_br::moment(instante, self.fuso)
    }
}
