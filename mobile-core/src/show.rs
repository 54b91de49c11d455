//! One document as its screen shows it: fields with labels, parts, analyses, actions, buttons,
//! conflicts and how it stands with the server. Loads the document itself, as `history` does.

use crate::{
    error::Error,
    form::{self, FieldShown},
    pending::{SyncState, sync_state},
    phone::Phone,
    render::{Labelled, PersonShown, Render},
    store::{
        documents, lists,
        lists::{Linha, Vinculado},
        references,
    },
};
use campo_domain::{
    fluxo::{Consequencia, Guarda, Modo, Transicao},
    ids::{AnaliseId, DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    preenchimento::{self, Dados},
    refusal::{Codigo, Refusal},
    registro::{self, Registro, TipoAnalise},
    valor::{self, Valor},
    workflow::{self, Asked, Onde},
};
use campo_sync::client::{self, View};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeSet;

/// A document as its screen shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Detalhe {
    /// Its row in lists.
    pub linha: Linha,
    /// Code of its tipo.
    pub tipo: String,
    /// Name of its tipo.
    pub tipo_nome: String,
    /// Since when it is in its situação, by the server's clock.
    pub etapa_desde: Option<DateTime<Utc>>,
    /// The fields of its tipo in the order of the form, and whatever else is filled in.
    pub campos: Vec<FieldShown>,
    /// Of an assistência and what belongs to it, the address that counts: its contract's, or its
    /// own (R11).
    pub endereco_efetivo: Option<Dados>,
    /// Items that were not removed.
    pub itens: Vec<PartShown>,
    /// Expenses.
    pub despesas: Vec<PartShown>,
    /// Files: what is known of them.
    pub anexos: Vec<PartShown>,
    /// Links to other records and to contacts.
    pub vinculos: Vec<PartShown>,
    /// Records on this device that link here (R38).
    pub vinculado_por: Vec<Vinculado>,
    /// Analyses, in order.
    pub analises: Vec<AnalysisShown>,
    /// What was asked of the ERP.
    pub acoes: Vec<ActionShown>,
    /// Corrective actions that it belongs to (R77).
    pub corretivas: Vec<CorrectiveShown>,
    /// Who alone may see it, where that was said (R86).
    pub restricao: Option<RestrictionShown>,
    /// People who take part besides the responsável.
    pub participantes: Vec<PersonShown>,
    /// People who are told of opening and conclusion (R87).
    pub interessados: Vec<PersonShown>,
    /// What the person can ask for now.
    pub verbos: Vec<Verbo>,
    /// What else the person may do now.
    pub pode: Pode,
    /// How it stands with the server.
    pub sincronia: SyncState,
    /// Fields with several values.
    pub conflitos: Vec<ConflictShown>,
    /// The document itself, with everything that this device wrote.
    pub registro: Registro,
}

/// An item, expense, file or link.
#[derive(Clone, Debug, Serialize)]
pub struct PartShown {
    /// Its id.
    pub id: ItemId,
    /// Its fields that are filled in.
    pub campos: Vec<Labelled>,
    /// Who added it.
    pub autor: String,
}

/// An analysis.
#[derive(Clone, Debug, Serialize)]
pub struct AnalysisShown {
    /// Its id.
    pub id: AnaliseId,
    /// What it is.
    pub tipo: TipoAnalise,
    /// What the person reads of that.
    pub rotulo: &'static str,
    /// What it says.
    pub texto: String,
    /// Of a laudo: whether the complaint is founded.
    pub procedente: Option<bool>,
    /// Who issued it.
    pub autor: String,
    /// When, by that person's clock.
    pub quando: DateTime<Utc>,
    /// To whom a partial one handed the record.
    pub encaminhada_a: Option<String>,
    /// Whether it is the one in force of its type.
    pub vigente: bool,
    /// Whether the server has not judged yet the request that brings it.
    pub aguarda: bool,
    /// Why that request was refused.
    pub recusa: Option<String>,
}

/// Something that was asked of the ERP (R100).
#[derive(Clone, Debug, Serialize)]
pub struct ActionShown {
    /// What it is.
    pub rotulo: String,
    /// How far it has come.
    pub situacao: &'static str,
    /// Who asked.
    pub autor: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
    /// What the person added.
    pub observacao: Option<String>,
    /// The number of what the ERP made.
    pub externo: Option<String>,
    /// What the ERP said.
    pub retorno: Option<String>,
    /// When it came this far.
    pub atualizada_em: DateTime<Utc>,
}

