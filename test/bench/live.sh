#!/usr/bin/env bash
#
# live.sh BATTLES PAIRS
#	  What a kept tally costs those who write battles, and what it gives those who
#	  read, in a database of which the environment (PGHOST and so on) tells and that has
#	  the extension and the application's schema with so many battles.  script/bench
#	  live runs it.
#
# Writers work in turns with and without the triggers, PAIRS times PHASE seconds (5)
# each; of each pair the throughputs are compared, and the median of the ratios is what
# counts.  The log is folded after each turn, so that each begins alike.
#
# Readers: seconds of a statement, and the processor's of its session alone, which
# mean something on a machine that has more to do.

set -euo pipefail

battles=$1
pairs=$2
phase=${PHASE:-5}
clients=${CLIENTS:-8}
folder=$(mktemp -d "${TMPDIR:-/tmp}/live.XXXXXX")
trap 'rm -rf "$folder"' EXIT

main() {
	write_scripts
	printf '%d battles, %d pairs of %d s\n\n' "$battles" "$pairs" "$phase"
	read_all
	printf '\n%-52s %8s  %s\n' 'writers: throughput with triggers by that without' ratio limit
	compare_throughput life "$clients" 'a whole life, 8 clients' 0.92
	compare_throughput hot "$clients" 'hot: 10 battles of 4 models, 8 clients' 0.95
	compare_latency
	compare_copy
}

ask() {
	psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"
}

write_scripts() {
	cat >"$folder/life.sql" <<-'SQL'
		SELECT gen_random_uuid() AS b, gen_random_uuid() AS v, gen_random_uuid() AS k \gset
		\set first random(1, 100)
		\set step random(1, 99)
		\set o random(1, 3)
		INSERT INTO api.battle (id, user_id, model1_id, model2_id) SELECT ':b', ':b', a.id, c.id
		FROM public.numbered AS a, public.numbered AS c WHERE a.n = :first AND c.n = 1 + (:first - 1 + :step) % 100;
		INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (':b', (ARRAY['model1', 'model2', 'tie'])[:o]);
		INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical) VALUES (':v', ':b', 'x', 1, true);
		UPDATE api.battle SET effective_validation_id = ':v' WHERE id = ':b';
		INSERT INTO api.battle_categorization (id, battle_id, method, status) VALUES (':k', ':b', 'x', 'matched');
		INSERT INTO api.battle_categorization_category VALUES (':k', 'c01'), (':k', 'c02');
		UPDATE api.battle SET effective_categorization_id = ':k' WHERE id = ':b';
	SQL
	cat >"$folder/hot.sql" <<-'SQL'
		WITH drawn AS (SELECT gen_random_uuid() AS id, g FROM generate_series(1, 10) AS g),
		battle AS (INSERT INTO api.battle (id, user_id, model1_id, model2_id)
			SELECT d.id, d.id, a.id, c.id FROM drawn AS d
			JOIN public.numbered AS a ON a.n = 1 + d.g % 4 JOIN public.numbered AS c ON c.n = 1 + (d.g + 1) % 4)
		INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT id, 'tie' FROM drawn;
	SQL
	cat >"$folder/one.sql" <<-'SQL'
		SELECT nextval('public.next_waiting') AS n \gset
		INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT id, 'tie' FROM public.waiting WHERE n = :n;
	SQL
	ask "DROP TABLE IF EXISTS public.numbered;
		CREATE TABLE public.numbered AS SELECT row_number() OVER (ORDER BY slug) AS n, id FROM api.model;
		ALTER TABLE public.numbered ADD PRIMARY KEY (n)"
}

# The statements that turn the triggers on, or off
turn() {
	local word=DISABLE kind=DISABLE
	if [ "$1" = with ]; then word=ENABLE kind="ENABLE REPLICA"; fi
	ask "SELECT string_agg(format('ALTER TABLE %s %s TRIGGER %I', tgrelid::regclass,
			CASE WHEN tgname LIKE '%replica' THEN '$kind' WHEN tgname LIKE '%truncate' AND '$word' = 'ENABLE' THEN 'ENABLE ALWAYS'
			ELSE '$word' END, tgname), '; ') FROM pg_trigger WHERE tgname LIKE 'api\_live\_%' AND NOT tgisinternal" >"$folder/turn"
	ask "$(cat "$folder/turn")"
}

