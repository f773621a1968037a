
# 020_writers.pl
#	  Battles written at full speed while a snapshot a second is made: no error, and
#	  VACUUM takes back what it leaves behind, and old ones are deleted.  What it does
#	  to writers is told; that none waits for a lock, the server says.
#
# BIXARENA_WRITER_SECONDS (42) is how long.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{BIXARENA_WRITER_SECONDS} || 42;
my $node = PostgreSQL::Test::Cluster->new('writers');
my ($out, $err, $done, %found);

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
		"log_statement = none\nmax_wal_size = 1GB\n"
	  . "log_lock_waits = on\ndeadlock_timeout = 100ms\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION bixarena_rank');

{
	local %ENV = %ENV;

	$ENV{PGHOST} = $node->host;
	$ENV{PGPORT} = $node->port;
	$ENV{PGDATABASE} = 'postgres';
	$ENV{PHASE} = 3;
	$done = IPC::Run::run(
		[ 'bash', "$FindBin::RealBin/../bench/load.sh", $seconds ],
		'>' => \$out,
		'2>' => \$err);
}
note($out);
ok($done, 'battles are written and snapshots made') or diag($err);
%found = $out =~ /^([a-z_]+) ([0-9.]+)$/mg;

is($found{errors}, 0, 'without an error') or diag($err);
cmp_ok($found{snapshots}, '>', 0, 'snapshots were made');
is($found{failed_runs}, 0, 'and none has failed');
is($found{dead_rows_after_vacuum}, 0, 'VACUUM takes back what is dead');
cmp_ok(
	$found{bytes_at_end}, '<',
	2 * $found{bytes_half_way} + 1000000,
	'the tables do not grow with the number of snapshots made');
unlike(
	slurp_file($node->logfile),
	qr/still waiting for/,
	'no writer waits for a lock');

# on a machine that is too slow for 20 snapshots in this time, the rest
is( $found{kept_snapshots},
	$found{snapshots} < 20 ? $found{snapshots} : 20,
	'as many are kept as may be');
$node->safe_psql(
	'postgres', q{
	DO $$ BEGIN
		FOR n IN 1 .. 21 LOOP
			PERFORM bixarena_generate_snapshot('overall', 10);
			COMMIT;
		END LOOP;
	END $$});
is( $node->safe_psql(
		'postgres', 'SELECT count(*) FROM arena.leaderboard_snapshot'),
	20,
	'old ones are deleted');

$node->stop;
done_testing();
