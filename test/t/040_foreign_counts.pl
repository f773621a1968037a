
# 040_foreign_counts.pl
#	  Battles and counts on another server: it counts, and what crosses the wire is
#	  a row for each group.
#
# The other server is another database of the same one, by postgres_fdw.  What is
# sent there is seen in the plans that auto_explain tells.  Where a column cannot be
# grouped there, since the other server might call other values equal, the rows come
# here, and the result is the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('foreign');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "bixarena_rank.progress = off\n");
$node->start;
if (sql($node,
q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}
	) == 0)
{
	$node->stop;
	plan skip_all => 'postgres_fdw is not installed';
}

my $port = $node->port;
my $host = $node->host;

$node->safe_psql('postgres', 'CREATE DATABASE far');
sql($node, qq{
	CREATE EXTENSION bixarena_rank;
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw
		OPTIONS (host '$host', port '$port', dbname 'far', extensions 'postgres_fdw');
	CREATE USER MAPPING FOR CURRENT_USER SERVER far;
});

# On the far side
sub far
{
	my ($sql) = @_;

	return $node->safe_psql('far', $sql);
}

# What the server sends to the other one while it runs a statement: the queries of
# foreign scans, one a line
sub sent_by
{
	my ($statement) = @_;
	my ($code, $out, $err) = $node->psql(
		'postgres', qq{
		LOAD 'auto_explain';
		SET auto_explain.log_min_duration = 0;
		SET auto_explain.log_nested_statements = on;
		SET auto_explain.log_verbose = on;
		SET client_min_messages = log;
		$statement});

	is($code, 0, "runs: $statement") or diag($err);
	return join "\n", $err =~ /Remote SQL: (.*)/g;
}

# The query for battles among those, which must be the only one of its kind
sub counted_by
{
	my ($statement, $relation) = @_;
	my @queries = grep { / FROM public\.$relation | FROM api\.$relation / }
	  split /\n/, sent_by($statement) =~ s/$/ /mgr;

	is(scalar @queries, 1, "one query of $relation");
	return $queries[0] // '';
}

#
# Any relation: each type of columns
#

far(q{
	CREATE TYPE model AS ENUM ('a', 'b', 'c', 'd');
	CREATE TABLE vote AS
	SELECT x.name AS a, y.name AS b, x.n AS x, y.n AS y, x.id AS u, y.id AS v, o AS outcome, 1 + k % 3 AS battles
	FROM (SELECT n, chr(96 + n) AS name, md5(n::text)::uuid AS id FROM generate_series(1, 4) AS n) AS x,
		(SELECT n, chr(96 + n) AS name, md5(n::text)::uuid AS id FROM generate_series(1, 4) AS n) AS y,
		unnest('{model1,model2,tie}'::text[]) AS o, generate_series(1, 7) AS k
	WHERE x.n <> y.n AND k <= 2 + (x.n * 3 + y.n * 5 + 3 * ascii(right(o, 1))) % 5;
	CREATE VIEW of_text AS SELECT a AS model1, b AS model2, outcome, battles FROM vote;
	CREATE VIEW of_varchar AS SELECT a::varchar(10) AS model1, b::varchar(10) AS model2, outcome::varchar(6), battles FROM vote;
	CREATE VIEW of_c AS SELECT a COLLATE "C" AS model1, b COLLATE "C" AS model2, outcome COLLATE "C" AS outcome, battles FROM vote;
	CREATE VIEW of_char AS SELECT a::char(10) AS model1, b::char(10) AS model2, outcome::char(6), battles FROM vote;
	CREATE VIEW of_uuid AS SELECT u AS model1, v AS model2, outcome, battles FROM vote;
	CREATE VIEW of_int AS SELECT x AS model1, y::bigint AS model2, outcome, battles FROM vote;
	CREATE VIEW of_enum AS SELECT a::model AS model1, b::model AS model2, outcome, battles FROM vote;
	CREATE VIEW of_numeric AS SELECT x::numeric AS model1, y::numeric AS model2, outcome, battles::numeric FROM vote;
	CREATE VIEW of_no_case AS TABLE of_text;
});
sql($node, q{
	CREATE TYPE model AS ENUM ('a', 'b', 'c', 'd');
	CREATE SCHEMA near;
	IMPORT FOREIGN SCHEMA public EXCEPT (vote, of_no_case) FROM SERVER far INTO near;
	CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE FOREIGN TABLE near.of_no_case (model1 text COLLATE no_case, model2 text COLLATE no_case,
		outcome text COLLATE no_case, battles int) SERVER far OPTIONS (schema_name 'public');
	-- an enum of the far side, as the text that it is
	CREATE FOREIGN TABLE near.of_enum_as_text (model1 text, model2 text, outcome text, battles int)
		SERVER far OPTIONS (schema_name 'public', table_name 'of_enum');
});

