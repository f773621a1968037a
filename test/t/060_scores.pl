
# 060_scores.pl
#	  Scoreboards under load: sessions that submit, submit again and enqueue messages of
#	  the same few players in any order, while a worker is killed and others read ranks.
#	  Whatever a client was told has counted, and nothing has counted twice; ranks are
#	  what counting says in the same snapshot.  Then a dump is restored on another
#	  server, whose transactions have other numbers.

# SCORE_SESSIONS and SCORE_SECONDS make it a bigger storm: 50 and 60, say.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('scores');
my $other = PostgreSQL::Test::Cluster->new('other');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $sessions = $ENV{SCORE_SESSIONS} // 8;
my $seconds = $ENV{SCORE_SECONDS} // 12;

$node->init;
$node->append_conf('postgresql.conf',
	"restart_after_crash = on\nwal_level = logical\n");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_scoreboard('game');
	SELECT bixarena_create_game('game', 'gold', operator => 'sum');
	SELECT bixarena_create_game('game', 'level', operator => 'latest');
	CREATE TABLE told (message_id text, score integer);
	-- what a client brings, and that it was told that all is well
	CREATE FUNCTION bring(enqueued boolean) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		messages jsonb;
	BEGIN
		SELECT jsonb_agg(jsonb_build_object('message_id', gen_random_uuid(), 'game_id',
			CASE WHEN i % 5 = 0 THEN 'level' ELSE 'gold' END, 'player_id', 'p' || floor(random() * 400),
			'score', floor(random() * 1000)))
		INTO messages FROM generate_series(1, 20) AS i;
		IF enqueued THEN
			PERFORM bixarena_enqueue_scores('game', messages);
		ELSE
			PERFORM bixarena_submit_scores('game', messages);
			-- as a client does that has lost the answer
			PERFORM bixarena_submit_scores('game', messages);
		END IF;
		INSERT INTO told SELECT m ->> 'message_id', (m ->> 'score')::integer
		FROM jsonb_array_elements(messages) AS m;
	END
	$$;
	CREATE FUNCTION wrong_ranks(game text) RETURNS bigint LANGUAGE sql STABLE AS $$
		SELECT count(*) FROM (
			SELECT s.player_id, row_number() OVER (ORDER BY s.place) AS n
			FROM game.score AS s JOIN game.game AS g USING (board_no) WHERE g.game_id = game) AS s
		CROSS JOIN LATERAL bixarena_player_rank('game', game, s.player_id) AS r
		WHERE s.n % 41 = 1 AND r.rank <> s.n
	$$;});

# Sessions of pgbench for some seconds; the same file of SQL each
sub storm
{
	my ($name, $sql, $clients) = @_;
	my $file = "$folder/$name.sql";
	my ($out, $err) = ('', '');

	append_to_file($file, "$sql\n");
	return IPC::Run::start(
		[
			'pgbench', '--no-vacuum',
			"--file=$file", "--client=$clients",
			"--time=$seconds", '--max-tries=50',
			'postgres'
		],
		'>',
		\$out,
		'2>',
		\$err);
}

sub wait_for_queue
{
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 0 FROM game.queue})
	  or die 'the queue is not emptied';
	return;
}

sub check_all
{
	my ($when) = @_;

	is( $node->safe_psql(
			'postgres',
			q{SELECT count(*), count(*) FILTER (WHERE e.submitted <> t.score)
			FROM told AS t LEFT JOIN game.score_event AS e USING (message_id) WHERE e.event_id IS NULL}
		),
		'0|0',
		"$when: whatever a client was told has happened");
	is( $node->safe_psql(
			'postgres',
q{SELECT count(*) FROM (SELECT message_id FROM game.score_event GROUP BY 1 HAVING count(*) > 1) AS d}
		),
		'0',
		"$when: nothing has happened twice");
	is( $node->safe_psql(
			'postgres',
			q{SELECT count(*) FROM game.score AS s
			JOIN (SELECT e.board_no, e.player_id, sum(e.submitted) AS total,
				(array_agg(e.new_score ORDER BY e.event_id DESC))[1] AS last
				FROM game.score_event AS e GROUP BY 1, 2) AS e USING (board_no, player_id)
			JOIN game.game AS g USING (board_no)
			WHERE g.operator = 'sum' AND s.score <> e.total OR s.score <> e.last}),
		'0',
		"$when: scores are what the events say");
	is( $node->safe_psql(
			'postgres', q{SELECT count(*) FROM bixarena_check_scores('game')}
		),
		'0',
		"$when: counts and scores agree");
	is( $node->safe_psql(
			'postgres', q{SELECT wrong_ranks('gold') + wrong_ranks('level')}),
		'0',
		"$when: ranks are right");
	return;
}

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

