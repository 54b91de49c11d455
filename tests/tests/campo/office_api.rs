//! A small client of the REST API, for people in the office, clients in the portal and programs of
//! the ERP; and how a test says what was done and what was refused.

use crate::{page_client::Answer, rest::Rest};
use campo_domain::ids::{DocumentId, UserId};
use campo_mobile_core::Error;
use serde_json::{Value, json};
use std::fmt::Debug;
use ureq::http;
use uuid::Uuid;

/// A record, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caso {
    /// Its id.
    pub id: DocumentId,
    em: &'static str,
}

impl Caso {
    /// An ocorrência.
    pub fn ocorrencia(id: DocumentId) -> Self {
        Caso { id, em: "ocorrencias" }
    }

    /// An assistência.
    pub fn assistencia(id: DocumentId) -> Self {
        Caso { id, em: "assistencias" }
    }

    /// An agenda.
    pub fn agenda(id: DocumentId) -> Self {
        Caso { id, em: "agendas" }
    }

    /// An ocorrência as its client reaches it.
    pub fn no_portal(&self) -> Self {
        Caso { id: self.id, em: "portal/ocorrencias" }
    }

    /// Where it is.
    pub fn em(&self, parte: &str) -> String {
        format!("/v1/{}/{}{parte}", self.em, self.id)
    }
}

/// Somebody on the REST API.
#[derive(Clone, Debug)]
pub struct Api {
    rest: Rest,
    /// Who it is.
    pub id: UserId,
    /// The login.
    pub login: String,
    /// The name.
    pub nome: String,
}

impl Api {
    /// Nobody in particular.
    pub fn stranger(base: &str) -> Self {
        let id = UserId::from(Uuid::nil());
        Api { rest: Rest::at(base), id, login: String::new(), nome: String::new() }
    }

    /// With this secret.
    pub fn with(&self, secret: &str) -> Self {
        Api { rest: self.rest.with(secret), ..self.clone() }
    }

    /// A program, with a key that this person makes for it.
    pub fn chave(&self, escopos: &str, permissoes: &str) -> Api {
        let lista = |nomes: &str| nomes.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let body = json!({ "nome": "ERP", "escopos": lista(escopos),
                           "permissoes": lista(permissoes) });
        let feita = self.post("/v1/chaves", &body).feito();
        let id = feita["usuario"].as_str().unwrap().parse().unwrap();
        let programa = Api { id, login: "erp".into(), nome: "ERP".into(), ..self.clone() };
        programa.with(feita["segredo"].as_str().unwrap())
    }

    /// Any request.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Resposta {
        let Answer { status, headers, body: texto, .. } =
            self.rest.send(method, path, headers, body);
        let corpo = serde_json::from_str(&texto).unwrap_or(Value::Null);
        Resposta { status, headers, corpo, texto, pedido: format!("{method} {path}") }
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Resposta {
        self.send("GET", path, &[], None)
    }

    /// `POST`.
    pub fn post(&self, path: &str, body: &Value) -> Resposta {
        self.send("POST", path, &[], Some(body))
    }

    /// `PUT` of something new, or of the version that is there now.
    pub fn grava(&self, path: &str, body: &Value) -> Resposta {
        let now = self.get(path);
        let etag = now.cabecalho("etag").to_owned();
        let headers: &[(&str, &str)] = if now.status == 200 { &[("if-match", &etag)] } else { &[] };
        self.send("PUT", path, headers, Some(body))
    }

    /// Writes an entry of a catalogue.
    #[track_caller]
    pub fn cataloga(&self, catalogo: &str, codigo: &str, nome: &str, dados: Value) {
        let path = format!("/v1/catalogos/{catalogo}/{codigo}");
        self.grava(&path, &json!({ "nome": nome, "dados": dados })).feito();
    }

    /// The rows of a list.
    #[track_caller]
    pub fn lista(&self, path: &str) -> Vec<Value> {
        let pagina = self.get(path).feito();
        pagina["itens"].as_array().unwrap_or_else(|| panic!("{path}: {pagina}")).clone()
    }

