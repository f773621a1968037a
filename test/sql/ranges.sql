-- What is to be known of a ranking besides: intervals by a formula, ranks that the
-- battles allow, and how far two models are apart; of relations, tallies and arenas.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set puddings :source '/include/puddings.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
RESET client_min_messages;

\i :puddings
-- chocolate puddings (Davidson 1970), ten times over
CREATE TABLE votes AS
SELECT 'p' || model1 AS model1, 'p' || model2 AS model2, outcome
FROM puddings,
	LATERAL (VALUES ('model1', wins), ('model2', losses), ('tie', ties)) AS o (outcome, n),
	generate_series(1, 10 * o.n);

--
-- Intervals
--

-- by the sandwich they are known: 1.959964 times these standard deviations
SELECT r.model, r.bt_score = b.bt_score AS same_score,
	((r.bootstrap_q975 - r.bt_score) / 1.959964 * sqrt(10))::numeric(8,4) AS deviation,
	abs(r.bootstrap_q025 + r.bootstrap_q975 - 2 * r.bt_score) < 3e-6 AS symmetric
FROM bixarena_rank('votes', intervals => 'sandwich') AS r
JOIN bixarena_rank('votes', 10) AS b USING (model) ORDER BY model;
-- beside an anchor, whose own has no width
SELECT model, ((bootstrap_q975 - bt_score) / 1.959964 * sqrt(10))::numeric(8,4) AS deviation
FROM bixarena_rank('votes', intervals => 'sandwich', anchor_model => 'p1') ORDER BY model;
-- no replicate is drawn, so neither their number nor the seed counts
SELECT count(*) FROM (
	SELECT * FROM bixarena_rank('votes', intervals => 'sandwich')
	EXCEPT SELECT * FROM bixarena_rank('votes', 10, intervals => 'sandwich', seed => 7)) AS d;
SELECT bixarena_rank('votes', intervals => 'wald');
SELECT bixarena_rank('votes', intervals => NULL);

--
-- Ranks that the votes allow
--

SELECT model, rank, lowest_rank, highest_rank, lowest_rank_simultaneous AS lowest_of_all,
	highest_rank_simultaneous AS highest_of_all, may_be_best, share_on_top > 0.9 AS on_top,
	(bt_score BETWEEN comparison_lower AND comparison_upper) AS compared
FROM bixarena_rank_ranges('votes');
SELECT model, rank, lowest_rank, highest_rank, may_be_best, round(share_on_top::numeric, 1) AS on_top,
	round((comparison_upper - comparison_lower)::numeric, 3) AS width
FROM bixarena_rank_ranges('votes', intervals => 'sandwich');
-- a range holds the rank by score, and that of all at once the range
SELECT bool_and(rank BETWEEN lowest_rank AND highest_rank
		AND lowest_rank_simultaneous <= lowest_rank
		AND highest_rank <= highest_rank_simultaneous) AS nested,
	round(sum(share_on_top)::numeric, 6) AS all_shares
FROM unnest('{bootstrap,sandwich}'::text[]) AS i, LATERAL bixarena_rank_ranges('votes', intervals => i);
-- models without a rank have no range; two of which one battle says all: any order
CREATE TABLE few (model1 text, model2 text, outcome text);
INSERT INTO few VALUES ('a', 'b', 'model1'), ('b', 'a', 'model1'), ('c', 'a', 'model1');
SELECT model, rank, lowest_rank, highest_rank, may_be_best, comparison_lower FROM bixarena_rank_ranges('few');
SELECT model, status FROM bixarena_rank('few');

--
-- Differences
--

SELECT a, b, round(points::numeric, 3) AS points, round(points_q025::numeric) AS q025,
	round(points_q975::numeric) AS q975, round(predicted_share::numeric, 4) AS share
FROM bixarena_rank_difference('votes', 'p6', 'p1');
-- by the sandwich it is that of the score beside an anchor; and mirrored
SELECT abs(d.points - (r.bt_score - 1000)) < 3e-6 AS points,
	abs(d.points_q975 - (r.bootstrap_q975 - 1000)) < 3e-6 AS upper,
	m.points = -d.points AND m.points_q025 = -d.points_q975 AS mirrored
FROM bixarena_rank('votes', intervals => 'sandwich', anchor_model => 'p1') AS r,
	bixarena_rank_difference('votes', 'p6', 'p1', intervals => 'sandwich') AS d,
	bixarena_rank_difference('votes', 'p1', 'p6', intervals => 'sandwich') AS m
WHERE r.model = 'p6';
SELECT bixarena_rank_difference('votes', 'p6', 'p9');
SELECT bixarena_rank_difference('votes', 'p6', NULL);
SELECT bixarena_rank_difference('few', 'a', 'c');
-- what the votes do not bound
SELECT * FROM bixarena_rank_difference('few', 'a', 'b');

--
-- The same of a tally
--

