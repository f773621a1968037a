
# 030_queue.pl
#	  The queue: its cost a run, what poisons it, whose runs it makes, how long
#	  they may wait and take, and who may put something into it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = new_arena(
	'queue',
	leaderboards => 6,
	conf => "log_line_prefix = '%n [%p] '\nmax_prepared_transactions = 5\n");

# Roles that have what making snapshots takes, and no more
foreach my $role ('requester', 'second', 'poisoned', 'switching', 'old_name')
{
	sql($node,
		sprintf(
			q{
		CREATE ROLE %1$s LOGIN;
		GRANT CONNECT ON DATABASE postgres TO %1$s;
		SELECT bixarena_grant('%1$s', 'operator', 'arena');
		GRANT SELECT ON arena.ungated_battle, arena.battle TO %1$s;
	}, $role));
}
sql($node, q{
	SELECT bixarena_configure('retry_seconds', '0');
	SELECT bixarena_configure('max_attempts', '2');
	CREATE TABLE written (snapshot_id uuid, role name, session_role name);
	GRANT INSERT ON written TO PUBLIC;
	CREATE FUNCTION note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.written SELECT NEW.id, current_user, session_user;
		RETURN NULL;
	END
	$$;
	CREATE TRIGGER note_writer AFTER INSERT ON arena.leaderboard_snapshot
		FOR EACH ROW EXECUTE FUNCTION note_writer();
});

sub writer_of
{
	my ($id) = @_;

	return sql($node,
			"SELECT w.role, w.session_role FROM bixarena.run AS r"
		  . " JOIN written AS w USING (snapshot_id) WHERE r.correlation_id = '$id'"
	);
}

# A request as part of a superuser's transaction
sub request_as
{
	my ($role, $leaderboard, $then) = @_;

	$then //= '';

	return sql(
		$node, "BEGIN; SET LOCAL ROLE $role;
		SELECT bixarena_request_snapshot('$leaderboard'); RESET ROLE; $then; COMMIT"
	);
}

sub wait_for_running
{
	my ($id) = @_;

	wait_until($node,
"SELECT status = 'running' FROM bixarena.run WHERE correlation_id = '$id'"
	);
}

#
# The cost of a run does not grow with the queue, also while an old transaction
# keeps what has left the queue from being removed
#

sub cost
{
	# a session that ends puts its counts on record before it is gone
	wait_until($node,
q{SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'requester'}
	);
	return sql(
		$node, q{SELECT (SELECT sum(idx_tup_read) FROM pg_stat_all_indexes
			WHERE schemaname = 'bixarena' AND relname = 'run')
		+ (SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read
			FROM pg_statio_all_tables WHERE schemaname = 'bixarena' AND relname = 'run')}
	);
}

{
	my $old;
	my (%requests, %runs);

	# nobody but this test looks at the queue
	$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
	$node->restart;
	$old = $node->background_psql('postgres');
	sql($node,
q{CREATE TABLE many AS SELECT format('many-%s', n) AS slug FROM generate_series(1, 1000) AS n;
		INSERT INTO arena.leaderboard (slug, name) SELECT slug, slug FROM many;
		GRANT SELECT ON many TO requester});
	foreach my $number (100, 200, 800)
	{
		my ($before, $between);

		# with a history, which the planner goes by
		start_afresh($node);
		sql($node,
q{INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters, attempts,
				started_at, ended_at)
			SELECT 'arena', slug, 'skipped', 'manual', 'second', '{}', 1, now(), now() FROM many, generate_series(1, 3);
			ANALYZE bixarena.run});
		$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
		$before = cost();
		sql($node,
"SELECT count(bixarena_request_snapshot(slug)) FROM (SELECT slug FROM many LIMIT $number) AS m",
			'requester');
		$between = cost();
		sql($node, 'CALL bixarena_process_requests()', 'requester');
		is_value($node,
			q{SELECT count(*) FROM bixarena.run WHERE status <> 'skipped'},
			0, "$number runs are made");
		$requests{$number} = $between - $before;
		$runs{$number} = cost() - $between;
		$old->query_safe('COMMIT');
	}
	note(
"requests: $requests{200}, $requests{800}; runs: $runs{200}, $runs{800}"
	);
	cmp_ok(
		$requests{800}, '<',
		6 * $requests{200},
		'four times the requests take about four times as much');
	cmp_ok($runs{800}, '<', 6 * $runs{200}, 'so do four times the runs');
	cmp_ok($runs{800}, '>', 800, 'what is counted is there');
	$old->quit;
	$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
	$node->restart;
	sql($node,
		q{DELETE FROM arena.leaderboard WHERE slug IN (SELECT slug FROM many)}
	);
	start_afresh($node);
}

