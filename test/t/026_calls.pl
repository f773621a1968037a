
# 026_calls.pl
#	  Calls of bixarena_generate_snapshots(): what one that is killed while it reads
#	  leaves, who makes up for it, and what is told of a call; and notices that the
#	  server cannot take, which cost no run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $missing = preload_faults();
my $node = new_arena(
	'calls',
	leaderboards => 4,
	conf => "restart_after_crash = on\n");
my @leaderboards = ('l01', 'l02', 'l03', 'l04', 'overall');
my $all =
q{CALL bixarena_generate_snapshots(trigger_source => 'scheduled', triggered_by => 'the clock')};
my $json = JSON::PP->new->utf8;

sql($node, q{SELECT bixarena_configure('retry_seconds', '0')});

# What is on record, by leaderboard
sub record_is
{
	my ($expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, attempts, error_sqlstate), ', '
		ORDER BY requested_at) FROM bixarena.run}, $expected, $name);
}

# A call that is in the reading of all battles
sub start_reading
{
	my $session;

	close_gate($node, 'reading');
	$session = start_sql($node, [$all]);
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE query ~ '^CALL' AND wait_event = 'PgSleep'}, 'a call reads');
	return $session;
}

sub kill_call
{
	kill_process(
		$node,
		value(
			$node, q{SELECT pid FROM pg_stat_activity WHERE query ~ '^CALL'})
	);
}

#
# Killed while it reads
#

foreach my $next ('CALL bixarena_process_requests()', $all)
{
	my $name = "killed in reading, then $next";
	my $session;

	start_afresh($node);
	$session = start_reading();
	record_is(
		join(', ', map { "$_ running 0" } @leaderboards),
		"$name: all are on record while it reads");
	is_value(
		$node,
q{SELECT count(*) FILTER (WHERE bixarena.run_is_abandoned(correlation_id)), count(DISTINCT call_id)
		FROM bixarena.run}, '0|1', "$name: as at work, and as of one call");
	is_value(
		$node,
q{SELECT status FROM bixarena_health() WHERE check_name = 'abandoned_runs'},
		'ok',
		"$name: health is well");
	sql($node, 'CALL bixarena_process_requests()');
	record_is(
		join(', ', map { "$_ running 0" } @leaderboards),
		"$name: nobody takes them up meanwhile");
	kill_call();
	finish_sql($session);
	record_is(join(', ', map { "$_ running 0" } @leaderboards),
		"$name: they stay on record");
	is_value(
		$node,
q{SELECT bool_and(bixarena.run_is_abandoned(correlation_id)) FROM bixarena.run},
		't',
		"$name: as abandoned");
	is_value(
		$node,
q{SELECT status, figure FROM bixarena_health() WHERE check_name = 'abandoned_runs'},
		'warning|5',
		"$name: health sees it");
	open_gate($node);
	sql($node, $next);
	record_is(join(', ', map { "$_ succeeded 1" } @leaderboards),
		"$name: each is made once");
	snapshots_are($node, 5, $name);
	sql($node, 'CALL bixarena_process_requests()');
	snapshots_are($node, 5, "$name, nothing left");
}

# two calls that were killed, and a leaderboard that is gone since
{
	my ($one, $other);

	start_afresh($node);
	sql($node,
		q{INSERT INTO arena.leaderboard (slug, name) VALUES ('gone', 'Gone')}
	);
	$one = start_reading();
	$other = start_sql($node, [$all]);
	wait_until(
		$node, q{SELECT count(*) = 2 FROM pg_stat_activity
		WHERE query ~ '^CALL' AND wait_event = 'PgSleep'}, 'two calls read');
	is_value($node,
		q{SELECT count(*), count(DISTINCT call_id) FROM bixarena.run},
		'12|2', 'two calls: each has its runs');
	kill_process(
		$node,
		value(
			$node,
			q{SELECT min(pid) FROM pg_stat_activity WHERE query ~ '^CALL'}));
	finish_sql($_) foreach ($one, $other);
	sql($node, q{DELETE FROM arena.leaderboard WHERE slug = 'gone'});
	open_gate($node);
	is((sql_state_of($node, $all))[0],
		'42704',
		'two calls were killed: those of a leaderboard that is gone fail');
	is_value(
		$node,
q{SELECT leaderboard, status, count(*) FROM bixarena.run GROUP BY 1, 2 ORDER BY 1},
"gone|failed|2\nl01|succeeded|2\nl02|succeeded|2\nl03|succeeded|2\nl04|succeeded|2\noverall|succeeded|2",
		'two calls were killed: each run is made once, none besides');
	snapshots_are($node, 10, 'two calls were killed');
}

