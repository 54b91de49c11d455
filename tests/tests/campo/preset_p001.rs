//! P001, Assistência Técnica, from its manual's first screen to its last: opened in the field, the
//! visit planned for a colleague, what was found there, the order of the parts, and its end.

use crate::{
    aparelho::Aparelho,
    casa::Casa,
    harness::textos,
    office_api::{Api, Caso, Desfecho, NAO_HA, falta, fechado, nao_cabe},
    outside::Erp,
};
use campo_domain::{ids::DocumentId, kind::Kind, parte::Colecao, valor::Valor};
use campo_mobile_core::{Filtro, View};
use chrono::{NaiveDate, TimeZone, Utc};
use serde_json::json;

/// Two technicians, the office, and the client of a contract.
struct Cenario {
    casa: Casa,
    lia: Api,
    ruy: Api,
    olga: Api,
    dona_ines: DocumentId,
}

const CONTRATO: &str = "c_20260";
const RUA: &str = "Rua das Acácias, 120";

fn cenario() -> Cenario {
    let casa = Casa::nova("P001");
    let telefone = "(11) 2222-9090";
    let dona_ines = casa.adm.cliente(json!({ "nome": "Inês Conceição", "telefone": telefone }));
    let c = Cenario {
        lia: casa.pessoa("lia", "ver"),
        ruy: casa.pessoa("ruy", "ver"),
        olga: casa.pessoa("olga", "ver ver_todas gerenciar"),
        dona_ines,
        casa,
    };
    c.contrato(RUA);
    c.casa.adm.cataloga("fornecedor", "moveis_norte", "Móveis Norte", json!({}));
    c
}

impl Cenario {
    /// The contract, with that address of delivery.
    fn contrato(&self, rua: &str) {
        let dados = json!({
            "cliente": self.dona_ines, "endereco": rua, "cidade": "São Paulo", "uf": "SP",
            "cep": "01000-000",
        });
        self.casa.adm.cataloga("contrato", CONTRATO, "Contrato 20260", dados);
    }
}

fn obrigatorios(campos: &str) -> String {
    format!("Preencha os campos obrigatórios: {campos}.")
}

fn obrigatorio(campo: &str) -> String {
    format!("Preencha o campo obrigatório: {campo}.")
}

#[test]
fn p001_from_the_first_screen_to_the_last() {
    let c = cenario();
    let erp = Erp::ligado(&c.casa.adm);
    let (lia, ruy) = (c.casa.aparelho(&c.lia), c.casa.aparelho(&c.ruy));
    let caso = the_assistencia_is_opened_in_the_field(&c, &lia);
    the_contracts_address_is_the_one_that_counts(&c, &lia);
    let ocorrencia = what_was_found_is_written_down_on_the_spot(&c, &lia, &caso);
    its_items_are_kept_there(&lia, &caso, &ocorrencia);
    it_goes_through_the_workflow(&lia, &ocorrencia);
    the_items_generate_an_order(&c, &erp, &lia, &caso, &ocorrencia);
    the_visit_shows_on_the_colleagues_phone(&c, &lia, &ruy, &caso, &ocorrencia);
    the_end_of_it_is_only_for_reading(&c, &lia, &caso, &ocorrencia);
    what_is_written_on_a_case_that_was_cancelled_meanwhile_is_kept(&c, &lia);
    it_is_found_told_and_copied(&c, &lia, &caso, &ocorrencia);
    c.casa.confere(&[&lia, &ruy]);
}