/// A corrective action.
#[derive(Clone, Debug, Serialize)]
pub struct CorrectiveShown {
    /// Its number.
    pub numero: String,
    /// Who linked them.
    pub autor: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// Who may see a record besides administrators.
#[derive(Clone, Debug, Serialize)]
pub struct RestrictionShown {
    /// These people.
    pub usuarios: Vec<String>,
    /// And everyone in these groups.
    pub grupos: Vec<String>,
    /// Who said so.
    pub autor: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// A transition that the person can ask for.
#[derive(Clone, Debug, Serialize)]
pub struct Verbo {
    /// The verb, for `transicionar`.
    pub verbo: String,
    /// The button's text.
    pub rotulo: String,
    /// Name of the situação that it leads to.
    pub para: Option<String>,
    /// A reason must be given.
    pub exige_motivo: bool,
    /// The analysis that it comes with: goes through `analisar`.
    pub analise: Option<TipoAnalise>,
    /// The client may be told by e-mail (R60).
    pub oferece_email: bool,
    /// What is missing before it can be done.
    pub falta: Option<String>,
    /// Shown as proposed until the server has judged it.
    pub propoe: bool,
}

/// What else the person may do now.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pode {
    /// Add and remove items.
    pub itens: bool,
    /// Add and remove expenses.
    pub despesas: bool,
    /// Add and remove links.
    pub vinculos: bool,
    /// Write internal notes.
    pub notas: bool,
    /// Write notes that the client reads.
    pub notas_ao_cliente: bool,
    /// Add and remove participantes.
    pub participantes: bool,
    /// Add and remove interessados.
    pub interessados: bool,
    /// Issue partial analyses.
    pub analise_parcial: bool,
}

/// A field that several people wrote at once (ff18).
#[derive(Clone, Debug, Serialize)]
pub struct ConflictShown {
    /// The field.
    pub campo: String,
    /// What the person reads.
    pub rotulo: String,
    /// Everything that was written, the one that shows first.
    pub versoes: Vec<VersionShown>,
}

/// One of several values.
#[derive(Clone, Debug, Serialize)]
pub struct VersionShown {
    /// The value as text.
    pub valor: String,
    /// Who wrote it.
    pub autor: String,
    /// When, by that person's clock.
    pub quando: DateTime<Utc>,
}

impl Phone {
    /// One document in full.
    ///
    /// # Errors
    /// `NaoEncontrado`; `Recusa` (out of scope: only [`Phone::pending`] shows what is left);
    /// `SemCadastros` while its tipo has not arrived; storage.
    pub fn show(&self, id: DocumentId) -> Result<Detalhe, Error> {
        self.read_as(|conn, account| {
            let absent = || Error::NaoEncontrado(id.to_string());
            let document = documents::load(conn, account.key, id)?.ok_or_else(absent)?;
            if !document.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            let view = client::view(&document, &account.ctx())?;
            let render = Render { conn, account };
            let registro = &view.registro;
            let partes = |em| partes(&render, registro, em);
            Ok(Detalhe {
                linha: lists::uma(conn, account.key, id)?.ok_or_else(absent)?,
                tipo: view.tipo.codigo.clone(),
                tipo_nome: view.tipo.nome.clone(),
                etapa_desde: registro.etapa_desde(),
                campos: campos(&render, &view)?,
                endereco_efetivo: endereco(&render, registro)?,
                itens: partes(Colecao::Itens)?,
                despesas: partes(Colecao::Despesas)?,
                anexos: partes(Colecao::Anexos)?,
                vinculos: partes(Colecao::Vinculos)?,
                vinculado_por: vinculado_por(&render, registro)?,
                analises: analises(&render, registro)?,
                acoes: acoes(&render, &view)?,
                corretivas: corretivas(&render, registro)?,
                restricao: restricao(&render, registro)?,
                participantes: pessoas(&render, &registro.participantes)?,
                interessados: pessoas(&render, &registro.interessados)?,
                verbos: verbos(&render, &view),
                pode: pode(&render, &view),
                sincronia: sync_state(conn, account.key, id)?,
                conflitos: conflitos(&render, &view)?,
                registro: view.registro,
            })
        })
    }
}

fn campos(render: &Render<'_>, view: &View) -> Result<Vec<FieldShown>, Error> {
    let View { registro, previsto, tipo } = view;
    let tem = |campo: &&valor::Campo| form::tem(tipo, campo) || !registro.valor(campo.nome).vazio();
    let exibir = |campo: &'static valor::Campo| {
        let (valor, parte) = (registro.valor(campo.nome), Parte::Campo(campo));
        let pode = policy::pode_alterar_registro(&render.account.pessoa, previsto, tipo, parte);
        let lido = render.do_registro(campo, valor, tipo)?;
        Ok(form::exibido(campo, tipo, pode.is_ok(), (lido, valor)))
    };
    registro.kind.campos().iter().filter(tem).map(exibir).collect()
}

