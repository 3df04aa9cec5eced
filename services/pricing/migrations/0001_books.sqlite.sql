-- One row a tenant. Every write takes the next revision here first, so a tenant's writes follow each
-- other and revisions commit in order: a follower that has seen revision n misses nothing below it.
CREATE TABLE pricing_tenant (
  tenant text NOT NULL,
  revision bigint NOT NULL,
  CONSTRAINT pricing_tenant_key PRIMARY KEY (tenant)
);

CREATE TABLE event_type (
  tenant text NOT NULL,
  name text NOT NULL,
  display_name text NOT NULL,
  description text NOT NULL,
  quantity_unit text NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  revision bigint NOT NULL,
  CONSTRAINT event_type_key PRIMARY KEY (tenant, name)
);
-- Serves followers, who read by revision.
CREATE UNIQUE INDEX event_type_revision ON event_type (tenant, revision);

CREATE TABLE price_book (
  tenant text NOT NULL,
  name text NOT NULL,
  id text NOT NULL,
  unit text NOT NULL,
  description text NOT NULL,
  created_at bigint NOT NULL,
  revision bigint NOT NULL,
  CONSTRAINT price_book_key PRIMARY KEY (tenant, name)
);
-- Serves followers, who read by revision.
CREATE UNIQUE INDEX price_book_revision ON price_book (tenant, revision);

-- Rules are one JSON document: a version is read and written whole, and never queried by rule. A draft
-- has neither effective time nor revision; a published version has both and is never updated.
CREATE TABLE price_book_version (
  tenant text NOT NULL,
  price_book text NOT NULL,
  number bigint NOT NULL,
  id text NOT NULL,
  unit text NOT NULL,
  state text NOT NULL CONSTRAINT price_book_version_state CHECK (state IN ('draft', 'published')),
  description text NOT NULL,
  rules text NOT NULL,
  rule_count bigint NOT NULL,
  draft_revision bigint NOT NULL,
  created_at bigint NOT NULL,
  effective_at bigint,
  published_at bigint,
  revision bigint,
  CONSTRAINT price_book_version_key PRIMARY KEY (tenant, price_book, number),
  CONSTRAINT price_book_version_published CHECK (
    (state = 'published') = (effective_at IS NOT NULL)
    AND (state = 'published') = (published_at IS NOT NULL)
    AND (state = 'published') = (revision IS NOT NULL)
  )
);
-- A book has at most one draft.
CREATE UNIQUE INDEX price_book_version_one_draft ON price_book_version (tenant, price_book) WHERE state = 'draft';
-- Serves followers, who read by revision.
CREATE UNIQUE INDEX price_book_version_revision ON price_book_version (tenant, revision);

-- Which book prices a unit from a time on; rows are only inserted.
CREATE TABLE assignment (
  tenant text NOT NULL,
  unit text NOT NULL,
  effective_at bigint NOT NULL,
  price_book text NOT NULL,
  revision bigint NOT NULL,
  CONSTRAINT assignment_key PRIMARY KEY (tenant, unit, effective_at)
);
-- Serves followers, who read by revision.
CREATE UNIQUE INDEX assignment_revision ON assignment (tenant, revision);

-- What providers charge; models are one JSON document, as rules are. Rows are only inserted.
CREATE TABLE cost_table (
  tenant text NOT NULL,
  version bigint NOT NULL,
  currency text NOT NULL,
  effective_at bigint NOT NULL,
  created_at bigint NOT NULL,
  models text NOT NULL,
  model_count bigint NOT NULL,
  revision bigint NOT NULL,
  CONSTRAINT cost_table_key PRIMARY KEY (tenant, version)
);
-- Serves followers, who read by revision.
CREATE UNIQUE INDEX cost_table_revision ON cost_table (tenant, revision);

-- Which key made what: a repeated call answers the resource named here.
CREATE TABLE idempotency_key (
  tenant text NOT NULL,
  operation text NOT NULL,
  key text NOT NULL,
  fingerprint blob NOT NULL,
  resource text NOT NULL,
  created_at bigint NOT NULL,
  CONSTRAINT idempotency_key_once PRIMARY KEY (tenant, operation, key)
);
