//! Prints one record in full, and the form of a new one.

use crate::{output::Output, table::pairs, words};
use campo_domain::registro::Visibilidade;
use campo_mobile_core::{Detalhe, Evento, FieldShown, Formulario, PartShown};
use chrono::TimeDelta;

/// From which difference on the server's clock is shown beside the device's.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(2);

impl Output {
    /// What a tipo asks for.
    pub fn form(&self, formulario: &Formulario) {
        if self.printed(formulario) {
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
                field(campo);
            }
        }
        if let Some(orientacao) = &formulario.orientacao_anexos {
            println!("\n{orientacao}");
        }
    }

    /// One document in full.
    pub fn record(&self, detalhe: &Detalhe, acompanhamento: &[Evento]) {
        if self.printed(detalhe) {
            return;
        }
        self.head(detalhe);
        related(detalhe);
        self.work(detalhe);
        self.conflicts(detalhe);
        println!("\nAcompanhamento");
        self.events(acompanhamento);
        verbs(detalhe);
        if !detalhe.bloqueios.is_empty() {
            println!("\nO que não se pode fazer agora");
        }
        for bloqueio in &detalhe.bloqueios {
            println!("  {}: {}", bloqueio.o_que.join(", "), bloqueio.motivo);
        }
    }

    /// What it is, how it stands, and its fields.
    fn head(&self, detalhe: &Detalhe) {
        let linha = &detalhe.linha;
        println!("{} · {} · {}", linha.rotulo, detalhe.tipo_nome, words::situacao(linha));
        println!("{} · {}\n", linha.id, words::sync_state(detalhe.sincronia));
        let etapa = match (detalhe.etapa_desde, linha.etapa_ate) {
            (Some(desde), Some(ate)) => {
                format!("desde {}, até {}", self.when(desde), self.when(ate))
            }
            (Some(desde), None) => format!("desde {}", self.when(desde)),
            (None, _) => String::new(),
        };
        let atraso = if linha.atrasado { " — ATRASADO" } else { "" };
        // What belongs to a case has its client; a field of its own says so below.
        let do_caso = !detalhe.campos.iter().any(|c| c.nome == "cliente" && !c.valor.is_empty());
        let cliente = linha.cliente_nome.clone().filter(|_| do_caso).unwrap_or_default();
        let cabeca = [
            ("Etapa", format!("{etapa}{atraso}")),
            ("Prioridade", words::priority(linha)),
            ("Cliente", cliente),
        ];
        let cabeca = cabeca.iter().map(|(rotulo, valor)| (*rotulo, valor.as_str()));
        // What is in force stands above; the field says what was written.
        let campos = detalhe.campos.iter().filter(|campo| campo.nome != "prioridade");
        let campos = campos.map(|campo| (campo.rotulo.as_str(), campo.valor.as_str()));
        pairs(cabeca.chain(campos).filter(|(_, valor)| !valor.is_empty()));
        if let Some(endereco) = detalhe.endereco_efetivo.as_ref().filter(|e| !e.is_empty()) {
            let ordem = ["endereco", "cidade", "uf", "cep"];
            let partes: Vec<_> = ordem.iter().filter_map(|nome| endereco.get(*nome)).collect();
            let texto: Vec<_> = partes.iter().map(|parte| parte.as_str()).collect();
            println!("\nEndereço do atendimento: {}", texto.join(", "));
        }
    }

    /// Analyses, actions and corrective actions.
    fn work(&self, detalhe: &Detalhe) {
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
            let quando = self.when(analise.quando);
            println!("\n{}{procede}{estado}\n  {quando}  {}", analise.rotulo, analise.autor);
            println!("  {}", analise.texto.replace('\n', "\n  "));
        }
        for acao in &detalhe.acoes {
            let externo = acao.externo.as_ref().map_or(String::new(), |n| format!(" ({n})"));
            let quando = self.when(acao.atualizada_em);
            println!("\nAção {}: {}{externo}, {quando}", acao.rotulo, acao.situacao);
            for texto in acao.observacao.iter().chain(&acao.retorno) {
                println!("  {texto}");
            }
        }
        for corretiva in &detalhe.corretivas {
            println!("\nAção corretiva {} ({})", corretiva.numero, corretiva.autor);
        }
    }

    /// Fields that several people wrote at once.
    fn conflicts(&self, detalhe: &Detalhe) {
        for conflito in &detalhe.conflitos {
            println!("\nConflito em {}:", conflito.rotulo);
            for versao in &conflito.versoes {
                let quando = self.when(versao.quando);
                println!("  {} — {}, {quando}", versao.valor, versao.autor);
            }
        }
    }

    /// What happened, in one of its views.
    pub fn history(&self, eventos: &[Evento]) {
        if !self.printed(&eventos) {
            self.events(eventos);
        }
    }

    fn events(&self, eventos: &[Evento]) {
        if eventos.is_empty() {
            println!("  Nada a mostrar.");
        }
        for evento in eventos {
            let recuo = "  ".repeat(evento.nivel as usize + 1);
            let quando = self.when(evento.quando);
            let servidor = evento.no_servidor.filter(|s| (*s - evento.quando).abs() > CLOCKS_APART);
            let servidor =
                servidor.map_or(String::new(), |s| format!(" (no servidor: {})", self.when(s)));
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
}

/// One field of a form, and what may be chosen in it.
fn field(campo: &FieldShown) {
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

fn parts(titulo: &str, partes: &[PartShown]) {
    for (posicao, parte) in partes.iter().enumerate() {
        println!("\n{titulo} {} ({})", posicao + 1, parte.id);
        pairs(parte.campos.iter().map(|campo| (campo.rotulo.as_str(), campo.valor.as_str())));
    }
}

/// Its parts, the records that link to it, and its people.
fn related(detalhe: &Detalhe) {
    parts("Item", &detalhe.itens);
    parts("Despesa", &detalhe.despesas);
    parts("Anexo", &detalhe.anexos);
    parts("Vínculo", &detalhe.vinculos);
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
}

/// What can be asked for, and what is missing for it.
fn verbs(detalhe: &Detalhe) {
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
        pairs(textos.iter().map(|(verbo, texto)| (*verbo, texto.as_str())));
    }
}
