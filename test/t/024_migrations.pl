
# 024_migrations.pl
#	  The application's migrations before, between, during and after runs: through
#	  its three ages (evaluations, validations, categories) and back.  Which battles
#	  count follows the tables that there are, nothing of ours holds up a change of
#	  them, and a migration is seen as a whole or not at all.  Then the views that
#	  version 1.0 made, and their end.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use OldVersion;
use RankTest;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $node = PostgreSQL::Test::Cluster->new('migrations');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

# The application's schema, at its oldest age
sub make_schema
{
	my ($arena) = @_;

	$node->command_ok(
		[
			'psql', '-XqAt',
			'-v', 'ON_ERROR_STOP=1',
			'-v', "arena=$arena",
			'-d', $node->connstr('postgres'),
			'-f', "$top/test/schema/bixarena.sql"
		],
		"schema $arena");
	sql($node, qq{
		SET client_min_messages = warning;
		ALTER TABLE $arena.battle DROP effective_validation_id, DROP effective_categorization_id;
		DROP TABLE $arena.battle_categorization_category, $arena.battle_categorization, $arena.battle_validation;
		INSERT INTO $arena.leaderboard (slug, name) VALUES ('overall', 'Overall');
		INSERT INTO $arena.model (slug, name, license, external_link, api_model_name, api_base)
		SELECT 'm' || n, 'M' || n, 'open-source', '', '', '' FROM generate_series(1, 5) AS n;
	});
}

# Battles of a given kind, of which the stronger model is named first
sub add_battles
{
	my ($arena, $number, %options) = @_;
	my $validated = defined $options{biomedical};
	my $validation = $validated
	  ? qq{
		, validation AS (INSERT INTO $arena.battle_validation (id, battle_id, method, confidence, is_biomedical)
			SELECT v, id, 'test', 1, $options{biomedical} FROM drawn)}
	  : '';
	my $categorization = $options{category}
	  ? qq{
		, categorization AS (INSERT INTO $arena.battle_categorization (id, battle_id, method, status)
			SELECT k, id, 'test', 'matched' FROM drawn)
		, category AS (INSERT INTO $arena.battle_categorization_category
			SELECT k, '$options{category}' FROM drawn)}
	  : '';
	my $columns = ($validated ? ', effective_validation_id' : '')
	  . ($options{category} ? ', effective_categorization_id' : '');
	my $values =
	  ($validated ? ', v' : '') . ($options{category} ? ', k' : '');

	return qq{
		WITH drawn AS MATERIALIZED (
			SELECT gen_random_uuid() AS id, gen_random_uuid() AS v, gen_random_uuid() AS k, a.id AS a, b.id AS b,
				CASE n % 4 WHEN 0 THEN 'model2' ELSE 'model1' END AS outcome
			FROM generate_series(1, $number) AS n
			JOIN $arena.model AS a ON a.slug = 'm' || (1 + n % 5)
			JOIN $arena.model AS b ON b.slug = 'm' || (1 + (n + 1 + n / 5 % 3) % 5))
		, battle AS (INSERT INTO $arena.battle (id, user_id, model1_id, model2_id$columns)
			SELECT id, gen_random_uuid(), a, b$values FROM drawn)
		, evaluation AS (INSERT INTO $arena.battle_evaluation (battle_id, outcome) SELECT id, outcome FROM drawn)
		$validation $categorization
		SELECT count(*) FROM drawn;};
}

# The migrations forth
sub add_validations
{
	my ($arena) = @_;

	return qq{
		CREATE TABLE $arena.battle_validation (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			battle_id uuid NOT NULL REFERENCES $arena.battle ON DELETE CASCADE,
			method varchar(100) NOT NULL, confidence decimal(4,3) NOT NULL,
			is_biomedical boolean NOT NULL, validated_by uuid, reason text,
			created_at timestamptz NOT NULL DEFAULT now());
		ALTER TABLE $arena.battle ADD effective_validation_id uuid
			REFERENCES $arena.battle_validation ON DELETE SET NULL;};
}

sub add_categories
{
	my ($arena) = @_;

	return qq{
		CREATE TABLE $arena.battle_categorization (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			battle_id uuid NOT NULL REFERENCES $arena.battle ON DELETE CASCADE,
			method varchar(100) NOT NULL, categorized_by uuid, reason text,
			status varchar(20) NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
		CREATE TABLE $arena.battle_categorization_category (
			categorization_id uuid REFERENCES $arena.battle_categorization ON DELETE CASCADE,
			category varchar(100), PRIMARY KEY (categorization_id, category));
		ALTER TABLE $arena.battle ADD effective_categorization_id uuid
			REFERENCES $arena.battle_categorization ON DELETE SET NULL;
		INSERT INTO $arena.leaderboard (slug, name) VALUES ('surgery', 'Surgery');};
}

# What the runs of one call count, by leaderboard
sub counts_are
{
	my ($arena, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	sql($node, 'DELETE FROM bixarena.run');
	$node->psql('postgres',
		"CALL bixarena_generate_snapshots(arena => '$arena')");
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, evaluation_count, error_sqlstate), ', '
		ORDER BY leaderboard) FROM bixarena.run}, $expected, $name);
	return if $expected =~ /failed/;
	is_value(
		$node,
qq{SELECT string_agg(concat_ws(' ', l.slug, s.status, s.evaluation_count), ', ' ORDER BY l.slug)
		FROM $arena.leaderboard AS l, LATERAL bixarena_generate_snapshot(l.slug, 10, arena => '$arena') AS s},
		$expected, "$name: one by one");
}