# while it goes on, ranks are right in each snapshot
my @storms = (
	storm('submit', 'SELECT bring(false);', int($sessions * 3 / 4)),
	storm('enqueue', 'SELECT bring(true);', int($sessions / 4)));
my $wrong = 0;
my $looked = 0;
while ($storms[0]->pumpable)
{
	my $found = $node->safe_psql('postgres',
		q{SELECT wrong_ranks('gold') + wrong_ranks('level')});

	$wrong += $found;
	$looked++;
	$storms[0]->pump_nb;
	$storms[0]->reap_nb;
	last if $looked >= 40;
}
$_->finish foreach @storms;
cmp_ok($looked, '>', 0, 'ranks were read meanwhile');
is($wrong, 0, 'and all were right');
wait_for_queue();
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM told'),
	'>', 100, 'messages were brought');
check_all('after a storm');

# what has happened can be followed: by notices, one a call, and in the log of the server
{
	my $listener = $node->background_psql('postgres');

	$listener->query_safe('LISTEN scores');
	$node->safe_psql(
		'postgres', q{
		UPDATE game.scoreboard SET notify_channel = 'scores';
		SELECT count(*) FROM pg_create_logical_replication_slot('events', 'test_decoding');
		SELECT count(*) FROM bixarena_submit_scores('game', '[{"player_id": "p1", "game_id": "gold", "score": 1, "message_id": "n1"},
			{"player_id": "p1", "game_id": "level", "score": 2, "message_id": "n2"},
			{"player_id": "p2", "game_id": "gold", "score": 3, "message_id": "n3"},
			{"player_id": "p2", "game_id": "gold", "score": "bad", "message_id": "n4"}]');
		SELECT count(*) FROM bixarena_submit_scores('game', '[{"player_id": "p1", "game_id": "gold", "score": 1, "message_id": "n1"}]');
		UPDATE game.scoreboard SET notify_channel = NULL});
	my @notices = $listener->query('SELECT 1') =~
	  /Asynchronous notification "scores" with payload "(.*)" received from/g;
	is_deeply(
		\@notices,
		[
'{"games": {"gold": 2, "level": 1}, "messages": 3, "scoreboard": "game"}'
		],
		'a notice for each call that has applied something');
	$listener->quit;
	like(
		$node->safe_psql(
			'postgres',
q{SELECT data FROM pg_logical_slot_get_changes('events', NULL, NULL) WHERE data ~ 'score_event'}
		),
qr/INSERT:.*message_id\[text\]:'n1'.*\n.*INSERT:.*'n2'.*\n.*INSERT:.*'n3'/,
		'events are in the log, in their order');
	$node->safe_psql('postgres',
		q{SELECT pg_drop_replication_slot('events')});
}
$node->safe_psql('postgres',
	q{INSERT INTO told VALUES ('n1', 1), ('n2', 2), ('n3', 3)});