/// R7, R8, R10, R18.
fn the_assistencia_is_opened_in_the_field(c: &Cenario, lia: &Aparelho) -> Caso {
    assert!(lia.assistencias(&Filtro::default()).unwrap().linhas.is_empty());
    lia.registra("p001.assistencia", &[], &[])
        .recusa("campos_obrigatorios", &obrigatorios("Cliente, Situação Alegada"));
    let cliente = [("nome", "Ótica Boa Vista"), ("so_assistencia", "sim")];
    let cliente = lia.registra("p001.cliente", &cliente, &[]).unwrap();
    let id = lia.registra(
        "p001.assistencia",
        &[
            ("cliente", &cliente.to_string()),
            ("situacao_alegada", "Gaveta não fecha."),
            ("endereco", "Rua B, 9"),
        ],
        &[],
    );
    let id = id.unwrap();
    let linha = lia.show(id).unwrap().linha;
    assert!(linha.rotulo.starts_with("P-"), "{}", linha.rotulo);
    assert_eq!((&*linha.situacao_nome, &*linha.titulo), ("Aberta", "Gaveta não fecha."));
    assert_eq!(linha.cliente_nome.as_deref(), Some("Ótica Boa Vista"));
    lia.pede(id, "iniciar").unwrap();
    assert_eq!(lia.mostra(id), ("Aberta".into(), Some("Em Atendimento".into())));
    lia.sync();
    assert_eq!(lia.mostra(id), ("Em Atendimento".into(), None));
    assert!(lia.registro(id).numero.unwrap().ends_with("/000001"));
    let do_campo = &c.olga.get(&format!("/v1/clientes/{cliente}")).feito()["campos"];
    assert_eq!(do_campo["so_assistencia"], true);
    Caso::assistencia(id)
}

/// R9, R11.
fn the_contracts_address_is_the_one_that_counts(c: &Cenario, lia: &Aparelho) {
    let campos = json!({ "contrato": CONTRATO, "situacao_alegada": "Porta caída.",
                         "endereco": "Rua que não vale, 1" });
    let caso = c.olga.abre_com("assistencias", &json!({ "campos": campos })).caso();
    let ficha = c.olga.le(&caso);
    assert_eq!(ficha["campos"]["cliente"], json!(c.dona_ines));
    assert_eq!(ficha["campos"]["endereco"], "Rua que não vale, 1");
    assert_eq!(ficha["endereco_efetivo"]["endereco"], RUA);
    assert_eq!(ficha["endereco_efetivo"]["cep"], "01000-000");
    // Nothing was copied: the contract's next address is the case's too.
    c.contrato("Avenida Nova, 7");
    assert_eq!(c.olga.le(&caso)["endereco_efetivo"]["endereco"], "Avenida Nova, 7");
    c.olga.send("PUT", &caso.em(&format!("/participantes/{}", c.lia.id)), &[], None).feito();
    lia.sync();
    let efetivo = lia.show(caso.id).unwrap().endereco_efetivo.unwrap();
    assert_eq!((&*efetivo["endereco"], &*efetivo["uf"]), ("Avenida Nova, 7", "SP"));
}