# What is in a schema
sub objects
{
	my ($arena) = @_;

	return value(
		$node,
qq{SELECT string_agg(pg_describe_object(classid, objid, 0), ', ' ORDER BY classid, objid)
		FROM (SELECT 'pg_class'::regclass AS classid, oid AS objid FROM pg_class WHERE relnamespace = '$arena'::regnamespace
			UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = '$arena'::regnamespace
			UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = '$arena'::regnamespace) AS o}
	);
}

#
# Through the ages and back
#

make_schema('api');
my $before = objects('api');

sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_attach_arena('api');
	SELECT bixarena_configure('num_bootstrap', '10');
	SELECT bixarena_configure('notify_channel', '');
	CREATE ROLE maker LOGIN;
	SELECT bixarena_grant('maker', 'operator')});
is(objects('api'), $before, 'attaching creates nothing');
sql($node, add_battles('api', 300));
counts_are('api', 'overall succeeded 300', 'evaluations');

# of 300 more, 200 count, and none of before
sql($node,
	'BEGIN;' . add_validations('api') . add_categories('api') . 'COMMIT;');
sql($node,
	add_battles('api', 120, biomedical => 'true', category => 'surgery'));
sql($node, add_battles('api', 80, biomedical => 'true'));
sql($node,
	add_battles('api', 100, biomedical => 'false', category => 'surgery'));
counts_are(
	'api',
	'overall succeeded 200, surgery succeeded 120',
	'validations and categories');
is_value(
	$node, q{SELECT bool_and(evaluation_count = battles) FROM (
		SELECT r.evaluation_count, (SELECT sum(m.battles) FROM bixarena_matchups(r.leaderboard) AS m) AS battles
		FROM bixarena.run AS r ORDER BY requested_at DESC LIMIT 2) AS r}, 't',
	'matchups are of the same battles');

# a member has no rights yet on what has come since
is( (   sql_state_of(
			$node, q{SELECT bixarena_generate_snapshot('overall')},
			'maker'))[0],
	'42501',
	'an operator may not read tables that have come since');
sql($node, q{SELECT bixarena_grant('maker', 'operator')});
is_value(
	$node,
q{SET ROLE maker; SELECT evaluation_count FROM bixarena_generate_snapshot('overall')},
	'200',
	'and may once it is granted anew');

# changes that a view would have held up
foreach my $change (
	'ALTER TABLE api.battle_evaluation ALTER outcome TYPE varchar(40)',
	'ALTER TABLE api.battle_evaluation ALTER outcome TYPE text',
'ALTER TABLE api.battle_categorization_category ALTER category TYPE varchar(200)',
	'ALTER TABLE api.battle_categorization ALTER status TYPE text',
	'ALTER TABLE api.battle ALTER user_id DROP NOT NULL',
	'ALTER TABLE api.leaderboard ALTER slug TYPE varchar(200)',
	'ALTER TABLE api.battle ADD note text')
{
	my ($state, $messages) = sql_state_of($node, $change);

	is($state, '', $change) or diag $messages;
	counts_are('api', 'overall succeeded 200, surgery succeeded 120',
		"after it");
}

# half an age is an error that names the rest, and no guess
foreach my $half (
	[
		'ALTER TABLE api.battle DROP COLUMN effective_categorization_id',
		'column battle.effective_categorization_id is missing'
	],
	[
		'DROP TABLE api.battle_categorization_category',
		'relation battle_categorization_category is missing'
	],
	[
		'DROP TABLE api.battle_validation CASCADE',
		'relation battle_validation is missing'
	],
	[
'ALTER TABLE api.battle_validation RENAME is_biomedical TO biomedical',
		'column battle_validation.is_biomedical is missing'
	],
	[
		'ALTER TABLE api.battle_categorization RENAME TO category_of_battle',
		'relation battle_categorization is missing'
	])
{
	my ($change, $missing) = @$half;
	my ($state, $messages) = sql_state_of($node,
		"BEGIN; $change; SELECT bixarena_generate_snapshot('overall')");

	is($state, '42P15', $change);
	like($messages, qr/DETAIL:  \Q$missing\E\./, 'which is missing is named');
}

# back
sql($node, q{ALTER TABLE api.battle DROP COLUMN effective_categorization_id});
counts_are(
	'api',
	'overall failed 42P15, surgery failed 42P15',
	'between two migrations');