throughput() {
	pgbench --no-vacuum --client="$2" --jobs=2 --time="$phase" --file="$folder/$1.sql" 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { printf "%.4f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# compare_throughput SCRIPT CLIENTS WHAT LIMIT
compare_throughput() {
	local with without
	: >"$folder/ratios"
	for pair in $(seq "$pairs"); do
		if [ $((pair % 2)) -eq 1 ]; then
			turn without; without=$(throughput "$1" "$2")
			turn with; with=$(throughput "$1" "$2")
		else
			turn with; with=$(throughput "$1" "$2")
			turn without; without=$(throughput "$1" "$2")
		fi
		ask 'DELETE FROM api_live.log' && ask 'VACUUM api_live.log'
		awk "BEGIN { print $with / $without }" >>"$folder/ratios"
	done
	turn with
	printf '%-52s %8.3f  at least %s\n' "$3" "$(median <"$folder/ratios")" "$4"
}

# One insert by one client: of the latencies, in microseconds, the difference
compare_latency() {
	local with without
	ask "DROP TABLE IF EXISTS public.waiting; DROP SEQUENCE IF EXISTS public.next_waiting; CREATE SEQUENCE public.next_waiting;
		CREATE TABLE public.waiting AS SELECT row_number() OVER () AS n, gen_random_uuid() AS id FROM generate_series(1, 400000);
		ALTER TABLE public.waiting ADD PRIMARY KEY (n);
		INSERT INTO api.battle (id, user_id, model1_id, model2_id)
		SELECT w.id, w.id, (SELECT id FROM public.numbered WHERE n = 1), (SELECT id FROM public.numbered WHERE n = 2) FROM public.waiting AS w;
		ANALYZE public.waiting"
	: >"$folder/ratios"
	for pair in $(seq "$pairs"); do
		turn without; without=$(throughput one 1)
		turn with; with=$(throughput one 1)
		awk "BEGIN { print 1e6 / $with - 1e6 / $without }" >>"$folder/ratios"
	done
	printf '%-52s %5.1f us  at most 6 us\n' 'one insert more, of one client' "$(median <"$folder/ratios")"
}

compare_copy() {
	local with without start
	ask "DROP TABLE public.waiting; DELETE FROM api.battle WHERE id = user_id;
		CREATE TABLE public.waiting AS SELECT gen_random_uuid() AS id FROM generate_series(1, ${COPY:-200000});
		INSERT INTO api.battle (id, user_id, model1_id, model2_id)
		SELECT w.id, w.id, (SELECT id FROM public.numbered WHERE n = 1), (SELECT id FROM public.numbered WHERE n = 2) FROM public.waiting AS w"
	psql --no-psqlrc --quiet --command="\\copy (SELECT id, 'tie' FROM public.waiting) TO '$folder/copy'"
	: >"$folder/ratios"
	for pair in $(seq "$pairs"); do
		for how in without with; do
			turn "$how"
			start=$(date +%s.%N)
			psql --no-psqlrc --quiet --command="\\copy api.battle_evaluation (battle_id, outcome) FROM '$folder/copy'"
			[ "$how" = with ] && with=$(awk "BEGIN { print $(date +%s.%N) - $start }")
			[ "$how" = without ] && without=$(awk "BEGIN { print $(date +%s.%N) - $start }")
			turn without
			ask 'DELETE FROM api.battle_evaluation AS e USING public.waiting AS w WHERE e.battle_id = w.id' && ask 'VACUUM api.battle_evaluation'
		done
		awk "BEGIN { print $with / $without }" >>"$folder/ratios"
	done
	turn with
	printf '%-52s %8.3f  at most 1.15\n' "COPY of ${COPY:-200000} evaluations" "$(median <"$folder/ratios")"
}

# measure WHAT LIMIT STATEMENT: seconds, and those of the processor
measure() {
	psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --output=/dev/null 2>"$folder/stats" <<-SQL
		SET client_min_messages = log;
		SET log_statement_stats = on;
		$3;
	SQL
	sed -n 's/^!\t\([0-9.]*\) s user, \([0-9.]*\) s system, \([0-9.]*\) s elapsed/\1 \2 \3/p' "$folder/stats" |
		tail -n 1 | awk -v what="$1" -v limit="$2" '{ printf "%-52s %8.3f  %8.3f  %s\n", what, $3, $1 + $2, limit }'
}

change() {
	ask "UPDATE api.battle_evaluation SET outcome = CASE outcome WHEN 'tie' THEN 'model1' ELSE 'tie' END
		WHERE id IN (SELECT id FROM api.battle_evaluation LIMIT $1)"
}

read_all() {
	printf '%-52s %8s  %8s  %s\n' 'readers' seconds processor limit
	measure 'overall, 1000 replicates, reading the battles' '' "SELECT bixarena_generate_snapshot('overall', 1000, dry_run => true)"
	ask 'SELECT bixarena_keep_tally()' >/dev/null
	measure 'the first count of all battles' '10 (1 M)' 'SELECT bixarena_rebuild_tally()'
	ask 'VACUUM ANALYZE'
	measure 'overall, 1000 replicates' 0.2 "SELECT bixarena_generate_snapshot('overall', 1000, dry_run => true)"
	measure 'bixarena_live, 200 replicates' 0.06 "SELECT bixarena_live('overall')"
	measure 'all leaderboards; a sample is verified, once a day' '' 'CALL bixarena_generate_snapshots()'
	ask 'DELETE FROM bixarena.run'
	measure 'all leaderboards, 1000 replicates' 2.2 'CALL bixarena_generate_snapshots()'
	ask "SELECT format('%-52s %8s  %8s  0.4', '  of which reading', round(sum(read_seconds)::numeric, 3), '') FROM bixarena.run"
	for changed in 1000 5000 50000; do
		change "$changed"
		measure "a fold of $changed battles" "$(case $changed in 1000) echo 0.15 ;; 5000) echo 0.3 ;; *) echo 2.5 ;; esac)" 'SELECT bixarena_fold_tally()'
	done
	measure 'a recount that finds nothing' '' 'SELECT bixarena_rebuild_tally()'
	ask "SELECT format('%-52s %8s  at most 0.5', 'space, by that of the battle tables', round(
		(SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'api_live'::regnamespace AND relkind = 'r') /
		(SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'api'::regnamespace AND relkind = 'r' AND relname LIKE 'battle%'), 3))"
}

main
