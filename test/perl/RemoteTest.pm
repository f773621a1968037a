
# RemoteTest.pm
#	  A rank node and a managed database, with a wire between them (WireProxy.pm).
#
# The one has the extension.  The other has the application's schema, 21
# leaderboards and 5000 battles, and no extension, but what bixarena_node_script()
# prints.
#
# BIXARENA_FAR_SERVER in the environment names the folder (.../lib/postgresql/13) of
# the server that the managed database runs on, if it is to be of another version.

package RemoteTest;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;
use WireProxy;

our @EXPORT =
  qw(can_be_remote new_far new_rank_node attach_far runs_and_snapshots
  all_is_exact far_snapshots);

# Why not, if postgres_fdw is not there
sub can_be_remote
{
	my ($folder) = run_command([ 'pg_config', '--sharedir' ]);

	return -e "$folder/extension/postgres_fdw.control"
	  ? ''
	  : 'postgres_fdw is not installed';
}

# A server that knows nothing of the extension
sub new_far
{
	my ($name, $schema, %options) = @_;
	my $path = $ENV{BIXARENA_FAR_SERVER};
	my $far = PostgreSQL::Test::Cluster->new($name,
		$path ? (install_path => $path) : ());

	$far->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$far->append_conf('postgresql.conf',
		"listen_addresses = '127.0.0.1'\n" . ($options{conf} // ''));
	$far->start;
	foreach my $file ('bixarena.sql', 'battles.sql')
	{
		$far->command_ok(
			[
				'psql', '-XqAt',
				'-v', 'ON_ERROR_STOP=1',
				'-v', "arena=$schema",
				'-d', $far->connstr('postgres'),
				'-f', "$FindBin::RealBin/../schema/$file"
			],
			"far side: $file");
	}
	return $far;
}

# A server with the extension, and a foreign server "rds" at the other end of the wire
sub new_rank_node
{
	my ($name, $wire, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf',
		"bixarena_rank.progress = off\n" . ($options{conf} // ''));
	$node->start;
	sql($node,
		sprintf q{
		CREATE EXTENSION bixarena_rank;
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER rds FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '127.0.0.1', port '%d', dbname 'postgres');
		CREATE USER MAPPING FOR CURRENT_USER SERVER rds OPTIONS (user 'bixarena_node')},
		$wire->port);
	return $node;
}

# The far side gets what the node needs, and the node the arena
sub attach_far
{
	my ($node, $far, $schema) = @_;

	$far->safe_psql('postgres',
		value($node, "SELECT bixarena_node_script('$schema')"));
	sql($node, qq{
		SELECT bixarena_attach_remote('rds', schema => '$schema');
		SELECT bixarena_configure('num_bootstrap', '10');
		SELECT bixarena_configure('retry_seconds', '0');
		SELECT bixarena_configure('notify_channel', '');
		SELECT bixarena_configure('requests_per_day', '100000')});
	return;
}

# The ids and the numbers of entries of what the far side has
sub far_snapshots
{
	my ($far) = @_;

	return $far->safe_psql(
		'postgres',
q{SELECT s.id, (SELECT count(*) FROM api.leaderboard_entry AS e WHERE e.snapshot_id = s.id)
		FROM api.leaderboard_snapshot AS s ORDER BY 1});
}

# Each snapshot is of a run that has succeeded, and each such run has its snapshot,
# with all its entries
sub all_is_exact
{
	my ($node, $far, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $runs = value(
		$node, q{SELECT snapshot_id, entry_count FROM bixarena.run
		WHERE status = 'succeeded' ORDER BY 1});

	is(far_snapshots($far), $runs,
		"$name: a snapshot for each run that succeeded, and no other");
	is_value($node,
		q{SELECT count(*) FROM bixarena.run WHERE status = 'running'},
		'0', "$name: no run is left");
	return;
}

# How many runs of each status there are
sub runs_and_snapshots
{
	my ($node) = @_;

	return value(
		$node,
		q{SELECT string_agg(status || ' ' || n, ', ' ORDER BY status)
		FROM (SELECT status, count(*) AS n FROM bixarena.run GROUP BY status) AS r}
	);
}

1;
