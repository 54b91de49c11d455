-- Which entries of catalogues a record names, in its fields and parts: it is found by their names,
-- as they are called today, and by the telephone of a contact.
CREATE TABLE entradas_citadas (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    catalogo text NOT NULL,
    codigo text NOT NULL,
    PRIMARY KEY (tenant, document, catalogo, codigo)
);
CREATE INDEX entradas_citadas_entrada ON entradas_citadas (tenant, catalogo, codigo);
ALTER TABLE entradas_citadas ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON entradas_citadas TO campo_app USING (tenant = campo_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON entradas_citadas TO campo_app;

-- The words of an entry: its name, and how a contact is reached. As `campo_server::search` splits
-- texts, as far as a name needs it.
CREATE FUNCTION busca_entrada(p_tenant uuid, p_data jsonb) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000
    AS $$
        SELECT public.busca_indice(p_tenant, e.texto, e.dobrado, ARRAY(
            SELECT left(palavra, 64) FROM (
                SELECT regexp_split_to_table(e.dobrado, '\s+')
                UNION SELECT regexp_split_to_table(e.dobrado, '[^[:alnum:]]+')
                UNION SELECT right(e.digitos, n) FROM generate_series(8, 11) n
                    WHERE n <= length(e.digitos)
            ) p (palavra) WHERE palavra <> ''))
        FROM (
            SELECT t.texto, t.digitos, lower(translate(t.texto,
                'áàâãäÁÀÂÃÄéèêëÉÈÊËíìîïÍÌÎÏóòôõöÓÒÔÕÖúùûüÚÙÛÜçÇñÑ',
                'aaaaaaaaaaeeeeeeeeiiiiiiiioooooooooouuuuuuuuccnn')) AS dobrado
            FROM (
                SELECT left(coalesce(p_data->>'nome', '') || ' '
                        || coalesce(p_data->'dados'->>'telefone', '') || ' '
                        || coalesce(p_data->'dados'->>'email', ''), 2000) AS texto,
                    regexp_replace(left(coalesce(p_data->'dados'->>'telefone', ''), 100),
                        '[^0-9]', '', 'g') AS digitos
            ) t
        ) e
    $$;
CREATE INDEX referencia_busca ON referencia USING gin (busca_entrada(tenant, data))
    WHERE addressee IS NULL;

-- As many as `campo_server::search` asks for: the plan is made for few.
ALTER FUNCTION busca_palavras(uuid, jsonb) ROWS 8;

-- As in 0003, and now a word may also be in an entry that the record names. The entries are found
-- first, by their index alone, which has the company as a word of each: another condition on them
-- makes PostgreSQL work out the words of every one instead.
DO $$
DECLARE
    tabela text;
    do_cliente text;
BEGIN
    FOR tabela, do_cliente IN VALUES
        ('clientes', ''),
        ('assistencias',
            'UNION SELECT t.id, c.ordem FROM c JOIN public.assistencias t
                 ON t.tenant = c.tenant AND t.cliente = c.id'),
        ('ocorrencias',
            'UNION SELECT t.id, c.ordem FROM c JOIN public.ocorrencias t
                 ON t.tenant = c.tenant AND t.cliente = c.id
             UNION SELECT t.id, c.ordem FROM c JOIN public.assistencias a
                 ON a.tenant = c.tenant AND a.cliente = c.id
                 JOIN public.ocorrencias t ON t.tenant = a.tenant AND t.assistencia = a.id'),
        ('agendas',
            'UNION SELECT t.id, c.ordem FROM c JOIN public.assistencias a
                 ON a.tenant = c.tenant AND a.cliente = c.id
                 JOIN public.agendas t ON t.tenant = a.tenant AND t.assistencia = a.id
             UNION SELECT t.id, c.ordem FROM c JOIN public.ocorrencias o
                 ON o.tenant = c.tenant AND o.cliente = c.id
                 JOIN public.agendas t ON t.tenant = o.tenant AND t.ocorrencia = o.id')
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION busca_%1$s(p_palavras jsonb) RETURNS SETOF uuid
                 LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '''' ROWS 100
             AS $sql$
                 WITH q AS MATERIALIZED (
                     SELECT public.campo_tenant() AS tenant, palavra, ordem FROM
                     public.busca_palavras(public.campo_tenant(), p_palavras)
                     WITH ORDINALITY q (palavra, ordem)
                 ), c AS (
                     SELECT c.tenant, c.id, q.ordem FROM q JOIN public.clientes c
                     ON c.tenant = q.tenant AND c.busca_fts OPERATOR(pg_catalog.@@) q.palavra
                 ), r AS MATERIALIZED (
                     SELECT r.tenant, r.collection, r.key, q.ordem
                     FROM q JOIN public.referencia r ON r.addressee IS NULL
                         AND public.busca_entrada(r.tenant, r.data)
                             OPERATOR(pg_catalog.@@) q.palavra
                 ), e AS (
                     SELECT DISTINCT x.tenant, x.document, r.ordem
                     FROM r JOIN public.entradas_citadas x ON x.tenant = r.tenant
                         AND x.catalogo = r.collection AND x.codigo = r.key
                     WHERE r.tenant = public.campo_tenant()
                 )
                 SELECT m.id FROM (
                     SELECT t.id, q.ordem FROM q JOIN public.%1$s t
                     ON t.tenant = q.tenant AND t.busca_fts OPERATOR(pg_catalog.@@) q.palavra
                     UNION SELECT t.id, e.ordem FROM e JOIN public.%1$s t
                     ON t.tenant = e.tenant AND t.id = e.document
                     %2$s
                 ) m GROUP BY m.id HAVING count(*) = (SELECT count(*) FROM q)
             $sql$', tabela, do_cliente);
    END LOOP;
END
$$;

-- A month's plan, and a module's requests.
CREATE INDEX ocorrencias_plano ON ocorrencias (tenant, plano_mensal)
    WHERE plano_mensal IS NOT NULL;
CREATE INDEX ocorrencias_modulo ON ocorrencias (tenant, modulo) WHERE modulo IS NOT NULL;

-- The stage that a client is shown (R52), by its code: where the case is, or where it was seen last.
-- Rows of before have it after `campo rebuild-projection`.
ALTER TABLE assistencias ADD COLUMN situacao_cliente text;
ALTER TABLE ocorrencias ADD COLUMN situacao_cliente text;
ALTER TABLE agendas ADD COLUMN situacao_cliente text;
ALTER TABLE clientes ADD COLUMN situacao_cliente text;

-- The outbox. Whether the last try of an endpoint failed: then it gets one at a time.
ALTER TABLE webhook_destino ADD COLUMN falhando boolean NOT NULL DEFAULT false;
-- Why Campo itself stopped telling it things; none where a person did, or nobody.
ALTER TABLE webhook_destino ADD COLUMN motivo text;
CREATE INDEX webhook_entrega_fila ON webhook_entrega (tenant, destino, proxima_em)
    WHERE situacao = 'pendente';
CREATE INDEX webhook_entrega_acao ON webhook_entrega (tenant, acao);

-- The codes of products by their names, where one product alone is called so. By the owner, for
-- behind row-level security no index answers what `campo_dobrar` says (README.md).
CREATE FUNCTION produto_por_nome(p_nomes text[]) RETURNS TABLE (nome text, codigo text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT n.nome, min(r.key) FROM unnest(p_nomes) n (nome)
        JOIN public.referencia r ON r.tenant = public.campo_tenant()
            AND r.collection = 'produto' AND r.active AND r.addressee IS NULL
            AND public.campo_dobrar(coalesce(r.data->>'nome', r.key)) COLLATE "C"
                = public.campo_dobrar(n.nome) COLLATE "C"
        GROUP BY n.nome HAVING count(*) = 1
    $$;
REVOKE ALL ON FUNCTION produto_por_nome(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION produto_por_nome(text[]) TO campo_app;

-- The orders and filters of the lists, and what is read of a case or of a person's few. Texts as
-- `colunas::texto` orders them.
DROP INDEX assistencias_etapa, ocorrencias_etapa;
DO $$
DECLARE
    tabela text;
    dobrado text := $d$lower(translate(left(%s, 120),
        'áàâãäÁÀÂÃÄéèêëÉÈÊËíìîïÍÌÎÏóòôõöÓÒÔÕÖúùûüÚÙÛÜçÇñÑ',
        'aaaaaaaaaaeeeeeeeeiiiiiiiioooooooooouuuuuuuuccnn'))$d$;
BEGIN
    FOREACH tabela IN ARRAY ARRAY['assistencias', 'ocorrencias', 'agendas', 'clientes'] LOOP
        EXECUTE format('CREATE INDEX %I ON %I (tenant, criado_em, id)',
            tabela || '_criado', tabela);
    END LOOP;
    FOREACH tabela IN ARRAY ARRAY['assistencias', 'ocorrencias', 'agendas'] LOOP
        EXECUTE format('CREATE INDEX %I ON %I (tenant, raiz)', tabela || '_raiz', tabela);
    END LOOP;
    FOREACH tabela IN ARRAY ARRAY['agendas', 'clientes'] LOOP
        EXECUTE format('CREATE INDEX %I ON %I (tenant, atualizado_em DESC, id DESC)',
            tabela || '_lista', tabela);
    END LOOP;
    FOREACH tabela IN ARRAY ARRAY['assistencias', 'ocorrencias'] LOOP
        EXECUTE format('CREATE INDEX %I ON %I (tenant, numero, id)', tabela || '_numero', tabela);
        EXECUTE format('CREATE INDEX %I ON %I (tenant, (%s), id)',
            tabela || '_titulo', tabela, format(dobrado, 'titulo'));
        EXECUTE format('CREATE INDEX %I ON %I (tenant, etapa_ate, id)
            WHERE etapa_ate IS NOT NULL', tabela || '_etapa', tabela);
        EXECUTE format('CREATE INDEX %I ON %I (tenant, prazo, id) WHERE prazo IS NOT NULL',
            tabela || '_prazo', tabela);
        EXECUTE format('CREATE INDEX %I ON %I (tenant, tipo, atualizado_em DESC, id DESC)',
            tabela || '_tipo', tabela);
        -- Work that goes on, and what of it is late: few of the many.
        EXECUTE format($i$CREATE INDEX %I ON %I (tenant, atualizado_em DESC, id DESC)
            WHERE fase NOT IN ('concluido', 'cancelado', 'negado')$i$,
            tabela || '_abertas', tabela);
    END LOOP;
    EXECUTE format('CREATE INDEX clientes_ordem ON clientes (tenant, (%s), id)',
        format(dobrado, 'nome'));
END
$$;
CREATE INDEX ocorrencias_categoria ON ocorrencias (tenant, categoria, atualizado_em DESC, id DESC)
    WHERE categoria IS NOT NULL;

-- A first sync reads reference data in the order of their positions, a page at a time.
CREATE INDEX referencia_seq ON referencia (tenant, seq);

-- A day's agendas, however long ago they began.
CREATE INDEX agendas_fim ON agendas (tenant, fim);
