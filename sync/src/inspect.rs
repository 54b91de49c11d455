//! Change bytes -> what they would write, path-resolved and bounded. A diff cannot authorise: a
//! change that puts and then deletes a key shows nothing. So every operation is decoded, its object
//! resolved to a path, and compared with what some command could have made. The rest is refused.

mod faithful;
mod shape;

use crate::{
    columns::{self, Fault},
    document::{Actor, CAMPOS, REMOVIDO, SCHEMA, SERVIDOR, parse_key, valor},
    wire::{Hash, Limits},
};
use automerge::{
    Automerge, Change, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue,
    legacy::{Key, ObjectId, Op, OpType},
};
use campo_domain::{
    ids::{AnaliseId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    policy::Parte,
    refusal::{Codigo, Refusal},
    registro::{TipoAnalise, Visibilidade},
    tipo::TipoRef,
    valor::{Campo, Valor},
    workflow,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) use faithful::only_what_it_says;
use shape::{
    DO_SERVIDOR, Part, Path, Pessoas, Registros, SCALARS, root_container, root_containers,
};

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
    /// A new part.
    ItemNovo {
        /// In which collection.
        em: Colecao,
        /// Which part.
        item: ItemId,
    },
    /// A field of a part.
    ItemCampo {
        /// In which collection.
        em: Colecao,
        /// Which part.
        item: ItemId,
        /// Which field.
        campo: &'static Campo,
        /// What.
        valor: Valor,
    },
    /// A part removed.
    ItemRemovido {
        /// From which collection.
        em: Colecao,
        /// Which part.
        item: ItemId,
    },
    /// Somebody takes part, or no longer.
    Participante {
        /// Who.
        usuario: UserId,
        /// Whether.
        participa: bool,
    },
    /// Somebody is told, or no longer.
    Interessado {
        /// Who.
        usuario: UserId,
        /// Whether.
        interessado: bool,
    },
    /// A new note.
    Nota {
        /// Which.
        id: NotaId,
        /// For whom.
        visibilidade: Visibilidade,
    },
    /// A new request of transition.
    Pedido(PedidoId),
    /// A new analysis.
    Analise {
        /// Which.
        id: AnaliseId,
        /// What it is.
        tipo: TipoAnalise,
        /// To whom it hands the record (R64).
        encaminhar: Option<UserId>,
    },
}

