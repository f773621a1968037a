-- a model's id and link, and when its entry was made
ALTER TYPE bixarena_leaderboard_row ADD ATTRIBUTE id uuid,
	ADD ATTRIBUTE external_link text,
	ADD ATTRIBUTE created_at timestamptz;

-- identifiers that are taken
CREATE INDEX run_snapshot
	ON bixarena.run (arena, snapshot_identifier COLLATE "C");

-- everybody may see the arenas, and what their settings say; but what leaderboards
-- there are only who may look into the arena
GRANT SELECT ON bixarena.arena, bixarena.setting TO PUBLIC;
ALTER TABLE bixarena.setting ENABLE ROW LEVEL SECURITY;
CREATE POLICY setting_of_open_arenas ON bixarena.setting FOR SELECT
	USING (coalesce(leaderboard, '') OPERATOR(pg_catalog.=) '' OR
		arena OPERATOR(pg_catalog.=) ANY (
			SELECT n.nspname FROM pg_catalog.pg_namespace AS n
			WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE')));
COMMENT ON POLICY setting_of_open_arenas ON bixarena.setting IS
	'settings of arenas, and of leaderboards of those whose schema the reader has USAGE on';
