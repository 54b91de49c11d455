//! Prints what waits, what was sent, photos, and how the device stands.

use crate::{
    output::Output,
    table::{pairs, table},
    words,
};
use campo_mobile_core::{
    Encerrada, Labelled, Pendencias, PhotoShown, PhotoSummary, SessionState, Status, StorageUse,
    SyncReport,
};
use chrono::{DateTime, Utc};

impl Output {
    /// What is pending, held and refused.
    pub fn pending(&self, pendencias: &Pendencias) {
        if self.printed(pendencias) {
            return;
        }
        println!("Pendentes: {}", pendencias.pendentes.len());
        for item in &pendencias.pendentes {
            let quando = self.when(item.quando);
            println!("  {quando}  {}  {}", item.documento_rotulo, item.o_que);
            print_content(&item.conteudo);
        }
        match pendencias.proxima_tentativa {
            Some(proxima) => println!("Próxima tentativa: {}", self.when(proxima)),
            None if pendencias.pendentes.is_empty() => {}
            None => println!("Próxima tentativa: na próxima sincronização"),
        }
        if let Some(erro) = &pendencias.ultimo_erro {
            println!("Última tentativa: {erro}");
        }
        if let Some(aviso) = &pendencias.aviso {
            println!("{aviso}");
        }
        self.ended("Retidas para decisão da retaguarda", &pendencias.retidas);
        self.ended("Recusadas", &pendencias.recusadas);
    }

    fn ended(&self, titulo: &str, itens: &[Encerrada]) {
        println!("\n{titulo}: {}", itens.len());
        for item in itens {
            let quando = self.when(item.quando);
            println!("  {quando}  {}  {}  ({})", item.documento_rotulo, item.o_que, item.id);
            let descartada = if item.descartada { "Descartada pela retaguarda. " } else { "" };
            println!("      {descartada}{}", item.mensagem);
            if let Some(nota) = &item.nota {
                println!("      Retaguarda: {nota}");
            }
            print_content(&item.conteudo);
        }
    }

    /// What a synchronisation did.
    pub fn synced(&self, report: &SyncReport) {
        let mut texto = format!(
            "Sincronizado: {} aceitos, {} retidos, {} recusados, {} registros atualizados, \
             {} pendentes.",
            report.accepted, report.held, report.refused, report.documents, report.pending
        );
        if let Some(aviso) = report.notice() {
            texto = format!("{texto}\n{aviso}");
        }
        self.one(report, &texto);
    }

    /// How the device stands.
    pub fn status(&self, status: &Status) {
        if self.printed(status) {
            return;
        }
        let sessao = match status.session {
            SessionState::Active => "ativa".to_owned(),
            SessionState::Expired { since } => format!("expirada desde {}", self.when(since)),
            SessionState::Nobody => "ninguém entrou".to_owned(),
        };
        let quando = |instante: Option<DateTime<Utc>>, vazio: &str| {
            instante.map_or_else(|| vazio.to_owned(), |instante| self.when(instante))
        };
        let conta = status.account.as_ref();
        let itens = [
            ("Pessoa", conta.map_or(String::new(), |c| format!("{} ({})", c.nome, c.login))),
            ("Empresa", conta.map_or(String::new(), |c| c.empresa_nome.clone())),
            ("Servidor", conta.map_or(String::new(), |c| c.servidor.clone())),
            ("Sessão", sessao),
            ("Aparelho", format!("{} ({})", status.device_name, status.device)),
            ("Pendentes", status.pending.to_string()),
            ("Retidas", status.held.to_string()),
            ("Recusadas", status.refused.to_string()),
            ("Aviso", status.notice.clone().unwrap_or_default()),
            ("Última sincronização", quando(status.last_sync_at, "nunca")),
            ("Próxima tentativa", quando(status.next_try_at, "na próxima sincronização")),
            ("Último erro", status.last_error.clone().unwrap_or_default()),
            ("Fotos a enviar", photos(&status.photos)),
        ];
        let cheios = itens.iter().filter(|(_, valor)| !valor.is_empty());
        pairs(cheios.map(|(rotulo, valor)| (*rotulo, valor.as_str())));
    }

    /// The files of a record.
    pub fn photos(&self, fotos: &[PhotoShown]) {
        if self.printed(&fotos) {
            return;
        }
        let cells = fotos.iter().map(|foto| {
            vec![
                foto.anexo.to_string(),
                foto.nome.clone(),
                words::category(&foto.categoria),
                foto.legenda.clone().unwrap_or_default(),
                words::size(foto.tamanho),
                foto.autor.nome.clone(),
                words::photo_state(foto),
                words::here(foto),
            ]
        });
        let titles =
            ["Anexo", "Nome", "Categoria", "Legenda", "Tamanho", "Autor", "Estado", "Aqui"];
        table(&titles, cells);
    }

    /// What photos cost here.
    pub fn storage(&self, used: &StorageUse) {
        if self.printed(used) {
            return;
        }
        let count = |n: u32, bytes: u64| format!("{n} ({})", words::size(bytes));
        let itens = [
            ("Originais", words::size(used.originals)),
            ("Prévias", words::size(used.previews)),
            ("Miniaturas", words::size(used.thumbnails)),
            ("Podem ser liberadas", count(used.verified, used.verified_bytes)),
            ("Aguardam o servidor", count(used.waiting, used.waiting_bytes)),
        ];
        pairs(itens.iter().map(|(rotulo, valor)| (*rotulo, valor.as_str())));
    }
}

fn photos(summary: &PhotoSummary) -> String {
    match summary {
        PhotoSummary { waiting: 0, .. } => String::new(),
        PhotoSummary { waiting, failed: 0, .. } => waiting.to_string(),
        PhotoSummary { waiting, failed, .. } => format!("{waiting}, {failed} com falha"),
    }
}

fn print_content(campos: &[Labelled]) {
    for campo in campos {
        println!("      {}: {}", campo.rotulo, campo.valor.replace('\n', "\n        "));
    }
}
