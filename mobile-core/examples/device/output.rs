//! What the terminal client prints: aligned pt-BR text, or one JSON document.

use crate::{
    photos,
    table::{pares, tabela},
};
use campo_domain::{
    assistencia::PRIORIDADES, ids::DocumentId, parte::CATEGORIAS_ANEXO, preset::ItemCatalogo,
    registro::Visibilidade, tipo::Tipo,
};
use campo_mobile_core::{
    Armazenamento, Campo, CampoExibido, CatalogoExibido, Detalhe, Encerrada, Error, Estado, Evento,
    Formulario, FotoExibida, Linha, ParteExibida, Pendencias, ProdutoDaOrigem, ResumoFotos,
    Rotulado, Sessao, SyncReport, SyncState,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use std::sync::Arc;

/// From which difference on the server's clock is shown beside the device's.
const RELOGIOS: TimeDelta = TimeDelta::minutes(2);

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
                prioridade(linha),
                linha.prazo.map_or(String::new(), |dia| dia.format("%d/%m/%Y").to_string()),
                marcas(linha),
            ]
        });
        let titulos =
            ["Número", "Título", "Situação", "Cliente", "Responsável", "Prioridade", "Prazo", ""];
        tabela(&titulos, celulas);
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

    /// The catalogues.
    pub fn catalogos(&self, catalogos: &[CatalogoExibido]) {
        if !self.objeto(&catalogos) {
            let celulas = catalogos
                .iter()
                .map(|c| vec![c.codigo.to_owned(), c.titulo.to_owned(), c.itens.to_string()]);
            tabela(&["Código", "Título", "Itens"], celulas);
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
        self.catalogo(&todos);
    }

    /// The products of a proposta or nota fiscal.
    pub fn origem(&self, produtos: Option<&[ProdutoDaOrigem]>) {
        if self.objeto(&produtos) {
            return;
        }
        let Some(produtos) = produtos else {
            println!("Este aparelho não conhece esse documento; qualquer produto pode ser usado.");
            return;
        };
        let celulas = produtos.iter().map(|produto| {
            let texto = |texto: &Option<String>| texto.clone().unwrap_or_default();
            vec![produto.produto.clone(), texto(&produto.quantidade), texto(&produto.lote_serie)]
        });
        tabela(&["Produto", "Quantidade", "Lote ou série"], celulas);
    }

    /// What a tipo asks for.
    pub fn formulario(&self, formulario: &Formulario) {
        if self.objeto(formulario) {
            return;
        }
        println!("{} ({})", formulario.nome, formulario.tipo);
        let partes = [
            ("Campos", &formulario.campos),
            ("Item", &formulario.itens),
            ("Despesa", &formulario.despesas),
            ("Vínculo", &formulario.vinculos),
        ];
        for (titulo, campos) in partes.into_iter().filter(|(_, campos)| !campos.is_empty()) {
            println!("\n{titulo}");
            for campo in campos {
                campo_do_formulario(campo);
            }
        }
        if let Some(orientacao) = &formulario.orientacao_anexos {
            println!("\n{orientacao}");
        }
    }

    /// One document in full.
    pub fn detalhe(&self, detalhe: &Detalhe, acompanhamento: &[Evento]) {
        if self.objeto(detalhe) {
            return;
        }
        let linha = &detalhe.linha;
        println!("{} · {} · {}", linha.rotulo, detalhe.tipo_nome, situacao(linha));
        println!("{} · {}\n", linha.id, sincronia(detalhe.sincronia));
        let etapa = match (detalhe.etapa_desde, linha.etapa_ate) {
            (Some(desde), Some(ate)) => {
                format!("desde {}, até {}", self.quando(desde), self.quando(ate))
            }
            (Some(desde), None) => format!("desde {}", self.quando(desde)),
            (None, _) => String::new(),
        };
        let atraso = if linha.atrasado { " — ATRASADO" } else { "" };
        // What belongs to a case has its client; a field of its own says so below.
        let do_caso = !detalhe.campos.iter().any(|c| c.nome == "cliente" && !c.valor.is_empty());
        let cliente = linha.cliente_nome.clone().filter(|_| do_caso).unwrap_or_default();
        let cabeca = [
            ("Etapa", format!("{etapa}{atraso}")),
            ("Prioridade", prioridade(linha)),
            ("Cliente", cliente),
        ];
        let cabeca = cabeca.iter().map(|(rotulo, valor)| (*rotulo, valor.as_str()));
        // What is in force stands above; the field says what was written.
        let campos = detalhe.campos.iter().filter(|campo| campo.nome != "prioridade");
        let campos = campos.map(|campo| (campo.rotulo.as_str(), campo.valor.as_str()));
        pares(cabeca.chain(campos).filter(|(_, valor)| !valor.is_empty()));
        if let Some(endereco) = detalhe.endereco_efetivo.as_ref().filter(|e| !e.is_empty()) {
            let ordem = ["endereco", "cidade", "uf", "cep"];
            let partes: Vec<_> = ordem.iter().filter_map(|nome| endereco.get(*nome)).collect();
            let texto: Vec<_> = partes.iter().map(|parte| parte.as_str()).collect();
            println!("\nEndereço do atendimento: {}", texto.join(", "));
        }
        partes("Item", &detalhe.itens);
        partes("Despesa", &detalhe.despesas);
        partes("Anexo", &detalhe.anexos);
        partes("Vínculo", &detalhe.vinculos);
        for vinculado in &detalhe.vinculado_por {
            let relacao = vinculado.relacao.as_deref().unwrap_or("Vinculado");
            println!("\n{relacao} em {} · {}", vinculado.linha.rotulo, vinculado.linha.titulo);
        }
        for (titulo, pessoas) in
            [("Participantes", &detalhe.participantes), ("Interessados", &detalhe.interessados)]
        {
            if !pessoas.is_empty() {
                let nomes: Vec<_> = pessoas.iter().map(|p| p.nome.as_str()).collect();
                println!("\n{titulo}: {}", nomes.join(", "));
            }
        }
        if let Some(restricao) = &detalhe.restricao {
            let listados = [&restricao.usuarios[..], &restricao.grupos[..]].concat();
            println!("\nVisualização restrita a: {} ({})", listados.join(", "), restricao.autor);
        }
        self.trabalho(detalhe);
        for conflito in &detalhe.conflitos {
            println!("\nConflito em {}:", conflito.rotulo);
            for versao in &conflito.versoes {
                let quando = self.quando(versao.quando);
                println!("  {} — {}, {quando}", versao.valor, versao.autor);
            }
        }
        println!("\nAcompanhamento");
        self.eventos(acompanhamento);
        if !detalhe.verbos.is_empty() {
            println!("\nVerbos");
            let textos: Vec<_> = detalhe
                .verbos
                .iter()
                .map(|verbo| match &verbo.falta {
                    Some(falta) => (verbo.verbo.as_str(), format!("{} — {falta}", verbo.rotulo)),
                    None => (verbo.verbo.as_str(), verbo.rotulo.clone()),
                })
                .collect();
            pares(textos.iter().map(|(verbo, texto)| (*verbo, texto.as_str())));
        }
    }

    /// Analyses, actions and corrective actions.
    fn trabalho(&self, detalhe: &Detalhe) {
        for analise in &detalhe.analises {
            let procede = match analise.procedente {
                Some(true) => " (procedente)",
                Some(false) => " (improcedente)",
                None => "",
            };
            let estado = match (&analise.recusa, analise.aguarda, analise.vigente) {
                (Some(recusa), ..) => format!(" — não valeu: {recusa}"),
                (None, true, _) => " — aguarda o servidor".to_owned(),
                (None, false, true) => String::new(),
                (None, false, false) => " — anterior".to_owned(),
            };
            let quando = self.quando(analise.quando);
            println!("\n{}{procede}{estado}\n  {quando}  {}", analise.rotulo, analise.autor);
            println!("  {}", analise.texto.replace('\n', "\n  "));
        }
        for acao in &detalhe.acoes {
            let externo = acao.externo.as_ref().map_or(String::new(), |n| format!(" ({n})"));
            let quando = self.quando(acao.atualizada_em);
            println!("\nAção {}: {}{externo}, {quando}", acao.rotulo, acao.situacao);
            for texto in acao.observacao.iter().chain(&acao.retorno) {
                println!("  {texto}");
            }
        }
        for corretiva in &detalhe.corretivas {
            println!("\nAção corretiva {} ({})", corretiva.numero, corretiva.autor);
        }
    }

    /// What happened, in one of its views.
    pub fn acompanhamento(&self, eventos: &[Evento]) {
        if !self.objeto(&eventos) {
            self.eventos(eventos);
        }
    }

    fn eventos(&self, eventos: &[Evento]) {
        if eventos.is_empty() {
            println!("  Nada a mostrar.");
        }
        for evento in eventos {
            let recuo = "  ".repeat(evento.nivel as usize + 1);
            let quando = self.quando(evento.quando);
            let servidor = evento.no_servidor.filter(|s| (*s - evento.quando).abs() > RELOGIOS);
            let servidor =
                servidor.map_or(String::new(), |s| format!(" (no servidor: {})", self.quando(s)));
            let aguarda = match (evento.aguarda, evento.pendente) {
                (true, _) => " (aguarda o servidor)",
                (false, true) => " (a enviar)",
                (false, false) => "",
            };
            let cliente =
                if evento.visibilidade == Visibilidade::Cliente { " [cliente]" } else { "" };
            let texto = evento.texto.replace('\n', &format!("\n{recuo}    "));
            println!("{recuo}{quando}{servidor}  {}{cliente} — {texto}{aguarda}", evento.autor);
            if evento.campo.is_some() {
                let valor = |valor: &Option<String>| valor.clone().unwrap_or_else(|| "—".into());
                println!("{recuo}    {} → {}", valor(&evento.de), valor(&evento.para));
            }
            if let Some(nota) = evento.nota {
                println!("{recuo}    ({nota})");
            }
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
            ("Fotos a enviar", fotos(&estado.fotos)),
        ];
        let cheios = itens.iter().filter(|(_, valor)| !valor.is_empty());
        pares(cheios.map(|(rotulo, valor)| (*rotulo, valor.as_str())));
    }

    /// The files of a record.
    pub fn fotos(&self, fotos: &[FotoExibida]) {
        if self.objeto(&fotos) {
            return;
        }
        let celulas = fotos.iter().map(|foto| {
            vec![
                foto.anexo.to_string(),
                foto.nome.clone(),
                rotulo_da_categoria(&foto.categoria),
                foto.legenda.clone().unwrap_or_default(),
                photos::tamanho(foto.tamanho),
                foto.autor.nome.clone(),
                photos::estado(foto),
                photos::locais(foto),
            ]
        });
        let titulos =
            ["Anexo", "Nome", "Categoria", "Legenda", "Tamanho", "Autor", "Estado", "Aqui"];
        tabela(&titulos, celulas);
    }

    /// What photos cost here.
    pub fn armazenamento(&self, cheio: &Armazenamento) {
        if self.objeto(cheio) {
            return;
        }
        let quantas = |n: u32, bytes: u64| format!("{n} ({})", photos::tamanho(bytes));
        let itens = [
            ("Originais", photos::tamanho(cheio.originais)),
            ("Prévias", photos::tamanho(cheio.previas)),
            ("Miniaturas", photos::tamanho(cheio.miniaturas)),
            ("Podem ser liberadas", quantas(cheio.conferidas, cheio.conferidas_bytes)),
            ("Aguardam o servidor", quantas(cheio.aguardam, cheio.aguardam_bytes)),
        ];
        pares(itens.iter().map(|(rotulo, valor)| (*rotulo, valor.as_str())));
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

fn fotos(resumo: &ResumoFotos) -> String {
    match resumo {
        ResumoFotos { aguardam: 0, .. } => String::new(),
        ResumoFotos { aguardam, falharam: 0, .. } => aguardam.to_string(),
        ResumoFotos { aguardam, falharam, .. } => format!("{aguardam}, {falharam} com falha"),
    }
}

fn rotulo_da_categoria(codigo: &str) -> String {
    let achada = CATEGORIAS_ANEXO.iter().find(|(categoria, _)| *categoria == codigo);
    achada.map_or(codigo, |(_, rotulo)| rotulo).to_owned()
}

fn situacao(linha: &Linha) -> String {
    match &linha.situacao_prevista {
        Some(prevista) => format!("{} → {prevista}", linha.situacao_nome),
        None => linha.situacao_nome.clone(),
    }
}

fn prioridade(linha: &Linha) -> String {
    let codigo = linha.prioridade.as_deref().unwrap_or_default();
    let rotulo = PRIORIDADES.iter().find(|(prioridade, _)| *prioridade == codigo);
    rotulo.map_or(codigo, |(_, rotulo)| rotulo).to_owned()
}

fn campo_do_formulario(campo: &CampoExibido) {
    let obrigatorio = if campo.obrigatorio { " *" } else { "" };
    let alvo = campo.alvo.map_or(String::new(), |alvo| format!(" {alvo}"));
    println!("  {}{obrigatorio}  {}, {}{alvo}", campo.rotulo, campo.nome, campo.aceita);
    for opcao in &campo.opcoes {
        let prioridade = opcao.prioridade.as_ref().map_or(String::new(), |p| format!(", {p}"));
        println!("      {}: {}{prioridade}", opcao.codigo, opcao.rotulo);
    }
    if let Some(orientacao) = &campo.orientacao {
        println!("      {orientacao}");
    }
}

fn partes(titulo: &str, partes: &[ParteExibida]) {
    for (posicao, parte) in partes.iter().enumerate() {
        println!("\n{titulo} {} ({})", posicao + 1, parte.id);
        pares(parte.campos.iter().map(|campo| (campo.rotulo.as_str(), campo.valor.as_str())));
    }
}

fn marcas(linha: &Linha) -> String {
    let mut marcas = Vec::new();
    if linha.atrasado {
        marcas.push("atrasado".to_owned());
    }
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
