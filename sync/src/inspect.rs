//! Change bytes -> what they would write, path-resolved and bounded. A diff cannot authorise: a
//! change that puts and then deletes a key shows nothing. So every operation is decoded, its object
//! resolved to a path, and compared with what some command could have made. The rest is refused.

use crate::{
    columns::{self, Fault},
    document::{
        Actor, CAMPOS, ITENS, LAUDOS, NOTAS, PARTICIPANTES, PEDIDOS, REMOVIDO, SCHEMA, SERVIDOR,
        VEREDITOS, parse_key, valor,
    },
    wire::{Hash, Limits},
};
use automerge::{
    Automerge, Change, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue,
    legacy::{Key, ObjectId, Op, OpType},
};
use campo_domain::{
    ids::{AnaliseId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    policy::Parte,
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::TipoRef,
    valor::{Campo, Valor},
    workflow,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most parts that one change may write; a text counts once, however much of it changes.
const WRITES_MAX: usize = 3_000;

/// One part of a document that a change writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A scalar field.
    Campo {
        /// Which.
        campo: &'static Campo,
        /// What.
        valor: Valor,
    },
    /// Somewhere in a collaborative text.
    Texto {
        /// Which.
        campo: &'static Campo,
    },
    /// A new item.
    ItemNovo(ItemId),
    /// A field of an item.
    ItemCampo {
        /// Which item.
        item: ItemId,
        /// Which field.
        campo: &'static Campo,
        /// What.
        valor: Valor,
    },
    /// An item removed.
    ItemRemovido(ItemId),
    /// Somebody takes part, or no longer.
    Participante {
        /// Who.
        usuario: UserId,
        /// Whether.
        participa: bool,
    },
    /// A new note.
    Nota(NotaId),
    /// A new request of transition.
    Pedido(PedidoId),
    /// A new laudo.
    Laudo(AnaliseId),
}

impl Write {
    /// The row of the policy table that it falls under.
    pub fn parte(&self) -> Parte {
        match self {
            Write::Campo { campo, .. } | Write::Texto { campo } => Parte::Campo(campo),
            Write::ItemNovo(_) | Write::ItemCampo { .. } | Write::ItemRemovido(_) => Parte::Item,
            Write::Participante { .. } => Parte::Participante,
            Write::Nota(_) => Parte::Nota,
            Write::Pedido(_) => Parte::Pedido,
            Write::Laudo(_) => Parte::Laudo,
        }
    }
}

/// What a genesis change says of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The document that it makes.
    pub id: DocumentId,
    /// Its kind.
    pub kind: Kind,
    /// Its tipo.
    pub tipo: TipoRef,
}

/// A change that some command could have made, on the document as it is.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Who made it, by its own word.
    pub actor: Actor,
    /// Present if it makes the document.
    pub genesis: Option<Genesis>,
    /// What it writes, each part once.
    pub writes: Vec<Write>,
}

/// Reads one change, without looking into any document: limits, chunk type, hash.
///
/// # Errors
/// `alteracao_invalida` or `limite_excedido`.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Change, Refusal> {
    let invalid = || Refusal::new(Codigo::AlteracaoInvalida);
    if bytes.len() > limits.change_bytes_max as usize {
        return Err(limite("bytes", limits.change_bytes_max));
    }
    // Chunk type 1 is an uncompressed change; a compressed one can be a bomb.
    if bytes.get(8) != Some(&1) {
        return Err(invalid());
    }
    columns::within(bytes, limits).map_err(|fault| match fault {
        Fault::TooMuch => limite("operações", limits.change_ops_max),
        Fault::Malformed => invalid(),
    })?;
    let change = guarded(|| Change::try_from(bytes).ok()).flatten().ok_or_else(invalid)?;
    // Reading a single change does not look at its checksum; loading the document again does.
    if bytes[4..8] != change.hash().0[..4] {
        return Err(invalid());
    }
    if change.raw_bytes() != bytes || !change.extra_bytes().is_empty() || change.author().is_some()
    {
        return Err(invalid());
    }
    if change.is_empty() || change.message().is_some_and(|message| !message.is_empty()) {
        return Err(invalid());
    }
    Ok(change)
}

