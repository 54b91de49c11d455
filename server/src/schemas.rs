//! Shapes for the OpenAPI document that the domain has without saying so: its closed sets, and the
//! tipo with its fluxo. The tests hold them against what the domain reads and writes.

use campo_domain::{
    kind,
    parte::{self, CATEGORIAS_ANEXO},
    pessoa,
    registro::{self, SituacaoAcao, SituacaoArquivo, TipoAnalise},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};

/// Sets of codes: each a type that only its schema is wanted of, for `#[schema(value_type = …)]`.
macro_rules! conjuntos {
    ($($(#[doc = $doc:literal])+ $nome:ident = $codigos:expr;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $nome {}

            impl PartialSchema for $nome {
                fn schema() -> RefOr<Schema> {
                    let texto = ObjectBuilder::new().schema_type(Type::String);
                    let descricao = concat!($($doc),+).trim();
                    texto.description(Some(descricao)).enum_values(Some($codigos)).into()
                }
            }

            impl ToSchema for $nome {}
        )+

        /// All of them: the document does not gather by itself what only parameters name.
        pub fn conjuntos() -> Vec<(String, RefOr<Schema>)> {
            vec![$(($nome::name().into_owned(), $nome::schema())),+]
        }
    };
}

conjuntos! {
    /// Um tipo de registro.
    Kind = kind::Kind::TODOS.map(kind::Kind::codigo);
    /// O que uma situação quer dizer, seja qual for o nome dela.
    Fase = ["rascunho", "fila", "andamento", "espera_cliente", "conclusao", "concluido",
        "cancelado", "negado"];
    /// O que uma pessoa pode fazer.
    Permissao = pessoa::Permissao::TODAS.map(pessoa::Permissao::codigo);
    /// O que uma análise é.
    TipoDeAnalise = TipoAnalise::TODOS.map(TipoAnalise::codigo);
    /// Para quem é uma anotação.
    Visibilidade = [registro::Visibilidade::Interna, registro::Visibilidade::Cliente]
        .map(registro::Visibilidade::codigo);
    /// Em que ponto está uma ação pedida ao ERP.
    SituacaoDaAcao = [SituacaoAcao::Solicitada, SituacaoAcao::Concluida, SituacaoAcao::Recusada]
        .map(SituacaoAcao::codigo);
    /// Até onde chegaram os bytes de um arquivo.
    SituacaoDoArquivo = SituacaoArquivo::TODAS.map(SituacaoArquivo::codigo);
    /// O que uma foto ou um arquivo mostra.
    CategoriaDeAnexo = CATEGORIAS_ANEXO.iter().map(|(codigo, _)| *codigo);
    /// Qual imagem de um arquivo.
    Variante = parte::Variante::TODAS.map(parte::Variante::codigo);
    /// A prioridade de um registro.
    Prioridade = escolhas("prioridade");
    /// Quem paga.
    Modalidade = escolhas("modalidade");
    /// O que um campo aceita.
    TipoDeCampo = ["texto", "texto_longo", "dinheiro", "quantidade", "inteiro", "logico", "data",
        "instante", "escolha", "catalogo", "usuario", "registro"];
    /// Como uma transição se comporta longe do servidor: feita na hora, proposta até que ele a
    /// julgue, ou só com ele.
    Modo = ["direto", "propor", "online"];
    /// O que foi decidido de um trabalho retido.
    SituacaoDoRetido = ["aguardando", "aprovado", "descartado"];
    /// Até onde chegou um e-mail. `nao_enviado`: falta configurar o envio; `vencido`: esperou
    /// demais e só sai se alguém o reenviar.
    SituacaoDoEmail = ["pendente", "enviado", "falhou", "sem_endereco", "nao_enviado", "vencido",
        "cancelado"];
    /// O que aconteceu com um registro.
    TipoDeAcontecimento = ["criacao", "campo", "texto", "item", "despesa", "anexo", "vinculo",
        "participante", "interessado", "nota", "pedido", "veredito", "analise", "acao", "corretiva",
        "restricao", "numero", "arquivo", "email"];
    /// Quem pede uma transição: as pessoas da empresa, o cliente no portal, o próprio servidor.
    QuemPede = ["interno", "cliente", "sistema"];
}

/// The codes of a choice of an ocorrência.
fn escolhas(campo: &str) -> impl Iterator<Item = &'static str> {
    let campo = kind::Kind::Ocorrencia.campo(campo);
    campo.into_iter().flat_map(|campo| campo.escolhas()).map(|(codigo, _)| *codigo)
}