sub explained_groups
{
	my ($type, $is_sent) = @_;
	my $relation = $type eq 'enum_as_text' ? 'of_enum' : "of_$type";

	foreach my $argument ('', q{, num_battles => 'battles'})
	{
		my $sent = counted_by(
			"SELECT * FROM bixarena_rank('near.of_$type', 10$argument)",
			$relation);
		my $count = $argument ? 'sum\(battles(::numeric)?\)' : 'count\(\*\)';
		my $name = $argument ? "$type, counts" : $type;

		if ($is_sent)
		{
			like(
				$sent,
				qr/^SELECT .*$count.* GROUP BY 1, 2, 3 *$/,
				"$name: the other server counts");
		}
		else
		{
			unlike($sent, qr/GROUP BY/, "$name: it does not");
		}
	}
	is_value(
		$node, qq{
		SELECT string_agg(format('%s %s %s', round(bt_score::numeric, 6), rank, vote_count), ', ' ORDER BY rank, vote_count)
		FROM bixarena_rank('near.of_$type', 10)},
		far_ranking(''),
		"$type: ranked as there");
	is_value(
		$node, qq{
		SELECT string_agg(format('%s %s %s', round(bt_score::numeric, 6), rank, vote_count), ', ' ORDER BY rank, vote_count)
		FROM bixarena_rank('near.of_$type', 10, num_battles => 'battles')},
		far_ranking(q{, num_battles => 'battles'}),
		"$type, counts: ranked as there");
}

far('CREATE EXTENSION bixarena_rank');

sub far_ranking
{
	my ($argument) = @_;

	return far(
		qq{
		SELECT string_agg(format('%s %s %s', round(bt_score::numeric, 6), rank, vote_count), ', ' ORDER BY rank, vote_count)
		FROM bixarena_rank('of_text', 10$argument)});
}

explained_groups($_, 1) foreach qw(text varchar c char uuid int enum_as_text);
# a type of the user's is not the other server's, unless it is said to be
explained_groups('enum', 0);
sql($node, 'ALTER EXTENSION postgres_fdw ADD TYPE model');
explained_groups('enum', 1);
sql($node, 'ALTER EXTENSION postgres_fdw DROP TYPE model');
# nor are values that are equal here equal there
explained_groups('no_case', 0);
explained_groups('numeric', 0);

# EXPLAIN of the query itself, as a user would look
foreach my $type (qw(text varchar uuid int))
{
	like(
		sql($node, qq{EXPLAIN (VERBOSE, COSTS off)
			SELECT b.model1, b.model2, b.outcome, count(*) FROM near.of_$type AS b GROUP BY 1, 2, 3}
		),
qr/Relations: Aggregate on \(near\.of_$type b\)\s+Remote SQL: SELECT .* GROUP BY 1, 2, 3/,
		"$type: EXPLAIN tells");
}

#
# An arena of foreign tables: each reading
#

far(q{
	SELECT bixarena_create_arena('api');
	SELECT bixarena_configure('num_bootstrap', '10');
	SELECT bixarena_simulate_battles(3000, 6, categories => '{code}');
	UPDATE api.battle SET created_at = '2025-01-01 00:00Z'::timestamptz + n * interval '1 hour'
	FROM (SELECT id, row_number() OVER (ORDER BY ctid) AS n FROM api.battle) AS b WHERE b.id = battle.id;
	CREATE VIEW api.leaderboard_tally AS
	SELECT leaderboard, model1_id, model2_id, outcome, count(*) AS battles FROM api.leaderboard_battle GROUP BY 1, 2, 3, 4;
	CREATE VIEW api.arena_tally AS TABLE api.leaderboard_tally;
});
sql($node, q{
	CREATE SCHEMA api;
	IMPORT FOREIGN SCHEMA api LIMIT TO (leaderboard, model, leaderboard_snapshot, leaderboard_entry, leaderboard_battle)
		FROM SERVER far INTO api OPTIONS (import_default 'true');
	SELECT bixarena_attach_arena('api');
	SELECT bixarena_configure('num_bootstrap', '10');
});

my $one =
  q{SELECT * FROM bixarena_generate_snapshot('code', dry_run => true)};
my $then =
q{SELECT * FROM bixarena_generate_snapshot('code', as_of => '2025-03-01 00:00Z', dry_run => true)};
my $all = q{CALL bixarena_generate_snapshots()};
my $matchups = q{SELECT sum(battles) FROM bixarena_matchups('code')};
my $groups = 'GROUP BY 1, 2, 3 *$';

