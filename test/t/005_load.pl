
# 005_load.pl
#	  Fifty clients that request snapshots as fast as they can, for
#	  BIXARENA_LOAD_SECONDS (10): no request is lost or made twice, and the quota
#	  holds exactly.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $seconds = $ENV{BIXARENA_LOAD_SECONDS} || 10;
my $clients = 50;
my $quota = 200;

my $node = new_arena(
	'load',
	leaderboards => 20,
	models => 12,
	conf => "max_connections = 80\nlog_statement = none\n");

# Who is refused goes on: pgbench ends a client at its first error
sql($node, qq{
	SELECT bixarena_configure('requests_per_day', '$quota');
	CREATE TABLE asked (run uuid, state text);
	CREATE FUNCTION ask(n integer) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE
		run uuid;
	BEGIN
		run := bixarena_request_snapshot(CASE n WHEN 0 THEN 'overall'
			ELSE format('l%s', lpad(n::text, 2, '0')) END);
		INSERT INTO asked VALUES (run, '00000');
	EXCEPTION WHEN configuration_limit_exceeded THEN
		INSERT INTO asked VALUES (NULL, SQLSTATE);
	END
	\$\$;
});

my $folder = PostgreSQL::Test::Utils::tempdir();
my $log = "$folder/latency";

append_to_file("$folder/request.sql",
	"\\set n random(0, 20)\nSELECT ask(:n);\n");

my ($out, $err) = ('', '');
my $done = IPC::Run::run(
	[
		'pgbench', '-n',
		'-c', $clients,
		'-j', 2,
		'-T', $seconds,
		'-M', 'simple',
		'-l', "--log-prefix=$log",
		'-f', "$folder/request.sql",
		$node->connstr('postgres')
	],
	'>' => \$out,
	'2>' => \$err);
ok($done, 'no client ends early')                     or diag($out, $err);
unlike($err, qr/error|aborted/i, 'nor with an error') or diag($err);

# Runs of workers that found no free slot are left to the call
wait_for_no_worker($node);
my $left = value($node,
	q{SELECT count(*) FROM bixarena.run WHERE status IN ('queued', 'running')}
);
sql($node, 'CALL bixarena_process_requests()');
wait_until($node,
q{SELECT count(*) = 0 FROM bixarena.run WHERE status IN ('queued', 'running')}
);
note("$left runs were left to process_requests");

# What was answered
my $transactions = () =
  join('', map { slurp_file($_) } glob("$log.*")) =~ /\n/g;

is_value(
	$node, 'SELECT count(*) FROM asked',
	$transactions, 'each request was answered');
cmp_ok($transactions, '>=', $clients, 'each client has asked');

# A machine that was too slow to use the quota up goes on until it is
while (
	value($node, q{SELECT count(*) = 0 FROM asked WHERE run IS NULL}) eq 't')
{
	sql($node, join(';', map { "SELECT ask($_)" } 0 .. 20));
	sql($node, 'CALL bixarena_process_requests()');
	wait_until($node,
q{SELECT count(*) = 0 FROM bixarena.run WHERE status IN ('queued', 'running')}
	);
}

my ($answers, $ids, $refused) = split /\|/, sql(
	$node, q{
	SELECT count(run), count(DISTINCT run), count(*) FILTER (WHERE state = '53400') FROM asked}
);

cmp_ok($refused, '>', 0, 'requests are refused');
is($ids, $quota, 'only once the quota is used up, to the last');
note("$answers requests were answered with $ids runs, $refused were refused");

# What was made
is_value(
	$node, q{SELECT count(*) FROM bixarena.run},
	$ids, 'there are as many runs as keys were handed out');
is_value(
	$node, q{SELECT count(*) FROM bixarena.run
	WHERE correlation_id NOT IN (SELECT run FROM asked WHERE run IS NOT NULL)},
	0, 'and no other');
is_value($node,
	q{SELECT status, attempts, count(*) FROM bixarena.run GROUP BY 1, 2},
	"succeeded|1|$ids", 'each succeeded at the first attempt');
is_value($node, q{SELECT count(*) FROM arena.leaderboard_snapshot},
	$ids, 'each made a snapshot');
is_value(
	$node, q{SELECT count(*) FROM arena.leaderboard_snapshot AS s WHERE 1 =
	(SELECT count(*) FROM bixarena.run AS r WHERE r.snapshot_id = s.id)}, $ids,
	'of its own');
is_value($node, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'},
	0, 'no lock is left');

# Latencies: the third field of a line, in microseconds
my @latencies = sort { $a <=> $b }
  map { (split / /)[2] / 1000 }
  map { split /\n/, slurp_file($_) } glob("$log.*");

note(
	sprintf
'%d clients, %d s: %d requests, latency median %.1f ms, 99 %% %.1f ms, longest %.1f ms',
	$clients, $seconds,
	scalar @latencies,
	$latencies[ @latencies / 2 ],
	$latencies[ @latencies * 0.99 ],
	$latencies[-1]);

$node->stop;
done_testing();