/// Uma versão de um tipo, inteira: os campos, as regras e o fluxo.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TipoCompleto {
    /// Nome estável na empresa; um preset põe o seu nome na frente.
    #[schema(pattern = "^[a-z0-9._]{1,64}$")]
    codigo: String,
    /// A versão, a partir de 1: quem a dá é o servidor, diga o pedido o que disser.
    #[serde(default)]
    versao: u32,
    /// Como as pessoas o chamam.
    nome: String,
    /// De que registros é; não muda de uma versão para outra.
    #[schema(value_type = Kind)]
    kind: String,
    /// Campos que precisam ser preenchidos.
    obrigatorios: Vec<String>,
    /// Campos que precisam ser preenchidos também onde outro tem um valor: por campo, por valor.
    #[serde(default)]
    obrigatorios_por: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Os campos que os registros têm; todos, se vazio.
    #[serde(default)]
    formulario: Vec<String>,
    /// Os campos que os itens têm; todos, se vazio.
    #[serde(default)]
    formulario_itens: Vec<String>,
    /// Se concluir exige um laudo.
    #[serde(default)]
    exige_laudo: bool,
    /// Se é dito se a reclamação procede.
    #[serde(default)]
    analisa_procedencia: bool,
    /// Se uma ação corretiva pode reunir os registros.
    #[serde(default)]
    permite_acao_corretiva: bool,
    /// Se o que foi concluído ou negado pode ser reaberto.
    #[serde(default)]
    permite_reabrir: bool,
    /// Se os itens levam dinheiro para o cliente, e quanto.
    #[serde(default)]
    indenizacao: Option<LimiteDeIndenizacao>,
    /// Se os registros têm despesas.
    #[serde(default)]
    despesas: bool,
    /// Quem se pode dizer que paga; todos, se vazio.
    #[serde(default)]
    #[schema(value_type = Vec<Modalidade>)]
    modalidades: Vec<String>,
    /// O que se pode pedir ao ERP.
    #[serde(default)]
    acoes: Vec<AcaoDoTipo>,
    /// Quantas fotos de cada categoria a guarda `fotos` pede: de 1 a 100.
    #[serde(default)]
    min_fotos: BTreeMap<String, u32>,
    /// Dias numa situação, pelo código dela: de 1 a 3650.
    #[serde(default)]
    prazos: BTreeMap<String, u32>,
    /// Dias sem movimento à espera do cliente até que o servidor aja.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    dias_inatividade: Option<u32>,
    /// Categorias, onde os registros as têm.
    #[serde(default)]
    categorias: Vec<CategoriaDoTipo>,
    /// Se os clientes os veem e abrem no portal.
    #[serde(default)]
    visivel_no_portal: bool,
    /// Os campos que um cliente preenche.
    #[serde(default)]
    portal_campos: Vec<String>,
    /// O que mais um cliente lê.
    #[serde(default)]
    portal_leitura: Vec<LeituraDoPortal>,
    /// O que o formulário diz ao lado de um campo; `anexos` vale pelos arquivos.
    #[serde(default)]
    orientacoes: BTreeMap<String, String>,
    /// Como a empresa chama um campo, onde não é como o Campo o chama.
    #[serde(default)]
    rotulos: BTreeMap<String, String>,
    /// Se qualquer pessoa pode passar um registro a outra, e não só quem gerencia.
    #[serde(default)]
    atribuicao_livre: bool,
    /// Se é guardado onde uma foto foi tirada; senão, só o próprio original diz.
    #[serde(default)]
    pede_posicao: bool,
    /// As situações e as transições.
    fluxo: FluxoDoTipo,
}

