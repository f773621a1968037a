
# 018_concurrent_changes.pl
#	  What the application does at the same time: deadlocks, transactions of other
#	  isolation levels, tables and views that are changed, emptied or dropped, an
#	  arena that is renamed.  A run succeeds, is tried again, or fails with the
#	  error of its kind, and a snapshot is there as a whole or not at all.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = new_arena(
	'changes',
	models => 6,
	leaderboards => 1,
	conf => "deadlock_timeout = 2s\nmax_prepared_transactions = 4\n");

sql($node, q{SELECT bixarena_configure('retry_seconds', '0')});

sub record
{
	return value(
		$node,
q{SELECT coalesce(string_agg(concat_ws(' ', leaderboard, status, attempts, error_sqlstate), ', '
		ORDER BY requested_at, leaderboard), '') FROM bixarena.run});
}

sub record_is
{
	my ($expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(record(), $expected, "$name: what is on record");
}

sub wait_for_gate
{
	wait_until(
		$node,
q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'
		AND (query ~ '^(SELECT status FROM|CALL) bixarena' OR backend_type = 'bixarena_rank worker')}
	);
}

sub wait_for_lock
{
	my ($statement) = @_;

	wait_until(
		$node, "SELECT count(*) = 1 FROM pg_stat_activity
		WHERE wait_event_type = 'Lock' AND query ~ '$statement'");
}

my %statements = (
	function => q{SELECT status FROM bixarena_generate_snapshot('overall')},
	call => q{CALL bixarena_generate_snapshots(leaderboard_id => 'overall')});

#
# A deadlock: a snapshot has the leaderboard and wants its models, the application
# has a model and wants the leaderboard.  Who looks first for a deadlock is who
# loses, and that is the snapshot.  It looks once, two seconds after it has begun to
# wait, which leaves the application time to wait too.
#

# the application needs a moment to have its turn
sql($node,
q{SELECT bixarena_configure('retry_seconds', '0.3'), bixarena_configure('max_attempts', '9')}
);
foreach my $kind ('function', 'call', 'worker')
{
	my $application = $node->background_psql('postgres');
	my $name = "deadlock with a $kind";
	my ($session, $id, $out, $err);

	start_afresh($node);
	close_gate($node, 'writing');
	$application->query_safe(q{SET deadlock_timeout = '1 h'});
	$application->query_safe(
q{BEGIN; UPDATE arena.model SET slug = slug || '+' WHERE slug = 'simulated-0003'}
	);
	if ($kind eq 'worker')
	{
		$id = request($node, 'overall');
	}
	else
	{
		$session = start_sql($node, [ $statements{$kind}, 'SELECT 1' ]);
	}
	# the leaderboard is locked when the gate, a trigger before the row, is behind
	wait_for_gate();
	open_gate($node);
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()});
	$application->{stdin} .=
"SELECT FROM arena.leaderboard WHERE slug = 'overall' FOR UPDATE;\nCOMMIT;\n";
	$application->{run}->pump_nb;
	if ($kind eq 'worker')
	{
		wait_for_run($node, $id);
	}
	else
	{
		($out, $err) = finish_sql($session);
	}
	$application->query_safe('SELECT 1');
	$application->quit;
	is_value($node,
		q{SELECT count(*) FROM arena.model WHERE slug = 'simulated-0003+'},
		1, "$name: the application's transaction has committed");
	sql($node,
q{UPDATE arena.model SET slug = 'simulated-0003' WHERE slug = 'simulated-0003+'}
	);
	if ($kind eq 'function')
	{
		like($err, qr/^ERROR:  40P01: /m, "$name: it ends so");
		like(
			$err,
			qr/writing a snapshot of leaderboard "overall"/,
			"$name: it says what it was at");
		is($out, "1\n", "$name: the session goes on");
		record_is('', $name);
		snapshots_are($node, 0, $name);
	}
	else
	{
		like(
			record(),
			qr/^overall succeeded [2-9]$/,
			"$name: it is tried again");
		snapshots_are($node, 1, $name);
	}
}
sql($node,
q{SELECT bixarena_configure('retry_seconds', '0'), bixarena_configure('max_attempts', NULL)}
);

#
# A function in a transaction of another isolation level
#

foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	my $session = $node->background_psql(
		'postgres',
		on_error_stop => 0,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);

	# nothing in the way
	start_afresh($node);
	$session->query_safe(
"BEGIN ISOLATION LEVEL $level; SELECT bixarena_generate_snapshot('overall'); COMMIT"
	);
	snapshots_are($node, 1, "$level");

	# battles that have come since the transaction began are not counted
	$session->query_safe("BEGIN ISOLATION LEVEL $level; SELECT 1");
	sql($node, q{SELECT bixarena_simulate_battles(100, 6, seed => 9)});
	$session->query_safe($statements{function});
	$session->query_safe('COMMIT');
	is_value(
		$node,
q{SELECT (SELECT count(*) FROM arena.battle) - max(evaluation_count) FROM bixarena.run},
		100,
		"$level: it is as of when the transaction began");
	snapshots_are($node, 2, "$level, battles");

	# a leaderboard that has been changed since: it is referred to, which is no
	# conflict as long as its key is the same
	$session->query_safe("BEGIN ISOLATION LEVEL $level; SELECT 1");
	sql($node,
q{UPDATE arena.leaderboard SET name = name || '+' WHERE slug = 'overall'}
	);
	$session->query_safe($statements{function});
	$session->query_safe('COMMIT');
	snapshots_are($node, 3, "$level, a name");

	# an old snapshot that has been changed since, and is to be deleted
	sql($node, q{SELECT bixarena_configure('keep_snapshots', '1')});
	$session->query_safe("BEGIN ISOLATION LEVEL $level; SELECT 1");
	sql($node, q{UPDATE arena.leaderboard_snapshot SET description = 'old'});
	$session->{stderr} = '';
	$session->query($statements{function});
	like(
		$session->{stderr},
		qr/ERROR:  40001: /,
		"$level: a conflict is a serialization failure");
	$session->{stderr} = '';
	$session->query_safe('ROLLBACK');
	sql($node, q{SELECT bixarena_configure('keep_snapshots', NULL)});
	snapshots_are($node, 3, "$level, a conflict");
	sql($node, $statements{function});
	snapshots_are($node, 4, "$level, tried again");
	$session->quit;
}

# two that each read what the other writes
{
	my @sessions = map {
		$node->background_psql(
			'postgres',
			on_error_stop => 0,
			extra_params => [ '-v', 'VERBOSITY=verbose' ])
	} (0, 1);
	my @leaderboards = ('overall', 'l01');
	my $failed = '';

	start_afresh($node);
	foreach (0, 1)
	{
		$sessions[$_]->query_safe(
'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM arena.leaderboard_snapshot'
		);
	}
	foreach (0, 1)
	{
		$sessions[$_]->query(
"SELECT status FROM bixarena_generate_snapshot('$leaderboards[$_]')"
		);
		$failed .= $sessions[$_]->{stderr};
	}
	foreach (0, 1)
	{
		$sessions[$_]->query('COMMIT');
		$failed .= $sessions[$_]->{stderr};
		$sessions[$_]->{stderr} = '';
		$sessions[$_]->quit;
	}
	like(
		$failed,
		qr/ERROR:  40001: /,
		'SERIALIZABLE: of two that depend on each other one fails');
	snapshots_are($node, 1, 'SERIALIZABLE, two that depend on each other');
}

