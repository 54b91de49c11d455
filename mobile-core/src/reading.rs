//! What lists, pickers and search show. Everything here comes from indexed rows; no document is
//! loaded.

use crate::{
    creation,
    error::Error,
    phone::Phone,
    store::{
        lists::{self, Filtro, Linha},
        order::Chave,
        references,
    },
};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, UserId},
    kind::Kind,
    preset::ItemCatalogo,
    refusal::Refusal,
    tipo::Tipo,
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use std::sync::Arc;

/// Rows, and where the next page starts.
#[derive(Clone, Debug, Serialize)]
pub struct Pagina {
    /// The rows.
    pub linhas: Vec<Linha>,
    /// For `Filtro::depois_de`; `None` at the end.
    pub proxima: Option<Chave>,
}

/// A catalogue that has entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueShown {
    /// Its name, for [`Phone::catalogo`].
    pub codigo: &'static str,
    /// What the person reads.
    pub titulo: &'static str,
    /// How many entries are offered.
    pub itens: u32,
}

impl Phone {
    /// The person's own agenda of a day of the company's calendar, first to start first.
    ///
    /// # Errors
    /// `NinguemEntrou`, storage; so all that follow.
    pub fn agenda_do_dia(&self, dia: NaiveDate) -> Result<Vec<Linha>, Error> {
        self.agenda(dia, false)
    }

    /// The agenda of everyone whom the person may see.
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn agenda_de_todos(&self, dia: NaiveDate) -> Result<Vec<Linha>, Error> {
        self.agenda(dia, true)
    }

    fn agenda(&self, dia: NaiveDate, todas: bool) -> Result<Vec<Linha>, Error> {
        self.read_as(|conn, account| {
            let fuso = account.conta.fuso;
            let amanha = dia.checked_add_days(Days::new(1)).unwrap_or(dia);
            let (de, ate) = (inicio_do_dia(dia, fuso), inicio_do_dia(amanha, fuso));
            Ok(lists::agenda(conn, account.key, de, ate, todas)?)
        })
    }

    /// Assistências, newest first if nothing else is asked for.
    ///
    /// # Errors
    /// As [`Phone::lista`].
    pub fn assistencias(&self, filtro: &Filtro) -> Result<Pagina, Error> {
        self.lista(Kind::Assistencia, filtro)
    }

    /// Ocorrências, likewise.
    ///
    /// # Errors
    /// As [`Phone::lista`].
    pub fn ocorrencias(&self, filtro: &Filtro) -> Result<Pagina, Error> {
        self.lista(Kind::Ocorrencia, filtro)
    }

    /// The documents of a kind, in any order (R3, R91).
    ///
    /// # Errors
    /// `Recusa` where there is no such column; as [`Phone::agenda_do_dia`].
    pub fn lista(&self, kind: Kind, filtro: &Filtro) -> Result<Pagina, Error> {
        let limite = if filtro.limite == 0 { 50 } else { filtro.limite.min(lists::LIMITE_MAX) };
        let filtro = Filtro { limite, ..filtro.clone() };
        let linhas = self.read_as(|conn, account| {
            let linhas = lists::lista(conn, account.key, kind, &filtro)?;
            Ok(linhas.ok_or_else(|| Refusal::campo_desconhecido(&filtro.ordem.coluna))?)
        })?;
        let cheia = linhas.len() == limite as usize;
        let ultima = linhas.last().filter(|_| cheia);
        let proxima = ultima.map(|(linha, marca)| Chave { marca: marca.clone(), id: linha.id });
        Ok(Pagina { linhas: linhas.into_iter().map(|(linha, _)| linha).collect(), proxima })
    }

    /// Clientes by name.
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn clientes(&self, busca: &str) -> Result<Vec<Linha>, Error> {
        self.read_as(|conn, account| Ok(lists::por_nome(conn, account.key, Kind::Cliente, busca)?))
    }

    /// Documents of any kind in which every word occurs, newest first.
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn search(&self, busca: &str) -> Result<Vec<Linha>, Error> {
        self.read_as(|conn, account| Ok(lists::buscar(conn, account.key, busca)?))
    }

    /// Ocorrências that belong to a record, and agendas of the types that its screen lists (R42).
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn relacionados(&self, raiz: DocumentId) -> Result<Vec<Linha>, Error> {
        self.read_as(|conn, account| Ok(lists::da_raiz(conn, account.key, raiz)?))
    }

