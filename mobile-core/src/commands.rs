//! What a person does to a record. Each call checks the rules first (ff30), and returns once
//! document, queue and list row are on the disk together.

use crate::{error::Error, phone::Phone, store::session::Account};
use campo_domain::{
    command::{Command, NovoItem, NovoPedido},
    ids::{AnaliseId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    refusal::{Codigo, Refusal},
    registro::{Campos, Registro, TipoAnalise, Visibilidade},
    valor::{self, Valor},
};
use uuid::Uuid;

/// Fields as a person typed them: name and text.
pub type Textos = Vec<(String, String)>;

impl Phone {
    /// Writes a field with what the person typed; empty clears it. Long text joins line by line
    /// with what others write meanwhile, or is a conflict (ADR 0020).
    ///
    /// # Errors
    /// As [`Phone::run`]; so all that follow.
    pub fn editar(&self, document: DocumentId, campo: &str, texto: &str) -> Result<(), Error> {
        self.run_on(document, |account, view| {
            let definicao = view.registro.kind.campo(campo);
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            let campo = campo.to_owned();
            if definicao.longo() {
                let de = view.registro.valor(&campo).texto().unwrap_or_default().to_owned();
                return Ok(Command::EditarTexto { campo, de, para: texto.to_owned() });
            }
            Ok(Command::Editar {
                campo,
                valor: definicao.ler(texto, account.conta.fuso)?,
                visto: None,
            })
        })
    }

    /// As [`Phone::editar`], from what a form showed: where that changed meanwhile, nothing is
    /// written over it (`valor_mudou`, `texto_mudou`).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn editar_de(
        &self,
        document: DocumentId,
        campo: &str,
        visto: &str,
        texto: &str,
    ) -> Result<(), Error> {
        self.run_on(document, |account, view| {
            let definicao = view.registro.kind.campo(campo);
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            let (campo, fuso) = (campo.to_owned(), account.conta.fuso);
            if definicao.longo() {
                let (de, para) = (visto.to_owned(), texto.to_owned());
                return Ok(Command::EditarTexto { campo, de, para });
            }
            let (valor, visto) = (definicao.ler(texto, fuso)?, definicao.ler(visto, fuso)?);
            Ok(Command::Editar { campo, valor, visto: Some(visto) })
        })
    }

    /// Asks for a transition.
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn transicionar(
        &self,
        document: DocumentId,
        verbo: &str,
        motivo: Option<&str>,
    ) -> Result<(), Error> {
        self.pedir(document, verbo, motivo, false)
    }

    /// Asks for a transition that offers to tell the client by e-mail, and takes the offer (R60).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn transicionar_e_avisar(
        &self,
        document: DocumentId,
        verbo: &str,
        motivo: Option<&str>,
    ) -> Result<(), Error> {
        self.pedir(document, verbo, motivo, true)
    }

    fn pedir(
        &self,
        document: DocumentId,
        verbo: &str,
        motivo: Option<&str>,
        email: bool,
    ) -> Result<(), Error> {
        self.run_on(document, |_, _| {
            Ok(Command::Transicionar {
                pedido: PedidoId::from(Uuid::now_v7()),
                verbo: verbo.to_owned(),
                motivo: motivo.map(str::to_owned),
                email,
            })
        })
    }

    /// Issues an analysis. All but a partial one ask for the transition that they are for (R63–R66,
    /// R71). `procedente` is a laudo's; `email` tells the client, where the transition offers it.
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn analisar(
        &self,
        document: DocumentId,
        tipo: TipoAnalise,
        texto: &str,
        procedente: Option<bool>,
        email: bool,
    ) -> Result<(), Error> {
        self.run_on(document, |_, _| {
            let pedido = NovoPedido { id: PedidoId::from(Uuid::now_v7()), email };
            Ok(Command::Analisar {
                analise: AnaliseId::from(Uuid::now_v7()),
                tipo,
                texto: texto.to_owned(),
                procedente,
                pedido: (tipo != TipoAnalise::Parcial).then_some(pedido),
                encaminhar: None,
            })
        })
    }

    /// Writes an internal note into the acompanhamento (R78).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn anotar(&self, document: DocumentId, texto: &str) -> Result<(), Error> {
        self.conversar(document, texto, Visibilidade::Interna, None).map(|_| ())
    }

    /// Writes a note for whom it says, perhaps as the answer to another (R81).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn conversar(
        &self,
        document: DocumentId,
        texto: &str,
        visibilidade: Visibilidade,
        resposta_a: Option<NotaId>,
    ) -> Result<NotaId, Error> {
        let (id, texto) = (NotaId::from(Uuid::now_v7()), texto.to_owned());
        self.run_on(document, |_, _| Ok(Command::Anotar { id, texto, visibilidade, resposta_a }))?;
        Ok(id)
    }

    /// Adds an item.
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn incluir_item(
        &self,
        document: DocumentId,
        campos: &[(String, String)],
    ) -> Result<ItemId, Error> {
        self.incluir_parte(document, Colecao::Itens, campos)
    }

    /// Adds a part to a collection (R20, R35, R38).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn incluir_parte(
        &self,
        document: DocumentId,
        em: Colecao,
        campos: &[(String, String)],
    ) -> Result<ItemId, Error> {
        let id = ItemId::from(Uuid::now_v7());
        self.run_on(document, |account, view| {
            let item = NovoItem { id, ..nova_parte(view.registro.kind, em, campos, account)? };
            Ok(Command::IncluirItem { em, item })
        })?;
        Ok(id)
    }

    /// Writes a field of a part of any collection; empty clears it.
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn editar_item(
        &self,
        document: DocumentId,
        item: ItemId,
        campo: &str,
        texto: &str,
    ) -> Result<(), Error> {
        self.run_on(document, |account, view| {
            let em = colecao_de(&view.registro, item)?;
            let definicao = view.registro.kind.campo_de(em, campo);
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            let valor = definicao.ler(texto, account.conta.fuso)?;
            Ok(Command::EditarItem { em, item, campo: campo.to_owned(), valor, visto: None })
        })
    }

    /// Removes a part of any collection, logically.
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn remover_item(&self, document: DocumentId, item: ItemId) -> Result<(), Error> {
        self.run_on(document, |_, view| {
            Ok(Command::RemoverItem { em: colecao_de(&view.registro, item)?, item })
        })
    }

    /// Adds or removes a participante (R4).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn participar(
        &self,
        document: DocumentId,
        usuario: UserId,
        participa: bool,
    ) -> Result<(), Error> {
        self.run_on(document, |_, _| Ok(Command::Participar { usuario, participa }))
    }

    /// Adds or removes somebody who is told of opening and conclusion (R87).
    ///
    /// # Errors
    /// As [`Phone::run`].
    pub fn interessar(
        &self,
        document: DocumentId,
        usuario: UserId,
        interessado: bool,
    ) -> Result<(), Error> {
        self.run_on(document, |_, _| Ok(Command::Interessar { usuario, interessado }))
    }
}

/// Where the part of that id is.
fn colecao_de(registro: &Registro, item: ItemId) -> Result<Colecao, Refusal> {
    let mut todas = Colecao::TODAS.into_iter();
    let em = todas.find(|em| registro.colecao(*em).contains_key(&item));
    em.ok_or_else(|| Refusal::new(Codigo::ItemInexistente))
}

/// Fields out of what a person typed.
pub(crate) fn ler(
    textos: &[(String, String)],
    campo: impl Fn(&str) -> Option<&'static valor::Campo>,
    account: &Account,
) -> Result<Campos, Error> {
    let mut campos = Campos::new();
    for (nome, texto) in textos {
        let definicao = campo(nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        let valor = definicao.ler(texto, account.conta.fuso)?;
        if valor != Valor::Nulo {
            campos.insert(nome.clone(), valor);
        }
    }
    Ok(campos)
}

/// A part out of what a person typed, with an id of its own.
pub(crate) fn nova_parte(
    kind: Kind,
    em: Colecao,
    textos: &[(String, String)],
    account: &Account,
) -> Result<NovoItem, Error> {
    let campos = ler(textos, |nome| kind.campo_de(em, nome), account)?;
    Ok(NovoItem { id: Uuid::now_v7().into(), campos })
}