impl Write {
    /// The row of the policy table that it falls under, in a change that writes all of `with`.
    pub fn parte(&self, with: &[Write]) -> Parte {
        match self {
            Write::Campo { campo, .. } | Write::Texto { campo } => Parte::Campo(campo),
            // What is fixed is written with the part that it belongs to.
            Write::ItemCampo { em, item, campo, .. }
                if em.vem_inteiro(campo)
                    && with.contains(&Write::ItemNovo { em: *em, item: *item }) =>
            {
                Parte::Item(*em)
            }
            Write::ItemCampo { em, campo, .. } => Parte::CampoItem(*em, campo),
            Write::ItemNovo { em, .. } => Parte::Item(*em),
            Write::ItemRemovido { em, .. } => Parte::Remocao(*em),
            Write::Participante { .. } => Parte::Participante,
            Write::Interessado { .. } => Parte::Interessado,
            Write::Nota { visibilidade: Visibilidade::Interna, .. } => Parte::Nota,
            Write::Nota { visibilidade: Visibilidade::Cliente, .. } => Parte::NotaAoCliente,
            Write::Pedido(_) => Parte::Pedido,
            Write::Analise { tipo: TipoAnalise::Parcial, .. } => Parte::AnaliseParcial,
            Write::Analise { .. } => Parte::Analise,
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

/// Into whose hands the change gives a record, by its own word.
pub(crate) fn handed(change: &Change) -> Option<UserId> {
    const KEYS: [&str; 2] = ["responsavel", "encaminhar"];
    // Keys stand in a change as they are: most changes need not be taken apart for this.
    let bytes = change.raw_bytes();
    let named = KEYS.iter().any(|k| bytes.windows(k.len()).any(|part| part == k.as_bytes()));
    let expanded = named.then(|| guarded(|| change.decode())).flatten()?;
    expanded.operations.iter().find_map(|op| match (&op.key, &op.action) {
        (Key::Map(key), OpType::Put(ScalarValue::Bytes(id))) if KEYS.contains(&key.as_str()) => {
            Some(Uuid::from_slice(id).ok()?.into())
        }
        _ => None,
    })
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
        new_parts: 0,
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
    parts: BTreeMap<(Registros, Uuid), Part>,
    new_parts: usize,
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
            (key, OpType::Make(_)) => root_container(key).is_some(),
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
            Path::Partes(em) => {
                if kind.campos_de(em).is_empty() {
                    return Err(Refusal::campo_desconhecido(em.codigo()));
                }
                let item: ItemId =
                    self.new_part(op, key, id, em.codigo(), |id| Path::Parte(em, id))?;
                self.write(Write::ItemNovo { em, item })
            }
            Path::Parte(em, item) if key == REMOVIDO => match &op.action {
                OpType::Put(ScalarValue::Boolean(true)) => {
                    self.write(Write::ItemRemovido { em, item })
                }
                _ => Err(forbidden()),
            },
            Path::Parte(em, item) => {
                let campo = kind.campo_de(em, key);
                let campo = campo.ok_or_else(|| Refusal::campo_desconhecido(key))?;
                let OpType::Put(scalar) = &op.action else { return Err(forbidden()) };
                let valor = valor(campo, scalar)?;
                self.write(Write::ItemCampo { em, item, campo, valor })
            }
            Path::Pessoas(pessoas) => {
                let usuario = parse_key(key).ok_or_else(forbidden)?;
                let OpType::Put(ScalarValue::Boolean(sim)) = op.action else {
                    return Err(forbidden());
                };
                self.write(match pessoas {
                    Pessoas::Participantes => Write::Participante { usuario, participa: sim },
                    Pessoas::Interessados => Write::Interessado { usuario, interessado: sim },
                })
            }
            Path::Registros(what) => {
                let part: Uuid = self.new_part(op, key, id, what.container(), |id: Uuid| {
                    Path::Registrado(what, id)
                })?;
                self.parts.insert((what, part), Part::default());
                self.write(match what {
                    Registros::Notas => {
                        let visibilidade = Visibilidade::Interna;
                        Write::Nota { id: part.into(), visibilidade }
                    }
                    Registros::Pedidos => Write::Pedido(part.into()),
                    // What it is, `finish` reads out of it.
                    Registros::Analises => Write::Analise {
                        id: part.into(),
                        tipo: TipoAnalise::Parcial,
                        encaminhar: None,
                    },
                })
            }
            Path::Registrado(what, part) => self.part(part, op, key, what),
            Path::Servidor if self.creating => {
                let name = DO_SERVIDOR.into_iter().find(|name| *name == key);
                match (&op.action, name) {
                    (OpType::Make(ObjType::Map), Some(name)) => {
                        self.make(op, id, Path::DoServidor(name))
                    }
                    _ => Err(forbidden()),
                }
            }
            Path::Servidor | Path::DoServidor(_) => Err(Refusal::new(Codigo::CampoProtegido)),
            Path::Texto(_) => Err(forbidden()),
        }
    }

    fn root(&mut self, op: &Op, id: OpId) -> Result<(), Refusal> {
        if !self.creating {
            return Err(Refusal::new(Codigo::CampoProtegido));
        }
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        match (root_container(key), &op.action) {
            (Some(path), OpType::Make(ObjType::Map)) => self.make(op, id, path),
            (None, OpType::Put(_)) => Ok(()), // Checked by `header`.
            _ => Err(forbidden()),
        }
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

    fn new_part<T: From<Uuid> + Copy>(
        &mut self,
        op: &Op,
        key: &str,
        id: OpId,
        container: &str,
        path: impl FnOnce(T) -> Path,
    ) -> Result<T, Refusal> {
        let part: T = parse_key(key).ok_or_else(forbidden)?;
        self.new_parts += 1;
        if self.new_parts > workflow::ITENS_MAX {
            return Err(limite("partes numa alteração", workflow::ITENS_MAX as u32));
        }
        let OpType::Make(ObjType::Map) = op.action else { return Err(forbidden()) };
        // A key that is taken, even by a change that this one did not know of, stays as it is.
        let taken = self
            .document
            .get(ROOT, container)
            .ok()
            .flatten()
            .is_some_and(|(_, obj)| matches!(self.document.get(&obj, key), Ok(Some(_))));
        if taken {
            return Err(Refusal::new(Codigo::IdEmUso));
        }
        self.make(op, id, path(part))?;
        Ok(part)
    }

    /// A field of a note, request or analysis: only in the change that makes it, and once.
    fn part(&mut self, id: Uuid, op: &Op, key: &str, what: Registros) -> Result<(), Refusal> {
        let part =
            self.parts.get_mut(&(what, id)).ok_or_else(|| Refusal::new(Codigo::CampoProtegido))?;
        let OpType::Put(scalar) = &op.action else { return Err(forbidden()) };
        let name = what.fields().iter().find(|name| **name == key).ok_or_else(forbidden)?;
        let fresh = part.0.insert(name, scalar.clone()).is_none();
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
            [root] => root_container(root),
            [CAMPOS, campo] => kind.campo(campo).filter(|c| c.longo()).map(Path::Texto),
            [SERVIDOR, name] => {
                let own = DO_SERVIDOR.into_iter().find(|own| *own == name);
                own.map(Path::DoServidor)
            }
            [root, part] => match root_container(root) {
                Some(Path::Partes(em)) => parse_key(part).map(|part| Path::Parte(em, part)),
                Some(Path::Registros(what)) => {
                    parse_key(part).map(|part: Uuid| Path::Registrado(what, part))
                }
                _ => None,
            },
            _ => None,
        };
        let path = path.ok_or_else(forbidden)?;
        self.resolved.insert(id, path);
        Ok(path)
    }

    fn finish(mut self, actor: Actor) -> Result<Inspected, Refusal> {
        for write in &mut self.writes {
            match write {
                Write::Analise { id, tipo, encaminhar } => {
                    let part = self.parts.get(&(Registros::Analises, id.uuid()));
                    let part = part.ok_or_else(forbidden)?;
                    let codigo = part.text("tipo").unwrap_or_default();
                    *tipo = TipoAnalise::de_codigo(codigo).ok_or_else(forbidden)?;
                    *encaminhar = part.id("encaminhar").map(UserId::from);
                }
                Write::Nota { id, visibilidade } => {
                    let part = self.parts.get(&(Registros::Notas, id.uuid()));
                    let part = part.ok_or_else(forbidden)?;
                    if part.text("visibilidade") == Some(Visibilidade::Cliente.codigo()) {
                        *visibilidade = Visibilidade::Cliente;
                    }
                }
                _ => {}
            }
        }
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
        let (what, id, texts) = match write {
            Write::Nota { id, .. } => (Registros::Notas, id.uuid(), ["texto", "visibilidade"]),
            Write::Pedido(id) => (Registros::Pedidos, id.uuid(), ["verbo", "motivo"]),
            Write::Analise { id, .. } => (Registros::Analises, id.uuid(), ["texto", "tipo"]),
            _ => return Ok(()),
        };
        let part = self.parts.get(&(what, id)).ok_or_else(forbidden)?;
        let is_text = |scalar: &ScalarValue| matches!(scalar, ScalarValue::Str(_));
        let is_bool = |scalar: &ScalarValue| matches!(scalar, ScalarValue::Boolean(_));
        let of_its_type = texts.iter().all(|name| part.fits(name, is_text))
            && ["email", "procedente"].iter().all(|name| part.fits(name, is_bool))
            && ["resposta_a", "pedido", "encaminhar"]
                .iter()
                .all(|name| part.fits(name, |_| part.id(name).is_some()));
        let Some(ScalarValue::Timestamp(ms)) = part.0.get("em") else { return Err(forbidden()) };
        instant(*ms)?;
        let text = |name: &str| part.text(name).unwrap_or_default();
        let right = match write {
            Write::Nota { .. } => {
                workflow::texto_valido(text("texto"), "Acompanhamento")?;
                matches!(text("visibilidade"), "interna" | "cliente")
            }
            Write::Pedido(_) => {
                if let Some(motivo) = part.text("motivo") {
                    workflow::texto_valido(motivo, "Motivo")?;
                }
                let verbo = text("verbo");
                let nome = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                (1..=64).contains(&verbo.len()) && verbo.bytes().all(nome)
            }
            Write::Analise { tipo, .. } => {
                workflow::texto_valido(text("texto"), tipo.rotulo())?;
                let parcial = *tipo == TipoAnalise::Parcial;
                // It comes with the request that is judged for it, if it is not partial.
                let pedido = part.id("pedido").map(PedidoId::from);
                let junto = pedido.map(|pedido| self.writes.contains(&Write::Pedido(pedido)));
                junto == (!parcial).then_some(true)
                    && part.has("procedente") == (*tipo == TipoAnalise::Laudo)
                    && (parcial || !part.has("encaminhar"))
            }
            _ => true,
        };
        if right && of_its_type { Ok(()) } else { Err(forbidden()) }
    }

    fn genesis(&self, kind: Kind) -> Result<Genesis, Refusal> {
        let header = &self.header;
        let longos = kind.campos().iter().filter(|campo| campo.longo()).count();
        let made_texts = self.made.values().filter(|path| matches!(path, Path::Texto(_)));
        let roots: Vec<Path> = root_containers().filter_map(root_container).collect();
        let own = DO_SERVIDOR.map(Path::DoServidor);
        let complete = header.schema
            && header.criado_em
            && header.keys == SCALARS + roots.len()
            && made_texts.count() == longos
            && roots.iter().chain(&own).all(|path| self.made.values().any(|made| made == path));
        let only_content = self.writes.iter().all(|write| {
            !matches!(write, Write::Nota { .. } | Write::Pedido(_) | Write::Analise { .. })
        });
        match (complete && only_content, header.id, &header.tipo, header.versao) {
            (true, Some(id), Some(codigo), Some(versao)) => {
                let tipo = TipoRef { codigo: codigo.clone(), versao };
                Ok(Genesis { id, kind, tipo })
            }
            _ => Err(forbidden()),
        }
    }
}

/// Any instant that a calendar can show; how wrong the device's clock is does not matter (ff19).
fn instant(ms: i64) -> Result<(), Refusal> {
    match chrono::DateTime::from_timestamp_millis(ms) {
        Some(_) => Ok(()),
        None => Err(forbidden()),
    }
}
