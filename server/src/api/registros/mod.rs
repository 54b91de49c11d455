//! Records in the API: lists, one record whole, every command, its acompanhamento, ações, ações
//! corretivas, the client's portal, the search and the sources of reports.
//!
//! Reading goes by the one predicate (`visible!`, `office::seen`); how a record reads and what may
//! be done to it is asked of `campo_screens`; writing goes by `office`, the same gate as a
//! device's. Nothing here decides what may be done.

pub mod acoes;
pub mod acompanhamento;
pub mod busca;
pub mod caso;
pub mod change;
pub mod comando;
pub mod comandos;
pub mod consulta;
pub mod corretivas;
pub mod criar;
pub mod emails;
pub mod enderecos;
pub mod ficha;
pub mod filtro;
pub mod fonte;
pub mod fontes;
pub mod formulario;
pub mod lido;
pub mod lista;
pub mod mudancas;
pub mod notas;
pub mod partes;
pub mod pessoas;
pub mod portal;
pub mod possivel;
pub mod read;
pub mod referencias;
pub mod restricao;
pub mod retidas;
pub mod transicoes;
pub mod vista;

#[cfg(test)]
mod tests;
