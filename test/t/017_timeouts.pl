
# 017_timeouts.pl
#	  Timeouts, cancelling, terminating and crashes in each phase of a run, of a
#	  function, a call and a worker: they take effect at once, nothing is half
#	  written, no lock stays, and what was left is made up for.
#
# 004_faults.pl has some of it for calls and workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;
use Time::HiRes qw(time sleep);

# What is promised is 100 ms.  The rest is for psql; a busy machine has more.
my $at_once = 1.5;

# Leaderboards in which phases last by themselves: "big" in the fit, "middle" in
# the bootstrap.
my $node = new_arena('timeouts',
	conf =>
	  "restart_after_crash = on\nmax_parallel_workers_per_gather = 0\n");

sql($node, q{
	SELECT bixarena_configure('retry_seconds', '0');
	INSERT INTO arena.leaderboard (slug, name) VALUES ('big', 'Big'), ('middle', 'Middle');
	SELECT bixarena_configure('num_bootstrap', '10000', leaderboard_id => 'middle');
	INSERT INTO arena.model (slug, name)
	SELECT format('many-%s', n), 'One of many' FROM generate_series(0, 1999) AS n;
	CREATE TABLE many_battles AS
	SELECT l.slug::text AS leaderboard, a.id AS model1_id, b.id AS model2_id,
		CASE (i + j) % 3 WHEN 0 THEN 'model1' ELSE 'model2' END AS outcome
	FROM (VALUES ('big', 2000), ('middle', 300)) AS l (slug, models),
		generate_series(0, l.models - 1) AS i, generate_series(1, 20) AS j,
		LATERAL (SELECT id FROM arena.model WHERE slug = format('many-%s', i)) AS a,
		LATERAL (SELECT id FROM arena.model WHERE slug = format('many-%s', (i + j * j) % l.models)) AS b
	WHERE a.id <> b.id;
	CREATE OR REPLACE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
	SELECT * FROM arena.ungated_battle WHERE (SELECT public.pass_gate('reading', NULL))
	UNION ALL
	SELECT leaderboard, model1_id, model2_id, outcome, NULL, now(), NULL FROM public.many_battles;
	VACUUM ANALYZE;

	CREATE FUNCTION pass_gate_in_retention() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.pass_gate('retention', NULL);
		RETURN OLD;
	END
	$$;
	CREATE TRIGGER gate_retention BEFORE DELETE ON arena.leaderboard_snapshot
		FOR EACH ROW EXECUTE FUNCTION pass_gate_in_retention();
	CREATE FUNCTION pass_gate_in_commit() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.pass_gate('commit', NULL);
		RETURN NULL;
	END
	$$;
	CREATE CONSTRAINT TRIGGER gate_commit AFTER INSERT ON arena.leaderboard_snapshot
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pass_gate_in_commit();
});

my @phases =
  ('reading', 'fit', 'bootstrap', 'writing', 'retention', 'commit');
my %leaderboards = (fit => 'big', bootstrap => 'middle');
my $worst = 0;

# One snapshot is there already, and a phase is made to last
sub prepare
{
	my ($phase) = @_;

	start_afresh($node);
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	sql($node, q{SELECT bixarena_configure('keep_snapshots', '1')})
	  if $phase eq 'retention';
	close_gate($node, $phase) unless $leaderboards{$phase};
}

sub open_all
{
	sql($node, q{SELECT bixarena_configure('keep_snapshots', NULL)});
	open_gate($node);
}

sub statement_of
{
	my ($kind, $phase) = @_;
	my $leaderboard = $leaderboards{$phase} // 'overall';

	return $kind eq 'function'
	  ? "SELECT status FROM bixarena_generate_snapshot('$leaderboard')"
	  : "CALL bixarena_generate_snapshots(leaderboard_id => '$leaderboard')";
}

# Wait until a process is in a phase that lasts; returns it
sub wait_for_phase
{
	my ($phase, $condition) = @_;

	if ($leaderboards{$phase})
	{
		wait_until(
			$node, "SELECT count(*) = 1 FROM pg_stat_activity
			WHERE $condition AND state = 'active' AND query_start < clock_timestamp() - interval '0.7 s'"
		);
	}
	else
	{
		wait_until($node,
"SELECT count(*) = 1 FROM pg_stat_activity WHERE $condition AND wait_event = 'PgSleep'"
		);
	}
	return value($node, "SELECT pid FROM pg_stat_activity WHERE $condition");
}

sub is_at_once
{
	my ($since, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $seconds = time - $since;

	$worst = $seconds if $seconds > $worst;
	cmp_ok(
		$seconds, '<',
		$seconds < $at_once ? $at_once : 2 * $at_once * patience(),
		"$name: at once");
}

sub no_locks
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value(
		$node, q{SELECT count(*) FROM pg_locks
		WHERE locktype = 'advisory' OR (locktype = 'object' AND objsubid > 100)},
		0, "$name: no lock is left");
}

