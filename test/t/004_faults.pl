
# 004_faults.pl
#	  Processes that are killed, terminated or cancelled, and servers that stop,
#	  in the midst of a run: nothing is half written, and what was left is made
#	  up for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

# PostgreSQL::Test::Cluster turns restart_after_crash off
my $node = new_arena(
	'faults',
	models => 200,
	battles => 40000,
	leaderboards => 4,
	conf => "restart_after_crash = on\n");
my @leaderboards = ('l01', 'l02', 'l03', 'l04', 'overall');

sub configure
{
	my ($setting, $value) = @_;

	sql($node, "SELECT bixarena_configure('$setting', '$value')");
}

configure('retry_seconds', 0);

sub is_consistent
{
	my ($snapshots, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	snapshots_are($node, $snapshots, $name);
}

# Make a phase last
sub prolong
{
	my ($phase) = @_;

	if ($phase eq 'bootstrap')
	{
		configure('num_bootstrap', 10000);
	}
	else
	{
		close_gate($node, $phase);
	}
}

sub prolong_no_more
{
	configure('num_bootstrap', 10);
	open_gate($node);
}

# Request a snapshot and wait until its worker is in a phase that lasts.
# Returns the run's key and the worker.
sub request_until
{
	my ($phase) = @_;
	my %shown = (
		reading => 'reading battles',
		bootstrap => 'bootstrap [0-9]+',
		writing => 'writing');
	my $id;

	prolong($phase);
	$id = request($node, 'overall');
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker' AND query ~ '^bixarena_rank: overall: }
		  . $shown{$phase} . q{'}, "a worker is in phase $phase");
	return ($id, worker_pid($node));
}

# Wait until nobody is at the run
sub wait_until_abandoned
{
	my ($id) = @_;

	wait_until($node, "bixarena.run_is_abandoned('$id')");
}

my @phases = ('reading', 'bootstrap', 'writing');

#
# A worker that is killed or terminated
#

foreach my $signal ('kill', 'terminate')
{
	foreach my $phase (@phases)
	{
		my $name = "$signal in $phase";
		my ($id, $pid, $start);

		start_afresh($node);
		wait_for_run($node, request($node, 'l01'));
		wait_for_no_worker($node);
		($id, $pid) = request_until($phase);
		is_value(
			$node, "SELECT bixarena.run_is_abandoned('$id')",
			'f', "$name: a worker is at the run");
		if ($signal eq 'kill')
		{
			kill_process($node, $pid);
		}
		else
		{
			end_launcher($node);
			sql($node, "SELECT pg_terminate_backend($pid)");
		}
		wait_until_abandoned($id);
		run_is($node, $id, 'running 1', "$name: the run is left as running");
		is_consistent(1, "$name, abandoned");
		prolong_no_more();
		wait_for_no_worker($node);
		sql($node, 'CALL bixarena_process_requests()');
		run_is($node, $id, 'succeeded 2',
			"$name: it is made in a second attempt");
		is_consistent(2, "$name, made up for");
		sql($node, 'CALL bixarena_process_requests()');
		is_consistent(2, "$name, nothing left");
	}
}

#
# A worker that is cancelled goes on with the next run
#

foreach my $phase (@phases)
{
	my ($id, $pid, $next);

	start_afresh($node);
	($id, $pid) = request_until($phase);
	$next = request($node, 'l02');
	prolong_no_more() if $phase eq 'bootstrap';
	sql($node, "SELECT pg_cancel_backend($pid)");
	wait_for_run($node, $id);
	run_is(
		$node, $id,
		'failed 1 57014',
		"cancel of the worker in $phase: the run has failed");
	prolong_no_more();
	wait_for_run($node, $next);
	run_is($node, $next, 'succeeded 1',
		"cancel of the worker in $phase: the next is made");
	is_consistent(1, "cancel of the worker in $phase");
}

#
# Abandoned in the last attempt
#

{
	my ($id, $pid);

	start_afresh($node);
	configure('max_attempts', 1);
	($id, $pid) = request_until('writing');
	end_launcher($node);
	sql($node, "SELECT pg_terminate_backend($pid)");
	wait_until_abandoned($id);
	prolong_no_more();
	sql($node, 'CALL bixarena_process_requests()');
	run_is(
		$node, $id,
		'failed 1 57P02',
		'abandoned in the last attempt: failed for good');
	is_consistent(0, 'abandoned in the last attempt');
	configure('max_attempts', 3);
}

#
# The server stops in the midst of many runs
#

{
	my $session;
	my $abandoned;

	start_afresh($node);
	close_gate($node, 'writing', 'l03');
	$session = start_sql($node, ['CALL bixarena_generate_snapshots()']);
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE query ~ '^CALL' AND wait_event = 'PgSleep'});
	$node->stop('immediate');
	finish_sql($session);
	$node->start;
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, attempts), ', '
			ORDER BY leaderboard) FROM bixarena.run},
