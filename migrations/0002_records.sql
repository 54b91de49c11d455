-- The log, the documents and their projection. Every table belongs to a tenant and is behind RLS.

-- The clock row: its lock, taken last in a transaction, makes commit order equal sequence order.
CREATE TABLE tenant_clock (
    tenant uuid PRIMARY KEY REFERENCES tenant (id),
    seq bigint NOT NULL DEFAULT 0,
    -- Changes when the database is restored.
    epoch bigint NOT NULL
);

-- One row a document: what a transaction locks, in id order, before it commits changes to it.
CREATE TABLE document (
    tenant uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    -- The record whose visibility it shares.
    raiz uuid NOT NULL,
    generation int NOT NULL DEFAULT 1,
    -- Heads of the merged document, 32 bytes each, sorted.
    heads bytea NOT NULL,
    -- A whole document (uncompressed chunks) that covers the log up to snapshot_seq.
    snapshot bytea,
    snapshot_seq bigint NOT NULL DEFAULT 0,
    -- The log position of its first change.
    first_seq bigint NOT NULL DEFAULT 0,
    -- How many changes came after the snapshot.
    increments int NOT NULL DEFAULT 0,
    erased boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX document_raiz ON document (tenant, raiz);

CREATE TABLE change_log (
    tenant uuid NOT NULL,
    seq bigint NOT NULL,
    -- change, granted, revoked, reference, generation, erased, held
    kind text NOT NULL,
    document uuid,
    generation int,
    -- SHA-256 of the change, as Automerge names it.
    hash bytea,
    bytes bytea,
    author uuid,
    device uuid,
    -- For whom; everyone who may see it when null.
    addressee uuid,
    -- For a reference: its collection and key.
    collection text,
    key text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE UNIQUE INDEX change_log_hash ON change_log (tenant, document, hash, generation)
    WHERE kind = 'change';
CREATE INDEX change_log_document ON change_log (tenant, document, seq) WHERE kind = 'change';
CREATE INDEX change_log_revoked ON change_log (tenant, addressee, document, seq)
    WHERE kind = 'revoked';

CREATE INDEX change_log_reset ON change_log (tenant, addressee, seq)
    WHERE kind = 'granted' AND document IS NULL;

-- Who is involved in a record through which document.
CREATE TABLE envolvido (
    tenant uuid NOT NULL,
    raiz uuid NOT NULL,
    document uuid NOT NULL,
    usuario uuid NOT NULL,
    PRIMARY KEY (tenant, raiz, document, usuario)
);

-- What each person's devices hold: the sum of the above, with the position it holds since.
CREATE TABLE escopo (
    tenant uuid NOT NULL,
    usuario uuid NOT NULL,
    raiz uuid NOT NULL,
    since_seq bigint NOT NULL,
    PRIMARY KEY (tenant, usuario, raiz)
);
CREATE INDEX escopo_raiz ON escopo (tenant, raiz);

-- Reference data as it is now; every version of it is in the log.
CREATE TABLE referencia (
    tenant uuid NOT NULL REFERENCES tenant (id),
    collection text NOT NULL,
    key text NOT NULL,
    addressee uuid,
    active boolean NOT NULL DEFAULT true,
    data jsonb NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (tenant, collection, key)
);

-- Permissions that a person held before, to judge work that was done in good faith.
CREATE TABLE permissao_anterior (
    tenant uuid NOT NULL,
    usuario uuid NOT NULL,
    ate_seq bigint NOT NULL,
    permissoes text[] NOT NULL,
    PRIMARY KEY (tenant, usuario, ate_seq)
);

-- Work that came too late: kept as a whole branch until the office decides.
CREATE TABLE held (
    tenant uuid NOT NULL,
    id uuid NOT NULL,
    document uuid NOT NULL,
    generation int NOT NULL,
    kind text NOT NULL,
    raiz uuid NOT NULL,
    author uuid NOT NULL,
    device uuid NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    received_at timestamptz NOT NULL,
    -- aguardando, aprovado, descartado
    status text NOT NULL DEFAULT 'aguardando',
    decided_by uuid,
    decided_at timestamptz,
    decision_note text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX held_waiting ON held (tenant, received_at) WHERE status = 'aguardando';
CREATE INDEX held_document ON held (tenant, document);

CREATE TABLE held_change (
    tenant uuid NOT NULL,
    held uuid NOT NULL,
    ordem int NOT NULL,
    document uuid NOT NULL,
    hash bytea NOT NULL,
    bytes bytea NOT NULL,
    seen bigint NOT NULL,
    PRIMARY KEY (tenant, held, ordem),
    UNIQUE (tenant, document, hash),
    FOREIGN KEY (tenant, held) REFERENCES held (tenant, id)
);

-- Numbers without gaps: one series a company and year of its calendar.
CREATE TABLE numeracao (
    tenant uuid NOT NULL,
    ano int NOT NULL,
    ultimo bigint NOT NULL,
    PRIMARY KEY (tenant, ano)
);

-- The projection. Columns after `busca` are the fields of the kind, by the same names.
CREATE TABLE assistencias (
    tenant uuid NOT NULL,
    id uuid NOT NULL,
    raiz uuid NOT NULL,
    tipo text NOT NULL,
    tipo_versao int NOT NULL,
    numero text,
    situacao text NOT NULL,
    situacao_nome text NOT NULL,
    fase text NOT NULL,
    titulo text NOT NULL,
    criado_por uuid NOT NULL,
    criado_em timestamptz NOT NULL,
    atualizado_em timestamptz NOT NULL,
    conflitos jsonb NOT NULL,
    busca text NOT NULL,
    cliente uuid,
    contrato text,
    situacao_alegada text,
    endereco text,
    cidade text,
    uf text,
    cep text,
    responsavel uuid,
    prioridade text,
    prazo date,
    observacoes text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX assistencias_lista ON assistencias (tenant, atualizado_em DESC, id DESC);
CREATE INDEX assistencias_situacao ON assistencias (tenant, situacao, atualizado_em DESC, id DESC);
CREATE INDEX assistencias_responsavel ON assistencias (tenant, responsavel, atualizado_em DESC, id DESC);
CREATE INDEX assistencias_cliente ON assistencias (tenant, cliente);

CREATE TABLE ocorrencias (
    tenant uuid NOT NULL,
    id uuid NOT NULL,
    raiz uuid NOT NULL,
    tipo text NOT NULL,
    tipo_versao int NOT NULL,
    numero text,
    situacao text NOT NULL,
    situacao_nome text NOT NULL,
    fase text NOT NULL,
    titulo text NOT NULL,
    criado_por uuid NOT NULL,
    criado_em timestamptz NOT NULL,
    atualizado_em timestamptz NOT NULL,
    conflitos jsonb NOT NULL,
    busca text NOT NULL,
    assistencia uuid,
    escopo text,
    cliente uuid,
    tipo_ocorrencia text,
    modalidade text,
    pedido_fornecedor text,
    ambiente text,
    linha text,
    previsao_correcao date,
    responsabilidade text,
    relato text,
    origem text,
    origem_numero text,
    contato_nome text,
    contato_telefone text,
    contato_email text,
    responsavel uuid,
    prioridade text,
    prazo date,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ocorrencias_lista ON ocorrencias (tenant, atualizado_em DESC, id DESC);
CREATE INDEX ocorrencias_situacao ON ocorrencias (tenant, situacao, atualizado_em DESC, id DESC);
CREATE INDEX ocorrencias_responsavel ON ocorrencias (tenant, responsavel, atualizado_em DESC, id DESC);
CREATE INDEX ocorrencias_assistencia ON ocorrencias (tenant, assistencia);

CREATE TABLE agendas (
    tenant uuid NOT NULL,
    id uuid NOT NULL,
    raiz uuid NOT NULL,
    tipo text NOT NULL,
    tipo_versao int NOT NULL,
    numero text,
    situacao text NOT NULL,
    situacao_nome text NOT NULL,
    fase text NOT NULL,
    titulo text NOT NULL,
    criado_por uuid NOT NULL,
    criado_em timestamptz NOT NULL,
    atualizado_em timestamptz NOT NULL,
    conflitos jsonb NOT NULL,
    busca text NOT NULL,
    assistencia uuid,
    ocorrencia uuid,
    tipo_agenda text,
    tipo_compromisso text,
    responsavel uuid,
    inicio timestamptz,
    fim timestamptz,
    assunto text,
    observacao text,
    ambiente text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX agendas_dia ON agendas (tenant, inicio, id);
CREATE INDEX agendas_responsavel ON agendas (tenant, responsavel, inicio);
CREATE INDEX agendas_assistencia ON agendas (tenant, assistencia);
CREATE INDEX agendas_ocorrencia ON agendas (tenant, ocorrencia);

CREATE TABLE clientes (
    tenant uuid NOT NULL,
    id uuid NOT NULL,
    raiz uuid NOT NULL,
    tipo text NOT NULL,
    tipo_versao int NOT NULL,
    numero text,
    situacao text NOT NULL,
    situacao_nome text NOT NULL,
    fase text NOT NULL,
    titulo text NOT NULL,
    criado_por uuid NOT NULL,
    criado_em timestamptz NOT NULL,
    atualizado_em timestamptz NOT NULL,
    conflitos jsonb NOT NULL,
    busca text NOT NULL,
    nome text,
    documento text,
    telefone text,
    email text,
    endereco text,
    cidade text,
    uf text,
    cep text,
    so_assistencia boolean,
    observacoes text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX clientes_nome ON clientes (tenant, nome, id);

CREATE TABLE itens (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    produto text,
    quantidade bigint,
    lote_serie text,
    nota_fiscal text,
    valor_indenizado bigint,
    observacao text,
    PRIMARY KEY (tenant, document, id)
);

CREATE TABLE participantes (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    usuario uuid NOT NULL,
    PRIMARY KEY (tenant, document, usuario)
);

CREATE TABLE laudos (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    procedente boolean NOT NULL,
    conclusao text NOT NULL,
    emitido_por uuid NOT NULL,
    emitido_em timestamptz NOT NULL,
    vigente boolean NOT NULL,
    PRIMARY KEY (tenant, document, id)
);

CREATE TABLE pedidos (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    id uuid NOT NULL,
    verbo text NOT NULL,
    motivo text,
    pedido_por uuid NOT NULL,
    pedido_em timestamptz NOT NULL,
    aceito boolean,
    recusa text,
    recusa_mensagem text,
    PRIMARY KEY (tenant, document, id)
);

-- Every operation on a record in order, with who and when (R78): one row a written part of a change.
CREATE TABLE acompanhamentos (
    tenant uuid NOT NULL,
    document uuid NOT NULL,
    seq bigint NOT NULL,
    ordem int NOT NULL,
    raiz uuid NOT NULL,
    -- criacao, campo, item, participante, nota, pedido, veredito, laudo, numero
    tipo text NOT NULL,
    campo text,
    rotulo text,
    de text,
    para text,
    texto text NOT NULL,
    por uuid NOT NULL,
    dispositivo uuid NOT NULL,
    no_aparelho timestamptz NOT NULL,
    no_servidor timestamptz NOT NULL,
    PRIMARY KEY (tenant, document, seq, ordem)
);
CREATE INDEX acompanhamentos_raiz ON acompanhamentos (tenant, raiz, seq);

DO $$
DECLARE
    tabela text;
BEGIN
    FOREACH tabela IN ARRAY ARRAY[
        'tenant_clock', 'document', 'change_log', 'envolvido', 'escopo', 'referencia',
        'permissao_anterior', 'held', 'held_change', 'numeracao', 'assistencias', 'ocorrencias',
        'agendas', 'clientes', 'itens', 'participantes', 'laudos', 'pedidos', 'acompanhamentos'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tabela);
        EXECUTE format(
            'CREATE POLICY da_empresa ON %I TO campo_app USING (tenant = campo_tenant())', tabela
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO campo_app', tabela);
    END LOOP;
END
$$;
-- The log is append-only for the application.
REVOKE UPDATE, DELETE ON change_log FROM campo_app;
