-- The wallet's ledger. Amounts are micro-credits, instants microseconds since 1970 (UTC). Every key begins with
-- `shard`. A plain deduct updates one row of `wallets` in place and
-- inserts one of `transactions`; the views at the end unfold what is packed inside them.

-- The same tables as on PostgreSQL, in the same order of columns. Tables keep their rowid: appending rows and filling
-- two narrow indexes beats rebuilding wide primary key trees by a fifth.
CREATE TABLE wallets (
    shard           integer NOT NULL,
    test            integer  NOT NULL DEFAULT 0,
    closed          integer  NOT NULL DEFAULT 0,
    wallet_id       blob     NOT NULL,
    version         integer   NOT NULL DEFAULT 0,
    overdraft_limit integer   NOT NULL DEFAULT 0 CONSTRAINT wallets_overdraft_ck CHECK (overdraft_limit >= 0),
    created_at      integer   NOT NULL,
    frozen_since    integer,
    tenant          text     NOT NULL,
    customer        text     NOT NULL,
    unit            text     NOT NULL,
    thresholds      text     NOT NULL DEFAULT '[]',
    grants_terms    text     NOT NULL DEFAULT '[]',
    head            integer   NOT NULL DEFAULT 0,
    last_at         integer   NOT NULL DEFAULT 0,
    available       integer   NOT NULL DEFAULT 0,
    scheduled       integer   NOT NULL DEFAULT 0,
    frozen          integer   NOT NULL DEFAULT 0,
    held            integer   NOT NULL DEFAULT 0,
    owed            integer   NOT NULL DEFAULT 0,
    granted         integer   NOT NULL DEFAULT 0,
    spent           integer   NOT NULL DEFAULT 0,
    expired         integer   NOT NULL DEFAULT 0,
    revoked         integer   NOT NULL DEFAULT 0,
    next_due        integer,
    hash            blob    NOT NULL,
    rests           text     NOT NULL DEFAULT '[]',
    lots            text     NOT NULL DEFAULT '[]',
    CONSTRAINT wallets_pk PRIMARY KEY (shard, wallet_id),
    CONSTRAINT wallets_nothing_below_zero_ck CHECK (
        available >= 0 AND scheduled >= 0 AND frozen >= 0 AND held >= 0 AND owed >= 0),
    CONSTRAINT wallets_conservation_ck CHECK (
        granted - spent - expired - revoked = available + scheduled + frozen + held - owed)
);

-- Serves lists of a tenant's wallets.
CREATE INDEX wallets_tenant_ix ON wallets (shard, tenant, wallet_id);

-- Kinds, origins and accounts are the numbers that enter the hash chain; the views say their words.
CREATE TABLE transactions (
    shard       integer NOT NULL,
    kind        integer NOT NULL CONSTRAINT transactions_kind_ck CHECK (kind BETWEEN 1 AND 21),
    origin      integer NOT NULL CONSTRAINT transactions_origin_ck CHECK (origin BETWEEN 1 AND 4),
    seq         integer   NOT NULL CONSTRAINT transactions_seq_ck CHECK (seq > 0),
    at          integer   NOT NULL,
    amount      integer   NOT NULL,
    available   integer   NOT NULL,
    held        integer   NOT NULL,
    owed        integer   NOT NULL,
    wallet_id   blob     NOT NULL,
    key_hash    blob     NOT NULL,
    fingerprint blob    NOT NULL,
    hash        blob    NOT NULL,
    postings    text     NOT NULL,
    event_type  text     NOT NULL DEFAULT '',
    hold_id     blob,
    reverses    integer,
    text_hash   blob,
    text_salt   blob,
    text        text,
    extra       text,
    -- History in order, and that no number is used twice.
    CONSTRAINT transactions_pk PRIMARY KEY (shard, wallet_id, seq),
    -- Nothing twice: the idempotency key, as long as the ledger lives.
    CONSTRAINT transactions_key_uq UNIQUE (shard, wallet_id, key_hash)
);

