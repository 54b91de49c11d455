//! `decide`: may this person do this to this record, and where does that lead? The same function
//! runs at the tap on the phone, at the office's button, and when the server judges a request.

mod servidor;

use crate::{
    command::{Command, NovoItem},
    fluxo::{Consequencia, Guarda, Modo, Quem, Transicao},
    ids::{DocumentId, ItemId, UserId},
    invariantes,
    kind::Kind,
    parte::{CATEGORIAS_ANEXO, Colecao},
    pessoa::{Permissao, Pessoa},
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::{
        Autoria, Campos, Item, Registro, SituacaoArquivo, TipoAnalise, Veredito, Visibilidade,
    },
    tipo::Tipo,
    valor::Valor,
};

/// Most parts of a collection in a document.
pub const ITENS_MAX: usize = 200;
/// Most participantes, and most interessados, of a document.
pub const PARTICIPANTES_MAX: usize = 100;
/// Most notes in a document.
pub const NOTAS_MAX: usize = 5_000;
/// Most requests in a document.
pub const PEDIDOS_MAX: usize = 1_000;
/// Most analyses in a document.
pub const ANALISES_MAX: usize = 1_000;
/// Most actions of a document.
pub const ACOES_MAX: usize = 200;
/// Longest note, reason or analysis, in characters.
pub const TEXTO_CHARS_MAX: usize = 10_000;
/// Most people, and most groups, of a restriction.
pub const LISTADOS_MAX: usize = 200;

/// Where the decision is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onde {
    /// On a phone, perhaps without connection.
    Aparelho,
    /// On the server or in the office.
    Servidor,
}

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Efeito {
    /// The document takes in what the command says.
    Gravar,
    /// And goes to this situação.
    Situacao(String),
}

