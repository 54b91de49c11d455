-- Companies, people, devices and sessions: who is asking, before anything else is answered.
--
-- Two roles. The owner (whoever runs the migrations) owns tables and functions. `campo_app` is what
-- the server acts as: it owns nothing, so row-level security always holds for it (README.md).

-- Roles belong to the whole cluster, and several databases of one cluster may migrate at once.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'campo_app') THEN
        BEGIN
            CREATE ROLE campo_app NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this cluster was faster
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        BEGIN
            GRANT campo_app TO CURRENT_USER;
        EXCEPTION WHEN unique_violation OR internal_error THEN
            NULL; -- granted by a concurrent migration
        END;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO campo_app;

-- The company of this transaction; NULL, which matches no row, while none was set.
CREATE FUNCTION campo_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('campo.tenant', true), '')::uuid $$;

CREATE TABLE tenant (
    id        uuid PRIMARY KEY,
    nome      text NOT NULL CHECK (length(nome) BETWEEN 1 AND 200),
    slug      text NOT NULL,
    fuso      text NOT NULL DEFAULT 'America/Sao_Paulo',
    preset    text,
    criado_em timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_slug_unico UNIQUE (slug),
    CONSTRAINT tenant_slug_forma CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,39}$')
);

CREATE TABLE usuario (
    tenant     uuid NOT NULL REFERENCES tenant (id),
    id         uuid NOT NULL,
    login      text NOT NULL,
    nome       text NOT NULL CHECK (length(nome) BETWEEN 1 AND 200),
    senha_hash text NOT NULL,
    permissoes text[] NOT NULL,
    ativo      boolean NOT NULL DEFAULT true,
    criado_em  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id),
    CONSTRAINT usuario_login_unico UNIQUE (tenant, login),
    CONSTRAINT usuario_login_forma
        CHECK (login = lower(login) AND login !~ '\s' AND length(login) BETWEEN 1 AND 200)
);

CREATE TABLE dispositivo (
    tenant      uuid NOT NULL REFERENCES tenant (id),
    id          uuid NOT NULL,
    nome        text NOT NULL CHECK (length(nome) <= 200),
    criado_em   timestamptz NOT NULL DEFAULT now(),
    visto_em    timestamptz,
    revogado_em timestamptz,
    PRIMARY KEY (tenant, id)
);

-- One row a sign-in on a device. The pair of tokens is replaced at each refresh; only hashes are
-- kept.
CREATE TABLE device_session (
    tenant                uuid NOT NULL,
    id                    uuid NOT NULL,
    usuario               uuid NOT NULL,
    dispositivo           uuid NOT NULL,
    access_hash           bytea NOT NULL UNIQUE,
    access_expira_em      timestamptz NOT NULL,
    refresh_hash          bytea NOT NULL UNIQUE,
    refresh_anterior_hash bytea UNIQUE,
    -- True once the device proved, by using it, that the current pair reached it: from then on the
    -- previous refresh token in anybody's hand is a stolen one.
    par_usado             boolean NOT NULL DEFAULT false,
    refresh_expira_em     timestamptz NOT NULL,
    criado_em             timestamptz NOT NULL DEFAULT now(),
    revogado_em           timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, usuario) REFERENCES usuario (tenant, id),
    FOREIGN KEY (tenant, dispositivo) REFERENCES dispositivo (tenant, id)
);
CREATE INDEX device_session_usuario ON device_session (tenant, usuario);
CREATE INDEX device_session_dispositivo ON device_session (tenant, dispositivo);

-- Refresh tokens out of date by more than one step, kept to recognise a replay.
CREATE TABLE refresh_antigo (
    tenant uuid NOT NULL,
    hash   bytea NOT NULL UNIQUE,
    sessao uuid NOT NULL,
    em     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, hash),
    FOREIGN KEY (tenant, sessao) REFERENCES device_session (tenant, id) ON DELETE CASCADE
);
CREATE INDEX refresh_antigo_sessao ON refresh_antigo (tenant, sessao, em);

CREATE TABLE office_session (
    tenant      uuid NOT NULL,
    id          uuid NOT NULL,
    usuario     uuid NOT NULL,
    token_hash  bytea NOT NULL UNIQUE,
    csrf        text NOT NULL,
    criado_em   timestamptz NOT NULL DEFAULT now(),
    expira_em   timestamptz NOT NULL,
    revogado_em timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, usuario) REFERENCES usuario (tenant, id)
);
CREATE INDEX office_session_usuario ON office_session (tenant, usuario);

