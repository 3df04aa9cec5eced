-- The wallet's ledger. Amounts are micro-credits, instants microseconds since 1970 (UTC). Every key begins with
-- `shard`. A plain deduct updates one row of `wallets` in place (HOT: no index names a column it changes) and
-- inserts one of `transactions`; the views at the end unfold what is packed inside them.

-- Columns that seldom change come first, those that every operation changes together at the end: PostgreSQL logs only
-- what differs between an old and a new row version on the same page. The fill factor leaves it room there.
CREATE TABLE wallets (
    shard           smallint NOT NULL,
    test            boolean  NOT NULL DEFAULT false,
    closed          boolean  NOT NULL DEFAULT false,
    wallet_id       uuid     NOT NULL,
    version         bigint   NOT NULL DEFAULT 0,
    overdraft_limit bigint   NOT NULL DEFAULT 0 CONSTRAINT wallets_overdraft_ck CHECK (overdraft_limit >= 0),
    created_at      bigint   NOT NULL,
    frozen_since    bigint,
    tenant          text     NOT NULL,
    customer        text     NOT NULL,
    unit            text     NOT NULL,
    thresholds      text     NOT NULL DEFAULT '[]',
    grants_terms    text     NOT NULL DEFAULT '[]',
    head            bigint   NOT NULL DEFAULT 0,
    last_at         bigint   NOT NULL DEFAULT 0,
    available       bigint   NOT NULL DEFAULT 0,
    scheduled       bigint   NOT NULL DEFAULT 0,
    frozen          bigint   NOT NULL DEFAULT 0,
    held            bigint   NOT NULL DEFAULT 0,
    owed            bigint   NOT NULL DEFAULT 0,
    granted         bigint   NOT NULL DEFAULT 0,
    spent           bigint   NOT NULL DEFAULT 0,
    expired         bigint   NOT NULL DEFAULT 0,
    revoked         bigint   NOT NULL DEFAULT 0,
    next_due        bigint,
    hash            bytea    NOT NULL,
    rests           text     NOT NULL DEFAULT '[]',
    lots            text     NOT NULL DEFAULT '[]',
    CONSTRAINT wallets_pk PRIMARY KEY (shard, wallet_id),
    CONSTRAINT wallets_nothing_below_zero_ck CHECK (
        available >= 0 AND scheduled >= 0 AND frozen >= 0 AND held >= 0 AND owed >= 0),
    CONSTRAINT wallets_conservation_ck CHECK (
        granted - spent - expired - revoked = available + scheduled + frozen + held - owed)
) WITH (fillfactor = 70);

-- Serves lists of a tenant's wallets.
CREATE INDEX wallets_tenant_ix ON wallets (shard, tenant, wallet_id);

-- Kinds, origins and accounts are the numbers that enter the hash chain; the views say their words.
CREATE TABLE transactions (
    shard       smallint NOT NULL,
    kind        smallint NOT NULL CONSTRAINT transactions_kind_ck CHECK (kind BETWEEN 1 AND 21),
    origin      smallint NOT NULL CONSTRAINT transactions_origin_ck CHECK (origin BETWEEN 1 AND 4),
    seq         bigint   NOT NULL CONSTRAINT transactions_seq_ck CHECK (seq > 0),
    at          bigint   NOT NULL,
    amount      bigint   NOT NULL,
    available   bigint   NOT NULL,
    held        bigint   NOT NULL,
    owed        bigint   NOT NULL,
    wallet_id   uuid     NOT NULL,
    key_hash    uuid     NOT NULL,
    fingerprint bytea    NOT NULL,
    hash        bytea    NOT NULL,
    postings    text     NOT NULL,
    event_type  text     NOT NULL DEFAULT '',
    hold_id     uuid,
    reverses    bigint,
    text_hash   bytea,
    text_salt   bytea,
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
    shard            smallint NOT NULL,
    source           smallint NOT NULL,
    state            smallint NOT NULL CONSTRAINT grants_state_ck CHECK (state BETWEEN 1 AND 6),
    owed_policy      smallint NOT NULL,
    priority         smallint NOT NULL,
    revoke_shortfall smallint,
    rollover         boolean  NOT NULL,
    renewed          boolean  NOT NULL,
    open             boolean  NOT NULL,
    overflow         boolean  NOT NULL,
    wallet_id        uuid     NOT NULL,
    grant_id         uuid     NOT NULL,
    opened_by        bigint   NOT NULL,
    amount           bigint   NOT NULL,
    rest             bigint   NOT NULL CONSTRAINT grants_rest_ck CHECK (rest >= 0),
    held             bigint   NOT NULL CONSTRAINT grants_held_ck CHECK (held >= 0),
    removed          bigint   NOT NULL,
    effective_at     bigint   NOT NULL,
    expires_at       bigint,
    cost_basis       bigint   NOT NULL,
    period_end       bigint,
    paid_nanos       bigint,
    paid_currency    text,
    event_types      text     NOT NULL DEFAULT '[]',
    CONSTRAINT grants_pk PRIMARY KEY (shard, wallet_id, grant_id)
) WITH (fillfactor = 90);
-- Serves the lock of a wallet whose row is full.
CREATE INDEX grants_overflow_ix ON grants (shard, wallet_id) WHERE overflow;

