
# 033_wire.pl
#	  An arena on another server, and a wire between the two that breaks: nothing
#	  half, nothing twice, and all of it on record.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use RemoteTest;
use Test::More;
use WireProxy;

plan skip_all => can_be_remote() if can_be_remote();

my $far = new_far('far', 'api');
my $wire = WireProxy->new($far->port);
my $node = new_rank_node('node', $wire);

attach_far($node, $far, 'api');

# No runs and no snapshots
sub start_over
{
	$wire->restore;
	wait_for_no_worker($node);
	$far->safe_psql('postgres',
		'TRUNCATE api.leaderboard_snapshot, api.leaderboard_entry');
	sql($node, 'TRUNCATE bixarena.run');
	return;
}

# A call for all, its SQLSTATE and messages
sub call_all
{
	return sql_state_of($node, 'CALL bixarena_generate_snapshots()');
}

my $good = 'skipped 1, succeeded 20';

#
# A call for all leaderboards
#

is((call_all())[0], '', 'a call on a wire that holds');
is(runs_and_snapshots($node), $good, 'all leaderboards are made');
all_is_exact($node, $far, 'a wire that holds');
is_value(
	$node, q{SELECT count(*) FROM bixarena.run
	WHERE status = 'succeeded' AND snapshot_id <> correlation_id}, '0',
	'the id of a snapshot is that of its run');

# at each statement, before it is carried out and after; some of them at first, and
# once snapshots are written
my $write = 'UPDATE bixarena_node.snapshot_writer';
my $insert = 'INSERT INTO api.leaderboard_entry';

foreach my $point (
	['START TRANSACTION'], ['SAVEPOINT'],
	['DECLARE'], ['RELEASE SAVEPOINT'],
	['COMMIT TRANSACTION'], [$write],
	[ 'RELEASE SAVEPOINT', $write ], [ 'COMMIT TRANSACTION', $write ])
{
	foreach my $when ('before', 'after')
	{
		my $statement = join ' after ', @$point;

		start_over();
		$wire->cut_on($point->[0], $when, $point->[1] // ());
		is((call_all())[0], '', "cut $when $statement: the call succeeds");
		is($wire->has_happened, 1, "cut $when $statement: it was cut");
		is(runs_and_snapshots($node),
			$good, "cut $when $statement: all leaderboards are made");
		all_is_exact($node, $far, "cut $when $statement");
	}
}

# a snapshot of the past is written by more than one statement
foreach my $point (
	['INSERT INTO api.leaderboard_snapshot'],
	[$insert],
	[ 'RELEASE SAVEPOINT', $insert ],
	[ 'COMMIT TRANSACTION', $insert ])
{
	foreach my $when ('before', 'after')
	{
		my $statement = join ' after ', @$point;

		start_over();
		$wire->cut_on($point->[0], $when, $point->[1] // ());
		is( (   sql_state_of(
					$node,
q{CALL bixarena_backfill('overall', now() - interval '1 day', now() - interval '1 day', '1 day')}
				))[0],
			'',
			"backfill, cut $when $statement");
		is($wire->has_happened, 1,
			"backfill, cut $when $statement: it was cut");
		is(runs_and_snapshots($node),
			'succeeded 1', "backfill, cut $when $statement: it is made");
		all_is_exact($node, $far, "backfill, cut $when $statement");
	}
}

# the commit of a snapshot itself
foreach my $when ('before', 'after')
{
	my $made = start_over();
	my ($state, $second);

	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_safe('BEGIN');
	$session->query_safe(
		q{SELECT status FROM bixarena_generate_snapshot('surgery')});
	$wire->cut_on('COMMIT TRANSACTION', $when);
	$session->query('COMMIT');
	$session->quit;
	is($wire->has_happened, 1, "function, cut $when its commit");
	is( runs_and_snapshots($node),
		'succeeded 1',
"function, cut $when its commit: the caller's transaction is rolled back"
	);
	is( scalar(split /\n/, far_snapshots($far)),
		$when eq 'after' ? 2 : 1,
		"function, cut $when its commit: what the far side has");
	sql($node, q{SELECT bixarena_generate_snapshot('oncology')});
	all_is_exact($node, $far,
		"function, cut $when its commit, after the next");
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, triggered_by, entry_count, evaluation_count), ', ' ORDER BY leaderboard)
		FROM bixarena.run WHERE triggered_by IS NOT NULL},
		$when eq 'after' ? 'surgery found without a run 22 280' : '',
		"function, cut $when its commit: what was found is on record");
}