# A run of the kind is ended in a phase; returns the messages of its session
sub end_in
{
	my ($kind, $end, $phase) = @_;
	my $name = "$kind, $end in $phase";
	my $statement = statement_of($kind, $phase);
	my $locks =
q{SELECT 'locks', count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()};
	my ($session, $pid, $since, $out, $err);

	prepare($phase);
	if ($end eq 'statement_timeout')
	{
		$since = time + 0.7;
		$session = start_sql($node,
			[ "SET statement_timeout = '700ms'", $statement, $locks ]);
	}
	else
	{
		$session = start_sql($node, [ $statement, $locks ]);
		$pid = wait_for_phase($phase,
q{query ~ '^(SELECT status FROM|CALL) bixarena' AND pid <> pg_backend_pid()}
		);
		$since = time;
		sql($node,
			$end eq 'cancel'
			? "SELECT pg_cancel_backend($pid)"
			: "SELECT pg_terminate_backend($pid)");
	}
	($out, $err) = finish_sql($session);
	is_at_once($since, $name);
	like(
		$err,
		$end eq 'terminate' ? qr/^FATAL:  57P01: /m : qr/^ERROR:  57014: /m,
		"$name: it ends so");
	if ($end eq 'terminate')
	{
		no_locks($name);
	}
	else
	{
		is($out, "locks|0\n", "$name: no lock is left");
	}
	snapshots_are($node, 1, $name);
	open_all();
}

