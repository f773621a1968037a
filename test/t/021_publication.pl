
# 021_publication.pl
#	  A publication FOR ALL TABLES: every table of ours has a primary key, so that
#	  all that writes goes on.  And a dump of version 1.0, in which settings of a
#	  whole arena had no leaderboard, is restored into this version.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use OldVersion;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('publication');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "wal_level = logical\n");
$node->start;
sql($node, q{
	CREATE PUBLICATION everything FOR ALL TABLES;
	CREATE EXTENSION bixarena_rank;
	CREATE ROLE olga;
	CREATE ROLE dora LOGIN});

is_value(
	$node, q{SELECT string_agg(c.oid::regclass::text, ' ')
	FROM pg_class AS c JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	WHERE c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)},
	'', 'every table of ours has a primary key');

# all that writes, in one go: twice, so that rows are changed and deleted
my @writes = (
	q{SELECT bixarena_create_arena('arena')},
q{SELECT bixarena_simulate_battles(500, 5, categories => '{rare}', arena => 'arena')},
	q{SELECT bixarena_configure('num_bootstrap', '20', arena => 'arena')},
	q{SELECT bixarena_configure('num_bootstrap', '10', arena => 'arena')},
	q{SELECT bixarena_configure('seed', '1', 'rare', 'arena')},
	q{SELECT bixarena_configure('seed', '2', 'rare', 'arena')},
	q{SELECT bixarena_configure('seed', NULL, 'rare', 'arena')},
	q{SELECT bixarena_configure('keep_snapshots', '2', arena => 'arena')},
	q{SELECT bixarena_generate_snapshot('overall', arena => 'arena')},
	q{CALL bixarena_generate_snapshots('arena')},
q{CALL bixarena_backfill('overall', now() - interval '2 days', now(), arena => 'arena')},
q{SELECT bixarena_update_snapshot('overall', snapshot_identifier, 'private', 'x', 'arena')
		FROM bixarena_snapshots('overall', 1, arena => 'arena')},
	q{SELECT bixarena_delete_snapshot('overall', snapshot_identifier, 'arena')
		FROM bixarena_snapshots('overall', 1, arena => 'arena')},
	q{SELECT bixarena_grant('olga', 'operator', 'arena')},
	q{SELECT bixarena_revoke('olga', 'operator', 'arena')},
	q{SELECT bixarena_request_snapshot('overall', 'arena')},
	q{CALL bixarena_process_requests()},
	q{SELECT bixarena_attach_arena('arena')},
	q{SELECT bixarena_configure('num_bootstrap', NULL, arena => 'arena')},
	# settings of an arena that is gone are deleted when it is made anew
	q{SELECT bixarena_configure('num_bootstrap', '10', arena => 'arena')},
	q{DROP SCHEMA arena CASCADE},
	q{SELECT bixarena_create_arena('arena')},
	q{UPDATE bixarena.run SET triggered_by = 'x'},
q{DELETE FROM bixarena.run WHERE status IN ('succeeded', 'skipped', 'failed')},
	q{DELETE FROM bixarena.arena});
foreach my $write (@writes)
{
	my ($state) = sql_state_of($node, $write);
	is($state, '', $write =~ s/\s+/ /gr);
	wait_for_no_worker($node) if $write =~ /request_snapshot/;
}

# a dump of 1.0
sql($node, 'CREATE DATABASE old');
$node->safe_psql('old', q{CREATE EXTENSION bixarena_rank VERSION '1.0'});
run_as_old_version(
	$node, 'old', '1.0', q{
	SELECT bixarena_create_arena('arena');
	SELECT bixarena_simulate_battles(500, 5, arena => 'arena');
	INSERT INTO bixarena.setting (arena, leaderboard, name, value) VALUES
		('arena', NULL, 'num_bootstrap', '20'), ('arena', 'overall', 'num_bootstrap', '30'), ('arena', NULL, 'seed', '5')}
);
my $temp = PostgreSQL::Test::Utils::tempdir;
command_ok(
	[ 'pg_dump', '--no-sync', '-f', "$temp/old.sql", $node->connstr('old') ],
	'version 1.0 is dumped');
like(
	slurp_file("$temp/old.sql"),
	qr/^arena\t\\N\tnum_bootstrap\t20$/m,
	'its settings have no leaderboard');
sql($node, 'CREATE DATABASE new');
command_ok(
	[
		'psql', '-X', '-q', '-v',
		'ON_ERROR_STOP=1', '-f', "$temp/old.sql", '-d',
		$node->connstr('new')
	],
	'and restored into this one');
is( $node->safe_psql(
		'new', q{
	SELECT e.extversion <> '1.0' FROM pg_extension AS e WHERE e.extname = 'bixarena_rank';
	SELECT s.value, s.source FROM bixarena_settings('overall') AS s WHERE s.setting IN ('num_bootstrap', 'seed') ORDER BY 1;
	SELECT bixarena_configure('seed', '6');
	SELECT s.value FROM bixarena_settings() AS s WHERE s.setting IN ('num_bootstrap', 'seed') ORDER BY 1}
	),
	"t\n30|leaderboard\n5|arena\n\n20\n6",
	'its settings are in force, and can be changed');

$node->stop;
done_testing();
