//! Why something is not allowed: a stable code, and the pt-BR sentence for the person.

use crate::pessoa::Permissao;
use serde::{Deserialize, Serialize};

macro_rules! codigos {
    ($($(#[$doc:meta])* $variant:ident = $codigo:literal),+ $(,)?) => {
        /// The stable codes. A released code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Codigo {
            $($(#[$doc])* $variant),+
        }

        impl Codigo {
            /// Every code.
            pub const TODOS: &[Codigo] = &[$(Codigo::$variant),+];

            /// The code as it travels.
            pub const fn codigo(self) -> &'static str {
                match self { $(Codigo::$variant => $codigo),+ }
            }
        }
    };
}

codigos! {
    /// Fields that the tipo requires are empty (R7).
    CamposObrigatorios = "campos_obrigatorios",
    /// A value that its field does not accept.
    ValorInvalido = "valor_invalido",
    /// A text over its bound.
    TextoLongoDemais = "texto_longo_demais",
    /// The kind has no such field.
    CampoDesconhecido = "campo_desconhecido",
    /// Only the server or nobody writes this.
    CampoProtegido = "campo_protegido",
    /// The field is set once, at creation.
    CampoFixo = "campo_fixo",
    /// The situação does not let this be edited (R48).
    SituacaoNaoPermiteEdicao = "situacao_nao_permite_edicao",
    /// The person lacks the permission (R85).
    SemPermissao = "sem_permissao",
    /// The record does not exist, or not for this person.
    NaoEncontrado = "nao_encontrado",
    /// The record left this person's sight while the work was done (ff28).
    ForaDeAlcance = "fora_de_alcance",
    /// The id belongs to another record already.
    IdEmUso = "id_em_uso",
    /// The tipo, or this version of it, is not known.
    TipoDesconhecido = "tipo_desconhecido",
    /// The fluxo has no such transition.
    TransicaoInexistente = "transicao_inexistente",
    /// The transition does not leave from the current situação.
    TransicaoNaoPermitida = "transicao_nao_permitida",
    /// A laudo must be issued first (R48).
    ExigeLaudo = "exige_laudo",
    /// A reason must be given.
    ExigeMotivo = "exige_motivo",
    /// Only with a connection, in the office.
    ExigeConexao = "exige_conexao",
    /// The item does not exist or was removed.
    ItemInexistente = "item_inexistente",
    /// Over a limit on the number of parts.
    LimiteExcedido = "limite_excedido",
    /// The end comes before the start (R44).
    FimAntesDoInicio = "fim_antes_do_inicio",
    /// The bytes are not one well-formed, uncompressed change.
    AlteracaoInvalida = "alteracao_invalida",
    /// The change was not made by this person on this device.
    AutorAlheio = "autor_alheio",
    /// The device numbered two different changes alike (a restored backup).
    SequenciaRepetida = "sequencia_repetida",
    /// An operation that no command makes.
    OperacaoNaoPermitida = "operacao_nao_permitida",
    /// The record was erased for good.
    Apagado = "apagado",
    /// Somebody decided on the held work before.
    RetidaDecidida = "retida_decidida",
    /// Somebody else changed the field after this person saw it.
    ValorMudou = "valor_mudou",
    /// Somebody else changed the same lines of the text while this person wrote (ADR 0020).
    TextoMudou = "texto_mudou",
    /// The text itself is required (an empty note, an empty laudo).
    TextoVazio = "texto_vazio",
    /// The tipo does not keep such a thing (R34, R35, R62).
    RecursoDesabilitado = "recurso_desabilitado",
    /// The tipo's form has no such field.
    CampoForaDoTipo = "campo_fora_do_tipo",
    /// More money for the client than the tipo allows (R34).
    LimiteIndenizacao = "limite_indenizacao",
    /// A solução must be registered first (R65).
    ExigeSolucao = "exige_solucao",
    /// A parecer must be given first (R66).
    ExigeParecer = "exige_parecer",
    /// Only for other categories (R55, R56).
    ExigeCategoria = "exige_categoria",
    /// Whether the case is founded must be said first (R62).
    ExigeProcedencia = "exige_procedencia",
    /// More photos are needed.
    ExigeFotos = "exige_fotos",
    /// Photos that are needed were taken, and have not arrived yet.
    FotosACaminho = "fotos_a_caminho",
    /// Fields must be filled in first.
    ExigeCampo = "exige_campo",
    /// It was concluded before (R67).
    JaConcluido = "ja_concluido",
    /// Somebody else's to ask for: the client's, or the server's own.
    NaoCabeAVoce = "nao_cabe_a_voce",
    /// The tipo, or the situação, does not allow this action (R72–R75).
    AcaoNaoPermitida = "acao_nao_permitida",
    /// The action was answered already, in another way.
    AcaoRespondida = "acao_respondida",
    /// Only on the record that begins the case (R86).
    SomenteNaRaiz = "somente_na_raiz",
    /// A corrective action that does not fit the record (R77).
    CorretivaNaoPermitida = "corretiva_nao_permitida",
    /// A product that is not among those of the origem (R6).
    ProdutoForaDaOrigem = "produto_fora_da_origem",
    /// Somebody changed the record since it was read.
    VersaoMudou = "versao_mudou",
    /// The same action was asked for already and has no answer yet (R72–R75).
    AcaoEmAndamento = "acao_em_andamento",
    /// A text that is no e-mail address.
    EmailInvalido = "email_invalido",
    /// The record would be in the hands of somebody who cannot open it.
    ResponsavelSemAcesso = "responsavel_sem_acesso",
    /// The same relationship again, or one of a record with itself (R38).
    VinculoRepetido = "vinculo_repetido",
    /// No new records are made with the tipo.
    TipoRetirado = "tipo_retirado",
    /// The contract is another client's (R9).
    ContratoDeOutroCliente = "contrato_de_outro_cliente",
    /// A client's login where one of the company's people is needed (R23).
    ClienteDoPortal = "cliente_do_portal",
    /// The record and its items do not say the same of whether the case is founded (R62).
    ProcedenciaContraditoria = "procedencia_contraditoria",
}

/// A refusal: its code and the particulars that its sentence names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable code.
    pub codigo: Codigo,
    /// Labels of the fields concerned, or other particulars, in the order of the sentence.
    pub detalhes: Vec<String>,
}

// The sentences that take more than one line.
const EXIGE_PROCEDENCIA: &str = "Informe antes se o atendimento é procedente ou improcedente; \
     havendo mais de um item, em cada um deles.";
const RESPONSAVEL_SEM_ACESSO: &str = "A pessoa escolhida como responsável não pode ver este \
     registro: não trabalha mais na empresa, ou o registro é restrito a outras pessoas.";
const CORRETIVA_NAO_PERMITIDA: &str = "Só registros concluídos do mesmo tipo, que permita ação \
     corretiva, podem ser vinculados, e só a uma ação corretiva em rascunho.";
const PROCEDENCIA_CONTRADITORIA: &str = "A procedência do registro não combina com a dos itens: \
     ele é procedente quando algum item é.";

impl Refusal {
    /// A refusal without particulars.
    pub const fn new(codigo: Codigo) -> Self {
        Refusal { codigo, detalhes: Vec::new() }
    }

    /// A refusal with particulars.
    pub fn with(codigo: Codigo, detalhes: impl IntoIterator<Item = String>) -> Self {
        Refusal { codigo, detalhes: detalhes.into_iter().collect() }
    }

    /// A field that the kind does not have.
    pub fn campo_desconhecido(nome: &str) -> Self {
        Self::with(Codigo::CampoDesconhecido, [nome.chars().take(60).collect()])
    }

    /// Missing the permission.
    pub fn sem_permissao(permissao: Permissao) -> Self {
        Self::with(Codigo::SemPermissao, [permissao.codigo().to_owned()])
    }

    fn detalhe(&self, posicao: usize) -> &str {
        self.detalhes.get(posicao).map_or("", String::as_str)
    }

    /// The sentence for the person, in pt-BR.
    pub fn mensagem(&self) -> String {
        let d = |posicao| self.detalhe(posicao);
        match self.codigo {
            Codigo::CamposObrigatorios if self.detalhes.len() == 1 => {
                format!("Preencha o campo obrigatório: {}.", d(0))
            }
            Codigo::CamposObrigatorios => {
                format!("Preencha os campos obrigatórios: {}.", self.detalhes.join(", "))
            }
            Codigo::ValorInvalido if self.detalhes.len() > 1 => {
                format!("O valor de {} não pôde ser lido. Escreva, por exemplo, {}.", d(0), d(1))
            }
            Codigo::ValorInvalido => format!("O valor informado em {} não é válido.", d(0)),
            Codigo::TextoLongoDemais => {
                format!("O texto de {} passa do limite de {} caracteres.", d(0), d(1))
            }
            Codigo::CampoDesconhecido => format!("Não existe o campo “{}” neste registro.", d(0)),
            Codigo::RetidaDecidida => {
                "Este trabalho já foi decidido. Leia-o de novo para ver como.".into()
            }
            Codigo::ValorMudou => {
                format!("{} mudou depois que você leu. Veja o que está lá e grave de novo.", d(0))
            }
            Codigo::TextoMudou => {
                format!("{} mudou enquanto você escrevia. Compare, junte e grave de novo.", d(0))
            }
            Codigo::CampoProtegido => "Esta informação só é escrita pelo servidor.".into(),
            Codigo::CampoFixo => {
                format!("{} só se define na criação do registro.", d(0))
            }
            Codigo::SituacaoNaoPermiteEdicao => {
                format!("O registro está em “{}” e não pode ser alterado.", d(0))
            }
            Codigo::SemPermissao => {
                format!("Você não tem a permissão necessária ({}). Fale com o administrador.", d(0))
            }
            Codigo::NaoEncontrado => "Registro não encontrado.".into(),
            Codigo::ForaDeAlcance => {
                "O registro deixou de estar com você enquanto você trabalhava nele.".into()
            }
            Codigo::IdEmUso => "Este identificador já pertence a outro registro.".into(),
            Codigo::TipoDesconhecido => {
                format!("O tipo “{}” não existe nesta empresa.", d(0))
            }
            Codigo::TransicaoInexistente => {
                format!("A ação “{}” não existe para este registro.", d(0))
            }
            Codigo::TransicaoNaoPermitida => {
                format!("“{}” não é possível: o registro está em “{}”.", d(1), d(0))
            }
            Codigo::ExigeLaudo => "Emita o laudo antes de concluir.".into(),
            Codigo::ExigeMotivo => "Informe o motivo.".into(),
            Codigo::ExigeConexao => {
                "Esta ação só pode ser feita com conexão, pela retaguarda.".into()
            }
            Codigo::ItemInexistente => "O item não existe ou já foi removido.".into(),
            Codigo::LimiteExcedido => format!("Limite excedido: no máximo {} {}.", d(1), d(0)),
            Codigo::FimAntesDoInicio => "O fim não pode ser antes do início.".into(),
            Codigo::AlteracaoInvalida => {
                "A alteração recebida não pôde ser lida e não foi aplicada.".into()
            }
            Codigo::AutorAlheio => {
                "A alteração não foi feita por esta pessoa neste aparelho.".into()
            }
            Codigo::SequenciaRepetida => {
                "O aparelho repetiu uma numeração de alterações; ela será refeita.".into()
            }
            Codigo::OperacaoNaoPermitida => "A alteração contém uma operação não permitida.".into(),
            Codigo::Apagado => "O registro foi apagado definitivamente pela empresa.".into(),
            Codigo::TextoVazio => format!("Escreva algo em {}.", d(0)),
            Codigo::RecursoDesabilitado => {
                format!("Este tipo de registro não usa {}.", d(0))
            }
            Codigo::CampoForaDoTipo => {
                format!("Este tipo de registro não tem o campo {}.", d(0))
            }
            Codigo::LimiteIndenizacao => {
                format!("O valor indenizado passa do limite deste tipo: {}.", d(0))
            }
            Codigo::ExigeSolucao => "Registre a solução antes.".into(),
            Codigo::ExigeParecer => "Informe o parecer final antes de concluir.".into(),
            Codigo::ExigeCategoria => {
                format!("“{}” não é possível para esta categoria.", d(0))
            }
            Codigo::ExigeProcedencia => EXIGE_PROCEDENCIA.into(),
            Codigo::ExigeFotos => {
                format!("Faltam fotos da categoria {}: são necessárias {}.", d(0), d(1))
            }
            Codigo::FotosACaminho => {
                format!("As fotos da categoria {} ainda não chegaram todas: {}.", d(0), d(1))
            }
            Codigo::ExigeCampo => format!("Preencha antes: {}.", self.detalhes.join(", ")),
            Codigo::JaConcluido => {
                format!("“{}” não é possível: o registro já foi concluído.", d(0))
            }
            Codigo::NaoCabeAVoce => format!("“{}” não pode ser pedido por você.", d(0)),
            Codigo::AcaoNaoPermitida => {
                format!("A ação “{}” não é possível neste registro agora.", d(0))
            }
            Codigo::AcaoRespondida => {
                format!("A ação “{}” já foi respondida.", d(0))
            }
            Codigo::SomenteNaRaiz => {
                "A restrição é feita na assistência a que este registro pertence.".into()
            }
            Codigo::VersaoMudou => {
                "O registro mudou depois de lido. Leia-o de novo antes de alterar.".into()
            }
            Codigo::AcaoEmAndamento => {
                format!("“{}” já foi pedida e ainda não foi respondida.", d(0))
            }
            Codigo::EmailInvalido => format!("{} não é um e-mail válido.", d(0)),
            Codigo::ResponsavelSemAcesso => RESPONSAVEL_SEM_ACESSO.into(),
            Codigo::VinculoRepetido => {
                "Este vínculo já existe, ou liga o registro a ele mesmo.".into()
            }
            Codigo::TipoRetirado => {
                format!("O tipo “{}” não é mais usado em registros novos.", d(0))
            }
            Codigo::ContratoDeOutroCliente => "O contrato é de outro cliente.".into(),
            Codigo::ClienteDoPortal => {
                format!("{} precisa ser uma pessoa da empresa com acesso aos registros.", d(0))
            }
            Codigo::ProcedenciaContraditoria => PROCEDENCIA_CONTRADITORIA.into(),
            Codigo::ProdutoForaDaOrigem => {
                format!("“{}” não está entre os produtos de {}.", d(0), d(1))
            }
            Codigo::CorretivaNaoPermitida => CORRETIVA_NAO_PERMITIDA.into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.codigo.codigo(), self.mensagem())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_has_a_sentence() {
        let mut codigos: Vec<_> = Codigo::TODOS.iter().map(|codigo| codigo.codigo()).collect();
        codigos.sort_unstable();
        codigos.dedup();
        assert_eq!(codigos.len(), Codigo::TODOS.len());
        for codigo in Codigo::TODOS {
            assert!(Refusal::new(*codigo).mensagem().ends_with('.'), "{codigo:?}");
        }
    }

    #[test]
    fn the_serialised_code_is_the_code() {
        for codigo in Codigo::TODOS {
            let texto = serde_json::to_string(codigo).unwrap();
            assert_eq!(texto, format!("\"{}\"", codigo.codigo()));
        }
    }
}
