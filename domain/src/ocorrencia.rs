//! Fields of an ocorrência (R1, R6, R12–R37, R57) and of its items and despesas (R20, R33, R35).

use crate::{
    assistencia::PRIORIDADES,
    kind::Kind,
    valor::{
        Alvo, Campo,
        TipoCampo::{
            Centavos, Data, Escolha, Instante, Inteiro, Logico, Milesimos, Referencia, Texto,
            TextoLongo,
        },
    },
};

const ESCOPOS: &[(&str, &str)] = &[
    ("cliente", "Cliente"),
    ("fornecedor", "Fornecedor"),
    ("produto", "Produto"),
    ("servico", "Serviço"),
    ("processo_interno", "Processo interno"),
];

const MODALIDADES: &[(&str, &str)] = &[
    ("loja", "Paga pela Loja"),
    ("fabrica", "Paga pela Fábrica"),
    ("cliente", "Paga pelo Cliente"),
    ("transportadora", "Paga pela Transportadora"),
];

const RESPONSABILIDADES: &[(&str, &str)] = &[
    ("loja", "Loja"),
    ("fabrica", "Fábrica"),
    ("cliente", "Cliente"),
    ("transportadora", "Transportadora"),
    ("montagem", "Montagem"),
    ("a_apurar", "A apurar"),
];

const ORIGENS: &[(&str, &str)] = &[
    ("proposta", "Proposta"),
    ("nf_saida", "Nota fiscal de saída"),
    ("nf_entrada", "Nota fiscal de entrada"),
];

/// Whether what the client says is founded (R62).
const PROCEDENCIAS: &[(&str, &str)] =
    &[("procedente", "Procedente"), ("improcedente", "Improcedente")];

/// Largest sum of money, in centavos.
const CENTAVOS_MAX: i64 = 1_000_000_000_000;

/// The fields, in the order of a form.
pub(crate) const CAMPOS: &[Campo] = &[
    Campo::novo(
        "assistencia",
        "Assistência",
        Referencia(Alvo::Documento(Kind::Assistencia)),
        "R12",
    )
    .fixo(),
    Campo::novo("assunto", "Assunto", Texto { chars_max: 200 }, "R37"),
    Campo::novo("escopo", "Escopo", Escolha(ESCOPOS), "R1"),
    Campo::novo("cliente", "Cliente", Referencia(Alvo::Documento(Kind::Cliente)), "R1"),
    Campo::novo("fornecedor", "Fornecedor", Referencia(Alvo::Catalogo("fornecedor")), "R1"),
    Campo::novo("produto", "Produto ou serviço", Texto { chars_max: 200 }, "R1"),
    Campo::novo("categoria", "Categoria", Referencia(Alvo::Catalogo("categoria")), "R27"),
    Campo::novo(
        "tipo_ocorrencia",
        "Tipo de Ocorrência",
        Referencia(Alvo::Catalogo("tipo_ocorrencia")),
        "R13",
    ),
    Campo::novo("modalidade", "Modalidade", Escolha(MODALIDADES), "R14"),
    Campo::novo("pedido_fornecedor", "Pedido do Fornecedor", Texto { chars_max: 60 }, "R15"),
    Campo::novo("ambiente", "Ambiente", Referencia(Alvo::Catalogo("ambiente")), "R16"),
    Campo::novo("linha", "Linha de produto", Referencia(Alvo::Catalogo("linha")), "R17"),
    Campo::novo("previsao_correcao", "Previsão de Correção", Data, "R19"),
    Campo::novo("responsabilidade", "Responsabilidade", Escolha(RESPONSABILIDADES), "R22"),
    Campo::novo("canal", "Canal de comunicação", Referencia(Alvo::Catalogo("canal")), "R31"),
    Campo::novo("setor", "Processo/Setor", Referencia(Alvo::Catalogo("setor")), "R31"),
    Campo::novo("filial", "Filial", Referencia(Alvo::Catalogo("filial")), "R32"),
    Campo::novo("atendimento_em", "Data/Hora do atendimento", Instante, "R31"),
    Campo::novo("modulo", "Módulo", Referencia(Alvo::Catalogo("modulo")), "R98"),
    Campo::novo("relato", "Relato", TextoLongo { chars_max: 20_000 }, "R12"),
    Campo::novo("exemplo", "Exemplo e caminho", TextoLongo { chars_max: 10_000 }, "R25"),
    Campo::novo("impacto", "Impacto", TextoLongo { chars_max: 10_000 }, "R25"),
    Campo::novo("origem", "Origem", Escolha(ORIGENS), "R6"),
    Campo::novo("origem_numero", "Número da origem", Texto { chars_max: 60 }, "R6"),
    Campo::novo("contato_nome", "Nome do contato", Texto { chars_max: 120 }, "R6"),
    Campo::novo("contato_telefone", "Telefone do contato", Texto { chars_max: 30 }, "R6"),
    Campo::novo("contato_email", "E-mail do contato", Texto { chars_max: 254 }, "R6"),
    Campo::novo("responsavel", "Responsável", Referencia(Alvo::Usuario), "R4"),
    Campo::novo("prioridade", "Prioridade", Escolha(PRIORIDADES), "R4"),
    Campo::novo("prazo", "Prazo", Data, "R4"),
    Campo::novo("prazo_entrega", "Prazo de entrega", Data, "R29"),
    Campo::novo("esforco", "Esforço (horas)", Inteiro { min: 0, max: 100_000 }, "R57"),
    Campo::novo("plano_mensal", "Plano mensal", Data, "R58"),
    Campo::novo("procedencia", "Procedência", Escolha(PROCEDENCIAS), "R62"),
    Campo::novo("resolucao", "Resolução", TextoLongo { chars_max: 20_000 }, "R37"),
    Campo::novo("interno", "Interno", Logico, "R37"),
];

/// The fields of an item.
pub(crate) const CAMPOS_ITEM: &[Campo] = &[
    Campo::novo("produto", "Produto ou serviço", Texto { chars_max: 200 }, "R20"),
    Campo::novo("quantidade", "Quantidade", Milesimos { max: 1_000_000_000_000 }, "R33"),
    Campo::novo("lote_serie", "Lote ou série", Texto { chars_max: 60 }, "R6"),
    Campo::novo("nota_fiscal", "Nota fiscal", Texto { chars_max: 60 }, "R33"),
    Campo::novo("valor", "Valor unitário", Centavos { max: CENTAVOS_MAX }, "R14"),
    Campo::novo("valor_indenizado", "Valor indenizado", Centavos { max: CENTAVOS_MAX }, "R33"),
    Campo::novo("observacao", "Observação", Texto { chars_max: 500 }, "R33"),
    Campo::novo("procedencia", "Procedência", Escolha(PROCEDENCIAS), "R62"),
];

/// The fields of a despesa.
pub(crate) const CAMPOS_DESPESA: &[Campo] = &[
    Campo::novo("despesa", "Despesa", Referencia(Alvo::Catalogo("tipo_despesa")), "R35"),
    Campo::novo("valor", "Valor", Centavos { max: CENTAVOS_MAX }, "R35"),
    Campo::novo("data", "Data", Data, "R35"),
    Campo::novo("observacao", "Observação", Texto { chars_max: 500 }, "R35"),
];