-- A grant when it opened or closed; while it is open its wallet's row tells its rest, unless `overflow`: a wallet with
-- more open grants than its row takes keeps the others here.
CREATE TABLE grants (
    shard            integer NOT NULL,
    source           integer NOT NULL,
    state            integer NOT NULL CONSTRAINT grants_state_ck CHECK (state BETWEEN 1 AND 6),
    owed_policy      integer NOT NULL,
    priority         integer NOT NULL,
    revoke_shortfall integer,
    rollover         integer  NOT NULL,
    renewed          integer  NOT NULL,
    open             integer  NOT NULL,
    overflow         integer  NOT NULL,
    wallet_id        blob     NOT NULL,
    grant_id         blob     NOT NULL,
    opened_by        integer   NOT NULL,
    amount           integer   NOT NULL,
    rest             integer   NOT NULL CONSTRAINT grants_rest_ck CHECK (rest >= 0),
    held             integer   NOT NULL CONSTRAINT grants_held_ck CHECK (held >= 0),
    removed          integer  NOT NULL,
    effective_at     integer   NOT NULL,
    expires_at       integer,
    cost_basis       integer   NOT NULL,
    period_end       integer,
    paid_nanos       integer,
    paid_currency    text,
    event_types      text     NOT NULL DEFAULT '[]',
    CONSTRAINT grants_pk PRIMARY KEY (shard, wallet_id, grant_id)
);
-- Serves the lock of a wallet whose row is full.
CREATE INDEX grants_overflow_ix ON grants (shard, wallet_id) WHERE overflow;

-- Owed lots beyond those that the wallet's row takes.
CREATE TABLE owed_lots (
    shard     integer NOT NULL,
    wallet_id blob     NOT NULL,
    seq       integer   NOT NULL,
    rest      integer   NOT NULL CONSTRAINT owed_lots_rest_ck CHECK (rest > 0),
    CONSTRAINT owed_lots_pk PRIMARY KEY (shard, wallet_id, seq)
);

-- Open holds, and expired ones for as long as a late Commit may come. A closed hold has no row: its story is in the
-- transactions.
CREATE TABLE holds (
    shard         integer NOT NULL,
    state         integer NOT NULL CONSTRAINT holds_state_ck CHECK (state IN (1, 3)),
    origin        integer NOT NULL,
    wallet_id     blob     NOT NULL,
    hold_id       blob     NOT NULL,
    amount        integer   NOT NULL,
    borrowed      integer   NOT NULL CONSTRAINT holds_borrowed_ck CHECK (borrowed >= 0),
    committed     integer   NOT NULL,
    uncharged     integer   NOT NULL,
    created_at    integer   NOT NULL,
    expires_at    integer   NOT NULL,
    grace_seconds integer   NOT NULL,
    event_type    text     NOT NULL DEFAULT '',
    draws         text     NOT NULL DEFAULT '[]',
    parts         text     NOT NULL DEFAULT '[]',
    CONSTRAINT holds_pk PRIMARY KEY (shard, wallet_id, hold_id)
);
-- Serves the purge of holds whose late window is over.
CREATE INDEX holds_expired_ix ON holds (shard, expires_at) WHERE state = 3;

-- Which transactions reversed a transaction.
CREATE TABLE reversals (
    shard     integer NOT NULL,
    wallet_id blob     NOT NULL,
    of_seq    integer   NOT NULL,
    seq       integer   NOT NULL,
    CONSTRAINT reversals_pk PRIMARY KEY (shard, wallet_id, of_seq, seq)
);

-- What was repaid of a transaction's owed lot.
CREATE TABLE repayments (
    shard     integer NOT NULL,
    wallet_id blob     NOT NULL,
    owed_seq  integer   NOT NULL,
    seq       integer   NOT NULL,
    ordinal   integer NOT NULL,
    grant_id  blob,
    amount    integer   NOT NULL CONSTRAINT repayments_amount_ck CHECK (amount > 0),
    CONSTRAINT repayments_pk PRIMARY KEY (shard, wallet_id, owed_seq, seq, ordinal)
);

-- When something is due in a wallet; changes only when that instant does.
CREATE TABLE wallet_due (
    shard     integer NOT NULL,
    wallet_id blob     NOT NULL,
    due_at    integer   NOT NULL,
    CONSTRAINT wallet_due_pk PRIMARY KEY (shard, wallet_id)
);
-- Serves the sweeper.
CREATE INDEX wallet_due_at_ix ON wallet_due (shard, due_at);

