
# 038_parallel_workers.pl
#	  Rankings with many replicates have parallel workers help: the result is the same to
#	  the last digit, however many come; an error, a cancel or the end of a worker is the
#	  caller's, and leaves nothing behind.  Where they cannot come, the caller ranks alone.

use strict;
use warnings;

use Cwd            qw(abs_path);
use File::Basename qw(basename);
use File::Copy;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = new_arena(
	'parallel',
	models => 100,
	battles => 200000,
	leaderboards => 2,
	conf => "max_worker_processes = 16\nmax_parallel_workers = 8\n");

# what is kept of a run does not depend on it
sql($node, q{
	SELECT bixarena_configure('num_bootstrap', '1000');
	CREATE VIEW votes AS SELECT model1_id::text AS model1, model2_id::text AS model2, outcome
	FROM arena.ungated_battle WHERE leaderboard = 'overall';
	CREATE TABLE many_votes AS
	SELECT i AS model1, (i + j * j) % 300 AS model2, CASE (i + j) % 3 WHEN 0 THEN 'model1' ELSE 'model2' END AS outcome
	FROM generate_series(0, 299) AS i, generate_series(1, 16) AS j});

my $workers =
q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'};
my $long_call =
  q{SELECT count(*) FROM bixarena_rank('many_votes', num_bootstrap => 10000)};

# A statement as so many workers may help it
sub with_workers
{
	my ($number, $statement) = @_;

	return sql($node,
		"SET max_parallel_workers_per_gather = $number; $statement");
}

#
# The same, whoever makes the replicates
#
my $digest =
q{SELECT md5(string_agg(r::text, ' ' ORDER BY model)) FROM bixarena_rank('votes') AS r};
my $alone = with_workers(0, $digest);

foreach my $number (1, 2, 5)
{
	is(with_workers($number, $digest),
		$alone, "with $number workers the ranking is the same");
}
is(with_workers(2, "SET max_parallel_workers = 0; $digest"),
	$alone, 'and if none is free');
is(with_workers(2, "BEGIN READ ONLY; $digest; COMMIT"),
	$alone, 'and where nothing may be written');
is(with_workers(2, "BEGIN ISOLATION LEVEL SERIALIZABLE; $digest; COMMIT"),
	$alone, 'and in a serializable transaction');

sub entries_of_call
{
	my ($number) = @_;

	with_workers($number, 'CALL bixarena_generate_snapshots()');
	return sql(
		$node, q{
		SELECT count(*), md5(string_agg(concat_ws(' ', l.slug, e.model_id, e.rank, e.bt_score, e.bootstrap_q025,
			e.bootstrap_q975), ' ' ORDER BY l.slug, e.model_id))
		FROM arena.leaderboard_entry AS e
		JOIN arena.leaderboard AS l ON l.id = e.leaderboard_id
		WHERE e.created_at = (SELECT max(x.created_at) FROM arena.leaderboard_entry AS x WHERE x.leaderboard_id = l.id)}
	);
}
my $entries = entries_of_call(0);

like($entries, qr/^300\|/, 'three leaderboards of 100 models');
is(entries_of_call(3), $entries, 'a CALL writes the same entries');

# within a block that catches errors it is a subtransaction that they work for
sql($node, q{
	CREATE FUNCTION rank_in_block() RETURNS bigint LANGUAGE plpgsql AS $$
	BEGIN
		RETURN (SELECT count(*) FROM bixarena_rank('votes'));
	EXCEPTION WHEN division_by_zero THEN
		RETURN -1;
	END
	$$});
is(with_workers(2, 'SELECT rank_in_block()'), '100', 'in a block, too');

# Start a long call, and wait until workers are at it.  Returns the session and what
# the caller's process is.
sub start_long_call
{
	my $session = start_sql(
		$node,
		[
			'SET max_parallel_workers_per_gather = 2',
			$long_call, "SELECT 'lives'"
		]);

	wait_until($node, "($workers) > 0", 'workers come');
	return (
		$session,
		sql($node,
q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM bixarena_rank%'
			AND backend_type = 'client backend'}));
}

#
# What ends it
#
foreach my $end (
	[ 'a cancel', "SELECT pg_cancel_backend(%d)", '57014' ],
	[
		'the end of a worker',
q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1},
		'57P01'
	])
{
	my ($name, $statement, $state) = @$end;
	my ($session, $pid) = start_long_call();
	my ($out, $err);

	sql($node, $statement =~ s/%d/$pid/r);
	($out, $err) = finish_sql($session);
	like($err, qr/^(?:ERROR|FATAL):  $state:/m, "$name ends the call");
	is($out, "lives\n", 'but not the session');
	wait_until($node, "($workers) = 0", 'workers end');
}
is(with_workers(2, $digest), $alone, 'and then all is as before');

#
# A library that is not where the server's own are
#
my $copy =
	abs_path(PostgreSQL::Test::Utils::tempdir())
  . '/bixarena_rank'
  . ($^O eq 'darwin' ? '.dylib' : '.so');

copy(
	sql($node, q{SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'})
	  . '/'
	  . basename($copy),
	$copy);
sql($node, qq{
	DO \$\$ BEGIN
		EXECUTE replace(replace(pg_get_functiondef('bixarena_rank'::regproc), 'FUNCTION public.bixarena_rank',
			'FUNCTION rank_from_elsewhere'), '\$libdir/bixarena_rank', '$copy');
	END \$\$});
is(with_workers(2, $digest =~ s/bixarena_rank/rank_from_elsewhere/r),
	$alone, 'workers load the library from where the session has it');

#
# Memory to share that is short
#
my $missing = preload_faults();

SKIP:
{
	skip $missing, 2 if $missing;
	$node->restart;
	fill_disk('/PostgreSQL.');
	is( (   sql_state_of(
				$node,
'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0; SELECT count(*) FROM many_votes'
			))[0],
		'53100',
		'no memory can be shared');
	is(with_workers(2, $digest),
		$alone, 'where no memory can be shared a ranking is made alone');
	free_disk();
}

$node->stop;
done_testing();