# a time limit
{
	my ($state);

	start_afresh($node);
	close_gate($node, 'reading');
	($state) = sql_state_of($node, "SET statement_timeout = '1s'; $all");
	is($state, '57014', 'timeout in reading: the call fails');
	record_is(join(', ', map { "$_ failed 0 57014" } @leaderboards),
		'timeout in reading: so do its runs');
	open_gate($node);
	sql($node, 'CALL bixarena_process_requests()');
	snapshots_are($node, 0, 'timeout in reading: nobody makes up for it');
}

#
# What is told of a call
#

# The notices that a session has got
sub notices_of
{
	my ($listener) = @_;
	my $output = $listener->query('SELECT 1');

	return
	  map { $json->decode($_) }
	  $output =~
/^Asynchronous notification "bixarena_rank" with payload "(.*)" received from/mg;
}

{
	my $listener = $node->background_psql('postgres');
	my (@notices, $call, $id);

	$listener->query_safe('LISTEN bixarena_rank');
	start_afresh($node);
	sql($node, $all);
	@notices = notices_of($listener);
	$call = pop @notices;
	$id = value($node, 'SELECT DISTINCT call_id FROM bixarena.run');
	is_deeply([ map { $_->{leaderboard_id} } @notices ],
		\@leaderboards, 'call: a notice of each run');
	is_deeply(
		[ map { $_->{call_id} } @notices ],
		[ ($id) x 5 ],
		'call: which names the call');
	cmp_ok(delete $call->{duration_seconds},
		'>', 0, 'call: the last notice says how long it took');
	ok(delete $call->{timestamp}, 'call: and when it ended');
	is_deeply(
		$call,
		{
			status => 'succeeded',
			trigger_source => 'scheduled',
			triggered_by => 'the clock',
			call_id => $id,
			arena => 'arena',
			run_count => 5,
			succeeded_count => 5,
			skipped_count => 0,
			failed_count => 0,
			failed_leaderboards => []
		},
		'call: and sums it up');

	# which runs besides
	sql($node, q{
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.leaderboard_id IN (SELECT id FROM arena.leaderboard WHERE slug IN ('l02', 'l04')) THEN
				RAISE EXCEPTION 'no pulse';
			END IF;
			RETURN NEW;
		END
		$$;
		CREATE TRIGGER refuse BEFORE INSERT ON arena.leaderboard_snapshot
			FOR EACH ROW EXECUTE FUNCTION refuse();
		SELECT bixarena_configure('enabled', 'false', 'l01')});
	foreach my $which ([ 'all', 6 ], [ 'failed', 3 ], [ 'none', 1 ])
	{
		sql($node, "SELECT bixarena_configure('notify_runs', '$which->[0]')");
		is((sql_state_of($node, $all))[0],
			'P0001', "notify_runs $which->[0]: a call of which two fail");
		@notices = notices_of($listener);
		$call = $notices[-1];
		is(@notices, $which->[1], "notify_runs $which->[0]: so many notices");
		is_deeply(
			[
				map  { $_->{leaderboard_id} }
				grep { $_->{status} eq 'failed' && $_->{correlation_id} }
				  @notices
			],
			$which->[0] eq 'none' ? [] : [ 'l02', 'l04' ],
			"notify_runs $which->[0]: those that failed");
		is_deeply(
			[
				@$call{
					qw(status run_count succeeded_count skipped_count failed_count)
				},
				@{ $call->{failed_leaderboards} }
			],
			[ 'failed', 5, 2, 1, 2, 'l02', 'l04' ],
			"notify_runs $which->[0]: the last sums it up");
	}
	# a run by itself is told whatever is set
	sql($node,
		q{CALL bixarena_generate_snapshots(leaderboard_id => 'overall')});
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	wait_for_run($node, request($node, 'l03'));
	wait_for_no_worker($node);
	@notices = notices_of($listener);
	is_deeply(
		[ map { [ @$_{qw(leaderboard_id status call_id)} ] } @notices ],
		[
			[ 'overall', 'succeeded', undef ],
			[ 'overall', 'succeeded', undef ],
			[ 'l03', 'succeeded', undef ]
		],
		'runs by themselves are told, and no call');
	# history
	sql($node,
		q{CALL bixarena_backfill('overall', '2020-01-01', '2020-01-03')});
	@notices = notices_of($listener);
	is_deeply(
		[ map { [ @$_{qw(run_count skipped_count)} ] } @notices ],
		[ [ 3, 3 ] ],
		'a backfill is summed up');
	sql_state_of($node,
q{CALL bixarena_backfill('l02', now() - interval '2 us', now(), '1 us')}
	);
	@notices = notices_of($listener);
	is_deeply(
		[
			map {
				[
					@$_{qw(run_count failed_count)},
					@{ $_->{failed_leaderboards} }
				]
			} @notices
		],
		[ [ 3, 3, 'l02' ] ],
		'a backfill that fails names its leaderboard once');
	# a dry run, and one that is cancelled
	sql_state_of($node, q{CALL bixarena_generate_snapshots(dry_run => true)});
	is(scalar(() = notices_of($listener)), 0, 'a dry run is not told');
	close_gate($node, 'reading');
	sql_state_of($node, "SET statement_timeout = '1s'; $all");
	open_gate($node);
	@notices = notices_of($listener);
	is_deeply(
		[ map { [ @$_{qw(status run_count failed_count)} ] } @notices ],
		[ [ 'failed', 5, 5 ] ],
		'a call that is cancelled is summed up');
	# a channel of no name
	sql($node, q{SELECT bixarena_configure('notify_channel', '')});
	sql_state_of($node, $all);
	is(scalar(() = notices_of($listener)),
		0, 'without a channel nothing is told');
	sql($node, q{
		SELECT bixarena_configure('notify_channel', NULL);
		SELECT bixarena_configure('notify_runs', NULL);
		SELECT bixarena_configure('enabled', NULL, 'l01');
		DROP FUNCTION refuse CASCADE});

	# many that fail: as much as a notice holds
	sql($node, q{
		ALTER TABLE arena.leaderboard ALTER slug TYPE text;
		INSERT INTO arena.leaderboard (slug, name)
		SELECT n || repeat('"ä', 300), 'More' FROM generate_series(1, 120) AS n;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION 'no pulse';
		END
		$$;
		SELECT bixarena_configure('notify_runs', 'none');
		SELECT bixarena_configure('min_total_battles', '0');
		SELECT bixarena_configure('anchor_model', 'x');
		ALTER TABLE arena.model RENAME TO models});
	sql_state_of($node, $all);
	@notices = notices_of($listener);
	is(scalar @notices, 1, 'many fail: one notice');
	is($notices[0]->{failed_count}, 125, 'many fail: it counts them');
	cmp_ok(scalar @{ $notices[0]->{failed_leaderboards} },
		'>', 1, 'many fail: it names some');
	sql($node, q{
		ALTER TABLE arena.models RENAME TO model;
		DROP FUNCTION refuse;
		DELETE FROM arena.leaderboard WHERE name = 'More';
		SELECT bixarena_configure('anchor_model', NULL);
		SELECT bixarena_configure('min_total_battles', '1');
		SELECT bixarena_configure('notify_runs', NULL)});
	$listener->quit;
}

