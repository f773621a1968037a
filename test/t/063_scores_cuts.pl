
# 063_scores_cuts.pl
#	  Scoreboards whose server is killed: the process that is at work dies in each
#	  single phase of a worker's batch, of a call that submits or enqueues messages, of
#	  an upload and of a folder's ingestion.  What a client was told has happened, once;
#	  what he brings again, since he was told nothing, counts once.

use strict;
use warnings;

use Cwd        qw(abs_path);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('cuts');
my $folder = abs_path(PostgreSQL::Test::Utils::tempdir);
my $brought = 0;

$node->init;
$node->append_conf('postgresql.conf',
	"restart_after_crash = on\njit = off\nautovacuum = off\n");
$node->start;
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_scoreboard('game');
	SELECT bixarena_create_game('game', 'gold', operator => 'sum');
	UPDATE game.scoreboard SET workers = 1, retry_seconds = 0, max_attempts = 2;
	CREATE TABLE gate (place text, leaderboard text);
	-- who has written a table stays at it if its gate is closed
	CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		WHILE EXISTS (SELECT FROM public.gate AS g WHERE g.place = TG_ARGV[0]) LOOP
			PERFORM pg_sleep(0.1);
		END LOOP;
		RETURN NULL;
	END
	$$;
	DO $$
	DECLARE
		place record;
	BEGIN
		FOR place IN SELECT t, e
			FROM unnest('{player,score,score_event,rank_node,rank_count,rank_fold,message,queue,dead_letter,upload,upload_content,upload_file,standing,standing_order}'::text[]) AS t,
				unnest('{INSERT,UPDATE,DELETE}'::text[]) AS e
		LOOP
			EXECUTE format('CREATE TRIGGER %I AFTER %s ON game.%I EXECUTE FUNCTION gate(%L)', 'gate_' || place.e, place.e, place.t,
				place.t || ' ' || place.e);
		END LOOP;
		-- all is written, and about to be committed
		FOR place IN SELECT unnest('{score_event,message,upload_content}'::text[]) AS t LOOP
			EXECUTE format('CREATE CONSTRAINT TRIGGER gate_commit AFTER INSERT ON game.%I DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION gate(%L)', place.t, place.t || ' commit');
		END LOOP;
	END
	$$;
	-- messages that are bad once and for all, and such that might pass
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.player_id ~ '^bad' THEN
			RAISE EXCEPTION 'never' USING ERRCODE = 'data_exception';
		ELSIF NEW.player_id ~ '^slow' THEN
			RAISE EXCEPTION 'not now';
		END IF;
		RETURN NEW;
	END
	$$;
	CREATE TRIGGER refuse BEFORE INSERT ON game.score FOR EACH ROW EXECUTE FUNCTION refuse();
	-- the messages that a client brings in a turn: of players that are there and of others
	CREATE FUNCTION messages(turn integer) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_agg(jsonb_build_object('message_id', format('%s %s', turn, i), 'game_id', 'gold', 'score', turn * 1000 + i,
			'player_id', CASE WHEN i = 17 THEN format('bad %s', turn) WHEN i = 18 THEN format('slow %s', turn)
				WHEN i % 2 = 0 THEN format('old %s', i) ELSE format('new %s %s', turn, i) END) ORDER BY i)
		FROM generate_series(1, 400) AS i
	$$;
	CREATE FUNCTION file(turn integer) RETURNS bytea LANGUAGE sql AS $$
		SELECT convert_to(E'id,name,a,b\n' || string_agg(format('%s,n%s,%s,%s', i, i, i * turn, i % 7), E'\n'), 'UTF8')
		FROM generate_series(1, 1000) AS i
	$$});

# Begin statements, kill who is at them (or the worker that they wake) when he has come
# to a place, and wait until the server is back.  Returns what the session had said.
sub cut
{
	my ($place, $statement, $who) = @_;
	my ($holder, $where, $session, $pid, $out);

	# nobody folds events so few as soon after the last time
	wait_until(
		$node,
q{SELECT clock_timestamp() - max(folded_at) > '0.2 s' FROM game.rank_fold},
		'a fold is due') if $place =~ /^rank_/;
	if ($place =~ /^locked (.*)/)
	{
		$holder = $node->background_psql('postgres', on_error_die => 0);
		$holder->query('BEGIN');
		$holder->query("LOCK TABLE game.$1 IN ACCESS EXCLUSIVE MODE");
		$where = q{wait_event_type = 'Lock'};
	}
	else
	{
		close_gate($node, $place) if $place ne 'idle';
		$where = $place eq 'idle' ? 'true' : q{wait_event = 'PgSleep'};
	}
	$where .=
	  $who eq 'worker'
	  ? q{ AND backend_type = 'bixarena_rank score worker'}
	  : q{ AND query ~ 'cut here'};
	$session = start_sql($node, ["/* cut here */ $statement"]);
	if ($who eq 'worker')
	{
		($out) = finish_sql($session);
	}
	wait_until(
		$node,
"SELECT count(*) > 0 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND $where",
		"$who comes to $place");
	if ($place eq 'idle')
	{
		wait_until($node, 'SELECT count(*) = 0 FROM game.queue');
	}
	$pid = sql($node,
"SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND $where LIMIT 1"
	);
	kill_process($node, $pid);
	if ($who ne 'worker')
	{
		eval { ($out) = finish_sql($session) };
		$out = $session->{out};
	}
	eval { $holder->{run}->finish } if $holder;
	open_gate($node);
	return $out;
}

