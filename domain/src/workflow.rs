//! `decide`: may this person do this to this record, and where does that lead? The same function
//! runs at the tap on the phone, at the office's button, and when the server judges a request.

use crate::{
    command::{Command, NovoItem},
    fluxo::{Guarda, Modo, Transicao},
    kind::Kind,
    pessoa::Pessoa,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::{Campos, Registro},
    tipo::Tipo,
    valor::Valor,
};

/// Most items in a document.
pub const ITENS_MAX: usize = 200;
/// Most participantes of a document.
pub const PARTICIPANTES_MAX: usize = 100;
/// Most notes in a document.
pub const NOTAS_MAX: usize = 5_000;
/// Most requests in a document.
pub const PEDIDOS_MAX: usize = 1_000;
/// Longest note, reason or conclusion, in characters.
pub const TEXTO_CHARS_MAX: usize = 10_000;

/// Where the decision is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onde {
    /// On a phone, perhaps without connection.
    Aparelho,
    /// On the server or in the office.
    Servidor,
}

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Efeito {
    /// The document takes in what the command says.
    Gravar,
    /// And goes to this situação.
    Situacao(String),
}

/// Decides on a command. `registro` is `None` exactly when the command creates it.
///
/// # Errors
/// The refusal to show; nothing has changed then.
pub fn decide(
    registro: Option<&Registro>,
    tipo: &Tipo,
    pessoa: &Pessoa,
    comando: &Command,
    onde: Onde,
) -> Result<Efeito, Refusal> {
    let registro = match (registro, comando) {
        (None, Command::Criar { .. }) => {
            criar(tipo, pessoa, comando)?;
            return Ok(Efeito::Gravar);
        }
        (Some(_), Command::Criar { .. }) => return Err(Refusal::new(Codigo::IdEmUso)),
        (None, _) => return Err(Refusal::new(Codigo::NaoEncontrado)),
        (Some(registro), _) => registro,
    };
    let pode = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte);
    let kind = registro.kind;
    match comando {
        Command::Criar { .. } => Err(Refusal::new(Codigo::IdEmUso)),
        Command::Editar { campo, valor } => {
            let definicao = kind.campo(campo).filter(|c| !c.longo());
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            pode(Parte::Campo(definicao))?;
            definicao.validar(valor)?;
            let mut depois = registro.clone();
            depois.campos.insert(campo.clone(), valor.clone());
            depois.verificar(tipo)?;
            Ok(Efeito::Gravar)
        }
        Command::EditarTexto { campo, para, .. } => {
            let definicao = kind.campo(campo).filter(|c| c.longo());
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            pode(Parte::Campo(definicao))?;
            let valor = Valor::Texto(para.clone());
            definicao.validar(&valor)?;
            let mut depois = registro.clone();
            depois.campos.insert(campo.clone(), valor);
            depois.verificar(tipo)?;
            Ok(Efeito::Gravar)
        }
        Command::IncluirItem { item } => {
            pode(Parte::Item)?;
            if registro.itens.contains_key(&item.id) {
                return Err(Refusal::new(Codigo::IdEmUso));
            }
            limite(registro.itens.len(), ITENS_MAX, "itens")?;
            validar_item(kind, item)?;
            Ok(Efeito::Gravar)
        }
        Command::EditarItem { item, campo, valor } => {
            pode(Parte::Item)?;
            item_vivo(registro, *item)?;
            let definicao = kind.campo_item(campo);
            definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?.validar(valor)?;
            let mut depois = registro.clone();
            if let Some(item) = depois.itens.get_mut(item) {
                item.campos.insert(campo.clone(), valor.clone());
            }
            depois.verificar(tipo)?;
            Ok(Efeito::Gravar)
        }
        Command::RemoverItem { item } => {
            pode(Parte::Item)?;
            item_vivo(registro, *item)?;
            Ok(Efeito::Gravar)
        }
        Command::Participar { participa, .. } => {
            pode(Parte::Participante)?;
            if *participa {
                limite(registro.participantes.len(), PARTICIPANTES_MAX, "participantes")?;
            }
            Ok(Efeito::Gravar)
        }
        Command::Anotar { id, texto } => {
            pode(Parte::Nota)?;
            texto_valido(texto, "Acompanhamento")?;
            limite(registro.notas.len(), NOTAS_MAX, "anotações")?;
            if registro.notas.iter().any(|nota| nota.id == *id) {
                return Err(Refusal::new(Codigo::IdEmUso));
            }
            Ok(Efeito::Gravar)
        }
        Command::Transicionar { verbo, motivo, .. } => {
            pode(Parte::Pedido)?;
            limite(registro.pedidos.len(), PEDIDOS_MAX, "pedidos")?;
            if let Some(motivo) = motivo {
                texto_valido(motivo, "Motivo")?;
            }
            let para = julgar(registro, tipo, pessoa, verbo, motivo.as_deref(), false, onde)?;
            Ok(Efeito::Situacao(para))
        }
        Command::EmitirLaudo { conclusao, .. } => {
            pode(Parte::Laudo)?;
            limite(registro.pedidos.len(), PEDIDOS_MAX, "pedidos")?;
            texto_valido(conclusao, "Conclusão do laudo")?;
            let transicao = verbo_do_laudo(tipo)?;
            let para = julgar(registro, tipo, pessoa, &transicao.verbo, None, true, onde)?;
            Ok(Efeito::Situacao(para))
        }
    }
}

