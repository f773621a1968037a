
# 013_pg_upgrade.pl
#	  pg_upgrade from an older major version: every row, right and setting is
#	  there afterwards, and works.
#
# OLD_INSTALL names the folder of the older installation, above its "bin", in
# which the extension is installed too.  script/test-upgrade makes one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use DumpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

if (!$ENV{OLD_INSTALL})
{
	plan skip_all => 'OLD_INSTALL is not set: see script/test-upgrade';
}

my %schema_of = ('plain' => 'public', 'odd' => q{"my ""ext"""});
my $catalog = slurp_file("$FindBin::RealBin/../upgrade/catalog.sql");
my $old = new_server('old', install_path => $ENV{OLD_INSTALL});
my $new = new_server('new');
my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
my %contents;

cmp_ok($old->pg_version, '<', $new->pg_version,
	'from ' . $old->pg_version . ' to ' . $new->pg_version);

$old->start;
create_roles($old);
foreach my $database (sort keys %schema_of)
{
	$old->safe_psql('postgres', "CREATE DATABASE $database");
	fill_database($old, $database, $schema_of{$database});
	$contents{$database} = contents($old, $database);
}
$old->safe_psql('postgres', 'CREATE DATABASE bare');
$old->safe_psql('bare', 'CREATE EXTENSION bixarena_rank');
$old->stop;

foreach my $check ('--check', '--no-sync')
{
	my ($out, $err) = run_command(
		[
			'pg_upgrade', $check,
			'-d', $old->data_dir,
			'-D', $new->data_dir,
			'-b', "$ENV{OLD_INSTALL}/bin",
			'-B', $bindir,
			'-s', $new->host,
			'-p', $old->port,
			'-P', $new->port
		]);

	note($out);
	ok($? == 0, "pg_upgrade $check") or diag("$out\n$err");
}

$new->start;
foreach my $database (sort keys %schema_of)
{
	my $entries;

	is(changed_lines(contents($new, $database), $contents{$database}),
		'', "$database: all rows and rights are there");
	check_waiting_runs($new, $database, $schema_of{$database}, $database);
	check_doubt($new, $database, $schema_of{$database}, $database);
	$entries = fresh_entries($new, $database, $schema_of{$database});
	check_votes($new, $database, $schema_of{$database}, $database);
	$old->start;
	is( $entries,
		fresh_entries($old, $database, $schema_of{$database}),
		"$database: a new snapshot is the one that the old server makes");
	$old->stop;
}

# an upgraded server has the objects of a fresh installation
$new->safe_psql('postgres', 'CREATE DATABASE fresh');
$new->safe_psql('fresh', 'CREATE EXTENSION bixarena_rank');
is( $new->safe_psql('bare', $catalog),
	$new->safe_psql('fresh', $catalog),
	'the catalogs are those of a fresh installation');
$new->safe_psql('bare', 'DROP EXTENSION bixarena_rank');
pass('it can be dropped');
$new->stop;
done_testing();

sub new_server
{
	my ($name, %options) = @_;
	my $server = PostgreSQL::Test::Cluster->new($name, %options);

	# JIT needs libraries that an unpacked server may lack
	$server->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$server->append_conf('postgresql.conf',
		"max_worker_processes = 0\nfsync = off\njit = off\n");
	return $server;
}
