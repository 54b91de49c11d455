//! What the manuals promise, on a phone without connection: forms by tipo, what is filled in by
//! itself, items, expenses, links, analyses, priorities, deadlines, lists in any order.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use automerge::{ObjType, ReadDoc, ScalarValue, transaction::Transactable};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, UserId},
    kind::Kind,
    parte::Colecao::{self, Anexos, Despesas, Vinculos},
    pessoa::{Permissao, Permissao::*},
    registro::TipoAnalise::{Laudo, Parcial, Parecer, Solucao},
    valor::Valor,
};
use campo_mobile_core::{Detalhe, Error, Filtro, Ordem};
use campo_sync::wire::Entry;
use chrono::{TimeDelta, Utc};
use support::{Device, Server, textos};
use uuid::Uuid;

fn person(server: &Server, permissoes: &[Permissao]) -> (Device, UserId) {
    let id = server.person("ana@demo", permissoes);
    let device = server.device("ana@demo");
    device.sync().unwrap();
    (device, id)
}

/// The code of the refusal.
fn recusa<T: std::fmt::Debug>(resultado: Result<T, Error>) -> String {
    resultado.unwrap_err().codigo().to_owned()
}

fn novo(device: &Device, kind: Kind, tipo: &str, campos: &[(&str, &str)]) -> DocumentId {
    device.campo.novo(kind, Some(tipo), &textos(campos), &[]).unwrap()
}

fn show(device: &Device, id: DocumentId) -> Detalhe {
    device.campo.show(id).unwrap()
}

fn valor(detalhe: &Detalhe, nome: &str) -> String {
    detalhe.campos.iter().find(|campo| campo.nome == nome).unwrap().valor.clone()
}

/// The title of each row.
fn titulos(device: &Device, filtro: &Filtro) -> Vec<String> {
    let pagina = device.campo.ocorrencias(filtro).unwrap();
    pagina.linhas.into_iter().map(|linha| linha.titulo).collect()
}

fn por(coluna: &str, decrescente: bool) -> Filtro {
    Filtro { ordem: Ordem { coluna: coluna.into(), decrescente }, ..Filtro::default() }
}

fn busca(texto: &str) -> Filtro {
    Filtro { busca: Some(texto.into()), ..Filtro::default() }
}

/// A reclamação of P003 with a client, and whose it is.
fn reclamacao(device: &Device, eu: UserId) -> DocumentId {
    let cliente = device.cliente("Márcia");
    let campos = [
        ("cliente", &*cliente.to_string()),
        ("responsavel", &*eu.to_string()),
        ("relato", "Cadeira chegou quebrada"),
    ];
    novo(device, Kind::Ocorrencia, "Reclamação", &campos)
}

#[test]
fn r30_r32_the_tipo_is_chosen_first_and_the_form_fills_in_what_is_known() {
    let server = Server::of("P003");
    let eu = server.person("ana@demo", &[Ver]);
    let pessoa = serde_json::json!({ "id": eu, "nome": "Ana", "permissoes": ["ver"],
        "ativo": true, "filial": "matriz" });
    server.reference("eu", &eu.to_string(), &pessoa.to_string());
    let device = server.device("ana@demo");
    device.sync().unwrap();
    let nomes: Vec<_> =
        device.campo.tipos(Kind::Ocorrencia).unwrap().iter().map(|t| t.nome.clone()).collect();
    assert_eq!(nomes.len(), 6);
    assert!(nomes.contains(&"Elogio".to_owned()));

    let email = textos(&[("nome", "Márcia"), ("email", "marcia@exemplo.br")]);
    let cliente = device.campo.novo(Kind::Cliente, None, &email, &[]).unwrap();
    let campos = textos(&[("cliente", &cliente.to_string()), ("relato", "Cadeira quebrada")]);
    let escolha = device.campo.novo(Kind::Ocorrencia, None, &campos, &[]);
    let mensagem = escolha.unwrap_err().to_string();
    assert!(mensagem.contains("Reclamação (p003.reclamacao)"), "{mensagem}");
    let sem = device.campo.novo(Kind::Ocorrencia, Some("reclamacao"), &campos, &[]);
    let mensagem = sem.unwrap_err().to_string();
    assert_eq!(mensagem, "Preencha o campo obrigatório: Responsável.");

    let campos = [campos, textos(&[("responsavel", &eu.to_string())])].concat();
    let id = device.campo.novo(Kind::Ocorrencia, Some("reclamação"), &campos, &[]).unwrap();
    let detalhe = show(&device, id);
    assert_eq!(valor(&detalhe, "contato_email"), "marcia@exemplo.br");
    assert_eq!(valor(&detalhe, "filial"), "Matriz");
    let atendimento = detalhe.registro.valor("atendimento_em").instante().unwrap();
    assert!((Utc::now() - atendimento).abs() < TimeDelta::minutes(1));
    let rotulos: Vec<_> = detalhe.campos.iter().map(|c| (c.nome, c.rotulo.as_str())).collect();
    assert!(rotulos.contains(&("relato", "Descrição do atendimento")), "{rotulos:?}");
    assert!(rotulos.iter().all(|(nome, _)| *nome != "modalidade"));
    let fora = [campos, textos(&[("modalidade", "loja")])].concat();
    let fora = device.campo.novo(Kind::Ocorrencia, Some("reclamação"), &fora, &[]);
    assert_eq!(recusa(fora), "campo_fora_do_tipo");
}