/// The transition that brings a laudo, where the fluxo has one.
///
/// # Errors
/// `transicao_inexistente`.
pub fn verbo_do_laudo(tipo: &Tipo) -> Result<&Transicao, Refusal> {
    let mut transicoes = tipo.fluxo.transicoes.iter();
    transicoes
        .find(|transicao| transicao.guardas.contains(&Guarda::TrazLaudo))
        .ok_or_else(|| Refusal::com(Codigo::TransicaoInexistente, ["emitir laudo".to_owned()]))
}

/// Judges a request of transition: leads to the new situação, or to the refusal.
///
/// # Errors
/// `transicao_inexistente`, `sem_permissao`, `transicao_nao_permitida`, `exige_conexao`,
/// `exige_motivo`, `exige_laudo` (R48).
pub fn julgar(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    verbo: &str,
    motivo: Option<&str>,
    traz_laudo: bool,
    onde: Onde,
) -> Result<String, Refusal> {
    let transicao = tipo.fluxo.transicao(verbo).ok_or_else(|| {
        Refusal::com(Codigo::TransicaoInexistente, [verbo.chars().take(60).collect()])
    })?;
    if !pessoa.pode(transicao.permissao) {
        return Err(Refusal::sem_permissao(transicao.permissao));
    }
    let Some(atual) = registro.situacao(tipo) else {
        return Err(Refusal::com(Codigo::TransicaoInexistente, [transicao.rotulo.clone()]));
    };
    if !transicao.de.contains(&atual.codigo) {
        let detalhes = [atual.nome.clone(), transicao.rotulo.clone()];
        return Err(Refusal::com(Codigo::TransicaoNaoPermitida, detalhes));
    }
    if onde == Onde::Aparelho && transicao.modo == Modo::Online {
        return Err(Refusal::new(Codigo::ExigeConexao));
    }
    // A laudo comes only by the transition that is for it, under that one's permission (R85).
    if traz_laudo && !transicao.guardas.contains(&Guarda::TrazLaudo) {
        let detalhes = [atual.nome.clone(), transicao.rotulo.clone()];
        return Err(Refusal::com(Codigo::TransicaoNaoPermitida, detalhes));
    }
    for guarda in &transicao.guardas {
        let falta = match guarda {
            Guarda::Motivo if motivo.is_none_or(|m| m.trim().is_empty()) => Codigo::ExigeMotivo,
            Guarda::Laudo if tipo.exige_laudo && registro.laudo_vigente().is_none() => {
                Codigo::ExigeLaudo
            }
            Guarda::TrazLaudo if !traz_laudo => Codigo::ExigeLaudo,
            _ => continue,
        };
        return Err(Refusal::new(falta));
    }
    Ok(transicao.para.clone())
}

/// The transitions that the person could ask for now, in the fluxo's order: what buttons to show.
/// Those that only lack a reason or a laudo are included.
pub fn disponiveis<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    pessoa: &Pessoa,
    onde: Onde,
) -> Vec<&'a Transicao> {
    let tentar = |transicao: &&Transicao| {
        let laudo = transicao.guardas.contains(&Guarda::TrazLaudo);
        match julgar(registro, tipo, pessoa, &transicao.verbo, Some("?"), laudo, onde) {
            Ok(_) => true,
            Err(refusal) => refusal.codigo == Codigo::ExigeLaudo,
        }
    };
    tipo.fluxo.transicoes.iter().filter(tentar).collect()
}

