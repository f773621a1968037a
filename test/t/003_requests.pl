
# 003_requests.pl
#	  Requests: when their worker starts, as whom it works and when it ends;
#	  runs that wait for want of a worker; notices; the quota; progress.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = new_arena(
	'requests',
	leaderboards => 20,
	conf => "log_min_messages = debug1\n");

# Roles that have what making snapshots takes, and no more
foreach my $role ('requester', 'second', 'doomed', 'nologin')
{
	sql($node,
		sprintf(
			q{
		CREATE ROLE %1$s %2$s;
		GRANT USAGE ON SCHEMA arena TO %1$s;
		GRANT SELECT ON ALL TABLES IN SCHEMA arena TO %1$s;
		GRANT INSERT ON arena.leaderboard_snapshot, arena.leaderboard_entry TO %1$s;
		GRANT EXECUTE ON FUNCTION bixarena_request_snapshot TO %1$s;
		GRANT EXECUTE ON PROCEDURE bixarena_process_requests, bixarena_generate_snapshots TO %1$s;
	}, $role, $role eq 'nologin' ? 'NOLOGIN' : 'LOGIN'));
}

# Who writes a snapshot
sql($node, q{
	CREATE TABLE written (snapshot_id uuid, role name, session_role name, backend_type text);
	GRANT INSERT ON written TO PUBLIC;
	CREATE FUNCTION note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.written SELECT NEW.id, current_user, session_user, a.backend_type
		FROM pg_stat_activity AS a WHERE a.pid = pg_backend_pid();
		RETURN NULL;
	END
	$$;
	CREATE TRIGGER note_writer AFTER INSERT ON arena.leaderboard_snapshot
		FOR EACH ROW EXECUTE FUNCTION note_writer();
});

# How many workers the server has started, from its log
sub workers_started
{
	my $log = slurp_file($node->logfile);

	return
	  scalar(() = $log =~
		  /starting background worker process "bixarena_rank worker"/g);
}

sub writer_of
{
	my ($id) = @_;

	return sql($node,
		"SELECT w.role, w.session_role, w.backend_type FROM bixarena.run AS r"
		  . " JOIN written AS w USING (snapshot_id) WHERE r.correlation_id = '$id'"
	);
}

#
# A request is part of its transaction
#

{
	my $session = $node->background_psql('postgres',
		extra_params => [ '-U', 'requester' ]);
	my $id;

	$session->query_safe('BEGIN');
	$id = $session->query_safe(
		q{SELECT bixarena_request_snapshot('overall', triggered_by => 'me')});
	like($id, qr/^[0-9a-f-]{36}$/, 'a request returns a key');
	is_value(
		$node, 'SELECT count(*) FROM bixarena.run',
		0, 'others do not see it before the commit');

	# kept open for a while
	$session->query_safe('SELECT pg_sleep(1.5)');
	is(workers_started(), 0, 'no worker starts before the commit');
	$session->query_safe('COMMIT');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1', 'after the commit it is made');
	is( writer_of($id),
		'requester|requester|bixarena_rank worker',
		'by a worker, as the role that asked');
	is_value($node,
		"SELECT role, trigger_source, triggered_by FROM bixarena.run",
		'requester|api|me', 'the record says who asked');
	wait_for_no_worker($node);
	is(workers_started(), 1, 'one worker was started, and it ends');

	$session->query_safe('BEGIN');
	$session->query_safe(q{SELECT bixarena_request_snapshot('overall')});
	$session->query_safe('ROLLBACK');
	$session->query_safe('BEGIN');
	$session->query_safe('COMMIT');
	is_value(
		$node, 'SELECT count(*) FROM bixarena.run',
		1, 'a request that is rolled back is gone');

	# one that commits next, whose worker would come after the other's
	$id = $session->query_safe(q{SELECT bixarena_request_snapshot('l01')});
	wait_for_run($node, $id);
	wait_for_no_worker($node);
	is(workers_started(), 2, 'and starts no worker');
	is_value($node, 'SELECT count(*) FROM arena.leaderboard_snapshot',
		2, 'nor is it made');
	$session->quit;
}

#
# Joining a run that is queued
#

