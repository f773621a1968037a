
# 034_cuts.pl
#	  Random cuts of the wire between a rank node and the server with its arena,
#	  while calls, functions and requests make snapshots: afterwards all counts are
#	  exact.  As many as BIXARENA_CUTS says, else 15.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use RankTest;
use RemoteTest;
use Test::More;
use WireProxy;

plan skip_all => can_be_remote() if can_be_remote();

my $cuts = $ENV{BIXARENA_CUTS} // 15;
my $seed = $ENV{BIXARENA_SEED} // time;
my $far = new_far('far', 'api');
my $wire = WireProxy->new($far->port);
my $node = new_rank_node('node', $wire);
my ($happened, $failed, $messages) = (0, 0, 0);

note("BIXARENA_SEED=$seed");
srand $seed;
attach_far($node, $far, 'api');

# a call that nothing cuts tells how many messages there are to choose from
$wire->reset;
sql($node, 'CALL bixarena_generate_snapshots()');
my %counts = $wire->counts;

cmp_ok($counts{messages_up}, '>', 50, 'a call sends messages');
note(
"$counts{messages_up} messages, $counts{turns} round trips, $counts{bytes_up} bytes up and $counts{bytes_down} down"
);

my @statements = (
	'CALL bixarena_generate_snapshots()',
	q{CALL bixarena_generate_snapshots(leaderboard_id => 'surgery')},
	q{SELECT bixarena_generate_snapshot('overall')},
q{BEGIN; SELECT bixarena_generate_snapshot('overall'); SELECT bixarena_generate_snapshot('surgery'); COMMIT},
q{SELECT bixarena_request_snapshot('oncology'); CALL bixarena_process_requests()},
q{CALL bixarena_backfill('overall', now() - interval '3 hours', now(), '1 hour')}
);

foreach my $cut (1 .. $cuts)
{
	my $statement = $statements[ rand @statements ];
	my $all = $statement =~ /snapshots\(\)/ ? $counts{messages_up} : 60;

	if (rand() < 0.3)
	{
		# at the commit of a snapshot, wherever it is
		$wire->cut_on(
			'COMMIT TRANSACTION',
			rand() < 0.5 ? 'before' : 'after',
			rand() < 0.8
			? 'UPDATE bixarena_node.snapshot_writer'
			: 'INSERT INTO api.leaderboard_entry');
	}
	else
	{
		$wire->cut_after(int rand $all);
	}
	my ($state) = sql_state_of($node, $statement);

	$failed++ if $state ne '';
	$happened += $wire->has_happened;
	$wire->restore;
	like($state, qr/^(08...|40001|)$/, "cut $cut: $statement") or diag $state;
}
wait_until(
	$node,
	q{SELECT count(*) = 0 FROM bixarena.run WHERE status = 'queued'},
	'requests are taken up');
wait_for_no_worker($node);

# the next that come see what the last have left
is((sql_state_of($node, 'CALL bixarena_process_requests()'))[0],
	'', 'what was left is taken up');
is((sql_state_of($node, 'CALL bixarena_generate_snapshots()'))[0],
	'', 'the last call succeeds');
all_is_exact($node, $far, "$cuts cuts");
is( $far->safe_psql(
		'postgres',
q{SELECT count(*) FROM (SELECT leaderboard_id, snapshot_identifier FROM api.leaderboard_snapshot
	GROUP BY 1, 2 HAVING count(*) > 1) AS d}),
	'0',
	'no identifier twice');
is( $far->safe_psql(
		'postgres', q{SELECT count(*) FROM api.leaderboard_entry AS e
	WHERE NOT EXISTS (SELECT FROM api.leaderboard_snapshot AS s WHERE s.id = e.snapshot_id)}
	),
	'0',
	'no entry without its snapshot');
cmp_ok($happened, '>', $cuts / 4, 'many of the cuts met a statement');
note(
"$happened of $cuts cuts met a statement, $failed of which failed for it; "
	  . runs_and_snapshots($node));

$node->stop;
$far->stop;
done_testing();