/// Decides on a command. `registro` is `None` exactly when the command creates it.
///
/// # Errors
/// The refusal to show; nothing has changed then.
pub fn decide(
    registro: Option<&Registro>,
    tipo: &Tipo,
    pessoa: &Pessoa,
    comando: &Command,
    onde: Onde,
) -> Result<Efeito, Refusal> {
    let registro = match (registro, comando) {
        (None, Command::Criar { .. }) => {
            criar(tipo, pessoa, comando)?;
            return Ok(Efeito::Gravar);
        }
        (Some(_), Command::Criar { .. }) => return Err(Refusal::new(Codigo::IdEmUso)),
        (None, _) => return Err(Refusal::new(Codigo::NaoEncontrado)),
        (Some(registro), _) => registro,
    };
    if comando.do_servidor() {
        servidor::decidir(registro, tipo, pessoa, comando, onde)?;
        return Ok(Efeito::Gravar);
    }
    let pode = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte);
    let kind = registro.kind;
    match comando {
        Command::Editar { campo, valor } => {
            let definicao = kind.campo(campo).filter(|c| !c.longo());
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            pode(Parte::Campo(definicao))?;
            definicao.validar(valor)?;
            let mut depois = registro.clone();
            depois.campos.insert(campo.clone(), valor.clone());
            invariantes::piora(registro, &depois, tipo)?;
        }
        Command::EditarTexto { campo, para, .. } => {
            let definicao = kind.campo(campo).filter(|c| c.longo());
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            pode(Parte::Campo(definicao))?;
            let valor = Valor::Texto(para.clone());
            definicao.validar(&valor)?;
            let mut depois = registro.clone();
            depois.campos.insert(campo.clone(), valor);
            invariantes::piora(registro, &depois, tipo)?;
        }
        Command::IncluirItem { em, item } => {
            pode(Parte::Item(*em))?;
            if registro.colecao(*em).contains_key(&item.id) {
                return Err(Refusal::new(Codigo::IdEmUso));
            }
            limite(registro.colecao(*em).len(), ITENS_MAX, em.codigo())?;
            let novo = validar_item(kind, *em, item, pessoa, tipo)?;
            for nome in item.campos.keys() {
                let campo = kind.campo_de(*em, nome);
                if let Some(campo) = campo.filter(|campo| !em.vem_inteiro(campo)) {
                    pode(Parte::CampoItem(*em, campo))?;
                }
            }
            let mut depois = registro.clone();
            depois.colecao_mut(*em).insert(item.id, novo);
            invariantes::piora(registro, &depois, tipo)?;
        }
        Command::EditarItem { em, item, campo, valor } => {
            item_vivo(registro, *em, *item)?;
            let definicao = kind.campo_de(*em, campo);
            let definicao = definicao.ok_or_else(|| Refusal::campo_desconhecido(campo))?;
            pode(Parte::CampoItem(*em, definicao))?;
            definicao.validar(valor)?;
            let mut depois = registro.clone();
            if let Some(item) = depois.colecao_mut(*em).get_mut(item) {
                item.campos.insert(campo.clone(), valor.clone());
            }
            invariantes::piora(registro, &depois, tipo)?;
        }
        Command::RemoverItem { em, item } => {
            pode(Parte::Remocao(*em))?;
            item_vivo(registro, *em, *item)?;
            let mut depois = registro.clone();
            if let Some(item) = depois.colecao_mut(*em).get_mut(item) {
                item.removido = true;
            }
            invariantes::piora(registro, &depois, tipo)?;
        }
        Command::Participar { participa, .. } => {
            pode(Parte::Participante)?;
            if *participa {
                limite(registro.participantes.len(), PARTICIPANTES_MAX, "participantes")?;
            }
        }
        Command::Interessar { interessado, .. } => {
            pode(Parte::Interessado)?;
            if *interessado {
                limite(registro.interessados.len(), PARTICIPANTES_MAX, "interessados")?;
            }
        }
        Command::Anotar { id, texto, visibilidade, resposta_a } => {
            pode(match visibilidade {
                Visibilidade::Interna => Parte::Nota,
                Visibilidade::Cliente => Parte::NotaAoCliente,
            })?;
            texto_valido(texto, "Acompanhamento")?;
            limite(registro.notas.len(), NOTAS_MAX, "anotações")?;
            if registro.notas.iter().any(|nota| nota.id == *id) {
                return Err(Refusal::new(Codigo::IdEmUso));
            }
            // A client answers what it was told.
            let dita = |nota| registro.notas.iter().find(|outra| outra.id == nota);
            let lida = |nota| dita(nota).is_some_and(|n| n.visibilidade == Visibilidade::Cliente);
            if pessoa.portal() && !resposta_a.is_none_or(lida) {
                return Err(Refusal::com(Codigo::ValorInvalido, ["Acompanhamento".to_owned()]));
            }
        }
        Command::Transicionar { verbo, motivo, .. } => {
            pode(Parte::Pedido)?;
            limite(registro.pedidos.len(), PEDIDOS_MAX, "pedidos")?;
            if let Some(motivo) = motivo {
                texto_valido(motivo, "Motivo")?;
            }
            let pedir = Pedir { verbo, motivo: motivo.as_deref(), traz: None };
            return Ok(Efeito::Situacao(julgar(registro, tipo, pessoa, pedir, onde)?));
        }
        Command::Analisar { tipo: o_que, texto, procedente, pedido, encaminhar, .. } => {
            return analisar(
                registro,
                tipo,
                pessoa,
                Analisar {
                    o_que: *o_que,
                    texto,
                    procedente: *procedente,
                    com_pedido: pedido.is_some(),
                    encaminhar: *encaminhar,
                },
                onde,
            );
        }
        Command::Criar { .. }
        | Command::Restringir { .. }
        | Command::SolicitarAcao { .. }
        | Command::ResponderAcao { .. }
        | Command::VincularCorretiva { .. } => {}
    }
    Ok(Efeito::Gravar)
}

struct Analisar<'a> {
    o_que: TipoAnalise,
    texto: &'a str,
    procedente: Option<bool>,
    com_pedido: bool,
    encaminhar: Option<UserId>,
}

