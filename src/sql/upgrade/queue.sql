-- roles by their oid, numbered requests, a queue for each role
ALTER TABLE bixarena.run
	ADD COLUMN role_id oid NOT NULL DEFAULT 0,
	ADD COLUMN request_number bigint;
UPDATE bixarena.run AS r SET role_id = a.oid
FROM pg_catalog.pg_roles AS a WHERE a.rolname OPERATOR(pg_catalog.=) r.role;
UPDATE bixarena.run AS r SET request_number = n.number
FROM (
	SELECT q.correlation_id, pg_catalog.row_number() OVER (
		PARTITION BY q.arena ORDER BY q.requested_at, q.correlation_id)
	FROM bixarena.run AS q WHERE q.trigger_source OPERATOR(pg_catalog.=) 'api'
) AS n (correlation_id, number)
WHERE n.correlation_id OPERATOR(pg_catalog.=) r.correlation_id;

DROP INDEX bixarena.run_queued;
CREATE UNIQUE INDEX run_queued
	ON bixarena.run (arena, leaderboard, role_id, (coalesce(
		parameters OPERATOR(pg_catalog.->) 'requested', '{}')))
	WHERE status = 'queued';
DROP INDEX bixarena.run_waiting;
CREATE INDEX run_waiting
	ON bixarena.run (role_id, arena, requested_at, correlation_id)
	WHERE ended_at IS NULL AND status <> 'running';
CREATE INDEX run_under_way
	ON bixarena.run (role_id, arena, requested_at, correlation_id)
	WHERE ended_at IS NULL AND status <> 'queued';
DROP INDEX bixarena.run_requests;
CREATE INDEX run_requests
	ON bixarena.run (arena, request_number) WHERE request_number IS NOT NULL;

CREATE FUNCTION bixarena.identify_role()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.role_id := coalesce((SELECT r.oid FROM pg_roles AS r WHERE r.rolname = NEW.role), 0);
	RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION bixarena.identify_role() FROM PUBLIC;
CREATE TRIGGER identify_role BEFORE INSERT ON bixarena.run
	FOR EACH ROW EXECUTE FUNCTION bixarena.identify_role();
COMMENT ON TRIGGER identify_role ON bixarena.run IS 'the role of the run by its oid too';

-- it has more arguments now; who might call it still may (see the grants that the
-- upgrade keeps)
DROP FUNCTION bixarena_request_snapshot(text, text, text, text);
