//! What the terminal client prints: aligned pt-BR text, or one JSON document.

use campo_domain::{ids::DocumentId, preset::ItemCatalogo};
use campo_mobile_core::{
    Campo, Detalhe, Encerrada, Error, Estado, Linha, Pendencias, Rotulado, Sessao, SyncReport,
    SyncState,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

/// Where and how to print.
pub struct Saida {
    pub json: bool,
    pub fuso: Tz,
}

impl Saida {
    /// One thing.
    pub fn um(&self, valor: &impl Serialize, texto: &str) {
        if !self.objeto(valor) {
            println!("{texto}");
        }
    }

    /// A document that was made.
    pub fn criado(&self, campo: &Campo, id: DocumentId) -> Result<(), Error> {
        let detalhe = campo.show(id)?;
        let texto = format!("Criado: {} ({id})", detalhe.linha.rotulo);
        self.um(&detalhe.linha, &texto);
        Ok(())
    }

    /// A document that was changed.
    pub fn feito(&self, campo: &Campo, id: DocumentId) -> Result<(), Error> {
        let detalhe = campo.show(id)?;
        let linha = &detalhe.linha;
        let situacao = linha.situacao_prevista.as_ref().unwrap_or(&linha.situacao_nome);
        let estado = sincronia(detalhe.sincronia);
        self.um(linha, &format!("Gravado: {} · {situacao} · {estado}", linha.rotulo));
        Ok(())
    }

    /// A list of documents; `tudo` is what `--json` shows.
    pub fn linhas(&self, tudo: &impl Serialize, linhas: &[Linha]) {
        if self.objeto(tudo) {
            return;
        }
        let celulas = linhas.iter().map(|linha| {
            vec![
                linha.rotulo.clone(),
                linha.titulo.clone(),
                situacao(linha),
                linha.cliente_nome.clone().unwrap_or_default(),
                linha.responsavel_nome.clone().unwrap_or_default(),
                marcas(linha),
            ]
        });
        tabela(&["Número", "Título", "Situação", "Cliente", "Responsável", ""], celulas);
    }

    /// The agenda of a day.
    pub fn agenda(&self, linhas: &[Linha]) {
        if self.objeto(&linhas) {
            return;
        }
        let hora = |instante: Option<DateTime<Utc>>| {
            instante
                .map_or(String::new(), |i| i.with_timezone(&self.fuso).format("%H:%M").to_string())
        };
        let celulas = linhas.iter().map(|linha| {
            vec![
                format!("{}–{}", hora(linha.inicio), hora(linha.fim)),
                linha.rotulo.clone(),
                linha.titulo.clone(),
                situacao(linha),
                linha.cliente_nome.clone().unwrap_or_default(),
                linha.responsavel_nome.clone().unwrap_or_default(),
                marcas(linha),
            ]
        });
        let titulos = ["Horário", "Agenda", "Assunto", "Situação", "Cliente", "Responsável", ""];
        tabela(&titulos, celulas);
    }

    /// A catalogue.
    pub fn catalogo(&self, itens: &[ItemCatalogo]) {
        if !self.objeto(&itens) {
            let celulas = itens.iter().map(|item| vec![item.codigo.clone(), item.nome.clone()]);
            tabela(&["Código", "Nome"], celulas);
        }
    }

    /// One document in full.
    pub fn detalhe(&self, detalhe: &Detalhe) {
        if self.objeto(detalhe) {
            return;
        }
        let linha = &detalhe.linha;
        println!("{} · {} · {}", linha.rotulo, detalhe.tipo_nome, situacao(linha));
        println!("{} · {}\n", linha.id, sincronia(detalhe.sincronia));
        let preenchidos = detalhe.campos.iter().filter(|campo| !campo.valor.is_empty());
        pares(preenchidos.map(|campo| (campo.rotulo, campo.valor.as_str())));
        for (posicao, item) in detalhe.itens.iter().enumerate() {
            println!("\nItem {} ({})", posicao + 1, item.id);
            pares(item.campos.iter().map(|campo| (campo.rotulo.as_str(), campo.valor.as_str())));
        }
        if !detalhe.participantes.is_empty() {
            let nomes: Vec<_> = detalhe.participantes.iter().map(|p| p.nome.as_str()).collect();
            println!("\nParticipantes: {}", nomes.join(", "));
        }
        for conflito in &detalhe.conflitos {
            println!("\nConflito em {}:", conflito.rotulo);
            for versao in &conflito.versoes {
                let quando = self.quando(versao.quando);
                println!("  {} — {}, {quando}", versao.valor, versao.autor);
            }
        }
        println!("\nAcompanhamento");
        for evento in &detalhe.acompanhamento {
            let aguarda = if evento.aguarda { " (aguarda o servidor)" } else { "" };
            let quando = self.quando(evento.quando);
            println!("  {quando}  {} — {}{aguarda}", evento.autor, evento.titulo);
            for texto in evento.texto.iter().flat_map(|texto| texto.lines()) {
                println!("      {texto}");
            }
        }
        if !detalhe.acoes.is_empty() {
            println!("\nAções");
            pares(detalhe.acoes.iter().map(|acao| (acao.verbo.as_str(), acao.rotulo.as_str())));
        }
    }

    /// What is pending, held and refused.
    pub fn pendencias(&self, pendencias: &Pendencias) {
        if self.objeto(pendencias) {
            return;
        }
        println!("Pendentes: {}", pendencias.pendentes.len());
        for item in &pendencias.pendentes {
            let quando = self.quando(item.quando);
            println!("  {quando}  {}  {}", item.documento_rotulo, item.o_que);
            conteudo(&item.conteudo);
        }
        match pendencias.proxima_tentativa {
            Some(proxima) => println!("Próxima tentativa: {}", self.quando(proxima)),
            None if pendencias.pendentes.is_empty() => {}
            None => println!("Próxima tentativa: na próxima sincronização"),
        }
        if let Some(erro) = &pendencias.ultimo_erro {
            println!("Última tentativa: {erro}");
        }
        if let Some(aviso) = &pendencias.aviso {
            println!("{aviso}");
        }
        self.encerradas("Retidas para decisão da retaguarda", &pendencias.retidas);
        self.encerradas("Recusadas", &pendencias.recusadas);
    }

    fn encerradas(&self, titulo: &str, itens: &[Encerrada]) {
        println!("\n{titulo}: {}", itens.len());
        for item in itens {
            let quando = self.quando(item.quando);
            println!("  {quando}  {}  {}  ({})", item.documento_rotulo, item.o_que, item.id);
            let descartada = if item.descartada { "Descartada pela retaguarda. " } else { "" };
            println!("      {descartada}{}", item.mensagem);
            if let Some(nota) = &item.nota {
                println!("      Retaguarda: {nota}");
            }
            conteudo(&item.conteudo);
        }
    }

    /// What a synchronisation did.
    pub fn sincronizado(&self, report: &SyncReport) {
        let mut texto = format!(
            "Sincronizado: {} aceitos, {} retidos, {} recusados, {} registros atualizados, \
             {} pendentes.",
            report.aceitos, report.retidos, report.recusados, report.documentos, report.pendentes
        );
        if let Some(aviso) = report.aviso() {
            texto = format!("{texto}\n{aviso}");
        }
        self.um(report, &texto);
    }

    /// How the device stands.
    pub fn estado(&self, estado: &Estado) {
        if self.objeto(estado) {
            return;
        }
        let sessao = match estado.sessao {
            Sessao::Ativa => "ativa".to_owned(),
            Sessao::Expirada { desde } => format!("expirada desde {}", self.quando(desde)),
            Sessao::Ninguem => "ninguém entrou".to_owned(),
        };
        let quando = |instante: Option<DateTime<Utc>>, vazio: &str| {
            instante.map_or_else(|| vazio.to_owned(), |instante| self.quando(instante))
        };
        let conta = estado.conta.as_ref();
        let itens = [
            ("Pessoa", conta.map_or(String::new(), |c| format!("{} ({})", c.nome, c.login))),
            ("Empresa", conta.map_or(String::new(), |c| c.empresa_nome.clone())),
            ("Servidor", conta.map_or(String::new(), |c| c.servidor.clone())),
            ("Sessão", sessao),
            ("Aparelho", format!("{} ({})", estado.dispositivo_nome, estado.dispositivo)),
            ("Pendentes", estado.pendentes.to_string()),
            ("Retidas", estado.retidas.to_string()),
            ("Recusadas", estado.recusadas.to_string()),
            ("Aviso", estado.aviso.clone().unwrap_or_default()),
            ("Última sincronização", quando(estado.ultima_sincronizacao, "nunca")),
            ("Próxima tentativa", quando(estado.proxima_tentativa, "na próxima sincronização")),
            ("Último erro", estado.ultimo_erro.clone().unwrap_or_default()),
        ];
        let cheios = itens.iter().filter(|(_, valor)| !valor.is_empty());
        pares(cheios.map(|(rotulo, valor)| (*rotulo, valor.as_str())));
    }

    /// Prints JSON if that was asked for.
    fn objeto(&self, valor: &impl Serialize) -> bool {
        if self.json {
            println!("{}", serde_json::json!(valor));
        }
        self.json
    }

    fn quando(&self, instante: DateTime<Utc>) -> String {
        instante.with_timezone(&self.fuso).format("%d/%m/%Y %H:%M").to_string()
    }
}

fn situacao(linha: &Linha) -> String {
    match &linha.situacao_prevista {
        Some(prevista) => format!("{} → {prevista}", linha.situacao_nome),
        None => linha.situacao_nome.clone(),
    }
}

fn marcas(linha: &Linha) -> String {
    let mut marcas = Vec::new();
    if linha.pendente > 0 {
        marcas.push(format!("{} pendente(s)", linha.pendente));
    }
    if linha.conflito {
        marcas.push("conflito".to_owned());
    }
    marcas.join(", ")
}

fn sincronia(estado: SyncState) -> String {
    match estado {
        SyncState::Sincronizado => "sincronizado".into(),
        SyncState::Pendente { n } => format!("{n} pendente(s)"),
        SyncState::Retido { n } => format!("{n} retido(s) para decisão da retaguarda"),
        SyncState::Recusado { n } => format!("{n} recusado(s)"),
        SyncState::ForaDeAlcance => "fora do seu alcance".into(),
    }
}

fn conteudo(campos: &[Rotulado]) {
    for campo in campos {
        println!("      {}: {}", campo.rotulo, campo.valor.replace('\n', "\n        "));
    }
}

fn pares<'a>(itens: impl Iterator<Item = (&'a str, &'a str)>) {
    let itens: Vec<_> = itens.collect();
    let largura = itens.iter().map(|(rotulo, _)| rotulo.chars().count()).max().unwrap_or(0);
    for (rotulo, valor) in itens {
        let recuo = format!("\n{}", " ".repeat(largura + 4));
        println!("  {rotulo:largura$}  {}", valor.replace('\n', &recuo));
    }
}

fn tabela(titulos: &[&str], linhas: impl Iterator<Item = Vec<String>>) {
    let linhas: Vec<_> = linhas.collect();
    if linhas.is_empty() {
        println!("Nada a mostrar.");
        return;
    }
    let titulos: Vec<String> = titulos.iter().map(|titulo| (*titulo).to_owned()).collect();
    let todas = || std::iter::once(&titulos).chain(&linhas);
    let largura = |coluna: usize| {
        todas().filter_map(|linha| linha.get(coluna)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let larguras: Vec<_> = (0..titulos.len()).map(largura).collect();
    for linha in todas() {
        let celulas = linha.iter().zip(&larguras);
        let texto: Vec<_> = celulas.map(|(celula, largura)| format!("{celula:largura$}")).collect();
        println!("{}", texto.join("  ").trim_end());
    }
}