sql($node, q{DROP TABLE api.battle_categorization_category});
sql($node, q{DROP TABLE api.battle_categorization});
counts_are(
	'api',
	'overall succeeded 200, surgery skipped 0',
	'back to validations');
sql($node, q{DELETE FROM api.leaderboard WHERE slug = 'surgery'});
sql($node,
q{ALTER TABLE api.battle DROP COLUMN effective_validation_id; DROP TABLE api.battle_validation}
);
counts_are('api', 'overall succeeded 600', 'back to evaluations');
is_value($node,
	q{SELECT count(*) FROM pg_class WHERE relname = 'leaderboard_battle'},
	'0', 'no view was made');

#
# A relation of the user's counts instead, and is in nobody's way once it is gone
#

sql($node,
	sprintf('CREATE VIEW api.leaderboard_battle AS %s',
		value($node, 'SELECT bixarena_battle_query()')));
counts_are('api', 'overall succeeded 600', 'a view from the query');
sql($node, q{CREATE OR REPLACE VIEW api.leaderboard_battle AS
	SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, e.outcome::text AS outcome,
		b.user_id AS voter_id, e.created_at, b.id AS battle_id
	FROM api.battle AS b JOIN api.battle_evaluation AS e ON e.battle_id = b.id
	WHERE b.model1_id <> (SELECT id FROM api.model WHERE slug = 'm1')});
counts_are('api', 'overall succeeded 480', 'a view that says something else');
sql($node, q{DROP VIEW api.leaderboard_battle});

#
# At the same time
#

# a migration that has begun is waited for, and seen as a whole, its rows with it
foreach my $call (q{CALL bixarena_generate_snapshots()},
	q{SELECT bixarena_generate_snapshot('overall')})
{
	my $application = $node->background_psql('postgres');

	sql($node, 'DELETE FROM bixarena.run');
	$application->query_safe(
		'BEGIN;' . add_validations('api') . q{
		WITH v AS (INSERT INTO api.battle_validation (battle_id, method, confidence, is_biomedical)
			SELECT id, 'test', 1, row_number() OVER (ORDER BY id) <= 400 FROM api.battle RETURNING id, battle_id)
		UPDATE api.battle AS b SET effective_validation_id = v.id FROM v WHERE v.battle_id = b.id}
	);
	my $session = start_sql($node, [$call]);
	wait_until(
		$node,
q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'},
		'the run waits');
	$application->query_safe('COMMIT');
	$application->quit;
	finish_sql($session);
	is_value(
		$node,
q{SELECT string_agg(concat_ws(' ', leaderboard, status, evaluation_count), ', ') FROM bixarena.run},
		'overall succeeded 400',
		"$call: a migration that had begun");

	# a run that has begun is waited for
	$session = $node->background_psql('postgres');
	$session->query_safe(
		q{BEGIN; SELECT bixarena_generate_snapshot('overall')});
	my $migration = start_sql(
		$node,
		[
q{ALTER TABLE api.battle DROP COLUMN effective_validation_id; DROP TABLE api.battle_validation}
		]);
	wait_until(
		$node,
q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'},
		'the migration waits');
	$session->query_safe('COMMIT');
	$session->quit;
	my ($out, $err) = finish_sql($migration);
	is($err, '', 'a migration waits for the run, and succeeds');
	counts_are('api', 'overall succeeded 600', 'after it');
}

#
# What version 1.0 leaves: its views hold up migrations until the extension is
# updated
#

make_schema('old');
sql($node, q{
	DROP EXTENSION bixarena_rank;
	CREATE EXTENSION bixarena_rank VERSION '1.0'});
sql($node, add_validations('old'));
sql($node, add_battles('old', 100, biomedical => 'true'));
run_as_old_version(
	$node, 'postgres', '1.0', q{
	SELECT bixarena_attach_arena('old');
	SELECT bixarena_create_arena('own');
	SELECT bixarena_grant('maker', 'admin', 'old')});
is( (   sql_state_of(
			$node,
			'ALTER TABLE old.battle_evaluation ALTER outcome TYPE varchar(40)'
		))[0],
	'0A000',
	'a view of 1.0 pins the columns');
sql($node, 'ALTER EXTENSION bixarena_rank UPDATE');
is_value(
	$node,
q{SELECT to_regclass('old.leaderboard_battle') IS NULL AND to_regclass('own.leaderboard_battle') IS NOT NULL},
	't',
	'the update drops the view from the application\'s schema');
is( (   sql_state_of(
			$node,
			'ALTER TABLE old.battle_evaluation ALTER outcome TYPE varchar(40)'
		))[0],
	'',
	'and the migration succeeds');
counts_are('old', 'overall succeeded 100', 'the same battles count');
sql($node, add_categories('old'));
sql($node,
	add_battles('old', 50, biomedical => 'true', category => 'surgery'));
counts_are(
	'old',
	'overall succeeded 150, surgery succeeded 50',
	'and those of the next age');
is( (sql_state_of($node, q{SELECT bixarena_attach_arena('old')}, 'maker'))[0],
	'',
	'an admin of then may attach again');

done_testing();
