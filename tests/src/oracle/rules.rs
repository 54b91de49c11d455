//! The rules as the requirements put them (R4, R7, R23–R25, R27, R44–R50, R62–R66, R85, R86), over
//! plain records: who sees, who may write what, and when.

use campo_domain::{
    command::Command,
    fluxo::{CamposEditaveis, Fase, Situacao},
    ids::{DocumentId, PedidoId},
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    refusal::Refusal,
    registro::{Registro, Restricao, TipoAnalise, Visibilidade},
    tipo::Tipo,
    valor::{Campo, Valor},
};
use std::collections::BTreeSet;

/// Codes of refusal, any of which is right.
pub type Codes = BTreeSet<&'static str>;

pub fn has(pessoa: &Pessoa, permissao: Permissao) -> bool {
    pessoa.ativo && pessoa.permissoes.contains(&permissao)
}

/// R23: a client's login, not one of the company's people.
pub fn is_client(pessoa: &Pessoa) -> bool {
    has(pessoa, Permissao::Portal) && !has(pessoa, Permissao::Ver)
}

/// R85 and R86: own ones with `Ver`, everybody's with `VerTodas`; a restricted one only who is
/// listed, and administrators; clientes are everybody's (R8).
pub fn sees(pessoa: &Pessoa, kind: Kind, involved: bool, restricao: Option<&Restricao>) -> bool {
    if !has(pessoa, Permissao::Ver) {
        return false;
    }
    if kind == Kind::Cliente {
        return true;
    }
    listed(pessoa, restricao) && (involved || has(pessoa, Permissao::VerTodas))
}

/// R86: whether a restriction, where there is one, lets the person pass.
pub fn listed(pessoa: &Pessoa, restricao: Option<&Restricao>) -> bool {
    match restricao {
        None => true,
        Some(restricao) => {
            restricao.usuarios.contains(&pessoa.id)
                || restricao.grupos.iter().any(|grupo| pessoa.grupos.contains(grupo))
                || has(pessoa, Permissao::Administrar)
        }
    }
}

/// R23, R27, R37: a client sees its own cases of a tipo that shows in the portal, unless internal.
pub fn shows_in_portal(pessoa: &Pessoa, registro: &Registro, tipo: &Tipo) -> bool {
    is_client(pessoa)
        && tipo.visivel_no_portal
        && pessoa.cliente.is_some_and(|own| is_of(registro, own))
        && registro.campos.get("interno") != Some(&Valor::Logico(true))
        && !internal(registro, tipo)
}

fn is_of(registro: &Registro, cliente: DocumentId) -> bool {
    registro.campos.get("cliente") == Some(&Valor::Id(cliente.uuid()))
}

fn internal(registro: &Registro, tipo: &Tipo) -> bool {
    let categoria = text(registro, "categoria");
    tipo.categorias.iter().any(|c| c.codigo == categoria && c.interna)
}

pub fn text<'a>(registro: &'a Registro, campo: &str) -> &'a str {
    match registro.campos.get(campo) {
        Some(Valor::Texto(texto)) => texto,
        _ => "",
    }
}

fn code(refusal: &Refusal) -> &'static str {
    refusal.codigo.codigo()
}

