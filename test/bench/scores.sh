#!/usr/bin/env bash
#
# scores.sh PLAYERS [SECONDS]
#	  A game of so many players: updates, ranks and the top, beside a plain table with
#	  an index and beside Redis, in a database of which the environment (PGHOST and so
#	  on) tells and that has the extension.  script/bench runs it.
#
# Updates come from four sessions in batches of 100, for SECONDS (10), in turns with
# those of the others; PostgreSQL waits for the disk, and Redis is measured with
# appendfsync always and everysec.  Then ranks are read while 1,000 updates a second
# come in.  Messages and scores of PostgreSQL are made by the server itself, which is
# part of what is measured; those of Redis by its own redis-benchmark.

set -euo pipefail

players=$1
seconds=${2:-10}
folder=$(mktemp -d "${TMPDIR:-/tmp}/scores.XXXXXX")
redis_port=${REDIS_PORT:-16379}
trap 'stop_redis; rm -rf "$folder"' EXIT

main() {
	printf '%s\n' "$players players; load before the start: $(cut -d ' ' -f 1 /proc/loadavg)"
	pg_test_fsync --secs-per-test=1 --filename="$folder/fsync" 2>/dev/null |
		awk '/^ *fdatasync/ { print "the disk: " $2 " fdatasync a second"; exit }'
	fill
	start_redis
	scripts
	printf '\nupdates a second, 4 sessions, batches of 100\n'
	for _ in 1 2; do
		report 'scoreboard' "$(updates submit)"
		report 'plain table' "$(updates plain)"
		for fsync in always everysec; do
			redis-cli -p "$redis_port" config set appendfsync "$fsync" >/dev/null
			report "redis, appendfsync $fsync" "$(redis_updates)"
		done
	done
	report 'scoreboard, enqueued' "$(updates enqueue)"
	psql --no-psqlrc --quiet --command="DO \$\$ BEGIN
		WHILE EXISTS (SELECT FROM bench.queue) LOOP COMMIT; PERFORM pg_sleep(0.5); END LOOP;
		END \$\$"
	printf '\nmilliseconds while 1,000 updates a second come in, median and 95 %%\n'
	pgbench --no-vacuum --file="$folder/ten.sql" --rate=100 --client=2 \
		--time=$((seconds * 8)) >"$folder/writer" &
	latency rank >/dev/null
	for reader in rank plain-rank top around; do
		report "$reader" "$(latency $reader)"
	done
	report 'buffers of a rank' "$(buffers)"
	report 'redis, rank' "$(redis_latency ZREVRANK many member:0000000)"
	report 'redis, top 100' "$(redis_latency ZREVRANGE many 0 99)"
	wait
	grep -h '^tps' "$folder/writer"
	psql --no-psqlrc --tuples-only --no-align \
		--command="SELECT 'ranges that differ: ' || count(*) FROM bixarena_check_scores('bench')"
}

