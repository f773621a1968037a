
/*
 * The report of a leaderboard: all there is to see of it on one page.
 */

CREATE FUNCTION bixarena.report_table(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	since text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_table(
		format('Models by rank%s.%s', CASE WHEN cardinality(rows) < (rows[1]).total_count
				THEN ': ' || bixarena.chart_count(cardinality(rows), (rows[1]).total_count) ELSE '' END,
			coalesce(' Changes since snapshot ' || since || '.', '')),
		bixarena.page_heads(VARIADIC ARRAY['#Rank']
			|| CASE WHEN k.known THEN '{#Possible}'::text[] ELSE '{}' END
			|| CASE WHEN since IS NULL THEN '{}' ELSE '{#Change}'::text[] END
			|| '{Model,?Organization,?License,#Score,#?95 % interval}'
			-- on a phone there is room for either
			|| CASE WHEN k.known THEN '{#?Battles}'::text[] ELSE '{#Battles}' END),
		string_agg(concat(E'\n<tr>', bixarena.page_cell(r.rank::text, 'number'),
			CASE WHEN k.known
				THEN format('<td class="number">%s</td>', bixarena.chart_range_text(ranges[r.ordinality])) END,
			CASE WHEN since IS NOT NULL
				THEN format('<td class="number">%s</td>', bixarena.page_rank_change(r.rank_change)) END,
			format('<th scope="row"><bdi>%s</bdi></th>', bixarena.text_escape(r.model)),
			bixarena.page_cell(r.organization, 'text aside'), bixarena.page_cell(r.license, 'aside'),
			bixarena.page_cell(round(r.bt_score)::text, 'number'),
			bixarena.page_cell(format('%s to %s', bixarena.chart_bound_text(r.bootstrap_q025, r.bt_score),
				bixarena.chart_bound_text(r.bootstrap_q975, r.bt_score)), 'number aside'),
			bixarena.page_cell(r.vote_count::text, CASE WHEN k.known THEN 'number aside' ELSE 'number' END),
			'</tr>'), '' ORDER BY r.ordinality))
	FROM (SELECT bool_or(g.lowest_rank IS NOT NULL) FROM unnest(ranges) AS g) AS k (known),
		unnest(rows) WITH ORDINALITY AS r
	GROUP BY k.known
$$;
COMMENT ON FUNCTION bixarena.report_table(bixarena_leaderboard_row[], bixarena_leaderboard_range[], text) IS
	'a leaderboard as a table of a page';

CREATE FUNCTION bixarena.report_movers(movers bixarena_comparison_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table('At most 20, the biggest movers first.',
		bixarena.page_heads('Model', '#Rank before', '#Rank now', '#Score', '#?Battles', '?Intervals'),
		string_agg(concat(E'\n<tr>',
			format('<th scope="row"><bdi>%s</bdi></th>', bixarena.text_escape(m.model)),
			bixarena.page_cell(coalesce(m.rank_before::text, 'new'), 'number'),
			bixarena.page_cell(coalesce(m.rank_after::text, 'gone'), 'number'),
			bixarena.page_cell(to_char(m.score_change, 'SGFM999990'), 'number'),
			bixarena.page_cell(to_char(m.battles_gained, 'SGFM9999999990'), 'number aside'),
			bixarena.page_cell(CASE WHEN m.intervals_part THEN 'part'
				WHEN NOT m.intervals_part THEN 'overlap' END, 'aside'), '</tr>'), '' ORDER BY n)),
		bixarena.page_paragraph('No rank has changed, and no model has come or gone.'))
	FROM (SELECT (u).* FROM unnest(movers) WITH ORDINALITY AS u
		(model, slug, status, rank_before, rank_after, rank_change, score_before, score_after,
		score_change, intervals_part, battles_gained, snapshot_before, snapshot_after, n)
		WHERE u.rank_change IS DISTINCT FROM 0 ORDER BY u.n LIMIT 20) AS m
$$;
COMMENT ON FUNCTION bixarena.report_movers(bixarena_comparison_row[]) IS
	'movers as a table of a page';

CREATE FUNCTION bixarena.report_unranked(unranked jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table(format('Models that have battles and no rank%s.',
			CASE WHEN min(u.total) > count(*) THEN format(': the first %s of %s', count(*), min(u.total)) END),
		bixarena.page_heads('Model', 'Why', 'What it means'),
		string_agg(concat(E'\n<tr>',
			format('<th scope="row"><bdi>%s</bdi></th>', bixarena.text_escape(u.slug)),
			bixarena.page_cell(replace(u.status, '_', ' ')), bixarena.page_cell(m.meaning), '</tr>'), ''
			ORDER BY u.slug COLLATE "C")),
		bixarena.page_paragraph('Every model that has battles is ranked.'))
	FROM (SELECT e.key, e.value, count(*) OVER () FROM jsonb_each_text(unranked) AS e
		ORDER BY e.key COLLATE "C" LIMIT 200) AS u (slug, status, total)
	LEFT JOIN (VALUES
		('few_evaluations', 'It has fewer battles than are asked for (min_evaluations).'),
		('winless', 'It, or a group around it, never won or tied against the rest: nothing bounds its score from below.'),
		('undefeated', 'It, or a group around it, never lost or tied against the rest: nothing bounds its score from above.'),
		('disconnected', 'No chain of battles ties it to the ranked models.'),
		('separated', 'It lost to some and beat others that are not connected otherwise.'),
		('out_of_range', 'Its score lies too far from the others.')
	) AS m (status, meaning) USING (status)
$$;
COMMENT ON FUNCTION bixarena.report_unranked(jsonb) IS
	'models without a rank as a table of a page';

CREATE FUNCTION bixarena.report_term(kind text, terms jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(CASE
		WHEN t.status <> 'fitted' THEN 'not estimated: ' || t.status
		WHEN t.kind = 'ties' THEN format('of the battles of equals %s %% end in a tie (%s to %s)',
			to_char(100 / (1 + 2 / t.tie_odds), 'FM990.0'),
			to_char(100 / (1 + 2 * exp(-t.estimate_q025)), 'FM990.0'),
			to_char(100 / (1 + 2 * exp(-t.estimate_q975)), 'FM990.0'))
		ELSE format('%s%s points (%s to %s)', t.covariate || ': ',
			to_char(t.points, 'FMSG999990.0'),
			CASE WHEN abs(t.points_q025) = 'Infinity' THEN 'open' ELSE to_char(t.points_q025, 'FMSG999990.0') END,
			CASE WHEN abs(t.points_q975) = 'Infinity' THEN 'open' ELSE to_char(t.points_q975, 'FMSG999990.0') END)
		END, '; ')
	FROM bixarena.term_rows(terms) AS t WHERE t.kind = report_term.kind
$$;
COMMENT ON FUNCTION bixarena.report_term(text, jsonb) IS
	'what was found of what decides battles besides strengths, for a page';

CREATE FUNCTION bixarena.report_making(made bixarena.run)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_facts(
		'Run', made.correlation_id::text,
		'Asked for', concat_ws(', ', made.trigger_source, 'by ' || made.triggered_by,
			'as role ' || made.role),
		'Made', bixarena.text_utc(made.ended_at),
		'Took', round(extract(epoch FROM made.ended_at - made.started_at), 3) || ' seconds',
		'Battles used', made.evaluation_count::text,
		'Battles ignored', made.ignored_battles::text,
		'Intervals', CASE WHEN made.voters IS NOT NULL
			THEN format('by voter: %s voters, of whom the busiest cast %s battles; %s times as wide as by battle',
				made.voters ->> 'voters', made.voters ->> 'busiest',
				to_char((made.voters ->> 'widening')::numeric, 'FM999990.00'))
			WHEN made.parameters ? 'num_bootstrap'
			THEN 'by battle: every battle was taken as independent, whoever cast it' END,
		'Standing first is worth', bixarena.report_term('position', made.terms),
		'Ties', bixarena.report_term('ties', made.terms),
		'Adjusted for', bixarena.report_term('covariate', made.terms),
		'Replicates that could not place all models', made.incomplete_replicates::text,
		'Settings', (SELECT string_agg(p.name || ' ' || p.value, ', ' ORDER BY p.name)
			FROM jsonb_each_text(made.parameters) AS p (name, value)))
$$;
COMMENT ON FUNCTION bixarena.report_making(bixarena.run) IS
	'how a snapshot was made, for a page';

CREATE FUNCTION bixarena.report_lead(lead jsonb, rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null: it is not on record, or no such battles were found
	SELECT format('The first place hangs on %s of the battles (%s %%): had %s not been fought, %s would be ahead of %s.',
		lead ->> 'battles',
		CASE WHEN s.percent < 0.01 THEN 'less than 0.01' ELSE trim_scale(round(s.percent, 2))::text END,
		CASE lead ->> 'battles' WHEN '1' THEN 'this one' ELSE 'these' END, rival.model, leader.model)
	FROM (SELECT 100 * (lead ->> 'share')::numeric) AS s (percent),
		unnest(rows) AS leader, unnest(rows) AS rival
	WHERE lead ->> 'battles' IS NOT NULL
		AND leader.id = (lead ->> 'leader')::uuid AND rival.id = (lead ->> 'rival')::uuid
$$;
COMMENT ON FUNCTION bixarena.report_lead(jsonb, bixarena_leaderboard_row[]) IS
	'how many battles carry the first place, in a sentence';

CREATE FUNCTION bixarena.report_fit(fit jsonb, rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null: it is not on record, or could not be tested
	SELECT CASE
		WHEN f.p_value >= 0.05 THEN
			format('One score for each model describes these battles: how the models fared against each other is what the scores predict, but for chance (p = %s).',
				round(f.p_value, 2))
		ELSE
			format('One score for each model does not describe these battles fully (%s): beyond chance, the shares of wins that the scores predict are off by about %s percentage points',
				CASE WHEN f.p_value < 0.01 THEN 'p < 0.01' ELSE 'p = ' || round(f.p_value, 3) END,
				round(100 * (fit ->> 'excess')::numeric, 1))
			|| coalesce(format(', most of all where %s took %s %% of %s battles against %s and the scores predict %s %%',
				m.model1, round(100 * f.observed), f.battles, m.model2, round(100 * f.predicted)), '') || '.'
		END
	FROM (SELECT (fit ->> 'p_value')::numeric, fit #>> '{worst,battles}',
			(fit #>> '{worst,observed_share}')::numeric, (fit #>> '{worst,predicted_share}')::numeric)
		AS f (p_value, battles, observed, predicted)
	LEFT JOIN (SELECT one.model, other.model FROM unnest(rows) AS one, unnest(rows) AS other
		WHERE one.id = (fit #>> '{worst,model1}')::uuid AND other.id = (fit #>> '{worst,model2}')::uuid
		LIMIT 1) AS m (model1, model2) ON true
	WHERE f.p_value IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.report_fit(jsonb, bixarena_leaderboard_row[]) IS
	'whether the model holds, in a sentence';

CREATE FUNCTION bixarena.report_soundness(soundness jsonb, rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_section('How far to trust it', string_agg(bixarena.page_paragraph(s), '' ORDER BY n))
	FROM (VALUES (0, CASE WHEN (soundness -> 'by_strengths_alone')::boolean
			AND coalesce(soundness -> 'lead' -> 'battles', soundness -> 'fit') IS NOT NULL
			THEN 'For this part the same battles were ranked with ties as half wins and adjusted for nothing, unlike in the ranking above.' END),
		(1, bixarena.report_lead(soundness -> 'lead', rows)),
		(2, bixarena.report_fit(soundness -> 'fit', rows))) AS p (n, s)
	WHERE s IS NOT NULL
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION bixarena.report_soundness(jsonb, bixarena_leaderboard_row[]) IS
	'how far a snapshot can be leaned on, as a part of a page; null where nothing is on record';

CREATE FUNCTION bixarena.report_how_to_read(made bixarena.run)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<p>%s</p>', p), '')
	FROM unnest(ARRAY[
		'<strong>Score.</strong> People compare the answers of two models; a Bradley&#8211;Terry model turns'
		' these battles into scores, '
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == "ties" && @.status == "fitted")')
			THEN 'a tie being an outcome with a chance of its own (Davidson''s model). A lead of 100 points means'
				' winning 64 % of the battles that do not end in a tie, one of 400 points 91 % (odds of 10 to 1).'
			ELSE 'a tie counting as half a win for either. A lead of 100 points means'
				' winning 64 % of the points, one of 400 points 91 % (odds of 10 to 1).' END
		|| ' Only differences mean anything.'
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == "position" && @.status == "fitted")')
			THEN ' What it is worth to stand first was taken out of the scores.' ELSE '' END
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == "covariate")')
			THEN ' They are those of battles in which everything that they are adjusted for is 0.' ELSE '' END,
		'<strong>95 % interval.</strong> How much the score would vary if '
		|| CASE WHEN made.voters IS NULL THEN 'as many other battles had been fought'
			ELSE 'as many other people had voted' END
		|| CASE WHEN made.parameters ->> 'intervals' = 'sandwich'
			THEN '. A formula tells it from how far '
				|| CASE WHEN made.voters IS NULL THEN 'battles' ELSE 'what each voter said' END
				|| ' lay from what the scores predict.'
			WHEN made.parameters IS NULL THEN '.'
			WHEN made.voters IS NULL THEN ': the middle 95 % of the scores from battles drawn again at random.'
			ELSE ': the middle 95 % of the scores from voters drawn again at random, each with all battles of his.' END
		|| ' More ' || CASE WHEN made.voters IS NULL THEN 'battles make' ELSE 'voters make' END || ' it'
		' narrower. &#8220;Open&#8221; says that the battles do not bound the score on that side.',
		'<strong>Possible ranks.</strong> Models that are about as good stand in some order by chance.'
		' Beside a rank stand the lowest and the highest that the battles allow, 95 % sure for each'
		' model. They follow from differences of scores, which intervals of single scores do not show.',
		'<strong>Ties in rank.</strong> Two models whose intervals overlap may well be equally good,'
		' whatever their order. Where ranks are by significance, a model''s rank is one more than the'
		' number of models whose interval lies wholly above its own, so that some share a rank.']
		|| CASE WHEN made.soundness IS NULL THEN '{}'::text[] ELSE ARRAY[
		'<strong>How far to trust it.</strong> A first place that hangs on a handful of battles is not a firm one.'
		' p is how likely it would be that models fare against each other so differently from what the scores predict,'
		' if chance were the only reason. Where it is small, A may beat B more than the scores say, or A, B and C'
		' each other in a circle; voters who cast many battles each, and agree with themselves, look the same.']
		END) AS p
$$;
COMMENT ON FUNCTION bixarena.report_how_to_read(bixarena.run) IS 'what a reader of a report should know';

CREATE FUNCTION bixarena.report_matchups(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	rows bixarena_leaderboard_row[],
	arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	widths record := bixarena.page_widths();
	num_models constant integer := 25;
BEGIN
	RETURN (SELECT bixarena.page_charts(
			bixarena.chart_matchups(rows[:num_models], m.list, widths.wide, 'auto'),
			bixarena.chart_matchups(rows[:num_models], m.list, widths.narrow, 'auto'))
		FROM bixarena.matchup_among(leaderboard_id, shown, rows[:num_models], arena) AS m (list));
EXCEPTION WHEN insufficient_privilege THEN
	-- who may read results need not be able to read battles
	RETURN bixarena.page_paragraph('The battles are not open to you.');
WHEN feature_not_supported THEN
	-- an arena may have no more than counts
	RETURN bixarena.page_paragraph('The battles up to that moment are not known here.');
END
$$;
COMMENT ON FUNCTION bixarena.report_matchups(text, bixarena.snapshot_key, bixarena_leaderboard_row[], text) IS
	'the chart of the matchups of the leading models, if the caller may read battles';

CREATE FUNCTION bixarena.report_charts(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	widths record := bixarena.page_widths();
	num_leading constant integer := 10;
	num_scores constant integer := 200;
	history bixarena.history_point[] := ARRAY(SELECT p FROM bixarena.chart_history_points(
		shown.leaderboard, 'rank', num_leading, NULL, widths.narrow / 4, arena) AS p);
BEGIN
	RETURN bixarena.page_section('Scores with 95 % intervals', bixarena.page_charts(
			bixarena.chart_leaderboard(rows[:num_scores], ranges[:num_scores], 'score', widths.wide, 'auto'),
			bixarena.chart_leaderboard(rows[:num_scores], ranges[:num_scores], 'score', widths.narrow, 'auto')))
		|| bixarena.page_section('Ranks over time', bixarena.page_charts(
			bixarena.chart_history(history, 'rank', widths.wide, 'auto'),
			bixarena.chart_history(history, 'rank', widths.narrow, 'auto')))
		|| bixarena.page_section('Who beats whom',
			bixarena.report_matchups(leaderboard_id, shown, rows, arena));
END
$$;
COMMENT ON FUNCTION bixarena.report_charts(text, bixarena.snapshot_key, bixarena_leaderboard_row[], bixarena_leaderboard_range[], text) IS
	'the charts of a report';

CREATE FUNCTION bixarena.report_body(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key,
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	movers bixarena_comparison_row[],
	made bixarena.run,
	arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF shown.id IS NULL THEN
		RETURN bixarena.page_paragraph('There is no public snapshot yet.');
	END IF;
	RETURN concat(
		bixarena.page_section('Ranking', bixarena.report_table(rows, ranges, earlier.snapshot_identifier)),
		bixarena.report_soundness(made.soundness, rows),
		bixarena.report_charts(leaderboard_id, shown, rows, ranges, arena),
		bixarena.page_section('Movers', CASE WHEN earlier.id IS NULL
			THEN bixarena.page_paragraph('There is no earlier snapshot to compare with.')
			ELSE bixarena.page_paragraph(format('Since snapshot %s.', earlier.snapshot_identifier))
				|| coalesce(bixarena.page_paragraph('The two were made in different ways, so that what changed may come of that: '
					|| bixarena.run_model_change(
						bixarena.run_of_snapshot(earlier.id, leaderboard_id, arena), made) || '.'), '')
				|| bixarena.report_movers(movers) END),
		CASE WHEN made IS NULL
			THEN bixarena.page_section('How it was made',
				bixarena.page_paragraph('The run that made this snapshot is not on record, or not open to you.'))
			ELSE bixarena.page_section('Not ranked', bixarena.report_unranked(made.unranked))
				|| bixarena.page_section('How it was made', bixarena.report_making(made)) END,
		bixarena.page_section('How to read it', bixarena.report_how_to_read(made)));
END
$$;
COMMENT ON FUNCTION bixarena.report_body(text, bixarena.snapshot_key, bixarena.snapshot_key, bixarena_leaderboard_row[], bixarena_leaderboard_range[], bixarena_comparison_row[], bixarena.run, text) IS
	'the parts of the report of a leaderboard';

CREATE FUNCTION bixarena.report_page(
	leaderboard_id text,
	lookback interval,
	arena text,
	navigation text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	shown bixarena.snapshot_key := bixarena.snapshot_shown(leaderboard_id, NULL, arena);
	earlier bixarena.snapshot_key := bixarena.snapshot_before(shown, lookback, arena);
	made bixarena.run := bixarena.run_of_snapshot(shown.id, leaderboard_id, arena);
	name text;
BEGIN
	-- a page of a site is everybody's, and does not tell who asked for the run
	IF navigation IS NOT NULL THEN
		made.triggered_by := NULL;
		made.role := NULL;
	END IF;
	SELECT l.name INTO name FROM bixarena.read_leaderboards(arena) AS l
	WHERE l.slug = leaderboard_id;
	RETURN bixarena.page_html(bixarena.page_board_name(name, leaderboard_id),
		concat(navigation, bixarena.page_paragraph(CASE WHEN shown.id IS NOT NULL THEN
			format('Snapshot %s of %s%s.', shown.snapshot_identifier,
				bixarena.text_utc(shown.created_at),
				', from ' || made.evaluation_count || ' battles') END)),
		bixarena.report_body(leaderboard_id, shown, earlier,
			ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, earlier, arena) AS r LIMIT 1000),
			ARRAY(SELECT g FROM bixarena.range_rows(shown, arena) AS g LIMIT 1000),
			ARRAY(SELECT c FROM bixarena.comparison_rows(earlier, shown, arena) AS c),
			made, arena));
END
$$;
COMMENT ON FUNCTION bixarena.report_page(text, interval, text, text) IS
	'the report of a leaderboard; or as a page of a site, with markup that leads to others';

CREATE FUNCTION bixarena_report(
	leaderboard_id text,
	lookback interval DEFAULT '7 days',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.report_page(leaderboard_id, lookback, bixarena.arena_resolve(arena), NULL)
$$;
COMMENT ON FUNCTION bixarena_report(text, interval, text) IS
	'a page with the table of a leaderboard, its charts, movers and unranked models, and how it was made';