fn analisar(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    analise: Analisar<'_>,
    onde: Onde,
) -> Result<Efeito, Refusal> {
    let pode = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte);
    let Analisar { o_que, texto, procedente, com_pedido, encaminhar } = analise;
    texto_valido(texto, o_que.rotulo())?;
    limite(registro.analises.len(), ANALISES_MAX, "análises")?;
    let parcial = o_que == TipoAnalise::Parcial;
    // Only a laudo says whether the case is founded; all but a partial one ask for a transition.
    if procedente.is_some() != (o_que == TipoAnalise::Laudo) || com_pedido == parcial {
        return Err(Refusal::com(Codigo::ValorInvalido, [o_que.rotulo().to_owned()]));
    }
    if parcial {
        pode(Parte::AnaliseParcial)?;
        if encaminhar.is_some() && onde == Onde::Aparelho {
            return Err(Refusal::new(Codigo::ExigeConexao));
        }
        let tem = registro.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
        if encaminhar.is_some() && !tem {
            let rotulo = tipo.rotulo("responsavel").to_owned();
            return Err(Refusal::com(Codigo::CampoForaDoTipo, [rotulo]));
        }
        return Ok(Efeito::Gravar);
    }
    if encaminhar.is_some() {
        return Err(Refusal::com(Codigo::ValorInvalido, [o_que.rotulo().to_owned()]));
    }
    pode(Parte::Analise)?;
    limite(registro.pedidos.len(), PEDIDOS_MAX, "pedidos")?;
    let transicao = verbo_que_traz(registro, tipo, o_que)?;
    let pedir = Pedir { verbo: &transicao.verbo, motivo: None, traz: Some(o_que) };
    Ok(Efeito::Situacao(julgar(registro, tipo, pessoa, pedir, onde)?))
}

/// The transition that brings such an analysis: from where the record is, else the first of its
/// kind.
///
/// # Errors
/// `transicao_inexistente`.
pub fn verbo_que_traz<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    analise: TipoAnalise,
) -> Result<&'a Transicao, Refusal> {
    let atual = registro.situacao(tipo).map(|situacao| &situacao.codigo);
    let mut trazem = tipo.fluxo.transicoes.iter().filter(|t| t.traz == Some(analise));
    let daqui = trazem.clone().find(|t| atual.is_some_and(|atual| t.de.contains(atual)));
    daqui
        .or_else(|| trazem.next())
        .ok_or_else(|| Refusal::com(Codigo::TransicaoInexistente, [analise.rotulo().to_owned()]))
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Pedir<'a> {
    /// Which transition.
    pub verbo: &'a str,
    /// Why, where it was said.
    pub motivo: Option<&'a str>,
    /// The analysis that comes with it.
    pub traz: Option<TipoAnalise>,
}

/// Judges a request of transition: where it leads, or why not.
///
/// # Errors
/// `transicao_inexistente`, `nao_cabe_a_voce`, `sem_permissao`, `transicao_nao_permitida`,
/// `exige_conexao`, or what a guard asks for.
pub fn julgar(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    pedir: Pedir<'_>,
    onde: Onde,
) -> Result<String, Refusal> {
    let verbo = pedir.verbo;
    let para = julgar_pedido(registro, tipo, pessoa, pedir, onde)?;
    let a_caminho = (onde == Onde::Servidor).then(|| fotos_a_caminho(registro, tipo, verbo));
    a_caminho.flatten().map_or(Ok(para), Err)
}

/// Judges a request that stands in the record, by what was declared: its photos may still be on
/// their way, and it waits for them ([`fotos_a_caminho`]).
///
/// # Errors
/// As [`julgar`].
pub fn julgar_pedido(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    pedir: Pedir<'_>,
    onde: Onde,
) -> Result<String, Refusal> {
    let Pedir { verbo, traz, .. } = pedir;
    let inexistente =
        || Refusal::com(Codigo::TransicaoInexistente, [verbo.chars().take(60).collect()]);
    let transicao = tipo.fluxo.transicao(verbo).ok_or_else(inexistente)?;
    let (quem, permissao) = if pessoa.id == UserId::SERVIDOR {
        (Quem::Sistema, None)
    } else if pessoa.portal() {
        (Quem::Cliente, None)
    } else {
        (Quem::Interno, Some(transicao.permissao))
    };
    if !transicao.quem.contains(&quem) {
        // What goes on inside has no name for a client (R52).
        return Err(match quem {
            Quem::Cliente => inexistente(),
            _ => Refusal::com(Codigo::NaoCabeAVoce, [transicao.rotulo.clone()]),
        });
    }
    if let Some(permissao) = permissao.filter(|permissao| !pessoa.pode(*permissao)) {
        return Err(Refusal::sem_permissao(permissao));
    }
    let Some(atual) = registro.situacao(tipo) else {
        return Err(Refusal::com(Codigo::TransicaoInexistente, [transicao.rotulo.clone()]));
    };
    let nao_permitida = || {
        // A client is not told of what goes on inside (R52).
        let visivel = registro.situacao_do_cliente(tipo).filter(|_| quem == Quem::Cliente);
        let detalhes = [visivel.unwrap_or(atual).nome.clone(), transicao.rotulo.clone()];
        Err(Refusal::com(Codigo::TransicaoNaoPermitida, detalhes))
    };
    if !transicao.de.contains(&atual.codigo) {
        return nao_permitida();
    }
    if onde == Onde::Aparelho && transicao.modo == Modo::Online {
        return Err(Refusal::new(Codigo::ExigeConexao));
    }
    match (transicao.traz, traz) {
        (a, b) if a == b => {}
        // An analysis comes only by the transition that is for it, under its permission (R85).
        (_, Some(_)) => return nao_permitida(),
        (Some(TipoAnalise::Solucao), None) => return Err(Refusal::new(Codigo::ExigeSolucao)),
        (Some(TipoAnalise::Parecer), None) => return Err(Refusal::new(Codigo::ExigeParecer)),
        (_, None) => return Err(Refusal::new(Codigo::ExigeLaudo)),
    }
    for guarda in &transicao.guardas {
        guardar(guarda, registro, tipo, transicao, pedir.motivo)?;
    }
    // Where the person comes to have it, nobody has to be said.
    let assume = transicao.efeitos.contains(&Consequencia::AtribuirSeVazio)
        && quem == Quem::Interno
        && pessoa.pode(Permissao::Ver);
    let exige = tipo.fluxo.situacao(&transicao.para).map_or(&[][..], |s| &s.exige);
    faltam(registro, tipo, exige.iter().filter(|nome| !(assume && *nome == "responsavel")))?;
    Ok(transicao.para.clone())
}

