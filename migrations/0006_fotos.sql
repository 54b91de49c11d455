-- Files of records: what has arrived of each, and the bytes that were verified. The bytes themselves
-- are in the object store; a row here is what makes an object findable.

-- What the document says of each file (the rest of the columns is its metadata).
ALTER TABLE anexos
    ADD COLUMN posicao text,
    -- Who attached it.
    ADD COLUMN autor uuid,
    -- esperada, recebida, verificada, recusada
    ADD COLUMN estado text NOT NULL DEFAULT 'esperada',
    ADD COLUMN estado_em timestamptz,
    -- Why it was refused: a code.
    ADD COLUMN motivo text;
CREATE INDEX anexos_recebidas ON anexos (estado_em) WHERE estado = 'recebida';
-- Who else has the same bytes.
CREATE INDEX anexos_sha256 ON anexos (tenant, sha256);

-- Bytes that were verified: once for each company and content, never across.
CREATE TABLE arquivo (
    tenant        uuid NOT NULL REFERENCES tenant (id),
    sha256        text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    tamanho       bigint NOT NULL CHECK (tamanho > 0),
    -- By the bytes themselves, whatever a document says.
    mime          text NOT NULL,
    -- Upright, in pixels, of an image that can be read.
    largura       int,
    altura        int,
    -- nao_ha (not an image that can be read), pendentes, prontas, falharam
    derivadas     text NOT NULL,
    tentativas    int NOT NULL DEFAULT 0,
    -- When its derivatives are due; while somebody makes them, when the lease ends.
    proxima_em    timestamptz NOT NULL DEFAULT now(),
    verificado_em timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, sha256)
);
CREATE INDEX arquivo_pendente ON arquivo (proxima_em) WHERE derivadas = 'pendentes';

-- A derivative that a device made and sent, of one file of one record.
CREATE TABLE derivada (
    tenant      uuid NOT NULL REFERENCES tenant (id),
    document    uuid NOT NULL,
    anexo       uuid NOT NULL,
    -- previa, miniatura
    variante    text NOT NULL,
    sha256      text NOT NULL,
    tamanho     bigint NOT NULL,
    recebida_em timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, document, anexo, variante)
);

-- An upload that is under way, or that waits to be verified.
CREATE TABLE envio (
    tenant      uuid NOT NULL REFERENCES tenant (id),
    id          uuid NOT NULL,
    document    uuid NOT NULL,
    anexo       uuid NOT NULL,
    -- original, previa, miniatura
    variante    text NOT NULL,
    usuario     uuid NOT NULL,
    sha256      text NOT NULL,
    tamanho     bigint NOT NULL CHECK (tamanho > 0),
    -- Bytes that the store has, from the first on.
    recebido    bigint NOT NULL DEFAULT 0 CHECK (recebido BETWEEN 0 AND tamanho),
    -- aberto; completo: waits to be verified; descartado: its parts are being deleted
    situacao    text NOT NULL DEFAULT 'aberto',
    tentativas  int NOT NULL DEFAULT 0,
    -- When its verification is due; while somebody verifies, when the lease ends.
    proxima_em  timestamptz NOT NULL DEFAULT now(),
    criado_em   timestamptz NOT NULL DEFAULT now(),
    -- Moves on with every byte.
    expira_em   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX envio_completo ON envio (proxima_em) WHERE situacao = 'completo';
CREATE INDEX envio_expira ON envio (expira_em);
CREATE INDEX envio_aberto ON envio (tenant, usuario) WHERE situacao = 'aberto';
CREATE INDEX envio_anexo ON envio (tenant, document, anexo);

-- The bytes of an upload as they came, each run of them an object of its own.
CREATE TABLE envio_parte (
    tenant uuid NOT NULL,
    envio  uuid NOT NULL,
    inicio bigint NOT NULL,
    fim    bigint NOT NULL CHECK (fim > inicio),
    objeto text NOT NULL,
    PRIMARY KEY (tenant, envio, inicio),
    FOREIGN KEY (tenant, envio) REFERENCES envio (tenant, id) ON DELETE CASCADE
);

DO $$
DECLARE
    tabela text;
BEGIN
    FOREACH tabela IN ARRAY ARRAY['arquivo', 'derivada', 'envio', 'envio_parte'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tabela);
        EXECUTE format(
            'CREATE POLICY da_empresa ON %I TO campo_app USING (tenant = campo_tenant())', tabela
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO campo_app', tabela);
    END LOOP;
END
$$;

-- The companies that have something to do now: what a worker asks before it acts for any of them.
-- First: uploads that wait to be verified.
CREATE FUNCTION envios_devidos() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT DISTINCT tenant FROM public.envio
        WHERE situacao = 'completo' AND proxima_em <= now()
    $$;
-- Uploads that nobody continues, or whose parts are of no more use.
CREATE FUNCTION envios_vencidos() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT DISTINCT tenant FROM public.envio
        WHERE situacao = 'descartado' OR situacao = 'aberto' AND expira_em < now()
    $$;
-- Files of which all is said to be here, and nothing is left to be verified.
CREATE FUNCTION recebidas_perdidas() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT DISTINCT x.tenant FROM public.anexos x
        WHERE x.estado = 'recebida' AND x.estado_em < now() - interval '10 minutes'
            AND NOT EXISTS (SELECT FROM public.envio e WHERE e.tenant = x.tenant
                AND e.document = x.document AND e.anexo = x.id AND e.situacao = 'completo')
    $$;
-- Files that lack their derivatives.
CREATE FUNCTION derivadas_devidas() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT DISTINCT tenant FROM public.arquivo
        WHERE derivadas = 'pendentes' AND proxima_em <= now()
    $$;
DO $$
DECLARE
    funcao text;
BEGIN
    FOREACH funcao IN ARRAY ARRAY[
        'envios_devidos', 'envios_vencidos', 'recebidas_perdidas', 'derivadas_devidas'
    ] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I() FROM PUBLIC', funcao);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I() TO campo_app', funcao);
    END LOOP;
END
$$;