#
# A role whose worker cannot start
#

{
	my ($id, $other, $log, @starts);

	sql($node, 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC');
	$id = request_as('poisoned', 'overall',
		'REVOKE CONNECT ON DATABASE postgres FROM poisoned');
	$other = request($node, 'overall', 'second');
	isnt($other, $id, 'nobody joins the run of another role');
	wait_for_run($node, $other);
	run_is($node, $other, 'succeeded 1',
		"a role's queue is not held up by another's");
	# requests do not make its workers start faster
	request_as('poisoned', 'l01') foreach 1 .. 20;
	wait_for_run($node, $id);
	run_is(
		$node, $id,
		'failed 0 42501',
		'a run whose worker cannot start has failed');
	is_value(
		$node,
		"SELECT error_message FROM bixarena.run WHERE correlation_id = '$id'",
		'role "poisoned" has no CONNECT privilege on database "postgres"',
		'with the reason');
	wait_until($node,
q{SELECT count(*) = 0 FROM bixarena.run WHERE status IN ('queued', 'running')}
	);
	$log = slurp_file($node->logfile);
	@starts = $log =~
	  /^([\d.]+) \[\d+\] FATAL:  permission denied for database "postgres"/mg;
	cmp_ok(scalar @starts, '>=', 2, 'after max_attempts workers');
	cmp_ok($starts[$_] - $starts[ $_ - 1 ],
		'>', 0.9, "with a while before number $_")
	  foreach 1 .. $#starts;
	sql($node, 'GRANT CONNECT ON DATABASE postgres TO PUBLIC');
	$id = request($node, 'overall', 'poisoned');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1',
		'once it can connect again its runs are made');
	start_afresh($node);
}

#
# Roles by their oid, and with settings
#

