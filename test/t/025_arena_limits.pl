
# 025_arena_limits.pl
#	  What reading all leaderboards of an arena at once may cost: what the data says
#	  of no leaderboard costs nothing, what a leaderboard costs grows with its models,
#	  and all together have a limit, beyond which each is read by itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('limits');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
	"shared_buffers = 16MB\nclient_min_messages = warning\n");
$node->start;
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	SELECT bixarena_simulate_battles(1000, 5);
	SELECT bixarena_configure('num_bootstrap', '10');
	SELECT bixarena_configure('notify_channel', '')});

# By how many MB does a statement raise the most that its session has ever used?
sub megabytes
{
	my ($statement) = @_;
	my $peak =
q{SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)')::bigint / 1024};
	my @peaks = split /\n/, sql($node, "$peak; $statement; $peak");

	return $peaks[1] - $peaks[0];
}

#
# Categories that are no leaderboards
#

my $few = megabytes('CALL bixarena_generate_snapshots()');

sql($node,
q{UPDATE arena.battle SET categories = (SELECT array_agg('tag' || n) FROM generate_series(1, 20000) AS n)
	WHERE id = (SELECT min(id::text)::uuid FROM arena.battle)});
my $many = megabytes('CALL bixarena_generate_snapshots()');

# each took 94 kB
cmp_ok($many, '<', $few + 200,
	"one battle of 20000 categories: $many MB, without $few MB");
is_value(
	$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, evaluation_count), ', ') FROM bixarena.run},
	'overall succeeded 1000, overall succeeded 1000',
	'which are no leaderboards');

#
# Leaderboards of few models
#

sql($node, q{
	INSERT INTO arena.leaderboard (slug, name) SELECT 'tag' || n, 'Tag' FROM generate_series(1, 2000) AS n;
	SELECT bixarena_configure('min_total_battles', '1000')});
$many = megabytes('CALL bixarena_generate_snapshots()');
cmp_ok($many, '<', $few + 140, "2000 leaderboards of one battle: $many MB");
is_value(
	$node,
q{SELECT count(*) FROM bixarena.run WHERE status = 'skipped' AND evaluation_count = 1},
	'2000',
	'are read');

#
# Leaderboards of many models, more than may be read at once
#

# 1000 pairs of models each, in battles that count how often they are read
sql($node, q{
	DELETE FROM arena.leaderboard;
	DELETE FROM bixarena.run;
	INSERT INTO arena.leaderboard (slug, name) SELECT 'tag' || n, 'Tag' FROM generate_series(1, 500) AS n;
	INSERT INTO arena.model (id, slug, name) SELECT md5(c || n)::uuid, c || n, c || n
	FROM unnest('{a,b}'::text[]) AS c, generate_series(1, 1000) AS n;
	SELECT bixarena_configure('min_total_battles', '2000');
	CREATE SEQUENCE reads;
	CREATE OR REPLACE VIEW arena.leaderboard_battle AS
	SELECT l.slug::text AS leaderboard, md5('a' || n)::uuid AS model1_id, md5('b' || n)::uuid AS model2_id, 'tie'::text AS outcome,
		NULL::uuid AS voter_id, now() AS created_at, NULL::uuid AS battle_id
	FROM (SELECT slug FROM arena.leaderboard OFFSET 0) AS l, generate_series(1, 1000) AS n
	WHERE (SELECT nextval('reads')) > 0});
$many = megabytes('CALL bixarena_generate_snapshots()');
is_value(
	$node,
q{SELECT string_agg(concat_ws(' ', status, error_sqlstate, reads, n), ', ') FROM (
		SELECT status, error_sqlstate, (SELECT last_value FROM reads) AS reads, count(*) AS n FROM bixarena.run GROUP BY 1, 2) AS r},
	'skipped 1 500', '1000000 models in all are read at once');
diag "at once: $many MB";

sql($node, q{
	INSERT INTO arena.leaderboard (slug, name) VALUES ('tag501', 'Tag');
	DELETE FROM bixarena.run});
$many = megabytes('CALL bixarena_generate_snapshots()');
is_value(
	$node,
q{SELECT string_agg(concat_ws(' ', status, error_sqlstate, reads, n), ', ') FROM (
		SELECT status, error_sqlstate, (SELECT last_value FROM reads) AS reads, count(*) AS n FROM bixarena.run GROUP BY 1, 2) AS r},
	'skipped 503 501', 'of more each leaderboard is read by itself');
diag "each by itself: $many MB";

done_testing();
