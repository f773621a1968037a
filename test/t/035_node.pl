
# 035_node.pl
#	  A rank node beside a managed database: what its administrator runs once, what
#	  the node makes of it, and that every function works there as on an arena of
#	  the same server.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use RemoteTest;
use Test::More;
use WireProxy;

plan skip_all => can_be_remote() if can_be_remote();

my $far = new_far('far', 'api');
my $wire = WireProxy->new($far->port);
my $node = new_rank_node('node', $wire);

sub far_sql
{
	return $far->safe_psql('postgres', $_[0]);
}

# What an attempt to attach says: SQLSTATE, message and hint
sub attach_says
{
	my ($state, $messages) =
	  sql_state_of($node, $_[0] // q{SELECT bixarena_attach_remote('rds')});

	return ($state, $messages, $messages =~ /^HINT:  (.*)/m ? $1 : '');
}

#
# Attaching says what is missing, and by which statement it comes
#

{
	my ($state, $messages, $hint) =
	  attach_says(q{SELECT bixarena_attach_remote('nowhere')});

	is($state, '42704', 'a server that is not there');
	like(
		$hint,
		qr/CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw/,
		'the hint makes it');

	sql($node,
q{CREATE ROLE stranger LOGIN; GRANT EXECUTE ON FUNCTION bixarena_attach_remote TO stranger;
		GRANT EXECUTE ON FUNCTION bixarena_attach_arena TO stranger;
		GRANT CREATE ON DATABASE postgres TO stranger; GRANT USAGE ON FOREIGN SERVER rds TO stranger}
	);
	($state, $messages) =
	  sql_state_of($node, q{SELECT bixarena_attach_remote('rds')},
		'stranger');
	is($state, '42704', 'no user mapping');
	like(
		$messages,
		qr/HINT:  CREATE USER MAPPING FOR stranger SERVER rds/,
		'the hint makes it');

	# the role is of the far side's script
	far_sql('CREATE ROLE bixarena_node LOGIN');
	($state, $messages, $hint) = attach_says();
	is($state, '3F000', 'the script was not run');
	like($hint, qr/bixarena_node_script\('api'\)/, 'the hint says so');
	is_value($node, q{SELECT to_regnamespace('api') IS NULL},
		't', 'nothing is left of it');
}

my $script = value($node, q{SELECT bixarena_node_script('api')});

far_sql($script);
far_sql($script);
pass('the script can be run again');

# who owned the schema could make functions anew that have the script's role's rights
far_sql('CREATE ROLE somebody; ALTER SCHEMA bixarena_node OWNER TO somebody');
{
	my ($status, undef, $messages) = $far->psql('postgres', $script);

	isnt($status, 0, 'the script refuses a schema of another role');
	like(
		$messages,
		qr/schema bixarena_node belongs to role somebody/,
		'and says whose it is');
}
far_sql(
	'ALTER SCHEMA bixarena_node OWNER TO CURRENT_USER; DROP ROLE somebody');

# each right that the role may lose, and its hint gives back
foreach my $loss (
	'SELECT ON api.leaderboard',
	'SELECT ON api.model',
	'INSERT ON api.leaderboard_snapshot',
	'DELETE ON api.leaderboard_snapshot',
	'UPDATE ON api.leaderboard_snapshot',
	'INSERT ON api.leaderboard_entry',
	'SELECT ON api.leaderboard_entry',
	'USAGE ON SCHEMA api')
{
	far_sql("REVOKE $loss FROM bixarena_node");
	my ($state, $messages, $hint) = attach_says();

	is($state, '42501', "without $loss");
	is($hint, "GRANT $loss TO bixarena_node;", 'the hint is the statement');
	far_sql($hint);
}
foreach my $relation (
	'leaderboard_tally', 'arena_tally',
	'leaderboard_battle', 'node_rights',
	'snapshot_writer')
{
	far_sql("DROP VIEW bixarena_node.$relation");
	my ($state, $messages, $hint) = attach_says();

	is($state, '42P01', "without $relation");
	like(
		$hint,
		qr/bixarena_node_script\('api'\)/,
		'the hint says where it comes from');
	far_sql($script);
}
far_sql('REVOKE USAGE ON SCHEMA bixarena_node FROM bixarena_node');
{
	my ($state, $messages, $hint) = attach_says();

	is($state, '42501', 'without USAGE on bixarena_node');
	like($hint, qr/bixarena_node_script\('api'\)/,
		'the script gives it back');
}
far_sql($script);
is( (attach_says(q{SELECT bixarena_attach_remote('rds', schema => 'apo')}))
	  [0],
	'3F000', 'a schema that is not there');

my $before = far_sql(
q{SELECT string_agg(oid::regclass::text, ' ' ORDER BY oid) FROM pg_class WHERE relnamespace = 'api'::regnamespace}
);

attach_far($node, $far, 'api');
is( far_sql(
q{SELECT string_agg(oid::regclass::text, ' ' ORDER BY oid) FROM pg_class WHERE relnamespace = 'api'::regnamespace}
	),
	$before,
	'nothing is made in the application\'s schema');
is( far_sql(
q{SELECT count(*) FROM pg_depend AS d JOIN pg_class AS c ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
	JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid WHERE c.relnamespace = 'api'::regnamespace}
	),
	'0',
	'and no view depends on it');
is_value(
	$node,
q{SELECT string_agg(o, ' ' ORDER BY o) FROM pg_foreign_server, unnest(srvoptions) AS o WHERE o ~ '^(fetch|batch|connect|tcp)'},
'batch_size=1000 connect_timeout=10 fetch_size=50000 tcp_user_timeout=30000',
	'the server has the options that are right');
is((attach_says())[0], '', 'attaching again');
is( (attach_says(q{SELECT bixarena_attach_remote('rds', arena => 'public')}))
	  [0],
	'',
	'into a schema that is there');
sql($node,
q{DELETE FROM bixarena.arena WHERE name = 'public'; DROP FOREIGN TABLE public.leaderboard, public.model,
	public.leaderboard_snapshot, public.leaderboard_entry, public.leaderboard_battle, public.leaderboard_tally,
	public.arena_tally, public.voter_tally, public.node_rights, public.snapshot_writer}
);

# A schema that has tables, and a far side that another version has made
{
	my ($state, $messages, $hint) = attach_says(
		q{CREATE SCHEMA own; CREATE TABLE own.model (id uuid);
		SELECT bixarena_attach_remote('rds', arena => 'own')});

	is($state, '42P06', 'a schema that has tables of its own');
	like($hint, qr/with arena =>/, 'the hint says where else to');
	sql($node, 'DROP SCHEMA own CASCADE');

	far_sql($script =~ s/version := '\K[^']+/0.9/r);
	($state, $messages, $hint) = attach_says();
	is($state, '', 'attaching to what another version has made');
	like(
		$messages,
		qr/WARNING: .*made by version 0[.]9 of/,
		'a warning tells of it');
	is($hint, 'Run there what bixarena_node_script() prints.', 'its hint');
	far_sql($script);
	unlike((attach_says())[1], qr/WARNING/, 'after that there is none');
}

