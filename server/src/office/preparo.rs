//! Before the gate, in the office: what Campo fills in by itself, and what a phone without a
//! connection cannot know but a page or a program can be told. The gate asks for none of it: what a
//! phone wrote in good faith is kept.
//!
//! [`preparar`] is called for all that the office does (`office::run_all`); [`completar`] where a
//! record begins, before it is shown or made.

mod referencias;

use referencias::Papel;
pub use referencias::{fora_de_uso, so_em_uso};

use super::{error::OfficeError, record};
use crate::{
    app::App,
    ledger,
    reading::{self, references},
    reference,
    visibility::Viewer,
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId, TenantId},
    kind::Kind,
    origem,
    parte::Colecao,
    pessoa::Pessoa,
    policy::{self, Parte},
    preenchimento::{self, Contexto, Dados},
    refusal::{Codigo, Refusal},
    registro::{Campos, Registro},
    tipo::{Tipo, TipoRef},
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono::Utc;
use sqlx::PgTransaction;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

/// Fills in what was left empty in a new record and Campo knows (R6, R9, R31, R32, R41).
///
/// # Errors
/// PostgreSQL refuses, or a record cannot be read.
pub async fn completar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    tipo: &Tipo,
    campos: &mut Campos,
) -> Result<(), OfficeError> {
    let contrato = do_contrato(tx, campos).await?;
    let origem = da_origem(tx, campos).await?;
    let de = |dados: &Option<Dados>| dados.as_ref()?.get("cliente")?.parse::<Uuid>().ok();
    let escolhido = campos.get("cliente").and_then(Valor::id);
    let seu = pessoa.cliente.map(DocumentId::uuid);
    let cliente = escolhido.or(seu).or_else(|| de(&contrato)).or_else(|| de(&origem));
    let cliente = match cliente {
        Some(id) => record::merged(tx, tenant, id.into()).await?,
        None => None,
    };
    let cliente = cliente.map(|merged| merged.registro).filter(|c| c.kind == Kind::Cliente);
    let contexto = Contexto {
        pessoa,
        agora: Utc::now(),
        cliente: cliente.as_ref().map(|cliente| &cliente.campos),
        contrato: contrato.as_ref(),
        origem: origem.as_ref(),
        assistencia: da_ocorrencia(tx, pessoa, tipo, campos).await?,
    };
    preenchimento::completar(tipo, campos, &contexto);
    Ok(())
}

/// What the catalogue knows of the contract that the fields name.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn do_contrato(
    tx: &mut PgTransaction<'_>,
    campos: &Campos,
) -> sqlx::Result<Option<Dados>> {
    match campos.get("contrato").and_then(Valor::texto) {
        Some(codigo) => reading::dados(tx, "contrato", codigo).await,
        None => Ok(None),
    }
}

/// What the catalogue knows of the document that the fields name as their origem (R6).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn da_origem(tx: &mut PgTransaction<'_>, campos: &Campos) -> sqlx::Result<Option<Dados>> {
    match origem::chave(campos) {
        Some(chave) => reading::dados(tx, origem::CATALOGO, &chave).await,
        None => Ok(None),
    }
}

/// The assistência of the ocorrência that an agenda names.
async fn da_ocorrencia(
    tx: &mut PgTransaction<'_>,
    pessoa: &Pessoa,
    tipo: &Tipo,
    campos: &Campos,
) -> sqlx::Result<Option<DocumentId>> {
    let ocorrencia = campos.get("ocorrencia").and_then(Valor::id);
    let Some(id) = ocorrencia.filter(|_| tipo.kind == Kind::Agenda) else { return Ok(None) };
    let found = references::assistencia_of(tx, Viewer::of(pessoa), id).await?;
    Ok(found.map(DocumentId::from))
}