'l01 succeeded 1, l02 succeeded 1, l03 running 1, l04 running 0, overall running 0',
'the server stopped: what was committed stays, one is left, and those that it had not begun'
	);
	is_consistent(2, 'the server stopped');
	$abandoned = sql($node,
q{SELECT correlation_id FROM bixarena.run WHERE status = 'running' AND attempts = 1}
	);
	is_value(
		$node,
q{SELECT bool_and(bixarena.run_is_abandoned(correlation_id)) FROM bixarena.run WHERE status = 'running'},
		't',
		'the server stopped: nobody is at them');
	open_gate($node);
	sql($node, 'CALL bixarena_generate_snapshots()');
	run_is($node, $abandoned, 'succeeded 2', 'the next call makes it');
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, number), ', ' ORDER BY leaderboard)
		FROM (SELECT leaderboard, count(*) AS number FROM bixarena.run
			WHERE status = 'succeeded' GROUP BY 1) AS r},
		'l01 2, l02 2, l03 2, l04 1, overall 1', 'and all others');
	is_consistent(8, 'made up for');
}

#
# Two calls at once
#

{
	my ($one, $other, $out, $err, $code);

	start_afresh($node);
	close_gate($node, 'writing', 'l01');
	$one =
	  start_sql($node, [ 'CALL bixarena_generate_snapshots()', 'SELECT 1' ]);
	$other =
	  start_sql($node, [ 'CALL bixarena_generate_snapshots()', 'SELECT 1' ]);
	wait_until(
		$node, q{SELECT count(*) FILTER (WHERE wait_event = 'PgSleep') = 1
			AND count(*) FILTER (WHERE wait_event_type = 'Lock') = 1
		FROM pg_stat_activity WHERE query ~ '^CALL'}, 'one call waits for the other'
	);
	open_gate($node);
	foreach my $session ($one, $other)
	{
		($out, $err) = finish_sql($session);
		is("$out$err", "1\n", 'two calls at once: no error');
	}
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, number, attempts), ', ' ORDER BY leaderboard)
		FROM (SELECT leaderboard, count(*) AS number, max(attempts) AS attempts FROM bixarena.run
			WHERE status = 'succeeded' GROUP BY 1) AS r},
		'l01 2 1, l02 2 1, l03 2 1, l04 2 1, overall 2 1',
		'two calls at once: each makes all');
	is_consistent(10, 'two calls at once');
}

#
# A call that is cancelled
#

# Cancel a CALL once it is where it is to be, and look at what it leaves
sub cancel_call
{
	my ($name, $call, $phase, %left) = @_;
	my ($session, $out, $err);

	start_afresh($node);
	# it is by its progress that the bootstrap is seen
	$session = start_sql(
		$node,
		[
			'SET bixarena_rank.progress = on',
			$call,
q{SELECT 'locks', count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()}
		]);
	if ($phase eq 'bootstrap')
	{
		pump_sql($session, qr/: bootstrap \d+\/10000/);
	}
	else
	{
		wait_until(
			$node, q{SELECT count(*) = 1 FROM pg_stat_activity
			WHERE query ~ '^CALL' AND wait_event = 'PgSleep'}, "$name: $phase");
	}
	is_value(
		$node,
q{SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query ~ '^CALL'},
		1,
		"$name: cancelled");
	# a call that takes no notice has the gate opened after a while
	wait_until(
		$node,
qq{SELECT count(*) = 0 OR bool_or(query_start < now() - interval '15 s')
		FROM pg_stat_activity WHERE query ~ '^CALL' AND state = 'active'});
	prolong_no_more();
	($out, $err) = finish_sql($session);
	like($err, qr/^ERROR:  57014: /m, "$name: the call ends as cancelled");
	is($out, "locks|0\n", "$name: it leaves no lock");
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, attempts, error_sqlstate), ', '
			ORDER BY leaderboard) FROM bixarena.run}, $left{runs},
		"$name: what is on record");
	is_consistent($left{snapshots}, $name);
}

