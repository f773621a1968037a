
# 019_replicas.pl
#	  Standbys and subscribers: what reads works there and what writes says that
#	  it cannot, and whoever reads a leaderboard while it is replaced sees all of
#	  a snapshot.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $primary = new_arena(
	'primary',
	streaming => 'logical',
	leaderboards => 2,
	conf => "max_connections = 30\nlog_statement = none\n");
my $standby = PostgreSQL::Test::Cluster->new('standby');

$primary->backup('base');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->start;

sub catch_up
{
	$primary->wait_for_catchup('standby', 'replay');
}

sql($primary, q{SELECT bixarena_configure('notify_channel', '')});
sql($primary, q{CALL bixarena_generate_snapshots()});
catch_up();

#
# Reading on a standby, all of it, as on the primary
#

my $snapshot = value($primary,
	q{SELECT snapshot_identifier FROM bixarena_snapshots('overall')});
my @reading = (
q{SELECT * FROM bixarena_rank('arena.ungated_battle', 10, model1 => 'model1_id', model2 => 'model2_id')},
	q{SELECT * FROM bixarena_settings()},
	q{SELECT * FROM bixarena_leaderboard('overall')},
	q{SELECT * FROM bixarena_snapshots('overall')},
	q{SELECT * FROM bixarena_model_history('overall', 'simulated-0001')},
qq{SELECT * FROM bixarena_compare_snapshots('overall', '$snapshot', '$snapshot')},
	q{SELECT * FROM bixarena_matchups('overall')},
	q{SELECT bixarena_leaderboard_svg('overall')},
	q{SELECT bixarena_history_svg('overall')},
	q{SELECT bixarena_matchups_svg('overall')},
	q{SELECT bixarena_report('overall')},
	q{SELECT * FROM bixarena_runs()},
q{SELECT bixarena_slack_message(correlation_id) FROM bixarena.run ORDER BY requested_at},
q{SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', dry_run => true)}
);

foreach my $query (@reading)
{
	my ($name) = $query =~ /(bixarena_\w+)/;
	my $expected = value($primary, $query);

	is_value($standby, $query, $expected,
		"standby: $name is what it is on the primary");
	isnt($expected, '', "standby: $name is something");
}

{
	my ($state, $message) = sql_state_of($standby,
		q{CALL bixarena_generate_snapshots(dry_run => true)});

	is($state, '', 'standby: a dry run of all leaderboards');
	like(
		$message,
		qr/NOTICE:  00000: leaderboard "overall" would have \d+ entries from/,
		'standby: it tells results');
}

# these tell the time too
foreach my $query (
	q{SELECT count(*) FROM bixarena_health()},
	q{SELECT length(bixarena_runs_report()) > 1000},
q{SELECT count(*) FROM bixarena.metrics WHERE name <> 'bixarena_abandoned_runs'},
	q{SELECT value FROM bixarena.metrics WHERE name = 'bixarena_arena_up'})
{
	is_value($standby, $query, value($primary, $query), "standby: $query");
}

#
# Writing on a standby
#

my $standby_size = value($standby, q{SELECT pg_last_wal_replay_lsn()});

foreach my $statement (
	q{SELECT bixarena_create_arena('another')},
	q{SELECT bixarena_attach_arena('arena')},
	q{SELECT bixarena_configure('seed', '7')},
	q{SELECT bixarena_simulate_battles(10)},
	q{SELECT bixarena_generate_snapshot('overall')},
	q{CALL bixarena_generate_snapshots()},
q{CALL bixarena_backfill('overall', now() - interval '2 days', now() - interval '1 day', '1 day')},
	q{SELECT bixarena_request_snapshot('overall')},
	q{CALL bixarena_process_requests()},
	qq{SELECT bixarena_update_snapshot('overall', '$snapshot', 'private')},
	qq{SELECT bixarena_delete_snapshot('overall', '$snapshot')},
	q{SELECT bixarena_grant(current_user, 'reader')},
	q{SELECT bixarena_revoke(current_user, 'reader')})
{
	my ($name) = $statement =~ /(bixarena_\w+)/;
	my ($state, $message) = sql_state_of($standby, $statement);

	is($state, '25006', "standby: $name cannot write") or diag($message);
	like(
		$message,
		qr/read-only transaction|during recovery/,
		"standby: $name says so");
}
is_value(
	$standby,
	q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'bixarena'},
	0,
	'standby: no worker is started');
is_value($standby,
	q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'},
	0, 'standby: no lock is left');
is_value($standby, qq{SELECT pg_last_wal_replay_lsn() >= '$standby_size'},
	't', 'standby: it goes on replaying');

#
# A run that somebody works at on the primary: a standby does not know the
# primary's locks, and cannot tell that it is abandoned
#

