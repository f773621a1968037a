# shellcheck shell=bash disable=SC2154
#
# scores.sh
#	  script/demo scores: simulated players send score messages, and files of standings
#	  lie in a folder.

show_scores() {
	heading "1. A scoreboard with two games"
	run_psql --echo-queries <<-'SQL'
		SELECT bixarena_create_scoreboard('game');
		SELECT bixarena_create_game('game', 'arcade', 'Arcade: the best score counts');
		SELECT bixarena_create_game('game', 'gold', 'Gold: all of it counts', operator => 'sum');
	SQL
	send_messages
	read_scores
	ingest_files
	read_standings
	write_page "this scoreboard" "SELECT bixarena_scoreboard_report('game')"
}

# Four sessions for some seconds: half of the messages are queued, each is brought twice
send_messages() {
	heading "2. Four sessions bring messages of 5,000 players for 8 seconds"
	run_psql <<-'SQL'
		CREATE FUNCTION messages(n integer) RETURNS jsonb LANGUAGE sql AS $$
			SELECT jsonb_agg(jsonb_build_object('message_id', gen_random_uuid(),
				'game_id', (ARRAY['arcade', 'gold'])[1 + floor(random() * 2)::integer],
				'player_id', 'player ' || floor(5000 * random() ^ 2), 'score', floor(1000 * random() ^ 3)))
			FROM generate_series(1, n)
		$$;
	SQL
	cat >"$work/submit.sql" <<-'SQL'
		WITH brought AS MATERIALIZED (SELECT messages(20) AS messages) SELECT count(*) FROM brought, generate_series(1, 2) AS time, bixarena_submit_scores('game', messages);
	SQL
	cat >"$work/enqueue.sql" <<-'SQL'
		SELECT count(*) FROM bixarena_enqueue_scores('game', messages(20));
	SQL
	"$bindir/pgbench" --no-vacuum --client=4 --time=8 --file="$work/submit.sql" \
		--file="$work/enqueue.sql" >"$work/pgbench.out" 2>&1 || {
		cat "$work/pgbench.out"
		fail "the sessions have failed"
	}
	run_psql --output=/dev/null --command="CALL bixarena_process_scores('game')"
	run_psql --echo-queries <<-'SQL'
		SELECT count(*) AS applied, count(DISTINCT message_id) AS messages FROM game.score_event;
		-- one bad message harms no other
		SELECT * FROM bixarena_submit_scores('game', '[
		    {"message_id": "a", "player_id": "player 7", "game_id": "gold", "score": 5000},
		    {"message_id": "b", "player_id": "player 7", "game_id": "silver", "score": 1},
		    {"message_id": "c", "player_id": "player 7", "game_id": "gold", "score": "many"}]');
		SELECT check_name, status, message FROM bixarena_health('game');
	SQL
}

read_scores() {
	heading "3. Who leads, and where does one player stand?"
	run_psql --echo-queries <<-'SQL'
		SELECT rank, player_id, score FROM bixarena_top_scores('game', 'gold', 5);
		SELECT * FROM bixarena_ranks_of('game', 'player 7');
		SELECT rank, player_id, score FROM bixarena_around_player('game', 'arcade', 'player 7', 2);
		SELECT event_id, submitted, old_score, new_score FROM bixarena_score_history('game', 'gold', 'player 7', 3);
		-- do counts and scores agree?  No row says so
		SELECT * FROM bixarena_check_scores('game');
	SQL
}

# write_file DATE CONTENT: a file of the inbox
write_file() {
	local folder="$work/standings/inbox/source=rok_players/kingdom=51/dt=$1"

	mkdir -p "$folder"
	answer --set=growth="$2" >"$folder/players.csv" <<-'SQL'
		SELECT 'id,Name,DKP,Kills,Alliance'
		UNION ALL
		(SELECT format('%s,"Player %s",%s,%s,%s', i, i, 1000000 / i + i % 7 * :growth, i * 37 % 1000 + :growth, 'A' || i % 9)
		FROM generate_series(1, 300) AS i WHERE i % 50 <> :growth)
	SQL
}

ingest_files() {
	heading "4. Files of standings in a folder; one of them is bad"
	write_file 2026-01-26 0
	write_file 2026-02-02 9000
	write_file 2026-02-09 7
	sed -i '12s/,[0-9]*,/,9OOO,/; 40s/^[0-9]*,/1,/' "$work"/standings/inbox/*/*/dt=2026-02-09/players.csv
	chmod -R a+rX "$work/standings"
	run_psql --echo-queries --set=folder="$work/standings" <<-'SQL'
		CALL bixarena_ingest_folder('game', :'folder');
		SELECT key, status, num_rows, num_errors FROM bixarena_uploads('game');
		SELECT e.* FROM bixarena_uploads('game') AS u,
		    jsonb_to_recordset(u.errors) AS e (line integer, "column" text, value text, message text);
	SQL
}

read_standings() {
	heading "5. The best by a metric, and who has gained since"
	run_psql --echo-queries <<-'SQL'
		SELECT rank, name, value, attributes FROM bixarena_standings('game', 'rok_players', 'kingdom=51', 'dkp', 5);
		SELECT name, change, gained, rank1, rank2
		FROM bixarena_compare_standings('game', 'rok_players', 'kingdom=51', 'dkp', '2026-01-26', '2026-02-02', 5);
		SELECT snapshot_date, value, rank FROM bixarena_standings_history('game', 'rok_players', '6', 'kills');
	SQL
}
