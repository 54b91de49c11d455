//! The tables of the device, version by version. A released step never changes: a new version is a
//! new step in [`STEPS`].
//!
//! Instants are milliseconds since 1970, ids 16 bytes, everything a person owns keyed by `account`.

/// One step: the version it leads to, and its SQL.
pub struct Step {
    /// `PRAGMA user_version` afterwards.
    pub version: i64,
    /// Statements, run in one transaction.
    pub sql: &'static str,
}

/// Every step, oldest first.
pub const STEPS: &[Step] = &[
    Step { version: 1, sql: V1 },
    Step { version: 2, sql: V2 },
    Step { version: 3, sql: V3 },
    Step { version: 4, sql: V4 },
    Step { version: 5, sql: V5 },
    Step { version: 6, sql: V6 },
    Step { version: 7, sql: V7 },
];

pub(super) const V1: &str = "
-- This installation: minted once.
CREATE TABLE device (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL,
    nome TEXT NOT NULL
);

-- A person of a company who signed in here at least once.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    tenant BLOB NOT NULL,
    usuario BLOB NOT NULL,
    servidor TEXT NOT NULL,
    empresa TEXT NOT NULL,
    empresa_nome TEXT NOT NULL,
    fuso TEXT NOT NULL,
    login TEXT NOT NULL,
    nome TEXT NOT NULL,
    permissoes TEXT NOT NULL,
    UNIQUE (tenant, usuario)
);

-- The one session. Its account is the only one that can be seen.
CREATE TABLE session (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    account INTEGER NOT NULL REFERENCES account (id),
    acesso TEXT NOT NULL,
    renovacao TEXT NOT NULL,
    expirada_desde INTEGER
);

CREATE TABLE documents (
    account INTEGER NOT NULL REFERENCES account (id),
    id BLOB NOT NULL,
    kind TEXT,
    -- How it was last called; kept for unsent work on a document that is out of sight.
    rotulo TEXT,
    generation INTEGER NOT NULL,
    chunks BLOB NOT NULL,
    nonce INTEGER,
    in_scope INTEGER NOT NULL,
    PRIMARY KEY (account, id)
);

-- Commands that wait for their fate, in the order in which the person gave them.
CREATE TABLE queue (
    ordem INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    command_id BLOB NOT NULL,
    document BLOB NOT NULL,
    command TEXT NOT NULL,
    at INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    change BLOB NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (account, command_id),
    FOREIGN KEY (account, document) REFERENCES documents (account, id)
);
CREATE INDEX queue_document ON queue (account, document, ordem);

-- Commands that the server did not simply accept; their content stays visible.
CREATE TABLE fates (
    account INTEGER NOT NULL REFERENCES account (id),
    command_id BLOB NOT NULL,
    document BLOB NOT NULL,
    kind TEXT,
    rotulo TEXT NOT NULL,
    command TEXT NOT NULL,
    at INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    fate TEXT NOT NULL CHECK (fate IN ('held', 'refused', 'approved', 'discarded')),
    held_id BLOB,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    dismissed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, command_id)
);
CREATE INDEX fates_shown ON fates (account, fate, dismissed, at);
CREATE INDEX fates_document ON fates (account, document);

-- Where each account stands, and when it tries again.
CREATE TABLE cursor (
    account INTEGER PRIMARY KEY REFERENCES account (id),
    cursor BLOB,
    epoch INTEGER NOT NULL DEFAULT 0,
    limits BLOB,
    last_sync_at INTEGER,
    next_try_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE reference (
    account INTEGER NOT NULL REFERENCES account (id),
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    active INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (account, collection, key)
) WITHOUT ROWID;

-- What lists show: written with the document, so that no list ever loads one.
CREATE TABLE lista (
    account INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    raiz BLOB NOT NULL,
    numero TEXT,
    rotulo TEXT NOT NULL,
    titulo TEXT NOT NULL,
    -- The title folded, to sort by.
    ordem TEXT NOT NULL,
    situacao TEXT NOT NULL,
    situacao_nome TEXT NOT NULL,
    fase TEXT NOT NULL,
    situacao_prevista TEXT,
    cliente BLOB,
    responsavel TEXT,
    minha INTEGER NOT NULL,
    inicio INTEGER,
    fim INTEGER,
    busca TEXT NOT NULL,
    criado_em INTEGER NOT NULL,
    pendente INTEGER NOT NULL,
    conflito INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, id) REFERENCES documents (account, id) ON DELETE CASCADE
);
CREATE INDEX lista_recentes ON lista (account, kind, criado_em, id);
CREATE INDEX lista_minhas ON lista (account, kind, minha, criado_em, id);
CREATE INDEX lista_situacao ON lista (account, kind, situacao, criado_em, id);
CREATE INDEX lista_nome ON lista (account, kind, ordem, id);
CREATE INDEX lista_agenda ON lista (account, kind, inicio);
CREATE INDEX lista_raiz ON lista (account, raiz, kind);
";

/// What the office said of a held branch, and why the last synchronisation failed.
const V2: &str = "
ALTER TABLE fates ADD COLUMN nota TEXT;
CREATE INDEX fates_held ON fates (account, held_id) WHERE held_id IS NOT NULL;
ALTER TABLE cursor ADD COLUMN last_error TEXT;
";

/// What a start-over has not named, and what could not be read.
const V3: &str = "
-- Not named yet by the first sync under way: out of sight if that ends without it.
ALTER TABLE documents ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
-- Why it could not be read; empty once a snapshot has made it whole.
ALTER TABLE documents ADD COLUMN damaged TEXT;
CREATE INDEX documents_stale ON documents (account) WHERE stale = 1;
CREATE INDEX documents_damaged ON documents (account) WHERE damaged IS NOT NULL;
-- When this device last started over.
ALTER TABLE cursor ADD COLUMN restarted_at INTEGER;
";

