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

/// Codes of refusals; the server may give any of them.
pub type Codes = BTreeSet<&'static str>;

pub fn has(pessoa: &Pessoa, permissao: Permissao) -> bool {
    pessoa.ativo && pessoa.permissoes.contains(&permissao)
}

/// R23: a client's login, not one of the company's people.
pub fn is_client(pessoa: &Pessoa) -> bool {
    has(pessoa, Permissao::Portal) && !has(pessoa, Permissao::Ver)
}

/// R85, R86: with `Ver` a person sees the cases that they are involved in, with `VerTodas` all; a
/// restricted case is seen only by those listed and by administrators. Clientes are visible to
/// everybody with `Ver` (R8).
pub fn sees(pessoa: &Pessoa, kind: Kind, involved: bool, restricao: Option<&Restricao>) -> bool {
    if !has(pessoa, Permissao::Ver) {
        return false;
    }
    if kind == Kind::Cliente {
        return true;
    }
    listed(pessoa, restricao) && (involved || has(pessoa, Permissao::VerTodas))
}

/// R86: whether the restriction of a case, if there is one, lists the person.
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

/// One of the things that a command writes, in the kinds that the rules distinguish.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// A field.
    Field(&'a str),
    /// A part is added.
    Part(Colecao),
    /// A part is removed.
    Removal(Colecao),
    /// A field of a part; true if the part is added by the same command.
    PartField(Colecao, &'a str, bool),
    /// The participants, or the people who are notified.
    People,
    /// A note, for whom.
    Note(Visibilidade),
    /// A partial analysis.
    Partial,
    /// A request for a transition, with or without an analysis. It is always taken, and judged
    /// afterwards.
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
    /// While the record is open.
    Open,
    /// While it is open, and afterwards where the situação still accepts notes and photos (R84).
    OpenOrForgotten,
    /// While it is open, in a situação that the client sees (R52).
    OpenToClient,
    /// In the situações whose editable fields include this name.
    Listed(&'a str),
    /// Always.
    Ever,
}

/// The permission that a person needs to write a piece of an existing record, and when it may be
/// written. Without a permission nobody may write it.
fn takes<'a>(tipo: &Tipo, piece: &Piece<'a>) -> (Option<Permissao>, When<'a>) {
    use Permissao::{Gerenciar, Ver};
    let fixed = |campo: Option<&Campo>| campo.is_some_and(|c| c.fixo);
    match piece {
        Piece::Field(nome) if fixed(tipo.kind.campo(nome)) => (None, When::Listed(nome)),
        // R4, R39: assigning a record takes `Gerenciar` unless the tipo lets everybody do it.
        Piece::Field("responsavel") if tipo.atribuicao_livre => (Some(Ver), When::Open),
        Piece::Field("responsavel") => (Some(Gerenciar), When::Open),
        // R27: the category sets the priority; changing it takes a permission.
        Piece::Field("prioridade") if !tipo.categorias.is_empty() => {
            (Some(Gerenciar), When::Listed("prioridade"))
        }
        Piece::Field(nome) => (Some(Ver), When::Listed(nome)),
        Piece::PartField(em, nome, false) if fixed(tipo.kind.campo_de(*em, nome)) => {
            (None, When::Open)
        }
        // R62: the procedência has its own situações, not those in which items are collected.
        Piece::PartField(Colecao::Itens, "procedencia", _) => {
            (Some(Ver), When::Listed("procedencia"))
        }
        Piece::Part(em) | Piece::Removal(em) | Piece::PartField(em, ..) => match (em, piece) {
            (Colecao::Itens | Colecao::Despesas, _) => (Some(Ver), When::Listed(em.codigo())),
            // R83: on a concluded record, files may be added but not removed or renamed.
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

/// Whether the record is open: neither concluded, cancelled nor denied.
pub fn is_open(situacao: &Situacao) -> bool {
    !matches!(situacao.fase, Fase::Concluido | Fase::Cancelado | Fase::Negado)
}

/// Why the person may not write this while the record is in this situação; empty if the person may.
pub fn forbidden(pessoa: &Pessoa, tipo: &Tipo, codigo: Option<&str>, piece: &Piece<'_>) -> Codes {
    let mut codes = Codes::new();
    let (permissao, when) = takes(tipo, piece);
    // R24: a client may add notes, files and requests in the portal.
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

/// Why the person may not create this record (R5, R23, R27): one set of codes for the record and
/// one for each piece, in the order of `pieces`; empty sets where nothing is wrong.
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
            // A client names itself here; that it names no other is checked above.
            let own = *nome == "cliente";
            lacks(Permissao::Ver, own || tipo.portal_campos.iter().any(|n| n == nome))
        }
        _ => lacks(Permissao::Ver, false),
    };
    [record].into_iter().chain(pieces(command).iter().map(piece)).collect()
}

/// What is wrong with a command, whoever gives it: values, names of fields, ids in use.
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
        Command::Editar { campo, valor, .. } => codes.extend(unfit(kind.campo(campo), valor)),
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
            // R63–R66, R71: only a laudo says whether the complaint is founded; all analyses but a
            // partial one request a transition; only a partial one assigns the record.
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

/// Refuses ids of new parts that are in use, and ids of existing parts that do not exist.
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

/// What the office's screens refuse besides: changes of removed parts, an assignment where the tipo
/// has no responsável, answers to notes that the person does not see.
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
        // R64: without the field `responsavel` the record cannot be assigned.
        Command::Analisar { encaminhar: Some(_), .. } => {
            let known = tipo.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
            codes.extend((!known).then_some("campo_fora_do_tipo"));
            // Whoever is responsável hands the record on; another's is assigned, which takes what
            // that takes.
            if known && registro.responsavel() != Some(pessoa.id) {
                let assigned = Piece::Field("responsavel");
                codes.extend(forbidden(pessoa, tipo, registro.situacao.as_deref(), &assigned));
            }
        }
        Command::Anotar { resposta_a: Some(answered), .. } if is_client(pessoa) => {
            // R52: a client answers only notes that are visible to clients.
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