/// Runs what reads bytes from outside. Automerge asserts where a change is inconsistent with itself
/// or with the document; to us that is one more way of being invalid. Nothing that is shared may be
/// written inside.
pub(crate) fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok()
}

fn limite(o_que: &str, max: u32) -> Refusal {
    let detalhes = vec![o_que.to_owned(), max.to_string()];
    Refusal { codigo: Codigo::LimiteExcedido, detalhes }
}

/// The hash of a change's bytes as Automerge computes it: of all that follows magic bytes and
/// checksum. It needs no reading, so a verdict can name a change that cannot or may not be read.
pub fn hash_of(bytes: &[u8]) -> Hash {
    <[u8; 32]>::from(Sha256::digest(bytes.get(8..).unwrap_or_default())).into()
}

/// Resolves every operation of a change. `document` is the document as merged, empty for a genesis.
///
/// # Errors
/// `autor_alheio` for an actor that is not one of ours, `operacao_nao_permitida`,
/// `campo_desconhecido`, `valor_invalido`, `texto_longo_demais`, `campo_protegido`.
pub fn inspect(document: &Automerge, change: &Change) -> Result<Inspected, Refusal> {
    let actor = Actor::parse(change.actor_id());
    let actor = actor.ok_or_else(|| Refusal::new(Codigo::AutorAlheio))?;
    let expanded = change.decode();
    let mut walk = Walk {
        document,
        kind: None,
        made: BTreeMap::new(),
        resolved: BTreeMap::new(),
        writes: Vec::new(),
        parts: BTreeMap::new(),
        header: Header::default(),
        creating: document.is_empty(),
    };
    if walk.creating {
        let root: Vec<&Op> =
            expanded.operations.iter().filter(|op| op.obj == ObjectId::Root).collect();
        for op in root {
            walk.header(op)?;
        }
        walk.kind = walk.header.kind;
    } else {
        let kind = document.get(ROOT, "kind").ok().flatten();
        walk.kind = kind.and_then(|(kind, _)| kind.as_str()?.parse().ok());
    }
    if walk.kind.is_none() {
        return Err(forbidden());
    }
    for (position, op) in expanded.operations.iter().enumerate() {
        let id = (change.start_op().get() + position as u64, change.actor_id().clone());
        walk.operation(op, id)?;
    }
    walk.finish(actor)
}

fn forbidden() -> Refusal {
    Refusal::new(Codigo::OperacaoNaoPermitida)
}

type OpId = (u64, automerge::ActorId);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Path {
    Campos,
    Texto(&'static Campo),
    Itens,
    Item(ItemId),
    Participantes,
    Notas,
    Nota(NotaId),
    Pedidos,
    Pedido(PedidoId),
    Laudos,
    Laudo(AnaliseId),
    Servidor,
    Vereditos,
}

/// What was written into a note, request or laudo that this change makes.
#[derive(Default)]
struct Part {
    text: Option<String>,
    motivo: Option<String>,
    at: bool,
    pedido: Option<PedidoId>,
    procedente: bool,
}

#[derive(Default)]
struct Header {
    schema: bool,
    kind: Option<Kind>,
    id: Option<DocumentId>,
    tipo: Option<String>,
    versao: Option<u32>,
    criado_em: bool,
    keys: usize,
}

struct Walk<'a> {
    document: &'a Automerge,
    kind: Option<Kind>,
    /// Objects that this change makes.
    made: BTreeMap<OpId, Path>,
    /// Objects of the document that were looked up before.
    resolved: BTreeMap<OpId, Path>,
    writes: Vec<Write>,
    parts: BTreeMap<Uuid, Part>,
    header: Header,
    creating: bool,
}

