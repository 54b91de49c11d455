//! People, their permissions, and reference data.

use super::{MemoryLedger, Reference};
use crate::ledger::What;
use campo_domain::{
    ids::{DeviceId, DocumentId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    preset,
    tipo::{Tipo, Tipos},
};
use campo_sync::admission::Requester;
use std::sync::Arc;

impl MemoryLedger {
    /// Takes in the tipos of these presets, and newer ones.
    pub(super) fn load_presets(&mut self, ids: &[&str], newer: &[Tipo]) -> anyhow::Result<()> {
        let mut all = Vec::new();
        for id in ids {
            all.extend(preset::carregar(id)?.tipos);
        }
        all.extend(newer.iter().cloned());
        let mut tipos = Tipos::default();
        for tipo in all {
            let key = format!("{}@{}", tipo.codigo, tipo.versao);
            self.refer(None, "tipo", &key, true, serde_json::to_string(&tipo)?);
            tipos.incluir(tipo);
        }
        self.tipos = Arc::new(tipos);
        Ok(())
    }

    /// Writes an entry of the reference data, for one person or everyone; returns its position.
    pub(super) fn refer(
        &mut self,
        usuario: Option<UserId>,
        collection: &str,
        key: &str,
        offered: bool,
        data: String,
    ) -> u64 {
        let (collection, key) = (collection.to_owned(), key.to_owned());
        let what = What::Reference { usuario, collection: collection.clone(), key: key.clone() };
        let seq = self.append(what);
        self.references.insert((collection, key), Reference { seq, usuario, offered, data });
        seq
    }

    /// A person joins the company.
    pub(super) fn employ(&mut self, pessoa: &Pessoa) -> anyhow::Result<()> {
        let requester =
            Requester { pessoa: pessoa.clone(), device: DeviceId::ESCRITORIO, earlier: Vec::new() };
        self.people.insert(pessoa.id, requester);
        self.tell_who(pessoa)?;
        Ok(())
    }

    /// Writes the entry about a person that everybody gets, and the fuller one that only the person
    /// gets; returns the position of the second.
    fn tell_who(&mut self, pessoa: &Pessoa) -> anyhow::Result<u64> {
        let id = pessoa.id.to_string();
        let known = serde_json::json!({ "nome": pessoa.nome, "ativo": pessoa.ativo });
        self.refer(None, "usuario", &id, true, known.to_string());
        Ok(self.refer(Some(pessoa.id), "eu", &id, true, serde_json::to_string(pessoa)?))
    }

    /// Changes a person's permissions or groups, or deactivates the person. A device that has read
    /// the new `eu` row knows of it; what it wrote before is judged by the earlier permissions too.
    pub(super) fn change_person(&mut self, after: &Pessoa) -> anyhow::Result<()> {
        let before = self.person(after.id)?.pessoa.clone();
        let since = self.tell_who(after)?;
        if let Some(requester) = self.people.get_mut(&after.id) {
            if before.permissoes != after.permissoes {
                requester.earlier.push((since, before.permissoes.clone()));
            }
            requester.pessoa = after.clone();
        }
        self.rescope(&before, after);
        Ok(())
    }

    /// Revokes lost cases one by one. Cases gained by groups are granted one by one; if permissions
    /// now show more kinds of cases, one row makes the person's devices start again with snapshots.
    fn rescope(&mut self, before: &Pessoa, after: &Pessoa) {
        let usuario = after.id;
        let farther = sight(after) > sight(before);
        let cases: Vec<DocumentId> = self.cases.keys().copied().collect();
        for raiz in cases {
            let kind = self.documents.get(&raiz).map_or(Kind::Assistencia, |s| s.kind());
            match (self.sees(before, kind, raiz), self.sees(after, kind, raiz)) {
                (true, false) => {
                    let seq = self.append(What::Revoked { usuario, raiz });
                    self.revoked.insert((usuario, raiz), seq);
                }
                (false, true) if !farther => {
                    let seq = self.append(What::Granted { usuario, raiz });
                    self.escopo.insert((usuario, raiz), seq);
                }
                _ => {}
            }
        }
        if farther {
            let seq = self.append(What::Reset { usuario });
            self.reset.insert(usuario, seq);
        }
    }
}

/// Which cases a person sees: 0 none, 1 those that the person is involved in, 2 all.
fn sight(pessoa: &Pessoa) -> u8 {
    match (pessoa.pode(Permissao::Ver), pessoa.pode(Permissao::VerTodas)) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    }
}