# median and 95 %, of 200 ranks
buffers() {
	psql --no-psqlrc --tuples-only --no-align --field-separator='  ' --command="
		SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY b), percentile_disc(0.95) WITHIN GROUP (ORDER BY b)
		FROM (SELECT (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::integer
				+ (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::integer AS b
			FROM generate_series(1, 200) AS i,
				explained(format('SELECT * FROM bixarena_player_rank(''bench'', ''many'', %L)', 'p' || i * 4001)) AS plan) AS p"
}

report() {
	printf '%-30s %s\n' "$1" "$2"
}

fill() {
	psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --set=players="$players" <<'SQL'
		SELECT bixarena_create_scoreboard('bench');
		SELECT bixarena_create_game('bench', 'many', operator => 'latest');
		-- indexes are made at once, which is quicker
		ALTER TABLE bench.player DROP CONSTRAINT player_pkey;
		ALTER TABLE bench.score DROP CONSTRAINT score_pkey;
		DROP INDEX bench.score_place;
		INSERT INTO bench.player (player_id) SELECT 'p' || i FROM generate_series(1, :players) AS i;
		INSERT INTO bench.score (board_no, player_id, score, reached_at, place)
		SELECT 1, s.player_id, s.score, now(), bixarena.score_place(s.score, true, now(), s.player_id)
		FROM (SELECT 'p' || i AS player_id, floor(random() * 1e6)::numeric AS score
			FROM generate_series(1, :players) AS i) AS s;
		SET maintenance_work_mem = '1GB';
		ALTER TABLE bench.player ADD PRIMARY KEY (player_id);
		ALTER TABLE bench.score ADD PRIMARY KEY (board_no, player_id);
		CREATE UNIQUE INDEX score_place ON bench.score (board_no, place);
		CREATE TABLE plain AS SELECT player_id::text COLLATE "default" AS player_id, score, reached_at FROM bench.score;
		ALTER TABLE plain ADD PRIMARY KEY (player_id);
		CREATE INDEX ON plain (score DESC, reached_at);
		VACUUM (ANALYZE) bench.score, plain;
		SELECT bixarena_recount_scores('bench');
		CREATE FUNCTION messages(n integer, players integer) RETURNS jsonb LANGUAGE sql AS $$
			SELECT jsonb_agg(jsonb_build_object('message_id', gen_random_uuid(), 'game_id', 'many',
				'player_id', 'p' || 1 + floor(random() * players)::integer,
				'score', floor(random() * 1e6)))
			FROM generate_series(1, n)
		$$;
		CREATE FUNCTION explained(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
		DECLARE
			plan jsonb;
		BEGIN
			EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
			RETURN plan;
		END
		$$;
		CHECKPOINT;
SQL
}

scripts() {
	local player="'p' || 1 + floor(random() * $players)::integer"

	cat >"$folder/submit.sql" <<END
SELECT count(*) FROM bixarena_submit_scores('bench', messages(100, $players));
END
	cat >"$folder/ten.sql" <<END
SELECT count(*) FROM bixarena_submit_scores('bench', messages(10, $players));
END
	cat >"$folder/enqueue.sql" <<END
SELECT count(*) FROM bixarena_enqueue_scores('bench', messages(100, $players));
END
	cat >"$folder/plain.sql" <<END
INSERT INTO plain SELECT DISTINCT ON (1) $player, floor(random() * 1e6)::numeric, now() FROM generate_series(1, 100) ORDER BY 1 ON CONFLICT (player_id) DO UPDATE SET score = excluded.score, reached_at = excluded.reached_at;
END
	cat >"$folder/rank.sql" <<END
SELECT * FROM bixarena_player_rank('bench', 'many', $player);
END
	cat >"$folder/plain-rank.sql" <<END
SELECT count(*) FROM plain WHERE score > (SELECT score FROM plain WHERE player_id = (SELECT $player));
END
	cat >"$folder/top.sql" <<END
SELECT * FROM bixarena_top_scores('bench', 'many');
END
	cat >"$folder/around.sql" <<END
SELECT * FROM bixarena_around_player('bench', 'many', $player);
END
}

# updates SCRIPT
updates() {
	pgbench --no-vacuum --file="$folder/$1.sql" --client=4 --jobs=2 --time="$seconds" |
		awk '/^tps/ { printf "%.0f", $3 * 100 }'
}

# latency SCRIPT.  The first one only warms up.
latency() {
	rm -f "$folder/log-$1".*
	(cd "$folder" && pgbench --no-vacuum --file="$1.sql" --time="$seconds" --log \
		--log-prefix="log-$1" >/dev/null)
	cat "$folder/log-$1".* | awk '{ print $3 / 1000 }' | sort -g |
		awk '{ v[NR] = $1 } END { printf "%.2f  %.2f", v[int((NR + 1) / 2)], v[int(NR * 0.95) + 1] }'
}

start_redis() {
	mkdir -p "$folder/redis"
	redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$folder/redis" --save '' \
		--appendonly yes --appendfsync everysec --daemonize yes --pidfile "$folder/redis.pid" >/dev/null
	until redis-cli -p "$redis_port" ping 2>/dev/null | grep -q PONG; do sleep 0.1; done
	redis-benchmark -p "$redis_port" -q -P 1000 -c 4 -n "$players" -r "$players" \
		ZADD many __rand_int__ member:__rand_int__ >/dev/null
}

stop_redis() {
	[ ! -e "$folder/redis.pid" ] || redis-cli -p "$redis_port" shutdown nosave 2>/dev/null || true
	rm -rf "$folder/redis" "$folder/redis.pid"
}

redis_updates() {
	redis-benchmark -p "$redis_port" --csv -P 100 -c 4 -n "${REDIS_UPDATES:-500000}" -r "$players" \
		ZADD many __rand_int__ member:__rand_int__ | tail -1 | cut -d '"' -f 4
}

redis_latency() {
	redis-benchmark -p "$redis_port" --csv -c 1 -n 5000 "$@" | tail -1 |
		awk -F '"' '{ print $10 "  " $12 }'
}

main