/// Dinheiro a pagar ao cliente.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LimiteDeIndenizacao {
    /// O máximo de um registro inteiro, em centavos; sem limite, se nulo.
    #[schema(minimum = 0)]
    limite: Option<i64>,
}

/// Uma ação que se pode pedir ao ERP.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcaoDoTipo {
    /// Nome estável: o que é dito ao ERP.
    #[schema(pattern = "^[a-z0-9._]{1,64}$")]
    codigo: String,
    /// O texto do botão.
    rotulo: String,
    /// O que a pessoa precisa poder.
    #[schema(value_type = Permissao)]
    permissao: String,
    /// Em que fases.
    #[schema(value_type = Vec<Fase>)]
    fases: Vec<String>,
    /// O que precisa estar preenchido: campos; `itens`, ao menos um item; `itens.campo`, o campo
    /// deles.
    #[serde(default)]
    exige: Vec<String>,
    /// Campos que precisam ter um destes valores.
    #[serde(default)]
    exige_valor: BTreeMap<String, Vec<String>>,
}

/// Uma categoria de registros.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CategoriaDoTipo {
    /// Nome estável.
    #[schema(pattern = "^[a-z0-9._]{1,64}$")]
    codigo: String,
    /// O que uma pessoa lê.
    nome: String,
    /// A prioridade de um registro que não diz a sua.
    #[schema(value_type = Prioridade)]
    prioridade: String,
    /// Se os clientes não a podem escolher.
    #[serde(default)]
    interna: bool,
}

/// Um campo que um cliente lê.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum LeituraDoPortal {
    /// Sempre: o campo.
    Sempre(String),
    /// Só nestas situações.
    NasSituacoes(LeituraPorSituacao),
}

/// Um campo que um cliente lê só em algumas situações.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LeituraPorSituacao {
    /// O campo.
    campo: String,
    /// As situações, pelo código.
    situacoes: Vec<String>,
}

/// As situações e as transições entre elas.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FluxoDoTipo {
    /// Nome estável.
    #[schema(pattern = "^[a-z0-9._]{1,64}$")]
    codigo: String,
    /// A situação de um registro novo.
    inicial: String,
    /// As situações, na ordem de uma lista.
    #[schema(min_items = 1, max_items = 100)]
    situacoes: Vec<SituacaoDoFluxo>,
    /// As transições.
    #[schema(max_items = 500)]
    transicoes: Vec<TransicaoDoFluxo>,
}

/// Uma situação.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SituacaoDoFluxo {
    /// Nome estável no fluxo.
    #[schema(pattern = "^[a-z0-9._]{1,64}$")]
    codigo: String,
    /// O que uma pessoa lê.
    nome: String,
    /// O que quer dizer.
    #[schema(value_type = Fase)]
    fase: String,
    /// O que se pode alterar nela.
    campos_editaveis: CamposEditaveis,
    /// Se um cliente a vê.
    #[serde(default = "sim")]
    visivel_cliente: bool,
    /// Campos que não podem estar vazios nela.
    #[serde(default)]
    exige: Vec<String>,
    /// Se ainda se anota e anexa nela, embora tenha acabado.
    #[serde(default)]
    aceita_notas: bool,
}

const fn sim() -> bool {
    true
}

/// Que campos se pode alterar.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CamposEditaveis {
    /// Todos.
    Todos,
    /// Nenhum.
    Nenhum,
    /// Estes; `itens`, `despesas`, `anexos`, `vinculos` e `analises` valem pelas partes.
    Apenas(Vec<String>),
}

