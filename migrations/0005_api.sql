-- The REST API: keys of programs, and what was answered to a POST that may come again.

-- A person of service acts for a program: it holds permissions and signs what it does, and cannot
-- sign in.
ALTER TABLE usuario ADD COLUMN servico boolean NOT NULL DEFAULT false;

-- As in 0001, without people of service.
CREATE OR REPLACE FUNCTION identidade_por_login(p_slug text, p_login text)
    RETURNS TABLE (tenant uuid, usuario uuid, senha_hash text, ativo boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT t.id, u.id, u.senha_hash, u.ativo
        FROM public.tenant t JOIN public.usuario u ON u.tenant = t.id
        WHERE t.slug = p_slug AND u.login = p_login AND NOT u.servico
    $$;

CREATE TABLE chave_api (
    tenant      uuid NOT NULL,
    id          uuid NOT NULL,
    nome        text NOT NULL CHECK (length(nome) BETWEEN 1 AND 200),
    -- The first characters of the secret, to tell keys apart; of the secret itself, its hash.
    prefixo     text NOT NULL,
    hash        bytea NOT NULL UNIQUE,
    escopos     text[] NOT NULL,
    -- The person of service that it acts as.
    usuario     uuid NOT NULL,
    criada_por  uuid NOT NULL,
    criada_em   timestamptz NOT NULL DEFAULT now(),
    expira_em   timestamptz,
    -- To five minutes.
    usada_em    timestamptz,
    revogada_em timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, usuario) REFERENCES usuario (tenant, id),
    FOREIGN KEY (tenant, criada_por) REFERENCES usuario (tenant, id)
);

-- One row a key of a caller (a person or an API key), for a day.
CREATE TABLE idempotencia (
    tenant        uuid NOT NULL REFERENCES tenant (id),
    principal     uuid NOT NULL,
    -- SHA-256 of the Idempotency-Key, and of it with the request.
    chave         bytea NOT NULL,
    pedido        bytea NOT NULL,
    criado_em     timestamptz NOT NULL DEFAULT now(),
    -- Which request holds the place, and until when if it never ends.
    dono          uuid NOT NULL,
    reservada_ate timestamptz NOT NULL,
    -- The answer, once there is one; headers as name, value, name, value.
    status        smallint,
    cabecalhos    text[],
    corpo         bytea,
    PRIMARY KEY (tenant, principal, chave)
);
CREATE INDEX idempotencia_criado_em ON idempotencia (tenant, criado_em);

-- Text for sorting and searching, as `campo_domain::busca` folds it.
CREATE FUNCTION campo_dobrar(p_texto text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT lower(regexp_replace(normalize(p_texto, NFKD), '[\u0300-\u036f]', '', 'g')) $$;
CREATE INDEX referencia_nome ON referencia
    (tenant, collection, (campo_dobrar(coalesce(data->>'nome', key))) COLLATE "C", key COLLATE "C");

ALTER TABLE chave_api ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON chave_api TO campo_app USING (tenant = campo_tenant());
ALTER TABLE idempotencia ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON idempotencia TO campo_app USING (tenant = campo_tenant());

GRANT SELECT, INSERT ON chave_api TO campo_app;
GRANT UPDATE (usada_em, revogada_em) ON chave_api TO campo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotencia TO campo_app;
GRANT UPDATE (nome, fuso) ON tenant TO campo_app;

CREATE FUNCTION identidade_por_chave(p_hash bytea)
    RETURNS TABLE (tenant uuid, chave uuid, usuario uuid, escopos text[], expirada boolean,
                   revogada boolean, usada_ha_pouco boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT c.tenant, c.id, c.usuario, c.escopos, coalesce(c.expira_em <= now(), false),
               c.revogada_em IS NOT NULL,
               coalesce(c.usada_em > now() - interval '5 minutes', false)
        FROM public.chave_api c
        WHERE c.hash = p_hash
    $$;

REVOKE ALL ON FUNCTION identidade_por_chave(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identidade_por_chave(bytea) TO campo_app;