/// What a command writes, as far as the rules tell one thing from another.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// A field.
    Field(&'a str),
    /// A part comes.
    Part(Colecao),
    /// A part goes.
    Removal(Colecao),
    /// A field of a part, perhaps with the part itself.
    PartField(Colecao, &'a str, bool),
    /// Who takes part, or is told.
    People,
    /// A note, for whom.
    Note(Visibilidade),
    /// A partial analysis.
    Partial,
    /// A request, with or without an analysis: a fact that is judged by itself.
    Request,
}

/// Everything that a command writes.
pub fn pieces(command: &Command) -> Vec<Piece<'_>> {
    let filled = |valor: &Valor| *valor != Valor::Nulo;
    match command {
        Command::Criar { campos, itens, .. } => {
            let fields = campos.iter().filter(|(_, valor)| filled(valor));
            let fields = fields.map(|(nome, _)| Piece::Field(nome));
            fields.chain(itens.iter().map(|_| Piece::Part(Colecao::Itens))).collect()
        }
        Command::Editar { campo, .. } | Command::EditarTexto { campo, .. } => {
            vec![Piece::Field(campo)]
        }
        Command::IncluirItem { em, item } => {
            let fields = item.campos.iter().filter(|(_, valor)| filled(valor));
            let fields = fields.map(|(nome, _)| Piece::PartField(*em, nome, true));
            fields.chain([Piece::Part(*em)]).collect()
        }
        Command::EditarItem { em, campo, .. } => vec![Piece::PartField(*em, campo, false)],
        Command::RemoverItem { em, .. } => vec![Piece::Removal(*em)],
        Command::Participar { .. } | Command::Interessar { .. } => vec![Piece::People],
        Command::Anotar { visibilidade, .. } => vec![Piece::Note(*visibilidade)],
        Command::Analisar { tipo: TipoAnalise::Parcial, .. } => vec![Piece::Partial],
        Command::Analisar { .. } | Command::Transicionar { .. } => vec![Piece::Request],
        Command::Restringir { .. }
        | Command::SolicitarAcao { .. }
        | Command::ResponderAcao { .. }
        | Command::VincularCorretiva { .. } => Vec::new(),
    }
}

/// When something may be written.
enum When<'a> {
    /// While work may still happen.
    Open,
    /// While it may, and afterwards where what was forgotten is taken (R84).
    OpenOrForgotten,
    /// While it may, where a client may look (R52).
    OpenToClient,
    /// While the situação lists this name.
    Listed(&'a str),
    /// Always.
    Ever,
}

/// What it takes to write a piece of a record that exists: a permission (nobody where there is
/// none), and when.
fn takes<'a>(tipo: &Tipo, piece: &Piece<'a>) -> (Option<Permissao>, When<'a>) {
    use Permissao::{Gerenciar, Ver};
    let fixed = |campo: Option<&Campo>| campo.is_some_and(|c| c.fixo);
    match piece {
        Piece::Field(nome) if fixed(tipo.kind.campo(nome)) => (None, When::Listed(nome)),
        // R4, R39: the office's, or everybody's.
        Piece::Field("responsavel") if tipo.atribuicao_livre => (Some(Ver), When::Open),
        Piece::Field("responsavel") => (Some(Gerenciar), When::Open),
        // R27: the category says it; another one takes a permission.
        Piece::Field("prioridade") if !tipo.categorias.is_empty() => {
            (Some(Gerenciar), When::Listed("prioridade"))
        }
        Piece::Field(nome) => (Some(Ver), When::Listed(nome)),
        Piece::PartField(em, nome, false) if fixed(tipo.kind.campo_de(*em, nome)) => {
            (None, When::Open)
        }
        // R62: judged when it is time to, which is not when items are collected.
        Piece::PartField(Colecao::Itens, "procedencia", _) => {
            (Some(Ver), When::Listed("procedencia"))
        }
        Piece::Part(em) | Piece::Removal(em) | Piece::PartField(em, ..) => match (em, piece) {
            (Colecao::Itens | Colecao::Despesas, _) => (Some(Ver), When::Listed(em.codigo())),
            // R83: once it is concluded, none is removed or called otherwise.
            (Colecao::Anexos, Piece::Part(_) | Piece::PartField(_, _, true)) => {
                (Some(Ver), When::OpenOrForgotten)
            }
            (Colecao::Anexos | Colecao::Vinculos, _) => (Some(Ver), When::Open),
        },
        Piece::Note(Visibilidade::Interna) => (Some(Ver), When::OpenOrForgotten),
        Piece::People => (Some(Ver), When::Open),
        Piece::Note(Visibilidade::Cliente) => (Some(Ver), When::OpenToClient),
        Piece::Partial => (Some(Ver), When::Listed("analises")),
        Piece::Request => (Some(Ver), When::Ever),
    }
}

/// The situação of that code; the initial one where there is none.
pub fn situacao<'a>(tipo: &'a Tipo, codigo: Option<&str>) -> Option<&'a Situacao> {
    let codigo = codigo.unwrap_or(&tipo.fluxo.inicial);
    tipo.fluxo.situacoes.iter().find(|situacao| situacao.codigo == codigo)
}