# whoever asks again with the same correlation_id is told that it has been made
start_over();
{
	my $id = '00000000-0000-4000-8000-000000000001';
	my $again =
qq{SELECT bixarena_generate_snapshot('surgery', correlation_id => '$id')};

	$wire->cut_on('COMMIT TRANSACTION', 'after', $write);
	isnt((sql_state_of($node, $again))[0],
		'', 'with a correlation_id: the commit is not seen');
	my ($state, $messages) = sql_state_of($node, $again);

	is($state, '23505', 'with a correlation_id: it is taken');
	like(
		$messages,
		qr/there is a run with correlation_id $id already/,
		'with a correlation_id: the message says so');
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	all_is_exact($node, $far, 'with a correlation_id, after the next');
}

# a commit that is only on its way when the next attempt looks for it cannot be told
# from here: the server lets one of the two be.  A run whose attempts are used up
# has failed, and the next call sees what became of it.
start_over();
sql($node, q{SELECT bixarena_configure('max_attempts', '1')});
{
	# the first commit is that of the names, the second of the battles
	my ($state) = call_all();
	is($state, '', 'one attempt on a wire that holds');
	start_over();
	$wire->cut_on('COMMIT TRANSACTION', 'after', $write);
	sql_state_of($node,
		q{CALL bixarena_generate_snapshots(leaderboard_id => 'overall')});
	is(runs_and_snapshots($node),
		'failed 1', 'a run without another attempt has failed');
	call_all();
	all_is_exact($node, $far, 'after the call that sees it');
	is_value(
		$node, q{SELECT count(*) FROM bixarena.run WHERE status = 'failed'},
		'0', 'the run that has a snapshot has succeeded after all');
}

# so it is with a snapshot of the past, whose date does not tell that it is new
start_over();
$wire->cut_on('COMMIT TRANSACTION', 'after', $insert);
sql_state_of($node,
	q{CALL bixarena_backfill('overall', '2026-03-01', '2026-03-01', '1 day')}
);
is(runs_and_snapshots($node),
	'failed 1', 'a run of the past without another attempt has failed');
sql($node, q{SELECT bixarena_generate_snapshot('surgery')});
all_is_exact($node, $far, 'a run of the past, after the call that sees it');
is(runs_and_snapshots($node),
	'succeeded 2', 'the run of the past has succeeded after all');
sql($node, q{SELECT bixarena_configure('max_attempts', NULL)});

# an old snapshot that somebody publishes is no new one
start_over();
$far->safe_psql(
	'postgres', q{
	INSERT INTO api.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at, updated_at)
	SELECT id, 'old', 'private', now() - interval '1 year', now() - interval '1 year'
	FROM api.leaderboard WHERE slug = 'surgery'});
sql($node, q{SELECT bixarena_generate_snapshot('overall')});
sql($node,
q{SELECT bixarena_update_snapshot('surgery', 'old', visibility => 'public')}
);
sql($node, q{SELECT bixarena_generate_snapshot('overall')});
is_value($node,
	q{SELECT count(*) FROM bixarena.run WHERE leaderboard = 'surgery'},
	'0', 'an old snapshot that is published is not taken for a new one');

# whereas what another program makes is on record
$far->safe_psql(
	'postgres', q{
	INSERT INTO api.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility)
	SELECT id, 'new', 'public' FROM api.leaderboard WHERE slug = 'surgery'});
sql($node, q{SELECT bixarena_generate_snapshot('overall')}) foreach 1 .. 2;
is_value(
	$node,
q{SELECT string_agg(concat_ws(' ', snapshot_identifier, triggered_by), ', ') FROM bixarena.run WHERE leaderboard = 'surgery'},
	'new found without a run',
	'one of another program is put on record, once');

#
# The far side is away
#