impl Walk<'_> {
    fn header(&mut self, op: &Op) -> Result<(), Refusal> {
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        let header = &mut self.header;
        header.keys += 1;
        let fresh = match (key.as_str(), &op.action) {
            ("schema", OpType::Put(ScalarValue::Int(SCHEMA))) => {
                !std::mem::replace(&mut header.schema, true)
            }
            ("kind", OpType::Put(ScalarValue::Str(kind))) => {
                header.kind.replace(kind.parse().map_err(|_| forbidden())?).is_none()
            }
            ("id", OpType::Put(ScalarValue::Bytes(id))) => {
                let id = Uuid::from_slice(id).map_err(|_| forbidden())?;
                header.id.replace(id.into()).is_none()
            }
            ("tipo", OpType::Put(ScalarValue::Str(tipo))) if tipo.len() <= 120 => {
                header.tipo.replace(tipo.to_string()).is_none()
            }
            ("tipo_versao", OpType::Put(ScalarValue::Int(versao))) => {
                let versao = u32::try_from(*versao).map_err(|_| forbidden())?;
                header.versao.replace(versao).is_none()
            }
            ("criado_em", OpType::Put(ScalarValue::Timestamp(ms))) => {
                instant(*ms)?;
                !std::mem::replace(&mut header.criado_em, true)
            }
            (CAMPOS | ITENS | PARTICIPANTES | NOTAS | PEDIDOS | LAUDOS | SERVIDOR, _) => true,
            _ => false,
        };
        if fresh && op.pred.is_empty() && !op.insert { Ok(()) } else { Err(forbidden()) }
    }

    fn operation(&mut self, op: &Op, id: OpId) -> Result<(), Refusal> {
        let kind = self.kind.ok_or_else(forbidden)?;
        let path = match &op.obj {
            ObjectId::Root => return self.root(op, id),
            ObjectId::Id(obj) => self.resolve((obj.0, obj.1.clone()), kind)?,
        };
        if let Path::Texto(campo) = path {
            return self.text(op, campo);
        }
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        let key = key.as_str();
        if op.insert {
            return Err(forbidden());
        }
        match path {
            Path::Campos => {
                let campo = kind.campo(key).ok_or_else(|| Refusal::campo_desconhecido(key))?;
                match &op.action {
                    OpType::Make(ObjType::Text) if self.creating && campo.longo() => {
                        self.make(op, id, Path::Texto(campo))
                    }
                    OpType::Put(scalar) if !campo.longo() => {
                        let valor = valor(campo, scalar)?;
                        self.write(Write::Campo { campo, valor })
                    }
                    _ => Err(forbidden()),
                }
            }
            Path::Itens => {
                if kind.campos_item().is_empty() {
                    return Err(Refusal::campo_desconhecido(ITENS));
                }
                let item = self.new_part(op, key, id, Path::Item)?;
                self.write(Write::ItemNovo(item))
            }
            Path::Item(item) if key == REMOVIDO => match &op.action {
                OpType::Put(ScalarValue::Boolean(true)) => self.write(Write::ItemRemovido(item)),
                _ => Err(forbidden()),
            },
            Path::Item(item) => {
                let campo = kind.campo_item(key);
                let campo = campo.ok_or_else(|| Refusal::campo_desconhecido(key))?;
                let OpType::Put(scalar) = &op.action else { return Err(forbidden()) };
                let valor = valor(campo, scalar)?;
                self.write(Write::ItemCampo { item, campo, valor })
            }
            Path::Participantes => {
                let usuario = parse_key(key).ok_or_else(forbidden)?;
                match &op.action {
                    OpType::Put(ScalarValue::Boolean(participa)) => {
                        self.write(Write::Participante { usuario, participa: *participa })
                    }
                    _ => Err(forbidden()),
                }
            }
            Path::Notas => {
                let nota = self.new_part(op, key, id, Path::Nota)?;
                self.write(Write::Nota(nota))
            }
            Path::Pedidos => {
                let pedido = self.new_part(op, key, id, Path::Pedido)?;
                self.write(Write::Pedido(pedido))
            }
            Path::Laudos => {
                let laudo = self.new_part(op, key, id, Path::Laudo)?;
                self.write(Write::Laudo(laudo))
            }
            Path::Nota(nota) => self.part(nota.uuid(), op, key, "texto"),
            Path::Pedido(pedido) => self.part(pedido.uuid(), op, key, "verbo"),
            Path::Laudo(laudo) => self.part(laudo.uuid(), op, key, "conclusao"),
            Path::Servidor if self.creating && key == VEREDITOS => match &op.action {
                OpType::Make(ObjType::Map) => self.make(op, id, Path::Vereditos),
                _ => Err(forbidden()),
            },
            Path::Servidor | Path::Vereditos => Err(Refusal::new(Codigo::CampoProtegido)),
            Path::Texto(_) => Err(forbidden()),
        }
    }

    fn root(&mut self, op: &Op, id: OpId) -> Result<(), Refusal> {
        if !self.creating {
            return Err(Refusal::new(Codigo::CampoProtegido));
        }
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        let path = match (key.as_str(), &op.action) {
            (CAMPOS, OpType::Make(ObjType::Map)) => Path::Campos,
            (ITENS, OpType::Make(ObjType::Map)) => Path::Itens,
            (PARTICIPANTES, OpType::Make(ObjType::Map)) => Path::Participantes,
            (NOTAS, OpType::Make(ObjType::Map)) => Path::Notas,
            (PEDIDOS, OpType::Make(ObjType::Map)) => Path::Pedidos,
            (LAUDOS, OpType::Make(ObjType::Map)) => Path::Laudos,
            (SERVIDOR, OpType::Make(ObjType::Map)) => Path::Servidor,
            (_, OpType::Put(_)) => return Ok(()), // Checked by `header`.
            _ => return Err(forbidden()),
        };
        self.make(op, id, path)
    }

    /// Text may be inserted and deleted; marks, blocks and embedded objects are nobody's command.
    fn text(&mut self, op: &Op, campo: &'static Campo) -> Result<(), Refusal> {
        match &op.action {
            OpType::Put(ScalarValue::Str(_)) if op.insert => {}
            OpType::Delete => {}
            _ => return Err(forbidden()),
        }
        let write = Write::Texto { campo };
        if !self.writes.contains(&write) {
            self.writes.push(write);
        }
        Ok(())
    }

    /// Making an object is only for a key that is free, in this change and in the document.
    fn make(&mut self, op: &Op, id: OpId, path: Path) -> Result<(), Refusal> {
        if !op.pred.is_empty() || self.made.values().any(|made| *made == path) {
            return Err(forbidden());
        }
        self.made.insert(id, path);
        Ok(())
    }

    fn new_part<T: From<Uuid> + Copy + Into<Uuid>>(
        &mut self,
        op: &Op,
        key: &str,
        id: OpId,
        path: impl Fn(T) -> Path,
    ) -> Result<T, Refusal> {
        let part: T = parse_key(key).ok_or_else(forbidden)?;
        if self.parts.len() > workflow::ITENS_MAX {
            return Err(limite("partes numa alteração", workflow::ITENS_MAX as u32));
        }
        let OpType::Make(ObjType::Map) = op.action else { return Err(forbidden()) };
        let path = path(part);
        // A key that is taken, even by a change that this one did not know of, stays as it is.
        let container = match path {
            Path::Item(_) => ITENS,
            Path::Nota(_) => NOTAS,
            Path::Pedido(_) => PEDIDOS,
            _ => LAUDOS,
        };
        let taken = self
            .document
            .get(ROOT, container)
            .ok()
            .flatten()
            .is_some_and(|(_, obj)| matches!(self.document.get(&obj, key), Ok(Some(_))));
        if taken {
            return Err(Refusal::new(Codigo::IdEmUso));
        }
        self.make(op, id, path)?;
        self.parts.insert(part.into(), Part::default());
        Ok(part)
    }

    /// A field of a note, request or laudo: only in the change that makes it.
    fn part(&mut self, id: Uuid, op: &Op, key: &str, text: &str) -> Result<(), Refusal> {
        let part = self.parts.get_mut(&id).ok_or_else(|| Refusal::new(Codigo::CampoProtegido))?;
        let OpType::Put(scalar) = &op.action else { return Err(forbidden()) };
        let fresh = match (key, scalar) {
            ("em", ScalarValue::Timestamp(ms)) => {
                instant(*ms)?;
                !std::mem::replace(&mut part.at, true)
            }
            ("motivo", ScalarValue::Str(motivo)) if text == "verbo" => {
                part.motivo.replace(motivo.to_string()).is_none()
            }
            ("pedido", ScalarValue::Bytes(pedido)) if text == "conclusao" => {
                let pedido = Uuid::from_slice(pedido).map_err(|_| forbidden())?;
                part.pedido.replace(pedido.into()).is_none()
            }
            ("procedente", ScalarValue::Boolean(_)) if text == "conclusao" => {
                !std::mem::replace(&mut part.procedente, true)
            }
            (key, ScalarValue::Str(value)) if key == text => {
                part.text.replace(value.to_string()).is_none()
            }
            _ => false,
        };
        if fresh { Ok(()) } else { Err(forbidden()) }
    }

    fn write(&mut self, write: Write) -> Result<(), Refusal> {
        if self.writes.len() >= WRITES_MAX {
            return Err(limite("campos numa alteração", WRITES_MAX as u32));
        }
        self.writes.push(write);
        Ok(())
    }

    fn resolve(&mut self, id: OpId, kind: Kind) -> Result<Path, Refusal> {
        if let Some(path) = self.made.get(&id).or_else(|| self.resolved.get(&id)) {
            return Ok(*path);
        }
        let obj = ObjId::Id(id.0, id.1.clone(), 0);
        let parents = self.document.parents(&obj).map_err(|_| forbidden())?;
        let mut keys = Vec::with_capacity(2);
        for parent in parents {
            match parent.prop {
                Prop::Map(key) if keys.len() < 2 => keys.insert(0, key),
                _ => return Err(forbidden()),
            }
        }
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let path = match keys[..] {
            [CAMPOS] => Some(Path::Campos),
            [ITENS] => Some(Path::Itens),
            [PARTICIPANTES] => Some(Path::Participantes),
            [NOTAS] => Some(Path::Notas),
            [PEDIDOS] => Some(Path::Pedidos),
            [LAUDOS] => Some(Path::Laudos),
            [SERVIDOR] => Some(Path::Servidor),
            [CAMPOS, campo] => kind.campo(campo).filter(|c| c.longo()).map(Path::Texto),
            [ITENS, item] => parse_key(item).map(Path::Item),
            [NOTAS, nota] => parse_key(nota).map(Path::Nota),
            [PEDIDOS, pedido] => parse_key(pedido).map(Path::Pedido),
            [LAUDOS, laudo] => parse_key(laudo).map(Path::Laudo),
            [SERVIDOR, VEREDITOS] => Some(Path::Vereditos),
            _ => None,
        };
        let path = path.ok_or_else(forbidden)?;
        self.resolved.insert(id, path);
        Ok(path)
    }

    fn finish(self, actor: Actor) -> Result<Inspected, Refusal> {
        for write in &self.writes {
            self.complete(write)?;
        }
        let requests = self.writes.iter().filter(|write| matches!(write, Write::Pedido(_)));
        if requests.count() > 1 {
            return Err(forbidden());
        }
        let genesis = match (self.creating, self.kind) {
            (true, Some(kind)) => Some(self.genesis(kind)?),
            _ => None,
        };
        Ok(Inspected { actor, genesis, writes: self.writes })
    }

    fn complete(&self, write: &Write) -> Result<(), Refusal> {
        let part = |id: Uuid| self.parts.get(&id).ok_or_else(forbidden);
        match write {
            Write::Nota(id) => {
                let part = part(id.uuid())?;
                let texto = part.text.as_deref().unwrap_or_default();
                workflow::texto_valido(texto, "Acompanhamento")?;
                if part.at { Ok(()) } else { Err(forbidden()) }
            }
            Write::Pedido(id) => {
                let part = part(id.uuid())?;
                if let Some(motivo) = &part.motivo {
                    workflow::texto_valido(motivo, "Motivo")?;
                }
                let verbo = part.text.as_deref().unwrap_or_default();
                let nome = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let certo = part.at && (1..=64).contains(&verbo.len()) && verbo.bytes().all(nome);
                if certo { Ok(()) } else { Err(forbidden()) }
            }
            Write::Laudo(id) => {
                let part = part(id.uuid())?;
                let conclusao = part.text.as_deref().unwrap_or_default();
                workflow::texto_valido(conclusao, "Conclusão do laudo")?;
                // It comes with the request that is judged for it.
                let pedido = part.pedido.ok_or_else(forbidden)?;
                let junto = self.writes.contains(&Write::Pedido(pedido));
                let certo = part.at && part.procedente && junto;
                if certo { Ok(()) } else { Err(forbidden()) }
            }
            _ => Ok(()),
        }
    }

    fn genesis(&self, kind: Kind) -> Result<Genesis, Refusal> {
        let header = &self.header;
        let longos = kind.campos().iter().filter(|campo| campo.longo()).count();
        let made_texts = self.made.values().filter(|path| matches!(path, Path::Texto(_)));
        let containers = [
            Path::Campos,
            Path::Itens,
            Path::Participantes,
            Path::Notas,
            Path::Pedidos,
            Path::Laudos,
            Path::Servidor,
            Path::Vereditos,
        ];
        let complete = header.schema
            && header.criado_em
            && header.keys == 13
            && made_texts.count() == longos
            && containers.iter().all(|path| self.made.values().any(|made| made == path));
        let only_content = self
            .writes
            .iter()
            .all(|write| !matches!(write, Write::Nota(_) | Write::Pedido(_) | Write::Laudo(_)));
        match (complete && only_content, header.id, &header.tipo, header.versao) {
            (true, Some(id), Some(codigo), Some(versao)) => {
                let tipo = TipoRef { codigo: codigo.clone(), versao };
                Ok(Genesis { id, kind, tipo })
            }
            _ => Err(forbidden()),
        }
    }
}