/// Whether work may still happen.
pub fn is_open(situacao: &Situacao) -> bool {
    !matches!(situacao.fase, Fase::Concluido | Fase::Cancelado | Fase::Negado)
}

/// Why the person may not write this while the record is in this situação; empty if the person may.
pub fn forbidden(pessoa: &Pessoa, tipo: &Tipo, codigo: Option<&str>, piece: &Piece<'_>) -> Codes {
    let mut codes = Codes::new();
    let (permissao, when) = takes(tipo, piece);
    // R24: a client answers: with notes, files and what it asks for.
    let clients = matches!(
        piece,
        Piece::Part(Colecao::Anexos)
            | Piece::Removal(Colecao::Anexos)
            | Piece::PartField(Colecao::Anexos, ..)
            | Piece::Note(Visibilidade::Cliente)
            | Piece::Request
    );
    let as_client = clients && tipo.visivel_no_portal && is_client(pessoa);
    match permissao {
        None => {
            codes.insert("campo_fixo");
        }
        Some(permissao) if !has(pessoa, permissao) && !as_client => {
            codes.insert("sem_permissao");
        }
        Some(_) => {}
    }
    let Some(situacao) = situacao(tipo, codigo) else { return codes };
    let open = is_open(situacao);
    let allowed = match when {
        When::Ever => true,
        When::Open => open,
        When::OpenOrForgotten => open || situacao.aceita_notas,
        When::OpenToClient => open && (situacao.visivel_cliente || is_client(pessoa)),
        When::Listed(nome) => match &situacao.campos_editaveis {
            CamposEditaveis::Todos => true,
            CamposEditaveis::Nenhum => false,
            CamposEditaveis::Apenas(nomes) => nomes.iter().any(|n| n == nome),
        },
    };
    if !allowed {
        codes.insert("situacao_nao_permite_edicao");
    }
    codes
}

/// Why the person may not make this record (R5, R23, R27): the reasons that stand by themselves,
/// always in the same order; empty ones where nothing is wrong.
pub fn cannot_create(pessoa: &Pessoa, tipo: &Tipo, command: &Command) -> Vec<Codes> {
    let Command::Criar { campos, .. } = command else { return Vec::new() };
    let client = is_client(pessoa);
    let lacks = |permissao: Permissao, offered: bool| -> Codes {
        let as_client = client && offered && tipo.visivel_no_portal;
        let lacks = !has(pessoa, permissao) && !as_client;
        lacks.then_some("sem_permissao").into_iter().collect()
    };
    let mut record = lacks(Permissao::Ver, true);
    if client {
        let own = pessoa.cliente.map(|cliente| Valor::Id(cliente.uuid()));
        let categoria = campos.get("categoria").and_then(Valor::texto).unwrap_or_default();
        let interna = tipo.categorias.iter().any(|c| c.codigo == categoria && c.interna);
        if own.is_none() || campos.get("cliente") != own.as_ref() || interna {
            record.insert("valor_invalido");
        }
    }
    let piece = |piece: &Piece<'_>| match piece {
        Piece::Field("prioridade") if !tipo.categorias.is_empty() => {
            let offered = tipo.portal_campos.iter().any(|nome| nome == "prioridade");
            lacks(Permissao::Gerenciar, offered)
        }
        Piece::Field(nome) => {
            // Its own name; whose that is, is looked at above.
            let own = *nome == "cliente";
            lacks(Permissao::Ver, own || tipo.portal_campos.iter().any(|n| n == nome))
        }
        _ => lacks(Permissao::Ver, false),
    };
    [record].into_iter().chain(pieces(command).iter().map(piece)).collect()
}

