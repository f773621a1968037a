-- a model's id and link, and when its entry was made
ALTER TYPE bixarena_leaderboard_row ADD ATTRIBUTE id uuid,
	ADD ATTRIBUTE external_link text,
	ADD ATTRIBUTE created_at timestamptz;

-- identifiers that are taken
CREATE INDEX run_snapshot
	ON bixarena.run (arena, snapshot_identifier COLLATE "C");

-- everybody may see the arenas, and what their settings say
GRANT SELECT ON bixarena.arena, bixarena.setting TO PUBLIC;