#[test]
fn r25_r27_a_form_shows_its_fields_its_choices_and_what_stands_beside_them() {
    let server = Server::of("P002");
    let (device, _) = person(&server, &[Ver]);
    let formulario = device.campo.formulario(Kind::Ocorrencia, "ocorrência").unwrap();
    let campo = |nome| formulario.campos.iter().find(|campo| campo.nome == nome).unwrap();
    assert!(campo("relato").obrigatorio && !campo("impacto").obrigatorio);
    assert!(campo("exemplo").orientacao.as_ref().unwrap().contains("caminho"));
    let categorias = &campo("categoria").opcoes;
    assert_eq!(categorias.len(), 6);
    assert_eq!(categorias[0].prioridade.as_deref(), Some("urgente"));
    assert!(!campo("prioridade").editavel && campo("categoria").editavel);
    assert!(formulario.despesas.is_empty());
    assert!(formulario.orientacao_anexos.is_some());

    let server = Server::of("P001");
    let (device, _) = person(&server, &[Ver]);
    let formulario = device.campo.formulario(Kind::Ocorrencia, "p001.ocorrencia").unwrap();
    let modalidade = formulario.campos.iter().find(|campo| campo.nome == "modalidade").unwrap();
    let rotulos: Vec<_> = modalidade.opcoes.iter().map(|o| o.rotulo.as_str()).collect();
    let quem = ["Paga pela Loja", "Paga pela Fábrica", "Paga pelo Cliente"];
    assert_eq!(rotulos[..3], quem);
    assert_eq!(recusa(device.campo.formulario(Kind::Agenda, "visita")), "tipo_desconhecido");
}

#[test]
fn r6_only_products_of_the_invoice_may_be_chosen_where_the_device_knows_it() {
    let server = Server::of("P000");
    let cliente = Uuid::now_v7();
    let dados = serde_json::json!({ "nome": "NF 45198", "dados": { "cliente": cliente,
        "produtos": "Colchão Itatiba|2|L-77\nCabeceira Lótus|1" } });
    server.reference("origem", "nf_saida:45198", &dados.to_string());
    let (device, _) = person(&server, &[Ver]);
    let produtos = device.campo.produtos_da_origem("nf_saida", "45198").unwrap().unwrap();
    assert_eq!(produtos[0].lote_serie.as_deref(), Some("L-77"));
    assert_eq!(device.campo.produtos_da_origem("nf_saida", "1").unwrap(), None);

    let campos = |numero| {
        textos(&[
            ("escopo", "produto"),
            ("produto", "Colchão"),
            ("tipo_ocorrencia", "reclamacao_produto"),
            ("relato", "Mola solta"),
            ("origem", "nf_saida"),
            ("origem_numero", numero),
            ("contato_nome", "Márcia"),
            ("contato_telefone", "81 99999-0000"),
        ])
    };
    let item = |produto| textos(&[("produto", produto)]);
    let criar = |numero, produto| {
        device.campo.novo(Kind::Ocorrencia, None, &campos(numero), &[item(produto)])
    };
    assert_eq!(recusa(criar("45198", "Sofá")), "produto_fora_da_origem");
    assert_eq!(device.pendentes(), 0);
    let id = criar("45198", "COLCHAO ITATIBA").unwrap();
    assert_eq!(show(&device, id).registro.referencia("cliente"), Some(cliente));
    let fora = device.campo.incluir_item(id, &item("Sofá"));
    assert_eq!(recusa(fora), "produto_fora_da_origem");
    let outro = device.campo.incluir_item(id, &item("Cabeceira Lótus")).unwrap();
    let fora = device.campo.editar_item(id, outro, "produto", "Sofá");
    assert_eq!(recusa(fora), "produto_fora_da_origem");
    device.campo.editar_item(id, outro, "quantidade", "1").unwrap();
    criar("999", "Sofá").unwrap();
}