# All messages of all turns so far have been applied once, or are dead, and the sums are
# those of them
sub check_scores
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value(
		$node, qq{
		WITH told AS (
			SELECT m ->> 'message_id' AS message_id, m ->> 'player_id' AS player_id, (m ->> 'score')::numeric AS score
			FROM generate_series(1, $brought) AS t, jsonb_array_elements(messages(t)) AS m
		), good AS (SELECT * FROM told WHERE player_id !~ '^(bad|slow)')
		SELECT concat_ws(' ',
			(SELECT count(*) FROM good),
			(SELECT count(*) FROM good JOIN game.score_event USING (message_id)),
			(SELECT count(DISTINCT message_id) FROM game.score_event),
			(SELECT count(*) FROM (SELECT player_id, sum(score) AS total FROM good GROUP BY 1) AS g
				FULL JOIN game.score AS s USING (player_id) WHERE g.total IS DISTINCT FROM s.score),
			(SELECT count(*) FROM told LEFT JOIN game.dead_letter USING (message_id)
				WHERE player_id ~ '^(bad|slow)' AND (dead_letter_id IS NULL OR arrivals <> 1)),
			(SELECT count(*) FROM bixarena_check_scores('game')))},
		join(' ', ($brought * 398) x 3, 0, 0, 0), $name);
	return;
}

sub work
{
	sql($node, q{CALL bixarena_process_scores('game')});
	wait_until(
		$node,
		'SELECT count(*) = 0 FROM game.queue',
		'the queue is emptied');
	return;
}

# Nobody is at work, so that the next worker is one of the next call
sub wait_for_no_score_worker
{
	wait_until(
		$node, q{SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank score worker'});
	return;
}

#
# A worker
#

foreach my $place (
	'locked queue_lane',
	'locked score',
	'score UPDATE',
	'player INSERT',
	'score INSERT',
	'score_event INSERT',
	'dead_letter INSERT',
	'message DELETE',
	'queue UPDATE',
	'queue DELETE',
	'rank_count UPDATE',
	'rank_node INSERT',
	'rank_fold UPDATE',
	'score_event commit',
	'idle')
{
	wait_for_no_score_worker();
	$brought++;
	is( cut($place,
"SELECT count(*) FROM bixarena_enqueue_scores('game', messages($brought))",
			'worker'),
		"0\n",
		"$place: a client is told that all are taken");
	work();
	check_scores("a worker is killed: $place");
}

#
# A call: who was told nothing brings his messages again
#

foreach my $place (
	'message INSERT',
	'score INSERT',
	'score_event INSERT',
	'dead_letter INSERT',
	'queue INSERT',
	'rank_node INSERT',
	'rank_fold UPDATE',
	'score_event commit')
{
	$brought++;
	my $call =
"SELECT count(*) FROM bixarena_submit_scores('game', messages($brought))";

	is(cut($place, $call, 'client'), '', "$place: a client is told nothing");
	# two are bad, or may pass
	is_value($node, $call, 2, "$place: and brings all again");
	work();
	check_scores("a call that submits is killed: $place");
}
foreach my $place ('message INSERT', 'queue INSERT', 'message commit')
{
	$brought++;
	my $call =
"SELECT count(*) FROM bixarena_enqueue_scores('game', messages($brought))";

	is(cut($place, $call, 'client'),
		'', "$place: a client that enqueues is told nothing");
	is_value($node, $call, 0, "$place: and brings all again");
	work();
	check_scores("a call that enqueues is killed: $place");
}

#
# An upload
#

sub check_uploads
{
	my ($uploads, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value(
		$node,
		q{SELECT concat_ws(' ', count(*), count(version), sum(num_rows),
			(SELECT count(*) FROM game.upload_content), (SELECT count(*) FROM game.standing),
			(SELECT count(*) FROM game.standing_order), (SELECT count(DISTINCT run_no) FROM game.standing)) FROM game.upload},
		join(' ',
			$uploads, $uploads, 1000 * $uploads, $uploads,
			1000 * $uploads, 6 * $uploads, $uploads),
		$name);
	return;
}

my $uploads = 0;
foreach my $place (
	'locked upload_column',
	'locked standing',
	'standing_order INSERT',
	'standing INSERT',
	'upload INSERT',
	'upload_content INSERT',
	'upload_content commit')
{
	my $call = sprintf(
q{SELECT status, version FROM bixarena_upload_standings('game', 'source=rok/dt=2026-01-01/a.csv', file(%d))},
		$uploads + 1);

	is(cut($place, $call, 'client'), '', "$place: a client is told nothing");
	check_uploads($uploads, "an upload is killed: $place")
	  if $uploads > 0;
	$uploads++;
	is_value($node, $call, "accepted|$uploads",
		"$place: and uploads it again");
	check_uploads($uploads, "$place: it is there once");
}

# a folder, of which one file was kept before
foreach my $day (1, 2)
{
	my $path = "$folder/inbox/source=folder/dt=2026-01-0$day";

	make_path($path);
	append_to_file("$path/a.csv",
		sql($node, "SELECT convert_from(file(1), 'UTF8')") . "\n");
}
foreach my $place ('upload_file INSERT', 'upload_content commit')
{
	is( cut($place, "CALL bixarena_ingest_folder('game', '$folder')",
			'client'),
		'',
		"$place: an ingestion is killed");
	check_uploads($uploads, "$place: nothing of its file is kept");
}
sql($node, "CALL bixarena_ingest_folder('game', '$folder')");
$uploads += 2;
check_uploads($uploads, 'the next ingestion has both files');
sql($node, "CALL bixarena_ingest_folder('game', '$folder')");
check_uploads($uploads, 'and the one after it none');

$node->stop;
done_testing();