{
	my $holder = $node->background_psql('postgres');
	my ($first, $second, $third, $waiting, $out, $err);

	$holder->query_safe('BEGIN');
	$holder->query_safe(q{SELECT bixarena_generate_snapshot('overall', 10)});
	$first = request($node, 'overall', 'requester');
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker' AND wait_event_type = 'Lock'});
	run_is($node, $first, 'running 1',
		'a run is taken up while the leaderboard is locked');
	is_value($node, "SELECT bixarena.run_is_abandoned('$first')",
		'f', 'and is not abandoned');
	$second = request($node, 'overall', 'requester');
	isnt($second, $first, 'a request joins no run that is running');
	run_is($node, $second, 'queued 0', 'but is queued');
	is(request($node, 'overall', 'requester'),
		$second, 'the next joins the queued one');
	$third = request($node, 'overall', 'second');
	isnt($third, $second, "another role's does not");
	isnt(request($node, 'l01', 'requester'),
		$second, "another leaderboard's does not");
	$holder->query_safe('COMMIT');
	wait_for_run($node, $first, $second, $third);
	run_is($node, $first, 'succeeded 1',
		'the first is made when the lock is free');
	run_is($node, $second, 'succeeded 1', 'then the second');
	is( writer_of($second),
		'requester|requester|bixarena_rank worker',
		'as the role that queued it');
	is( writer_of($third),
		'second|second|bixarena_rank worker',
		'each role its own');

	# one whose transaction has not ended is waited for
	$holder->query_safe('SET ROLE requester');
	foreach my $end ('COMMIT', 'ROLLBACK')
	{
		foreach my $source ('api', 'manual')
		{
			wait_for_no_worker($node);
			$holder->query_safe('BEGIN');
			$first = $holder->query_safe(
"SELECT bixarena_request_snapshot('l02', trigger_source => '$source')"
			);
			$waiting = start_sql(
				$node,
				[
"SELECT bixarena_request_snapshot('l02', trigger_source => '$source')"
				],
				'requester');
			wait_until(
				$node, q{SELECT count(*) = 1 FROM pg_stat_activity
				WHERE usename = 'requester' AND wait_event_type = 'Lock'});
			$holder->query_safe($end);
			($out, $err) = finish_sql($waiting);
			chomp $out;
			like($out, qr/^[0-9a-f-]{36}$/,
				"$source, $end: the request that waited is answered");
			is( $out eq $first ? 1 : 0,
				$end eq 'COMMIT' ? 1 : 0,
				"$source, $end: with the same run, or one of its own");
			wait_for_run($node, $out);
			run_is($node, $out, 'succeeded 1', "$source, $end: and made");
			is_value(
				$node,
"SELECT count(*) FROM bixarena.run WHERE correlation_id = '$first'",
				$end eq 'COMMIT' ? 1 : 0,
				"$source, $end: the other is as its transaction");
		}
	}
	$holder->quit;
	wait_for_no_worker($node);
}

#
# A leaderboard queued by an open transaction is joined once that commits
#

{
	my $holder = $node->background_psql('postgres');
	my ($id, $joining, $out, $err);

	# a worker that is held up keeps the run queued when it is committed
	close_gate($node, 'reading');
	request($node, 'l03', 'requester');
	wait_until($node,
		q{SELECT count(*) = 1 FROM bixarena.run WHERE status = 'running'});
	$holder->query_safe('SET ROLE requester');
	$holder->query_safe('BEGIN');
	$id = $holder->query_safe(q{SELECT bixarena_request_snapshot('l04')});
	$joining = start_sql($node, [q{SELECT bixarena_request_snapshot('l04')}],
		'requester');
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE usename = 'requester' AND wait_event_type = 'Lock'});
	$holder->query_safe('COMMIT');
	($out, $err) = finish_sql($joining);
	is($out, "$id\n", 'who waited for the transaction joins its run');
	open_gate($node);
	$holder->quit;
	wait_for_run($node, $id);
	wait_for_no_worker($node);
}

#
# No slot for a worker
#

