# 002_schedule.pl
#	  Schedules with a real pg_cron: set up, changed, fired and ended.
#
# The server starts without pg_cron.  What the errors' hints say is run as it
# stands, in the database that it is meant for, until everything works: so a
# user who copies them gets there, too.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# pg_cron keeps its jobs in one of these; names with quotes survive the way
my $home = 'home';
my $away = q{a'way "x"};
my $odd = q{it's "odd" \ };

my $node = PostgreSQL::Test::Cluster->new('schedule');
$node->init;
$node->append_conf('postgresql.conf',
	q{shared_preload_libraries = 'auto_explain'});
$node->append_conf('postgresql.conf', "cron.host = '" . $node->host . "'");
$node->start;

if ($node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'}
	) == 0)
{
	plan skip_all => 'pg_cron is not installed';
}

$node->safe_psql(
	'postgres', qq{
	CREATE ROLE clock LOGIN;
	CREATE ROLE shadow;
	CREATE ROLE "night's watch" LOGIN;
	CREATE DATABASE $home;
	CREATE DATABASE "a'way ""x""";
});
$node->safe_psql(
	$home, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('fine');
	SELECT bixarena_create_arena('faulty');
	SELECT bixarena_simulate_battles(1000, 5, categories => '{oncology}', arena => a)
	FROM unnest('{fine,faulty}'::text[]) AS a;
	SELECT bixarena_configure('num_bootstrap', '10', arena => a)
	FROM unnest('{fine,faulty}'::text[]) AS a;
	-- one leaderboard fails
	CREATE FUNCTION no_pulse() RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'no pulse'; END $$;
	CREATE OR REPLACE VIEW faulty.leaderboard_battle WITH (security_invoker = true) AS
	SELECT 'overall' AS leaderboard, model1_id, model2_id, outcome::text, voter_id, created_at, id AS battle_id
	FROM faulty.battle
	UNION ALL
	SELECT 'oncology', model1_id, model2_id, public.no_pulse(), voter_id, created_at, id
	FROM faulty.battle;
});
$node->safe_psql(
	$away, qq{
	CREATE SCHEMA "my ""ext""";
	CREATE EXTENSION bixarena_rank SCHEMA "my ""ext""";
	SET search_path = "my ""ext""";
	SELECT bixarena_create_arena(\$\$$odd\$\$);
	SELECT bixarena_simulate_battles(1000, 5);
	SELECT bixarena_configure('num_bootstrap', '10');
});

#
# From a server without pg_cron to one with it, by what the hints say
#

my $hint = failure($home, q{SELECT bixarena_schedule(arena => 'fine')},
	'55000', qr/has not loaded pg_cron/);
like($hint, qr/'auto_explain', 'pg_cron'/, 'what is preloaded is kept');
failure($home, q{SELECT bixarena_unschedule(arena => 'fine')},
	'55000', qr/has not loaded pg_cron/);
is( query(
		$home,
q{SET cron.database_name = 'home'; SELECT bixarena.cron_database() IS NULL}
	),
	't',
	'a placeholder is not taken for pg_cron');
$node->safe_psql($home,
	q{GRANT EXECUTE ON FUNCTION bixarena_schedule TO clock});
like(
	failure(
		$home, q{SELECT bixarena_schedule(arena => 'fine')},
		'55000', qr/has not loaded pg_cron/,
		'clock'),
	qr/superuser/,
	'who may not see what is preloaded is not told');
$node->safe_psql($home,
	q{REVOKE EXECUTE ON FUNCTION bixarena_schedule FROM clock});

my ($before, $after) = $hint =~ /\A(.*;)\n--[^\n]*\n(.*;)\z/s;
$node->safe_psql($home, $before);
$node->restart;
is( query($home, 'SHOW shared_preload_libraries'),
	'auto_explain, pg_cron',
	'both libraries are loaded');
is(query($home, 'SELECT bixarena.cron_database()'),
	$home, 'the database of the jobs is known');

$hint = failure(
	$home, q{SELECT bixarena_schedule(arena => 'fine')},
	'55000', qr/extension pg_cron is missing in database "home"/);
is($hint, $after, 'what remains to be done');
$node->safe_psql($home, $hint);

#
# Rights
#