/// Uma transição: de umas situações para outra.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TransicaoDoFluxo {
    /// Nome estável do ato, único no fluxo: o que está no endereço do pedido.
    #[schema(pattern = "^[a-z0-9_]{1,64}$")]
    verbo: String,
    /// O texto do botão.
    rotulo: String,
    /// De onde sai.
    #[schema(min_items = 1)]
    de: Vec<String>,
    /// Aonde leva.
    para: String,
    /// O que uma pessoa da empresa precisa poder.
    #[schema(value_type = Permissao)]
    permissao: String,
    /// Como se comporta longe do servidor.
    #[schema(value_type = Modo)]
    modo: String,
    /// Quem a pede; se nada for dito, as pessoas da empresa.
    #[serde(default = "so_interno")]
    #[schema(value_type = Vec<QuemPede>, min_items = 1)]
    quem: Vec<String>,
    /// A análise que o próprio pedido leva.
    #[serde(default)]
    #[schema(value_type = Option<TipoDeAnalise>)]
    traz: Option<String>,
    /// O que mais precisa valer.
    #[serde(default)]
    guardas: Vec<GuardaDaTransicao>,
    /// O que se segue.
    #[serde(default)]
    efeitos: Vec<EfeitoDaTransicao>,
}

fn so_interno() -> Vec<String> {
    vec!["interno".to_owned()]
}

/// O que precisa valer para uma transição.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum GuardaDaTransicao {
    /// Um laudo que vale, onde o tipo o exige.
    Laudo,
    /// Uma solução que vale.
    Solucao,
    /// Um parecer que vale.
    Parecer,
    /// O pedido diz por quê.
    Motivo,
    /// Foi dito se a reclamação procede, de cada item, onde o tipo analisa isso.
    Procedencia,
    /// As fotos que o tipo pede.
    Fotos,
    /// Nunca foi concluído antes.
    NuncaConcluido,
    /// A categoria é uma destas.
    Categoria(Vec<String>),
    /// A categoria não é nenhuma destas.
    CategoriaExceto(Vec<String>),
    /// Estes campos estão preenchidos.
    Campos(Vec<String>),
    /// Estes campos estão preenchidos, onde a categoria é uma daquelas.
    CamposDaCategoria {
        /// As categorias.
        categorias: Vec<String>,
        /// Os campos.
        campos: Vec<String>,
    },
}

/// O que se segue a uma transição.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EfeitoDaTransicao {
    /// Os interessados são avisados, com este modelo de e-mail.
    NotificarInteressados(String),
    /// O cliente é avisado com este modelo de e-mail, se o pedido o diz.
    OferecerEmail(String),
    /// Quem pediu passa a ser responsável, se ninguém é.
    AtribuirSeVazio,
}

#[cfg(test)]
mod tests {
    use super::*;
    use campo_domain::{fluxo, preset, tipo::Tipo};
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    /// The names that reading accepts, as its own complaint about another tells them.
    fn aceitos<T: DeserializeOwned>() -> Vec<String> {
        let error = serde_json::from_value::<T>(json!("?")).err().unwrap().to_string();
        let nomes = error.split('`').skip(3).step_by(2);
        nomes.map(str::to_owned).collect()
    }