start_over();
$wire->refuse;
{
	my ($state, $messages) = call_all();

	is($state, '08001', 'far side away: the call fails');
	is(runs_and_snapshots($node), 'failed 1', 'a run on record has failed');
	is_value(
		$node,
q{SELECT concat_ws(' ', leaderboard, attempts, error_sqlstate) FROM bixarena.run},
		'overall 3 08001',
		'it was tried again');
	unlike($messages, qr/password/, 'no message has a secret');

	# of one leaderboard
	sql_state_of($node,
		q{CALL bixarena_generate_snapshots(leaderboard_id => 'surgery')});
	is_value(
		$node,
q{SELECT concat_ws(' ', status, attempts, error_sqlstate) FROM bixarena.run WHERE leaderboard = 'surgery'},
		'failed 3 08001',
		'so it is with one leaderboard');

	# health tells, and metrics of others go on
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', check_name, status), ', ' ORDER BY check_name) FROM bixarena_health()
		WHERE check_name IN ('far_side', 'failed_runs')},
		'failed_runs warning, far_side critical', 'health tells of it');
	sql($node, q{SELECT bixarena_create_arena('here')});
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', labels->>'arena', value), ', ' ORDER BY labels->>'arena')
		FROM bixarena.metrics WHERE name = 'bixarena_arena_up'},
		'api 0, here 1', 'metrics go on');
	is_value(
		$node,
q{SELECT value FROM bixarena.metrics WHERE name = 'bixarena_failed_runs' AND labels->>'arena' = 'api'},
		'2',
		'also those of the record');
	sql($node, q{DELETE FROM bixarena.arena WHERE name = 'here'});
}
$wire->restore;
is((call_all())[0], '', 'the far side is back');
all_is_exact($node, $far, 'the far side is back');
is_value($node,
	q{SELECT status FROM bixarena_health() WHERE check_name = 'far_side'},
	'ok', 'health is well');

# what the last call had is on record as failed; the far side is given up once
$wire->refuse;
is((call_all())[0], '08001', 'far side away again');
is_value(
	$node,
q{SELECT string_agg(concat_ws(' ', n, attempts, status), ', ' ORDER BY attempts) FROM
	(SELECT attempts, status, count(*) AS n FROM bixarena.run
	WHERE call_id = (SELECT call_id FROM bixarena.run ORDER BY requested_at DESC LIMIT 1) GROUP BY 1, 2) AS r},
	'20 1 failed, 1 3 failed',
	'each leaderboard has a run that failed, and the first was tried again');
start_over();

# it restarts in the middle
{
	sql($node, q{SELECT bixarena_configure('retry_seconds', '1')});
	$wire->swallow_on($write, 'before');
	my $session = start_sql($node, ['CALL bixarena_generate_snapshots()']);

	for (1 .. 1000)
	{
		last if $wire->has_happened;
		Time::HiRes::sleep(0.05);
	}
	$far->restart;
	$wire->restore;
	my ($out, $err) = finish_sql($session);
	unlike($err, qr/ERROR/,
		'far side restarted in the middle: the call succeeds');
	is(runs_and_snapshots($node), $good, 'all leaderboards are made');
	all_is_exact($node, $far, 'far side restarted in the middle');
	sql($node, q{SELECT bixarena_configure('retry_seconds', '0')});
}

# the node is killed in the middle: at the commit, which the far side carries out
foreach my $when ('before', 'after')
{
	start_over();
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	my $call;

	$wire->swallow_on($write, $when);
	$call = start_sql($node, ['CALL bixarena_generate_snapshots()']);
	for (1 .. 1000)
	{
		last if $wire->has_happened;
		Time::HiRes::sleep(0.05);
	}
	$node->stop('immediate');
	finish_sql($call);
	$wire->restore;
	$node->start;
	is((call_all())[0], '',
		"node killed, $when an insertion: the next call succeeds");
	all_is_exact($node, $far, "node killed, $when an insertion");
}

#
# Conflicts on the far side, whose transactions are at repeatable read
#

start_over();
$far->safe_psql(
	'postgres', q{
	CREATE TABLE public.conflict (times integer);
	INSERT INTO public.conflict VALUES (2);
	CREATE SEQUENCE public.tries;
	CREATE FUNCTION public.conflict() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		IF nextval('public.tries') <= (SELECT times FROM public.conflict) THEN
			RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
		END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER conflict BEFORE INSERT ON api.leaderboard_entry
		FOR EACH STATEMENT EXECUTE FUNCTION public.conflict()});
is( (   sql_state_of(
			$node,
			q{CALL bixarena_generate_snapshots(leaderboard_id => 'overall')})
	)[0],
	'',
	'a conflict on the far side is tried again');
is_value($node, q{SELECT concat_ws(' ', status, attempts) FROM bixarena.run},
	'succeeded 3', 'twice');
all_is_exact($node, $far, 'a conflict on the far side');
$far->safe_psql('postgres', 'DROP TRIGGER conflict ON api.leaderboard_entry');

