-- The outbox: actions for the company's ERP (webhooks) and e-mails. Rows are written in the
-- transaction that commits what they tell of, and sent by the worker, at least once.

-- Where notices for a person go; unset until the administration sets it.
ALTER TABLE usuario ADD COLUMN email text;
ALTER TABLE usuario ADD CONSTRAINT usuario_email_forma CHECK (length(email) BETWEEN 3 AND 254);

-- Endpoints of the company.
CREATE TABLE webhook_destino (
    tenant               uuid NOT NULL REFERENCES tenant (id),
    id                   uuid NOT NULL,
    url                  text NOT NULL CHECK (length(url) <= 2000),
    descricao            text NOT NULL CHECK (length(descricao) <= 200),
    -- Which types of event it wants; all when empty.
    eventos              text[] NOT NULL,
    -- Sealed with the server's key: never in clear.
    segredo              bytea NOT NULL,
    segredo_desde        timestamptz NOT NULL DEFAULT now(),
    -- The secret before, which signs beside the new one until then.
    segredo_anterior     bytea,
    segredo_anterior_ate timestamptz,
    ativo                boolean NOT NULL DEFAULT true,
    criado_em            timestamptz NOT NULL DEFAULT now(),
    removido_em          timestamptz,
    PRIMARY KEY (tenant, id),
    CONSTRAINT webhook_destino_removido CHECK (removido_em IS NULL OR NOT ativo)
);

-- One message for one endpoint.
CREATE TABLE webhook_entrega (
    tenant       uuid NOT NULL REFERENCES tenant (id),
    id           uuid NOT NULL,
    -- The webhook-id: the same on every try and for every endpoint.
    mensagem     text NOT NULL,
    tipo         text NOT NULL,
    documento    uuid NOT NULL,
    acao         uuid NOT NULL,
    -- The very bytes that are signed.
    corpo        text NOT NULL,
    -- None while sem_destino.
    destino      uuid,
    -- pendente, entregue, falhou (dead letter), sem_destino, cancelada
    situacao     text NOT NULL,
    -- Tries since it was queued, or queued again.
    tentativas   int NOT NULL DEFAULT 0,
    -- When it is due; while somebody is sending it, when the lease ends.
    proxima_em   timestamptz NOT NULL DEFAULT now(),
    -- Whose try counts: set by each claim.
    arrendamento uuid,
    criado_em    timestamptz NOT NULL,
    entregue_em  timestamptz,
    -- Why the last try failed.
    erro         text,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, mensagem, destino),
    FOREIGN KEY (tenant, destino) REFERENCES webhook_destino (tenant, id)
);
CREATE INDEX webhook_entrega_devida ON webhook_entrega (proxima_em) WHERE situacao = 'pendente';
CREATE INDEX webhook_entrega_sem_destino ON webhook_entrega (tenant, id)
    WHERE situacao = 'sem_destino';
CREATE INDEX webhook_entrega_documento ON webhook_entrega (tenant, documento, id);

-- Every try.
CREATE TABLE webhook_tentativa (
    tenant  uuid NOT NULL,
    id      uuid NOT NULL,
    entrega uuid NOT NULL,
    destino uuid NOT NULL,
    em      timestamptz NOT NULL,
    -- HTTP status; none where no answer came.
    status  int,
    ms      int NOT NULL,
    erro    text,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, entrega) REFERENCES webhook_entrega (tenant, id)
);
CREATE INDEX webhook_tentativa_entrega ON webhook_tentativa (tenant, entrega, id);

-- What a company writes in place of the texts that Campo brings.
CREATE TABLE modelo_email (
    tenant      uuid NOT NULL REFERENCES tenant (id),
    codigo      text NOT NULL,
    assunto     text NOT NULL,
    corpo       text NOT NULL,
    alterado_em timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, codigo)
);

-- One e-mail to one person, as it was rendered.
CREATE TABLE email_saida (
    tenant       uuid NOT NULL REFERENCES tenant (id),
    id           uuid NOT NULL,
    documento    uuid NOT NULL,
    modelo       text NOT NULL,
    -- Why the company's own template was not used, where it could not be.
    modelo_erro  text,
    -- The person; the client when null.
    usuario      uuid,
    nome         text NOT NULL,
    endereco     text,
    assunto      text NOT NULL,
    corpo        text NOT NULL,
    -- pendente, enviado, falhou, sem_endereco, nao_enviado (no SMTP is set)
    situacao     text NOT NULL,
    tentativas   int NOT NULL DEFAULT 0,
    proxima_em   timestamptz NOT NULL DEFAULT now(),
    arrendamento uuid,
    criado_em    timestamptz NOT NULL,
    -- How often it was sent again on demand: part of the Message-ID.
    reenvios     int NOT NULL DEFAULT 0,
    enviado_em   timestamptz,
    message_id   text,
    -- What the SMTP server answered.
    resposta     text,
    erro         text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX email_saida_devida ON email_saida (proxima_em)
    WHERE situacao IN ('pendente', 'nao_enviado');
CREATE INDEX email_saida_documento ON email_saida (tenant, documento, id);

DO $$
DECLARE
    tabela text;
BEGIN
    FOREACH tabela IN ARRAY ARRAY[
        'webhook_destino', 'webhook_entrega', 'webhook_tentativa', 'modelo_email', 'email_saida'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tabela);
        EXECUTE format(
            'CREATE POLICY da_empresa ON %I TO campo_app USING (tenant = campo_tenant())', tabela
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO campo_app', tabela);
    END LOOP;
END
$$;
-- A template goes back to the one that Campo brings; the log of tries is append-only.
GRANT DELETE ON modelo_email TO campo_app;
REVOKE UPDATE ON webhook_tentativa FROM campo_app;

-- The companies that have something to send now: what a worker asks before it acts for any of them.
CREATE FUNCTION saida_devida(p_smtp boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$
        SELECT e.tenant FROM public.webhook_entrega e
        JOIN public.webhook_destino d ON d.tenant = e.tenant AND d.id = e.destino
        WHERE e.situacao = 'pendente' AND e.proxima_em <= now() AND d.ativo
        UNION
        SELECT e.tenant FROM public.webhook_entrega e
        JOIN public.webhook_destino d ON d.tenant = e.tenant
        WHERE e.situacao = 'sem_destino' AND d.ativo
            AND (d.eventos = '{}' OR e.tipo = ANY (d.eventos))
            AND NOT EXISTS (SELECT FROM public.webhook_entrega o
                WHERE o.tenant = e.tenant AND o.mensagem = e.mensagem AND o.destino = d.id)
        UNION
        -- Without SMTP only what does not say so yet.
        SELECT m.tenant FROM public.email_saida m
        WHERE m.situacao IN ('pendente', 'nao_enviado') AND m.proxima_em <= now()
            AND (p_smtp OR m.situacao = 'pendente')
    $$;
REVOKE ALL ON FUNCTION saida_devida(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION saida_devida(boolean) TO campo_app;