# calls and workers choose their own isolation, whatever the default is, and try
# again what fails as such
{
	my $id;
	my $refuse = q{
		CREATE SEQUENCE refused;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF nextval('public.refused') < 3 THEN
				RAISE EXCEPTION 'not this time' USING ERRCODE = 'serialization_failure';
			END IF;
			RETURN NEW;
		END
		$$;
		CREATE TRIGGER refuse BEFORE INSERT ON arena.leaderboard_entry
			FOR EACH STATEMENT EXECUTE FUNCTION refuse()};

	start_afresh($node);
	sql($node,
q{ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'}
	);
	sql($node, $statements{call});
	record_is('overall succeeded 1', 'serializable by default, call');
	$id = request($node, 'overall');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1', 'serializable by default, worker');
	snapshots_are($node, 2, 'serializable by default');

	start_afresh($node);
	sql($node, $refuse);
	sql($node, $statements{call});
	record_is('overall succeeded 3', 'a serialization failure in a call');
	sql($node, q{ALTER SEQUENCE refused RESTART});
	$id = request($node, 'overall');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 3', 'a serialization failure in a worker');
	snapshots_are($node, 2, 'serialization failures');
	sql($node, q{
		ALTER DATABASE postgres RESET default_transaction_isolation;
		DROP FUNCTION refuse CASCADE;
		DROP SEQUENCE refused});
}

# what cannot be prepared says so, or is prepared as a whole
{
	start_afresh($node);
	sql($node,
q{BEGIN; SELECT status FROM bixarena_generate_snapshot('l01'); PREPARE TRANSACTION 'snapshot'}
	  )
	  if (
		sql_state_of(
			$node, q{SELECT bixarena_configure('notify_channel', '')})
	  )[0] eq '';
	snapshots_are($node, 0, 'prepared');
	is( (sql_state_of($node, q{SELECT bixarena_generate_snapshot('l01')}))[0],
		'55P03',
		'a prepared transaction has the leaderboard');
	sql($node, q{COMMIT PREPARED 'snapshot'});
	snapshots_are($node, 1, 'prepared and committed');
	sql($node, q{SELECT bixarena_configure('notify_channel', NULL)});
}

#
# Changes of the tables and views while battles are read, or a snapshot is about to
# be written.  Each waits for the run or comes first; a run that comes second may
# fail with the error that its statement fails with.
#

# Do a run that stops in a phase, and a change meanwhile.  What the change waits for
# is checked by "waits"; "ends" is what the run ends with.
sub change
{
	my ($name, $phase, $change, %expected) = @_;
	my $undo = $expected{undo};

	foreach my $kind ('function', 'call')
	{
		my ($run, $changer, $out, $err);

		start_afresh($node);
		close_gate($node, $phase);
		$run = start_sql($node, [ $statements{$kind} ]);
		wait_for_gate();
		$changer = start_sql($node, [ $change, "SELECT 'done'" ]);
		if ($expected{waits})
		{
			wait_until($node,
q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}
			);
		}
		else
		{
			($out, $err) = finish_sql($changer);
			is($err, '', "$name in $phase, $kind: the change does not wait");
		}
		open_gate($node);
		($out, $err) = finish_sql($run);
		if ($expected{ends})
		{
			like(
				$err,
				qr/^ERROR:  $expected{ends}: /m,
				"$name in $phase, $kind: it ends so");
		}
		else
		{
			is($err, '', "$name in $phase, $kind: it succeeds");
		}
		if ($expected{waits})
		{
			($out, $err) = finish_sql($changer);
			is($out, "done\n",
				"$name in $phase, $kind: the change comes after it")
			  or diag($err);
		}
		sql($node, $undo) if $undo;
		record_is(
			  $expected{ends}
			? $kind eq 'call'
				  ? "overall failed 1 $expected{ends}"
				  : ''
			: 'overall succeeded 1',
			"$name in $phase, $kind");
		snapshots_are(
			$node,
			$expected{ends} ? 0 : 1,
			"$name in $phase, $kind");
		is((sql_state_of($node, $statements{$kind}))[0],
			'', "$name in $phase, $kind: then it works");
	}
}

my $save = 'CREATE TABLE public.saved AS TABLE arena.battle;';
my $restore =
  'INSERT INTO arena.battle TABLE public.saved; DROP TABLE public.saved';

sql($node, $save);
change(
	'TRUNCATE of battles', 'reading', 'TRUNCATE arena.battle',
	waits => 1,
	undo => 'INSERT INTO arena.battle TABLE public.saved');
change(
	'TRUNCATE of battles', 'writing', 'TRUNCATE arena.battle',
	waits => 1,
	undo => 'INSERT INTO arena.battle TABLE public.saved');
sql($node, 'DROP TABLE public.saved');

change(
	'a column of battles renamed', 'reading',
	'ALTER TABLE arena.battle RENAME outcome TO result',
	waits => 1,
	undo => 'ALTER TABLE arena.battle RENAME result TO outcome');
change(
	'a column of battles added', 'reading',
	'ALTER TABLE arena.battle ADD place text',
	waits => 1,
	undo => 'ALTER TABLE arena.battle DROP place');
change(
	'the view of battles dropped', 'reading',
	'DROP VIEW arena.leaderboard_battle',
	waits => 1,
	undo =>
	  q{CREATE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
		SELECT * FROM arena.ungated_battle WHERE (SELECT public.pass_gate('reading', NULL))}
);
change(
	'the view of battles replaced', 'reading',
q{CREATE OR REPLACE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
		SELECT * FROM arena.ungated_battle WHERE (SELECT public.pass_gate('reading', NULL)) AND true},
	waits => 1);