{
	my $id;

	sql($node,
q{GRANT requester TO switching; ALTER ROLE switching SET role = requester}
	);
	$id = request_as('switching', 'overall');
	wait_for_run($node, $id);
	is(writer_of($id), 'switching|switching',
		'a role with a setting "role" makes its runs itself');
	is_value(
		$node,
"SELECT role = 'switching' AND role_id = 'switching'::regrole FROM bixarena.run
		WHERE correlation_id = '$id'", 't', 'that is on record');

	$id = request_as('old_name', 'overall',
		'ALTER ROLE old_name RENAME TO new_name');
	wait_for_run($node, $id);
	is(writer_of($id), 'new_name|new_name',
		'a role that was renamed does too');

	sql($node, 'CREATE ROLE goes LOGIN');
	sql($node, q{SELECT bixarena_grant('goes', 'operator', 'arena')});
	$id = request_as('goes', 'overall',
		'DROP OWNED BY goes; DROP ROLE goes; CREATE ROLE goes SUPERUSER LOGIN'
	);
	wait_for_run($node, $id);
	run_is(
		$node, $id,
		'failed 0 42704',
		'another role of the same name does not make them');
	sql($node, 'DROP ROLE goes');
	start_afresh($node);
}

#
# Waiting for too long
#

{
	my ($id, $busy, $joined);

	sql($node, q{SELECT bixarena_configure('expire_hours', '1')});
	$id = request_as('requester', 'overall',
q{UPDATE bixarena.run SET requested_at = now() - interval '61 minutes'}
	);
	wait_for_run($node, $id);
	run_is(
		$node, $id,
		'failed 0 55000',
		'a run that has waited for too long has failed');
	close_gate($node, 'reading');
	$busy = request($node, 'l01', 'requester');
	wait_for_running($busy);
	$id = request_as(
		'requester', 'overall',
		q{UPDATE bixarena.run SET requested_at = now() - interval '61 minutes'
		WHERE status = 'queued'});
	$joined = request($node, 'overall', 'requester');
	isnt($joined, $id, 'nobody joins it');
	run_is($node, $id, 'failed 0 55000', 'it has failed then');
	open_gate($node);
	wait_for_run($node, $busy, $joined);
	run_is($node, $joined, 'succeeded 1', 'the new one is made');
	sql($node, q{SELECT bixarena_configure('expire_hours', NULL)});
	start_afresh($node);
}

#
# A view that drops all advisory locks, and a record that is read before it ends
#

{
	my $reader = $node->background_psql('postgres');
	my $id;

	sql($node, q{
		CREATE FUNCTION unlock_all() RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_advisory_unlock_all();
			PERFORM pg_advisory_unlock_all();
			RETURN public.pass_gate('unlocked', NULL);
		END
		$$;
		CREATE OR REPLACE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
		SELECT * FROM arena.ungated_battle WHERE (SELECT public.unlock_all())});
	close_gate($node, 'unlocked');
	$id = request($node, 'overall', 'requester');
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker' AND wait_event = 'PgSleep'});
	is_value(
		$node, "SELECT bixarena.run_is_abandoned('$id')",
		'f', 'pg_advisory_unlock_all() drops no lock of ours');
	sql($node, 'CALL bixarena_process_requests()', 'requester');
	run_is($node, $id, 'running 1', 'nobody else makes the run');

	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is( $reader->query_safe(
			q{SELECT count(*) FROM bixarena.run WHERE status = 'running'}),
		'1',
		'a reader sees it running');
	open_gate($node);
	wait_for_run($node, $id);
	wait_for_no_worker($node);
	is( $reader->query_safe(
q{SELECT bixarena.run_is_abandoned(correlation_id) FROM bixarena.run WHERE status = 'running'}
		),
		'f',
		'who still sees it running is not told that it is abandoned');
	is( $reader->query_safe(
q{SELECT status, figure FROM bixarena_health() WHERE check_name = 'abandoned_runs'}
		),
		'ok|0',
		'nor by health');
	$reader->query_safe('COMMIT');
	run_is($node, $id, 'succeeded 1', 'it was made once');
	snapshots_are($node, 1, 'pg_advisory_unlock_all()');
	$reader->quit;
	sql($node,
q{CREATE OR REPLACE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
		SELECT * FROM arena.ungated_battle WHERE (SELECT public.pass_gate('reading', NULL))}
	);
	start_afresh($node);
}

#
# A commit that fails takes the lock of the run along: it is taken again
#

{
	my ($id, $session);

	sql($node, q{
		SELECT bixarena_configure('retry_seconds', '600');
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION 'too late' USING ERRCODE = '40001';
		END
		$$;
		CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON arena.leaderboard_snapshot
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()});
	$id = request($node, 'overall', 'requester');
	wait_until($node,
"SELECT error_sqlstate = '40001' FROM bixarena.run WHERE correlation_id = '$id'"
	);
	run_is(
		$node, $id,
		'running 1 40001',
		'a commit has failed, and the run waits for another attempt');
	is_value($node, "SELECT bixarena.run_is_abandoned('$id')",
		'f', 'it is not abandoned');
	sql($node, 'CALL bixarena_process_requests()', 'requester');
	run_is($node, $id, 'running 1 40001', 'nobody else takes it up');
	sql($node,
q{DROP FUNCTION refuse CASCADE; SELECT bixarena_configure('retry_seconds', '0')}
	);
	sql($node, 'SELECT pg_terminate_backend(' . worker_pid($node) . ')');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 2',
		'once its worker is gone the launcher has another make it');
	start_afresh($node);
}

#
# The time that a run may take, and arenas that do not wait for each other
#

