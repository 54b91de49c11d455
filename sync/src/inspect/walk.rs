//! The walk over the operations of a change: each object resolved to a path, each operation
//! compared with what some command could have made there.

use super::{
    inspected::Write,
    refuse::{forbidden, over},
    shape::{DO_SERVIDOR, Part, Path, Pessoas, Registros, root_container},
};
use crate::document::{REMOVIDO, SERVIDOR, parse_key, valor};
use automerge::{
    Automerge, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue,
    legacy::{Key, ObjectId, Op, OpType},
};
use campo_domain::{
    ids::{ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    refusal::{Codigo, Refusal},
    registro::{TipoAnalise, Visibilidade},
    workflow,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most parts that one change may write.
const WRITES_MAX: usize = 3_000;

pub(super) type OpId = (u64, automerge::ActorId);

pub(super) struct Walk<'a> {
    pub(super) document: &'a Automerge,
    pub(super) kind: Kind,
    /// Objects that this change makes.
    pub(super) made: BTreeMap<OpId, Path>,
    /// Objects of the document that were looked up before.
    resolved: BTreeMap<OpId, Path>,
    pub(super) writes: Vec<Write>,
    pub(super) parts: BTreeMap<(Registros, Uuid), Part>,
    new_parts: usize,
    pub(super) creating: bool,
}

impl<'a> Walk<'a> {
    /// On the document as merged, empty for a genesis.
    pub(super) fn new(document: &'a Automerge, kind: Kind) -> Self {
        Walk {
            document,
            kind,
            made: BTreeMap::new(),
            resolved: BTreeMap::new(),
            writes: Vec::new(),
            parts: BTreeMap::new(),
            new_parts: 0,
            creating: document.is_empty(),
        }
    }

    /// Resolves one operation; `id` is the operation's own.
    pub(super) fn operation(&mut self, op: &Op, id: OpId) -> Result<(), Refusal> {
        let kind = self.kind;
        let path = match &op.obj {
            ObjectId::Root => return self.root(op, id),
            ObjectId::Id(obj) => self.resolve((obj.0, obj.1.clone()))?,
        };
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        let key = key.as_str();
        if op.insert {
            return Err(forbidden());
        }
        match path {
            Path::Campos => self.field(op, kind, key),
            Path::Partes(em) => {
                if kind.campos_de(em).is_empty() {
                    return Err(Refusal::campo_desconhecido(em.codigo()));
                }
                let item: ItemId =
                    self.new_part(op, key, id, em.codigo(), |id| Path::Parte(em, id))?;
                self.write(Write::ItemNovo { em, item })
            }
            Path::Parte(em, item) => self.item_field(op, kind, em, item, key),
            Path::Pessoas(pessoas) => self.person(op, pessoas, key),
            Path::Registros(what) => self.record(op, id, what, key),
            Path::Registrado(what, part) => self.part(part, op, key, what),
            Path::Servidor if self.creating => self.server(op, id, key),
            Path::Servidor | Path::DoServidor(_) => Err(Refusal::new(Codigo::CampoProtegido)),
        }
    }

    fn field(&mut self, op: &Op, kind: Kind, key: &str) -> Result<(), Refusal> {
        let campo = kind.campo(key).ok_or_else(|| Refusal::campo_desconhecido(key))?;
        let OpType::Put(scalar) = &op.action else { return Err(forbidden()) };
        let valor = valor(campo, scalar)?;
        self.write(Write::Campo { campo, valor })
    }

    fn item_field(
        &mut self,
        op: &Op,
        kind: Kind,
        em: Colecao,
        item: ItemId,
        key: &str,
    ) -> Result<(), Refusal> {
        if key == REMOVIDO {
            return match &op.action {
                OpType::Put(ScalarValue::Boolean(true)) => {
                    self.write(Write::ItemRemovido { em, item })
                }
                _ => Err(forbidden()),
            };
        }
        let campo = kind.campo_de(em, key).ok_or_else(|| Refusal::campo_desconhecido(key))?;
        let OpType::Put(scalar) = &op.action else { return Err(forbidden()) };
        let valor = valor(campo, scalar)?;
        self.write(Write::ItemCampo { em, item, campo, valor })
    }

    fn person(&mut self, op: &Op, pessoas: Pessoas, key: &str) -> Result<(), Refusal> {
        let usuario = parse_key(key).ok_or_else(forbidden)?;
        let OpType::Put(ScalarValue::Boolean(sim)) = op.action else {
            return Err(forbidden());
        };
        self.write(match pessoas {
            Pessoas::Participantes => Write::Participante { usuario, participa: sim },
            Pessoas::Interessados => Write::Interessado { usuario, interessado: sim },
        })
    }

    /// A new note, request or analysis.
    fn record(&mut self, op: &Op, id: OpId, what: Registros, key: &str) -> Result<(), Refusal> {
        let path = |id: Uuid| Path::Registrado(what, id);
        let part: Uuid = self.new_part(op, key, id, what.container(), path)?;
        self.parts.insert((what, part), Part::default());
        self.write(match what {
            Registros::Notas => {
                Write::Nota { id: part.into(), visibilidade: Visibilidade::Interna }
            }
            Registros::Pedidos => Write::Pedido(part.into()),
            // What it is, `settle` reads out of its fields.
            Registros::Analises => {
                Write::Analise { id: part.into(), tipo: TipoAnalise::Parcial, encaminhar: None }
            }
        })
    }

    /// An empty map of the server's own, in a genesis.
    fn server(&mut self, op: &Op, id: OpId, key: &str) -> Result<(), Refusal> {
        let name = DO_SERVIDOR.into_iter().find(|name| *name == key);
        match (&op.action, name) {
            (OpType::Make(ObjType::Map), Some(name)) => self.make(op, id, Path::DoServidor(name)),
            _ => Err(forbidden()),
        }
    }

    fn root(&mut self, op: &Op, id: OpId) -> Result<(), Refusal> {
        if !self.creating {
            return Err(Refusal::new(Codigo::CampoProtegido));
        }
        let Key::Map(key) = &op.key else { return Err(forbidden()) };
        match (root_container(key), &op.action) {
            (Some(path), OpType::Make(ObjType::Map)) => self.make(op, id, path),
            (None, OpType::Put(_)) => Ok(()), // Checked by `Header::take`.
            _ => Err(forbidden()),
        }
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
            return Err(over("partes numa alteração", workflow::ITENS_MAX as u32));
        }
        let OpType::Make(ObjType::Map) = op.action else { return Err(forbidden()) };
        // A part may not replace another of the same id, even one that its author did not know of.
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
            return Err(over("campos numa alteração", WRITES_MAX as u32));
        }
        self.writes.push(write);
        Ok(())
    }

    fn resolve(&mut self, id: OpId) -> Result<Path, Refusal> {
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

    /// Reads out of the fields of new notes and analyses what their writes say of them.
    pub(super) fn settle(&mut self) -> Result<(), Refusal> {
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
        Ok(())
    }
}
