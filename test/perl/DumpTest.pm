
# DumpTest.pm
#	  A database with all that a dump or an upgrade of the server must keep, and
#	  what it holds.  Used by the tests of dumps and of pg_upgrade.
#
# Two arenas, one made and one attached, with names that must be quoted, and the kept
# tally of the one; settings, members and their rights; runs of every status;
# snapshots, public and not; and objects of the user's that are made of the
# extension's, tallies among them.
#
# The server must not start background workers (max_worker_processes = 0), which
# would make the runs that are queued here.

package DumpTest;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT =
  qw(create_roles fill_database contents fresh_entries check_waiting_runs
  check_doubt check_votes changed_lines run_or_die);

# An arena, as SQL names it and as a text of SQL
my $odd_name = q{"it's ""odd"" Ü"};
my $odd = q{'it''s "odd" Ü'};
my $odd_log = q{"it's ""odd"" Ü_live".log};

$ENV{PGCLIENTENCODING} = 'UTF8';

sub run_or_die
{
	my @command = @_;
	my ($out, $err) = run_command(\@command);

	die "@command: $err" if $?;
	return ($out, $err);
}

sub create_roles
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		CREATE ROLE website;
		CREATE ROLE "night's ""watch""" LOGIN;
		CREATE ROLE chief LOGIN;
		GRANT chief TO "night's ""watch""";});
}

# The extension goes into a schema; both are named as SQL names them
sub fill_database
{
	my ($node, $database, $extension_schema) = @_;
	my $schemas = "$FindBin::RealBin/../schema";
	my $broken;

	$node->safe_psql(
		$database, qq{
		CREATE SCHEMA IF NOT EXISTS $extension_schema;
		CREATE EXTENSION bixarena_rank SCHEMA $extension_schema;});
	run_or_die(
		'psql', '-Xq',
		'-v', 'ON_ERROR_STOP=1',
		'-v', 'arena=api',
		'-d', $node->connstr($database),
		'-f', "$schemas/$_") foreach ('bixarena.sql', 'battles.sql');
	$node->safe_psql(
		$database, qq{
		SET search_path = $extension_schema;
		SELECT bixarena_attach_arena('api');
		SELECT bixarena_create_arena($odd);
		SELECT bixarena_simulate_battles(1000, 6, categories => '{rare,never,broken,private}',
			arena => $odd);
		SELECT bixarena_keep_tally($odd);

		SELECT bixarena_configure(s, v, l, a) FROM (VALUES
			('num_bootstrap', '10', NULL, 'api'),
			('num_bootstrap', '20', NULL, $odd),
			('requests_per_day', '1000', NULL, $odd),
			('retry_seconds', '0', NULL, $odd),
			('leaderboard_url', 'https://arena.example/{leaderboard_id}?a=1&b=%20''"\\', NULL, 'api'),
			('prior_battles', '0.1', 'oncology', 'api'),
			('anchor_score', '1200.000001', 'rare', $odd),
			('min_total_battles', '100000', 'never', $odd),
			('anchor_model', 'simulated-0001', 'private', $odd),
			('auto_publish', 'false', 'private', $odd)) AS c (s, v, l, a);
		SELECT bixarena_grant('website', 'reader', 'api');
		SELECT bixarena_grant('night''s "watch"', 'operator', $odd);
		SELECT bixarena_grant('chief', 'admin', 'api');
		SELECT bixarena_grant('chief', 'admin', $odd);
		-- what was granted to all may be taken back
		REVOKE EXECUTE ON FUNCTION bixarena_rank FROM PUBLIC;});
	$broken = $node->safe_psql($database,
		"SELECT id FROM $odd_name.leaderboard WHERE slug = 'broken'");

	# every leaderboard, one of which fails, and some once more
	$node->safe_psql(
		$database, qq{
		SET search_path = $extension_schema;
		CREATE SCHEMA mine;
		CREATE FUNCTION mine.refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			RAISE EXCEPTION E'no "snapshot"\\n\\tof ü' USING ERRCODE = '53100';
		END
		\$\$;
		CREATE TRIGGER refuse BEFORE INSERT ON $odd_name.leaderboard_snapshot
			FOR EACH ROW WHEN (NEW.leaderboard_id = '$broken') EXECUTE FUNCTION mine.refuse();
		CALL bixarena_generate_snapshots(arena => 'api', trigger_source => 'scheduled', triggered_by => 'a "clock"');
		SELECT bixarena_generate_snapshot('oncology', as_of => now() - interval '1 day', arena => 'api');
		SELECT bixarena_generate_snapshot('overall', seed => 5, arena => $odd);
		SELECT bixarena_update_snapshot('overall', snapshot_identifier, description => E'a\\ttab, \\\\N and ü', arena => 'api')
		FROM bixarena_snapshots('overall', arena => 'api');});
	$node->psql(
		$database, qq{
		SET search_path = $extension_schema;
		CALL bixarena_generate_snapshots(arena => $odd);});

	# a run that is queued, one that is under way, and one whose attempts are used up
	$node->safe_psql(
		$database, qq{
		SET search_path = $extension_schema;
		SELECT bixarena_request_snapshot('overall', arena => 'api', triggered_by => 'queued');
		SELECT bixarena_request_snapshot('oncology', arena => 'api', triggered_by => 'running');
		SELECT bixarena_request_snapshot('surgery', arena => 'api', triggered_by => 'worn out');
		UPDATE bixarena.run SET status = 'running', started_at = requested_at,
			attempts = CASE triggered_by WHEN 'running' THEN 1 ELSE 3 END
		WHERE triggered_by IN ('running', 'worn out');

		CREATE VIEW mine.best AS SELECT * FROM bixarena_leaderboard('overall', arena => 'api') WHERE rank < 4;
		CREATE MATERIALIZED VIEW mine.kept AS
		SELECT l.*, r.status FROM bixarena_leaderboard('overall', arena => $odd) AS l,
			bixarena.run AS r WHERE r.leaderboard = 'rare';
		CREATE TABLE mine.saved AS SELECT row_number() OVER () AS number, l AS entry
		FROM bixarena_leaderboard('overall', arena => 'api') AS l;
		CREATE TABLE mine.tallies AS
		SELECT n, bixarena_tally('"a" \\ ' || n, 'ü', o, n) AS t
		FROM generate_series(1, 3) AS n, unnest('{left,right,tie}'::text[]) AS o GROUP BY n;
		CREATE INDEX ON mine.tallies USING hash (t);
		CREATE MATERIALIZED VIEW mine.tallied AS SELECT bixarena_tally(t) AS t FROM mine.tallies;
		CREATE VIEW mine.ranked AS SELECT r.* FROM mine.tallied AS k, bixarena_rank_tally(k.t, 10) AS r
		WHERE k.t = k.t + k.t - k.t;
		GRANT SELECT ON mine.best TO website;});
	return;
}