fn faltam<'a>(
    registro: &Registro,
    tipo: &Tipo,
    campos: impl IntoIterator<Item = &'a String>,
) -> Result<(), Refusal> {
    let vazios = campos.into_iter().filter(|nome| registro.valor(nome).vazio());
    let faltam: Vec<String> = vazios.map(|nome| tipo.rotulo(nome).to_owned()).collect();
    if faltam.is_empty() { Ok(()) } else { Err(Refusal::com(Codigo::ExigeCampo, faltam)) }
}

fn guardar(
    guarda: &Guarda,
    registro: &Registro,
    tipo: &Tipo,
    transicao: &Transicao,
    motivo: Option<&str>,
) -> Result<(), Refusal> {
    let categoria = registro.valor("categoria").texto().unwrap_or_default();
    let e_uma_de = |nomes: &[String]| nomes.iter().any(|nome| nome == categoria);
    let rotulo = || [transicao.rotulo.clone()];
    let sem = |analise| registro.vigente(analise).is_none();
    let falta = match guarda {
        Guarda::Laudo if tipo.exige_laudo && sem(TipoAnalise::Laudo) => Codigo::ExigeLaudo,
        Guarda::Solucao if sem(TipoAnalise::Solucao) => Codigo::ExigeSolucao,
        Guarda::Parecer if sem(TipoAnalise::Parecer) => Codigo::ExigeParecer,
        Guarda::Motivo if motivo.is_none_or(|m| m.trim().is_empty()) => Codigo::ExigeMotivo,
        Guarda::Procedencia if tipo.analisa_procedencia && !registro.procedencia_completa() => {
            Codigo::ExigeProcedencia
        }
        Guarda::Procedencia if tipo.analisa_procedencia && registro.procedencia_contraditoria() => {
            Codigo::ProcedenciaContraditoria
        }
        Guarda::Fotos => return fotos(registro, tipo),
        Guarda::NuncaConcluido if registro.ja_concluido(tipo) => {
            return Err(Refusal::com(Codigo::JaConcluido, rotulo()));
        }
        Guarda::Categoria(nomes) if !e_uma_de(nomes) => {
            return Err(Refusal::com(Codigo::ExigeCategoria, rotulo()));
        }
        Guarda::CategoriaExceto(nomes) if e_uma_de(nomes) => {
            return Err(Refusal::com(Codigo::ExigeCategoria, rotulo()));
        }
        Guarda::Campos(campos) => return faltam(registro, tipo, campos),
        Guarda::CamposDaCategoria { categorias, campos } if e_uma_de(categorias) => {
            return faltam(registro, tipo, campos);
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(falta))
}

/// The first category of which there are fewer photos than the tipo asks for: its label, how many
/// there are, and how many there must be.
fn faltam_fotos(
    registro: &Registro,
    tipo: &Tipo,
    conta: impl Fn(&ItemId) -> bool,
) -> Option<(String, usize, usize)> {
    tipo.min_fotos.iter().find_map(|(categoria, minimo)| {
        let da_categoria = registro
            .vivos(Colecao::Anexos)
            .filter(|(id, anexo)| anexo.valor("categoria").texto() == Some(categoria) && conta(id));
        let (ha, minimo) = (da_categoria.count(), *minimo as usize);
        let rotulo = CATEGORIAS_ANEXO.iter().find(|(codigo, _)| codigo == categoria);
        let rotulo = rotulo.map_or(categoria.as_str(), |(_, rotulo)| rotulo);
        (ha < minimo).then(|| (rotulo.to_owned(), ha, minimo))
    })
}

/// The same for a transition, if it asks for photos at all.
fn fotos_que_faltam(
    registro: &Registro,
    tipo: &Tipo,
    verbo: &str,
    conta: impl Fn(&ItemId) -> bool,
) -> Option<(String, usize, usize)> {
    tipo.fluxo.transicao(verbo).filter(|t| t.guardas.contains(&Guarda::Fotos))?;
    faltam_fotos(registro, tipo, conta)
}

fn fotos(registro: &Registro, tipo: &Tipo) -> Result<(), Refusal> {
    let Some((rotulo, _, minimo)) = faltam_fotos(registro, tipo, |_| true) else { return Ok(()) };
    Err(Refusal::com(Codigo::ExigeFotos, [rotulo, minimo.to_string()]))
}

/// What a transition that needs photos still waits for: those that the server has not verified yet.
/// A record is not concluded on photos that nobody but the phone has (ff08).
pub fn fotos_a_caminho(registro: &Registro, tipo: &Tipo, verbo: &str) -> Option<Refusal> {
    let verificada = |id: &ItemId| registro.arquivo(id) == SituacaoArquivo::Verificada;
    let (rotulo, ha, minimo) = fotos_que_faltam(registro, tipo, verbo, verificada)?;
    Some(Refusal::com(Codigo::FotosACaminho, [rotulo, format!("{ha} de {minimo}")]))
}

/// The transitions that the person could ask for now, in the fluxo's order: what buttons to show.
/// Those that only lack something that the person can still give are included.
pub fn disponiveis<'a>(
    registro: &Registro,
    tipo: &'a Tipo,
    pessoa: &Pessoa,
    onde: Onde,
) -> Vec<&'a Transicao> {
    let tentar = |transicao: &&Transicao| {
        let pedir = Pedir { verbo: &transicao.verbo, motivo: Some("?"), traz: transicao.traz };
        match julgar(registro, tipo, pessoa, pedir, onde) {
            Ok(_) => true,
            Err(refusal) => matches!(
                refusal.codigo,
                Codigo::ExigeLaudo
                    | Codigo::ExigeSolucao
                    | Codigo::ExigeParecer
                    | Codigo::ExigeProcedencia
                    | Codigo::ExigeFotos
                    | Codigo::FotosACaminho
                    | Codigo::ExigeCampo
            ),
        }
    };
    tipo.fluxo.transicoes.iter().filter(tentar).collect()
}

