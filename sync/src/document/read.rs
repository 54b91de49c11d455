//! A document read out into a [`Registro`].

use super::{
    actor::Actor,
    join::joined,
    shape::{
        ACOES, ANALISES, ARQUIVOS, CAMPOS, CORRETIVAS, DocumentError, INTERESSADOS, NOTAS,
        PARTICIPANTES, PEDIDOS, REMOVIDO, SERVIDOR, VEREDITOS, container, parse_key, valor,
    },
};
use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use campo_domain::{
    ids::{ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{
        Acao, Analise, Arquivo, Autoria, Campos, Conflito, Corretiva, Item, Nota, Partes, Pedido,
        Registro, SituacaoAcao, SituacaoArquivo, TipoAnalise, Veredito, Versao, Visibilidade,
    },
    tipo::TipoRef,
    valor::{Campo, Valor},
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Reads a document out.
///
/// # Errors
/// Only if it is not of this shape at all; a value that its field does not take reads as empty.
pub fn read(document: &Automerge) -> Result<Registro, DocumentError> {
    let reader = Reader { document };
    let root = reader.fields(&ROOT);
    let text = |name| root.text(name).ok_or(DocumentError::Lacks(name));
    let kind: Kind = text("kind")?.parse().map_err(|_| DocumentError::Lacks("kind"))?;
    let id = root.id("id").ok_or(DocumentError::Lacks("id"))?;
    let versao = root.int("tipo_versao").and_then(|n| u32::try_from(n).ok());
    let campos_obj = container(document, &ROOT, CAMPOS)?;
    let servidor = container(document, &ROOT, SERVIDOR)?;
    let mut several = Several::default();
    let campos = reader.campos(&campos_obj, kind.campos(), "", &mut several)?;
    let mut partes = |colecao: Colecao| -> Result<Partes, DocumentError> {
        let mut partes = Partes::new();
        let obj = container(document, &ROOT, colecao.codigo())?;
        for (id, key, obj) in reader.parts(&obj) {
            let prefix = format!("{colecao}/{key}/");
            let campos = reader.campos(&obj, kind.campos_de(colecao), &prefix, &mut several)?;
            let removido = reader.fields(&obj).bool(REMOVIDO).unwrap_or(false);
            partes.insert(id, Item { campos, removido, autoria: reader.autoria(&obj) });
        }
        Ok(partes)
    };
    let (itens, despesas) = (partes(Colecao::Itens)?, partes(Colecao::Despesas)?);
    let (anexos, vinculos) = (partes(Colecao::Anexos)?, partes(Colecao::Vinculos)?);
    let said = reader.fields(&servidor);
    let restricao = said.text("restricao");
    Ok(Registro {
        id: id.into(),
        kind,
        tipo: TipoRef {
            codigo: text("tipo")?,
            versao: versao.ok_or(DocumentError::Lacks("tipo_versao"))?,
        },
        criacao: reader.autoria(&campos_obj),
        criado_em: root.instant("criado_em"),
        recebido_em: said.0.get("recebido_em").map(|_| said.instant("recebido_em")),
        numero: said.text("numero"),
        situacao: said.text("situacao"),
        campos,
        participantes: reader.people(PARTICIPANTES)?,
        interessados: reader.people(INTERESSADOS)?,
        itens,
        despesas,
        anexos,
        vinculos,
        pedidos: reader.pedidos(&container(document, &servidor, VEREDITOS)?)?,
        analises: reader.analises()?,
        notas: reader.notas()?,
        acoes: reader.acoes(&container(document, &servidor, ACOES)?),
        restricao: restricao.and_then(|json| serde_json::from_str(&json).ok()),
        restricao_por: said.id("restricao_por").map(Into::into),
        corretivas: reader.corretivas(&container(document, &servidor, CORRETIVAS)?),
        arquivos: reader.arquivos(&container(document, &servidor, ARQUIVOS)?),
        conflitos: several.conflitos,
        juncoes: several.juncoes,
    })
}

/// Fields that several people wrote at once.
#[derive(Default)]
struct Several {
    /// For a person to decide.
    conflitos: Vec<Conflito>,
    /// Long texts whose changes joined.
    juncoes: Vec<Conflito>,
}

struct Reader<'a> {
    document: &'a Automerge,
}

/// The scalars of a map, read in one pass.
struct Fields(BTreeMap<String, ScalarValue>);

impl Fields {
    fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            ScalarValue::Str(text) => Some(text.to_string()),
            _ => None,
        }
    }

    fn int(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            ScalarValue::Int(n) => Some(*n),
            _ => None,
        }
    }

    fn bool(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            ScalarValue::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    fn id(&self, name: &str) -> Option<Uuid> {
        match self.0.get(name)? {
            ScalarValue::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }

    fn instant(&self, name: &str) -> DateTime<Utc> {
        let ms = match self.0.get(name) {
            Some(ScalarValue::Timestamp(ms)) => *ms,
            _ => 0,
        };
        DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl Reader<'_> {
    fn fields(&self, obj: &ObjId) -> Fields {
        let entries = self.document.map_range(obj, ..);
        Fields(
            entries
                .filter_map(|entry| match Value::from(entry.value) {
                    Value::Scalar(scalar) => Some((entry.key.into_owned(), scalar.into_owned())),
                    Value::Object(_) => None,
                })
                .collect(),
        )
    }

    /// Who wrote the operation that has this id.
    fn autoria(&self, op: &ObjId) -> Autoria {
        let actor = match op {
            ObjId::Id(_, actor, _) => Actor::parse(actor),
            ObjId::Root => None,
        };
        actor.unwrap_or(Actor::servidor(0)).autoria()
    }

    /// When the operation was written, by the clock of its device.
    fn written_at(&self, op: &ObjId) -> DateTime<Utc> {
        self.document
            .hash_for_opid(op)
            .and_then(|hash| self.document.get_change_meta_by_hash(&hash))
            .and_then(|meta| DateTime::from_timestamp_millis(meta.timestamp))
            .unwrap_or(DateTime::UNIX_EPOCH)
    }

    fn campos(
        &self,
        obj: &ObjId,
        definitions: &[Campo],
        prefix: &str,
        several: &mut Several,
    ) -> Result<Campos, DocumentError> {
        let mut campos = Campos::new();
        for campo in definitions {
            let all = self.document.get_all(obj, campo.nome)?;
            let Some((winner, _)) = all.last() else { continue };
            let read = |value: &Value<'_>| match value {
                Value::Scalar(scalar) => valor(campo, scalar).unwrap_or(Valor::Nulo),
                Value::Object(_) => Valor::Nulo,
            };
            let mut value = read(winner);
            if all.iter().any(|(other, _)| read(other) != value) {
                let versoes = all.iter().rev().map(|(value, op)| Versao {
                    valor: read(value),
                    autoria: self.autoria(op),
                    quando: self.written_at(op),
                });
                let nome = format!("{prefix}{}", campo.nome);
                let written = Conflito { campo: nome, versoes: versoes.collect() };
                let joined = || joined(self.document, obj, campo, &all);
                match campo.longo().then(joined).flatten() {
                    Some(joined) => {
                        value = joined;
                        several.juncoes.push(written);
                    }
                    None => several.conflitos.push(written),
                }
            }
            if value != Valor::Nulo {
                campos.insert(campo.nome.to_owned(), value);
            }
        }
        Ok(campos)
    }

    /// The maps of a container in causal order, with their ids.
    fn parts<T: From<Uuid>>(&self, container: &ObjId) -> Vec<(T, String, ObjId)> {
        let entries = self.document.map_range(container, ..);
        let mut parts: Vec<_> = entries
            .filter_map(|entry| match Value::from(entry.value.clone()) {
                Value::Object(ObjType::Map) => {
                    Some((parse_key(&entry.key)?, entry.key.to_string(), entry.id()))
                }
                _ => None,
            })
            .collect();
        // The counter of the operation is a Lamport clock; the actor settles ties.
        parts.sort_by(|(_, _, a), (_, _, b)| match (a, b) {
            (ObjId::Id(a, actor_a, _), ObjId::Id(b, actor_b, _)) => (a, actor_a).cmp(&(b, actor_b)),
            _ => std::cmp::Ordering::Equal,
        });
        parts
    }

    fn notas(&self) -> Result<Vec<Nota>, DocumentError> {
        let notas = container(self.document, &ROOT, NOTAS)?;
        let parts = self.parts(&notas).into_iter();
        Ok(parts
            .map(|(id, _, obj)| (id, self.fields(&obj), obj))
            .map(|(id, part, obj)| Nota {
                id,
                autoria: self.autoria(&obj),
                quando: part.instant("em"),
                texto: part.text("texto").unwrap_or_default(),
                visibilidade: match part.text("visibilidade").as_deref() {
                    Some("cliente") => Visibilidade::Cliente,
                    _ => Visibilidade::Interna,
                },
                resposta_a: part.id("resposta_a").map(Into::into),
            })
            .collect())
    }

    fn pedidos(&self, vereditos: &ObjId) -> Result<Vec<Pedido>, DocumentError> {
        let pedidos = container(self.document, &ROOT, PEDIDOS)?;
        let parts = self.parts(&pedidos).into_iter();
        Ok(parts
            .map(|(id, key, obj)| (id, key, self.fields(&obj), obj))
            .map(|(id, key, part, obj)| Pedido {
                id,
                autoria: self.autoria(&obj),
                quando: part.instant("em"),
                verbo: part.text("verbo").unwrap_or_default(),
                motivo: part.text("motivo"),
                email: part.bool("email").unwrap_or(false),
                veredito: self.veredito(vereditos, &key),
            })
            .collect())
    }

    fn veredito(&self, vereditos: &ObjId, key: &str) -> Option<Veredito> {
        let (_, obj) = self.document.get(vereditos, key).ok()??;
        let part = self.fields(&obj);
        let recusa = part.text("recusa");
        Some(Veredito {
            recusa: recusa.and_then(|json| serde_json::from_str(&json).ok()),
            de: part.text("de").unwrap_or_default(),
            para: part.text("para").unwrap_or_default(),
            quando: part.instant("em"),
        })
    }

    fn people(&self, name: &'static str) -> Result<BTreeSet<UserId>, DocumentError> {
        let obj = container(self.document, &ROOT, name)?;
        let there = self.fields(&obj).0.into_iter();
        let there = there.filter(|(_, yes)| *yes == ScalarValue::Boolean(true));
        Ok(there.filter_map(|(key, _)| parse_key(&key)).collect())
    }

    fn analises(&self) -> Result<Vec<Analise>, DocumentError> {
        let analises = container(self.document, &ROOT, ANALISES)?;
        let parts = self.parts(&analises).into_iter();
        Ok(parts
            .filter_map(|(id, _, obj)| {
                let part = self.fields(&obj);
                Some(Analise {
                    id,
                    tipo: TipoAnalise::de_codigo(&part.text("tipo")?)?,
                    pedido: part.id("pedido").map(Into::into),
                    autoria: self.autoria(&obj),
                    quando: part.instant("em"),
                    procedente: part.bool("procedente"),
                    texto: part.text("texto")?,
                    encaminhar: part.id("encaminhar").map(Into::into),
                })
            })
            .collect())
    }

    fn acoes(&self, acoes: &ObjId) -> Vec<Acao> {
        let parts = self.parts(acoes).into_iter();
        parts
            .filter_map(|(id, _, obj)| {
                let part = self.fields(&obj);
                Some(Acao {
                    id,
                    codigo: part.text("codigo")?,
                    por: part.id("por")?.into(),
                    quando: part.instant("em"),
                    observacao: part.text("observacao"),
                    situacao: match part.text("situacao")?.as_str() {
                        "concluida" => SituacaoAcao::Concluida,
                        "recusada" => SituacaoAcao::Recusada,
                        _ => SituacaoAcao::Solicitada,
                    },
                    externo: part.text("externo"),
                    retorno: part.text("retorno"),
                    atualizada_em: part.instant("atualizada_em"),
                    respondida_por: part.id("respondida_por").map(Into::into),
                })
            })
            .collect()
    }

    fn arquivos(&self, arquivos: &ObjId) -> BTreeMap<ItemId, Arquivo> {
        let parts = self.parts(arquivos).into_iter();
        parts
            .filter_map(|(id, _, obj)| {
                let part = self.fields(&obj);
                let arquivo = Arquivo {
                    situacao: SituacaoArquivo::de_codigo(&part.text("situacao")?)?,
                    quando: part.instant("em"),
                    motivo: part.text("motivo"),
                };
                Some((id, arquivo))
            })
            .collect()
    }

    fn corretivas(&self, corretivas: &ObjId) -> Vec<Corretiva> {
        let parts = self.parts(corretivas).into_iter();
        parts
            .filter_map(|(id, _, obj)| {
                let part = self.fields(&obj);
                Some(Corretiva {
                    id,
                    numero: part.text("numero")?,
                    por: part.id("por")?.into(),
                    quando: part.instant("em"),
                })
            })
            .collect()
    }
}