{
	my $id;

	close_gate($primary, 'writing');
	$id = request($primary, 'overall');
	wait_until(
		$primary, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker' AND wait_event = 'PgSleep'});
	catch_up();
	run_is($standby, $id, 'running 1',
		'standby: a run of the primary is running');
	is_value(
		$standby, "SELECT bixarena.run_is_abandoned('$id') IS NULL",
		't', 'standby: whether it is abandoned is unknown');
	is_value(
		$standby,
q{SELECT status, figure, message FROM bixarena_health() WHERE check_name = 'abandoned_runs'},
		'ok||a standby cannot tell which runs are worked at',
		'standby: bixarena_health() says so');
	is_value(
		$standby,
q{SELECT count(*) FROM bixarena.metrics WHERE name = 'bixarena_abandoned_runs'},
		0,
		'standby: the metric is absent');
	is_value(
		$primary,
q{SELECT status, figure FROM bixarena_health() WHERE check_name = 'abandoned_runs'},
		'ok|0',
		'primary: it is worked at');
	is_value(
		$primary,
q{SELECT value FROM bixarena.metrics WHERE name = 'bixarena_abandoned_runs'},
		0,
		'primary: the metric is there');
	open_gate($primary);
	wait_for_run($primary, $id);
	wait_for_no_worker($primary);
}

#
# Logical replication of the results, to a server with the extension, where they
# are read as here, and to one without
#

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');

$subscriber->init(
	extra => [ '--encoding=UTF8', '--locale=C' ],
	allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf',
	"max_connections = 30\nlog_statement = none\n");
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE DATABASE plain');
sql($subscriber, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	DELETE FROM arena.leaderboard});
$subscriber->safe_psql(
	'plain', q{
	CREATE SCHEMA arena;
	CREATE TABLE arena.leaderboard_snapshot (id uuid PRIMARY KEY, leaderboard_id uuid,
		snapshot_identifier text, description text, visibility text,
		created_at timestamptz, updated_at timestamptz);
	CREATE TABLE arena.leaderboard_entry (id uuid PRIMARY KEY, leaderboard_id uuid,
		model_id uuid, snapshot_id uuid, bt_score numeric, vote_count integer,
		rank integer, bootstrap_q025 numeric, bootstrap_q975 numeric, created_at timestamptz)}
);
sql($primary, q{
	CREATE PUBLICATION results FOR TABLE arena.leaderboard_snapshot, arena.leaderboard_entry;
	CREATE PUBLICATION names FOR TABLE arena.model, arena.leaderboard});
my $connection = $primary->connstr . ' dbname=postgres';
sql($subscriber,
"CREATE SUBSCRIPTION with_names CONNECTION '$connection' PUBLICATION results, names"
);
$subscriber->safe_psql('plain',
"CREATE SUBSCRIPTION without_names CONNECTION '$connection' PUBLICATION results"
);
$subscriber->wait_for_subscription_sync($primary, 'with_names');
$subscriber->wait_for_subscription_sync($primary, 'without_names', 'plain');

# All that there is of the results, told apart from anything else
my $digest =
q{SELECT (SELECT count(*) FROM arena.leaderboard_snapshot), (SELECT count(*) FROM arena.leaderboard_entry),
	md5((SELECT string_agg(concat_ws('|', id, leaderboard_id, snapshot_identifier, description, visibility,
		created_at, updated_at), ';' ORDER BY id) FROM arena.leaderboard_snapshot)
	|| (SELECT string_agg(concat_ws('|', id, leaderboard_id, model_id, snapshot_id, bt_score, vote_count, rank,
		bootstrap_q025, bootstrap_q975, created_at), ';' ORDER BY id) FROM arena.leaderboard_entry))};

sub same_everywhere
{
	my ($name) = @_;
	my $expected;

	$primary->wait_for_catchup('with_names');
	$primary->wait_for_catchup('without_names');
	catch_up();
	$expected = value($primary, $digest);
	is_value($standby, $digest, $expected, "$name: the standby has the same");
	is_value($subscriber, $digest, $expected,
		"$name: a subscriber has the same");
	is($subscriber->safe_psql('plain', $digest),
		$expected, "$name: one without the extension too");
	is_value(
		$subscriber,
		q{SELECT * FROM bixarena_leaderboard('overall')},
		value($primary, q{SELECT * FROM bixarena_leaderboard('overall')}),
		"$name: and is read as the primary is");
}

same_everywhere('copied');
sql($primary, 'CALL bixarena_generate_snapshots()');
same_everywhere('generated');
sql($primary,
qq{SELECT bixarena_update_snapshot('overall', '$snapshot', 'private', 'hidden')}
);
same_everywhere('hidden');
sql($primary, qq{SELECT bixarena_delete_snapshot('overall', '$snapshot')});
same_everywhere('deleted');
sql($primary, q{SELECT bixarena_configure('keep_snapshots', '2')});
sql($primary, 'CALL bixarena_generate_snapshots()');
same_everywhere('retained');

#
# Readers in a loop while the leaderboard is replaced many times, on the primary,
# the standby and the subscriber.  Each time another number of models is ranked,
# and each snapshot is to be seen with all of its entries: the battles of each model
# tell how many there are.
#