$node->safe_psql($home,
q{SELECT bixarena_grant('clock', 'admin', 'fine'); REVOKE USAGE ON SCHEMA cron FROM clock}
);
$hint = failure($home, q{SELECT bixarena_schedule(arena => 'fine')},
	'42501', qr/schema cron/, 'clock');
$node->safe_psql($home, $hint);
failure($home, q{SET ROLE shadow; SELECT bixarena_schedule(arena => 'fine')},
	'42501', qr/permission denied for function/);
$node->safe_psql($home, q{SELECT bixarena_grant('shadow', 'admin', 'fine')});
$hint =
  failure($home,
	q{SET ROLE shadow; SELECT bixarena_schedule(arena => 'fine')},
	'55000', qr/role "shadow" cannot log in/);
like($hint, qr/ALTER ROLE shadow LOGIN/, 'what would help');
$node->safe_psql($home, q{SELECT bixarena_revoke('shadow', 'admin', 'fine')});

#
# Jobs made, changed and ended
#

my $all_jobs =
'SELECT jobname, schedule, database, username, command, active FROM cron.job ORDER BY jobid';
my $call =
q{CALL public.bixarena_generate_snapshots(arena => '%s', %strigger_source => 'scheduled', triggered_by => 'pg_cron')};

is( query($home, q{SELECT bixarena_schedule(arena => 'fine')}, 'clock'),
	'bixarena_rank fine',
	'the default schedule');
is( query(
		$home, q{SELECT bixarena_schedule('30 3 * * *', 'fine', 'oncology')},
		'clock'),
	'bixarena_rank fine/oncology',
	'a leaderboard alone');
is( query($home, q{SELECT bixarena_schedule('0 2,14 * * *', 'faulty')}),
	'bixarena_rank faulty',
	'another arena');
my $superuser = query($home, 'SELECT current_user');
is( query($home, $all_jobs),
	join("\n",
		'bixarena_rank fine|0 2 * * *|home|clock|'
		  . sprintf($call, 'fine', '') . '|t',
		'bixarena_rank fine/oncology|30 3 * * *|home|clock|'
		  . sprintf($call, 'fine', q{leaderboard_id => 'oncology', }) . '|t',
		"bixarena_rank faulty|0 2,14 * * *|home|$superuser|"
		  . sprintf($call, 'faulty', '')
		  . '|t'),
	'the jobs as pg_cron has them');

query($home, q{SELECT bixarena_schedule('15 4 * * *', 'fine')}, 'clock');
is( query(
		$home,
		q{SELECT schedule FROM cron.job WHERE jobname = 'bixarena_rank fine'}
	),
	'15 4 * * *',
	'changed, not made twice');
failure($home, q{SELECT bixarena_schedule(arena => 'fine')},
	'42710', qr/belongs to role "clock"/);
failure($home, q{SELECT bixarena_schedule('25 24 * * *', 'faulty')},
	'22023', qr/invalid schedule: 25 24/);
is(query($home, 'SELECT count(*) FROM cron.job'),
	'3', 'errors change nothing');

is( query($home, q{SELECT bixarena_unschedule('fine', 'oncology')}, 'clock'),
	'bixarena_rank fine/oncology',
	'a leaderboard\'s schedule ended');
failure(
	$home, q{SELECT bixarena_unschedule('fine', 'oncology')},
	'42704', qr{no job "bixarena_rank fine/oncology"});
is( query(
		$home,
		'SELECT string_agg(jobname, chr(44) ORDER BY jobname) FROM cron.job'),
	'bixarena_rank faulty,bixarena_rank fine',
	'that one alone');
failure($home, q{SET ROLE clock; SELECT bixarena_unschedule('faulty')},
	'42704', qr/no job "bixarena_rank faulty"/);

# the job of an arena that is gone, and of a name that is long
my $long = 'a rather long name of an arena that goes on up to 63 characters';
$node->safe_psql($home, qq{SELECT bixarena_create_arena('$long')});
my $job = query($home, qq{SELECT bixarena_schedule(arena => '$long')});
like($job, qr/^bixarena_rank [0-9a-f]{32}$/, 'a name that pg_cron can hold');
$node->safe_psql($home, qq{DROP SCHEMA "$long" CASCADE});
failure($home, qq{SELECT bixarena_schedule(arena => '$long')},
	'42704', qr/does not exist/);