# a leaderboard that cannot be stored does not stop the others, which are then made
# one by one
start_over();
$far->safe_psql(
	'postgres', q{
	CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		RAISE EXCEPTION 'no surgery' USING ERRCODE = 'P0001';
	END $$;
	CREATE TRIGGER refuse BEFORE INSERT ON api.leaderboard_snapshot
		FOR EACH ROW WHEN (NEW.leaderboard_id = md5('leaderboard surgery')::uuid)
		EXECUTE FUNCTION public.refuse()});
{
	my ($state, $messages) = call_all();

	is($state, 'P0001',
		'a leaderboard that cannot be stored: the call says so');
	like($messages, qr/1 of 21 runs failed/, 'and how many');
	is( runs_and_snapshots($node),
		'failed 1, skipped 1, succeeded 19',
		'the others are made');
	all_is_exact($node, $far, 'a leaderboard that cannot be stored');
}
$far->safe_psql('postgres',
	'DROP TRIGGER refuse ON api.leaderboard_snapshot');

#
# Retention asks the far side
#

start_over();
sql($node, q{SELECT bixarena_configure('keep_snapshots', '2')});
sql($node, q{SELECT bixarena_generate_snapshot('overall')}) foreach 1 .. 4;
is(scalar(split /\n/, far_snapshots($far)),
	2, 'old snapshots are deleted on the far side');
is( $far->safe_psql(
		'postgres',
		'SELECT count(DISTINCT snapshot_id) FROM api.leaderboard_entry'),
	2,
	'and their entries with them');
$far->safe_psql('postgres',
	'REVOKE DELETE ON api.leaderboard_snapshot FROM bixarena_node');
is( (sql_state_of($node, q{SELECT bixarena_generate_snapshot('overall')}))[0],
	'',
	'without the right to delete a snapshot is made');
is(scalar(split /\n/, far_snapshots($far)), 3, 'and none is deleted');
$far->safe_psql(
	'postgres', q{
	GRANT DELETE ON api.leaderboard_snapshot TO bixarena_node;
	ALTER TABLE api.leaderboard_entry DROP CONSTRAINT leaderboard_entry_snapshot_id_fkey}
);
sql($node, q{SELECT bixarena_generate_snapshot('overall')});
is(scalar(split /\n/, far_snapshots($far)), 4,
	'nor where entries would stay');
$far->safe_psql(
	'postgres', q{
	ALTER TABLE api.leaderboard_entry ADD CONSTRAINT leaderboard_entry_snapshot_id_fkey
		FOREIGN KEY (snapshot_id) REFERENCES api.leaderboard_snapshot ON DELETE CASCADE}
);
sql($node, q{SELECT bixarena_generate_snapshot('overall')});
is(scalar(split /\n/, far_snapshots($far)),
	2, 'and are, once they go with it');
sql($node, q{SELECT bixarena_configure('keep_snapshots', NULL)});

#
# A cancel while the far side is busy: it is heard there, too
#

sub busy_there
{
	return $far->safe_psql('postgres',
q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'bixarena_node' AND state = 'active'}
	);
}

{
	start_over();
	my $holder = $far->background_psql('postgres', on_error_stop => 1);

	$holder->query_safe('BEGIN; LOCK TABLE api.battle_evaluation');
	my $session =
	  start_sql($node, [q{SELECT bixarena_generate_snapshot('overall')}]);

	for (1 .. 1000)
	{
		last if busy_there();
		Time::HiRes::sleep(0.05);
	}
	my $since = Time::HiRes::time();

	# nobody lets go of the lock until the cancel has been heard
	sql($node,
q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT bixarena_gen'}
	);
	my ($out, $err) = finish_sql($session);

	like($err, qr/ 57014: /, 'a cancel is heard while the far side is busy');
	note(sprintf 'after %.3f s', Time::HiRes::time() - $since);
	is(busy_there(), '0', 'and there');
	$holder->quit;
}

#
# A cancel while the far side says nothing
#

{
	start_over();
	$wire->swallow_on('DECLARE', 'before');
	my $session =
	  start_sql($node, [q{SELECT bixarena_generate_snapshot('overall')}]);

	for (1 .. 1000)
	{
		last if $wire->has_happened;
		Time::HiRes::sleep(0.05);
	}
	my $since = time;
	sql($node,
q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT bixarena_gen'}
	);
	# up to a minute and more on a network that swallows everything
	$wire->restore;
	my ($out, $err) = finish_sql($session);
	like($err, qr/ 57014: /, 'a cancel is heard');
	note(sprintf 'after %.1f s', time - $since);
}

$wire->restore;
is((call_all())[0], '', 'after all of that a call succeeds');
$node->stop;
$far->stop;
done_testing();
