//! People, their permissions, and reference data.

use super::{MemoryLedger, Reference};
use crate::ledger::What;
use campo_domain::{
    ids::{DeviceId, DocumentId, UserId},
    kind::Kind,
    pessoa::{Permissao, Permissoes, Pessoa},
    preset,
    tipo::Tipos,
};
use campo_sync::admission::Requester;
use chrono::{DateTime, Utc};
use std::sync::Arc;

impl MemoryLedger {
    /// Takes in the tipos of these presets.
    pub(super) fn load_presets(&mut self, ids: &[&str]) -> anyhow::Result<()> {
        let mut tipos = Tipos::default();
        for id in ids {
            for tipo in preset::carregar(id)?.tipos {
                let key = format!("{}@{}", tipo.codigo, tipo.versao);
                self.refer(None, "tipo", &key, serde_json::to_string(&tipo)?);
                tipos.incluir(tipo);
            }
        }
        self.tipos = Arc::new(tipos);
        Ok(())
    }

    fn refer(&mut self, usuario: Option<UserId>, collection: &str, key: &str, data: String) -> u64 {
        let (collection, key) = (collection.to_owned(), key.to_owned());
        let what = What::Reference { usuario, collection: collection.clone(), key: key.clone() };
        let seq = self.append(what);
        self.references.insert((collection, key), Reference { seq, usuario, data });
        seq
    }

    /// A person joins the company.
    pub(super) fn employ(&mut self, _at: DateTime<Utc>, pessoa: &Pessoa) -> anyhow::Result<()> {
        let requester = Requester {
            pessoa: pessoa.clone(),
            device: DeviceId::ESCRITORIO,
            anteriores: Vec::new(),
        };
        self.people.insert(pessoa.id, requester);
        self.tell_who(pessoa)?;
        Ok(())
    }

    /// What everybody knows of a person, and what that person knows.
    fn tell_who(&mut self, pessoa: &Pessoa) -> anyhow::Result<u64> {
        let id = pessoa.id.to_string();
        let known = serde_json::json!({ "nome": pessoa.nome, "ativo": pessoa.ativo });
        self.refer(None, "usuario", &id, known.to_string());
        Ok(self.refer(Some(pessoa.id), "eu", &id, serde_json::to_string(pessoa)?))
    }

    /// Changes what a person may do: from the position of its `eu` row on, a device that has
    /// applied it acts knowingly.
    pub(super) fn change_permissions(
        &mut self,
        _at: DateTime<Utc>,
        usuario: UserId,
        permissoes: Permissoes,
    ) -> anyhow::Result<()> {
        let before = self.person(usuario)?.pessoa.clone();
        if before.permissoes == permissoes {
            return Ok(());
        }
        let after = Pessoa { permissoes, ..before.clone() };
        let since = self.tell_who(&after)?;
        if let Some(requester) = self.people.get_mut(&usuario) {
            requester.anteriores.push((since, before.permissoes.clone()));
            requester.pessoa = after.clone();
        }
        let cases: Vec<DocumentId> = self.cases.keys().copied().collect();
        for raiz in cases {
            let kind = self.documents.get(&raiz).map_or(Kind::Assistencia, |s| s.kind());
            let saw = self.sees(&before, kind, raiz);
            let sees = self.sees(&after, kind, raiz);
            if saw && !sees {
                let seq = self.append(What::Revoked { usuario, raiz });
                self.escopo.remove(&(usuario, raiz));
                self.revoked.insert((usuario, raiz), seq);
            } else if sees && !saw && self.involved(usuario, raiz) {
                let seq = self.append(What::Granted { usuario, raiz });
                self.escopo.insert((usuario, raiz), seq);
            }
        }
        let sees_more = |permissao| after.pode(permissao) && !before.pode(permissao);
        if sees_more(Permissao::Ver) || sees_more(Permissao::VerTodas) {
            let seq = self.append(What::Reset { usuario });
            self.reset.insert(usuario, seq);
        }
        Ok(())
    }
}