sub record_of
{
	my ($leaderboard) = @_;

	return value(
		$node,
"SELECT string_agg(concat_ws(' ', status, attempts, error_sqlstate), ', ' ORDER BY requested_at)
		FROM bixarena.run WHERE leaderboard = '$leaderboard'");
}

foreach my $phase (@phases)
{
	my $leaderboard = $leaderboards{$phase} // 'overall';
	my $before = $leaderboard eq 'overall' ? 'succeeded 1' : '';
	my $comma = $before ? ', ' : '';

	# a function leaves no run
	foreach my $end ('statement_timeout', 'cancel', 'terminate')
	{
		# the server's timeout does not hold for the commit after a statement
		next if $end eq 'statement_timeout' && $phase eq 'commit';
		end_in('function', $end, $phase);
		is(record_of($leaderboard), $before,
			"function, $end in $phase: no run is left");
	}

	# a call leaves a run that has failed, or one that is taken up by the next
	foreach my $end ('statement_timeout', 'cancel')
	{
		end_in('call', $end, $phase);
		is( record_of($leaderboard),
			"$before${comma}failed 1 57014",
			"call, $end in $phase: the run has failed");
	}
	end_in('call', 'terminate', $phase);
	is( record_of($leaderboard),
		"$before${comma}running 1",
		"call, terminate in $phase: the run is left");
	if ($leaderboard eq 'overall')
	{
		sql($node, 'CALL bixarena_process_requests()');
		is( record_of($leaderboard),
			"$before${comma}succeeded 2",
			"call, terminate in $phase: the run is made up for");
		snapshots_are($node, 2, "call, terminate in $phase, made up for");
	}
}

# workers, in the phases that 004_faults.pl does not have
foreach my $phase ('fit', 'retention', 'commit')
{
	foreach my $end ('cancel', 'terminate')
	{
		my $name = "worker, $end in $phase";
		my ($id, $pid, $since);

		prepare($phase);
		$id = request($node, $leaderboards{$phase} // 'overall');
		if ($phase eq 'fit')
		{
			wait_until(
				$node, q{SELECT count(*) = 1 FROM pg_stat_activity
				WHERE backend_type = 'bixarena_rank worker' AND query ~ ': big: fit'});
			$pid = worker_pid($node);
		}
		else
		{
			$pid = wait_for_phase($phase,
				q{backend_type = 'bixarena_rank worker'});
		}
		end_launcher($node) if $end eq 'terminate';
		$since = time;
		sql($node, "SELECT pg_${end}_backend($pid)");
		wait_until(
			$node,
"SELECT status = 'failed' OR bixarena.run_is_abandoned(correlation_id)
			FROM bixarena.run WHERE correlation_id = '$id'");
		is_at_once($since, $name);
		run_is(
			$node, $id,
			$end eq 'cancel' ? 'failed 1 57014' : 'running 1',
			"$name: what is on record");
		snapshots_are($node, 1, $name);
		open_all();
		wait_for_no_worker($node);
		no_locks($name);
		next if $phase eq 'fit';
		sql($node, 'CALL bixarena_process_requests()');
		run_is(
			$node, $id,
			$end eq 'cancel' ? 'failed 1 57014' : 'succeeded 2',
			"$name: what becomes of it");
		snapshots_are($node, $end eq 'cancel' ? 1 : 2, "$name, after all");
	}
}

#
# lock_timeout: a call tries again, a function says what it could not have
#

{
	my $holder = $node->background_psql('postgres');
	my ($state, $message, $since);

	prepare('none');
	$holder->query_safe('BEGIN; LOCK TABLE arena.leaderboard_entry');
	$since = time + 0.3;
	($state, $message) = sql_state_of($node,
q{SET lock_timeout = '300ms'; SELECT bixarena_generate_snapshot('overall')}
	);
	is_at_once($since, 'function, lock_timeout');
	is($state, '55P03', 'function, lock_timeout: it ends so');
	like(
		$message,
		qr/writing a snapshot of leaderboard "overall" into arena "arena"/,
		'function, lock_timeout: it says what it was at');
	($state, $message) = sql_state_of($node,
q{SET lock_timeout = '200ms'; CALL bixarena_generate_snapshots(leaderboard_id => 'overall')}
	);
	is($state, '55P03', 'call, lock_timeout: it ends so');
	is( record_of('overall'),
		'succeeded 1, failed 3 55P03',
		'call, lock_timeout: after as many attempts as there may be');
	$holder->query_safe('COMMIT');
	snapshots_are($node, 1, 'lock_timeout');

	# the lock of the leaderboard itself
	$holder->query_safe('BEGIN');
	$holder->query_safe(q{SELECT bixarena_generate_snapshot('overall')});
	($state, $message) = sql_state_of($node,
q{SET lock_timeout = '100ms'; CALL bixarena_generate_snapshots(leaderboard_id => 'overall')}
	);
	is($state, '55P03', 'call, lock_timeout at the leaderboard: it ends so');
	no_locks_but_two('lock_timeout');
	$holder->query_safe('ROLLBACK');
	snapshots_are($node, 1, 'lock_timeout at the leaderboard');
	$holder->quit;
}

# but those of the transaction that is open: of the leaderboard and of an identifier
sub no_locks_but_two
{
	my ($name) = @_;

	# the server process of a session ends a little later than its client
	ok( $node->poll_query_until(
			'postgres',
			q{SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory'}),
		"$name: it leaves no lock");
}

#
# idle_in_transaction_session_timeout: a transaction that somebody has left open
# ends, and the leaderboard is free again
#

{
	my $idle = $node->background_psql('postgres', on_error_stop => 0);

	prepare('none');
	# in less than this another session has come and gone, on a busy machine, too
	$idle->query_safe(q{SET idle_in_transaction_session_timeout = '5s'});
	$idle->query_safe(q{BEGIN; SELECT bixarena_generate_snapshot('overall')});
	is( (   sql_state_of(
				$node, q{SELECT bixarena_generate_snapshot('overall')}))[0],
		'55P03',
		'an open transaction has the leaderboard');
	wait_until($node,
q{SELECT count(*) = 0 FROM pg_stat_activity WHERE state ~ '^idle in transaction'}
	);
	no_locks('idle_in_transaction_session_timeout');
	snapshots_are($node, 1, 'idle_in_transaction_session_timeout');
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	snapshots_are($node, 2, 'after idle_in_transaction_session_timeout');
	eval { $idle->quit };
}

note(sprintf 'the slowest end took %.0f ms, with psql and its connections',
	$worst * 1000);

#
# Crashes: of a session that makes a snapshot, and of the server
#

my %crashes = (
	kill => [ 'fit', 'retention', 'commit' ],
	stop => [ 'bootstrap', 'retention', 'commit' ]);

foreach my $crash ('kill', 'stop')
{
	foreach my $phase (@{ $crashes{$crash} })
	{
		my $name = "$crash in $phase";
		my $leaderboard = $leaderboards{$phase} // 'overall';
		my ($session, $pid, $number);

		prepare($phase);
		$session = start_sql($node, [ statement_of('call', $phase) ]);
		$pid = wait_for_phase($phase, q{query ~ '^CALL'});
		if ($crash eq 'kill')
		{
			kill_process($node, $pid);
			finish_sql($session);
		}
		else
		{
			$node->stop('immediate');
			finish_sql($session);
			$node->start;
		}
		snapshots_are($node, 1, $name);
		is_value(
			$node, q{SELECT count(*) FROM bixarena.run
			WHERE status = 'running' AND bixarena.run_is_abandoned(correlation_id)}, 1,
			"$name: the run is left");
		open_all();
		next if $leaderboard eq 'big';
		sql($node,
q{SELECT bixarena_configure('num_bootstrap', '10', leaderboard_id => 'middle')}
		);
		sql($node, 'CALL bixarena_process_requests()');
		is_value(
			$node,
q{SELECT count(*) FROM bixarena.run WHERE status = 'succeeded' AND attempts = 2},
			1,
			"$name: and made up for");
		snapshots_are($node, 2, "$name, made up for");
		sql($node,
q{SELECT bixarena_configure('num_bootstrap', '10000', leaderboard_id => 'middle')}
		);
	}
}

$node->stop;
done_testing();