    /// The entries of a catalogue that are offered, by name; `usuario` lists people.
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn catalogo(&self, nome: &str) -> Result<Vec<ItemCatalogo>, Error> {
        self.read_as(|conn, account| Ok(references::itens(conn, account.key, nome)?))
    }

    /// The catalogues that have entries, by title.
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn catalogos(&self) -> Result<Vec<CatalogueShown>, Error> {
        let todos = self.read_as(|conn, account| Ok(references::catalogos(conn, account.key)?))?;
        let exibir = |(catalogo, itens): (&'static campo_domain::catalogo::Catalogo, u32)| {
            CatalogueShown { codigo: catalogo.codigo, titulo: catalogo.titulo, itens }
        };
        Ok(todos.into_iter().map(exibir).collect())
    }

    /// The newest version of each tipo of a kind that is offered for new documents (R30).
    ///
    /// # Errors
    /// As [`Phone::agenda_do_dia`].
    pub fn tipos(&self, kind: Kind) -> Result<Vec<Arc<Tipo>>, Error> {
        self.read_as(|conn, account| {
            Ok(creation::oferecidos(conn, account, kind)?.cloned().collect())
        })
    }

    /// The document that a person means by its number, its provisional label, its id, at least four
    /// characters of the beginning of its id, or its title (R92). Kinds are numbered separately:
    /// `ocorrencia:2026/000001` names one of them.
    ///
    /// # Errors
    /// `NaoEncontrado`, `Ambiguo`; as [`Phone::agenda_do_dia`].
    pub fn resolver(&self, texto: &str, kind: Option<Kind>) -> Result<DocumentId, Error> {
        let texto = texto.trim();
        if let Ok(id) = texto.parse() {
            return Ok(id);
        }
        let (texto, kind) = match texto.split_once(':').map(|(kind, resto)| (kind.parse(), resto)) {
            Some((Ok(nomeado), resto)) => (resto, Some(nomeado)),
            _ => (texto, kind),
        };
        let achados =
            self.read_as(|conn, account| Ok(lists::chamados(conn, account.key, texto)?))?;
        let mut servem = achados.iter().filter(|(_, k)| kind.is_none_or(|kind| kind == *k));
        match (servem.next(), servem.next()) {
            (Some((id, _)), None) => Ok(*id),
            (Some(_), Some(_)) => Err(Error::Ambiguo(texto.to_owned())),
            (None, _) => Err(Error::NaoEncontrado(texto.to_owned())),
        }
    }

    /// The person that is meant by an id, a name or the own login.
    ///
    /// # Errors
    /// As [`Phone::resolver`].
    pub fn resolver_usuario(&self, texto: &str) -> Result<UserId, Error> {
        let texto = texto.trim();
        if let Ok(id) = texto.parse() {
            return Ok(id);
        }
        self.read_as(|conn, account| {
            let dobrado = dobrar(texto);
            if dobrado == dobrar(&account.conta.login) || dobrado == dobrar(&account.conta.nome) {
                return Ok(account.pessoa.id);
            }
            let pessoas = references::itens(conn, account.key, "usuario")?;
            let mut servem = pessoas.iter().filter(|pessoa| {
                let nome = dobrar(&pessoa.nome);
                // A login is taken for a name: ana@empresa is Ana.
                nome == dobrado || dobrado.split('@').next() == nome.split(' ').next()
            });
            match (servem.next(), servem.next()) {
                (Some(pessoa), None) => {
                    let id = pessoa.codigo.parse();
                    id.map_err(|_| Error::NaoEncontrado(texto.to_owned()))
                }
                (Some(_), Some(_)) => Err(Error::Ambiguo(texto.to_owned())),
                (None, _) => Err(Error::NaoEncontrado(texto.to_owned())),
            }
        })
    }
}

/// The first instant of a day; where a change of offset skips midnight, the first after it.
fn inicio_do_dia(dia: NaiveDate, fuso: Tz) -> DateTime<Utc> {
    let meia_noite = dia.and_time(NaiveTime::MIN);
    (0..4)
        .find_map(|horas| {
            fuso.from_local_datetime(&(meia_noite + chrono::TimeDelta::hours(horas))).earliest()
        })
        .map_or(meia_noite.and_utc(), |instante| instante.with_timezone(&Utc))
}