#[test]
fn r9_r11_the_contract_says_the_client_and_the_address_that_counts() {
    let server = Server::of("P001");
    let contrato = |endereco: &str, cliente: DocumentId| {
        let dados = serde_json::json!({ "cliente": cliente, "endereco": endereco,
            "cidade": "São Paulo", "uf": "SP" });
        serde_json::json!({ "nome": "Contrato 20260", "dados": dados }).to_string()
    };
    let (device, _) = person(&server, &[Ver]);
    let cliente = device.cliente("Padaria");
    let manda = |endereco: &str| Entry::Reference {
        seq: 3,
        collection: "contrato".into(),
        key: "c_20260".into(),
        active: true,
        data: contrato(endereco, cliente),
    };
    device.hear(&server, vec![manda("Rua das Acácias, 120")]);
    let campos = textos(&[
        ("contrato", "c_20260"),
        ("situacao_alegada", "Porta caiu"),
        ("endereco", "Rua B, 9"),
    ]);
    let id = device.campo.novo(Kind::Assistencia, None, &campos, &[]).unwrap();
    let detalhe = show(&device, id);
    assert_eq!(detalhe.linha.cliente_nome.as_deref(), Some("Padaria"));
    assert_eq!(detalhe.endereco_efetivo.unwrap()["endereco"], "Rua das Acácias, 120");
    assert_eq!(detalhe.registro.valor("endereco").texto(), Some("Rua B, 9"));
    device.hear(&server, vec![manda("Rua Nova, 1")]);
    assert_eq!(show(&device, id).endereco_efetivo.unwrap()["endereco"], "Rua Nova, 1");
    device.campo.editar(id, "contrato", "").unwrap();
    assert_eq!(show(&device, id).endereco_efetivo.unwrap()["endereco"], "Rua B, 9");
}

#[test]
fn r33_r35_items_indemnity_and_expenses_as_the_tipo_has_them() {
    let server = Server::of("P003");
    let (device, eu) = person(&server, &[Ver]);
    let id = reclamacao(&device, eu);
    let item = |valor| textos(&[("produto", "Mesa"), ("valor_indenizado", valor)]);
    let mesa = device.campo.incluir_item(id, &item("3.000,00")).unwrap();
    let demais = device.campo.incluir_item(id, &item("2.000,01")).unwrap_err();
    assert!(demais.to_string().contains("R$ 5.000,00"), "{demais}");
    assert_eq!(recusa(device.campo.editar_item(id, mesa, "valor_indenizado", "5000,01")), {
        "limite_indenizacao"
    });
    let frete = textos(&[("despesa", "frete"), ("valor", "45,5"), ("data", "21/11/2026")]);
    let despesa = device.campo.incluir_parte(id, Despesas, &frete).unwrap();
    let sem_valor = textos(&[("despesa", "frete")]);
    assert_eq!(recusa(device.campo.incluir_parte(id, Despesas, &sem_valor)), {
        "campos_obrigatorios"
    });
    device.campo.editar_item(id, despesa, "observacao", "Ida e volta").unwrap();
    let detalhe = show(&device, id);
    let lidos: Vec<_> = detalhe.despesas[0].campos.iter().map(|c| c.valor.as_str()).collect();
    assert_eq!(lidos, ["Frete", "R$ 45,50", "21/11/2026", "Ida e volta"]);
    device.campo.remover_item(id, despesa).unwrap();
    assert!(show(&device, id).despesas.is_empty());

    let elogio = device.campo.copiar(id).unwrap();
    let elogio = device.campo.novo(Kind::Ocorrencia, Some("Elogio"), &elogio.campos, &[]).unwrap();
    assert_eq!(recusa(device.campo.incluir_parte(elogio, Despesas, &frete)), {
        "recurso_desabilitado"
    });
    assert_eq!(recusa(device.campo.incluir_item(elogio, &item("1,00"))), "campo_fora_do_tipo");
}