# whatever is in a message, it is applied or it is said why not
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION odd_value(depth integer) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
		SELECT CASE floor(random() * 14)::integer
			WHEN 0 THEN 'null' WHEN 1 THEN 'true' WHEN 2 THEN to_jsonb(repeat('x', (random() * 300)::integer))
			WHEN 3 THEN to_jsonb(random()) WHEN 4 THEN to_jsonb(10::numeric ^ (random() * 140 - 70)::integer)
			WHEN 5 THEN to_jsonb(-(random() * 1e9)::integer) WHEN 6 THEN '"2026-02-31T00:00:00Z"'
			WHEN 7 THEN to_jsonb(chr(1 + (random() * 200)::integer)) WHEN 8 THEN '"p1"' WHEN 9 THEN '"gold"'
			WHEN 10 THEN '[]' WHEN 11 THEN '{}' WHEN 12 THEN to_jsonb(format('%s-01-0%sT0%s:00+0%s', 2020 + (random() * 9)::integer,
				(random() * 9)::integer, (random() * 9)::integer, (random() * 9)::integer))
			ELSE CASE WHEN depth > 0 THEN jsonb_build_array(odd_value(depth - 1)) ELSE '0' END END
	$$;
	CREATE FUNCTION odd_message() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
		SELECT CASE WHEN random() < 0.1 THEN odd_value(2) ELSE (
			SELECT jsonb_object_agg(k, CASE WHEN random() < 0.3 THEN odd_value(2) ELSE CASE k WHEN 'score' THEN to_jsonb((random() * 100)::integer)
				WHEN 'game_id' THEN '"gold"' WHEN 'sent_at' THEN '"2026-01-01T00:00:00.123456789-11:30"' WHEN 'metadata' THEN '{}'
				ELSE to_jsonb('p' || floor(random() * 50)) END END)
			FROM unnest(ARRAY['player_id', 'game_id', 'score', 'message_id', 'sent_at', 'metadata', 'update_type']) AS k
			WHERE random() < 0.9 OR k = 'score') END
	$$;
	SELECT bixarena_create_scoreboard('odd');
	SELECT bixarena_create_game('odd', 'gold', operator => 'sum');});
is( $node->safe_psql(
		'postgres',
		q{SELECT sum(n) FROM (
			SELECT (SELECT count(*) FROM bixarena_submit_scores('odd',
				(SELECT jsonb_agg(odd_message()) FROM generate_series(1, 50) AS m WHERE i > 0))) AS n
			FROM generate_series(1, 60) AS i) AS rejected}
	  ) +
	  $node->safe_psql('postgres', 'SELECT count(*) FROM odd.score_event'),
	3000,
	'odd messages are applied or not, and nothing else happens');
is( $node->safe_psql(
		'postgres', q{SELECT count(*) FROM bixarena_check_scores('odd')}),
	'0',
	'and counts and scores agree');

# workers end when there is nothing left to do
ok( $node->poll_query_until(
		'postgres',
q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'bixarena_rank score worker'}
	),
	'workers end');

# a worker is killed: the server restarts, and nothing is lost
$node->safe_psql('postgres',
	'SELECT bring(true) FROM generate_series(1, 200)');
$node->poll_query_until('postgres',
q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'bixarena_rank score worker'}
) or die 'there is no worker';
my $worker = $node->safe_psql('postgres',
q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'bixarena_rank score worker' LIMIT 1}
);
kill 'KILL', $worker or die "worker $worker cannot be killed";
$node->poll_query_until(
	'postgres',
	"SELECT pg_postmaster_start_time() IS NOT NULL AND NOT EXISTS
		(SELECT FROM pg_stat_activity WHERE pid = $worker)"
) or die 'the server has not come back';
# the next who comes along starts a worker
$node->safe_psql('postgres', 'SELECT bring(true)');
wait_for_queue();
check_all('after a worker was killed');

# standings go with it
my $best =
q{SELECT player_id, value FROM bixarena_standings('game', 'rok', NULL, 'kills')};
$node->safe_psql('postgres',
q{SELECT bixarena_upload_standings('game', 'source=rok/dt=2026-01-26/a.csv', 'id,kills\\0127,1\\0128,2')}
);
is($node->safe_psql('postgres', $best), "8|2\n7|1", 'standings');

# the dump on another server, where the next transaction has a lesser number
command_ok(
	[
		'pg_dump', '--file',
		"$folder/dump", '--dbname',
		$node->connstr('postgres')
	],
	'dump');
$other->init;
$other->start;
command_ok(
	[
		'psql', '--no-psqlrc',
		'--quiet', '--set=ON_ERROR_STOP=1',
		'--file', "$folder/dump",
		'--dbname', $other->connstr('postgres'),
		'--output', "$folder/out"
	],
	'restore');
$node->stop;
$node = $other;
check_all('after a restore');
is($node->safe_psql('postgres', $best), "8|2\n7|1", 'standings there');
$node->safe_psql('postgres',
	'SELECT bring(false) FROM generate_series(1, 30)');
check_all('after the first scores there');
is( $node->safe_psql(
		'postgres', q{SELECT count(*) FROM game.board WHERE generation = 1}),
	'0',
	'boards were counted anew');
$node->stop;
done_testing();