#
# Notices that the server cannot take
#

# Nothing can be notified any more: from PostgreSQL 17 on since the queue is as
# long as it may be, before since its disk is full
sub fill_queue
{
	fill_disk('pg_notify/') if $node->pg_version < 17;
	foreach my $length (7900, 500, 50, 1)
	{
		my $state = '';

		$state = (
			sql_state_of(
				$node, "SELECT pg_notify('other', repeat('x', $length))"))[0]
		  until $state ne '';
	}
}

SKIP:
{
	my ($listener, $state, $message, $id);

	skip($missing, 1) if $missing && $node->pg_version < 17;
	$node->append_conf('postgresql.conf', 'max_notify_queue_pages = 64')
	  if $node->pg_version >= 17;
	$node->restart;
	start_afresh($node);
	$listener = $node->background_psql('postgres');
	$listener->query_safe('LISTEN bixarena_rank');
	$listener->query_safe('BEGIN');
	$listener->query_safe('SELECT 1');
	fill_queue();

	($state, $message) = sql_state_of($node, $all);
	is($state, '', 'no notice can be sent: a call succeeds');
	is( scalar(() = $message =~ /WARNING:  \w+: a notice could not be sent/g),
		6,
		'no notice can be sent: it warns, for each run and the call');
	record_is(
		join(', ', map { "$_ succeeded 1" } @leaderboards),
		'no notice can be sent: all are on record');
	$id = request($node, 'l01');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1',
		'no notice can be sent: a requested run is made');
	snapshots_are($node, 6, 'no notice can be sent');

	# those that fail
	sql($node, q{ALTER TABLE arena.model RENAME TO models});
	($state, $message) = sql_state_of($node, $all);
	is($state, '42P01',
		'no notice can be sent: a call whose runs fail says why');
	is_value(
		$node,
q{SELECT count(*) FROM bixarena.run WHERE status = 'failed' AND error_sqlstate = '42P01'},
		5,
		'no notice can be sent: failures are on record');
	sql($node, q{ALTER TABLE arena.models RENAME TO model});

	# in the caller's transaction
	($state, $message) =
	  sql_state_of($node, q{SELECT bixarena_generate_snapshot('overall')});
	if ($node->pg_version >= 17)
	{
		is($state, '',
			'no notice can be sent: a snapshot of the caller is made');
		like(
			$message,
			qr/WARNING:  53000: the end of the run is not notified/,
			'no notice can be sent: with a warning');
		snapshots_are($node, 7, 'no notice can be sent: the caller');
	}
	else
	{
		is($state, '53100',
			'no disk for notices: the transaction of the caller fails');
		snapshots_are($node, 6, 'no disk for notices: the caller');
		sql($node, q{SELECT bixarena_configure('notify_channel', '')});
		sql($node, q{SELECT bixarena_generate_snapshot('overall')});
		sql($node, q{SELECT bixarena_configure('notify_channel', NULL)});
		snapshots_are($node, 7, 'no disk for notices: without a channel');
	}

	# there is room again
	free_disk() if $node->pg_version < 17;
	$listener->query_safe('COMMIT');
	notices_of($listener);
	start_afresh($node);
	($state, $message) = sql_state_of($node, $all);
	is("$state$message", '', 'there is room again: a call says nothing');
	is(scalar(() = notices_of($listener)),
		6, 'there is room again: all is told');
	$listener->quit;
}