CREATE TABLE tallies AS SELECT bixarena_tally(model1, model2, outcome) AS tally FROM votes;
SELECT count(*) FROM tallies, LATERAL (
	SELECT * FROM bixarena_rank_tally(tally, intervals => 'sandwich')
	EXCEPT SELECT * FROM bixarena_rank('votes', intervals => 'sandwich')) AS d;
SELECT count(*) FROM tallies, LATERAL (
	SELECT * FROM bixarena_rank_ranges_tally(tally) EXCEPT SELECT * FROM bixarena_rank_ranges('votes')) AS d;
SELECT d = e AS same FROM tallies, LATERAL bixarena_rank_difference_tally(tally, 'p6', 'p1') AS d,
	bixarena_rank_difference('votes', 'p6', 'p1') AS e;

--
-- The same of an arena
--

SELECT bixarena_create_arena('arena');
INSERT INTO arena.model (slug, name) SELECT 'p' || n, 'Pudding ' || n FROM generate_series(1, 6) AS n;
INSERT INTO arena.battle (model1_id, model2_id, outcome, created_at)
SELECT a.id, b.id, outcome, now() - interval '1 hour'
FROM votes JOIN arena.model AS a ON a.slug = model1 JOIN arena.model AS b ON b.slug = model2;
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT l.model, l.slug, l.rank, l.lowest_rank, l.highest_rank
FROM bixarena_leaderboard_ranges('overall') AS l;
-- in all they are those of the relation
SELECT count(*) FROM (
	SELECT slug, lowest_rank, highest_rank, lowest_rank_simultaneous, highest_rank_simultaneous,
		may_be_best, share_on_top, comparison_lower::float8, comparison_upper::float8
	FROM bixarena_leaderboard_ranges('overall')
	EXCEPT SELECT model, lowest_rank, highest_rank, lowest_rank_simultaneous,
		highest_rank_simultaneous, may_be_best, share_on_top, comparison_lower, comparison_upper
	FROM bixarena_rank_ranges('votes')) AS d;
SELECT d = e AS same FROM bixarena_leaderboard_difference('overall', 'p6', 'p1') AS d,
	bixarena_rank_difference('votes', 'p6', 'p1') AS e;
-- battles that came after the snapshot change neither
SELECT snapshot_identifier AS first FROM bixarena_leaderboard('overall') LIMIT 1 \gset
INSERT INTO arena.battle (model1_id, model2_id, outcome, created_at)
SELECT a.id, b.id, 'model1', now() + interval '1 second'
FROM arena.model AS a, arena.model AS b, generate_series(1, 100) WHERE a.slug = 'p1' AND b.slug = 'p6';
SELECT d = e AS same FROM bixarena_leaderboard_difference('overall', 'p6', 'p1', :'first') AS d,
	bixarena_rank_difference('votes', 'p6', 'p1') AS e;
-- a renamed model keeps its range; a snapshot that is not on record has none
UPDATE arena.model SET slug = 'six' WHERE slug = 'p6';
SELECT slug, lowest_rank, highest_rank FROM bixarena_leaderboard_ranges('overall') LIMIT 1;
-- the chart and the report show it
SELECT (regexp_match(bixarena_leaderboard_svg('overall', top => 1), 'range" x="40" y="[0-9.]*">([^<]*)<'))[1] AS chart,
	bixarena_leaderboard_svg('overall', top => 1) ~ 'rank 1 \(1 to 1 possible\)' AS title,
	bixarena_report('overall') ~ '>Possible</th>' AS report;
-- intervals to compare are others than those of scores
SELECT a <> b AS differ, b ~ 'comparison intervals' AS label, a ~ ', 95 % interval [0-9]+ to [0-9]+,' AS of_scores,
	b ~ ', comparison interval [0-9]+ to [0-9]+,' AND b !~ '95 %' AS to_compare
FROM bixarena_leaderboard_svg('overall') AS a, bixarena_leaderboard_svg('overall', intervals => 'comparison') AS b;
SELECT bixarena_leaderboard_svg('overall', intervals => 'quasi');
SELECT bixarena_leaderboard_svg('overall', intervals => NULL);
DELETE FROM bixarena.run;
SELECT slug, lowest_rank FROM bixarena_leaderboard_ranges('overall') LIMIT 1;
SELECT bixarena_leaderboard_svg('overall') ~ 'range' AS chart, bixarena_report('overall') ~ '>Possible<' AS report,
	bixarena_leaderboard_svg('overall', intervals => 'comparison') ~ 'No comparison intervals are on record' AS none;

-- two voters of opposite taste, of models in a row: nobody knows how far its ends are apart
INSERT INTO arena.leaderboard (slug, name) VALUES ('row', 'In a row');
INSERT INTO arena.model (slug, name) SELECT 'r' || 100 + n, 'Model ' || n FROM generate_series(1, 60) AS n;
CREATE VIEW arena.leaderboard_battle_of_row AS
SELECT 'row'::text AS leaderboard, a.id AS model1_id, b.id AS model2_id, o.outcome,
	md5(o.outcome)::uuid AS voter_id, now() - interval '1 hour' AS created_at, NULL::uuid AS battle_id