/// Checks what commands refer to, and adds to them what follows from it: of an item, what its
/// origem says of the product; of a record whose origem changes, its client and supplier (R6).
///
/// # Errors
/// `tipo_retirado`, `contrato_de_outro_cliente`, `situacao_nao_permite_edicao` of the assistência,
/// `produto_fora_da_origem`, `cliente_do_portal`, `valor_invalido` of a person.
pub async fn preparar(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    comandos: &mut Vec<(DocumentId, Command)>,
) -> Result<(), OfficeError> {
    for (_, comando) in comandos.iter_mut() {
        *comando = comando.clone().limpo();
    }
    let citadas = comandos.iter().flat_map(|(id, comando)| {
        pessoas(comando).into_iter().map(|(pessoa, papel, rotulo)| (*id, pessoa, papel, rotulo))
    });
    let citadas: Vec<Citada> = citadas.collect();
    let ids = comandos.iter().filter(|(_, comando)| refere(comando)).map(|(id, _)| *id);
    let ids: BTreeSet<DocumentId> = ids.collect();
    if citadas.is_empty() && ids.is_empty() {
        return Ok(());
    }
    let tx = &mut app.db.snapshot(tenant).await?;
    conferir_pessoas(tx, citadas).await?;
    for id in ids {
        let criado = comandos.iter().find_map(|(_, comando)| match comando {
            Command::Criar { id: novo, tipo, campos, .. } if *novo == id => {
                Some((tipo.clone(), campos.clone()))
            }
            _ => None,
        });
        let Some(mut posta) = (match criado {
            Some((tipo, campos)) => Posta::novo(tx, tenant, pessoa, &tipo, &campos).await?,
            None => record::seen(tx, tenant, pessoa, id).await?.map(Posta::de),
        }) else {
            // What is not there, or not for this person, the gate refuses.
            continue;
        };
        let seus = || comandos.iter().filter(|(de, _)| *de == id).map(|(_, comando)| comando);
        seus().for_each(|comando| posta.aplicar(comando));
        let dados = da_origem(tx, &posta.campos).await?;
        if let Some(dados) = &dados {
            let itens = comandos.iter_mut().filter(|(de, _)| *de == id);
            for item in itens.flat_map(|(_, comando)| novos_itens(comando)) {
                origem::completar(&posta.tipo, dados, item);
            }
            posta.conferir_itens(dados)?;
        }
        let preenchidos = dados.map(|dados| posta.preencher(pessoa, &dados)).unwrap_or_default();
        if posta.mudou("contrato") || posta.mudou("cliente") {
            let contrato = do_contrato(tx, &posta.campos).await?;
            preenchimento::conferir_contrato(&posta.campos, contrato.as_ref())?;
        }
        // Right behind what says the origem: what comes later may need it, or end the editing.
        let diz = |(de, comando): &(DocumentId, Command)| *de == id && diz_a_origem(comando);
        let fim = comandos.iter().rposition(diz).map_or(comandos.len(), |lugar| lugar + 1);
        comandos.splice(fim..fim, preenchidos.into_iter().map(|comando| (id, comando)));
    }
    Ok(())
}

/// Whether there is something to look up for the command.
fn refere(comando: &Command) -> bool {
    match comando {
        Command::Criar { .. } | Command::IncluirItem { em: Colecao::Itens, .. } => true,
        Command::Editar { campo, .. } => {
            ["cliente", "contrato", "origem", "origem_numero"].contains(&campo.as_str())
        }
        Command::EditarItem { em: Colecao::Itens, campo, .. } => campo == "produto",
        _ => false,
    }
}

fn diz_a_origem(comando: &Command) -> bool {
    matches!(comando, Command::Editar { campo, .. }
        if ["origem", "origem_numero"].contains(&campo.as_str()))
}

fn novos_itens(comando: &mut Command) -> &mut [NovoItem] {
    match comando {
        Command::Criar { itens, .. } => itens,
        Command::IncluirItem { em: Colecao::Itens, item } => std::slice::from_mut(item),
        _ => &mut [],
    }
}

/// A record that commands are about, before them and after.
struct Posta {
    tipo: Arc<Tipo>,
    /// As it is, if it is already there.
    registro: Option<Registro>,
    campos: Campos,
    itens: BTreeMap<ItemId, Campos>,
    /// The items whose product is said now.
    ditos: BTreeSet<ItemId>,
    /// The fields that are said now.
    campos_ditos: BTreeSet<String>,
}

