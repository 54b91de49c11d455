-- What the business needs beside the records: who may see a restricted case, the parts that a
-- record gained, deadlines that are due, and the search.

-- People: groups name who may see a restricted case; a client's login sees that client's records.
ALTER TABLE usuario ADD COLUMN grupos text[] NOT NULL DEFAULT '{}';
ALTER TABLE usuario ADD COLUMN filial text;
ALTER TABLE usuario ADD COLUMN cliente uuid;

-- What a function returns cannot be changed in place.
DROP FUNCTION identidade_por_acesso(bytea);
CREATE FUNCTION identidade_por_acesso(p_hash bytea)
    RETURNS TABLE (tenant uuid, sessao uuid, dispositivo uuid, usuario uuid, nome text,
                   permissoes text[], grupos text[], filial text, cliente uuid, ativo boolean,
                   expirada boolean, revogada boolean, dispositivo_revogado boolean,
                   par_usado boolean, visto_ha_pouco boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT s.tenant, s.id, s.dispositivo, s.usuario, u.nome, u.permissoes, u.grupos, u.filial,
               u.cliente, u.ativo, s.access_expira_em <= now(), s.revogado_em IS NOT NULL,
               d.revogado_em IS NOT NULL, s.par_usado,
               coalesce(d.visto_em > now() - interval '5 minutes', false)
        FROM public.device_session s
        JOIN public.usuario u ON u.tenant = s.tenant AND u.id = s.usuario
        JOIN public.dispositivo d ON d.tenant = s.tenant AND d.id = s.dispositivo
        WHERE s.access_hash = p_hash
    $$;

DROP FUNCTION identidade_por_cookie(bytea);
CREATE FUNCTION identidade_por_cookie(p_hash bytea)
    RETURNS TABLE (tenant uuid, tenant_nome text, fuso text, sessao uuid, usuario uuid, nome text,
                   permissoes text[], grupos text[], filial text, cliente uuid, csrf text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT s.tenant, t.nome, t.fuso, s.id, s.usuario, u.nome, u.permissoes, u.grupos, u.filial,
               u.cliente, s.csrf
        FROM public.office_session s
        JOIN public.tenant t ON t.id = s.tenant
        JOIN public.usuario u ON u.tenant = s.tenant AND u.id = s.usuario
        WHERE s.token_hash = p_hash AND s.revogado_em IS NULL AND s.expira_em > now() AND u.ativo
    $$;

-- Cases that only listed people, members of listed groups and administrators see (R86).
CREATE TABLE restricao (
    tenant uuid NOT NULL,
    raiz uuid NOT NULL,
    usuarios uuid[] NOT NULL,
    grupos text[] NOT NULL,
    por uuid NOT NULL,
    quando timestamptz NOT NULL,
    PRIMARY KEY (tenant, raiz)
);
-- Who sees what follows from `envolvido` and from this; `escopo` says since when devices hold it.
CREATE INDEX envolvido_usuario ON envolvido (tenant, usuario, raiz);

ALTER TABLE ocorrencias
    ADD COLUMN assunto text,
    ADD COLUMN fornecedor text,
    ADD COLUMN produto text,
    ADD COLUMN canal text,
    ADD COLUMN setor text,
    ADD COLUMN filial text,
    ADD COLUMN atendimento_em timestamptz,
    ADD COLUMN categoria text,
    ADD COLUMN esforco bigint,
    ADD COLUMN plano_mensal date,
    ADD COLUMN prazo_entrega date,
    ADD COLUMN modulo text,
    ADD COLUMN exemplo text,
    ADD COLUMN impacto text,
    ADD COLUMN resolucao text,
    ADD COLUMN procedencia text,
    ADD COLUMN interno boolean;
CREATE INDEX ocorrencias_cliente ON ocorrencias (tenant, cliente);
ALTER TABLE itens ADD COLUMN valor bigint, ADD COLUMN procedencia text;
ALTER TABLE pedidos
    ADD COLUMN email boolean NOT NULL DEFAULT false,
    ADD COLUMN de text,
    ADD COLUMN para text,
    ADD COLUMN julgado_em timestamptz;

CREATE TABLE despesas (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    despesa text,
    valor bigint,
    data date,
    observacao text,
    PRIMARY KEY (tenant, document, id)
);

CREATE TABLE anexos (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    nome text,
    categoria text,
    legenda text,
    mime text,
    tamanho bigint,
    sha256 text,
    capturado_em timestamptz,
    PRIMARY KEY (tenant, document, id)
);

CREATE TABLE vinculos (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    documento uuid,
    contato text,
    relacao text,
    descricao text,
    PRIMARY KEY (tenant, document, id)
);
-- From the other end of the link.
CREATE INDEX vinculos_documento ON vinculos (tenant, documento);

CREATE TABLE interessados (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    usuario uuid NOT NULL,
    PRIMARY KEY (tenant, document, usuario)
);

DROP TABLE laudos;
CREATE TABLE analises (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    -- parcial, laudo, solucao, parecer
    tipo text NOT NULL,
    procedente boolean,
    texto text NOT NULL,
    pedido uuid,
    emitida_por uuid NOT NULL,
    emitida_em timestamptz NOT NULL,
    encaminhar uuid,
    vigente boolean NOT NULL,
    PRIMARY KEY (tenant, document, id)
);

-- What a record asks of the company's ERP. The record says all of it; deliveries are elsewhere.
CREATE TABLE acoes (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    codigo text NOT NULL,
    pedida_por uuid NOT NULL,
    pedida_em timestamptz NOT NULL,
    observacao text,
    -- solicitada, concluida, recusada
    situacao text NOT NULL,
    externo text,
    retorno text,
    atualizada_em timestamptz NOT NULL,
    PRIMARY KEY (tenant, document, id)
);
CREATE INDEX acoes_id ON acoes (tenant, id);

-- Groups concluded records of one tipo (R76, R77). The server's own, in no document.
CREATE TABLE acao_corretiva (
    tenant uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    numero text NOT NULL,
    titulo text NOT NULL,
    descricao text,
    -- The tipo (its codigo) of the records that may join.
    tipo text NOT NULL,
    situacao text NOT NULL DEFAULT 'rascunho',
    criada_por uuid NOT NULL,
    criada_em timestamptz NOT NULL DEFAULT now(),
    iniciada_em timestamptz,
    encerrada_em timestamptz,
    PRIMARY KEY (tenant, id),
    CONSTRAINT acao_corretiva_numero_unico UNIQUE (tenant, numero),
    CONSTRAINT acao_corretiva_situacao CHECK (situacao IN ('rascunho', 'em_execucao', 'encerrada'))
);
CREATE INDEX acao_corretiva_lista ON acao_corretiva (tenant, situacao, criada_em DESC, id DESC);

-- The records' own word on it.
CREATE TABLE corretiva_vinculo (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    numero text NOT NULL,
    vinculada_por uuid NOT NULL,
    vinculada_em timestamptz NOT NULL,
    PRIMARY KEY (tenant, document, id)
);
CREATE INDEX corretiva_vinculo_id ON corretiva_vinculo (tenant, id);

ALTER TABLE acompanhamentos
    -- The item, note, request, analysis or action that it is about.
    ADD COLUMN parte uuid,
    -- interna, cliente
    ADD COLUMN visibilidade text NOT NULL DEFAULT 'interna',
    ADD COLUMN resposta_a uuid;

DO $$
DECLARE
    tabela text;
BEGIN
    FOREACH tabela IN ARRAY ARRAY['assistencias', 'ocorrencias', 'agendas', 'clientes'] LOOP
        EXECUTE format(
            'ALTER TABLE %I '
            -- First arrival, by the server.
            'ADD COLUMN recebido_em timestamptz, '
            -- Since when it is in its situação, and until when it may be.
            'ADD COLUMN etapa_desde timestamptz, ADD COLUMN etapa_ate timestamptz, '
            -- When it has waited too long for the client.
            'ADD COLUMN inativa_em timestamptz, '
            -- baixa 1 to urgente 4.
            'ADD COLUMN prioridade_ordem smallint, '
            'ADD COLUMN busca_fts tsvector NOT NULL DEFAULT ''''', tabela);
        -- Not with the company in front: it is a word of each vector, see busca_indice.
        EXECUTE format('CREATE INDEX %I ON %I USING gin (busca_fts)', tabela || '_busca', tabela);
        EXECUTE format(
            'CREATE INDEX %I ON %I (inativa_em) WHERE inativa_em IS NOT NULL',
            tabela || '_inativa', tabela);
    END LOOP;
END
$$;
CREATE INDEX assistencias_etapa ON assistencias (tenant, etapa_ate) WHERE etapa_ate IS NOT NULL;
CREATE INDEX ocorrencias_etapa ON ocorrencias (tenant, etapa_ate) WHERE etapa_ate IS NOT NULL;

DO $$
DECLARE
    tabela text;
BEGIN
    FOREACH tabela IN ARRAY ARRAY[
        'restricao', 'despesas', 'anexos', 'vinculos', 'interessados', 'analises', 'acoes',
        'acao_corretiva', 'corretiva_vinculo'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tabela);
        EXECUTE format(
            'CREATE POLICY da_empresa ON %I TO campo_app USING (tenant = campo_tenant())', tabela
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO campo_app', tabela);
    END LOOP;
END
$$;

-- The words of a record: as Portuguese (written out, and without accents), as they are, and the
-- company, so that the index answers for one company alone. `campo_server::search` splits texts.
CREATE FUNCTION busca_indice(p_tenant uuid, p_texto text, p_dobrado text, p_palavras text[])
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT to_tsvector('pg_catalog.portuguese', p_texto)
            || to_tsvector('pg_catalog.portuguese', p_dobrado)
            || array_to_tsvector(p_palavras || (':' || p_tenant))
    $$;

-- What a person looks for, one query a word. Each word comes as it was typed (`texto`), without
-- accents (`dobrado`), and as alternatives that are to be found as they stand (`exato`).
CREATE FUNCTION busca_palavras(p_tenant uuid, p_palavras jsonb) RETURNS SETOF tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = ''
    AS $$
        SELECT concat(''':', p_tenant, ''' & (', concat_ws(' | ',
                nullif(plainto_tsquery('pg_catalog.portuguese', p->>'texto')::text, ''),
                nullif(plainto_tsquery('pg_catalog.portuguese', p->>'dobrado')::text, ''),
                p->>'exato'), ')')::tsquery
        FROM jsonb_array_elements(p_palavras) p
    $$;

-- Row-level security keeps an index on words from being used: a function of PostgreSQL that is not
-- known to be leakproof may not see a row before the policy has. These look as the owner, at the
-- rows of the company that the transaction has set; the caller reads those rows under its own
-- policy. Each word must be found in the record or in its client.
DO $$
DECLARE
    -- A table, and where its records find their client (`c`), if they have one.
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
            'CREATE FUNCTION busca_%1$s(p_palavras jsonb) RETURNS SETOF uuid
                 LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '''' ROWS 100
             AS $sql$
                 WITH q AS MATERIALIZED (
                     SELECT public.campo_tenant() AS tenant, palavra, ordem FROM
                     public.busca_palavras(public.campo_tenant(), p_palavras)
                     WITH ORDINALITY q (palavra, ordem)
                 ), c AS (
                     SELECT c.tenant, c.id, q.ordem FROM q JOIN public.clientes c
                     ON c.tenant = q.tenant AND c.busca_fts OPERATOR(pg_catalog.@@) q.palavra
                 )
                 SELECT m.id FROM (
                     SELECT t.id, q.ordem FROM q JOIN public.%1$s t
                     ON t.tenant = q.tenant AND t.busca_fts OPERATOR(pg_catalog.@@) q.palavra
                     %2$s
                 ) m GROUP BY m.id HAVING count(*) = (SELECT count(*) FROM q)
             $sql$', tabela, do_cliente);
        EXECUTE format('REVOKE ALL ON FUNCTION busca_%s(jsonb) FROM PUBLIC', tabela);
        EXECUTE format('GRANT EXECUTE ON FUNCTION busca_%s(jsonb) TO campo_app', tabela);
    END LOOP;
END
$$;

-- The records, of all companies, that have waited too long for the client, the longest first and
-- after one that was read before, with the heads that the waiting was reckoned on. The timer of
-- every server asks; whoever commits first has done it.
CREATE FUNCTION registros_inativos(p_agora timestamptz, p_apos timestamptz, p_apos_id uuid,
                                   p_limite integer)
    RETURNS TABLE (tenant uuid, document uuid, heads bytea, inativa_em timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT d.tenant, d.id, d.heads, i.inativa_em FROM (
            SELECT r.tenant, r.id, r.inativa_em FROM public.ocorrencias r
            WHERE r.inativa_em <= p_agora
            UNION ALL
            SELECT r.tenant, r.id, r.inativa_em FROM public.assistencias r
            WHERE r.inativa_em <= p_agora
            UNION ALL
            SELECT r.tenant, r.id, r.inativa_em FROM public.agendas r
            WHERE r.inativa_em <= p_agora
        ) i JOIN public.document d ON d.tenant = i.tenant AND d.id = i.id
        WHERE (i.inativa_em, i.id) > (p_apos, p_apos_id)
        ORDER BY i.inativa_em, i.id LIMIT p_limite
    $$;

REVOKE ALL ON FUNCTION
    identidade_por_acesso(bytea), identidade_por_cookie(bytea),
    registros_inativos(timestamptz, timestamptz, uuid, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    identidade_por_acesso(bytea), identidade_por_cookie(bytea),
    registros_inativos(timestamptz, timestamptz, uuid, integer)
    TO campo_app;