FROM arena.model AS a JOIN arena.model AS b ON b.slug = 'r' || substr(a.slug, 2)::integer + 1,
	(VALUES ('model1'), ('model2')) AS o (outcome) WHERE a.slug LIKE 'r___';
ALTER VIEW arena.leaderboard_battle RENAME TO leaderboard_battle_of_puddings;
CREATE VIEW arena.leaderboard_battle AS
TABLE arena.leaderboard_battle_of_puddings UNION ALL TABLE arena.leaderboard_battle_of_row;
SELECT count(bixarena_configure(s, v, leaderboard_id => 'row'))
FROM (VALUES ('intervals', 'sandwich'), ('cluster_by_voter', 'true'), ('min_evaluations', '1')) AS c (s, v);
SELECT status, entry_count FROM bixarena_generate_snapshot('row');
SELECT min(comparison_lower), max(comparison_upper), count(*) FROM bixarena_leaderboard_ranges('row')
WHERE lowest_rank = 1 AND highest_rank = 60;
SELECT length(bixarena_report('row')) > 0 AS report, length(bixarena_leaderboard_svg('row')) > 0 AS chart;
DROP VIEW arena.leaderboard_battle, arena.leaderboard_battle_of_row;
ALTER VIEW arena.leaderboard_battle_of_puddings RENAME TO leaderboard_battle;
DELETE FROM arena.leaderboard WHERE slug = 'row';

-- who may read entries may read ranges, and nobody else
SELECT status FROM bixarena_generate_snapshot('overall');
CREATE ROLE regress_bixarena_range;
GRANT USAGE ON SCHEMA arena TO regress_bixarena_range;
GRANT SELECT ON arena.leaderboard, arena.model, arena.leaderboard_snapshot TO regress_bixarena_range;
SELECT s.id AS snapshot, s.snapshot_identifier AS name FROM arena.leaderboard_snapshot AS s
ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC, s.snapshot_identifier DESC LIMIT 1 \gset
SET ROLE regress_bixarena_range;
SELECT bixarena.range_recorded(:'snapshot', :'name', 'arena') IS NULL AS hidden;
RESET ROLE;
GRANT SELECT ON arena.leaderboard_entry TO regress_bixarena_range;
SET ROLE regress_bixarena_range;
SELECT bixarena.range_recorded(:'snapshot', :'name', 'arena') IS NULL AS hidden,
	(SELECT count(lowest_rank) FROM bixarena_leaderboard_ranges('overall')) AS ranges;
SELECT bixarena_leaderboard_difference('overall', 'six', 'p1');
RESET ROLE;

-- the setting
SELECT bixarena_configure('intervals', 'wald');
SELECT bixarena_configure('intervals', 'sandwich');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT parameters ->> 'intervals' AS intervals FROM bixarena.run ORDER BY started_at DESC LIMIT 1;
SELECT bool_and(abs(bootstrap_q025 + bootstrap_q975 - 2 * bt_score) < 3e-6) AS symmetric
FROM bixarena_leaderboard('overall');

-- who compares two snapshots that were made in different ways is told
SELECT snapshot_identifier AS before FROM bixarena_snapshots('overall') OFFSET 1 LIMIT 1 \gset
SELECT count(*) FROM bixarena_compare_snapshots('overall', :'before');
SELECT count(*) FROM bixarena_compare_snapshots('overall', :'first');
SELECT (regexp_match(bixarena_report('overall', '1 microsecond'), 'intervals bootstrap, then sandwich'))[1] AS told;

-- on a phone three quarters of the width are for the scores, which have three ticks
SELECT w AS width, (SELECT max(x) - min(x) FROM (SELECT m[1]::float8 AS x
			FROM regexp_matches(c, '<path class="grid" d="M([0-9.]+)', 'g') AS m) AS g) > 0 AS ticks_differ,
	(SELECT count(*) FROM regexp_matches(c, '<path class="grid"', 'g')) >= 3 AS three_ticks
FROM unnest('{300,358,390,479,480,720}'::bigint[]) AS w, LATERAL bixarena_leaderboard_svg('overall', width => w) AS c;
SELECT w AS width, round((((l.axis).last_pixel - (l.axis).first_pixel) / w)::numeric, 2) >= 0.75 AS wide
FROM unnest('{300,358,390}'::float8[]) AS w, LATERAL bixarena.chart_leaderboard_layout(
	ARRAY(SELECT r FROM bixarena_leaderboard('overall') AS r), NULL, w) AS l;

DROP SCHEMA arena CASCADE;
DROP OWNED BY regress_bixarena_range;
DROP ROLE regress_bixarena_range;
DROP TABLE votes, few, tallies;
DROP EXTENSION bixarena_rank;
