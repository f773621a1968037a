
# 053_live_notices.pl
#	  Who listens is told that battles count otherwise: by a fold that has changed
#	  something, with how many, and never twice within a second.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('notices');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'bixarena_rank.progress = off');
$node->start;
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	SELECT bixarena_simulate_battles(300, 5);
	SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('verify_leaderboards', '0');
	SELECT bixarena_configure('live_channel', 'the standing');
	SELECT bixarena_keep_tally()});
sql($node, 'SELECT bixarena_rebuild_tally()');

my $channel = 'the standing';
my $vote =
q{INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'tie' FROM arena.battle LIMIT 3};

# As if a second had passed since the last notice
sub let_a_second_pass
{
	sql($node,
q{UPDATE arena_live.state SET notified_at = notified_at - interval '1 second'}
	);
	return;
}

let_a_second_pass();
is( notices($node, $channel, $vote, 'SELECT bixarena_fold_tally()'),
	'{"arena":"arena",now,"changed_battles":3}',
	'a fold tells');
let_a_second_pass();
is( notices(
		$node, $channel,
		'SELECT bixarena_fold_tally()', 'SELECT bixarena_rebuild_tally()'),
	'',
	'one that has changed nothing does not');
is( notices(
		$node, $channel,
		$vote, q{SELECT status FROM bixarena_generate_snapshot('overall')}),
	'{"arena":"arena",now,"changed_battles":3}',
	'a run folds, and tells');

# a clock that is ahead stands for a second that does not pass
sql($node,
q{UPDATE arena_live.state SET notified_at = clock_timestamp() + interval '1 hour'}
);
is( notices(
		$node, $channel,
		map { ($vote, 'SELECT bixarena_fold_tally()') } 1 .. 4),
	'',
	'within a second nothing is told twice');
sql($node,
q{UPDATE arena_live.state SET notified_at = clock_timestamp() - interval '1 second'}
);
is( notices($node, $channel, 'SELECT bixarena_fold_tally()'),
	'{"arena":"arena",now,"changed_battles":12}',
	'but all of it after that, also by a fold that finds nothing new');
let_a_second_pass();
is( notices(
		$node, $channel,
		"BEGIN; $vote; SELECT bixarena_fold_tally(); ROLLBACK"),
	'',
	'nor what is rolled back');
sql($node, q{SELECT bixarena_configure('live_channel', '')});
is(notices($node, $channel, $vote, 'SELECT bixarena_fold_tally()'),
	'', 'nor where no channel is named');

$node->stop;
done_testing();