{
	my $rounds = $ENV{BIXARENA_REPLACEMENTS} || 200;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my %readers;

	# who reads anything but a whole snapshot fails
	append_to_file(
		"$folder/read.sql", q{
		SELECT 1 / (count(*) BETWEEN 4 AND 6 AND count(*) = max(total_count)
			AND count(DISTINCT snapshot_identifier) = 1
			AND min(rank) = 1 AND max(rank) <= count(*)
			AND min(vote_count) = 200 * count(*) AND max(vote_count) = 200 * count(*))::integer
		FROM bixarena_leaderboard('overall', lookback => '0');
	});
	# rings of N models, N times 100 battles between neighbours
	sql($primary, q{
		CREATE TABLE ring AS SELECT 5 AS size;
		CREATE TABLE ring_battle AS
		SELECT size, a.id AS model1_id, b.id AS model2_id,
			CASE WHEN n % 3 = i % 2 THEN 'model1' ELSE 'model2' END AS outcome
		FROM generate_series(4, 6) AS size, generate_series(1, size) AS i,
			generate_series(1, 100 * size) AS n, arena.model AS a, arena.model AS b
		WHERE a.slug = format('simulated-%s', lpad(i::text, 4, '0'))
			AND b.slug = format('simulated-%s', lpad((i % size + 1)::text, 4, '0'));
		CREATE OR REPLACE VIEW arena.leaderboard_battle AS
		SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome,
			NULL::uuid AS voter_id, now() AS created_at, NULL::uuid AS battle_id
		FROM public.ring_battle WHERE size = (SELECT r.size FROM public.ring AS r);
		SELECT bixarena_generate_snapshot('overall')});
	same_everywhere('replaced once');

	foreach my $node ($primary, $standby, $subscriber)
	{
		my $reader = { out => '', err => '' };

		$reader->{run} = IPC::Run::start(
			[
				'pgbench', '-n', '-c', 1, '-R', 200, '-T', 600, '-f',
				"$folder/read.sql",
				$node->connstr . ' dbname=postgres application_name=reader'
			],
			'>' => \$reader->{out},
			'2>' => \$reader->{err});
		$readers{ $node->name } = $reader;
	}
	foreach my $node ($primary, $standby, $subscriber)
	{
		wait_until($node,
q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'reader'}
		);
	}
	sql($primary, qq{
		DO \$\$
		BEGIN
			FOR n IN 1 .. $rounds LOOP
				UPDATE public.ring SET size = 4 + n % 3;
				COMMIT;
				PERFORM bixarena_generate_snapshot('overall');
				COMMIT;
			END LOOP;
		END
		\$\$});
	same_everywhere("replaced $rounds times");
	foreach my $node ($primary, $standby, $subscriber)
	{
		my $name = $node->name;
		my $reader = $readers{$name};
		my $reads;

		is_value(
			$node,
q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reader'},
			1,
			"$name: the reader has seen whole snapshots only"
		) or diag($reader->{err});
		is_value($primary,
			q{SELECT count(*) FROM bixarena_snapshots('overall')},
			2, "$name: while old ones were deleted");
		# its number of reads, from the server; it is ended by its connection
		$reads = value(
			$node,
q{SELECT sum(pg_terminate_backend(pid)::integer) FROM pg_stat_activity
			WHERE application_name = 'reader'});
		$reader->{run}->finish;
		unlike(
			$reader->{err},
			qr/division by zero/,
			"$name: none was a part of one") or diag($reader->{err});
		($reads) = $reader->{out} =~
		  /number of transactions actually processed: (\d+)/;
		note("$name: $reads reads") if defined $reads;
		cmp_ok($reads // 0, '>', 0, "$name: there were reads");
	}
}

#
# A standby becomes a primary: runs that were at work are taken up there
#

{
	my $id;

	sql($primary,
q{CREATE OR REPLACE VIEW arena.leaderboard_battle AS SELECT * FROM arena.ungated_battle;
		SELECT bixarena_simulate_battles(1000, 6), bixarena_configure('keep_snapshots', NULL)}
	);
	close_gate($primary, 'writing');
	$id = request($primary, 'overall');
	wait_until(
		$primary, q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker' AND wait_event = 'PgSleep'});
	catch_up();
	$primary->stop('immediate');
	$standby->promote;
	is_value(
		$standby, "SELECT bixarena.run_is_abandoned('$id')",
		't', 'promoted: what the primary was at is abandoned');
	is_value(
		$standby,
q{SELECT status, figure FROM bixarena_health() WHERE check_name = 'abandoned_runs'},
		'warning|1',
		'promoted: bixarena_health() says so');
	open_gate($standby);
	sql($standby, 'CALL bixarena_process_requests()');
	run_is($standby, $id, 'succeeded 2', 'promoted: it is made');
	$id = request($standby, 'overall');
	wait_for_run($standby, $id);
	run_is($standby, $id, 'succeeded 1', 'promoted: and workers work');
	wait_for_no_worker($standby);
}

foreach my $node ($primary, $standby, $subscriber)
{
	unlike(
		slurp_file($node->logfile),
		qr/PANIC|terminated by signal/,
		$node->name . ': no process has crashed');
	$node->stop unless $node eq $primary;
}
done_testing();