{
	my ($id, $next, $other, $state, $message);

	sql($node, q{
		SELECT bixarena_create_arena('elsewhere');
		SELECT bixarena_simulate_battles(1000, 5, arena => 'elsewhere');
		SELECT bixarena_configure('num_bootstrap', '10', arena => 'elsewhere');
		SELECT bixarena_grant('requester', 'operator', 'elsewhere')});
	sql($node, q{ALTER DATABASE postgres SET bixarena_rank.arena = 'arena'});
	close_gate($node, 'reading');
	$id = request($node, 'overall', 'requester');
	$next = request($node, 'l01', 'requester');
	wait_for_running($id);
	$other = sql(
		$node,
		q{SELECT bixarena_request_snapshot('overall', arena => 'elsewhere')},
		'requester');
	wait_for_run($node, $other);
	run_is($node, $other, 'succeeded 1',
		"a role's run does not hold up its other arenas");
	run_is($node, $id, 'running 1', 'while it goes on');
	sql($node, q{CALL bixarena_generate_snapshots(arena => 'elsewhere')},
		'requester');
	pass('nor a CALL');
	open_gate($node);
	wait_for_run($node, $id, $next);
	start_afresh($node);

	sql($node,
q{SELECT bixarena_configure('run_timeout', '0.5', leaderboard_id => 'overall')}
	);
	close_gate($node, 'writing', 'overall');
	$id = request($node, 'overall', 'requester');
	$next = request($node, 'l01', 'requester');
	wait_for_run($node, $id, $next);
	run_is(
		$node, $id,
		'failed 1 57014',
		'a run that takes longer than run_timeout has failed');
	is_value(
		$node,
"SELECT error_message, error_detail FROM bixarena.run WHERE correlation_id = '$id'",
'the run has taken longer than it may|The setting run_timeout is 0.5 seconds.',
		'and says so');
	run_is($node, $next, 'succeeded 1', 'the next is made');
	start_afresh($node);
	($state, $message) =
	  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
	is($state, '57014', 'in a CALL too');
	like($message, qr/1 of 7 runs failed/, 'which goes on with the others');
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status), ', ' ORDER BY leaderboard) FROM bixarena.run
		WHERE status <> 'succeeded'}, 'overall failed', 'and makes them');
	open_gate($node);

	# also where all are read at once, and in a commit
	sql($node, q{SELECT bixarena_configure('run_timeout', '0.5')});
	close_gate($node, 'reading');
	($state, $message) =
	  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
	like(
		$message,
		qr/7 of 7 runs failed/,
		'a view without end fails each run');
	open_gate($node);
	sql($node, q{
		SELECT bixarena_configure('run_timeout', NULL);
		SELECT bixarena_configure('run_timeout', NULL, leaderboard_id => 'overall')}
	);
	sql($node, 'CALL bixarena_generate_snapshots()');
	pass('no timeout stays behind');
	start_afresh($node);
}

#
# Who may put something on record
#

{
	sql($node, q{
		INSERT INTO elsewhere.leaderboard (slug, name) VALUES ('empty', 'Empty');
		SELECT bixarena_grant('second', 'reader', 'elsewhere');
		GRANT EXECUTE ON PROCEDURE bixarena_backfill TO second;
		GRANT SELECT ON elsewhere.leaderboard_battle, elsewhere.battle TO second});
	foreach my $statement (
q{CALL bixarena_generate_snapshots(arena => 'elsewhere', trigger_source => 'api')},
q{CALL bixarena_generate_snapshots(arena => 'elsewhere', leaderboard_id => 'overall')},
q{SELECT bixarena_generate_snapshot('overall', arena => 'elsewhere', trigger_source => 'api')},
q{SELECT bixarena_generate_snapshot('empty', arena => 'elsewhere', trigger_source => 'api')},
		q{SELECT bixarena_request_snapshot('overall', arena => 'elsewhere')},
q{CALL bixarena_backfill('overall', now() - interval '3 days', arena => 'elsewhere')}
	  )
	{
		my ($state, $message) = sql_state_of($node, $statement, 'second');

		is($state, '42501', "a reader is refused: $statement");
		like(
			$message,
			qr/permission denied to make snapshots in arena "elsewhere"/,
			'for what it is');
	}
	is_value($node, 'SELECT count(*) FROM bixarena.run',
		0, 'nothing is on record');
}

#
# What the quota counts
#

