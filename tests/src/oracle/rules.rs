//! The rules as the requirements put them (R4, R7, R44–R50, R71, R85), over plain records.

use campo_domain::{
    command::Command,
    fluxo::{Fase, Guarda},
    kind::Kind,
    pessoa::{Permissao, Permissoes},
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};
use std::collections::BTreeSet;

/// Codes of refusal, any of which is right.
pub type Codes = BTreeSet<&'static str>;

/// R85: own ones with `Ver`, everybody's with `VerTodas`; clientes are everybody's (R8).
pub fn sees(permissoes: &Permissoes, kind: Kind, involved: bool) -> bool {
    permissoes.contains(&Permissao::Ver)
        && (involved || kind == Kind::Cliente || permissoes.contains(&Permissao::VerTodas))
}

/// What is wrong with a command whoever gives it: values, names, ids that are taken.
pub fn nonsense(command: &Command, registro: Option<&Registro>) -> Codes {
    let mut codes = Codes::new();
    let kind = match (command, registro) {
        (Command::Criar { kind, .. }, _) => *kind,
        (_, Some(registro)) => registro.kind,
        (_, None) => return codes,
    };
    let known = |nome: &str| kind.campo(nome).filter(|_| nome != "situacao");
    match command {
        Command::Criar { .. } => {}
        Command::Editar { campo, valor } => match known(campo) {
            None => {
                codes.insert("campo_desconhecido");
            }
            Some(definicao) if definicao.longo() => {
                codes.extend(["campo_desconhecido", "operacao_nao_permitida"]);
            }
            Some(definicao) => codes.extend(definicao.validar(valor).err().map(|e| code(&e))),
        },
        Command::EditarTexto { campo, para, .. } => match known(campo) {
            None => {
                codes.insert("campo_desconhecido");
            }
            Some(definicao) => {
                let valor = Valor::Texto(para.clone());
                codes.extend(definicao.validar(&valor).err().map(|e| code(&e)));
            }
        },
        Command::IncluirItem { item } => {
            if registro.is_some_and(|r| r.itens.contains_key(&item.id)) {
                codes.insert("id_em_uso");
            }
            if kind != Kind::Ocorrencia {
                codes.insert("campo_desconhecido");
            }
        }
        Command::EditarItem { item, campo, valor } => {
            if !registro.is_some_and(|r| r.itens.contains_key(item)) {
                codes.insert("item_inexistente");
            }
            match kind.campo_item(campo) {
                None => {
                    codes.insert("campo_desconhecido");
                }
                Some(campo) => codes.extend(campo.validar(valor).err().map(|e| code(&e))),
            }
        }
        Command::RemoverItem { item } => {
            if !registro.is_some_and(|r| r.itens.contains_key(item)) {
                codes.insert("item_inexistente");
            }
        }
        Command::Participar { .. } => {}
        Command::Anotar { id, texto } => {
            if texto.trim().is_empty() {
                codes.insert("texto_vazio");
            }
            if registro.is_some_and(|r| r.notas.iter().any(|nota| nota.id == *id)) {
                codes.insert("id_em_uso");
            }
        }
        Command::Transicionar { pedido, motivo, .. } => {
            if motivo.as_ref().is_some_and(|motivo| motivo.trim().is_empty()) {
                codes.insert("texto_vazio");
            }
            if registro.is_some_and(|r| r.pedidos.iter().any(|p| p.id == *pedido)) {
                codes.insert("id_em_uso");
            }
        }
        Command::EmitirLaudo { pedido, laudo, conclusao, .. } => {
            if conclusao.trim().is_empty() {
                codes.insert("texto_vazio");
            }
            let taken = registro.is_some_and(|r| {
                r.pedidos.iter().any(|p| p.id == *pedido) || r.laudos.iter().any(|l| l.id == *laudo)
            });
            if taken {
                codes.insert("id_em_uso");
            }
        }
    }
    codes
}

fn code(refusal: &campo_domain::refusal::Refusal) -> &'static str {
    refusal.codigo.codigo()
}

