
# 027_identifiers.pl
#	  No two snapshots of an arena bear one identifier, however many are made at the
#	  same time: by clients of all leaderboards, in an arena that has no constraint
#	  to prevent it; and in one whose tables are on another server, where a
#	  transaction does not see what was committed since it began.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $moment = "date_trunc('day', now())";
my $each = 12;
my $node = new_arena('identifiers', leaderboards => 7, battles => 3000);
my @boards = ('overall', map { sprintf 'l%02d', $_ } 1 .. 7);

#
# Many at the same time
#

sql($node, 'ALTER TABLE arena.leaderboard_snapshot
	DROP CONSTRAINT leaderboard_snapshot_leaderboard_id_snapshot_identifier_key'
);
# all wait until all are there; every other one makes its own in one transaction
close_gate($node, 'reading');
my @clients = map {
	my @calls = (
"SELECT status FROM bixarena_generate_snapshot('$boards[$_]', as_of => $moment)"
	) x $each;

	start_sql($node, $_ % 2 ? [ 'BEGIN', @calls, 'COMMIT' ] : \@calls)
} 0 .. $#boards;
wait_until(
	$node, "(SELECT count(*) FROM pg_stat_activity
	WHERE query LIKE 'SELECT status FROM bixarena%' AND state = 'active') = "
	  . @boards);
open_gate($node);
foreach my $client (@clients)
{
	my ($out, $err) = finish_sql($client);

	is($out, "succeeded\n" x $each, 'a client makes its snapshots');
	is($err, '', 'without a word');
}
is_value(
	$node,
'SELECT count(*), count(DISTINCT snapshot_identifier), count(DISTINCT (leaderboard_id, created_at))
	FROM arena.leaderboard_snapshot', join('|', (@boards * $each) x 3),
	'each has an identifier of its own');
is_value(
	$node,
	'SELECT max(created_at - '
	  . $moment
	  . ") < interval '1 ms' FROM arena.leaderboard_snapshot",
	't',
	'and is dated when it should be');

#
# On another server
#

SKIP:
{
	skip 'postgres_fdw is not installed',
	  4
	  unless value($node,
q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}
	  );

	my ($host, $port) = ($node->host, $node->port);

	sql($node, 'CREATE DATABASE far');
	$node->safe_psql(
		'far', q{
		CREATE EXTENSION bixarena_rank;
		SELECT bixarena_create_arena('arena');
		SELECT bixarena_simulate_battles(1000, 6, categories => '{l01}');
	});
	sql($node, qq{
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '$host', port '$port', dbname 'far');
		CREATE USER MAPPING FOR CURRENT_USER SERVER far;
		CREATE SCHEMA abroad;
		IMPORT FOREIGN SCHEMA arena FROM SERVER far INTO abroad OPTIONS (import_default 'true');
		SELECT bixarena_attach_arena('abroad');
		SELECT bixarena_configure('num_bootstrap', '10', arena => 'abroad');
	});
	my $make = sub {
		"SELECT coalesce(substring(snapshot_identifier FROM 29), status)
		FROM bixarena_generate_snapshot('$_[0]', arena => 'abroad', as_of => $moment)";
	};

	close_gate($node, 'writing');
	my $late = start_sql(
		$node,
		[
			'BEGIN',
			'SELECT count(*) FROM abroad.leaderboard_snapshot',
			"SELECT pass_gate('writing', NULL)",
			$make->('overall'),
			$make->('overall'),
			'COMMIT'
		]);
	wait_until($node,
"EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pass_gate%' AND state = 'active')"
	);
	is_value($node, $make->('l01'), '',
		'a snapshot is made on another server');
	open_gate($node);
	my ($out, $err) = finish_sql($late);
	is($out, "0\nt\n_2\n_3\n", 'two by a transaction that does not see it');
	is($err, '', 'which is no failure');
	is_value(
		$node,
'SELECT count(DISTINCT snapshot_identifier) FROM abroad.leaderboard_snapshot',
		'3',
		'each has an identifier of its own');
}

$node->stop;
done_testing();
