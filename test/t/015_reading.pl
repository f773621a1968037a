# 015_reading.pl
#	  Reading is quick: 100 models and 1,000 snapshots of each of five
#	  leaderboards, in an arena of ours and in the application's schema, whose
#	  indexes are its own.
#
# auto_explain shows the plans that the functions run, and how many blocks each looks
# at: unlike the time, which is only noted, that is the same on every machine.

use strict;
use warnings;

use FindBin;
use List::Util qw(min sum0);
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $calls = 10;

my $node = PostgreSQL::Test::Cluster->new('reading');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
	"max_wal_size = '4GB'\nsynchronous_commit = off");
$node->start;
sql($node, 'CREATE EXTENSION bixarena_rank');
$node->safe_psql(
	'postgres',
	slurp_file("$FindBin::RealBin/../schema/bixarena.sql"),
	extra_params => [ '-v', 'arena=api' ]);
sql($node,
q{SELECT bixarena_create_arena('arena'); SELECT bixarena_attach_arena('api');}
);

# Results of a thousand days, by hand
sub fill
{
	my ($arena) = @_;

	sql($node, qq{
		INSERT INTO $arena.leaderboard (slug, name) SELECT 'board' || n, 'Board' FROM generate_series(1, 5) AS n;
		INSERT INTO $arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
		SELECT l.id, 'snapshot_' || n, CASE n % 10 WHEN 3 THEN 'private' ELSE 'public' END,
			timestamptz '2026-01-01' - make_interval(days => n)
		FROM $arena.leaderboard AS l, generate_series(0, 999) AS n WHERE l.slug LIKE 'board%';
		INSERT INTO $arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score,
			bootstrap_q025, bootstrap_q975, vote_count)
		SELECT s.leaderboard_id, m.id, s.id, m.n, 1500 - 10 * m.n, 1490 - 10 * m.n, 1510 - 10 * m.n, 1000
		FROM $arena.leaderboard_snapshot AS s,
			(SELECT id, row_number() OVER (ORDER BY slug) AS n FROM $arena.model) AS m;
	});
	$node->safe_psql('postgres', 'VACUUM ANALYZE');
}

# 1,000 battles between 500 pairs
sql($node, q{
	SELECT bixarena_simulate_battles(1, 100, arena => 'arena');
	DELETE FROM arena.battle;
	WITH m AS (SELECT id, row_number() OVER (ORDER BY slug) - 1 AS n FROM arena.model)
	INSERT INTO arena.battle (model1_id, model2_id, outcome, categories, created_at)
	SELECT a.id, b.id, o, '{board1}', '2025-06-01'
	FROM m AS a JOIN m AS b ON b.n IN (SELECT (a.n + d) % 100 FROM generate_series(1, 5) AS d),
		unnest('{model1,tie}'::text[]) AS o;
	INSERT INTO api.model (slug, name, license, external_link, api_model_name, api_base, organization)
	SELECT slug, name, 'open-source', '', '', '', organization FROM arena.model;
	WITH m AS (SELECT id, row_number() OVER (ORDER BY slug) - 1 AS n FROM api.model), b AS (
		INSERT INTO api.battle (title, user_id, model1_id, model2_id, created_at)
		SELECT '', gen_random_uuid(), a.id, b.id, '2025-06-01'
		FROM m AS a JOIN m AS b ON b.n IN (SELECT (a.n + d) % 100 FROM generate_series(1, 5) AS d), generate_series(1, 2)
		RETURNING id
	), v AS (
		INSERT INTO api.battle_validation (battle_id, method, confidence, is_biomedical)
		SELECT id, 'human', 1, true FROM b RETURNING id, battle_id
	)
	INSERT INTO api.battle_evaluation (battle_id, outcome, created_at)
	SELECT battle_id, 'model1', '2025-06-01' FROM v;
	UPDATE api.battle AS b SET effective_validation_id = v.id FROM api.battle_validation AS v WHERE v.battle_id = b.id;
});
fill('arena');
fill('api');

# The blocks that a call looks at once the session knows the tables, its least time
# in milliseconds, and all plans
sub blocks_and_plans
{
	my ($call) = @_;
	my ($code, $out, $err) = $node->psql(
		'postgres',
		join("\n",
			"LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;",
'SET auto_explain.log_analyze = on; SET auto_explain.log_buffers = on;',
'SET auto_explain.log_timing = off; SET auto_explain.log_nested_statements = on;',
			'SET client_min_messages = log;',
			("SELECT count(*) FROM $call;") x $calls));
	my @of_calls = $err =~
/duration: ([\d.]+ ms  plan:\s+Query Text: SELECT count\(\*\) FROM bixarena.*?\n\s*Buffers: [^\n]*)/gs;
	my ($blocks) = map { sum0(/ (?:hit|read)=(\d+)/g) } $of_calls[-1] // '';

	is($code, 0, "$call works") or diag($err);
	is(scalar @of_calls, $calls, "$call is explained $calls times");
	return ($blocks, min(map { /^([\d.]+)/ } @of_calls), $err);
}

# Of the thousands of rows none is looked at in vain
sub is_quick
{
	my ($call, $rows, $limit) = @_;
	my ($blocks, $time, $plans) = blocks_and_plans($call);

	is_value($node, "SELECT count(*) FROM $call",
		$rows, "$call has $rows rows");
	cmp_ok($blocks, '>', 0, "$call looks at blocks");
	cmp_ok($blocks, '<=', $limit, "$call looks at no more than $limit");
	note("$call: $blocks blocks, $time ms");
	unlike(
		$plans,
		qr/Seq Scan on leaderboard_(entry|snapshot)/,
		"$call uses the indexes");
	unlike(
		$plans,
		qr/Rows Removed by Join Filter: \d{4}/,
		"$call does not try each with each");
}

foreach my $arena ('arena', 'api')
{
	is_quick("bixarena_leaderboard('board1', arena => '$arena')", 100, 100);
	is_quick(
"bixarena_leaderboard('board1', search => '5', sort_by => 'vote_count', page_size => 10, arena => '$arena')",
		10, 100);
	is_quick(
"bixarena_model_history('board1', 'simulated-0050', arena => '$arena')",
		100, 5000);
	is_quick(
"bixarena_model_history('board1', 'simulated-0050', 'rank', page_size => NULL, arena => '$arena')",
		900, 5000);
	is_quick("bixarena_compare_snapshots('board1', arena => '$arena')",
		100, 100);
	is_quick(
"bixarena_compare_snapshots('board1', 'snapshot_999', 'snapshot_0', arena => '$arena')",
		100, 100);
	is_quick("bixarena_snapshots('board1', arena => '$arena')", 100, 1200);
}
# how long matchups take depends on the battles, which are read
is_quick("bixarena_matchups('board1', arena => 'arena')", 500, 100);

$node->stop;
done_testing();