/// Why a person with these permissions may not do this while the record is in this situação; empty
/// if the person may. `None` is the initial situação.
pub fn forbidden(
    permissoes: &Permissoes,
    tipo: &Tipo,
    situacao: Option<&str>,
    command: &Command,
) -> Codes {
    let mut codes = Codes::new();
    let mut need = |permissao: Permissao| {
        if !permissoes.contains(&permissao) {
            codes.insert("sem_permissao");
        }
    };
    let codigo = situacao.unwrap_or(&tipo.fluxo.inicial);
    let Some(situacao) = tipo.fluxo.situacoes.iter().find(|s| s.codigo == codigo) else {
        return codes;
    };
    let closed = matches!(situacao.fase, Fase::Concluido | Fase::Cancelado | Fase::Negado);
    let (field, open) = match command {
        // R5: whoever has `Ver` may create; a new record is in no situação yet.
        Command::Criar { .. } => {
            need(Permissao::Ver);
            return codes;
        }
        // A request is a fact; it is judged by itself (the offline rule).
        Command::Transicionar { .. } | Command::EmitirLaudo { .. } => {
            need(Permissao::Ver);
            return codes;
        }
        Command::Editar { campo, .. } if campo == "responsavel" => {
            need(Permissao::Gerenciar);
            (None, true)
        }
        Command::Editar { campo, .. } | Command::EditarTexto { campo, .. } => {
            need(Permissao::Ver);
            if tipo.kind.campo(campo).is_some_and(|campo| campo.fixo) {
                codes.insert("campo_fixo");
            }
            (Some(campo.as_str()), false)
        }
        Command::IncluirItem { .. } | Command::EditarItem { .. } | Command::RemoverItem { .. } => {
            need(Permissao::Ver);
            (Some("itens"), false)
        }
        Command::Participar { .. } | Command::Anotar { .. } => {
            need(Permissao::Ver);
            (None, true)
        }
    };
    if open && closed {
        codes.insert("situacao_nao_permite_edicao");
    }
    if field.is_some_and(|field| !situacao.campos_editaveis.inclui(field)) {
        codes.insert("situacao_nao_permite_edicao");
    }
    codes
}

/// R7 and R44: what the tipo requires is filled in, and the end is not before the start.
pub fn broken(registro: &Registro, tipo: &Tipo) -> Codes {
    let mut codes = Codes::new();
    let filled = |nome: &String| match registro.campos.get(nome) {
        None | Some(Valor::Nulo) => false,
        Some(Valor::Texto(texto)) => !texto.trim().is_empty(),
        Some(_) => true,
    };
    if !tipo.obrigatorios.iter().all(filled) {
        codes.insert("campos_obrigatorios");
    }
    let instant = |nome: &str| match registro.campos.get(nome) {
        Some(Valor::Instante(instante)) => Some(*instante),
        _ => None,
    };
    if let (Some(inicio), Some(fim)) = (instant("inicio"), instant("fim"))
        && fim < inicio
    {
        codes.insert("fim_antes_do_inicio");
    }
    codes
}

/// Where a request leads (R45–R50, R71, and the tables of P001), or why not.
pub fn transition(
    registro: &Registro,
    tipo: &Tipo,
    permissoes: &Permissoes,
    verbo: &str,
    motivo: Option<&str>,
    brings_laudo: bool,
) -> Result<String, Codes> {
    let mut codes = Codes::new();
    let Some(transicao) = tipo.fluxo.transicoes.iter().find(|t| t.verbo == verbo) else {
        return Err(["transicao_inexistente"].into());
    };
    if !permissoes.contains(&transicao.permissao) {
        codes.insert("sem_permissao");
    }
    let situacao = registro.situacao.as_deref().unwrap_or(&tipo.fluxo.inicial);
    if !transicao.de.iter().any(|de| de == situacao) {
        codes.insert("transicao_nao_permitida");
    }
    let in_force = registro.laudos.iter().any(|laudo| {
        let brought = registro.pedidos.iter().find(|pedido| pedido.id == laudo.pedido);
        let veredito = brought.and_then(|pedido| pedido.veredito.as_ref());
        veredito.is_some_and(|veredito| veredito.recusa.is_none())
    });
    for guarda in &transicao.guardas {
        match guarda {
            Guarda::Motivo if motivo.is_none_or(|motivo| motivo.trim().is_empty()) => {
                codes.insert("exige_motivo");
            }
            Guarda::Laudo if tipo.exige_laudo && !in_force => {
                codes.insert("exige_laudo");
            }
            Guarda::TrazLaudo if !brings_laudo => {
                codes.insert("exige_laudo");
            }
            _ => {}
        }
    }
    if codes.is_empty() { Ok(transicao.para.clone()) } else { Err(codes) }
}

/// The verb that a command asks for, and whether it brings a laudo.
pub fn verb<'a>(command: &'a Command, tipo: &'a Tipo) -> Option<(&'a str, Option<&'a str>, bool)> {
    match command {
        Command::Transicionar { verbo, motivo, .. } => Some((verbo, motivo.as_deref(), false)),
        Command::EmitirLaudo { .. } => {
            let mut all = tipo.fluxo.transicoes.iter();
            let brings = all.find(|t| t.guardas.contains(&Guarda::TrazLaudo));
            Some((brings.map_or("", |t| t.verbo.as_str()), None, true))
        }
        _ => None,
    }
}
