-- runs of one call
ALTER TABLE bixarena.run ADD COLUMN call_id uuid;
CREATE INDEX run_call ON bixarena.run (call_id) WHERE call_id IS NOT NULL;