# All that a database holds of this, as lines: rows, rights, and what is read.  But
# for the view of metrics, which tell the time.
sub contents
{
	my ($node, $database) = @_;
	my $sql = $node->safe_psql(
		$database, q{
		SELECT format('SELECT %L, t::text FROM %s AS t ORDER BY t::text COLLATE "C";',
			c.oid::regclass, c.oid::regclass)
		FROM pg_class AS c
		WHERE c.relkind IN ('r', 'v', 'm') AND c.relname <> 'metrics'
			AND c.relnamespace::regnamespace::text ~ '^(bixarena|api|mine|"it.*odd.*)$'
		ORDER BY c.oid::regclass::text COLLATE "C"});

	return $node->safe_psql(
		$database, q{
		SELECT 'extension', extversion, extnamespace::regnamespace FROM pg_extension
		WHERE extname = 'bixarena_rank';
		SELECT set_config('search_path', extnamespace::regnamespace::text, false)
		FROM pg_extension WHERE extname = 'bixarena_rank';
	} . $sql . qq{
		SELECT o.object, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'), a.privilege_type
		FROM (
			SELECT n.oid::regnamespace::text, coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace AS n
			UNION ALL
			SELECT c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner)) FROM pg_class AS c
			WHERE c.relkind IN ('r', 'v', 'm')
			UNION ALL
			SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc AS p
		) AS o (object, acl), aclexplode(o.acl) AS a
		-- PostgreSQL 17 has a right more
		WHERE a.privilege_type <> 'MAINTAIN' AND o.object ~ 'bixarena|^public\$|^(api|mine|"it.*odd|"my ""ext)'
		ORDER BY 1, 2, 3;
		SELECT 'leaderboard', * FROM bixarena_leaderboard('overall', arena => 'api');
		SELECT 'leaderboard', * FROM bixarena_leaderboard('overall', arena => $odd);
		SELECT 'settings', * FROM bixarena_settings('rare', arena => $odd);
		SELECT 'settings', * FROM bixarena_settings('oncology', arena => 'api');
		SELECT 'runs', * FROM bixarena_runs(arena => 'api');
		SELECT 'snapshots', * FROM bixarena_snapshots('overall', arena => 'api');
		SELECT 'config', t::regclass, c FROM pg_extension AS e, unnest(extconfig, extcondition) AS u (t, c)
		WHERE e.extname = 'bixarena_rank' ORDER BY 2;});
}