#[test]
fn r60_r66_an_atendimento_goes_as_far_as_it_can_without_connection() {
    let server = Server::of("P003");
    let (device, eu) = person(&server, &[Ver, Aprovar]);
    let id = reclamacao(&device, eu);
    let campo = &device.campo;
    let itens = ["Cadeira", "Mesa"]
        .map(|produto| campo.incluir_item(id, &textos(&[("produto", produto)])).unwrap());
    assert_eq!(recusa(campo.analisar(id, Parcial, "Vi as fotos", None, false)), {
        "situacao_nao_permite_edicao"
    });
    let verbos = show(&device, id).verbos;
    assert!(verbos[0].verbo == "iniciar" && verbos[0].oferece_email, "{verbos:?}");
    campo.transicionar_e_avisar(id, "iniciar", None).unwrap();
    assert!(show(&device, id).registro.pedidos[0].email);
    campo.transicionar(id, "enviar_para_analise", None).unwrap();
    campo.analisar(id, Parcial, "Encaixe quebrado", None, false).unwrap();
    campo.analisar(id, Parcial, "Lote com defeito", None, false).unwrap();
    assert_eq!(recusa(campo.analisar(id, Parcial, "Procede", Some(true), false)), {
        "valor_invalido"
    });

    let registrar = |detalhe: Detalhe| {
        detalhe.verbos.into_iter().find(|verbo| verbo.verbo == "registrar").unwrap()
    };
    campo.editar_item(id, itens[0], "procedencia", "procedente").unwrap();
    let verbo = registrar(show(&device, id));
    assert_eq!(verbo.analise, Some(Solucao));
    assert!(verbo.falta.unwrap().contains("em cada um deles"));
    let solucao = || campo.analisar(id, Solucao, "Trocar a cadeira", None, false);
    assert_eq!(recusa(solucao()), "exige_procedencia");
    campo.editar_item(id, itens[1], "procedencia", "improcedente").unwrap();
    assert_eq!(registrar(show(&device, id)).falta, None);
    solucao().unwrap();
    let detalhe = show(&device, id);
    assert_eq!(detalhe.linha.situacao_prevista.as_deref(), Some("Aguardando conclusão"));
    assert_eq!(detalhe.analises.len(), 3);
    assert!(detalhe.analises[2].aguarda && !detalhe.analises[2].vigente);
    assert!(detalhe.analises[1].vigente && !detalhe.analises[0].vigente);
    assert!(!detalhe.pode.analise_parcial && detalhe.pode.despesas);
    // Concluding is the office's.
    assert_eq!(recusa(campo.analisar(id, Parecer, "Trocada", None, true)), "exige_conexao");
    assert!(detalhe.verbos.iter().all(|verbo| verbo.verbo != "concluir"));
    let device = device.reopen();
    assert_eq!(show(&device, id).analises.len(), 3);
    assert_eq!(device.sync().unwrap().pending, 0);
}

#[test]
fn r71_a_laudo_is_issued_in_the_field() {
    let server = Server::of("P000");
    let (device, _) = person(&server, &[Ver, Gerenciar, EmitirLaudo]);
    let campos = textos(&[
        ("escopo", "produto"),
        ("produto", "Mesa"),
        ("tipo_ocorrencia", "avaria"),
        ("relato", "Tampo riscado"),
        ("contato_nome", "Zé"),
        ("contato_telefone", "11 4004-1234"),
    ]);
    let id = device.campo.novo(Kind::Ocorrencia, None, &campos, &[]).unwrap();
    let laudo = |procedente| device.campo.analisar(id, Laudo, "Riscado antes", procedente, false);
    assert_eq!(recusa(laudo(Some(false))), "transicao_nao_permitida");
    device.campo.transicionar(id, "colocar_em_analise", None).unwrap();
    assert_eq!(recusa(laudo(None)), "valor_invalido");
    assert_eq!(recusa(device.campo.transicionar(id, "emitir_laudo", None)), "exige_laudo");
    laudo(Some(false)).unwrap();
    let detalhe = show(&device, id);
    assert_eq!(detalhe.linha.situacao_prevista.as_deref(), Some("Laudo Emitido"));
    assert_eq!(detalhe.analises[0].procedente, Some(false));
    assert_eq!(detalhe.analises[0].autor, "ana");
    let pendentes = device.campo.pending().unwrap().pendentes;
    assert_eq!(pendentes[2].o_que, "Registrar laudo");
    assert_eq!(pendentes[1].o_que, "Pedir: Colocar em Análise");
}