sub counts_are
{
	my ($reading, $relation, $pattern, $name) = @_;

	like(counted_by($reading, $relation), $pattern, $name);
}

counts_are(
	$one,
	'leaderboard_battle',
	qr/count\(\*\) FROM .* WHERE \(\(leaderboard = 'code'\)\) $groups/,
	'one leaderboard is counted there, and chosen there');
counts_are(
	$then,
	'leaderboard_battle',
qr/count\(\*\) FROM .* WHERE .*created_at <= .* AND \(\(leaderboard = 'code'\)\) $groups/,
	'as it was: likewise');
counts_are(
	$all,
	'leaderboard_battle',
qr/count\(\*\), leaderboard FROM .* WHERE \(\(leaderboard = ANY \('\{code,overall\}'::text\[\]\)\)\) GROUP BY 1, 2, 3, 5 *$/,
	'all leaderboards: one query');
counts_are(
	$matchups, 'leaderboard_battle',
	qr/count\(\*\) FROM .* $groups/,
	'matchups: likewise');
my $entries =
q{SELECT string_agg(format('%s %s %s %s', l.slug, bt_score, rank, vote_count), ', ' ORDER BY l.slug, rank)
	FROM api.leaderboard_entry AS e JOIN api.leaderboard AS l ON l.id = e.leaderboard_id};
my $of_battles = far($entries);
isnt($of_battles, '', 'there are snapshots');
far(q{DELETE FROM api.leaderboard_snapshot; CALL bixarena_generate_snapshots()}
);
is(far($entries), $of_battles, 'they are as if made there');

# Counts alone
sql($node, q{
	IMPORT FOREIGN SCHEMA api LIMIT TO (leaderboard_tally) FROM SERVER far INTO api;
});
my $sum =
'sum\(battles\), \(count\(\*\) - count\(\*\) FILTER \(WHERE \(battles > 0\)\)\)';
counts_are(
	$one, 'leaderboard_tally',
	qr/$sum FROM .* WHERE \(\(leaderboard = 'code'\)\) $groups/,
	'leaderboard_tally: summed there, and chosen there');
counts_are(
	$all,
	'leaderboard_tally',
qr/sum\(battles\), leaderboard, .* FROM .* WHERE \(\(leaderboard = ANY .* GROUP BY 1, 2, 3, 5 *$/,
	'leaderboard_tally: all leaderboards, where there is nothing for these');
counts_are(
	$then, 'leaderboard_battle',
	qr/count\(\*\) FROM .* $groups/,
	'as it was: of battles');
sql($node, q{
	IMPORT FOREIGN SCHEMA api LIMIT TO (arena_tally) FROM SERVER far INTO api;
});
far('DELETE FROM api.leaderboard_snapshot');
counts_are(
	$all,
	'arena_tally',
qr/sum\(battles\), leaderboard, .* FROM .* WHERE \(\(leaderboard = ANY .* GROUP BY 1, 2, 3, 5 *$/,
	'arena_tally: all leaderboards');
is(far($entries), $of_battles, 'counts make the same snapshots');

# Columns as they may be there
sql($node, q{
	ALTER FOREIGN TABLE api.leaderboard_tally ALTER leaderboard TYPE varchar(100), ALTER outcome TYPE varchar(20);
	ALTER FOREIGN TABLE api.arena_tally ALTER leaderboard TYPE varchar(100) COLLATE "C", ALTER outcome TYPE text COLLATE "C";
});
counts_are(
	$one,
	'leaderboard_tally',
qr/$sum FROM .* WHERE \(\(leaderboard(::text)? = 'code'(::text)?\)\) $groups/,
	'varchar: likewise');
far('DELETE FROM api.leaderboard_snapshot');
counts_are(
	$all,
	'arena_tally',
qr/sum\(battles\), leaderboard, .* FROM .* WHERE \(\(leaderboard(::text)? = ANY .* GROUP BY 1, 2, 3, 5 *$/,
	'another collation that is bytewise: likewise');
is(far($entries), $of_battles, 'and the same snapshots');
sql($node,
q{ALTER FOREIGN TABLE api.leaderboard_tally ALTER leaderboard TYPE text COLLATE no_case, ALTER outcome TYPE text COLLATE no_case}
);
unlike(
	counted_by($one, 'leaderboard_tally'),
	qr/GROUP BY|WHERE/,
	'one that is not: nothing is left to the other server');

# A server that is away is an error, and says so
sql($node, q{ALTER SERVER far OPTIONS (SET dbname 'away')});
my ($state, $message) = sql_state_of($node, $one);
is($state, '08001', 'a server that is away: the error of the connection');

$node->stop;
done_testing();