# What differs between two such texts
sub changed_lines
{
	my ($found, $expected) = @_;
	my %found = map { $_ => 1 } split /\n/, $found;
	my %expected = map { $_ => 1 } split /\n/, $expected;

	return join("\n",
		(map { "found: $_" } grep { !$expected{$_} } sort keys %found),
		(map { "expected: $_" } grep { !$found{$_} } sort keys %expected));
}

# A new snapshot of two leaderboards: what is in them
sub fresh_entries
{
	my ($node, $database, $extension_schema) = @_;

	return $node->safe_psql(
		$database, qq{
		SET search_path = $extension_schema;
		SELECT status FROM bixarena_generate_snapshot('overall', arena => 'api', auto_publish => true);
		SELECT status FROM bixarena_generate_snapshot('overall', arena => $odd, auto_publish => true);
		SELECT model, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count
		FROM bixarena_leaderboard('overall', arena => 'api');
		SELECT model, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count
		FROM bixarena_leaderboard('overall', arena => $odd);
		SELECT 'kept tally', status, (SELECT count(*) FROM bixarena_verify_tally($odd))
		FROM bixarena_health($odd) WHERE check_name = 'kept_tally';});
}

# A kept tally is not trusted where it has been brought to, before all is counted anew
sub check_doubt
{
	my ($node, $database, $extension_schema, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is( $node->safe_psql(
			$database, qq{SET search_path = $extension_schema;
		SELECT status, message ~ '^the next run counts all battles: not as when' FROM bixarena_health($odd) WHERE check_name = 'kept_tally'}
		),
		'warning|t',
		"$name: the kept tally is in doubt");
	return;
}

# From then on its triggers note what happens
sub check_votes
{
	my ($node, $database, $extension_schema, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is( $node->safe_psql(
			$database, qq{SET search_path = $extension_schema;
		SELECT count(*), string_agg(DISTINCT CASE WHEN tgtype & 1 = 1 THEN 'row' WHEN tgtype & 32 = 32 THEN 'truncate' ELSE 'statement' END || ' ' || tgenabled::text, ', ')
		FROM pg_trigger WHERE tgfoid = 'bixarena.live_note'::regproc;
		INSERT INTO $odd_name.battle (model1_id, model2_id, outcome, categories)
		SELECT model1_id, model2_id, outcome, categories FROM $odd_name.battle LIMIT 7;
		UPDATE $odd_name.battle SET outcome = 'tie' WHERE ctid = ANY (ARRAY(SELECT ctid FROM $odd_name.battle WHERE outcome <> 'tie' LIMIT 3));
		SET session_replication_role = replica;
		DELETE FROM $odd_name.battle WHERE ctid = ANY (ARRAY(SELECT ctid FROM $odd_name.battle LIMIT 2));
		RESET session_replication_role;
		SELECT coalesce(sum(cardinality(keys)), 0) >= 11 FROM ${odd_log};
		SELECT bixarena_fold_tally($odd);
		SELECT count(*) FROM bixarena_verify_tally($odd);
		SELECT g.evaluation_count = (SELECT count(*) FROM $odd_name.battle)
		FROM bixarena_generate_snapshot('overall', 10, arena => $odd, dry_run => true) AS g;}
		),
		"5|row R, statement O, truncate A\nt\n12\n0\nt",
		"$name: the kept tally is followed");
	return;
}

# Runs that waited when the database was saved are taken up like after a crash
sub check_waiting_runs
{
	my ($node, $database, $extension_schema, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $runs =
q{SELECT triggered_by, status, attempts, error_sqlstate FROM bixarena.run
		WHERE triggered_by IN ('queued', 'running', 'worn out') ORDER BY triggered_by};

	is( $node->safe_psql($database, $runs),
		"queued|queued|0|\nrunning|running|1|\nworn out|running|3|",
		"$name: waiting runs are as they were");
	is( $node->safe_psql(
			$database, qq{SET search_path = $extension_schema;
		SELECT check_name, figure FROM bixarena_health('api')
		WHERE check_name = 'abandoned_runs'}),
		'abandoned_runs|2',
		"$name: they are told of");
	# it fails because one did
	$node->psql($database,
"SET search_path = $extension_schema; CALL bixarena_process_requests()"
	);
	is( $node->safe_psql($database, $runs),
		"queued|succeeded|1|\nrunning|succeeded|2|\nworn out|failed|3|57P02",
		"$name: they are taken up");
}

1;