impl Posta {
    /// A record that is made with that tipo; none where the gate will say why not.
    async fn novo(
        tx: &mut PgTransaction<'_>,
        tenant: TenantId,
        pessoa: &Pessoa,
        tipo: &TipoRef,
        campos: &Campos,
    ) -> Result<Option<Self>, OfficeError> {
        let tipos = ledger::tipos(tx, tenant).await?;
        let Ok(tipo) = tipos.obter(tipo).cloned() else { return Ok(None) };
        let oferecidos = reference::offered(tx, tenant, tipo.kind).await?;
        if !oferecidos.iter().any(|oferecido| oferecido.codigo == tipo.codigo) {
            return Err(Refusal::with(Codigo::TipoRetirado, [tipo.nome.clone()]).into());
        }
        if let Some(assistencia) = campos.get("assistencia").and_then(Valor::id) {
            aberta(tx, pessoa, assistencia).await?;
        }
        let (itens, ditos, campos_ditos) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let campos = Campos::new();
        Ok(Some(Self { tipo, registro: None, campos, itens, ditos, campos_ditos }))
    }

    fn de((registro, tipo): (Registro, Arc<Tipo>)) -> Self {
        let itens = registro.vivos(Colecao::Itens);
        let itens = itens.map(|(id, item)| (*id, item.campos.clone())).collect();
        let (ditos, campos_ditos) = (BTreeSet::new(), BTreeSet::new());
        let campos = registro.campos.clone();
        Self { tipo, registro: Some(registro), campos, itens, ditos, campos_ditos }
    }

    /// Takes in what the command says.
    fn aplicar(&mut self, comando: &Command) {
        match comando {
            Command::Criar { campos, itens, .. } => {
                self.campos.clone_from(campos);
                self.itens.extend(itens.iter().map(|item| (item.id, item.campos.clone())));
            }
            Command::Editar { campo, valor, .. } => {
                self.campos_ditos.insert(campo.clone());
                self.campos.insert(campo.clone(), valor.clone());
            }
            Command::IncluirItem { em: Colecao::Itens, item } => {
                self.ditos.insert(item.id);
                self.itens.insert(item.id, item.campos.clone());
            }
            Command::EditarItem { em: Colecao::Itens, item, campo, valor, .. }
                if campo == "produto" =>
            {
                self.ditos.insert(*item);
                self.itens.entry(*item).or_default().insert(campo.clone(), valor.clone());
            }
            Command::RemoverItem { em: Colecao::Itens, item } => {
                self.itens.remove(item);
            }
            _ => {}
        }
    }

    fn antes(&self, nome: &str) -> &Valor {
        self.registro.as_ref().map_or(&Valor::Nulo, |registro| registro.valor(nome))
    }

    fn mudou(&self, nome: &str) -> bool {
        self.campos.get(nome).unwrap_or(&Valor::Nulo) != self.antes(nome)
    }

    /// Whether the record names another document than before.
    fn outra_origem(&self) -> bool {
        let antes = self.registro.as_ref().and_then(|registro| origem::chave(&registro.campos));
        antes != origem::chave(&self.campos)
    }

    /// All items of a record that names another document; else those whose product is said now.
    fn conferir_itens(&self, dados: &Dados) -> Result<(), Refusal> {
        let todos = self.outra_origem();
        let mut itens = self.itens.iter().filter(|(id, _)| todos || self.ditos.contains(id));
        itens.try_for_each(|(_, item)| origem::conferir(&self.campos, dados, item))
    }

