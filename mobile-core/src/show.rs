//! One document as its screen shows it: fields with labels, items, acompanhamento, buttons,
//! conflicts and how it stands with the server. The only reading that loads the document itself.

use crate::{
    campo::Campo,
    error::Error,
    pending::{SyncState, sync_state},
    render::{Render, Rotulado},
    store::{documents, lists},
};
use campo_domain::{
    fluxo::{Guarda, Modo},
    ids::{DocumentId, ItemId, UserId},
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::{Autoria, Registro},
    tipo::Tipo,
    valor,
    workflow::{self, Onde},
};
use campo_sync::client::{self, View};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// A document as its screen shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Detalhe {
    /// Its row in lists.
    pub linha: lists::Linha,
    /// Code of its tipo.
    pub tipo: String,
    /// Name of its tipo.
    pub tipo_nome: String,
    /// Every field of the kind, in the order of the form.
    pub campos: Vec<CampoExibido>,
    /// Items that were not removed.
    pub itens: Vec<ItemExibido>,
    /// People who take part besides the responsável.
    pub participantes: Vec<Participante>,
    /// What happened, in order.
    pub acompanhamento: Vec<Evento>,
    /// What the person can ask for now.
    pub acoes: Vec<Acao>,
    /// How it stands with the server.
    pub sincronia: SyncState,
    /// Fields with several values.
    pub conflitos: Vec<ConflitoExibido>,
    /// The document itself, with everything that this device wrote.
    pub registro: Registro,
}

/// A field and its value.
#[derive(Clone, Debug, Serialize)]
pub struct CampoExibido {
    /// Stable name.
    pub nome: &'static str,
    /// What the person reads.
    pub rotulo: &'static str,
    /// The value as text; empty where nothing is filled in.
    pub valor: String,
    /// Whether the tipo requires it.
    pub obrigatorio: bool,
    /// Whether this person may write it now.
    pub editavel: bool,
}

/// An item.
#[derive(Clone, Debug, Serialize)]
pub struct ItemExibido {
    /// Its id.
    pub id: ItemId,
    /// Its fields that are filled in.
    pub campos: Vec<Rotulado>,
}

/// A person who takes part.
#[derive(Clone, Debug, Serialize)]
pub struct Participante {
    /// The person.
    pub id: UserId,
    /// Name.
    pub nome: String,
}

/// An entry of the acompanhamento.
#[derive(Clone, Debug, Serialize)]
pub struct Evento {
    /// `criacao`, `nota`, `pedido`, `laudo` or `veredito`.
    pub que: &'static str,
    /// When, by the clock of whoever wrote it.
    pub quando: DateTime<Utc>,
    /// Who.
    pub autor: String,
    /// What happened, in a line.
    pub titulo: String,
    /// What was said.
    pub texto: Option<String>,
    /// A request that the server has not judged yet.
    pub aguarda: bool,
}

/// Something that the person can ask for.
#[derive(Clone, Debug, Serialize)]
pub struct Acao {
    /// The verb, for `transicionar`.
    pub verbo: String,
    /// The button's text.
    pub rotulo: String,
    /// A reason must be given.
    pub exige_motivo: bool,
    /// Goes through `emitir_laudo`.
    pub traz_laudo: bool,
    /// A laudo must be issued first.
    pub falta_laudo: bool,
    /// Shown as proposed until the server has judged it.
    pub propoe: bool,
}

/// A field that several people wrote at once (ff18).
#[derive(Clone, Debug, Serialize)]
pub struct ConflitoExibido {
    /// The field.
    pub campo: String,
    /// What the person reads.
    pub rotulo: String,
    /// Everything that was written, the one that shows first.
    pub versoes: Vec<VersaoExibida>,
}

/// One of several values.
#[derive(Clone, Debug, Serialize)]
pub struct VersaoExibida {
    /// The value as text.
    pub valor: String,
    /// Who wrote it.
    pub autor: String,
    /// When, by that person's clock.
    pub quando: DateTime<Utc>,
}

impl Campo {
    /// One document in full.
    ///
    /// # Errors
    /// `NaoEncontrado`; `Recusa` (out of scope: only [`Campo::pending`] shows what is left);
    /// `SemCadastros` while its tipo has not arrived; storage.
    pub fn show(&self, id: DocumentId) -> Result<Detalhe, Error> {
        self.read_as(|conn, quem| {
            let absent = || Error::NaoEncontrado(id.to_string());
            let document = documents::load(conn, quem.account, id)?.ok_or_else(absent)?;
            if !document.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            let view = client::view(&document, &quem.ctx())?;
            let render = Render { conn, quem };
            Ok(Detalhe {
                linha: lists::uma(conn, quem.account, id)?.ok_or_else(absent)?,
                tipo: view.tipo.codigo.clone(),
                tipo_nome: view.tipo.nome.clone(),
                campos: campos(&render, &view)?,
                itens: itens(&render, &view.registro)?,
                participantes: participantes(&render, &view.registro)?,
                acompanhamento: acompanhamento(&render, &view)?,
                acoes: acoes(&render, &view),
                sincronia: sync_state(conn, quem.account, id)?,
                conflitos: conflitos(&render, &view.registro)?,
                registro: view.registro,
            })
        })
    }
}