#[test]
fn r38_a_link_is_read_from_both_ends_as_far_as_the_device_holds_them() {
    let server = Server::of("P004");
    server.reference("contato", "joana", r#"{"nome":"Joana Prado","dados":{}}"#);
    let (device, eu) = person(&server, &[Ver]);
    let conta = device.cliente("Padaria Aurora");
    let caso = |assunto: &str| {
        let campos = [("assunto", assunto), ("cliente", &conta.to_string())];
        novo(&device, Kind::Ocorrencia, "p004.ocorrencia", &campos)
    };
    let [um, outro] = ["Não fatura", "Não imprime"].map(caso);
    let bug = novo(&device, Kind::Ocorrencia, "bug", &[("assunto", "Driver antigo")]);
    let vincular = |de, relacao, nome, alvo: &str| {
        device.campo.incluir_parte(de, Vinculos, &textos(&[("relacao", relacao), (nome, alvo)]))
    };
    let ligado = vincular(um, "relacionado", "documento", &outro.to_string()).unwrap();
    vincular(um, "bug", "documento", &bug.to_string()).unwrap();
    vincular(um, "contato", "contato", "joana").unwrap();
    let so_relacao = textos(&[("relacao", "bug")]);
    assert_eq!(recusa(device.campo.incluir_parte(um, Vinculos, &so_relacao)), {
        "campos_obrigatorios"
    });
    let vinculos = show(&device, um).vinculos;
    assert!(vinculos[0].campos[1].valor.contains("Não imprime"), "{vinculos:?}");
    assert_eq!(vinculos[2].campos[1].valor, "Joana Prado");
    let de_la = show(&device, bug).vinculado_por;
    assert_eq!((de_la[0].linha.id, de_la[0].relacao.as_deref()), (um, Some("Defeito (bug)")));
    assert_eq!(show(&device, outro).vinculado_por.len(), 1);
    device.campo.remover_item(um, ligado).unwrap();
    assert!(show(&device, outro).vinculado_por.is_empty());

    // What leaves the person's sight links to nobody here.
    device.sync().unwrap();
    device.hear(&server, vec![Entry::Revoked { seq: 90, document: um }]);
    assert!(show(&device, bug).vinculado_por.is_empty());
    // Anybody may hand a case over (R39).
    device.campo.editar(outro, "responsavel", &eu.to_string()).unwrap();
    device.campo.transicionar(outro, "atribuir", None).unwrap();
}

#[test]
fn r27_r57_the_category_brings_the_priority_and_lists_order_by_its_rank() {
    let server = Server::of("P002");
    let (device, _) = person(&server, &[Ver]);
    for (relato, categoria) in
        [("Sugiro", "sugestao"), ("Parou", "problema"), ("Falta", "necessidade"), ("Sem", "")]
    {
        let campos = [("relato", relato), ("categoria", categoria)];
        novo(&device, Kind::Ocorrencia, "p002.ocorrencia", &campos);
    }
    let ordem = ["Parou", "Falta", "Sugiro", "Sem"];
    assert_eq!(titulos(&device, &por("prioridade", true)), ordem);
    assert_eq!(titulos(&device, &por("prioridade", false)), ["Sugiro", "Falta", "Parou", "Sem"]);
    let linhas = device.campo.ocorrencias(&por("prioridade", true)).unwrap().linhas;
    assert_eq!(linhas[0].prioridade.as_deref(), Some("urgente"));
    assert_eq!(recusa(device.campo.editar(linhas[0].id, "prioridade", "baixa")), "sem_permissao");
    assert_eq!(valor(&show(&device, linhas[0].id), "categoria"), "1 - Problema");
    // By the category's name, and by what no list shows.
    assert_eq!(titulos(&device, &por("categoria", false)), ["Parou", "Falta", "Sugiro", "Sem"]);
    device.campo.editar(linhas[2].id, "esforco", "8").unwrap();
    device.campo.editar(linhas[1].id, "esforco", "40").unwrap();
    assert_eq!(titulos(&device, &por("esforco", true))[..2], ["Falta", "Sugiro"]);
    let erro = device.campo.ocorrencias(&por("relato; --", true));
    assert_eq!(recusa(erro), "campo_desconhecido");
}

#[test]
fn r70_what_is_late_is_marked_and_found() {
    let server = Server::of("P003");
    let (device, eu) = person(&server, &[Ver]);
    let [atrasada, em_dia] = [(); 2].map(|()| reclamacao(&device, eu));
    device.sync().unwrap();
    let recebida = |dias| {
        let quando = Utc::now() - TimeDelta::days(dias);
        move |tx: &mut automerge::transaction::Transaction<'_>, servidor: &automerge::ObjId| {
            let quando = ScalarValue::Timestamp(quando.timestamp_millis());
            tx.put(servidor, "recebido_em", quando).unwrap();
        }
    };
    let entries =
        vec![device.by_server(atrasada, recebida(2)), device.by_server(em_dia, recebida(0))];
    device.hear(&server, entries);
    let filtro = Filtro { atrasadas: true, ..Filtro::default() };
    let linhas = device.campo.ocorrencias(&filtro).unwrap().linhas;
    assert_eq!((linhas.len(), linhas[0].id), (1, atrasada));
    let detalhe = show(&device, em_dia);
    assert!(!detalhe.linha.atrasado);
    let prazo = detalhe.linha.etapa_ate.unwrap() - detalhe.etapa_desde.unwrap();
    assert_eq!(prazo, TimeDelta::days(1));
    let por_prazo = device.campo.ocorrencias(&por("etapa_ate", false)).unwrap().linhas;
    assert_eq!(por_prazo[0].id, atrasada);

    // Its own day counts as well, to its end (R4).
    let server = Server::of("P001");
    let (device, _) = person(&server, &[Ver]);
    let cliente = device.cliente("Zé").to_string();
    let hoje = Utc::now().with_timezone(&chrono_tz::America::Sao_Paulo).date_naive();
    let [hoje, ontem] = [hoje, hoje.pred_opt().unwrap()].map(|dia| {
        let dia = dia.to_string();
        let campos = [("cliente", &*cliente), ("situacao_alegada", "Porta"), ("prazo", &dia)];
        novo(&device, Kind::Assistencia, "p001.assistencia", &campos)
    });
    assert!(show(&device, ontem).linha.atrasado && !show(&device, hoje).linha.atrasado);
}