    fn do_conjunto<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        serde_json::from_value(schema["enum"].clone()).unwrap()
    }

    #[test]
    fn a_set_of_the_document_is_the_set_that_is_read() {
        assert_eq!(do_conjunto::<Kind>(), aceitos::<kind::Kind>());
        assert_eq!(do_conjunto::<Fase>(), aceitos::<fluxo::Fase>());
        assert_eq!(do_conjunto::<Permissao>(), aceitos::<pessoa::Permissao>());
        assert_eq!(do_conjunto::<TipoDeAnalise>(), aceitos::<TipoAnalise>());
        assert_eq!(do_conjunto::<Visibilidade>(), aceitos::<registro::Visibilidade>());
        assert_eq!(do_conjunto::<SituacaoDaAcao>(), aceitos::<SituacaoAcao>());
        assert_eq!(do_conjunto::<Variante>(), aceitos::<parte::Variante>());
        assert_eq!(do_conjunto::<Modo>(), aceitos::<fluxo::Modo>());
        assert_eq!(do_conjunto::<QuemPede>(), aceitos::<fluxo::Quem>());
        assert_eq!(aceitos::<GuardaDaTransicao>(), aceitos::<fluxo::Guarda>());
        assert_eq!(aceitos::<EfeitoDaTransicao>(), aceitos::<fluxo::Consequencia>());
        assert_eq!(aceitos::<CamposEditaveis>(), aceitos::<fluxo::CamposEditaveis>());
        assert!(aceitos::<fluxo::Guarda>().len() > 10);
        let campos = kind::Kind::TODOS.into_iter().flat_map(|kind| {
            let partes = parte::Colecao::TODAS.into_iter().flat_map(move |em| kind.campos_de(em));
            kind.campos().iter().chain(partes)
        });
        for campo in campos {
            let tipo = campo.codigo_do_tipo().to_owned();
            assert!(do_conjunto::<TipoDeCampo>().contains(&tipo), "{tipo}");
        }
    }

    #[test]
    fn a_tipo_in_the_document_is_what_the_domain_writes_and_reads() {
        for id in preset::ids() {
            for tipo in preset::carregar(id).unwrap().tipos {
                let escrito = serde_json::to_value(&tipo).unwrap();
                let lido: TipoCompleto = serde_json::from_value(escrito.clone()).unwrap();
                let de_volta = serde_json::to_value(lido).unwrap();
                assert_eq!(de_volta, escrito, "{}", tipo.codigo);
            }
        }
        // What may be left out is the same too, at every depth, and so is what it means.
        let minimo = json!({
            "codigo": "x", "versao": 1, "nome": "X", "kind": "ocorrencia", "obrigatorios": [],
            "acoes": [{ "codigo": "a", "rotulo": "A", "permissao": "ver", "fases": ["fila"] }],
            "categorias": [{ "codigo": "c", "nome": "C", "prioridade": "normal" }],
            "portal_leitura": ["relato", { "campo": "resolucao", "situacoes": ["a"] }],
            "indenizacao": {},
            "fluxo": { "codigo": "f", "inicial": "a",
                "situacoes": [{ "codigo": "a", "nome": "A", "fase": "fila",
                                "campos_editaveis": { "apenas": ["relato"] } }],
                "transicoes": [{ "verbo": "v", "rotulo": "V", "de": ["a"], "para": "a",
                                 "permissao": "ver", "modo": "propor",
                                 "guardas": ["laudo", { "campos_da_categoria": {
                                     "categorias": [], "campos": [] } }] }] },
        });
        let tipo: Tipo = serde_json::from_value(minimo.clone()).unwrap();
        let completo: TipoCompleto = serde_json::from_value(minimo.clone()).unwrap();
        let (tipo, completo) = (json!(tipo), json!(completo));
        assert_eq!(completo, tipo);
        for falta in [
            "/codigo",
            "/nome",
            "/kind",
            "/obrigatorios",
            "/acoes/0/fases",
            "/acoes/0/permissao",
            "/categorias/0/prioridade",
            "/fluxo/inicial",
            "/fluxo/situacoes/0/campos_editaveis",
            "/fluxo/transicoes/0/modo",
            "/fluxo/transicoes/0/de",
        ] {
            let (onde, nome) = falta.rsplit_once('/').unwrap();
            let mut sem = minimo.clone();
            sem.pointer_mut(onde).and_then(Value::as_object_mut).unwrap().remove(nome).unwrap();
            assert!(serde_json::from_value::<Tipo>(sem.clone()).is_err(), "{falta}");
            assert!(serde_json::from_value::<TipoCompleto>(sem).is_err(), "{falta}");
        }
    }
}