fn campos(render: &Render<'_>, view: &View) -> Result<Vec<CampoExibido>, Error> {
    let View { registro, previsto, tipo } = view;
    let exibir = |campo: &'static valor::Campo| {
        let parte = Parte::Campo(campo);
        let pode = policy::pode_alterar_registro(&render.quem.pessoa, previsto, tipo, parte);
        Ok(CampoExibido {
            nome: campo.nome,
            rotulo: campo.rotulo,
            valor: render.valor(campo, registro.valor(campo.nome))?,
            obrigatorio: tipo.obrigatorios.iter().any(|nome| nome == campo.nome),
            editavel: pode.is_ok(),
        })
    };
    registro.kind.campos().iter().map(exibir).collect()
}

fn itens(render: &Render<'_>, registro: &Registro) -> Result<Vec<ItemExibido>, Error> {
    let vivos = registro.itens.iter().filter(|(_, item)| !item.removido);
    vivos
        .map(|(id, item)| {
            let campos = render.campos(registro.kind.campos_item(), &item.campos)?;
            Ok(ItemExibido { id: *id, campos })
        })
        .collect()
}

fn participantes(render: &Render<'_>, registro: &Registro) -> Result<Vec<Participante>, Error> {
    let todos = registro.participantes.iter();
    todos.map(|id| Ok(Participante { id: *id, nome: render.usuario(*id)? })).collect()
}

fn acoes(render: &Render<'_>, view: &View) -> Vec<Acao> {
    let View { previsto, tipo, .. } = view;
    let laudo = !tipo.exige_laudo || previsto.laudo_vigente().is_some();
    workflow::disponiveis(previsto, tipo, &render.quem.pessoa, Onde::Aparelho)
        .into_iter()
        .map(|transicao| Acao {
            verbo: transicao.verbo.clone(),
            rotulo: transicao.rotulo.clone(),
            exige_motivo: transicao.guardas.contains(&Guarda::Motivo),
            traz_laudo: transicao.guardas.contains(&Guarda::TrazLaudo),
            falta_laudo: transicao.guardas.contains(&Guarda::Laudo) && !laudo,
            propoe: transicao.modo == Modo::Propor,
        })
        .collect()
}

fn conflitos(render: &Render<'_>, registro: &Registro) -> Result<Vec<ConflitoExibido>, Error> {
    let mut todos = Vec::new();
    for conflito in &registro.conflitos {
        // For an item's field the name is itens/ID/CAMPO.
        let campo = match conflito.campo.rsplit_once('/') {
            Some((_, nome)) => registro.kind.campo_item(nome),
            None => registro.kind.campo(&conflito.campo),
        };
        let Some(campo) = campo else { continue };
        let mut versoes = Vec::new();
        for versao in &conflito.versoes {
            versoes.push(VersaoExibida {
                valor: render.valor(campo, &versao.valor)?,
                autor: render.usuario(versao.autoria.por)?,
                quando: versao.quando,
            });
        }
        let (campo, rotulo) = (conflito.campo.clone(), campo.rotulo.to_owned());
        todos.push(ConflitoExibido { campo, rotulo, versoes });
    }
    Ok(todos)
}

/// The creation first; then notes and requests, each in its causal order, merged by their clocks.
/// The laudo and the verdict follow their request, whatever the clocks say (ff19).
fn acompanhamento(render: &Render<'_>, view: &View) -> Result<Vec<Evento>, Error> {
    let View { registro, tipo, .. } = view;
    let evento = |que, quando, autoria: Autoria, titulo: String, texto| {
        let autor = render.usuario(autoria.por)?;
        Ok::<_, Error>(Evento { que, quando, autor, titulo, texto, aguarda: false })
    };
    let titulo = format!("Criou {}", registro.kind.rotulo());
    let mut eventos = vec![evento("criacao", registro.criado_em, registro.criacao, titulo, None)?];
    let mut notas = registro.notas.iter().peekable();
    let mut pedidos = registro.pedidos.iter().peekable();
    loop {
        let nota = notas.next_if(|nota| pedidos.peek().is_none_or(|p| nota.quando <= p.quando));
        if let Some(nota) = nota {
            let titulo = "Anotou".to_owned();
            let texto = Some(nota.texto.clone());
            eventos.push(evento("nota", nota.quando, nota.autoria, titulo, texto)?);
            continue;
        }
        let Some(pedido) = pedidos.next() else { break };
        let rotulo = tipo.fluxo.transicao(&pedido.verbo).map_or(&pedido.verbo, |t| &t.rotulo);
        let titulo = format!("Pediu: {rotulo}");
        let texto = pedido.motivo.clone();
        let mut pediu = evento("pedido", pedido.quando, pedido.autoria, titulo, texto)?;
        pediu.aguarda = pedido.veredito.is_none();
        eventos.push(pediu);
        for laudo in registro.laudos.iter().filter(|laudo| laudo.pedido == pedido.id) {
            let qual = if laudo.procedente { "procedente" } else { "improcedente" };
            let texto = Some(laudo.conclusao.clone());
            let titulo = format!("Emitiu laudo: {qual}");
            eventos.push(evento("laudo", laudo.quando, laudo.autoria, titulo, texto)?);
        }
        if let Some(veredito) = &pedido.veredito {
            let (titulo, texto) = match &veredito.recusa {
                None => (format!("Passou a {}", nome_da(tipo, &veredito.para)), None),
                Some(recusa) => (format!("Recusado: {rotulo}"), Some(recusa.mensagem())),
            };
            let servidor = Autoria { por: UserId::SERVIDOR, ..pedido.autoria };
            eventos.push(evento("veredito", veredito.quando, servidor, titulo, texto)?);
        }
    }
    Ok(eventos)
}

fn nome_da(tipo: &Tipo, codigo: &str) -> String {
    tipo.fluxo.situacao(codigo).map_or(codigo, |situacao| situacao.nome.as_str()).to_owned()
}