/// What lists show and are ordered by, and who links to whom. Documents had another shape before,
/// which nothing reads any more: they count as damaged, and are asked for again; what was not sent
/// stays in the queue.
const V4: &str = "
ALTER TABLE lista ADD COLUMN tipo TEXT NOT NULL DEFAULT '';
ALTER TABLE lista ADD COLUMN tipo_versao INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lista ADD COLUMN tipo_nome TEXT NOT NULL DEFAULT '';
ALTER TABLE lista ADD COLUMN prioridade TEXT;
ALTER TABLE lista ADD COLUMN prazo TEXT;
ALTER TABLE lista ADD COLUMN recebido_em INTEGER;
ALTER TABLE lista ADD COLUMN etapa_desde INTEGER;
ALTER TABLE lista ADD COLUMN etapa_ate INTEGER;
-- From when on it is late; empty once work is over.
ALTER TABLE lista ADD COLUMN atrasa_em INTEGER;
-- The fields by which it may be ordered, as a JSON object.
ALTER TABLE lista ADD COLUMN campos TEXT NOT NULL DEFAULT '{}';

-- The links of the documents that lists show.
CREATE TABLE vinculo (
    account INTEGER NOT NULL,
    id BLOB NOT NULL,
    alvo BLOB NOT NULL,
    relacao TEXT,
    descricao TEXT,
    FOREIGN KEY (account, id) REFERENCES lista (account, id) ON DELETE CASCADE
);
CREATE INDEX vinculo_id ON vinculo (account, id);
CREATE INDEX vinculo_alvo ON vinculo (account, alvo);

UPDATE documents SET damaged = 'its shape is from before version 4';

-- A laudo is one of several kinds of analysis now.
UPDATE queue SET command = json_object('comando', 'analisar', 'analise', command ->> 'laudo', \
    'tipo', 'laudo', 'texto', command ->> 'conclusao', 'procedente', command -> 'procedente', \
    'pedido', json_object('id', command ->> 'pedido')) \
    WHERE command ->> 'comando' = 'emitir_laudo';
UPDATE fates SET command = json_object('comando', 'analisar', 'analise', command ->> 'laudo', \
    'tipo', 'laudo', 'texto', command ->> 'conclusao', 'procedente', command -> 'procedente', \
    'pedido', json_object('id', command ->> 'pedido')) \
    WHERE command ->> 'comando' = 'emitir_laudo';
";

/// Files of records: what is known of each, and where their bytes are.
const V5: &str = "
-- What photos may cost this person.
ALTER TABLE account ADD COLUMN orcamento TEXT NOT NULL DEFAULT 'qualquer_rede';

-- A file of a record: written with the document. One that was captured here outlives it.
CREATE TABLE anexo (
    ordem INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES account (id),
    document BLOB NOT NULL,
    id BLOB NOT NULL,
    -- What declares it, of one that was captured here.
    command_id BLOB,
    nome TEXT NOT NULL,
    categoria TEXT NOT NULL,
    legenda TEXT,
    mime TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    tamanho INTEGER NOT NULL,
    capturado_em INTEGER,
    -- Whether the server has taken in what declares it, and what removes it.
    aceito INTEGER NOT NULL,
    removido INTEGER NOT NULL DEFAULT 0,
    -- What the server's part of the document says of the bytes, since when, and why.
    situacao TEXT NOT NULL DEFAULT 'esperada',
    situacao_em INTEGER,
    motivo TEXT,
    -- How often it discarded what was sent from here.
    recusas INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, document, id)
);
CREATE INDEX anexo_sha256 ON anexo (account, sha256);

-- The bytes of one picture of it.
CREATE TABLE arquivo (
    anexo INTEGER NOT NULL REFERENCES anexo (ordem) ON DELETE CASCADE,
    account INTEGER NOT NULL,
    variante TEXT NOT NULL,
    -- Empty while it is not known what will come.
    sha256 TEXT,
    tamanho INTEGER NOT NULL DEFAULT 0,
    -- Whether the file is on this device.
    aqui INTEGER NOT NULL,
    -- espera, enviado, confirmado, recusado, perdido, danificado; empty if it is not ours to send.
    envio TEXT,
    -- The upload under way, and what the server was last known to have of it.
    url TEXT,
    recebido INTEGER NOT NULL DEFAULT 0,
    -- Failures in a row, of sending or of fetching.
    falhas INTEGER NOT NULL DEFAULT 0,
    proxima_em INTEGER,
    erro TEXT,
    PRIMARY KEY (anexo, variante)
);
CREATE INDEX arquivo_sha256 ON arquivo (account, variante, sha256);
CREATE INDEX arquivo_envio ON arquivo (account) WHERE envio = 'espera' OR envio = 'enviado';
";

/// Originals that nobody needs any more are written down before their files go: that no row names a
/// file proves nothing, for the rows may be older than the files. And `envio` has one more state,
/// `dispensado`: the person knows that the photo will not arrive.
const V6: &str = "
CREATE TABLE a_apagar (
    account INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (account, sha256)
) WITHOUT ROWID;
CREATE TRIGGER arquivo_sai AFTER DELETE ON arquivo
    WHEN old.variante = 'original' AND old.sha256 IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO a_apagar (account, sha256) VALUES (old.account, old.sha256);
END;
DROP INDEX arquivo_envio;
CREATE INDEX arquivo_envio ON arquivo (account)
    WHERE envio IN ('espera', 'enviado', 'confirmado');
";

/// A day's agendas are found by their end, however long ago they began.
const V7: &str = "
DROP INDEX lista_agenda;
CREATE INDEX lista_agenda ON lista (account, kind, max(inicio + 1, coalesce(fim, 0)));
";