#[test]
fn r3_r91_lists_in_any_order_page_by_page_and_search_by_what_people_remember() {
    let server = Server::of("P004");
    let (device, eu) = person(&server, &[Ver]);
    let telefone = textos(&[("nome", "Çelik Móveis"), ("telefone", "+55 (81) 99999-0000")]);
    let celik = device.campo.novo(Kind::Cliente, None, &telefone, &[]).unwrap();
    let contas = [device.cliente("Águia"), celik, device.cliente("Bravo")];
    let mut ids = Vec::new();
    for (n, assunto) in
        ["Érica", "ana", "Zoe", "bruno", "Ícaro", "dora", "Úrsula"].iter().enumerate()
    {
        let conta = contas[n % 3].to_string();
        let responsavel = if n % 2 == 0 { eu.to_string() } else { String::new() };
        let campos = [("assunto", *assunto), ("cliente", &conta), ("responsavel", &responsavel)];
        ids.push(novo(&device, Kind::Ocorrencia, "p004.ocorrencia", &campos));
    }
    let ordem = ["ana", "bruno", "dora", "Érica", "Ícaro", "Úrsula", "Zoe"];
    for coluna in ["titulo", "assunto"] {
        assert_eq!(titulos(&device, &por(coluna, false)), ordem, "{coluna}");
        let mut ao_contrario = titulos(&device, &por(coluna, true));
        ao_contrario.reverse();
        assert_eq!(ao_contrario, ordem, "{coluna}");
    }
    for coluna in ["cliente", "responsavel", "numero", "criado_em", "prioridade", "situacao"] {
        for decrescente in [false, true] {
            let todas = titulos(&device, &por(coluna, decrescente));
            let mut filtro = Filtro { limite: 2, ..por(coluna, decrescente) };
            let mut paginas = Vec::new();
            loop {
                let pagina = device.campo.ocorrencias(&filtro).unwrap();
                paginas.extend(pagina.linhas.into_iter().map(|linha| linha.titulo));
                filtro.depois_de = pagina.proxima;
                if filtro.depois_de.is_none() {
                    break;
                }
            }
            assert_eq!(paginas, todas, "{coluna} {decrescente}");
            assert_eq!(paginas.len(), 7, "{coluna}");
        }
    }
    let linhas = device.campo.ocorrencias(&por("cliente", false)).unwrap().linhas;
    assert_eq!(linhas[0].cliente_nome.as_deref(), Some("Águia"));
    // Who has no responsável comes last either way.
    for decrescente in [false, true] {
        let linhas = device.campo.ocorrencias(&por("responsavel", decrescente)).unwrap().linhas;
        assert!(linhas[0].responsavel == Some(eu) && linhas[6].responsavel.is_none());
    }

    let item = textos(&[("produto", "Fogão"), ("lote_serie", "SN-00417/B")]);
    device.campo.incluir_item(ids[0], &item).unwrap();
    device.campo.anotar(ids[0], "Vazamento de gás").unwrap();
    for texto in ["sn-00417/b", "fogao", "GÁS vazamento", "erica aguia"] {
        assert_eq!(titulos(&device, &busca(texto)), ["Érica"], "{texto}");
    }
    for texto in ["81999990000", "99999-0000", "(81) 99999 0000", "+55 81 99999-0000", "celik"] {
        let mut achados = titulos(&device, &busca(texto));
        achados.sort();
        assert_eq!(achados, ["ana", "Ícaro"], "{texto}");
    }
    device.sync().unwrap();
    let numero = device.by_server(ids[1], |tx, servidor| {
        tx.put(servidor, "numero", "2026/000417").unwrap();
    });
    device.hear(&server, vec![numero]);
    assert_eq!(titulos(&device, &busca("2026/000417")), ["ana"]);
    let filtro = Filtro { tipo: Some("p004.bug".into()), ..Filtro::default() };
    assert!(titulos(&device, &filtro).is_empty());
}

