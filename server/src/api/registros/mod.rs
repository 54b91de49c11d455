//! Records in the API: lists, one record whole, every command, its acompanhamento, ações, ações
//! corretivas, the client's portal, the search and the sources of reports.
//!
//! Reading goes by the one predicate (`visible!`, `office::load`); writing goes by `office`, the
//! same gate as a device's. Nothing here decides what may be done.

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
pub mod partes;
pub mod portal;
pub mod possivel;
pub mod referencias;
pub mod restricao;
pub mod retidas;
pub mod vista;
