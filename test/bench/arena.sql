--
-- arena.sql
--	  Makes an arena of a table of votes, as in votes.sql, for timing the
--	  computing alone.
--
-- psql variables: table, arena.  The arena keeps the votes as counts, and its
-- view leaderboard_battle unfolds them: so it is made quickly even of millions.
--
SELECT bixarena_create_arena(:'arena');

INSERT INTO :"arena".model (slug, name)
SELECT DISTINCT model1, model1 FROM :"table";

CREATE TABLE :"arena".votes AS
SELECT first.id AS model1_id, second.id AS model2_id, outcome, number
FROM (SELECT model1, model2, outcome, count(*) AS number
	FROM :"table" GROUP BY 1, 2, 3) AS votes
	JOIN :"arena".model AS first ON first.slug = model1
	JOIN :"arena".model AS second ON second.slug = model2;

CREATE OR REPLACE VIEW :"arena".leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome,
	NULL::uuid AS voter_id, NULL::timestamptz AS created_at, NULL::uuid AS battle_id
FROM :"arena".votes, generate_series(1, number);

ANALYZE :"arena".votes;