fn endereco(render: &Render<'_>, registro: &Registro) -> Result<Option<Dados>, Error> {
    let (conn, account) = (render.conn, render.account.key);
    let do_caso = match registro.raiz() {
        raiz if raiz == registro.id => None,
        raiz => documents::load(conn, account, raiz)?.filter(|document| document.in_scope),
    };
    // A case that cannot be read yet keeps its address to itself, and nothing else from the reader.
    let do_caso = do_caso.and_then(|document| client::view(&document, &render.account.ctx()).ok());
    let caso = do_caso.as_ref().map_or(registro, |view| &view.registro);
    if caso.kind != Kind::Assistencia {
        return Ok(None);
    }
    let contrato = match caso.valor("contrato") {
        Valor::Texto(codigo) => references::dados(conn, account, "contrato", codigo)?,
        _ => None,
    };
    Ok(Some(preenchimento::endereco(caso, contrato.as_ref())))
}

fn partes(render: &Render<'_>, registro: &Registro, em: Colecao) -> Result<Vec<PartShown>, Error> {
    let exibir = |(id, parte): (&ItemId, &registro::Item)| {
        let campos = render.campos(registro.kind.campos_de(em), &parte.campos)?;
        Ok(PartShown { id: *id, campos, autor: render.usuario(parte.autoria.por)? })
    };
    registro.vivos(em).map(exibir).collect()
}

fn vinculado_por(render: &Render<'_>, registro: &Registro) -> Result<Vec<Vinculado>, Error> {
    let mut todos = lists::vinculado_por(render.conn, render.account.key, registro.id)?;
    for vinculado in &mut todos {
        let relacao = vinculado.linha.kind.campo_de(Colecao::Vinculos, "relacao");
        if let (Some(campo), Some(codigo)) = (relacao, vinculado.relacao.take()) {
            vinculado.relacao = Some(render.valor(campo, &Valor::Texto(codigo))?);
        }
    }
    Ok(todos)
}

fn pessoas(render: &Render<'_>, ids: &BTreeSet<UserId>) -> Result<Vec<PersonShown>, Error> {
    ids.iter().map(|id| Ok(PersonShown { id: *id, nome: render.usuario(*id)? })).collect()
}

fn analises(render: &Render<'_>, registro: &Registro) -> Result<Vec<AnalysisShown>, Error> {
    let exibir = |analise: &registro::Analise| {
        let pedido = registro.pedidos.iter().find(|pedido| analise.pedido == Some(pedido.id));
        let veredito = pedido.and_then(|pedido| pedido.veredito.as_ref());
        let recusa = veredito.and_then(|veredito| veredito.recusa.as_ref());
        let a_quem = analise.encaminhar.map(|id| render.usuario(id)).transpose()?;
        Ok(AnalysisShown {
            id: analise.id,
            tipo: analise.tipo,
            rotulo: analise.tipo.rotulo(),
            texto: analise.texto.clone(),
            procedente: analise.procedente,
            autor: render.usuario(analise.autoria.por)?,
            quando: analise.quando,
            encaminhada_a: a_quem,
            vigente: registro.vigente(analise.tipo).is_some_and(|vale| vale.id == analise.id),
            aguarda: pedido.is_some() && veredito.is_none(),
            recusa: recusa.map(Refusal::mensagem),
        })
    };
    registro.analises.iter().map(exibir).collect()
}

fn acoes(render: &Render<'_>, view: &View) -> Result<Vec<ActionShown>, Error> {
    let exibir = |acao: &registro::Acao| {
        let permitida = view.tipo.acao(&acao.codigo);
        Ok(ActionShown {
            rotulo: permitida.map_or(&acao.codigo, |permitida| &permitida.rotulo).clone(),
            situacao: acao.situacao.rotulo(),
            autor: render.usuario(acao.por)?,
            quando: acao.quando,
            observacao: acao.observacao.clone(),
            externo: acao.externo.clone(),
            retorno: acao.retorno.clone(),
            atualizada_em: acao.atualizada_em,
        })
    };
    view.registro.acoes.iter().map(exibir).collect()
}