    /// What another document says of a record that is there: its client and supplier, where they
    /// are empty and the person may write them.
    fn preencher(&mut self, pessoa: &Pessoa, dados: &Dados) -> Vec<Command> {
        let Some(registro) = self.registro.as_ref().filter(|_| self.outra_origem()) else {
            return Vec::new();
        };
        let pode = |campo: &'static Campo| {
            policy::pode_alterar_registro(pessoa, registro, &self.tipo, Parte::Campo(campo)).is_ok()
        };
        let novos = origem::partes(&self.tipo, &self.campos, dados).into_iter();
        let novos = novos
            .filter(|(campo, _)| !self.campos_ditos.contains(campo.nome) && pode(campo))
            .map(|(campo, valor)| (campo.nome.to_owned(), valor));
        let novos: Vec<_> = novos.collect();
        self.campos.extend(novos.iter().cloned());
        novos
            .into_iter()
            .map(|(campo, valor)| Command::Editar { campo, valor, visto: None })
            .collect()
    }
}

/// Refuses what is planned or opened in an assistência that is over.
async fn aberta(
    tx: &mut PgTransaction<'_>,
    pessoa: &Pessoa,
    assistencia: Uuid,
) -> Result<(), OfficeError> {
    let fechada = references::closed_situacao(tx, Viewer::of(pessoa), assistencia).await?;
    match fechada {
        Some(situacao) => Err(Refusal::with(Codigo::SituacaoNaoPermiteEdicao, [situacao]).into()),
        None => Ok(()),
    }
}

/// Somebody whom a command names: the record, who, to be what, and how that is called.
type Citada = (DocumentId, Uuid, Papel, &'static str);

async fn conferir_pessoas(
    tx: &mut PgTransaction<'_>,
    mut citadas: Vec<Citada>,
) -> Result<(), OfficeError> {
    let listadas = citadas.iter().filter(|(_, _, papel, _)| *papel == Papel::Listada);
    let registros: Vec<Uuid> = listadas.map(|(id, ..)| id.uuid()).collect();
    if !registros.is_empty() {
        // A list is sent whole: who is in it already may have left meanwhile.
        let ja = references::listed(tx, registros).await?;
        citadas.retain(|(id, pessoa, papel, _)| {
            *papel != Papel::Listada || !ja.contains(&(id.uuid(), *pessoa))
        });
    }
    let pessoas: Vec<_> = citadas.iter().map(|(_, pessoa, papel, _)| (*pessoa, *papel)).collect();
    let recusadas = referencias::inelegiveis(tx, &pessoas).await?;
    let primeira = recusadas.into_iter().find_map(|(lugar, c)| Some((citadas.get(lugar)?, c)));
    match primeira {
        Some(((.., rotulo), codigo)) => Err(Refusal::with(codigo, [(*rotulo).to_owned()]).into()),
        None => Ok(()),
    }
}

/// The people whom a command gives work, a place or sight to, and as what.
fn pessoas(comando: &Command) -> Vec<(Uuid, Papel, &'static str)> {
    let referida = |campo: &Campo, valor: &Valor| match campo.tipo {
        TipoCampo::Referencia(Alvo::Usuario) => {
            Some((valor.id()?, Papel::Encarregada, campo.rotulo))
        }
        _ => None,
    };
    match comando {
        Command::Criar { kind, campos, .. } => {
            let campos = campos.iter();
            campos.filter_map(|(nome, valor)| referida(kind.campo(nome)?, valor)).collect()
        }
        Command::Editar { campo, valor, .. } => {
            let campo = Kind::TODOS.into_iter().find_map(|kind| kind.campo(campo));
            campo.and_then(|campo| referida(campo, valor)).into_iter().collect()
        }
        Command::Participar { usuario, participa: true } => {
            vec![(usuario.uuid(), Papel::Participante, "Participante")]
        }
        Command::Interessar { usuario, interessado: true } => {
            vec![(usuario.uuid(), Papel::Encarregada, "Interessado")]
        }
        Command::Analisar { encaminhar: Some(usuario), .. } => {
            vec![(usuario.uuid(), Papel::Encarregada, "Responsável")]
        }
        Command::Restringir { para: Some(para) } => {
            let listadas = para.usuarios.iter();
            listadas.map(|usuario| (usuario.uuid(), Papel::Listada, "Pessoa")).collect()
        }
        _ => Vec::new(),
    }
}