/// Who asked comes to have the record, where the transition says so and nobody has it.
fn assumir(registro: &mut Registro, tipo: &Tipo, pessoa: &Pessoa, verbo: &str) {
    let assume = tipo
        .fluxo
        .transicao(verbo)
        .is_some_and(|transicao| transicao.efeitos.contains(&Consequencia::AtribuirSeVazio));
    let tem = registro.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
    let vazio = registro.responsavel().is_none();
    if assume && tem && vazio && pessoa.pode(Permissao::Ver) {
        registro.campos.insert("responsavel".into(), Valor::Id(pessoa.id.into()));
    }
}

/// The record as it will stand if the server accepts every pending request of the person, judged in
/// order; requests that would be refused leave it as it is.
pub fn prever(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa) -> Registro {
    let mut previsto = registro.clone();
    let pendentes: Vec<_> =
        registro.pedidos_pendentes().filter(|p| p.autoria.por == pessoa.id).cloned().collect();
    for pedido in pendentes {
        let traz = previsto.analises.iter().find(|a| a.pedido == Some(pedido.id)).map(|a| a.tipo);
        let pedir = Pedir { verbo: &pedido.verbo, motivo: pedido.motivo.as_deref(), traz };
        let julgado = julgar_pedido(&previsto, tipo, pessoa, pedir, Onde::Servidor);
        if let Ok(para) = julgado {
            // Where a photo was discarded, another may have to be taken: the record stays open for
            // it, and what was asked for afterwards waits behind.
            let chega = |id: &ItemId| previsto.arquivo(id) != SituacaoArquivo::Recusada;
            if fotos_que_faltam(&previsto, tipo, &pedido.verbo, chega).is_some() {
                break;
            }
            let de = previsto.situacao(tipo).map_or(String::new(), |s| s.codigo.clone());
            previsto.situacao = Some(para.clone());
            assumir(&mut previsto, tipo, pessoa, &pedido.verbo);
            if let Some(julgado) = previsto.pedidos.iter_mut().find(|p| p.id == pedido.id) {
                let quando = pedido.quando;
                julgado.veredito = Some(Veredito { recusa: None, de, para, quando });
            }
        }
    }
    previsto
}

