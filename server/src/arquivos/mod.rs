//! Files of records: how their bytes come in, are proven, and go out. What is known of each file is
//! in its document; the bytes are in the object store, once for each company and content.

pub mod assinatura;
pub mod baixar;
mod declarado;
pub mod derivadas;
pub mod envio;
pub mod limpeza;
pub mod varredura;
pub mod verificacao;

#[cfg(test)]
mod tests;