/// Whether the record changed only where the change says that it writes. Independent of the walk
/// over the operations: a change may name as replaced what it does not write, and Automerge obeys.
pub(crate) fn only_what_it_says(before: &Registro, after: &Registro, writes: &[Write]) -> bool {
    let campo = |nome: &str| {
        writes.iter().any(|write| match write {
            Write::Campo { campo, .. } | Write::Texto { campo } => campo.nome == nome,
            _ => false,
        })
    };
    let item = |id: &ItemId| {
        writes.iter().any(|write| match write {
            Write::ItemNovo(item) | Write::ItemRemovido(item) => item == id,
            Write::ItemCampo { item, .. } => item == id,
            _ => false,
        })
    };
    let participante = |id: &UserId| {
        writes.iter().any(|w| matches!(w, Write::Participante { usuario, .. } if usuario == id))
    };
    let untouched = |campo_do_item: bool, nome: &str| {
        let of = |registro: &Registro| {
            registro.conflitos.iter().find(|conflito| conflito.campo == nome).cloned()
        };
        campo_do_item || campo(nome) || of(before) == of(after)
    };
    let conflitos = before.conflitos.iter().chain(&after.conflitos);
    before.id == after.id
        && before.kind == after.kind
        && before.tipo == after.tipo
        && before.criacao == after.criacao
        && before.criado_em == after.criado_em
        && before.numero == after.numero
        && before.situacao == after.situacao
        && before
            .kind
            .campos()
            .iter()
            .all(|c| campo(c.nome) || before.valor(c.nome) == after.valor(c.nome))
        && before.participantes.symmetric_difference(&after.participantes).all(participante)
        && before.itens.iter().all(|(id, old)| item(id) || after.itens.get(id) == Some(old))
        && after.itens.keys().all(|id| before.itens.contains_key(id) || item(id))
        && kept(&before.notas, &after.notas, |n| n.id, |n| writes.contains(&Write::Nota(n.id)))
        && kept(
            &before.pedidos,
            &after.pedidos,
            |p| p.id,
            |p| writes.contains(&Write::Pedido(p.id)),
        )
        && kept(&before.laudos, &after.laudos, |l| l.id, |l| writes.contains(&Write::Laudo(l.id)))
        && conflitos.into_iter().all(|c| untouched(c.campo.starts_with(ITENS), &c.campo))
}

/// Whether everything old is still there as it was, and everything new is among what was written.
fn kept<T: PartialEq, K: Ord>(
    before: &[T],
    after: &[T],
    key: impl Fn(&T) -> K,
    written: impl Fn(&T) -> bool,
) -> bool {
    let old: BTreeMap<K, &T> = before.iter().map(|part| (key(part), part)).collect();
    let (same, new): (Vec<&T>, Vec<&T>) =
        after.iter().partition(|part| old.get(&key(part)).is_some_and(|old| old == part));
    same.len() == before.len() && new.into_iter().all(written)
}

/// Any instant that a calendar can show; how wrong the device's clock is does not matter (ff19).
fn instant(ms: i64) -> Result<(), Refusal> {
    match chrono::DateTime::from_timestamp_millis(ms) {
        Some(_) => Ok(()),
        None => Err(forbidden()),
    }
}
