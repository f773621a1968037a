
# 016_disk_full.pl
#	  A disk that is full: where a table or an index of the result, the record or a
#	  temporary file cannot grow, there is an error of its kind and nothing half
#	  written, and once there is room again what failed is made up for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $missing = preload_faults();

plan skip_all => $missing if $missing;

my $node = new_arena(
	'disk',
	models => 60,
	battles => 20000,
	conf => "jit = off\nautovacuum = off\n");

sql($node, q{SELECT bixarena_configure('retry_seconds', '0')});

#
# Each file that a snapshot is written to.  Empty files must grow; when several
# snapshots have been made, some must.
#

my @relations = split /\n/, sql(
	$node, q{
	SELECT c.oid::regclass FROM pg_class AS c
	WHERE c.oid IN (SELECT t FROM unnest('{arena.leaderboard_snapshot,arena.leaderboard_entry,bixarena.run}'::regclass[]) AS t
		UNION SELECT indexrelid FROM pg_index
		WHERE indrelid = ANY ('{arena.leaderboard_snapshot,arena.leaderboard_entry,bixarena.run}'::regclass[]))
	ORDER BY 1});

foreach my $relation (@relations)
{
	# this run is in none of some partial indexes
	my $expected =
	  $relation =~ /run_(queued|requests|waiting|call)$/ ? '' : '53100';
	my ($state, $message);

	# truncation gives it a new file
	start_afresh($node);
	fill_disk(value($node, "SELECT pg_relation_filepath('$relation')"));
	($state, $message) =
	  sql_state_of($node, q{SELECT bixarena_generate_snapshot('overall')});
	is($state, $expected, "$relation cannot grow: 53100") or diag($message);
	snapshots_are($node, $expected ? 0 : 1, "$relation cannot grow");
	is_value(
		$node,
		q{SELECT count(*) FROM bixarena.run},
		$expected ? 0 : 1,
		"$relation cannot grow: no run is left");
	free_disk();
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	snapshots_are($node, $expected ? 1 : 2, "$relation can grow again");
}

# nothing can grow, until there are some: every failure leaves all as it was
{
	my ($succeeded, %ends) = (0);

	start_afresh($node);
	sql($node, q{SELECT bixarena_generate_snapshot('overall')});
	$succeeded++;
	foreach (1 .. 20)
	{
		my $state;

		fill_disk('/base/');
		($state) = sql_state_of($node,
			q{SELECT bixarena_generate_snapshot('overall')});
		free_disk();
		$ends{$state}++;
		sql($node, q{SELECT bixarena_generate_snapshot('overall')}) if $state;
		$succeeded++;
	}
	is(join(' ', sort grep { $_ } keys %ends),
		'53100', 'nothing can grow: 53100, or there is room left');
	snapshots_are($node, $succeeded, 'nothing can grow');
}

#
# A call: it is tried again, as there may be room in a while
#

{
	my ($session, $out, $err, $state, $message);

	start_afresh($node);
	sql($node, q{SELECT bixarena_configure('max_attempts', '2')});
	fill_disk(
		value(
			$node, q{SELECT pg_relation_filepath('arena.leaderboard_entry')})
	);
	($state, $message) =
	  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
	is($state, '53100', 'a call fails where the disk stays full');
	is_value(
		$node,
q{SELECT concat_ws(' ', leaderboard, status, attempts, error_sqlstate) FROM bixarena.run},
		'overall failed 2 53100',
		'after as many attempts as there may be');
	snapshots_are($node, 0, 'a call and a full disk');

	sql($node,
q{SELECT bixarena_configure('max_attempts', '9'), bixarena_configure('retry_seconds', '0.3')}
	);
	$session = start_sql($node, ['CALL bixarena_generate_snapshots()']);
	wait_until($node,
q{SELECT count(*) = 1 FROM bixarena.run WHERE status = 'running' AND error_sqlstate = '53100'}
	);
	free_disk();
	($out, $err) = finish_sql($session);
	is("$out$err", '', 'a call waits for room');
	is_value(
		$node,
q{SELECT count(*) FROM bixarena.run WHERE status = 'succeeded' AND attempts > 1},
		1,
		'and the run succeeds then');
	snapshots_are($node, 1, 'a call and a disk with room again');
	sql($node,
q{SELECT bixarena_configure('max_attempts', '2'), bixarena_configure('retry_seconds', '0')}
	);

	# the record itself
	start_afresh($node);
	fill_disk(value($node, q{SELECT pg_relation_filepath('bixarena.run')}));
	($state, $message) =
	  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
	is($state, '53100', 'a run that cannot be put on record is not made');
	free_disk();
	snapshots_are($node, 0, 'no room for the record');
}

#
# A worker
#

{
	my $id;

	start_afresh($node);
	fill_disk(
		value(
			$node, q{SELECT pg_relation_filepath('arena.leaderboard_entry')})
	);
	$id = request($node, 'overall');
	wait_for_run($node, $id);
	run_is(
		$node, $id,
		'failed 2 53100',
		'a worker fails where the disk stays full');
	free_disk();
	$id = request($node, 'overall');
	wait_for_run($node, $id);
	run_is($node, $id, 'succeeded 1', 'the next makes it');
	snapshots_are($node, 1, 'a worker and a full disk');
}

#
# Temporary files, of reading more groups than fit into memory
#

{
	my $little =
q{SET work_mem = '64kB'; SET maintenance_work_mem = '1MB'; SET enable_sort = off;
		SET max_parallel_workers_per_gather = 0; };
	my $rank =
q{SELECT count(*) FROM bixarena_rank('arena.ungated_battle', 10, model1 => 'model1_id', model2 => 'model2_id')};
	my ($state, $message);

	start_afresh($node);
	is_value($node, "$little $rank",
		60, 'battles are counted by temporary files');
	fill_disk('pgsql_tmp');
	($state, $message) = sql_state_of($node, "$little $rank");
	is($state, '53100', 'temporary files cannot grow: 53100');
	like(
		$message,
		qr/reading the battles of/,
		'and the error says what was being done');
	($state, $message) = sql_state_of($node,
		qq{$little SELECT bixarena_generate_snapshot('overall')});
	is($state, '53100', 'nor is a snapshot made');
	free_disk();
	($state, $message) =
	  sql_state_of($node, "$little SET temp_file_limit = '64kB'; $rank");
	is($state, '53400', 'so it is with temp_file_limit');
	($state, $message) = sql_state_of($node,
"$little SET temp_file_limit = '64kB'; SELECT bixarena_generate_snapshot('overall')"
	);
	is($state, '53400', 'which holds for a snapshot too');
	is_value($node, q{SELECT count(*) FROM bixarena.run},
		0, 'nothing is left of these');
	is_value($node, q{SELECT count(*) FROM pg_ls_tmpdir()},
		0, 'nor a temporary file');
	sql($node, qq{$little SELECT bixarena_generate_snapshot('overall')});
	snapshots_are($node, 1, 'temporary files with room again');
}

is_value($node, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'},
	0, 'no lock is left');
unlike(
	slurp_file($node->logfile),
	qr/PANIC|terminated by signal/,
	'no process has crashed');

$node->stop;
done_testing();
