-- Which event ids were used, for ever: decides duplicates, and says where an event's facts are.
CREATE TABLE event_keys (
    shard smallint NOT NULL,
    event_key bytea NOT NULL,
    kind text NOT NULL CONSTRAINT event_keys_kind CHECK (kind IN ('event', 'authorization', 'parked')),
    occurred_at bigint NOT NULL,
    fingerprint bytea NOT NULL,
    CONSTRAINT event_keys_pk PRIMARY KEY (shard, event_key)
);

-- What is stored and not finished: a step of an event with its priced result and wallet operations. Rows live
-- for a moment; whoever deletes one writes its facts.
CREATE TABLE intake (
    shard smallint NOT NULL,
    event_key bytea NOT NULL,
    step text NOT NULL,
    created_at bigint NOT NULL,
    body text NOT NULL,
    CONSTRAINT intake_pk PRIMARY KEY (shard, event_key, step)
);

-- Authorizations, whole in `body`. `due_at` is when the closing job must look; null once closed.
CREATE TABLE authorizations (
    shard smallint NOT NULL,
    event_key bytea NOT NULL,
    state text NOT NULL CONSTRAINT authorizations_state CHECK (state IN
        ('pending', 'declined', 'open', 'partly', 'settled', 'voided', 'expired', 'closed')),
    due_at bigint,
    body text NOT NULL,
    CONSTRAINT authorizations_pk PRIMARY KEY (shard, event_key)
) WITH (fillfactor = 80);
-- Serves the closing job: authorizations whose hold has ended.
CREATE INDEX authorizations_due ON authorizations (shard, due_at) WHERE due_at IS NOT NULL;

-- Facts, each the difference it makes; only ever inserted. The one index serves an event (its customer and
-- time are in event_keys), a customer's events newest first, and the closing look-ups of a replay.
CREATE TABLE usage_events (
    shard smallint NOT NULL,
    customer_key bytea NOT NULL,
    occurred_at bigint NOT NULL,
    event_key bytea NOT NULL,
    ordinal bigint NOT NULL CONSTRAINT usage_events_ordinal CHECK (ordinal > 0),
    kind text NOT NULL CONSTRAINT usage_events_kind CHECK (kind IN
        ('settled', 'part', 'refused', 'forgiven', 'reversed', 'recosted')),
    part bigint NOT NULL,
    recorded_at bigint NOT NULL,
    tenant text NOT NULL,
    customer_id text NOT NULL,
    unit text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    model text NOT NULL,
    feature text NOT NULL,
    usage_class text NOT NULL CONSTRAINT usage_events_class CHECK (usage_class IN ('customer', 'internal', 'test')),
    currency text NOT NULL,
    events bigint NOT NULL,
    refused bigint NOT NULL,
    credits_micros bigint NOT NULL,
    would_cost_micros bigint NOT NULL,
    forgiven_micros bigint NOT NULL,
    leaked_micros bigint NOT NULL,
    quantity_micros bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_reasoning bigint NOT NULL,
    tokens_audio bigint NOT NULL,
    tokens_images bigint NOT NULL,
    cost_units bigint NOT NULL,
    cost_picos bigint NOT NULL,
    revenue_nanos bigint NOT NULL,
    uncosted bigint NOT NULL,
    body text NOT NULL,
    CONSTRAINT usage_events_pk PRIMARY KEY (shard, customer_key, occurred_at, event_key, ordinal)
) PARTITION BY RANGE (occurred_at);
-- What no day has been made for yet: very late events that an operator charges.
CREATE TABLE usage_events_other PARTITION OF usage_events DEFAULT;

-- Facts added up by hour, without the customer. Serves QueryUsage.
CREATE TABLE usage_hour (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    hour bigint NOT NULL,
    unit text NOT NULL,
    event_type text NOT NULL,
    model text NOT NULL,
    feature text NOT NULL,
    usage_class text NOT NULL,
    currency text NOT NULL,
    events bigint NOT NULL,
    refused bigint NOT NULL,
    credits_micros bigint NOT NULL,
    would_cost_micros bigint NOT NULL,
    forgiven_micros bigint NOT NULL,
    leaked_micros bigint NOT NULL,
    quantity_micros bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_reasoning bigint NOT NULL,
    tokens_audio bigint NOT NULL,
    tokens_images bigint NOT NULL,
    cost_units bigint NOT NULL,
    cost_picos bigint NOT NULL,
    revenue_nanos bigint NOT NULL,
    uncosted bigint NOT NULL,
    CONSTRAINT usage_hour_pk PRIMARY KEY
        (shard, tenant, hour, unit, event_type, model, feature, usage_class, currency)
) WITH (fillfactor = 70);

-- Facts added up by customer and UTC day. Serves GetUsageSummary, and QueryUsage where a customer matters.
CREATE TABLE usage_customer_day (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    customer_id text NOT NULL,
    day bigint NOT NULL,
    unit text NOT NULL,
    event_type text NOT NULL,
    model text NOT NULL,
    feature text NOT NULL,
    usage_class text NOT NULL,
    currency text NOT NULL,
    events bigint NOT NULL,
    refused bigint NOT NULL,
    credits_micros bigint NOT NULL,
    would_cost_micros bigint NOT NULL,
    forgiven_micros bigint NOT NULL,
    leaked_micros bigint NOT NULL,
    quantity_micros bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_reasoning bigint NOT NULL,
    tokens_audio bigint NOT NULL,
    tokens_images bigint NOT NULL,
    cost_units bigint NOT NULL,
    cost_picos bigint NOT NULL,
    revenue_nanos bigint NOT NULL,
    uncosted bigint NOT NULL,
    CONSTRAINT usage_customer_day_pk PRIMARY KEY
        (shard, tenant, customer_id, day, unit, event_type, model, feature, usage_class, currency)
) WITH (fillfactor = 70);

-- Which facts a finished batch wrote, for those who follow. Pruned after 7 days.
CREATE TABLE feed (
    shard smallint NOT NULL,
    tenant text NOT NULL,
    at bigint NOT NULL,
    batch bytea NOT NULL,
    facts bytea NOT NULL,
    CONSTRAINT feed_pk PRIMARY KEY (shard, tenant, at, batch)
);

-- Events older than the window, as they were sent. An operator charges them.
CREATE TABLE parked (
    shard smallint NOT NULL,
    event_key bytea NOT NULL,
    tenant text NOT NULL,
    parked_at bigint NOT NULL,
    body text NOT NULL,
    CONSTRAINT parked_pk PRIMARY KEY (shard, event_key)
);

-- The durable copy of what pricing published, one row a resource as it was sent, and the cursor under the
-- empty key. A tenant's, not a customer's: small, and copied to every node.
CREATE TABLE price_replica (
    tenant text NOT NULL,
    key text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT price_replica_pk PRIMARY KEY (tenant, key)
);