fn criar(tipo: &Tipo, pessoa: &Pessoa, comando: &Command) -> Result<(), Refusal> {
    let Command::Criar { id, kind, tipo: referencia, campos, itens } = comando else {
        return Err(Refusal::new(Codigo::NaoEncontrado));
    };
    if *referencia != tipo.referencia() || tipo.kind != *kind {
        return Err(Refusal::com(Codigo::TipoDesconhecido, [referencia.codigo.clone()]));
    }
    for (nome, valor) in campos {
        let campo = kind.campo(nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        policy::pode_criar(pessoa, tipo, Parte::Campo(campo))?;
        campo.validar(valor)?;
    }
    limite(itens.len(), ITENS_MAX + 1, "itens")?;
    let mut registro = rascunho(*id, tipo, pessoa, campos.clone());
    for item in itens {
        policy::pode_criar(pessoa, tipo, Parte::Item(Colecao::Itens))?;
        let novo = validar_item(*kind, Colecao::Itens, item, pessoa, tipo)?;
        registro.itens.insert(item.id, novo);
    }
    policy::pode_criar_registro(pessoa, &registro, tipo)?;
    registro.verificar(tipo)
}

fn rascunho(id: DocumentId, tipo: &Tipo, pessoa: &Pessoa, campos: Campos) -> Registro {
    let em = crate::ids::DeviceId::ESCRITORIO;
    Registro::novo(id, tipo, Autoria { por: pessoa.id, em }, campos)
}

fn validar_item(
    kind: Kind,
    em: Colecao,
    item: &NovoItem,
    pessoa: &Pessoa,
    tipo: &Tipo,
) -> Result<Item, Refusal> {
    if kind.campos_de(em).is_empty() {
        return Err(Refusal::campo_desconhecido(em.codigo()));
    }
    for (nome, valor) in &item.campos {
        kind.campo_de(em, nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?.validar(valor)?;
    }
    let autoria = Autoria { por: pessoa.id, em: crate::ids::DeviceId::ESCRITORIO };
    let novo = Item { campos: item.campos.clone(), removido: false, autoria };
    invariantes::parte_completa(kind, em, &novo, tipo)?;
    Ok(novo)
}

fn item_vivo(registro: &Registro, em: Colecao, item: ItemId) -> Result<(), Refusal> {
    match registro.colecao(em).get(&item) {
        Some(item) if !item.removido => Ok(()),
        _ => Err(Refusal::new(Codigo::ItemInexistente)),
    }
}

fn limite(atual: usize, max: usize, o_que: &str) -> Result<(), Refusal> {
    if atual < max {
        Ok(())
    } else {
        Err(Refusal::com(Codigo::LimiteExcedido, [o_que.to_owned(), max.to_string()]))
    }
}

/// Whether a note, reason or analysis says something and is within bounds.
///
/// # Errors
/// `texto_vazio` or `texto_longo_demais`.
pub fn texto_valido(texto: &str, rotulo: &str) -> Result<(), Refusal> {
    if texto.trim().is_empty() {
        return Err(Refusal::com(Codigo::TextoVazio, [rotulo.to_owned()]));
    }
    if texto.chars().count() > TEXTO_CHARS_MAX {
        let detalhes = [rotulo.to_owned(), TEXTO_CHARS_MAX.to_string()];
        return Err(Refusal::com(Codigo::TextoLongoDemais, detalhes));
    }
    if texto.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Refusal::com(Codigo::ValorInvalido, [rotulo.to_owned()]));
    }
    Ok(())
}