/// R12–R17, R19, R22.
fn what_was_found_is_written_down_on_the_spot(c: &Cenario, lia: &Aparelho, caso: &Caso) -> Caso {
    let formulario = lia.formulario(Kind::Ocorrencia, "p001.ocorrencia").unwrap();
    let modalidade = formulario.campos.iter().find(|campo| campo.nome == "modalidade").unwrap();
    let pagam: Vec<_> = modalidade.opcoes.iter().map(|opcao| opcao.rotulo.as_str()).collect();
    assert_eq!(
        pagam,
        ["Paga pela Loja", "Paga pela Fábrica", "Paga pelo Cliente", "Paga pela Transportadora"]
    );
    let previsao = formulario.campos.iter().find(|campo| campo.nome == "previsao_correcao");
    assert_eq!(previsao.unwrap().rotulo, "Data da Previsão de Correção");

    lia.registra("p001.ocorrencia", &[("tipo_ocorrencia", "peca_danificada")], &[])
        .recusa("campos_obrigatorios", &obrigatorio("Assistência"));
    let assistencia = caso.id.to_string();
    let id = lia.registra(
        "p001.ocorrencia",
        &[
            ("assistencia", &assistencia),
            ("tipo_ocorrencia", "peca_danificada"),
            ("modalidade", "fabrica"),
            ("fornecedor", "moveis_norte"),
            ("pedido_fornecedor", "PF-77"),
            ("ambiente", "cozinha"),
            ("linha", "planejados"),
            ("previsao_correcao", "10/12/2026"),
            ("responsabilidade", "montagem"),
            ("relato", "Trilho da gaveta empenado."),
            ("prioridade", "alta"),
            ("prazo", "2026-12-05"),
        ],
        &[],
    );
    let id = id.unwrap();
    let outra = [("assistencia", &*assistencia), ("tipo_ocorrencia", "regulagem")];
    let outra = lia.registra("p001.ocorrencia", &outra, &[]).unwrap();
    lia.editar(id, "modalidade", "governo")
        .recusa("valor_invalido", "O valor informado em Modalidade não é válido.");
    lia.editar(id, "assistencia", &assistencia)
        .recusa("campo_fixo", "Assistência só se define na criação do registro.");
    lia.editar(id, "previsao_correcao", "18/12/2026").unwrap();
    assert_eq!(lia.sync().refused, 0);
    let abaixo: Vec<_> = lia.relacionados(caso.id).unwrap().iter().map(|l| l.id).collect();
    assert!(abaixo.contains(&id) && abaixo.contains(&outra), "{abaixo:?}");
    let ocorrencia = Caso::ocorrencia(id);
    let ficha = c.olga.le(&ocorrencia);
    assert_eq!(ficha["campos"]["modalidade"], "fabrica");
    assert_eq!(ficha["campos"]["pedido_fornecedor"], "PF-77");
    // Who sees the case sees all of it.
    c.olga.restringe(&ocorrencia, json!({ "usuarios": [c.olga.id] })).recusa(
        "somente_na_raiz",
        "A restrição é feita na assistência a que este registro pertence.",
    );
    ocorrencia
}

/// R20.
fn its_items_are_kept_there(lia: &Aparelho, caso: &Caso, ocorrencia: &Caso) {
    let id = ocorrencia.id;
    let frente = [("produto", "Frente de gaveta"), ("quantidade", "1"), ("valor", "89,90")];
    let frente = lia.inclui(id, Colecao::Itens, &frente).unwrap();
    let puxador = lia.inclui(id, Colecao::Itens, &[("produto", "Puxador")]).unwrap();
    lia.editar_item(id, frente, "quantidade", "2").unwrap();
    lia.remover_item(id, puxador).unwrap();
    lia.inclui(id, Colecao::Itens, &[("quantidade", "1")])
        .recusa("campos_obrigatorios", &obrigatorio("Produto ou serviço"));
    lia.inclui(caso.id, Colecao::Itens, &[("produto", "Trilho")])
        .recusa("campo_desconhecido", "Não existe o campo “produto” neste registro.");
    lia.sync();
    let itens = lia.registro(id).itens;
    assert_eq!(itens[&frente].valor("quantidade"), &Valor::Inteiro(2_000));
    assert!(itens[&puxador].removido);
}

/// R18.
fn it_goes_through_the_workflow(lia: &Aparelho, ocorrencia: &Caso) {
    let id = ocorrencia.id;
    lia.pede(id, "aguardar_peca")
        .recusa("transicao_nao_permitida", &nao_cabe("Aguardar Peça", "Aberta"));
    for (verbo, situacao) in [
        ("iniciar", "Em Atendimento"),
        ("aguardar_peca", "Aguardando Peça"),
        ("retomar", "Em Atendimento"),
    ] {
        lia.pede(id, verbo).unwrap();
        assert_eq!(lia.mostra(id).1.as_deref(), Some(situacao));
        lia.editar(id, "relato", &format!("Trilho empenado: {situacao}.")).unwrap();
        lia.sync();
        assert_eq!(lia.mostra(id), (situacao.into(), None));
    }
}