#[test]
fn r72_r77_r86_what_the_office_did_to_a_record_is_read_in_the_field() {
    let server = Server::of("P000");
    let (device, eu) = person(&server, &[Ver]);
    let campos = textos(&[
        ("escopo", "produto"),
        ("produto", "Mesa"),
        ("tipo_ocorrencia", "avaria"),
        ("relato", "Tampo riscado"),
        ("contato_nome", "Zé"),
        ("contato_telefone", "11 4004-1234"),
    ]);
    let id = device.campo.novo(Kind::Ocorrencia, None, &campos, &[]).unwrap();
    device.campo.interessar(id, eu, true).unwrap();
    device.sync().unwrap();
    let agora = ScalarValue::Timestamp(Utc::now().timestamp_millis());
    let escrito = device.by_server(id, |tx, servidor| {
        let chave = || Uuid::now_v7().simple().to_string();
        let por = eu.bytes().to_vec();
        let acoes = tx.get(servidor, "acoes").unwrap().unwrap().1;
        let acao = tx.put_object(&acoes, chave(), ObjType::Map).unwrap();
        for (nome, texto) in
            [("codigo", "credito_cliente"), ("situacao", "concluida"), ("externo", "CR-881")]
        {
            tx.put(&acao, nome, texto).unwrap();
        }
        tx.put(&acao, "por", por.clone()).unwrap();
        tx.put(&acao, "em", agora.clone()).unwrap();
        tx.put(&acao, "atualizada_em", agora.clone()).unwrap();
        let corretivas = tx.get(servidor, "corretivas").unwrap().unwrap().1;
        let corretiva = tx.put_object(&corretivas, chave(), ObjType::Map).unwrap();
        tx.put(&corretiva, "numero", "AC-2026/000003").unwrap();
        tx.put(&corretiva, "por", por).unwrap();
        tx.put(&corretiva, "em", agora).unwrap();
        let restricao = serde_json::json!({ "usuarios": [eu], "grupos": ["qualidade"], "por": eu,
            "quando": Utc::now() });
        tx.put(servidor, "restricao", restricao.to_string()).unwrap();
    });
    device.hear(&server, vec![escrito]);
    let detalhe = show(&device, id);
    let acao = &detalhe.acoes[0];
    assert_eq!((acao.rotulo.as_str(), acao.situacao), ("Crédito para o Cliente", "Concluída"));
    assert_eq!(acao.externo.as_deref(), Some("CR-881"));
    assert_eq!(detalhe.corretivas[0].numero, "AC-2026/000003");
    let restricao = detalhe.restricao.unwrap();
    assert_eq!((restricao.usuarios, restricao.grupos), {
        (vec!["ana".to_owned()], vec!["qualidade".to_owned()])
    });
    assert_eq!(detalhe.interessados[0].nome, "ana");
    assert_eq!(titulos(&device, &busca("cr-881")), ["Tampo riscado"]);
    // They are asked for in the office.
    let codigo = "credito_cliente".to_owned();
    let acao = Uuid::now_v7().into();
    let pedir = Command::SolicitarAcao { acao, codigo, observacao: None };
    assert_eq!(recusa(device.campo.run(Some(id), pedir)), "exige_conexao");
}

#[test]
fn r94_a_copy_is_looked_at_changed_and_saved_as_a_new_record() {
    let server = Server::of("P003");
    let (device, eu) = person(&server, &[Ver]);
    let id = reclamacao(&device, eu);
    let item =
        textos(&[("produto", "Mesa"), ("quantidade", "1234"), ("valor_indenizado", "1.234,56")]);
    device.campo.incluir_item(id, &item).unwrap();
    device.campo.anotar(id, "Não é copiada").unwrap();
    let copia = device.campo.copiar(id).unwrap();
    assert_eq!((copia.kind, copia.tipo.as_str()), (Kind::Ocorrencia, "p003.reclamacao"));
    let campos = copia.campos.into_iter().map(|(nome, texto)| match nome.as_str() {
        "relato" => (nome, "Outra cadeira".to_owned()),
        _ => (nome, texto),
    });
    let campos: Vec<_> = campos.collect();
    let nova = device.campo.novo(copia.kind, Some(&copia.tipo), &campos, &copia.itens).unwrap();
    let (original, nova) = (show(&device, id).registro, show(&device, nova).registro);
    assert_ne!(nova.id, original.id);
    assert_eq!(nova.valor("cliente"), original.valor("cliente"));
    assert_eq!(nova.titulo(), "Outra cadeira");
    let item = |registro: &campo_domain::registro::Registro| {
        registro.itens.values().next().unwrap().campos.clone()
    };
    assert_eq!(item(&nova), item(&original));
    assert!(nova.itens.keys().ne(original.itens.keys()));
    assert!(nova.notas.is_empty());
}

