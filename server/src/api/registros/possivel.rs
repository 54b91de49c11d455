//! What a person may do to a record now, with what each thing still lacks: what buttons to show.
//! The rules are the domain's; this asks them.

use super::vista::Recusa;
use crate::reading::json::Situacao;
use campo_domain::{
    command::{Command, Listados},
    fluxo::{Consequencia, Guarda, Transicao},
    ids::{AcaoId, CorretivaId},
    parte::Colecao,
    pessoa::Pessoa,
    policy::{self, Parte},
    refusal::Codigo,
    registro::{Registro, TipoAnalise},
    tipo::Tipo,
    workflow::{self, Asked, Onde},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Uma transição que se pode pedir.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verbo {
    /// O nome da transição, para o endereço do pedido.
    verbo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// Aonde leva.
    para: Option<Situacao>,
    /// Se o pedido leva um motivo.
    motivo: bool,
    /// A análise que o pedido leva: laudo, solucao ou parecer.
    #[schema(value_type = Option<crate::schemas::TipoDeAnalise>)]
    analise: Option<&'static str>,
    /// Se a análise diz se a reclamação procede.
    procedente: bool,
    /// Se o pedido pode avisar o cliente por e-mail.
    oferece_email: bool,
    /// O que ainda falta para que seja aceito.
    falta: Option<Recusa>,
}

/// Uma ação que se pode pedir ao ERP.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcaoPossivel {
    /// O código.
    codigo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// O que ainda falta.
    falta: Option<Recusa>,
}

/// O que mais a pessoa pode fazer agora.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pode {
    /// Incluir e remover itens.
    itens: bool,
    /// Incluir e remover despesas.
    despesas: bool,
    /// Incluir anexos.
    anexos: bool,
    /// Remover anexos.
    remover_anexos: bool,
    /// Incluir e remover vínculos.
    vinculos: bool,
    /// Anotar.
    notas: bool,
    /// Incluir e remover participantes.
    participantes: bool,
    /// Incluir e remover interessados.
    interessados: bool,
    /// Registrar análises parciais.
    analise_parcial: bool,
    /// Restringir a visualização.
    restringir: bool,
    /// Vincular a uma ação corretiva.
    vincular_corretiva: bool,
}

/// The transitions that the person may ask for.
pub fn verbos(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa) -> Vec<Verbo> {
    let um = |transicao: &Transicao| {
        let asked = Asked { verb: &transicao.verbo, reason: Some("?"), brings: transicao.traz };
        let julgado = workflow::judge(registro, tipo, pessoa, asked, Onde::Servidor);
        let email = |efeito: &Consequencia| matches!(efeito, Consequencia::OferecerEmail(_));
        // A client is not told where it leads if that is the company's own (R52).
        let para = tipo.fluxo.situacao(&transicao.para);
        let para = para.filter(|para| !pessoa.portal() || para.visivel_cliente);
        Verbo {
            verbo: transicao.verbo.clone(),
            rotulo: transicao.rotulo.clone(),
            para: para.map(Situacao::from),
            motivo: transicao.guardas.contains(&Guarda::Motivo),
            analise: transicao.traz.map(TipoAnalise::codigo),
            procedente: transicao.traz == Some(TipoAnalise::Laudo),
            oferece_email: transicao.efeitos.iter().any(email),
            falta: julgado.err().as_ref().map(Recusa::from),
        }
    };
    workflow::available(registro, tipo, pessoa, Onde::Servidor).into_iter().map(um).collect()
}

/// The actions that the person may ask for, those that lack a field included.
pub fn acoes(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa) -> Vec<AcaoPossivel> {
    let uma = |acao: &campo_domain::tipo::AcaoPermitida| {
        let codigo = acao.codigo.clone();
        let acao_id = AcaoId::from_u128(0);
        let pedir = Command::SolicitarAcao { acao: acao_id, codigo, observacao: None };
        let falta = match workflow::decide(Some(registro), tipo, pessoa, &pedir, Onde::Servidor) {
            Ok(_) => None,
            Err(refusal) if refusal.codigo == Codigo::ExigeCampo => Some(Recusa::from(&refusal)),
            Err(_) => return None,
        };
        Some(AcaoPossivel { codigo: acao.codigo.clone(), rotulo: acao.rotulo.clone(), falta })
    };
    tipo.acoes.iter().filter_map(uma).collect()
}

/// What else the person may do.
pub fn pode(registro: &Registro, tipo: &Tipo, pessoa: &Pessoa) -> Pode {
    let pode = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte).is_ok();
    let colecao = |colecao| {
        let tem = !registro.kind.campos_de(colecao).is_empty();
        let usa = colecao != Colecao::Despesas || tipo.despesas;
        tem && usa && pode(Parte::Item(colecao))
    };
    let faria = |comando: &Command| {
        workflow::decide(Some(registro), tipo, pessoa, comando, Onde::Servidor).is_ok()
    };
    let listados = Listados { usuarios: [pessoa.id].into(), ..Listados::default() };
    let corretiva = CorretivaId::from_u128(0);
    Pode {
        itens: colecao(Colecao::Itens),
        despesas: colecao(Colecao::Despesas),
        anexos: colecao(Colecao::Anexos),
        remover_anexos: colecao(Colecao::Anexos) && pode(Parte::Remocao(Colecao::Anexos)),
        vinculos: colecao(Colecao::Vinculos),
        notas: pode(Parte::Nota),
        participantes: pode(Parte::Participante),
        interessados: pode(Parte::Interessado),
        analise_parcial: pode(Parte::AnaliseParcial),
        restringir: faria(&Command::Restringir { para: Some(listados) }),
        vincular_corretiva: faria(&Command::VincularCorretiva { corretiva, numero: String::new() }),
    }
}