foreach my $phase (@phases)
{
	prolong($phase);
	cancel_call(
		"cancel in $phase",
		q{CALL bixarena_generate_snapshots(leaderboard_id => 'overall')},
		$phase,
		runs => 'overall failed 1 57014',
		snapshots => 0);
}
close_gate($node, 'writing', 'l03');
cancel_call(
	'cancel among many', 'CALL bixarena_generate_snapshots()', 'writing',
	runs =>
'l01 succeeded 1, l02 succeeded 1, l03 failed 1 57014, l04 failed 0 57014, overall failed 0 57014',
	snapshots => 2);

# the grouped reading comes before any run begins
prolong('reading');
cancel_call(
	'cancel in reading all', 'CALL bixarena_generate_snapshots()', 'reading',
	runs => join(', ', map { "$_ failed 0 57014" } @leaderboards),
	snapshots => 0);

#
# A commit that fails, for a constraint that is checked then
#

{
	my ($session, $first, $second, $state, $message);

	start_afresh($node);
	sql($node, q{
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.leaderboard_id = (SELECT id FROM arena.leaderboard WHERE slug = 'l02') THEN
				RAISE EXCEPTION 'too late';
			END IF;
			RETURN NULL;
		END
		$$;
		CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON arena.leaderboard_snapshot
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()});
	($state, $message) =
	  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
	like(
		$message,
		qr/1 of 5 runs failed/,
		'a commit fails: the call says how many');
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, attempts, error_sqlstate), ', '
			ORDER BY leaderboard) FROM bixarena.run},
'l01 succeeded 1, l02 failed 1 P0001, l03 succeeded 1, l04 succeeded 1, overall succeeded 1',
		'a commit fails: that run has failed, the others are made');
	is_consistent(4, 'a commit fails');

	# in a worker
	start_afresh($node);
	$session = $node->background_psql('postgres');
	$session->query_safe('BEGIN');
	$first = $session->query_safe(q{SELECT bixarena_request_snapshot('l02')});
	$second =
	  $session->query_safe(q{SELECT bixarena_request_snapshot('l03')});
	$session->query_safe('COMMIT');
	$session->quit;
	# either the runs end, or the worker has nothing more to say than it said
	wait_until(
		$node,
q{SELECT bool_or(attempts > 0) AND NOT EXISTS (SELECT FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker') FROM bixarena.run});
	run_is(
		$node, $first,
		'failed 1 P0001',
		'a commit fails in the worker: the run has failed');
	run_is($node, $second, 'succeeded 1',
		'a commit fails in the worker: the next is made');
	sql($node, 'DROP FUNCTION refuse CASCADE');
}

#
# A view that fails for one of 21
#

{
	my ($state, $message);

	start_afresh($node);
	sql($node, q{
		INSERT INTO arena.leaderboard (slug, name)
		SELECT format('m%s', lpad(n::text, 2, '0')), 'More' FROM generate_series(1, 16) AS n;
		UPDATE arena.battle SET categories = categories ||
			ARRAY(SELECT format('m%s', lpad(n::text, 2, '0')) FROM generate_series(1, 16) AS n)
		WHERE id IN (SELECT id FROM arena.battle ORDER BY id LIMIT 8000);
		CREATE FUNCTION faulty() RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION 'no pulse';
		END
		$$;
		CREATE OR REPLACE VIEW arena.leaderboard_battle AS
		SELECT * FROM arena.ungated_battle WHERE leaderboard <> 'm07'
		UNION ALL
		SELECT 'm07', model1_id, model2_id, public.faulty(), voter_id, created_at, id
		FROM arena.battle});
	($state, $message) =
	  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
	is($state, 'P0001', 'one of 21 fails: so does the call');
	like(
		$message,
		qr/1 of 21 runs failed/,
		'one of 21 fails: it says how many');
	like(
		$message,
		qr/DETAIL:  m07: no pulse \(P0001\)\n/,
		'one of 21 fails: it names which and why');
	is_value(
		$node,
q{SELECT status, count(*), string_agg(leaderboard, ' ') FILTER (WHERE status = 'failed')
		FROM bixarena.run GROUP BY 1 ORDER BY 1}, "failed|1|m07\nsucceeded|20|",
		'one of 21 fails: 20 succeed');
	is_consistent(20, 'one of 21 fails');
}

$node->stop;
done_testing();