# Retention, where nothing says whether snapshots may be deleted
{
	my $make =
	  q{SELECT bixarena_generate_snapshot('overall', arena => 'api')};

	sql($node,
		q{SELECT bixarena_configure('keep_snapshots', '1', arena => 'api');
		ALTER FOREIGN TABLE api.node_rights RENAME TO no_rights});
	my ($state, $messages, $hint) = attach_says($make);

	is($state, '', 'a snapshot');
	like(
		$messages,
		qr/WARNING: .*old snapshots of arena "api" are kept/,
		'a warning tells that older ones stay');
	like($hint, qr/^bixarena_attach_remote\(\)/, 'its hint');
	sql($node, 'DROP FOREIGN TABLE api.no_rights');
	is((attach_says())[0], '', 'attaching again');
	unlike((attach_says($make))[1], qr/WARNING/, 'then they are deleted');
	is(far_sql('SELECT count(*) FROM api.leaderboard_snapshot'),
		1, 'one is kept');
	far_sql('DELETE FROM api.leaderboard_snapshot');
	sql($node,
		q{SELECT bixarena_configure('keep_snapshots', NULL, arena => 'api');
		DELETE FROM bixarena.run});
}

#
# The role has no right on a battle
#

foreach my $table (
	'battle', 'battle_evaluation',
	'battle_validation', 'battle_categorization',
	'battle_categorization_category')
{
	is( far_sql(
"SELECT has_table_privilege('bixarena_node', 'api.$table', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
		OR has_any_column_privilege('bixarena_node', 'api.$table', 'SELECT, INSERT, UPDATE')"
		),
		'f',
		"no right on $table");
}
is( far_sql(
q{SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc AS p WHERE p.pronamespace = 'bixarena_node'::regnamespace
	AND has_function_privilege('public', p.oid, 'EXECUTE')}),
	'',
	'and nobody else has one on its functions');
