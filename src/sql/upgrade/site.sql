-- before the functions: a type that they use, and a function that has one argument
-- more, which would make calls of it ambiguous
CREATE TYPE bixarena.site_board AS (
	slug text,
	name text,
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key
);
COMMENT ON TYPE bixarena.site_board IS 'a leaderboard of a site, its latest public snapshot and the one to compare with';
DROP FUNCTION bixarena.draw_history(bixarena.history_point[], text, integer, text);
