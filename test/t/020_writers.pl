
# 020_writers.pl
#	  Battles written at full speed while a snapshot a second is made: no error, and
#	  VACUUM takes back what it leaves behind.  What it does to writers is told, and
#	  bounded so widely that only a lock that they wait for would show.
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
$node->append_conf('postgresql.conf', "log_statement = none\nmax_wal_size = 1GB\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION bixarena_rank');

{
	local %ENV = %ENV;

	$ENV{PGHOST} = $node->host;
	$ENV{PGPORT} = $node->port;
	$ENV{PGDATABASE} = 'postgres';
	$ENV{PHASE} = 3;
	$done = IPC::Run::run([ 'bash', "$FindBin::RealBin/../bench/load.sh", $seconds ],
		'>' => \$out, '2>' => \$err);
}
note($out);
ok($done, 'battles are written and snapshots made') or diag($err);
%found = $out =~ /^([a-z_]+) ([0-9.]+)$/mg;

is($found{errors}, 0, 'without an error') or diag($err);
cmp_ok($found{snapshots}, '>=', $seconds / 6, 'snapshots were made');
is($found{failed_runs}, 0, 'and none has failed');
is($found{kept_snapshots}, 20, 'old ones were deleted') if $found{snapshots} >= 20;
is($found{dead_rows_after_vacuum}, 0, 'VACUUM takes back what is dead');
cmp_ok($found{bytes_at_end}, '<', 2 * $found{bytes_half_way} + 1000000,
	'the tables do not grow with the number of snapshots made');
cmp_ok($found{ratio_of_medians}, '<', 2, 'writers go on at their pace');

$node->stop;
done_testing();