is( far_sql(
q{SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc AS p WHERE p.pronamespace = 'bixarena_node'::regnamespace
	AND NOT has_function_privilege('bixarena_node', p.oid, 'EXECUTE')}),
	'battle_query write_snapshot',
	'the role may not call what is called for it');
is( far_sql(
q{SELECT has_schema_privilege('bixarena_node', 'bixarena_node', 'CREATE') OR has_schema_privilege('bixarena_node', 'api', 'CREATE')
	OR has_table_privilege('bixarena_node', 'api.leaderboard', 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
	OR has_table_privilege('bixarena_node', 'api.model', 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
	OR has_table_privilege('bixarena_node', 'api.leaderboard_snapshot', 'TRUNCATE, REFERENCES, TRIGGER')
	OR has_table_privilege('bixarena_node', 'api.leaderboard_entry', 'TRUNCATE, REFERENCES, TRIGGER')}
	),
	'f',
	'nor make anything, nor write elsewhere');
is( far_sql(
q{SELECT string_agg(proname, ' ' ORDER BY oid::regprocedure::text) FROM pg_proc WHERE pronamespace = 'bixarena_node'::regnamespace
	AND prosecdef AND NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig)}
	),
	'',
	'what has the administrator\'s rights has a search_path of its own');

# tables of the role's own in its place are not read
$far->safe_psql(
	'postgres', q{
	SET ROLE bixarena_node;
	CREATE TEMP TABLE battle (id uuid);
	CREATE TEMP TABLE leaderboard (slug text);
	CREATE FUNCTION pg_temp.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
	DO $$ BEGIN ASSERT (SELECT sum(battles) > 0 FROM bixarena_node.arena_tally); END $$}
);

#
# Every function, with what an arena of the application's schema here gives
#

$node->command_ok(
	[
		'psql', '-XqAt',
		'-v', 'ON_ERROR_STOP=1',
		'-v', 'arena=local',
		'-d', $node->connstr('postgres'),
		'-f', "$FindBin::RealBin/../schema/$_"
	],
	"the same schema here: $_") foreach 'bixarena.sql', 'battles.sql';
sql($node, q{
	SELECT bixarena_attach_arena('local');
	SELECT bixarena_configure('num_bootstrap', '10', arena => 'local');
	SELECT bixarena_configure('retry_seconds', '0', arena => 'local')});

sub same
{
	my ($sql, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $local = value($node, $sql =~ s/ARENA/local/gr);

	is(value($node, $sql =~ s/ARENA/api/gr), $local, $name);
	isnt($local, '', "$name: there is something");
	return;
}

foreach my $arena ('api', 'local')
{
	sql($node,
"CALL bixarena_generate_snapshots(arena => '$arena', trigger_source => 'scheduled')"
	);
	sql($node,
"CALL bixarena_generate_snapshots(arena => '$arena', leaderboard_id => 'surgery')"
	);
	sql($node,
		"CALL bixarena_generate_snapshots(arena => '$arena', dry_run => true)"
	);
	sql($node,
"CALL bixarena_backfill('overall', '2026-01-01', '2026-01-03', '1 day', arena => '$arena')"
	);
	my $id = value($node,
		"SELECT bixarena_request_snapshot('overall', arena => '$arena')");

	wait_for_run($node, $id);
}
same(
q{SELECT leaderboard, status, entry_count, evaluation_count, ignored_battles, skip_reason, parameters, trigger_source FROM bixarena.run
	WHERE arena = 'ARENA' ORDER BY requested_at}, 'runs');
same(
q{SELECT model, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count FROM bixarena_leaderboard('overall', arena => 'ARENA')},
	'leaderboard');
same(
q{SELECT leaderboard_id, entry_count FROM bixarena_leaderboards(arena => 'ARENA')},
	'leaderboards');
same(
q{SELECT rank, bt_score FROM bixarena_model_history('overall', (SELECT slug FROM bixarena_leaderboard('overall', arena => 'ARENA') LIMIT 1), arena => 'ARENA')},
	'history');
same(
q{SELECT m.* FROM bixarena_matchups('surgery', arena => 'ARENA') AS m ORDER BY m::text},
	'matchups');
same(
q{SELECT status, entry_count, evaluation_count FROM bixarena_generate_snapshot('surgery', as_of => '2026-01-02', dry_run => true, arena => 'ARENA')},
	'as_of');
same(
q{SELECT count(*), count(*) FILTER (WHERE visibility = 'public') FROM bixarena_snapshots('overall', arena => 'ARENA')},
	'snapshots');
same(
q{SELECT regexp_replace(bixarena_leaderboard_svg('surgery', arena => 'ARENA'), '(local|api|[0-9]{4}-[0-9 :_-]+)', '', 'g')},
	'a chart');
same(q{SELECT bixarena_report('surgery', arena => 'ARENA') ~ '</html>'},
	'a report');
same(q{SELECT count(*) FROM bixarena_site(arena => 'ARENA')}, 'a site');
same(
q{SELECT check_name, status FROM bixarena_health('ARENA') WHERE check_name <> 'far_side'},
	'health');
same(
q{SELECT name, count(*) FROM bixarena.metrics WHERE labels->>'arena' = 'ARENA' AND labels->>'check' IS DISTINCT FROM 'far_side' GROUP BY name ORDER BY name},
	'metrics');

foreach my $arena ('api', 'local')
{
	sql($node,
"SELECT bixarena_update_snapshot('surgery', s.snapshot_identifier, description => 'first', visibility => 'private', arena => '$arena')
		FROM (SELECT * FROM bixarena_snapshots('surgery', arena => '$arena') ORDER BY created_at LIMIT 1) AS s"
	);
	sql($node,
"SELECT bixarena_delete_snapshot('surgery', s.snapshot_identifier, arena => '$arena')
		FROM (SELECT * FROM bixarena_snapshots('surgery', arena => '$arena') ORDER BY created_at DESC LIMIT 1) AS s"
	);
}
same(
q{SELECT description, visibility FROM bixarena_snapshots('surgery', arena => 'ARENA')},
	'snapshots changed by hand');
is( far_sql(
'SELECT count(*) FROM api.leaderboard_entry AS e WHERE NOT EXISTS (SELECT FROM api.leaderboard_snapshot AS s WHERE s.id = e.snapshot_id)'
	),
	'0',
	'no entry is left');

# what crosses is counts, not battles
{
	my $battles =
	  far_sql('SELECT count(*) FROM bixarena_node.leaderboard_battle');
	my %counts;

	$wire->reset;
	sql($node,
q{SELECT bixarena_generate_snapshot('overall', as_of => '2026-03-01', dry_run => true, arena => 'api')}
	);
	%counts = $wire->counts;
	note("as_of: $counts{bytes_down} bytes");
	is_value($node, q{SELECT count(*) FROM pg_foreign_table},
		'10', 'ten foreign tables');
}

#
# Intervals by voter, some leaderboards of a call by the formula, and some by battle
#

foreach my $arena ('api', 'local')
{
	sql($node, qq{
		DELETE FROM bixarena.run WHERE arena = '$arena';
		SELECT bixarena_configure('cluster_by_voter', 'true', arena => '$arena');
		SELECT bixarena_configure('intervals', 'sandwich', leaderboard_id => 'surgery', arena => '$arena');
		SELECT bixarena_configure('cluster_by_voter', 'false', leaderboard_id => 'oncology', arena => '$arena')}
	);
	sql($node, "CALL bixarena_generate_snapshots(arena => '$arena')");
}
same(
q{SELECT leaderboard, status, evaluation_count, parameters, voters, ranges, soundness FROM bixarena.run
	WHERE arena = 'ARENA' AND triggered_by IS NULL ORDER BY leaderboard},
	'runs by voter');
is_value(
	$node,
	q{SELECT string_agg(leaderboard, ' ') FROM bixarena.run
	WHERE arena = 'api' AND triggered_by IS NULL AND status = 'succeeded' AND (voters IS NULL OR ranges IS NULL)},
	'oncology',
	'voters and ranges are on record');
foreach my $slug ('overall', 'surgery', 'oncology')
{
	same(
"SELECT model, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count FROM bixarena_leaderboard('$slug', arena => 'ARENA')",
		"$slug by voter");
	same(
"SELECT d FROM bixarena_leaderboard_difference('$slug', 'model-01', 'model-02', arena => 'ARENA') AS d",
		"$slug: a difference");
	same("SELECT * FROM bixarena_leaderboard_$_, arena => 'ARENA')",
		"$slug: $_")
	  foreach "robustness('$slug', true", "voters('$slug'", "fit('$slug'",
	  "misfits('$slug'", "next_battles('$slug'";
}
same(
q{SELECT slug, lowest_rank, highest_rank, may_be_best, comparison_lower FROM bixarena_leaderboard_ranges('overall', arena => 'ARENA')},
	'ranges');
{
	my ($state, $messages) = sql_state_of(
		$node,
q{BEGIN; DROP FOREIGN TABLE api.voter_tally; ALTER FOREIGN TABLE api.leaderboard_battle DROP COLUMN voter_id;
		SELECT bixarena_generate_snapshot('overall', arena => 'api')});

	is($state, '0A000', 'nothing says who voted');
	like(
		$messages,
		qr/DETAIL:  Relation leaderboard_battle has no column voter_id/,
		'the error says it');
}
sql($node,
	qq{SELECT bixarena_configure('cluster_by_voter', 'false', arena => '$_')})
  foreach 'api', 'local';

#
# The application's migrations, between runs
#

sub counts_are
{
	my ($expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	sql($node, q{DELETE FROM bixarena.run WHERE arena = 'api'});
	$node->psql('postgres',
		q{CALL bixarena_generate_snapshots(arena => 'api')});
	is_value(
		$node,
q{SELECT concat_ws(' ', status, evaluation_count, error_sqlstate) FROM bixarena.run
		WHERE arena = 'api' AND leaderboard = 'overall' AND triggered_by IS NULL},
		$expected, $name);
	return;
}

my $counted = far_sql(
q{SELECT sum(battles) FROM bixarena_node.leaderboard_tally WHERE leaderboard = 'overall'}
);

foreach my $migration (
	'ALTER TABLE api.battle_evaluation ALTER outcome TYPE text',
'ALTER TABLE api.battle_categorization_category ALTER category TYPE varchar(200)',
	'ALTER TABLE api.leaderboard ALTER slug TYPE varchar(200)',
	'ALTER TABLE api.model ALTER name TYPE text')
{
	far_sql($migration);
	counts_are("succeeded $counted", $migration);
}
far_sql('ALTER TABLE api.battle DROP COLUMN effective_categorization_id');
counts_are('failed 42703', 'half an age is an error, and no guess');
far_sql(
	'DROP TABLE api.battle_categorization_category, api.battle_categorization'
);
counts_are("succeeded $counted", 'back to validations');
far_sql(
'ALTER TABLE api.battle DROP COLUMN effective_validation_id; DROP TABLE api.battle_validation'
);
counts_are(
	'succeeded '
	  . far_sql(
'SELECT count(*) FROM api.battle_evaluation AS e JOIN api.battle AS b ON b.id = e.battle_id WHERE b.model1_id <> b.model2_id'
	  ),
	'back to evaluations');

#
# A schema of an odd name
#

{
	my $odd = q{it's $body$ "odd" 100%s \\n Ü};
	my $name = q{"it's $body$ ""odd"" 100%s \\n Ü"};
	my $literal = q{'it''s $body$ "odd" 100%s \\n Ü'};
	my $other = PostgreSQL::Test::Cluster->new('other');

	$other->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$other->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
	$other->start;
	$other->command_ok(
		[
			'psql', '-XqAt',
			'-v', 'ON_ERROR_STOP=1',
			'-v', "arena=$odd",
			'-d', $other->connstr('postgres'),
			'-f', "$FindBin::RealBin/../schema/$_"
		],
		"an odd schema: $_") foreach 'bixarena.sql', 'battles.sql';
	$other->safe_psql('postgres',
		value($node, "SELECT bixarena_node_script($literal)"));
	sql($node,
		sprintf
		  q{CREATE SERVER "odd ""server" FOREIGN DATA WRAPPER postgres_fdw
		OPTIONS (host '127.0.0.1', port '%d', dbname 'postgres');
		CREATE USER MAPPING FOR CURRENT_USER SERVER "odd ""server" OPTIONS (user 'bixarena_node')},
		$other->port);
	sql($node,
		"SELECT bixarena_attach_remote('odd \"server', schema => $literal)");
	is_value(
		$node,
"SELECT status FROM bixarena_generate_snapshot('overall', 10, arena => $literal)",
		'succeeded',
		'an odd name');
	is( $other->safe_psql(
			'postgres', "SELECT count(*) > 0 FROM $name.leaderboard_entry"),
		't',
		'its entries are there');
	$other->stop;
}

$node->stop;
$far->stop;
done_testing();