    /// The ids of the ocorrências that a query finds, in its order.
    #[track_caller]
    pub fn acha(&self, query: &str) -> Vec<DocumentId> {
        let linhas = self.lista(&format!("/v1/ocorrencias?{query}"));
        linhas.iter().map(|linha| linha["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Reads a record.
    #[track_caller]
    pub fn le(&self, caso: &Caso) -> Value {
        self.get(&caso.em("")).feito()
    }

    /// Tries to read one.
    pub fn tenta_ler(&self, caso: &Caso) -> Resposta {
        self.get(&caso.em(""))
    }

    /// Creates a record of that tipo, with everything that the body says.
    pub fn abre_com(&self, em: &str, body: &Value) -> Resposta {
        self.post(&format!("/v1/{em}"), body)
    }

    /// Creates an ocorrência.
    pub fn abre(&self, tipo: &str, campos: Value) -> Resposta {
        self.abre_com("ocorrencias", &json!({ "tipo": tipo, "campos": campos }))
    }

    /// Creates a client.
    #[track_caller]
    pub fn cliente(&self, campos: Value) -> DocumentId {
        self.abre_com("clientes", &json!({ "campos": campos })).caso().id
    }

    /// Writes fields.
    pub fn altera(&self, caso: &Caso, campos: Value) -> Resposta {
        self.send("PATCH", &caso.em(""), &[], Some(&json!({ "campos": campos })))
    }

    /// Asks for a transition.
    pub fn pede(&self, caso: &Caso, verbo: &str) -> Resposta {
        self.pede_com(caso, verbo, json!({}))
    }

    /// Asks for one, and says why.
    pub fn pede_por(&self, caso: &Caso, verbo: &str, motivo: &str) -> Resposta {
        self.pede_com(caso, verbo, json!({ "motivo": motivo }))
    }

    /// Asks for one, with all that the body says.
    pub fn pede_com(&self, caso: &Caso, verbo: &str, body: Value) -> Resposta {
        self.post(&caso.em(&format!("/transicoes/{verbo}")), &body)
    }

    /// Issues an analysis.
    pub fn analisa(&self, caso: &Caso, analise: Value) -> Resposta {
        self.post(&caso.em("/analises"), &analise)
    }

    /// Writes a note.
    pub fn anota(&self, caso: &Caso, texto: &str) -> Resposta {
        self.post(&caso.em("/notas"), &json!({ "texto": texto }))
    }

    /// Writes a note that the client reads.
    pub fn diz_ao_cliente(&self, caso: &Caso, texto: &str) -> Resposta {
        self.post(&caso.em("/notas"), &json!({ "texto": texto, "visibilidade": "cliente" }))
    }

    /// Adds a part.
    pub fn inclui(&self, caso: &Caso, em: &str, campos: Value) -> Resposta {
        self.post(&caso.em(&format!("/{em}")), &json!({ "campos": campos }))
    }

    /// Writes fields of a part.
    pub fn altera_parte(&self, caso: &Caso, em: &str, id: &str, campos: Value) -> Resposta {
        let path = caso.em(&format!("/{em}/{id}"));
        self.send("PATCH", &path, &[], Some(&json!({ "campos": campos })))
    }

    /// Removes a part.
    pub fn remove(&self, caso: &Caso, em: &str, id: &str) -> Resposta {
        self.send("DELETE", &caso.em(&format!("/{em}/{id}")), &[], None)
    }

    /// Restricts who sees a record.
    pub fn restringe(&self, caso: &Caso, listados: Value) -> Resposta {
        self.send("PUT", &caso.em("/restricao"), &[], Some(&listados))
    }

    /// Lets everybody see it again.
    pub fn libera(&self, caso: &Caso) -> Resposta {
        self.send("DELETE", &caso.em("/restricao"), &[], None)
    }

    /// Asks the ERP for something.
    pub fn solicita(&self, caso: &Caso, codigo: &str) -> Resposta {
        self.post(&caso.em("/acoes"), &json!({ "codigo": codigo }))
    }

    /// A view of the acompanhamento, whole.
    #[track_caller]
    pub fn acompanha(&self, caso: &Caso, visao: &str) -> Vec<Value> {
        self.lista(&caso.em(&format!("/acompanhamento?visao={visao}&limite=200")))
    }

    /// The texts of a view, oldest first.
    #[track_caller]
    pub fn historia(&self, caso: &Caso, visao: &str) -> Vec<String> {
        let linhas = self.acompanha(caso, visao);
        linhas.iter().rev().map(|linha| linha["texto"].as_str().unwrap().to_owned()).collect()
    }
}

/// What the server answered.
#[derive(Debug)]
pub struct Resposta {
    /// Status.
    pub status: u16,
    /// The body.
    pub corpo: Value,
    /// The body, as it came.
    pub texto: String,
    headers: http::HeaderMap,
    pedido: String,
}

impl Resposta {
    /// A header; empty where there is none.
    pub fn cabecalho(&self, nome: &str) -> &str {
        self.headers.get(nome).and_then(|valor| valor.to_str().ok()).unwrap_or_default()
    }

    /// It was done: the body.
    #[track_caller]
    pub fn feito(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.pedido, self.texto);
        self.corpo
    }

    /// It was done: the record as it is then.
    #[track_caller]
    pub fn ficha(self) -> Value {
        let mut corpo = self.feito();
        match corpo.get_mut("registro").map(Value::take) {
            Some(registro) => registro,
            None => corpo,
        }
    }

    /// It was done: the record, by its address.
    #[track_caller]
    pub fn caso(self) -> Caso {
        let ficha = self.ficha();
        let id = ficha["id"].as_str().unwrap().parse().unwrap();
        match ficha["kind"].as_str() {
            Some("assistencia") => Caso::assistencia(id),
            Some("agenda") => Caso::agenda(id),
            Some("cliente") => Caso { id, em: "clientes" },
            _ => Caso::ocorrencia(id),
        }
    }

    /// It was done: the id of what it made.
    #[track_caller]
    pub fn id(self) -> String {
        self.feito()["id"].as_str().unwrap().to_owned()
    }

    /// It was done, and led there.
    #[track_caller]
    pub fn leva_a(self, situacao: &str) -> Value {
        let pedido = self.pedido.clone();
        let ficha = self.ficha();
        assert_eq!(ficha["situacao"]["codigo"], situacao, "{pedido}");
        ficha
    }
}

/// What came of something that the rules may refuse.
pub trait Desfecho {
    /// It was refused, by this code and in these words.
    #[track_caller]
    fn recusa(self, codigo: &str, mensagem: &str);
}

impl Desfecho for Resposta {
    fn recusa(self, codigo: &str, mensagem: &str) {
        let dito = (self.corpo["codigo"].as_str(), self.corpo["mensagem"].as_str());
        assert_eq!(dito, (Some(codigo), Some(mensagem)), "{}: {}", self.pedido, self.texto);
        let status = match codigo {
            "sem_permissao" | "escopo_insuficiente" | "nao_cabe_a_voce" => 403,
            "nao_encontrado" => 404,
            "metodo_nao_aceito" => 405,
            "transicao_nao_permitida"
            | "id_em_uso"
            | "ja_concluido"
            | "acao_em_andamento"
            | "acao_respondida"
            | "tipo_existe" => 409,
            "versao_desatualizada" => 412,
            _ => 422,
        };
        assert_eq!(self.status, status, "{}: {}", self.pedido, self.texto);
        assert_eq!(self.cabecalho("content-type"), "application/problem+json");
    }
}

impl<T: Debug> Desfecho for Result<T, Error> {
    fn recusa(self, codigo: &str, mensagem: &str) {
        let error = self.unwrap_err();
        assert_eq!((error.codigo(), error.to_string().as_str()), (codigo, mensagem));
    }
}

/// What who lacks a permission is told.
pub fn falta(permissao: &str) -> String {
    format!("Você não tem a permissão necessária ({permissao}). Fale com o administrador.")
}

/// What is said of a record that cannot be edited where it is.
pub fn fechado(situacao: &str) -> String {
    format!("O registro está em “{situacao}” e não pode ser alterado.")
}

/// What is said of a transition that does not leave from where the record is.
pub fn nao_cabe(rotulo: &str, situacao: &str) -> String {
    format!("“{rotulo}” não é possível: o registro está em “{situacao}”.")
}

/// What the API says of what is not there, or not for whoever asks.
pub const NAO_HA: &str = "Não encontrado. Confira o endereço ou atualize a lista.";