/// What is wrong with a command whoever gives it: values, names, ids that are taken.
pub fn nonsense(command: &Command, registro: Option<&Registro>) -> Codes {
    let mut codes = Codes::new();
    let kind = match (command, registro) {
        (Command::Criar { kind, .. }, _) => *kind,
        (_, Some(registro)) => registro.kind,
        (_, None) => return codes,
    };
    let mut blank = |text: &str| {
        if text.trim().is_empty() {
            codes.insert("texto_vazio");
        }
    };
    match command {
        Command::Anotar { texto, .. } | Command::Analisar { texto, .. } => blank(texto),
        Command::Transicionar { motivo: Some(motivo), .. } => blank(motivo),
        _ => {}
    }
    match command {
        Command::Editar { campo, .. } if kind.campo(campo).is_some_and(Campo::longo) => {
            codes.extend(["campo_desconhecido", "operacao_nao_permitida"]);
        }
        Command::Editar { campo, valor } => codes.extend(unfit(kind.campo(campo), valor)),
        Command::EditarTexto { campo, para, .. } => {
            codes.extend(unfit(kind.campo(campo), &Valor::Texto(para.clone())));
        }
        Command::IncluirItem { em, item } => {
            if kind.campos_de(*em).is_empty() {
                codes.insert("campo_desconhecido");
            }
            let values = item.campos.iter();
            codes.extend(values.filter_map(|(nome, v)| unfit(kind.campo_de(*em, nome), v)));
        }
        Command::EditarItem { em, campo, valor, .. } => {
            codes.extend(unfit(kind.campo_de(*em, campo), valor));
        }
        Command::Analisar { tipo, procedente, pedido, encaminhar, .. } => {
            // R63–R66, R71: only a laudo says founded or not; all but a partial one ask for a
            // transition; only a partial one hands the record on.
            let parcial = *tipo == TipoAnalise::Parcial;
            let says = procedente.is_some() == (*tipo == TipoAnalise::Laudo);
            if !says || pedido.is_some() == parcial || (encaminhar.is_some() && !parcial) {
                codes.extend(["valor_invalido", "operacao_nao_permitida"]);
            }
        }
        _ => {}
    }
    codes.extend(registro.and_then(|registro| misnamed(command, registro)));
    codes
}

/// What is wrong with a value for this field, if the record's kind has such a field.
fn unfit(campo: Option<&Campo>, valor: &Valor) -> Option<&'static str> {
    match campo {
        None => Some("campo_desconhecido"),
        Some(campo) => campo.validar(valor).err().map(|refusal| code(&refusal)),
    }
}

/// A new part of the record with an id that is taken, or an old one with an id that is not there.
fn misnamed(command: &Command, registro: &Registro) -> Option<&'static str> {
    let asked = |pedido: PedidoId| registro.pedidos.iter().any(|p| p.id == pedido);
    let taken = match command {
        Command::EditarItem { em, item, .. } | Command::RemoverItem { em, item } => {
            let there = registro.colecao(*em).contains_key(item);
            return (!there).then_some("item_inexistente");
        }
        Command::IncluirItem { em, item } => registro.colecao(*em).contains_key(&item.id),
        Command::Anotar { id, .. } => registro.notas.iter().any(|nota| nota.id == *id),
        Command::Transicionar { pedido, .. } => asked(*pedido),
        Command::Analisar { analise, pedido, .. } => {
            registro.analises.iter().any(|a| a.id == *analise)
                || pedido.is_some_and(|new| asked(new.id))
        }
        _ => false,
    };
    taken.then_some("id_em_uso")
}

/// What the screens of the office refuse besides: parts that were removed, a record handed to
/// somebody where it knows nobody, answers to notes that the person does not see.
pub fn at_the_screen(
    pessoa: &Pessoa,
    tipo: &Tipo,
    command: &Command,
    registro: &Registro,
) -> Codes {
    let mut codes = Codes::new();
    match command {
        Command::EditarItem { em, item, .. } | Command::RemoverItem { em, item }
            if registro.colecao(*em).get(item).is_none_or(|item| item.removido) =>
        {
            codes.insert("item_inexistente");
        }
        // R64: to whom it is handed must stand somewhere.
        Command::Analisar { encaminhar: Some(_), .. } => {
            let known = tipo.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
            codes.extend((!known).then_some("campo_fora_do_tipo"));
        }
        Command::Anotar { resposta_a: Some(answered), .. } if is_client(pessoa) => {
            // R52: a client answers what it was told.
            let told = registro
                .notas
                .iter()
                .any(|nota| nota.id == *answered && nota.visibilidade == Visibilidade::Cliente);
            if !told {
                codes.insert("valor_invalido");
            }
        }
        _ => {}
    }
    codes
}
