#!/usr/bin/env bash
#
# load.sh SECONDS [CLIENTS]
#	  Battles written at full speed, with and without a snapshot a second, in a
#	  database of which the environment (PGHOST and so on) tells and that has the
#	  extension.  script/bench and test/t/020_writers.pl run it.
#
# The time is cut into phases of PHASE seconds (5).  They come in pairs, one with
# snapshots and one without, in turns: a machine that is slower for a while is so
# for both.  After each phase the battles that it has written are deleted, so that
# every phase begins with the same ones.  Of each pair the medians of the writers'
# latencies are compared; the verdict is the median of these ratios.
#
# At full speed writers take all of a processor, and so does a snapshot while it is
# made: where processors are few, that is what is measured.  With RATE, of so many
# battles a second, writers leave room, as those of an application do.
#
# What it finds goes to the standard output, the last lines as NAME VALUE.

set -euo pipefail

seconds=$1
clients=${2:-1}
phase=${PHASE:-5}
rate=${RATE:-}
folder=$(mktemp -d "${TMPDIR:-/tmp}/load.XXXXXX")
trap 'rm -rf "$folder"' EXIT

main() {
	local pair ratio pairs=$(((seconds + 2 * phase - 1) / (2 * phase)))

	set_up
	printf '%d pairs of %d s each with and without a snapshot a second, %d client(s), %s\n' \
		"$pairs" "$phase" "$clients" "${rate:-as many as can be} battles a second"
	printf '%5s  %23s  %23s  %6s\n' pair 'without: writes, median' 'with: writes, median' ratio
	write_battles without	# warms up
	: >"$folder/ratios"
	for pair in $(seq "$pairs"); do
		if [ $((pair % 2)) -eq 1 ]; then
			write_battles without
			write_battles with
		else
			write_battles with
			write_battles without
		fi
		ratio=$(awk "BEGIN { printf \"%.3f\", $(median with) / $(median without) }")
		printf '%5d  %9d  %9.3f ms  %9d  %9.3f ms  %6.3f\n' "$pair" \
			"$(count without)" "$(median without)" "$(count with)" "$(median with)" "$ratio"
		printf '%s\n' "$ratio" >>"$folder/ratios"
		[ "$pair" -ne $(((pairs + 1) / 2)) ] || ask "CREATE TABLE load_size AS SELECT $(size) AS bytes"
	done
	report
}

ask() {
	psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"
}

size() {
	printf '%s' "(pg_total_relation_size('arena.leaderboard_snapshot')
		+ pg_total_relation_size('arena.leaderboard_entry'))"
}

set_up() {
	ask "
		CREATE EXTENSION IF NOT EXISTS pgstattuple;
		SELECT bixarena_create_arena('arena');
		SELECT bixarena_simulate_battles(100000, 100);
		SELECT bixarena_configure('keep_snapshots', '20');
		CREATE TABLE contender AS
		SELECT row_number() OVER (ORDER BY slug) AS number, id FROM arena.model;
		ALTER TABLE contender ADD PRIMARY KEY (number);
		CREATE TABLE load_start AS SELECT clock_timestamp() AS moment" >"$folder/set_up"
	ask 'VACUUM ANALYZE'
	cat >"$folder/write.sql" <<-'SQL'
		\set first random(1, 100)
		\set step random(1, 99)
		\set outcome random(1, 3)
		INSERT INTO arena.battle (model1_id, model2_id, outcome)
		SELECT a.id, b.id, (ARRAY['model1', 'model2', 'tie'])[:outcome]
		FROM contender AS a, contender AS b
		WHERE a.number = :first AND b.number = 1 + (:first + :step - 1) % 100;
	SQL
	# a moment less than a second, which the snapshot takes itself
	cat >"$folder/snapshot.sql" <<-'SQL'
		SELECT bixarena_generate_snapshot('overall', 1000);
		\sleep 850 ms
	SQL
	: >"$folder/errors"
}

# write_battles with|without: a phase
write_battles() {
	local snapshots=

	rm -f "$folder/$1".latency.*
	if [ "$1" = with ]; then
		run_pgbench snapshot --client=1 &
		snapshots=$!
	fi
	run_pgbench write --client="$clients" ${rate:+--rate="$rate"} \
		--log --log-prefix="$folder/$1.latency"
	[ -z "$snapshots" ] || wait "$snapshots"
	# the time from when it began, not from when the rate would have had it begin
	cat "$folder/$1".latency.* | awk '{ print $3 - $7 }' | sort -n >"$folder/$1"
	ask 'DELETE FROM arena.battle WHERE created_at > (SELECT moment FROM load_start)'
	ask 'VACUUM arena.battle'
	ask 'CHECKPOINT'
}

run_pgbench() {
	pgbench --no-vacuum --time="$phase" --file="$folder/$1.sql" "${@:2}" \
		>>"$folder/$1.out" 2>"$folder/$1.err" ||
		{ cat "$folder/$1.err" >>"$folder/errors"; }
	grep -E 'ERROR|FATAL|PANIC' "$folder/$1.err" >>"$folder/errors" || true
}

# The median of a phase in milliseconds, and its number of writes
median() {
	awk '{ value[NR] = $1 } END { printf "%.3f", value[int((NR + 1) / 2)] / 1000 }' "$folder/$1"
}

count() {
	wc -l <"$folder/$1"
}

# What is dead in the tables that snapshots are written to, before and after VACUUM
dead_rows() {
	ask "SELECT sum((pgstattuple(t)).dead_tuple_count)
		FROM unnest('{arena.leaderboard_snapshot,arena.leaderboard_entry,bixarena.run}'::regclass[]) AS t"
}

report() {
	cat "$folder/errors" >&2
	printf 'errors %d\n' "$(wc -l <"$folder/errors")"
	printf 'snapshots %s\n' "$(ask "SELECT count(*) FROM bixarena.run WHERE status = 'succeeded'")"
	printf 'failed_runs %s\n' "$(ask "SELECT count(*) FROM bixarena.run WHERE status <> 'succeeded'")"
	printf 'kept_snapshots %s\n' "$(ask 'SELECT count(*) FROM arena.leaderboard_snapshot')"
	printf 'dead_rows_before_vacuum %s\n' "$(dead_rows)"
	ask 'VACUUM'
	printf 'dead_rows_after_vacuum %s\n' "$(dead_rows)"
	printf 'bytes_half_way %s\n' "$(ask 'SELECT bytes FROM load_size')"
	printf 'bytes_at_end %s\n' "$(ask "SELECT $(size)")"
	printf 'ratio_of_medians %s\n' "$(sort -g "$folder/ratios" |
		awk '{ value[NR] = $1 } END { printf "%.3f", (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }')"
}

main
