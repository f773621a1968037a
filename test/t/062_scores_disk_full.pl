
# 062_scores_disk_full.pl
#	  Scoreboards on a disk that is full: where any one table or index of a scoreboard
#	  cannot grow, what a client is told is what happens, and once there is room again
#	  what he brings again counts once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $missing = preload_faults();

plan skip_all => $missing if $missing;

my $node = new_arena('disk', conf => "jit = off\nautovacuum = off\n");

my $messages =
q{(SELECT jsonb_agg(jsonb_build_object('message_id', 'm' || i, 'game_id', 'gold',
	'player_id', 'p' || i % 20, 'score', i, 'metadata', jsonb_build_object('long', repeat(md5(i::text), 100)))
	ORDER BY i) FROM generate_series(1, 60) AS i)};
my $submit = "SELECT count(*) FROM bixarena_submit_scores('game', $messages)";
my $enqueue =
  "SELECT count(*) FROM bixarena_enqueue_scores('game', $messages)";
my $file =
q{(SELECT convert_to(E'id,name,a,b\n' || string_agg(i || ',' || repeat('n', 200) || ',' || i || ',1', E'\n'), 'UTF8') FROM generate_series(1, 500) AS i)};
my $upload =
"SELECT status FROM bixarena_upload_standings('game', 'source=rok/dt=2026-01-01/a.csv', $file)";

sub make_scoreboard
{
	sql($node, q{
		SET client_min_messages = warning;
		DROP SCHEMA IF EXISTS game CASCADE;
		SELECT bixarena_create_scoreboard('game');
		SELECT bixarena_create_game('game', 'gold', operator => 'sum');
		UPDATE game.scoreboard SET retry_seconds = 0, workers = 1, max_attempts = 100}
	);
	return;
}

make_scoreboard();
my @relations = split /\n/, sql(
	$node, q{
	SELECT c.oid::regclass FROM pg_class AS c
	WHERE c.relnamespace = 'game'::regnamespace AND c.relkind IN ('r', 'i')
		AND c.relname ~ '^(player|score|score_event|message|queue|upload|upload_content|standing|standing_order)(_|$)'
		AND c.relname !~ '^(queue_lane|upload_column|upload_file|upload_refused|message_received)'
	ORDER BY 1});
cmp_ok(scalar(@relations), '>', 15, 'there are tables and indexes');

foreach my $relation (@relations)
{
	my $call =
		$relation =~ /upload|standing/ ? $upload
	  : $relation =~ /queue/ ? $enqueue
	  : $submit;
	my ($told, $error);

	make_scoreboard();
	fill_disk(value($node, "SELECT pg_relation_filepath('$relation')"));
	(undef, $told, $error) = $node->psql('postgres', $call,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	# what cannot be applied for the time being is told, and waits in the queue
	if ($call ne $submit || $error)
	{
		like($error, qr/ERROR:  53100:/, "$relation cannot grow: 53100");
	}
	else
	{
		cmp_ok($told, '>', 0, "$relation cannot grow: it is told");
		is_value($node, 'SELECT count(*) FROM game.score_event',
			60 - $told, "$relation cannot grow: that is so");
	}
	is_value(
		$node, q{SELECT count(*) FROM bixarena_check_scores('game')},
		0, "$relation cannot grow: counts and scores agree");
	free_disk();
	sql($node, $submit);
	sql($node, q{CALL bixarena_process_scores('game')});
	$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM game.queue')
	  or die 'the queue is not emptied';
	is_value(
		$node,
q{SELECT concat_ws(' ', (SELECT count(*) FROM game.score_event), (SELECT sum(score) FROM game.score),
			(SELECT count(*) FROM game.dead_letter), (SELECT count(*) FROM bixarena_check_scores('game')))},
		'60 1830 0 0',
		"$relation can grow again: each message counts once");
	is_value($node, $upload, 'accepted', "$relation can grow again: a file");
	is_value(
		$node,
q{SELECT concat_ws(' ', count(*), (SELECT count(*) FROM game.upload), (SELECT count(*) FROM game.standing_order)) FROM game.standing},
		'500 1 4',
		"$relation can grow again: is there once");
}
$node->stop;
done_testing();