#
# A text is never cut inside a character
#

{
	my $slug = 'a' x 79 . "\xc3\xa4" x 20;
	my ($state, $message, $shown);
	local $ENV{PGCLIENTENCODING} = 'LATIN1';

	start_afresh($node);
	# the slug is given in bytes of UTF-8
	sql($node,
qq{SET client_encoding = 'UTF8'; INSERT INTO arena.leaderboard (slug, name) VALUES ('$slug', 'Long')}
	);
	($state, $message) = sql_state_of(
		$node, q{SET bixarena_rank.progress = on; DO $$
		DECLARE
			long text := slug FROM arena.leaderboard WHERE name = 'Long';
		BEGIN
			PERFORM pg_sleep(2.1);
			CALL bixarena_generate_snapshots(leaderboard_id => long);
		END $$});
	is($state, '', 'progress told to a client of another encoding');
	like(
		$message,
		qr/NOTICE:  00000: a{79}( \(1 of 1\))?: reading battles/,
		'the slug is cut before a character');

	close_gate($node, 'reading');
	sql($node,
q{SELECT bixarena_request_snapshot((SELECT slug FROM arena.leaderboard WHERE name = 'Long'))}
	);
	wait_until(
		$node, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker' AND wait_event = 'PgSleep'},
		'the worker reads');
	$shown = sql($node,
q{SELECT query FROM pg_stat_activity WHERE backend_type = 'bixarena_rank worker'}
	);
	is( $shown,
		'bixarena_rank: ' . 'a' x 79 . ': reading battles',
		'pg_stat_activity can be read');
	open_gate($node);
	wait_for_no_worker($node);
	sql($node, q{DELETE FROM arena.leaderboard WHERE name = 'Long'});
}

# it is told again once two seconds have passed
{
	my $statement = q{DO $$
		BEGIN
			FOR i IN 1..2 LOOP
				PERFORM pg_sleep(2.1);
				PERFORM bixarena_generate_snapshot('overall', 10, dry_run => true);
			END LOOP;
		END $$};
	my ($state, $message) =
	  sql_state_of($node, "SET bixarena_rank.progress = on; $statement");
	my @told = $message =~ /NOTICE:  00000: overall: reading battles/g;

	is(@told, 2, 'progress is told every two seconds');
	($state, $message) =
	  sql_state_of($node, "SET bixarena_rank.progress = off; $statement");
	unlike($message, qr/reading battles/, 'and not where it is turned off');
}

#
# Prepared transactions
#

$node->append_conf('postgresql.conf', 'max_prepared_transactions = 2');
$node->restart;
start_afresh($node);
is( (   sql_state_of(
			$node,
q{BEGIN; SELECT bixarena_generate_snapshot('overall'); PREPARE TRANSACTION 'one'}
		))[0],
	'0A000',
	'a transaction with a notice cannot be prepared');
sql($node, q{SELECT bixarena_configure('notify_channel', '')});
sql($node,
q{BEGIN; SELECT bixarena_generate_snapshot('overall'); PREPARE TRANSACTION 'one'}
);
snapshots_are($node, 0, 'prepared');
sql($node, q{COMMIT PREPARED 'one'});
snapshots_are($node, 1, 'one without can, and is committed');

$node->stop;
done_testing();