{
	my ($id, $other, $third, $doomed);

	$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
	$node->restart;
	$id = request($node, 'overall', 'requester');
	run_is($node, $id, 'queued 0',
		'without a slot for a worker a run stays queued');
	sql($node, 'CALL bixarena_process_requests()', 'second');
	run_is($node, $id, 'queued 0', 'nobody makes the runs of another role');
	sql($node, 'CALL bixarena_process_requests()', 'requester');
	run_is($node, $id, 'succeeded 1', 'process_requests makes it');
	is( writer_of($id),
		'requester|requester|client backend',
		'in its own session');

	$id = request($node, 'l01', 'requester');
	sql($node, q{CALL bixarena_generate_snapshots(leaderboard_id => 'l02')},
		'requester');
	run_is($node, $id, 'succeeded 1', 'generate_snapshots does too');
	is_value(
		$node, q{SELECT leaderboard, status FROM bixarena.run
		WHERE role = 'requester' ORDER BY requested_at DESC LIMIT 1},
		'l02|succeeded', 'besides its own');

	# a role that is dropped
	$doomed = request($node, 'l05', 'doomed');
	sql($node, 'DROP OWNED BY doomed; DROP ROLE doomed');
	sql($node, 'CALL bixarena_process_requests()');
	run_is(
		$node, $doomed,
		'failed 0 42704',
		'the run of a role that is gone has failed');
	is_value(
		$node,
"SELECT error_message FROM bixarena.run WHERE correlation_id = '$doomed'",
		'role "doomed" does not exist any more',
		'and says so');

	# nobody looks at these until somebody asks again
	$id = request($node, 'l06', 'requester');
	$other = request($node, 'l07', 'second');
	$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
	$node->restart;
	run_is($node, $id, 'queued 0', 'a run outlives a restart');
	$third = request($node, 'l08', 'requester');
	wait_for_run($node, $id, $other, $third);
	run_is($node, $_, 'succeeded 1',
		'the next request wakes the workers of all')
	  foreach ($id, $other, $third);
	is(writer_of($id), 'requester|requester|bixarena_rank worker', 'its own');
	is( writer_of($other),
		'second|second|bixarena_rank worker',
		"and the other role's");
	wait_for_no_worker($node);
}

#
# A role that cannot log in
#

if ($node->pg_version < 17)
{
	my ($state, $message) =
	  sql_state_of($node,
		q{SET ROLE nologin; SELECT bixarena_request_snapshot('overall')});

	is($state, '28000', 'a role that cannot log in is refused');
	like($message, qr/ALTER ROLE nologin LOGIN/, 'with a hint');
	is_value($node,
		q{SELECT count(*) FROM bixarena.run WHERE role = 'nologin'},
		0, 'nothing is queued');
}
else
{
	my $id = sql($node,
		q{SET ROLE nologin; SELECT bixarena_request_snapshot('overall')});

	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1',
		'a role that cannot log in has its run');
	is( writer_of($id),
		'nologin|nologin|bixarena_rank worker',
		'made as that role');
	wait_for_no_worker($node);
}

#
# Notices
#

# Poll the listening session until so many notices have come.  Each as text.
sub collect_notices
{
	my ($listener, $number) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
	my @notices;

	while (@notices < $number && time < $deadline)
	{
		my $output = $listener->query('SELECT pg_sleep(0.05)');

		push @notices, $output =~
/^Asynchronous notification "bixarena_rank" with payload "(.*)" received from server process with PID \d+\.$/mg;
	}
	return @notices;
}

