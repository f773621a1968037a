
# 042_citus.pl
#	  An arena whose battles Citus has spread over two servers: they are counted
#	  there, and everything works as on a single one.
#
# Citus is not in Debian.  Where it is missing, there is nothing to test.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my ($library) = run_command([ 'pg_config', '--pkglibdir' ]);

plan skip_all => 'Citus is not installed' unless -e "$library/citus.so";

my ($node, @workers) =
  map { PostgreSQL::Test::Cluster->new($_) } qw(coordinator worker1 worker2);

foreach my $server ($node, @workers)
{
	$server->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$server->append_conf(
		'postgresql.conf', qq{
		shared_preload_libraries = 'citus'
		max_prepared_transactions = 20
		citus.shard_count = 4
		citus.enable_statistics_collection = off
	});
	$server->append_conf('postgresql.conf', "bixarena_rank.progress = off\n");
	$server->start;
	sql($server, 'CREATE EXTENSION citus');
}
sql($node,
	sprintf(
		q{SELECT citus_set_coordinator_host('%s', %d)},
		$node->host, $node->port));
sql($node, sprintf(q{SELECT citus_add_node('%s', %d)}, $_->host, $_->port))
  foreach @workers;

# How an arena is distributed, as the manual has it
my ($statements) =
  slurp_file("$FindBin::RealBin/../../doc/far.md") =~
  /```sql\n([^`]*create_distributed_table[^`]*)```/;

ok($statements, 'the manual says how an arena is distributed');
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	SELECT bixarena_simulate_battles(5000, 6, categories => '{code}');
	UPDATE arena.battle SET created_at = '2025-01-01 00:00Z'::timestamptz + n * interval '1 hour'
	FROM (SELECT id, row_number() OVER (ORDER BY ctid) AS n FROM arena.battle) AS b WHERE b.id = battle.id;
	SELECT bixarena_configure('num_bootstrap', '10');
	CALL bixarena_generate_snapshots();
});

my $entries =
q{SELECT string_agg(format('%s %s %s %s', l.slug, bt_score, rank, vote_count), ', ' ORDER BY l.slug, rank)
	FROM arena.leaderboard_entry AS e JOIN arena.leaderboard AS l ON l.id = e.leaderboard_id};
my $before = value($node, $entries);

isnt($before, '', 'there are snapshots before');
sql($node, $statements);
is_value(
	$node,
q{SELECT string_agg(format('%s %s', table_name, citus_table_type), ', ' ORDER BY table_name::text) FROM citus_tables},
	join(', ',
		'arena.battle distributed',
		map { "arena.$_ reference" }
		  qw(leaderboard leaderboard_entry leaderboard_snapshot model)),
	'distributed, and the rest copied');
is(value($node, $entries), $before, 'and all is there');

# The count is left to the servers
my $groups =
'b.model1_id, b.model2_id, b.outcome, count(*) FROM (SELECT * FROM arena.%s) AS b';

foreach my $query (
	sprintf("SELECT $groups WHERE b.leaderboard = 'code' GROUP BY 1, 2, 3",
		'leaderboard_battle'),
	sprintf(
"SELECT $groups WHERE b.leaderboard = ANY ('{code,overall}') GROUP BY 1, 2, 3, b.leaderboard",
		'leaderboard_battle'))
{
	like(
		value($node, "EXPLAIN (VERBOSE, COSTS off) $query"),
qr/Custom Scan \(Citus Adaptive\)(?!.*Distributed Subplan).*Task Count: 4.*Query: SELECT[^\n]*count\(\*\) AS count/s,
		"counted where the battles are: $query");
}

# Everything that reads and then writes in one transaction
my $make =
q{SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall')};

sql($node, 'DELETE FROM arena.leaderboard_snapshot');
is_value($node, $make, 'succeeded|5000', 'a snapshot');
is_value($node, $make, 'succeeded|5000', 'another one');
is_value(
	$node, q{SHOW citus.multi_shard_modify_mode},
	'parallel', 'the setting is as it was afterwards');
is( value(
		$node, qq{
		BEGIN;
		$make;
		SHOW citus.multi_shard_modify_mode;
		COMMIT;
		SHOW citus.multi_shard_modify_mode}),
	"succeeded|5000\nsequential\nparallel",
	'it is set for the transaction');
is_value(
	$node,
q{BEGIN; SELECT status FROM bixarena_generate_snapshot('overall', dry_run => true); SHOW citus.multi_shard_modify_mode; COMMIT},
	"succeeded\nparallel",
	'a dry run writes nothing, and leaves it');
sql($node, 'DELETE FROM arena.leaderboard_snapshot');
is((sql_state_of($node, 'CALL bixarena_generate_snapshots()'))[0],
	'', 'all leaderboards');
is(value($node, $entries), $before, 'the same digits as on one server');
is( (   sql_state_of(
			$node,
			q{CALL bixarena_generate_snapshots(leaderboard_id => 'code')})
	)[0],
	'',
	'a procedure for one leaderboard');
is( (   sql_state_of(
			$node,
q{CALL bixarena_backfill('code', '2025-03-01 00:00Z', '2025-04-01 00:00Z', '7 days')}
		))[0],
	'',
	'a backfill');
is_value($node, q{SELECT count(*) FROM bixarena_snapshots('code')},
	7, 'its snapshots are there');
my $id = request($node, 'overall');
wait_for_run($node, $id);
run_is($node, $id, 'succeeded 1', 'a request');
sql($node, q{SELECT bixarena_configure('keep_snapshots', '1')});
is_value($node, $make, 'succeeded|5000', 'retention deletes');
is_value($node, q{SELECT count(*) FROM bixarena_snapshots('overall')},
	1, 'and leaves one');
is_value(
	$node,
q{SELECT bixarena_update_snapshot('overall', snapshot_identifier, visibility => 'private') IS NULL,
		bixarena_delete_snapshot('overall', snapshot_identifier) IS NULL
		FROM bixarena_snapshots('overall')},
	'f|f', 'a snapshot is hidden and deleted');

# and everything that only reads
sql($node, $make);
is_value($node, q{SELECT sum(battles) FROM bixarena_matchups('overall')},
	5000, 'matchups');
is_value($node, q{SELECT count(*) FROM bixarena_leaderboard('overall')},
	6, 'a leaderboard');
is_value(
	$node,
q{SELECT count(*) FROM bixarena_rank('arena.battle', 10, model1 => 'model1_id', model2 => 'model2_id')},
	6,
	'a ranking of the distributed table');
isnt(value($node, q{SELECT bixarena_report('overall')}), '', 'a report');

# Counts in a distributed table
sql($node, q{
	CREATE TABLE arena.leaderboard_tally (leaderboard text, model1_id uuid, model2_id uuid, outcome text, battles bigint);
	SELECT create_distributed_table('arena.leaderboard_tally', 'model1_id');
	INSERT INTO arena.leaderboard_tally SELECT 'overall', model1_id, model2_id, outcome, 2 * count(*) FROM arena.battle GROUP BY 2, 3, 4;
});
is_value($node, $make, 'succeeded|10000', 'counts that are distributed');

$_->stop foreach $node, @workers;
done_testing();