change(
	'a column of models renamed', 'reading',
	'ALTER TABLE arena.model RENAME slug TO handle',
	ends => '42703',
	undo => 'ALTER TABLE arena.model RENAME handle TO slug');
change(
	'the type of a column of models changed',
	'reading',
	'ALTER TABLE arena.model ALTER name TYPE text');
change(
	'the entries renamed', 'reading',
	'ALTER TABLE arena.leaderboard_entry RENAME TO entry',
	ends => '42P01',
	undo => 'ALTER TABLE arena.entry RENAME TO leaderboard_entry');
change(
	'the entries renamed', 'writing',
	'ALTER TABLE arena.leaderboard_entry RENAME TO entry',
	ends => '42P01',
	undo => 'ALTER TABLE arena.entry RENAME TO leaderboard_entry');
change(
	'a column of entries renamed', 'writing',
	'ALTER TABLE arena.leaderboard_entry RENAME rank TO place',
	ends => '42703',
	undo => 'ALTER TABLE arena.leaderboard_entry RENAME place TO rank');
change(
	'the type of a column of entries changed',
	'writing',
	'ALTER TABLE arena.leaderboard_entry ALTER rank TYPE bigint',
	undo => 'ALTER TABLE arena.leaderboard_entry ALTER rank TYPE integer');
change(
	'a column of entries added',
	'writing',
	'ALTER TABLE arena.leaderboard_entry ADD remark text',
	undo => 'ALTER TABLE arena.leaderboard_entry DROP remark');
change(
	'a column that must not be null added', 'writing',
	'ALTER TABLE arena.leaderboard_entry ADD remark text NOT NULL',
	ends => '23502',
	undo => 'ALTER TABLE arena.leaderboard_entry DROP remark');
change(
	'a column of snapshots renamed', 'writing',
	'ALTER TABLE arena.leaderboard_snapshot RENAME visibility TO shown',
	waits => 1,
	undo =>
	  'ALTER TABLE arena.leaderboard_snapshot RENAME shown TO visibility');

#
# The application empties its battles while a run wants to read them: it waits, and
# then there are none
#

{
	my $application = $node->background_psql('postgres');
	my ($run, $out, $err);

	start_afresh($node);
	sql($node, $save);
	$application->query_safe('BEGIN; TRUNCATE arena.battle');
	$run = start_sql($node, [ $statements{call} ]);
	wait_for_lock('^CALL');
	$application->query_safe('COMMIT');
	($out, $err) = finish_sql($run);
	is($err, '', 'battles that are gone are no error');
	is_value(
		$node,
		q{SELECT status, skip_reason FROM bixarena.run},
		'skipped|no battles',
		'the run is skipped');
	snapshots_are($node, 0, 'battles that are gone');
	sql($node, $restore);
	$application->quit;
}

#
# The arena is renamed, in the middle of a run and between runs
#

foreach my $kind ('function', 'call', 'worker')
{
	foreach my $phase ('reading', 'writing')
	{
		my $name = "the arena renamed in $phase, $kind";
		my ($run, $id, $out, $err);

		start_afresh($node);
		close_gate($node, $phase);
		if ($kind eq 'worker')
		{
			$id = request($node, 'overall');
		}
		else
		{
			$run = start_sql($node, [ $statements{$kind} ]);
		}
		wait_for_gate();
		sql($node, 'ALTER SCHEMA arena RENAME TO moved');
		open_gate($node);
		if ($kind eq 'worker')
		{
			wait_for_run($node, $id);
			wait_for_no_worker($node);
		}
		else
		{
			($out, $err) = finish_sql($run);
			like($err, qr/^ERROR:  (42P01|3F000): /m, "$name: it ends so");
		}
		is( (   sql_state_of(
					$node, q{SELECT * FROM bixarena_leaderboard('overall')})
			)[0],
			'42704',
			"$name: there is no such arena");
		sql($node, 'ALTER SCHEMA moved RENAME TO arena');
		like(
			record(),
			$kind eq 'function'
			? qr/^$/
			: qr/^overall failed 1 (42P01|3F000)$/,
			"$name: what is on record");
		snapshots_are($node, 0, $name);
		sql($node, $statements{call});
	}
}