/// R21, R100.
fn the_items_generate_an_order(
    c: &Cenario,
    erp: &Erp,
    lia: &Aparelho,
    caso: &Caso,
    ocorrencia: &Caso,
) {
    let pedido = "gerar_pedido";
    c.olga
        .solicita(caso, pedido)
        .recusa("acao_nao_permitida", "A ação “gerar_pedido” não é possível neste registro agora.");
    let acao = c.olga.solicita(ocorrencia, pedido).id();
    let aviso = &erp.recebe(&c.casa, 1)[0].corpo["data"];
    assert_eq!(aviso["codigo"], pedido);
    assert_eq!(aviso["campos"]["modalidade"], "fabrica");
    assert_eq!(aviso["campos"]["fornecedor"], "moveis_norte");
    assert_eq!(aviso["cliente"]["nome"], "Ótica Boa Vista", "the assistência's");
    let itens = aviso["itens"].as_array().unwrap();
    assert_eq!(itens.len(), 1, "what was removed is not ordered");
    assert_eq!((&itens[0]["quantidade"], &itens[0]["valor"]), (&json!("2"), &json!("89.90")));
    let programa = c.casa.adm.chave("acoes:responder", "ver ver_todas");
    let feito = json!({ "situacao": "concluida", "externo": "PC-5501" });
    programa.post(&format!("/v1/acoes/{acao}/resposta"), &feito).feito();
    lia.sync();
    let acoes = lia.show(ocorrencia.id).unwrap().acoes;
    assert_eq!(acoes[0].rotulo, "Gerar Pedido");
    assert_eq!(acoes[0].externo.as_deref(), Some("PC-5501"));

    let vazia = json!({ "assistencia": caso.id, "tipo_ocorrencia": "regulagem" });
    let vazia = c.lia.abre("p001.ocorrencia", vazia).caso();
    c.olga.solicita(&vazia, pedido).recusa("exige_campo", "Preencha antes: Quantidade dos itens.");
}

fn dia() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
}

/// R40–R44.
fn the_visit_shows_on_the_colleagues_phone(
    c: &Cenario,
    lia: &Aparelho,
    ruy: &Aparelho,
    caso: &Caso,
    ocorrencia: &Caso,
) {
    c.ruy.tenta_ler(caso).recusa("nao_encontrado", NAO_HA);
    lia.registra("p001.agenda", &[("assistencia", &caso.id.to_string())], &[]).recusa(
        "campos_obrigatorios",
        &obrigatorios("Tipo de Agenda, Responsável, Data/Hora Inicial, Data/Hora Final, Assunto"),
    );
    let agenda = |tipo: &str, inicio: &str, fim: &str, assunto: &str| {
        let (assistencia, ruy) = (caso.id.to_string(), c.ruy.id.to_string());
        let campos = [
            ("assistencia", &*assistencia),
            ("tipo_agenda", tipo),
            ("tipo_compromisso", "vistoria"),
            ("responsavel", &*ruy),
            ("inicio", inicio),
            ("fim", fim),
            ("assunto", assunto),
            ("observacao", "Levar o trilho."),
            ("ambiente", "cozinha"),
        ];
        lia.registra("p001.agenda", &campos, &[])
    };
    let (nove, dez) = ("23/11/2026 09:00", "23/11/2026 10:30");
    agenda("assistencia_tecnica", dez, nove, "Vistoria")
        .recusa("fim_antes_do_inicio", "O fim não pode ser antes do início.");
    let visita = agenda("assistencia_tecnica", nove, dez, "Trocar o trilho").unwrap();
    let entrega = agenda("entrega", dez, "23/11/2026 12:00", "Entregar a gaveta").unwrap();
    let em_utc = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 0).unwrap();
    assert_eq!(lia.registro(visita).valor("inicio"), &Valor::Instante(em_utc));
    let campos = lia.show(visita).unwrap().campos;
    let inicio = campos.iter().find(|campo| campo.nome == "inicio").unwrap();
    assert_eq!((&*inicio.rotulo, &*inicio.valor), ("Data/Hora Inicial", "23/11/2026 09:00"));
    let da_tela: Vec<_> = lia.relacionados(caso.id).unwrap().iter().map(|l| l.id).collect();
    assert!(da_tela.contains(&visita) && !da_tela.contains(&entrega), "{da_tela:?}");

    lia.sync();
    ruy.sync();
    let do_dia: Vec<_> = ruy.agenda_do_dia(dia()).unwrap().into_iter().map(|l| l.id).collect();
    assert_eq!(do_dia, [visita, entrega]);
    assert_eq!(ruy.registro(caso.id).titulo(), "Gaveta não fecha.");
    assert_eq!(ruy.show(caso.id).unwrap().linha.cliente_nome.as_deref(), Some("Ótica Boa Vista"));
    assert_eq!(ruy.registro(ocorrencia.id).acoes.len(), 1);

    for (verbo, situacao) in
        [("deslocar", "Em Deslocamento"), ("executar", "Em Execução"), ("realizar", "Realizada")]
    {
        let oferecido = ruy.show(visita).unwrap().verbos;
        let oferecido = oferecido.iter().find(|oferecido| oferecido.verbo == verbo).unwrap();
        assert!(!oferecido.propoe, "done at once: {verbo}");
        ruy.pede(visita, verbo).unwrap();
        assert_eq!(ruy.mostra(visita).1.as_deref(), Some(situacao));
    }
    ruy.pede(entrega, "nao_realizar").recusa("exige_motivo", "Informe o motivo.");
    ruy.pede_por(entrega, "nao_realizar", "Cliente ausente").unwrap();
    ruy.sync();
    let nao = nao_cabe("Iniciar Deslocamento", "Não Realizada");
    ruy.pede(entrega, "deslocar").recusa("transicao_nao_permitida", &nao);
    lia.sync();
    assert_eq!(lia.mostra(visita).0, "Realizada");
    assert_eq!(lia.mostra(entrega).0, "Não Realizada");

    let terceira = agenda("montagem", "24/11/2026 08:00", "24/11/2026 09:00", "Montar").unwrap();
    lia.sync();
    ruy.sync();
    ruy.pede_por(terceira, "cancelar", "Chuva").recusa("sem_permissao", &falta("gerenciar"));
    let terceira = Caso::agenda(terceira);
    c.olga.pede_por(&terceira, "cancelar", "Chuva").leva_a("cancelada");
}