{
	my $listener = $node->background_psql('postgres');
	my $json = JSON::PP->new->utf8;
	my (@notices, @ids, %by_id, $text, $told);

	$listener->query_safe('LISTEN bixarena_rank');
	sql($node,
q{SELECT bixarena_configure('enabled', 'false', leaderboard_id => 'l09')}
	);

	# one at a time: what a notice names is there when it comes
	foreach my $leaderboard ('overall', 'l01')
	{
		my $id = request($node, $leaderboard, 'requester');
		my ($notice) = collect_notices($listener, 1);
		my $told = $json->decode($notice // '{}');

		push @notices, $notice // '{}';
		push @ids, $id;
		is($told->{correlation_id},
			$id, "$leaderboard: a notice of the run comes");
		is( $listener->query_safe(
				"SELECT count(*), min(e.n)
			FROM arena.leaderboard_snapshot AS s, (SELECT count(*) AS n
				FROM arena.leaderboard_entry WHERE snapshot_id = '$told->{snapshot_id}') AS e
			WHERE s.id = '$told->{snapshot_id}'"),
			'1|6',
			"$leaderboard: the snapshot that it names is there");
	}

	# several at once, with one that is skipped in the worker: it is paused later
	close_gate($node, 'reading');
	push @ids,
	  map { request($node, $_, 'requester') } ('l02', 'l03', 'l04', 'l05');
	sql($node,
q{SELECT bixarena_configure('enabled', 'false', leaderboard_id => 'l05')}
	);
	open_gate($node);
	push @notices, collect_notices($listener, 4);
	wait_for_no_worker($node);

	# a failure that says more than a notice can
	sql($node, q{
		CREATE FUNCTION ramble() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION '%', repeat('"' || chr(10) || 'ä€', 5000);
		END
		$$;
		CREATE TRIGGER ramble BEFORE INSERT ON arena.leaderboard_entry
			FOR EACH ROW EXECUTE FUNCTION ramble();
	});
	push @ids, request($node, 'l06', 'requester');
	push @notices, collect_notices($listener, 1);
	sql($node, 'DROP FUNCTION ramble CASCADE');
	$text = $notices[-1];
	cmp_ok(length($text), '<', 8000, 'the notice of a long failure fits');
	cmp_ok(length($text), '>', 2000, 'and uses the room there is');
	is_value(
		$node, "SELECT length(error_message) FROM bixarena.run
		WHERE correlation_id = '$ids[-1]'", 20000, 'the record has all of it');

	# none comes later: a notice of our own is behind all that went out
	wait_for_no_worker($node);
	sql($node,
		q{SELECT pg_notify('bixarena_rank', '{"correlation_id": "end"}')});
	push @notices, collect_notices($listener, 1);
	is(scalar @notices, @ids + 1, 'one notice for each run');

	foreach my $notice (@notices)
	{
		my $told = eval { $json->decode($notice) };

		ok($told, 'a notice is JSON') or diag($notice);
		$by_id{ $told->{correlation_id} } = $told;
	}
	ok(delete $by_id{end}, 'our own notice came last');
	is_deeply([ sort keys %by_id ], [ sort @ids ], 'they are of these runs');

	# each says what is on record
	foreach my $id (@ids)
	{
		my $told = $by_id{$id};
		my $recorded = $json->decode(
			sql($node, qq{
			SELECT json_build_object('status', status, 'trigger_source', trigger_source,
				'triggered_by', triggered_by, 'correlation_id', correlation_id, 'arena', arena,
				'leaderboard_id', leaderboard, 'snapshot_id', snapshot_id,
				'snapshot_identifier', snapshot_identifier, 'entry_count', coalesce(entry_count, 0),
				'evaluation_count', coalesce(evaluation_count, 0), 'timestamp', ended_at,
				'reason', skip_reason, 'sqlstate', error_sqlstate, 'error', error_message,
				'call_id', call_id,
				'duration_seconds', round(extract(epoch FROM ended_at - started_at), 6))
			FROM bixarena.run WHERE correlation_id = '$id'}));
		my $begins = defined $told->{error} ? length $told->{error} : 0;

		$recorded->{error} = substr($recorded->{error}, 0, $begins)
		  if $begins;
		cmp_ok(
			abs(delete($told->{duration_seconds}) -
				  delete($recorded->{duration_seconds})),
			'<', 2e-6,
			"$told->{leaderboard_id}: duration");
		is_deeply($told, $recorded,
			"$told->{leaderboard_id}: the notice says what is on record");
	}
	is( join(' ', map { $by_id{$_}{status} } @ids),
		'succeeded succeeded succeeded succeeded succeeded skipped failed',
		'how they ended');
	is( $by_id{ $ids[5] }{reason},
		'paused by the setting enabled',
		'a skipped one says why');
	is($by_id{ $ids[6] }{sqlstate}, 'P0001', 'a failed one has its SQLSTATE');
	cmp_ok(length($by_id{ $ids[6] }{error}),
		'>', 500, 'and begins with what was said');

	# a call with more failed leaderboards than a notice has room for, whose names
	# are twice as long in JSON
	sql($node, q{
		SELECT bixarena_configure('notify_runs', 'none');
		ALTER TABLE arena.leaderboard ALTER slug TYPE text;
		INSERT INTO arena.leaderboard (slug, name)
		SELECT repeat('"', 1990) || n, 'long' FROM generate_series(1, 4) AS n;
		ALTER VIEW arena.leaderboard_battle RENAME TO whole_battle;
		CREATE VIEW arena.leaderboard_battle AS
		SELECT * FROM arena.whole_battle WHERE (SELECT 1 / (0 * random())::int = 1);
	});
	$node->psql('postgres', 'CALL bixarena_generate_snapshots()');
	($text) = collect_notices($listener, 1);
	$told = $json->decode($text // '{}');
	cmp_ok(length($text // ''), '<', 8000, 'the notice of a call fits');
	cmp_ok(length($text // ''), '>', 2000, 'and uses the room there is');
	cmp_ok($told->{failed_count} // 0, '>', 4,
		'it says how many have failed');
	sql($node, q{
		DROP VIEW arena.leaderboard_battle;
		ALTER VIEW arena.whole_battle RENAME TO leaderboard_battle;
		DELETE FROM arena.leaderboard WHERE name = 'long';
		SELECT bixarena_configure('notify_runs', NULL);
	});
	$listener->quit;
}

#
# The quota
#

{
	my ($state, $message, $next);

	sql($node, 'TRUNCATE bixarena.run');
	sql($node, q{
		SELECT bixarena_configure('requests_per_day', '5');
		SELECT bixarena_configure('enabled', 'false', leaderboard_id => slug)
		FROM arena.leaderboard WHERE slug <> 'overall'});
	($state, $message) =
	  sql_state_of($node, q{SELECT bixarena_request_snapshot('l01')},
		'requester');
	is($state, '55000', 'a paused leaderboard is refused');
	close_gate($node, 'reading');
	request($node, 'overall', 'requester');
	wait_until($node,
		q{SELECT count(*) = 1 FROM bixarena.run WHERE status = 'running'});
	# this is queued, joined, and counted once
	request($node, 'overall', 'requester') foreach 1 .. 3;
	is_value($node, q{SELECT count(*) FROM bixarena.run},
		2, 'joining makes no run');
	open_gate($node);
	wait_until($node,
		q{SELECT count(*) = 2 FROM bixarena.run WHERE status = 'succeeded'});
	foreach (3 .. 5)
	{
		wait_for_run($node, request($node, 'overall', 'requester'));
	}
	is_value(
		$node, q{SELECT count(*) FROM bixarena.run},
		5, 'refused and joined requests do not count');
	($state, $message) =
	  sql_state_of($node, q{SELECT bixarena_request_snapshot('overall')},
		'requester');
	is($state, '53400', 'the sixth request is refused');
	($next) = $message =~ /HINT:  The next is allowed at (.*?)\. The setting/;
	ok($next, 'it says when the next is allowed') or diag($message);
	$next //= '-infinity';
	is_value(
		$node,
"SELECT min(requested_at) + interval '24 hours' = '$next' FROM bixarena.run",
		't',
		'24 hours after the first');
	is_value($node, q{SELECT count(*) FROM bixarena.run},
		5, 'and leaves nothing');
	sql($node,
q{SELECT bixarena_request_snapshot('overall', trigger_source => 'manual')},
		'requester');
	is_value(
		$node, q{SELECT count(*) FROM bixarena.run},
		6, 'other sources are not limited');
	wait_for_no_worker($node);

	# once the first is a day old the next is allowed, and only one
	sql($node,
q{UPDATE bixarena.run SET requested_at = requested_at - interval '24 hours'
		WHERE requested_at = (SELECT min(requested_at) FROM bixarena.run)});
	wait_for_run($node, request($node, 'overall', 'requester'));
	($state) =
	  sql_state_of($node, q{SELECT bixarena_request_snapshot('overall')},
		'requester');
	is($state, '53400', 'the quota is that of the past 24 hours');
	wait_for_no_worker($node);
	sql($node, q{SELECT bixarena_configure('requests_per_day', '0')});
	($state) =
	  sql_state_of($node, q{SELECT bixarena_request_snapshot('overall')},
		'requester');
	is($state, '53400', 'a quota of 0 refuses all');
	sql($node, q{SELECT bixarena_configure('requests_per_day', '100000')});
}

#
# Progress
#

{
	my $id;
	my $activity =
q{SELECT query FROM pg_stat_activity WHERE backend_type = 'bixarena_rank worker'};

	sql($node, q{
		SELECT bixarena_simulate_battles(20000, 60, seed => 5);
		SELECT bixarena_configure('num_bootstrap', '10000')});
	close_gate($node, 'reading');
	close_gate($node, 'writing');
	$id = request($node, 'overall', 'requester');
	wait_until($node,
		"($activity) = 'bixarena_rank: overall: reading battles'");
	sql($node, q{DELETE FROM gate WHERE phase = 'reading'});
	wait_until($node,
		"($activity) ~ '^bixarena_rank: overall: bootstrap [0-9]+/10000\$'");
	pass('a worker shows how far it is');
	wait_until($node, "($activity) = 'bixarena_rank: overall: writing'");
	pass('and what it does');
	open_gate($node);
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1', 'it is made');
	wait_for_no_worker($node);
}

$node->stop;
done_testing();