/// The record as it will stand if the server accepts every pending request of the person, judged in
/// order; requests that would be refused leave it as it is.
pub fn prever(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa) -> Registro {
    let mut previsto = registro.clone();
    let pendentes: Vec<_> =
        registro.pedidos_pendentes().filter(|p| p.autoria.por == pessoa.id).cloned().collect();
    for pedido in pendentes {
        let laudo = previsto.laudos.iter().any(|laudo| laudo.pedido == pedido.id);
        let motivo = pedido.motivo.as_deref();
        let destino = julgar(&previsto, tipo, pessoa, &pedido.verbo, motivo, laudo, Onde::Servidor);
        if let Ok(para) = destino {
            let de = previsto.situacao(tipo).map_or(String::new(), |s| s.codigo.clone());
            previsto.situacao = Some(para.clone());
            if let Some(julgado) = previsto.pedidos.iter_mut().find(|p| p.id == pedido.id) {
                let quando = pedido.quando;
                julgado.veredito =
                    Some(crate::registro::Veredito { recusa: None, de, para, quando });
            }
        }
    }
    previsto
}

fn criar(tipo: &Tipo, pessoa: &Pessoa, comando: &Command) -> Result<(), Refusal> {
    let Command::Criar { id, kind, tipo: referencia, campos, itens } = comando else {
        return Err(Refusal::new(Codigo::NaoEncontrado));
    };
    if *referencia != tipo.referencia() || tipo.kind != *kind {
        return Err(Refusal::com(Codigo::TipoDesconhecido, [referencia.codigo.clone()]));
    }
    for (nome, valor) in campos {
        let campo = kind.campo(nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        policy::pode_criar(pessoa, Parte::Campo(campo))?;
        campo.validar(valor)?;
    }
    // Even without fields, creating takes the permission (R5).
    policy::pode_criar(pessoa, Parte::Nota)?;
    limite(itens.len(), ITENS_MAX + 1, "itens")?;
    for item in itens {
        policy::pode_criar(pessoa, Parte::Item)?;
        validar_item(*kind, item)?;
    }
    rascunho(*id, tipo, campos.clone()).verificar(tipo)
}

fn rascunho(id: crate::ids::DocumentId, tipo: &Tipo, campos: Campos) -> Registro {
    use crate::{ids, registro::Autoria};
    Registro {
        id,
        kind: tipo.kind,
        tipo: tipo.referencia(),
        criacao: Autoria { por: ids::UserId::SERVIDOR, em: ids::DeviceId::ESCRITORIO },
        criado_em: chrono::DateTime::UNIX_EPOCH,
        numero: None,
        situacao: None,
        campos,
        participantes: Default::default(),
        itens: Default::default(),
        pedidos: Vec::new(),
        laudos: Vec::new(),
        notas: Vec::new(),
        conflitos: Vec::new(),
    }
}

fn validar_item(kind: Kind, item: &NovoItem) -> Result<(), Refusal> {
    if kind.campos_item().is_empty() {
        return Err(Refusal::campo_desconhecido("itens"));
    }
    for (nome, valor) in &item.campos {
        kind.campo_item(nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?.validar(valor)?;
    }
    if item.campos.get("produto").is_none_or(Valor::vazio) {
        return Err(Registro::sem_produto(kind));
    }
    Ok(())
}

fn item_vivo(registro: &Registro, item: crate::ids::ItemId) -> Result<(), Refusal> {
    match registro.itens.get(&item) {
        Some(item) if !item.removido => Ok(()),
        _ => Err(Refusal::new(Codigo::ItemInexistente)),
    }
}

fn limite(atual: usize, max: usize, o_que: &str) -> Result<(), Refusal> {
    if atual < max {
        Ok(())
    } else {
        Err(Refusal::com(Codigo::LimiteExcedido, [o_que.to_owned(), max.to_string()]))
    }
}

/// Whether a note, reason or conclusion says something and is within bounds.
///
/// # Errors
/// `texto_vazio` or `texto_longo_demais`.
pub fn texto_valido(texto: &str, rotulo: &str) -> Result<(), Refusal> {
    if texto.trim().is_empty() {
        return Err(Refusal::com(Codigo::TextoVazio, [rotulo.to_owned()]));
    }
    if texto.chars().count() > TEXTO_CHARS_MAX {
        let detalhes = [rotulo.to_owned(), TEXTO_CHARS_MAX.to_string()];
        return Err(Refusal::com(Codigo::TextoLongoDemais, detalhes));
    }
    if texto.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Refusal::com(Codigo::ValorInvalido, [rotulo.to_owned()]));
    }
    Ok(())
}