-- What a batch did in a shard, not yet in the feed.
CREATE TABLE feed_pending (
    shard      integer NOT NULL,
    pending_id blob     NOT NULL,
    at         integer   NOT NULL,
    entries    text     NOT NULL,
    CONSTRAINT feed_pending_pk PRIMARY KEY (shard, pending_id)
);

-- What happened, by positions without gaps in each shard.
CREATE TABLE feed (
    shard    integer NOT NULL,
    position integer   NOT NULL,
    at       integer   NOT NULL,
    entries  text     NOT NULL,
    CONSTRAINT feed_pk PRIMARY KEY (shard, position)
);

-- The last position given in a shard, and the last one purged. The sequencer's lock.
CREATE TABLE feed_heads (
    shard    integer NOT NULL,
    position integer   NOT NULL,
    purged   integer   NOT NULL,
    CONSTRAINT feed_heads_pk PRIMARY KEY (shard)
);

-- A tenant's settings; a tenant without a row has the defaults.
CREATE TABLE settings (
    tenant  text   NOT NULL,
    version integer NOT NULL,
    json    text   NOT NULL,
    CONSTRAINT settings_pk PRIMARY KEY (tenant)
);

-- For auditors: words instead of numbers, times instead of microseconds.
CREATE VIEW ledger_transactions AS
SELECT shard, wallet_id, seq,
       json_extract('["","grant","activate","expire_grant","revoke","freeze","unfreeze","renew","reserve","extend","commit","release","expire_hold","deduct","adjust","write_off","reverse","transfer_out","transfer_in","convert_out","convert_in","close"]',
           '$[' || kind || ']') AS kind,
       json_extract('["","client","metering","payments","system"]', '$[' || origin || ']') AS origin,
       strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000000.0, 'unixepoch') AS at,
       amount, available, held, owed, event_type, hold_id, reverses, hash
FROM transactions;

-- Every leg of every transaction. Ids are hexadecimal text here.
CREATE VIEW ledger_postings AS
SELECT t.shard, t.wallet_id, t.seq, p.key + 1 AS ordinal,
       json_extract('["","issued","available","scheduled","frozen","held","owed","spent","expired","revoked"]',
           '$[' || json_extract(p.value, '$[0]') || ']') AS from_account,
       json_extract('["","issued","available","scheduled","frozen","held","owed","spent","expired","revoked"]',
           '$[' || json_extract(p.value, '$[1]') || ']') AS to_account,
       json_extract(p.value, '$[2]') AS amount,
       json_extract(p.value, '$[3]') AS grant_id,
       json_extract(p.value, '$[4]') AS to_grant_id,
       CASE json_type(p.value, '$[5]') WHEN 'true' THEN lower(hex(t.hold_id))
           ELSE json_extract(p.value, '$[5]') END AS hold_id,
       json_extract(p.value, '$[6]') AS owed_seq
FROM transactions t, json_each(t.postings) p;

-- Every open grant with its rest: those in the wallets' rows, then those beyond. Ids are hexadecimal text here.
CREATE VIEW wallet_grants AS
SELECT w.shard, w.wallet_id, json_extract(g.value, '$[0]') AS grant_id, json_extract(g.value, '$[1]') AS source,
       json_extract(g.value, '$[2]') AS amount,
       json_extract(w.rests, '$[' || (g.key * 4) || ']') AS rest,
       json_extract(w.rests, '$[' || (g.key * 4 + 1) || ']') AS held,
       json_extract(w.rests, '$[' || (g.key * 4 + 2) || ']') AS state,
       json_extract(g.value, '$[3]') AS priority, json_extract(g.value, '$[4]') AS effective_at,
       json_extract(g.value, '$[5]') AS expires_at, json_extract(g.value, '$[7]') AS cost_basis,
       json_extract(g.value, '$[15]') AS opened_by
FROM wallets w, json_each(w.grants_terms) g
UNION ALL
SELECT shard, wallet_id, lower(hex(grant_id)), source, amount, rest, held, state, priority, effective_at, expires_at,
       cost_basis, opened_by
FROM grants WHERE overflow;