/// R18, R48.
fn the_end_of_it_is_only_for_reading(c: &Cenario, lia: &Aparelho, caso: &Caso, ocorrencia: &Caso) {
    for um in [ocorrencia, caso] {
        lia.pede(um.id, "resolver").unwrap();
    }
    lia.sync();
    let sim = "situacao_nao_permite_edicao";
    for um in [ocorrencia, caso] {
        assert_eq!(lia.mostra(um.id).0, "Resolvida");
        lia.editar(um.id, "prioridade", "baixa").recusa(sim, &fechado("Resolvida"));
        lia.anotar(um.id, "Mais nada.").recusa(sim, &fechado("Resolvida"));
        let nao = nao_cabe("Cancelar", "Resolvida");
        c.olga.pede_por(um, "cancelar", "Engano").recusa("transicao_nao_permitida", &nao);
    }
    c.olga
        .solicita(ocorrencia, "gerar_pedido")
        .recusa("acao_nao_permitida", "A ação “Gerar Pedido” não é possível neste registro agora.");
    lia.pede_por(caso.id, "cancelar", "Engano").recusa("sem_permissao", &falta("gerenciar"));
}

fn what_is_written_on_a_case_that_was_cancelled_meanwhile_is_kept(c: &Cenario, lia: &Aparelho) {
    let cliente = c.dona_ines.to_string();
    let campos = [("cliente", &*cliente), ("situacao_alegada", "Cupim na estante.")];
    let id = lia.registra("p001.assistencia", &campos, &[]).unwrap();
    lia.sync();
    let caso = Caso::assistencia(id);
    c.olga.pede(&caso, "cancelar").recusa("exige_motivo", "Informe o motivo.");
    c.olga.pede_por(&caso, "cancelar", "Desistência do cliente").leva_a("cancelada");
    let nao = nao_cabe("Iniciar Atendimento", "Cancelada");
    c.olga.pede(&caso, "iniciar").recusa("transicao_nao_permitida", &nao);

    let achado = [("assistencia", &*id.to_string()), ("tipo_ocorrencia", "defeito_fabricacao")];
    let achado = lia.registra("p001.ocorrencia", &achado, &[]).unwrap();
    lia.editar(id, "observacoes", "Achei o ninho atrás do rodapé.").unwrap();
    let feito = lia.sync();
    assert_eq!((feito.accepted, feito.held, feito.refused), (1, 1, 0));
    assert_eq!(c.olga.le(&Caso::ocorrencia(achado))["kind"], "ocorrencia");
    let retida = &lia.pending().unwrap().retidas[0];
    assert_eq!(
        (&*retida.o_que, &*retida.mensagem),
        ("Alterar Observações", &*fechado("Cancelada"))
    );
    assert_eq!(retida.conteudo[0].valor, "Achei o ninho atrás do rodapé.");
    c.casa.aprova(&c.olga, &c.casa.retidos(&caso)[0]);
    lia.sync();
    assert_eq!(lia.contas(), (0, 0, 0));
    let observacoes = lia.registro(id).valor("observacoes").clone();
    assert_eq!(observacoes, Valor::Texto("Achei o ninho atrás do rodapé.".into()));
}