-- Failed (or still running) sign-ins of the last minutes. Both keys are hashes: no login, no
-- address. It belongs to no company, so campo_app reaches it only through the two functions below.
CREATE TABLE login_tentativa (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login_chave bytea NOT NULL,
    ip_chave    bytea,
    em          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX login_tentativa_login ON login_tentativa (login_chave, em);
CREATE INDEX login_tentativa_ip ON login_tentativa (ip_chave, em);
CREATE INDEX login_tentativa_em ON login_tentativa (em);

-- Row-level security: a company sees its own rows. Not FORCEd: the owner, who owns the functions
-- below, need not be a superuser then, and the server never acts as the owner.
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON tenant TO campo_app USING (id = campo_tenant());
ALTER TABLE usuario ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON usuario TO campo_app USING (tenant = campo_tenant());
ALTER TABLE dispositivo ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON dispositivo TO campo_app USING (tenant = campo_tenant());
ALTER TABLE device_session ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON device_session TO campo_app USING (tenant = campo_tenant());
ALTER TABLE refresh_antigo ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON refresh_antigo TO campo_app USING (tenant = campo_tenant());
ALTER TABLE office_session ENABLE ROW LEVEL SECURITY;
CREATE POLICY da_empresa ON office_session TO campo_app USING (tenant = campo_tenant());
ALTER TABLE login_tentativa ENABLE ROW LEVEL SECURITY;

GRANT SELECT, INSERT ON tenant TO campo_app;
GRANT SELECT, INSERT, UPDATE ON usuario, dispositivo, device_session, office_session TO campo_app;
GRANT SELECT, INSERT, DELETE ON refresh_antigo TO campo_app;

-- What must be looked up before the company is known. Each answers for one exact key.

CREATE FUNCTION tenant_por_slug(p_slug text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$ SELECT id FROM public.tenant WHERE slug = p_slug $$;

CREATE FUNCTION identidade_por_login(p_slug text, p_login text)
    RETURNS TABLE (tenant uuid, usuario uuid, senha_hash text, ativo boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT t.id, u.id, u.senha_hash, u.ativo
        FROM public.tenant t JOIN public.usuario u ON u.tenant = t.id
        WHERE t.slug = p_slug AND u.login = p_login
    $$;

CREATE FUNCTION identidade_por_acesso(p_hash bytea)
    RETURNS TABLE (tenant uuid, sessao uuid, dispositivo uuid, usuario uuid, nome text,
                   permissoes text[], ativo boolean, expirada boolean, revogada boolean,
                   dispositivo_revogado boolean, par_usado boolean, visto_ha_pouco boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT s.tenant, s.id, s.dispositivo, s.usuario, u.nome, u.permissoes, u.ativo,
               s.access_expira_em <= now(), s.revogado_em IS NOT NULL,
               d.revogado_em IS NOT NULL, s.par_usado,
               coalesce(d.visto_em > now() - interval '5 minutes', false)
        FROM public.device_session s
        JOIN public.usuario u ON u.tenant = s.tenant AND u.id = s.usuario
        JOIN public.dispositivo d ON d.tenant = s.tenant AND d.id = s.dispositivo
        WHERE s.access_hash = p_hash
    $$;

CREATE FUNCTION sessao_por_renovacao(p_hash bytea) RETURNS TABLE (tenant uuid, sessao uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT tenant, id FROM public.device_session WHERE refresh_hash = p_hash
        UNION ALL
        SELECT tenant, id FROM public.device_session WHERE refresh_anterior_hash = p_hash
        UNION ALL
        SELECT tenant, sessao FROM public.refresh_antigo WHERE hash = p_hash
        LIMIT 1
    $$;

CREATE FUNCTION identidade_por_cookie(p_hash bytea)
    RETURNS TABLE (tenant uuid, tenant_nome text, fuso text, sessao uuid, usuario uuid, nome text,
                   permissoes text[], csrf text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT s.tenant, t.nome, t.fuso, s.id, s.usuario, u.nome, u.permissoes, s.csrf
        FROM public.office_session s
        JOIN public.tenant t ON t.id = s.tenant
        JOIN public.usuario u ON u.tenant = s.tenant AND u.id = s.usuario
        WHERE s.token_hash = p_hash AND s.revogado_em IS NULL AND s.expira_em > now() AND u.ativo
    $$;

-- Takes one of the tries a login or an address has in the window. Returns 0, or in how many seconds
-- the next is free. The try counts as failed until login_conseguiu: parallel guesses cannot slip
-- by.
CREATE FUNCTION login_tentar(p_login bytea, p_ip bytea, p_login_max integer, p_ip_max integer,
                             p_janela interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
    AS $$
DECLARE
    v_desde timestamptz;
    v_limite timestamptz;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(7301, pg_catalog.hashtext(p_login::text));
    IF p_ip IS NOT NULL THEN
        PERFORM pg_catalog.pg_advisory_xact_lock(7302, pg_catalog.hashtext(p_ip::text));
    END IF;
    v_desde := clock_timestamp() - p_janela;
    DELETE FROM public.login_tentativa WHERE id IN (
        SELECT id FROM public.login_tentativa WHERE em < v_desde LIMIT 50 FOR UPDATE SKIP LOCKED);
    -- The n-th newest try: once it leaves the window, one is free again.
    SELECT max(t.em) INTO v_limite FROM (
        (SELECT em FROM public.login_tentativa WHERE login_chave = p_login AND em > v_desde
         ORDER BY em DESC OFFSET p_login_max - 1 LIMIT 1)
        UNION ALL
        (SELECT em FROM public.login_tentativa WHERE ip_chave = p_ip AND em > v_desde
         ORDER BY em DESC OFFSET p_ip_max - 1 LIMIT 1)
    ) t;
    IF v_limite IS NOT NULL THEN
        RETURN greatest(1, ceil(extract(epoch FROM v_limite - v_desde)))::integer;
    END IF;
    INSERT INTO public.login_tentativa (login_chave, ip_chave) VALUES (p_login, p_ip);
    RETURN 0;
END
$$;

CREATE FUNCTION login_conseguiu(p_login bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = ''
    AS $$ DELETE FROM public.login_tentativa WHERE login_chave = p_login $$;

REVOKE ALL ON FUNCTION
    tenant_por_slug(text), identidade_por_login(text, text), identidade_por_acesso(bytea),
    sessao_por_renovacao(bytea), identidade_por_cookie(bytea),
    login_tentar(bytea, bytea, integer, integer, interval), login_conseguiu(bytea)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    tenant_por_slug(text), identidade_por_login(text, text), identidade_por_acesso(bytea),
    sessao_por_renovacao(bytea), identidade_por_cookie(bytea),
    login_tentar(bytea, bytea, integer, integer, interval), login_conseguiu(bytea)
    TO campo_app;
