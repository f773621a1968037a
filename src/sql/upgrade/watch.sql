-- every table has a primary key, for logical replication; the whole arena is the empty
-- slug
UPDATE bixarena.setting SET leaderboard = '' WHERE leaderboard IS NULL;
ALTER TABLE bixarena.setting ALTER leaderboard SET DEFAULT '', ALTER leaderboard SET NOT NULL;
DROP INDEX bixarena.setting_key;
ALTER TABLE bixarena.setting ADD PRIMARY KEY (arena, leaderboard, name);
CREATE TRIGGER read_old_setting BEFORE INSERT ON bixarena.setting
	FOR EACH ROW WHEN (NEW.leaderboard IS NULL)
	EXECUTE FUNCTION bixarena.read_old_setting();