/// R78, R82, R91, R94.
fn it_is_found_told_and_copied(c: &Cenario, lia: &Aparelho, caso: &Caso, ocorrencia: &Caso) {
    let acha = |q: &str| -> Vec<DocumentId> {
        let linhas = c.olga.lista(&format!("/v1/assistencias?q={q}"));
        linhas.iter().map(|linha| linha["id"].as_str().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(acha("otica+boa+vista"), [caso.id]);
    assert_eq!(acha("gaveta"), [caso.id]);
    assert_eq!(acha("ines+conceicao").len(), 2);
    assert_eq!(acha("2222-9090").len(), 2);
    assert_eq!(acha(CONTRATO).len(), 1);
    let achados = lia.search("OTICA gaveta").unwrap();
    assert!(achados.iter().any(|linha| linha.id == caso.id));

    let historia = c.olga.historia(caso, "tudo");
    assert_eq!(historia[0], "Assistência criada.");
    assert_eq!(historia.last().unwrap(), "Situação: Em Atendimento → Resolvida.");
    let alteracoes = c.olga.acompanha(ocorrencia, "alteracoes");
    let previsao = alteracoes.iter().find(|linha| linha["campo"] == "previsao_correcao").unwrap();
    assert_eq!(previsao["rotulo"], "Data da Previsão de Correção");
    assert_eq!((&previsao["de"], &previsao["para"]), (&json!("2026-12-10"), &json!("2026-12-18")));
    assert_eq!(previsao["por"]["nome"], "Lia");
    assert_eq!(previsao["aparelho_nome"], "Celular de Lia");
    let no_celular = lia.acompanhamento(ocorrencia.id, View::Alteracoes).unwrap();
    let previsao = no_celular.iter().find(|e| e.para.as_deref() == Some("18/12/2026")).unwrap();
    assert_eq!((previsao.de.as_deref(), previsao.onde), (Some("10/12/2026"), "este aparelho"));

    let copia = lia.copiar(ocorrencia.id).unwrap();
    let tem = |nome: &str| copia.campos.iter().any(|(campo, _)| campo == nome);
    assert!(tem("assistencia") && tem("modalidade") && tem("relato"), "{copia:?}");
    assert!(!tem("previsao_correcao") && !tem("prazo"), "{copia:?}");
    let item = [("produto", "Frente de gaveta"), ("quantidade", "2"), ("valor", "89,90")];
    assert_eq!(copia.itens, [textos(&item)]);
    let tipo = Some(&*copia.tipo);
    let nova = lia.novo(copia.kind, tipo, &copia.campos, &copia.itens).unwrap();
    lia.sync();
    let (nova, velha) = (lia.registro(nova), lia.registro(ocorrencia.id));
    assert_ne!(nova.numero, velha.numero);
    assert!(nova.numero.is_some() && nova.situacao.is_none());
}