{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my ($id, $state, $out);

	sql($node, q{SELECT bixarena_configure('requests_per_day', '2')});
	sql($node,
q{SELECT bixarena_generate_snapshot('overall', trigger_source => 'api') FROM generate_series(1, 3)}
	);
	sql($node, q{CALL bixarena_generate_snapshots(trigger_source => 'api')});
	wait_for_run($node, request($node, 'l01'));
	pass('only requests count');

	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is( $session->query_safe(
q{SELECT count(*) FROM bixarena.run WHERE request_number IS NOT NULL}
		),
		'1',
		'a transaction that sees one request');
	wait_for_run($node, request($node, 'l02'));
	$session->query(q{\set VERBOSITY sqlstate});
	$session->query(q{SELECT bixarena_request_snapshot('l03')});
	like($session->{stderr}, qr/53400/, 'cannot make a third');
	$session->query('ROLLBACK');
	$session->quit;

	sql($node,
q{UPDATE bixarena.run SET requested_at = requested_at + interval '1 year'}
	);
	wait_for_run($node, request($node, 'l03'), request($node, 'l04'));
	pass('requests of a year to come do not count');
	is( (sql_state_of($node, q{SELECT bixarena_request_snapshot('l05')}))[0],
		'53400',
		'those of now do');
	sql($node, q{SELECT bixarena_configure('requests_per_day', '100000')});
	start_afresh($node);
}

#
# Requests with values of their own
#

{
	my ($plain, $other, @ids);
	my $sql =
q{SELECT bixarena_request_snapshot('overall', num_bootstrap => %s, min_evaluations => %s)};

	close_gate($node, 'reading');
	wait_for_running(request($node, 'l01'));
	$plain = request($node, 'overall');
	foreach my $values ([ 20, 'NULL' ], [ 'NULL', 5 ], [ 20, 5 ], [ 30, 5 ])
	{
		my $id = sql($node, sprintf($sql, @$values));

		is(sql($node, sprintf($sql, @$values)),
			$id, "a request with values @$values joins its like");
		push @ids, $id;
	}
	is(request($node, 'overall'), $plain, 'one without joins its like');
	is_value($node,
		q{SELECT count(*) FROM bixarena.run WHERE leaderboard = 'overall'},
		5, 'and no other');
	open_gate($node);
	wait_for_run($node, $plain, @ids);
	is_value(
		$node,
qq{SELECT string_agg(concat_ws(' ', status, parameters ->> 'num_bootstrap',
			parameters ->> 'min_evaluations', parameters ->> 'requested'), '; ' ORDER BY requested_at)
		FROM bixarena.run WHERE leaderboard = 'overall'},
		join('; ',
			'succeeded 10 10',
			'succeeded 20 10 {"num_bootstrap": 20}',
			'succeeded 10 5 {"min_evaluations": 5}',
			'succeeded 20 5 {"num_bootstrap": 20, "min_evaluations": 5}',
			'succeeded 30 5 {"num_bootstrap": 30, "min_evaluations": 5}'),
		'they are made with what they ask for');
	is((sql_state_of($node, sprintf($sql, 9, 'NULL')))[0],
		'22003', 'too few replicates are refused at once');
	is((sql_state_of($node, sprintf($sql, 'NULL', -1)))[0],
		'22003', 'so is a number below 0');
	start_afresh($node);
}

#
# A prepared request
#

{
	my $id;

	foreach my $end ('COMMIT', 'ROLLBACK')
	{
		$id = sql(
			$node,
q{BEGIN; SELECT bixarena_request_snapshot('overall'); PREPARE TRANSACTION 'request'},
			'requester');
		sql($node, q{SELECT pg_sleep(1)});
		is_value(
			$node,
'SELECT count(*) FROM bixarena.run WHERE leaderboard = \'overall\' AND role = \'requester\'',
			$end eq 'COMMIT' ? 0 : 1,
			"$end PREPARED: not made before");
		sql($node, "$end PREPARED 'request'");
		if ($end eq 'COMMIT')
		{
			wait_for_run($node, $id);
			run_is($node, $id, 'succeeded 1',
				'a prepared request is made once it is committed');
		}
		wait_until($node,
q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'bixarena_rank %'}
		);
		is_value(
			$node,
			"SELECT count(*) FROM bixarena.run WHERE correlation_id = '$id'",
			$end eq 'COMMIT' ? 1 : 0,
			"$end PREPARED: nothing else is on record");
	}
	is_value(
		$node,
q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' OR (locktype = 'object' AND objsubid > 100)},
		0,
		'no lock is left');
}

$node->stop;
done_testing();