is(query($home, qq{SELECT bixarena_unschedule('$long')}),
	$job, 'the job of an arena that is gone');

#
# Scoreboards: games that begin anew, and folders
#

$node->safe_psql(
	$home, q{
	SELECT bixarena_create_scoreboard('game');
	SELECT bixarena_create_game('game', 'it''s "gold"');
});
my $jobs = query($home, 'SELECT count(*) FROM cron.job');
foreach my $kind (
	[ 'resets', q{it's "gold"}, 'SELECT public.bixarena_reset_game' ],
	[ 'ingestion', q{/tmp/it's}, 'CALL public.bixarena_ingest_folder' ])
{
	my ($name, $of, $command) = @$kind;
	my $quoted = $of =~ s/'/''/gr;
	my $function = "SELECT bixarena_schedule_$name('game', '$quoted', %s)";

	$job = query($home, sprintf($function, q{'0 0 * * 1'}));
	cmp_ok(length($job), '<', 64, "$name: a name that pg_cron can hold");
	query($home, sprintf($function, q{'5 0 * * 1'}));
	is( query(
			$home,
			"SELECT schedule, command FROM cron.job WHERE jobname = '$job'"),
		"5 0 * * 1|$command('game', '$quoted')",
		"$name: changed, not made twice");
	query($home,
		query($home, "SELECT command FROM cron.job WHERE jobname = '$job'"))
	  if $name eq 'resets';
	is(query($home, sprintf($function, 'NULL')), '', "$name: ended");
	is(query($home, 'SELECT count(*) FROM cron.job'),
		$jobs, "$name: and nothing is left");
}
is( query(
		$home,
		q{SELECT count(*) FROM bixarena_periods('game', 'it''s "gold"')}),
	'2',
	'the command begins a period');

#
# From another database
#

my $function = q{"my ""ext""".bixarena_schedule};
my $watch = q{SET ROLE "night's watch"; };
$node->safe_psql($away,
	q{SELECT "my ""ext""".bixarena_grant('night''s watch', 'admin')});
failure($away, "${watch}SELECT $function('* * * *')",
	'22023', qr/invalid schedule/);
$hint = failure(
	$away, "${watch}SELECT $function('* * * * *')",
	'55000', qr/cannot be used from database "a'way "x""/);
$node->safe_psql($home, $hint);
is( query(
		$home,
q{SELECT jobname, database, username, command FROM cron.job WHERE database <> 'home'}
	),
	join('|',
		qq{bixarena_rank $odd in $away},
		$away,
		q{night's watch},
q{CALL "my ""ext""".bixarena_generate_snapshots(arena => E'it''s "odd" \\\\ ', }
		  . q{trigger_source => 'scheduled', triggered_by => 'pg_cron')}),
	'the job that the hint makes');

#
# They fire
#

query($home, q{SELECT bixarena_schedule('* * * * *', 'fine')}, 'clock');
query($home, q{SELECT bixarena_schedule('* * * * *', 'faulty')});
foreach my $name ('bixarena_rank fine', 'bixarena_rank faulty')
{
	ok( $node->poll_query_until(
			$home, qq{
			SELECT count(*) > 0 FROM cron.job_run_details AS d JOIN cron.job USING (jobid)
			WHERE jobname = '$name' AND d.status IN ('succeeded', 'failed')}),
		"$name has run");
}
ok( $node->poll_query_until(
		$home, q{
		SELECT count(*) > 0 FROM cron.job_run_details
		WHERE database <> 'home' AND status IN ('succeeded', 'failed')}),
	'the one for the other database has run');
is( query($home, q{SELECT bixarena_unschedule('fine')}),
	'bixarena_rank fine',
	'a superuser ends another role\'s schedule');
is( query($home, q{SELECT bixarena_unschedule('faulty')}),
	'bixarena_rank faulty',
	'and his own');

# the second minute may have begun, and pg_cron gives up what runs then
my $details =
  q{SELECT status FROM cron.job_run_details WHERE %s ORDER BY runid LIMIT 1};
my $runs = q{
	SELECT DISTINCT leaderboard, status, trigger_source, triggered_by, role
	FROM bixarena.run WHERE status <> 'running' AND };
is(query($home, sprintf($details, q{command LIKE '%fine%'})),
	'succeeded', 'pg_cron\'s record of the good one');
is( query($home, "$runs arena = 'fine' ORDER BY leaderboard"),
"oncology|succeeded|scheduled|pg_cron|clock\noverall|succeeded|scheduled|pg_cron|clock",
	'and ours');
is(query($home, sprintf($details, q{command LIKE '%faulty%'})),
	'failed', 'pg_cron\'s record of the bad one');
is( query($home, "$runs arena = 'faulty' ORDER BY leaderboard"),
"oncology|failed|scheduled|pg_cron|$superuser\noverall|succeeded|scheduled|pg_cron|$superuser",
	'and ours');
like(
	query(
		$home, q{
		SELECT return_message FROM cron.job_run_details
		WHERE command LIKE '%faulty%' ORDER BY runid LIMIT 1}),
	qr/1 of 2 runs failed.*oncology: no pulse \(P0001\)/s,
	'the message names the leaderboard');
is(query($home, sprintf($details, q{database <> 'home'})),
	'succeeded', 'the one for the other database');
is( query($away, "$runs true"),
	q{overall|succeeded|scheduled|pg_cron|night's watch},
	'and its runs are there');

$hint = failure(
	$away, q{SELECT "my ""ext""".bixarena_unschedule()},
	'55000', qr/cannot be used from database/);
$node->safe_psql($home, $hint);
is(query($home, 'SELECT count(*) FROM cron.job'), '0', 'no job is left');

# a job whose name does not say of what it is, and one of a leaderboard alone, are
# seen where it is asked whether all is well, and when they run next
$node->safe_psql(
	$home, q{
	SELECT bixarena_create_arena('odd/name in');
	SELECT bixarena_schedule('30 3 * * *', 'odd/name in');
	SELECT bixarena_schedule('0 4 * * *', 'odd/name in', 'overall');
	SELECT bixarena_schedule('0 5 * * *', 'fine', 'oncology')});
is( query(
		$home,
		q{SELECT leaderboard_id, status FROM bixarena_health('odd/name in')
		WHERE check_name = 'cron_job' ORDER BY 1 NULLS FIRST}),
	"|ok\noverall|ok",
	'jobs of a name that had to be hashed');
like(
	query($home, q{SELECT bixarena_runs_report('odd/name in')}),
	qr{<td>30 3 \* \* \*</td><td>\d{4}-\d\d-\d\d 03:30 UTC</td>},
	'the page of runs says when they run next');
like(
	query($home, q{SELECT bixarena_runs_report('fine')}),
	qr{>oncology</th><td>0 5 \* \* \*</td><td>\d{4}-\d\d-\d\d 05:00 UTC</td>},
	'also that of one leaderboard');
$node->safe_psql(
	$home, q{
	SELECT bixarena_unschedule('odd/name in'), bixarena_unschedule('odd/name in', 'overall'),
		bixarena_unschedule('fine', 'oncology')});

$node->safe_psql($home, q{TRUNCATE bixarena.run, cron.job_run_details});
$node->safe_psql($home,
	query($home, q{SELECT bixarena.cron_job_command('fine', 'oncology')}));
is(query($home, 'SELECT leaderboard, status FROM bixarena.run'),
	'oncology|succeeded', 'what a job for one leaderboard does');

$node->stop;
done_testing();

# What a query says
sub query
{
	my ($database, $sql, $role) = @_;

	return $node->safe_psql($database, $sql, extra_params => [ '-U', $role ])
	  if $role;
	return $node->safe_psql($database, $sql);
}

# A query that fails as it should; returns the hint of its error
sub failure
{
	my ($database, $sql, $sqlstate, $message, $role) = @_;

	my ($status, $output, $error) = $node->psql(
		$database,
		"\\set VERBOSITY verbose\n\\set SHOW_CONTEXT never\n$sql",
		extra_params => $role ? [ '-U', $role ] : []);
	like($error, qr/ERROR:  $sqlstate: .*$message/, "$sqlstate: $sql");
	my ($hint) = $error =~ /^HINT:  (.*?)(?=\n(?:CONTEXT|LOCATION):|\z)/ms;
	return $hint // '';
}