-- Owed lots beyond those that the wallet's row takes.
CREATE TABLE owed_lots (
    shard     smallint NOT NULL,
    wallet_id uuid     NOT NULL,
    seq       bigint   NOT NULL,
    rest      bigint   NOT NULL CONSTRAINT owed_lots_rest_ck CHECK (rest > 0),
    CONSTRAINT owed_lots_pk PRIMARY KEY (shard, wallet_id, seq)
);

-- Open holds, and expired ones for as long as a late Commit may come. A closed hold has no row: its story is in the
-- transactions.
CREATE TABLE holds (
    shard         smallint NOT NULL,
    state         smallint NOT NULL CONSTRAINT holds_state_ck CHECK (state IN (1, 3)),
    origin        smallint NOT NULL,
    wallet_id     uuid     NOT NULL,
    hold_id       uuid     NOT NULL,
    amount        bigint   NOT NULL,
    borrowed      bigint   NOT NULL CONSTRAINT holds_borrowed_ck CHECK (borrowed >= 0),
    committed     bigint   NOT NULL,
    uncharged     bigint   NOT NULL,
    created_at    bigint   NOT NULL,
    expires_at    bigint   NOT NULL,
    grace_seconds bigint   NOT NULL,
    event_type    text     NOT NULL DEFAULT '',
    draws         text     NOT NULL DEFAULT '[]',
    parts         text     NOT NULL DEFAULT '[]',
    CONSTRAINT holds_pk PRIMARY KEY (shard, wallet_id, hold_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
-- Serves the purge of holds whose late window is over.
CREATE INDEX holds_expired_ix ON holds (shard, expires_at) WHERE state = 3;

-- Which transactions reversed a transaction.
CREATE TABLE reversals (
    shard     smallint NOT NULL,
    wallet_id uuid     NOT NULL,
    of_seq    bigint   NOT NULL,
    seq       bigint   NOT NULL,
    CONSTRAINT reversals_pk PRIMARY KEY (shard, wallet_id, of_seq, seq)
);

-- What was repaid of a transaction's owed lot.
CREATE TABLE repayments (
    shard     smallint NOT NULL,
    wallet_id uuid     NOT NULL,
    owed_seq  bigint   NOT NULL,
    seq       bigint   NOT NULL,
    ordinal   bigint   NOT NULL,
    grant_id  uuid,
    amount    bigint   NOT NULL CONSTRAINT repayments_amount_ck CHECK (amount > 0),
    CONSTRAINT repayments_pk PRIMARY KEY (shard, wallet_id, owed_seq, seq, ordinal)
);

-- When something is due in a wallet; changes only when that instant does.
CREATE TABLE wallet_due (
    shard     smallint NOT NULL,
    wallet_id uuid     NOT NULL,
    due_at    bigint   NOT NULL,
    CONSTRAINT wallet_due_pk PRIMARY KEY (shard, wallet_id)
) WITH (fillfactor = 80);
-- Serves the sweeper.
CREATE INDEX wallet_due_at_ix ON wallet_due (shard, due_at);

-- What a batch did in a shard, not yet in the feed.
CREATE TABLE feed_pending (
    shard      smallint NOT NULL,
    pending_id uuid     NOT NULL,
    at         bigint   NOT NULL,
    entries    text     NOT NULL,
    CONSTRAINT feed_pending_pk PRIMARY KEY (shard, pending_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- What happened, by positions without gaps in each shard.
CREATE TABLE feed (
    shard    smallint NOT NULL,
    position bigint   NOT NULL,
    at       bigint   NOT NULL,
    entries  text     NOT NULL,
    CONSTRAINT feed_pk PRIMARY KEY (shard, position)
);

-- The last position given in a shard, and the last one purged. The sequencer's lock.
CREATE TABLE feed_heads (
    shard    smallint NOT NULL,
    position bigint   NOT NULL,
    purged   bigint   NOT NULL,
    CONSTRAINT feed_heads_pk PRIMARY KEY (shard)
) WITH (fillfactor = 20);

-- A tenant's settings; a tenant without a row has the defaults.
CREATE TABLE settings (
    tenant  text   NOT NULL,
    version bigint NOT NULL,
    json    text   NOT NULL,
    CONSTRAINT settings_pk PRIMARY KEY (tenant)
);

-- For auditors: words instead of numbers, times instead of microseconds.
CREATE VIEW ledger_transactions AS
SELECT shard, wallet_id, seq,
       (ARRAY['grant','activate','expire_grant','revoke','freeze','unfreeze','renew','reserve','extend','commit',
              'release','expire_hold','deduct','adjust','write_off','reverse','transfer_out','transfer_in',
              'convert_out','convert_in','close'])[kind] AS kind,
       (ARRAY['client','metering','payments','system'])[origin] AS origin,
       to_timestamp(at / 1000000.0) AS at, amount, available, held, owed, event_type, hold_id, reverses, hash
FROM transactions;

-- Every leg of every transaction.
CREATE VIEW ledger_postings AS
SELECT t.shard, t.wallet_id, t.seq, p.ordinal,
       (ARRAY['issued','available','scheduled','frozen','held','owed','spent','expired','revoked'])
           [(p.leg ->> 0)::int] AS from_account,
       (ARRAY['issued','available','scheduled','frozen','held','owed','spent','expired','revoked'])
           [(p.leg ->> 1)::int] AS to_account,
       (p.leg ->> 2)::bigint AS amount,
       (p.leg ->> 3)::uuid AS grant_id,
       (p.leg ->> 4)::uuid AS to_grant_id,
       CASE p.leg ->> 5 WHEN 'true' THEN t.hold_id ELSE (p.leg ->> 5)::uuid END AS hold_id,
       (p.leg ->> 6)::bigint AS owed_seq
FROM transactions t, json_array_elements(t.postings::json) WITH ORDINALITY AS p (leg, ordinal);

-- Every open grant with its rest: those in the wallets' rows, then those beyond.
CREATE VIEW wallet_grants AS
SELECT w.shard, w.wallet_id, (g.terms ->> 0)::uuid AS grant_id, (g.terms ->> 1)::smallint AS source,
       (g.terms ->> 2)::bigint AS amount,
       (w.rests::json ->> ((g.ordinal - 1) * 4)::int)::bigint AS rest,
       (w.rests::json ->> ((g.ordinal - 1) * 4 + 1)::int)::bigint AS held,
       (w.rests::json ->> ((g.ordinal - 1) * 4 + 2)::int)::smallint AS state,
       (g.terms ->> 3)::smallint AS priority, (g.terms ->> 4)::bigint AS effective_at,
       (g.terms ->> 5)::bigint AS expires_at, (g.terms ->> 7)::bigint AS cost_basis,
       (g.terms ->> 15)::bigint AS opened_by
FROM wallets w, json_array_elements(w.grants_terms::json) WITH ORDINALITY AS g (terms, ordinal)
UNION ALL
SELECT shard, wallet_id, grant_id, source, amount, rest, held, state, priority, effective_at, expires_at, cost_basis,
       opened_by
FROM grants WHERE overflow;
