# shellcheck shell=bash disable=SC2154
#
# node.sh
#	  script/demo node: a database without the extension, a rank node beside it, and
#	  what crosses the wire between them.

show_node() {
	trap end_wire EXIT
	start_far
	heading "1. A managed database: the application's tables, 21 leaderboards, no extension"
	on_far --echo-queries <<-'SQL'
		SELECT count(*) AS battles, pg_size_pretty(pg_total_relation_size('api.battle')
		    + pg_total_relation_size('api.battle_evaluation') + pg_total_relation_size('api.battle_validation')
		    + pg_total_relation_size('api.battle_categorization')) AS size FROM api.battle;
		SELECT count(*) AS "bixarena_rank here" FROM pg_extension WHERE extname = 'bixarena_rank';
	SQL

	heading "2. What its administrator runs there once: bixarena_node_script('api')"
	answer --command="SELECT bixarena_node_script('api')" >"$work/node.sql"
	sed -n '1,12p' "$work/node.sql"
	say "... ($(wc -l <"$work/node.sql") lines)"
	on_far --file=- <"$work/node.sql"

	heading "3. The rank node attaches it, and ranks"
	start_wire
	run_psql --echo-queries --set=port="$wire_port" <<-'SQL'
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER managed FOREIGN DATA WRAPPER postgres_fdw
		    OPTIONS (host '127.0.0.1', port :'port', dbname 'postgres');
		CREATE USER MAPPING FOR CURRENT_USER SERVER managed OPTIONS (user 'bixarena_node');
		SELECT bixarena_attach_remote('managed', schema => 'api');
	SQL
	wire reset
	run_psql --echo-queries <<-'SQL'
		\timing on
		CALL bixarena_generate_snapshots();
		\timing off
		SELECT status, count(*), sum(evaluation_count) AS battles FROM bixarena.run GROUP BY status;
	SQL
	crossed=$(wire counts)

	heading "4. The application reads it, in its own tables"
	on_far --echo-queries <<-'SQL'
		SELECT e.rank, m.name, e.bt_score, e.bootstrap_q025, e.bootstrap_q975, e.vote_count
		FROM api.leaderboard AS l
		JOIN api.leaderboard_snapshot AS s ON s.leaderboard_id = l.id AND s.visibility = 'public'
		JOIN api.leaderboard_entry AS e ON e.snapshot_id = s.id
		JOIN api.model AS m ON m.id = e.model_id
		WHERE l.slug = 'overall' ORDER BY e.rank LIMIT 5;
	SQL

	heading "5. What crossed the wire for all leaderboards"
	say_crossed
}

# The cluster that stands for the managed database, with the application's schema
start_far() {
	local file

	quietly as_server_user "$bindir/initdb" --pgdata="$work/far" --no-sync \
		--username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 ||
		fail "initdb failed"
	mkdir "$work/far-socket"
	[ "$EUID" -ne 0 ] || chown "$server_user" "$work/far-socket"
	far_port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	printf '%s\n' "listen_addresses = '127.0.0.1'" "port = $far_port" \
		"unix_socket_directories = '$work/far-socket'" >>"$work/far/postgresql.conf"
	as_server_user "$bindir/pg_ctl" start --silent --wait --pgdata="$work/far" \
		--log="$work/far.log" || fail "the second server did not start"
	for file in bixarena.sql battles.sql; do
		on_far --set=arena=api --output=/dev/null --file="$project/test/schema/$file"
	done
}

on_far() {
	PGHOST=$work/far-socket PGPORT=$far_port run_psql "$@"
}

# What counts (test/perl/WireProxy.pm), as a process that takes orders
start_wire() {
	coproc WIRE {
		perl -I "$project/test/perl" -MWireProxy -e '
			$| = 1;
			my $wire = WireProxy->new($ARGV[0]);
			print $wire->port, "\n";
			while (my $order = <STDIN>) {
				chomp $order;
				print $wire->order($order), "\n";
			}' "$far_port"
	}
	# shellcheck disable=SC2034,SC2153	# it is gone once the process ends
	wire_pid=$WIRE_PID
	read -r wire_port <&"${WIRE[0]}"
}

# wire ORDER: prints its answer
wire() {
	local line

	printf '%s\n' "$1" >&"${WIRE[1]}"
	read -r line <&"${WIRE[0]}"
	[ "$1" = reset ] || printf '%s\n' "$line"
}

end_wire() {
	[ -z "${wire_pid:-}" ] || kill "$wire_pid" 2>/dev/null || true
	clean_up
}

say_crossed() {
	local word

	for word in $crossed; do
		case $word in
			bytes_up=*) say "to the database:    ${word#*=} bytes" ;;
			bytes_down=*) say "from the database:  ${word#*=} bytes" ;;
			turns=*) say "round trips:        ${word#*=}" ;;
		esac
	done
	say
	say "Counts came, by model, model and outcome; snapshots went.  No battle did:"
	run_psql --command="SELECT count(*) AS \"rows of counts\", sum(battles) AS \"battles they stand for\" FROM api.arena_tally"
}