#[test]
fn r83_files_that_a_record_has_are_shown() {
    let server = Server::of("P001");
    let (device, _) = person(&server, &[Ver]);
    let campos =
        textos(&[("cliente", &device.cliente("Zé").to_string()), ("situacao_alegada", "Porta")]);
    let id = device.campo.novo(Kind::Assistencia, None, &campos, &[]).unwrap();
    let texto = |texto: &str| Valor::Texto(texto.to_owned());
    let campos = [
        ("nome", texto("porta.jpg")),
        ("categoria", texto("avaria")),
        ("mime", texto("image/jpeg")),
        ("tamanho", Valor::Inteiro(90_000)),
        ("sha256", texto(&"0a".repeat(32))),
    ];
    let campos = campos.into_iter().map(|(nome, valor)| (nome.to_owned(), valor)).collect();
    let item = NovoItem { id: Uuid::now_v7().into(), campos };
    device.campo.run(Some(id), Command::IncluirItem { em: Anexos, item }).unwrap();
    let anexos = show(&device, id).anexos;
    assert_eq!(anexos[0].campos[1].valor, "Avaria");
    assert_eq!(device.campo.search("porta.jpg").unwrap()[0].id, id);
}

#[test]
fn r36_catalogues_are_listed_by_title_with_what_is_known_of_each_entry() {
    let server = Server::of("P001");
    let (device, _) = person(&server, &[Ver]);
    let catalogos = device.campo.catalogos().unwrap();
    let tipos = catalogos.iter().find(|catalogo| catalogo.codigo == "tipo_agenda").unwrap();
    assert_eq!((tipos.titulo, tipos.itens), ("Tipos de agenda", 5));
    assert!(catalogos.iter().all(|catalogo| catalogo.itens > 0));
    let itens = device.campo.catalogo("tipo_agenda").unwrap();
    let assistencia = itens.iter().find(|item| item.codigo == "assistencia_tecnica").unwrap();
    assert_eq!(assistencia.dados["na_assistencia"], "sim");
    let nomes: Vec<_> = itens.iter().map(|item| campo_domain::busca::dobrar(&item.nome)).collect();
    assert!(nomes.is_sorted(), "{nomes:?}");
}

#[test]
fn r42_the_case_lists_only_agendas_of_its_type_and_the_day_lists_all() {
    let server = Server::of("P001");
    let (device, eu) = person(&server, &[Ver]);
    let cliente = device.cliente("Zé").to_string();
    let campos = [("cliente", &*cliente), ("situacao_alegada", "Porta")];
    let caso = novo(&device, Kind::Assistencia, "p001.assistencia", &campos);
    for tipo_agenda in ["assistencia_tecnica", "entrega"] {
        let campos = [
            ("assistencia", &*caso.to_string()),
            ("tipo_agenda", tipo_agenda),
            ("responsavel", &*eu.to_string()),
            ("inicio", "21/11/2026 09:00"),
            ("fim", "21/11/2026 10:00"),
            ("assunto", tipo_agenda),
        ];
        novo(&device, Kind::Agenda, "p001.agenda", &campos);
    }
    let do_caso = device.campo.relacionados(caso).unwrap();
    assert_eq!((do_caso.len(), do_caso[0].titulo.as_str()), (1, "assistencia_tecnica"));
    let dia = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    assert_eq!(device.campo.agenda_do_dia(dia).unwrap().len(), 2);
}

#[test]
fn every_collection_may_be_named_where_a_part_is_added() {
    let server = Server::of("P001");
    let (device, _) = person(&server, &[Ver]);
    let cliente = device.cliente("Zé");
    for em in Colecao::TODAS {
        let parte = device.campo.incluir_parte(cliente, em, &[]);
        assert_eq!(recusa(parte), "campo_desconhecido", "{em}");
    }
    let nada = device.campo.editar_item(cliente, Uuid::now_v7().into(), "produto", "x");
    assert_eq!(recusa(nada), "item_inexistente");
}