fn corretivas(render: &Render<'_>, registro: &Registro) -> Result<Vec<CorrectiveShown>, Error> {
    let exibir = |corretiva: &registro::Corretiva| {
        Ok(CorrectiveShown {
            numero: corretiva.numero.clone(),
            autor: render.usuario(corretiva.por)?,
            quando: corretiva.quando,
        })
    };
    registro.corretivas.iter().map(exibir).collect()
}

fn restricao(render: &Render<'_>, registro: &Registro) -> Result<Option<RestrictionShown>, Error> {
    let Some(restricao) = &registro.restricao else { return Ok(None) };
    let usuarios: Result<Vec<_>, _> =
        restricao.usuarios.iter().map(|id| render.usuario(*id)).collect();
    let grupos: Result<Vec<_>, _> =
        restricao.grupos.iter().map(|codigo| render.catalogo("grupo", codigo)).collect();
    Ok(Some(RestrictionShown {
        usuarios: usuarios?,
        grupos: grupos?,
        autor: render.usuario(restricao.por)?,
        quando: restricao.quando,
    }))
}

fn verbos(render: &Render<'_>, view: &View) -> Vec<Verbo> {
    let View { previsto, tipo, .. } = view;
    let pessoa = &render.account.pessoa;
    let exibir = |transicao: &Transicao| {
        let asked = Asked { verb: &transicao.verbo, reason: Some("?"), brings: transicao.traz };
        let julgado = workflow::judge(previsto, tipo, pessoa, asked, Onde::Aparelho);
        let email = |efeito: &Consequencia| matches!(efeito, Consequencia::OferecerEmail(_));
        Verbo {
            verbo: transicao.verbo.clone(),
            rotulo: transicao.rotulo.clone(),
            para: tipo.fluxo.situacao(&transicao.para).map(|situacao| situacao.nome.clone()),
            exige_motivo: transicao.guardas.contains(&Guarda::Motivo),
            analise: transicao.traz,
            oferece_email: transicao.efeitos.iter().any(email),
            falta: julgado.err().map(|recusa| recusa.mensagem()),
            propoe: transicao.modo == Modo::Propor,
        }
    };
    workflow::available(previsto, tipo, pessoa, Onde::Aparelho).into_iter().map(exibir).collect()
}

fn pode(render: &Render<'_>, view: &View) -> Pode {
    let View { previsto, tipo, .. } = view;
    let pode = |parte| {
        policy::pode_alterar_registro(&render.account.pessoa, previsto, tipo, parte).is_ok()
    };
    let parte = |em| !previsto.kind.campos_de(em).is_empty() && pode(Parte::Item(em));
    Pode {
        itens: parte(Colecao::Itens),
        despesas: tipo.despesas && parte(Colecao::Despesas),
        vinculos: parte(Colecao::Vinculos),
        notas: pode(Parte::Nota),
        notas_ao_cliente: pode(Parte::NotaAoCliente),
        participantes: pode(Parte::Participante),
        interessados: pode(Parte::Interessado),
        analise_parcial: pode(Parte::AnaliseParcial),
    }
}

fn conflitos(render: &Render<'_>, view: &View) -> Result<Vec<ConflictShown>, Error> {
    let View { registro, tipo, .. } = view;
    let mut todos = Vec::new();
    for conflito in &registro.conflitos {
        // For a part's field the name is COLECAO/ID/CAMPO.
        let mut partes = conflito.campo.splitn(3, '/');
        let (campo, rotulo) = match (partes.next(), partes.nth(1)) {
            (Some(colecao), Some(nome)) => {
                let em = colecao.parse::<Colecao>().ok();
                let campo = em.and_then(|em| registro.kind.campo_de(em, nome));
                (campo, campo.map_or(nome, |campo| campo.rotulo))
            }
            _ => (registro.kind.campo(&conflito.campo), tipo.rotulo(&conflito.campo)),
        };
        let Some(campo) = campo else { continue };
        let mut versoes = Vec::new();
        for versao in &conflito.versoes {
            versoes.push(VersionShown {
                valor: render.valor(campo, &versao.valor)?,
                autor: render.usuario(versao.autoria.por)?,
                quando: versao.quando,
            });
        }
        let rotulo = rotulo.to_owned();
        todos.push(ConflictShown { campo: conflito.campo.clone(), rotulo, versoes });
    }
    Ok(todos)
}
