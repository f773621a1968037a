-- every table has a primary key, for logical replication; the whole arena is the empty
-- slug
UPDATE bixarena.setting SET leaderboard = '' WHERE leaderboard IS NULL;
ALTER TABLE bixarena.setting ALTER leaderboard SET DEFAULT '', ALTER leaderboard SET NOT NULL;
ALTER TABLE bixarena.setting ADD PRIMARY KEY (arena, leaderboard, name);

-- roles by their oid, numbered requests, and runs of one call
ALTER TABLE bixarena.run
	ADD COLUMN role_id oid NOT NULL DEFAULT 0,
	ADD COLUMN request_number bigint,
	ADD COLUMN call_id uuid,
	ADD COLUMN ranges jsonb,
	ADD COLUMN voters jsonb,
	ADD COLUMN soundness jsonb,
	ADD COLUMN terms jsonb;
UPDATE bixarena.run AS r SET role_id = a.oid
FROM pg_catalog.pg_roles AS a WHERE a.rolname OPERATOR(pg_catalog.=) r.role;
UPDATE bixarena.run AS r SET request_number = n.number
FROM (
	SELECT q.correlation_id, pg_catalog.row_number() OVER (
		PARTITION BY q.arena ORDER BY q.requested_at, q.correlation_id)
	FROM bixarena.run AS q WHERE q.trigger_source OPERATOR(pg_catalog.=) 'api'
) AS n (correlation_id, number)
WHERE n.correlation_id OPERATOR(pg_catalog.=) r.correlation_id;

-- a model's id and link, and when its entry was made
ALTER TYPE bixarena_leaderboard_row ADD ATTRIBUTE id uuid,
	ADD ATTRIBUTE external_link text,
	ADD ATTRIBUTE created_at timestamptz;

-- what the scores predict of wins and ties, and whether it fits
ALTER TYPE bixarena_matchup ADD ATTRIBUTE predicted_wins1 double precision,
	ADD ATTRIBUTE predicted_wins2 double precision,
	ADD ATTRIBUTE predicted_ties double precision,
	ADD ATTRIBUTE fit_p_value double precision;

-- the view of metrics gets another text below, but keeps who may read it; until then it
-- names no function that goes
CREATE OR REPLACE VIEW bixarena.metrics WITH (security_invoker = true) AS
SELECT NULL::pg_catalog.text AS name, NULL::pg_catalog.jsonb AS labels,
	NULL::double precision AS value, NULL::pg_catalog.text AS help;