# another of the same name has taken its place: the snapshot goes to neither
{
	my ($run, $out, $err);

	sql($node,
q{SELECT bixarena_create_arena('other'), bixarena_simulate_battles(1000, 6, arena => 'other')}
	);
	sql($node, q{ALTER DATABASE postgres SET bixarena_rank.arena = 'arena'});
	start_afresh($node);
	close_gate($node, 'writing');
	$run = start_sql($node, [ $statements{call} ]);
	wait_for_gate();
	sql($node,
'BEGIN; ALTER SCHEMA arena RENAME TO moved; ALTER SCHEMA other RENAME TO arena; COMMIT'
	);
	open_gate($node);
	($out, $err) = finish_sql($run);
	like($err, qr/^ERROR:  23503: /m, 'another arena in its place: it fails');
	is_value(
		$node,
q{SELECT (SELECT count(*) FROM arena.leaderboard_snapshot), (SELECT count(*) FROM arena.leaderboard_entry),
		(SELECT count(*) FROM moved.leaderboard_snapshot), (SELECT count(*) FROM moved.leaderboard_entry)},
		'0|0|0|0',
		'another arena in its place: nothing is written to either');
	sql($node,
'BEGIN; ALTER SCHEMA arena RENAME TO other; ALTER SCHEMA moved RENAME TO arena; COMMIT'
	);
	sql($node, 'DROP SCHEMA other CASCADE');
	sql($node, q{ALTER DATABASE postgres RESET bixarena_rank.arena});
}

# for good: it is registered by its new name, and has its snapshots
{
	start_afresh($node);
	sql($node, $statements{call});
	sql($node, 'ALTER SCHEMA arena RENAME TO moved');
	is((sql_state_of($node, $statements{call}))[0],
		'42704', 'an arena that has been renamed is not found');
	sql($node, q{SELECT bixarena_attach_arena('moved')});
	is_value($node, q{SELECT count(*) FROM bixarena_leaderboard('overall')},
		6, 'attached by its new name, it is');
	sql($node,
q{CREATE OR REPLACE FUNCTION pass_gate_in_writing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'}
	);
	is_value($node, $statements{function}, 'succeeded', 'and gets snapshots');
	is_value(
		$node,
q{SELECT value FROM bixarena_settings() WHERE setting = 'num_bootstrap'},
		1000,
		'the settings of the old name are not its own');
}

#
# The extension itself is dropped in the middle of a call: it waits for the run, and
# the next one finds nothing to be put on record in
#

{
	my ($call, $drop, $out, $err);

	sql($node,
q{CREATE OR REPLACE FUNCTION pass_gate_in_writing() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM public.pass_gate('writing', NULL);
			RETURN NEW;
		END
		$$;
		TRUNCATE moved.leaderboard_snapshot, moved.leaderboard_entry});
	close_gate($node, 'writing');
	$call = start_sql($node,
		[ 'CALL bixarena_generate_snapshots()', q{SELECT 'goes on'} ]);
	wait_for_gate();
	# of a deadlock, which may come of it, the call is the victim
	$drop = start_sql(
		$node,
		[
			q{SET deadlock_timeout = '1 h'},
			'DROP EXTENSION bixarena_rank',
			q{SELECT 'done'}
		]);
	wait_for_lock('^DROP');
	open_gate($node);
	($out, $err) = finish_sql($drop);
	is($out, "done\n", 'the extension is dropped once the run has ended')
	  or diag($err);
	($out, $err) = finish_sql($call);
	like(
		$err,
		qr/^ERROR:  (3F000|42P01|42883): /m,
		'the call ends with an error');
	is($out, "goes on\n", 'and the session goes on');
	sql($node,
q{CREATE EXTENSION bixarena_rank; SELECT bixarena_attach_arena('moved')}
	);
	is_value(
		$node, q{SELECT count(*) FROM bixarena_snapshots('l01')},
		1, 'the snapshot that was made is there');
	is_value(
		$node,
q{SELECT count(*) FROM moved.leaderboard_entry AS e JOIN moved.leaderboard_snapshot AS s
		ON s.id = e.snapshot_id}, 6, 'with its entries, and nothing else');
	sql($node, 'CALL bixarena_generate_snapshots()');
	is_value(
		$node,
		q{SELECT string_agg(status, ' ') FROM bixarena.run},
		'succeeded succeeded',
		'a new extension works');
}

is_value($node, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'},
	0, 'no lock is left');
unlike(
	slurp_file($node->logfile),
	qr/PANIC|terminated by signal/,
	'no process has crashed');

$node->stop;
done_testing();
