
# 031_hints.pl
#	  Hints are followed to the letter, and then what had failed succeeds.
#
# First from a server that knows nothing of pg_cron to a job of pg_cron's that
# succeeds, by one hint after the other.  The server runs from a copy of the
# installation, which lacks pg_cron until the first hint is followed.  Then all
# others.  In the end each hint of the source must have been seen: what is a hint,
# and in which words, the source says.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use File::Find;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use CopiedInstallation;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $pg_cron = qr/^pg_cron/;
my @seen;    # all hints

my ($node, $extensions, $libraries) = copied_installation('hints', $pg_cron);

#
# A schedule, on a server that does not even have pg_cron installed
#

my $schedule = q{SELECT bixarena_schedule('* * * * *')};

$node->safe_psql('postgres',
	'CREATE DATABASE votes; CREATE DATABASE medicine');
foreach my $database ('votes', 'medicine')
{
	$node->safe_psql(
		$database, q{
		CREATE EXTENSION bixarena_rank;
		SELECT bixarena_create_arena('arena');
		SELECT bixarena_simulate_battles(500, 5);
		SELECT bixarena_configure('num_bootstrap', '10')});
}

my $hint = failure('votes', $schedule, '55000');
my ($package) = $hint =~ /apt-get install (\S+);/;
like($hint, qr/^Install the package/, 'first comes the package');
unlike(
	$hint,
	qr/ALTER SYSTEM/,
	'and nothing that keeps a server without it from starting');
is( $package,
	sprintf('postgresql-%d-cron',
		value('votes', 'SHOW server_version_num') / 10000),
	'of this major version');
$node->safe_psql(
	'votes',
'CREATE ROLE clock LOGIN; GRANT EXECUTE ON FUNCTION bixarena_schedule TO clock;
	GRANT USAGE ON SCHEMA arena TO clock; GRANT SELECT ON arena.leaderboard TO clock'
);
is(failure('votes', $schedule, '55000', 'clock'), $hint, 'whoever asks');
$node->restart;
pass('the server starts as before');

SKIP:
{
	my @files =
	  grep { basename($_) =~ $pg_cron } map { glob("$_/*") } folders();

	skip 'pg_cron is not installed', 1 unless @files;

	# which package is that, where it is one of Debian's?
	my $owner = `dpkg -S @{[ quotemeta $files[0] ]} 2>/dev/null`;
	is($owner =~ s/:.*//sr, $package, 'Debian calls it so') if $owner;
	symlink($_,
		(m{/extension/} ? $extensions : $libraries) . '/' . basename($_))
	  or die "$_: $!"
	  foreach @files;

	unlike(
		failure('votes', $schedule, '55000', 'clock'),
		qr/ALTER SYSTEM/,
		'statements for a superuser are told to one only');
	$hint = failure('votes', $schedule, '55000');

	# as it is copied into a session
	my ($before, $after) =
	  $hint =~ /\A(.*;)\n-- restart the server, then\n(.*;)\z/s;
	$node->safe_psql('votes', $before);
	$node->restart;
	pass('the server starts with pg_cron');
	is( $after,
		failure('votes', $schedule, '55000'),
		'what remains is the next hint');
	$node->safe_psql('votes', $after);

	$node->safe_psql('votes', 'ALTER ROLE clock NOLOGIN');
	($hint) = failure('votes', "SET ROLE clock; $schedule", '55000') =~
	  /or (ALTER ROLE .*)\.$/;
	$node->safe_psql('votes', $hint);
	$hint = failure('votes', $schedule, '42501', 'clock');
	$node->safe_psql('votes', $hint);
	$node->safe_psql('votes', q{SELECT bixarena_grant('clock', 'admin')});

	is( value('votes', $schedule, 'clock'),
		'bixarena_rank arena',
		'it is scheduled');

	# no pg_hba.conf and no password has been touched
	ok( $node->poll_query_until(
			'votes', q{SELECT count(*) > 0 FROM cron.job_run_details
			WHERE status IN ('succeeded', 'failed')}),
		'the job has run');
	is( value(
			'votes', q{SELECT DISTINCT status FROM cron.job_run_details
			WHERE status IN ('succeeded', 'failed')}),
		'succeeded',
		'and succeeded');
	is( value(
			'votes',
q{SELECT DISTINCT status FROM bixarena.run WHERE status <> 'running'}
		),
		'succeeded',
		'so did its runs');

	# whose is it?
	($hint) = failure('votes', $schedule, '42710') =~ /^(SET ROLE \S+) /;
	value('votes', "$hint; SELECT bixarena_schedule('0 2 * * *')");
	value('votes', 'SELECT bixarena_unschedule()');
	pass('the job of another role is changed as that role, and removed');
	$hint = failure('votes', 'SELECT bixarena_unschedule()', '42704');
	is(value('votes', $hint), '', 'which jobs there are: none');
	failure('votes', 'SELECT bixarena_schedule(NULL)', '22004');
	($hint) =
	  failure('medicine', q{SELECT bixarena_schedule('daily')}, '22023') =~
	  /such as (.*)\.$/;

	# in another database; that of pg_cron's jobs does not have the extension
	$node->safe_psql('votes', 'DROP EXTENSION pg_cron');
	$hint = failure('medicine', "SELECT bixarena_schedule('$hint')", '55000');
	$node->safe_psql('votes', $hint);
	is( value('votes', 'SELECT database, schedule FROM cron.job'),
		'medicine|0 2 * * *',
		'from another database');
	$hint = failure('medicine', 'SELECT bixarena_unschedule()', '55000');
	$node->safe_psql('votes', $hint);
	is(value('votes', 'SELECT count(*) FROM cron.job'), 0, 'and back');

	# what ends, and what goes on
	value(
		'votes', q{
		INSERT INTO arena.leaderboard (slug, name) VALUES ('it''s in', 'odd'), ('oncology', 'Oncology');
		SELECT bixarena_schedule('0 2 * * *'), bixarena_schedule('0 3 * * *', 'arena', 'oncology'),
			bixarena_schedule('0 4 * * *', 'arena', 'it''s in')});
	my (undef, undef, $notice) =
	  $node->psql('votes', 'SELECT bixarena_unschedule()');
	like(
		$notice,
qr/^psql:<stdin>:1: NOTICE:  schedules of leaderboards go on: it's in \(0 4 \* \* \*\), oncology \(0 3 \* \* \*\)$/m,
		'schedules of leaderboards that go on are told');
	($hint) = $notice =~ /^HINT:  (.*)/ms;
	push @seen, $hint;
	(undef, undef, $notice) =
	  $node->psql('votes', 'SELECT bixarena_unschedule()');
	like(
		$notice,
		qr/NOTICE:  .* go on: it's in .*ERROR:  there is no job/s,
		'also where there is no other');
	$node->safe_psql('votes', $hint);
	is(value('votes', 'SELECT count(*) FROM cron.job'),
		0, 'and end by the hint');

	# of an arena that is gone
	value(
		'votes', q{
		SELECT bixarena_schedule('0 2 * * *'), bixarena_schedule('0 3 * * *', 'arena', 'oncology');
		ALTER SCHEMA arena RENAME TO elsewhere});
	(undef, undef, $notice) =
	  $node->psql('votes', q{SELECT bixarena_unschedule('arena')});
	like(
		$notice,
		qr/go on: oncology \(0 3 \* \* \*\)$/m,
		'those of an arena that is gone, too');
	value(
		'votes', q{ALTER SCHEMA elsewhere RENAME TO arena;
		SELECT bixarena_unschedule('arena', 'oncology')});
}

#
# Arenas
#

my $db = 'postgres';

$node->safe_psql($db, 'CREATE SCHEMA bixarena');
failure($db, 'CREATE EXTENSION bixarena_rank', '42P06');
$node->safe_psql($db,
'ALTER SCHEMA bixarena RENAME TO left_over; CREATE EXTENSION bixarena_rank'
);

failure($db, q{SELECT bixarena_leaderboard('overall')}, '42704');
value($db, q{SELECT bixarena_create_arena('first')});
failure($db, q{SELECT bixarena_create_arena('first')}, '42P06');
value($db, q{SELECT bixarena_attach_arena('first')});
failure($db, q{SELECT bixarena_attach_arena('second')}, '3F000');
failure($db, q{SELECT bixarena_create_arena('pg_second')}, '3F000');
value($db, q{SELECT bixarena_create_arena('second')});
failure($db, q{SELECT bixarena_leaderboard('overall')}, '42P08');
value(
	$db, q{SELECT bixarena_leaderboard('overall', arena => 'first');
	SET bixarena_rank.arena = 'second'; SELECT bixarena_leaderboard('overall')});
value($db, q{CREATE SCHEMA third; CREATE TABLE third.model (id uuid)});
failure($db, q{SELECT bixarena_attach_arena('third')}, '42P15');
value($db,
'CREATE TABLE second.arena_tally (leaderboard text, outcome text, battles bigint)'
);
failure($db, q{SELECT bixarena_attach_arena('second')}, '42P15');
value(
	$db,
	q{ALTER TABLE second.arena_tally ADD model1_id uuid, ADD model2_id uuid;
	SELECT bixarena_attach_arena('second'); DROP TABLE second.arena_tally});
value(
	$db, q{
	DROP SCHEMA third CASCADE; SELECT bixarena_create_arena('third');
	DELETE FROM bixarena.arena WHERE name = 'third'});
failure($db, q{SELECT bixarena_leaderboard('overall', arena => 'third')},
	'42704');
value($db,
q{SELECT bixarena_attach_arena('third'); SELECT bixarena_leaderboard('overall', arena => 'third')}
);
value($db,
'DROP SCHEMA second, third CASCADE; DELETE FROM bixarena.arena WHERE name IN (\'second\', \'third\')'
);

#
# Battles and votes
#

value($db, q{ALTER TABLE first.battle RENAME categories TO tags});
failure($db, q{SELECT bixarena_simulate_battles(100, 5)}, '42809');
value(
	$db, q{ALTER TABLE first.battle RENAME tags TO categories;
	INSERT INTO first.model (slug, name, organization) VALUES ('real', 'Really', 'Lab')}
);
failure($db, q{SELECT bixarena_simulate_battles(100, 5)}, '55000');
value(
	$db,
q{SELECT bixarena_create_arena('trial'); SELECT bixarena_simulate_battles(100, 5, arena => 'trial');
	DROP SCHEMA trial CASCADE; DELETE FROM bixarena.arena WHERE name = 'trial'; DELETE FROM first.model}
);
value($db, q{SELECT bixarena_simulate_battles(500, 5)});

value(
	$db,
q{CREATE TABLE votes AS SELECT m.slug AS left_model, n.slug AS right_model, outcome AS winner, n.id AS right_id
	FROM first.battle AS b JOIN first.model AS m ON m.id = b.model1_id JOIN first.model AS n ON n.id = b.model2_id}
);
failure($db, q{SELECT * FROM bixarena_rank('votes', 10)}, '42703');
value($db,
q{SELECT * FROM bixarena_rank('votes', 10, model1 => 'left_model', model2 => 'right_model', outcome => 'winner')}
);
failure(
	$db,
q{SELECT * FROM bixarena_rank('votes', 10, model1 => 'left_model', model2 => 'right_id', outcome => 'winner')},
	'42804');
value(
	$db,
q{CREATE VIEW cast_votes AS SELECT left_model, right_id::text, winner FROM votes;
	SELECT * FROM bixarena_rank('cast_votes', 10, model1 => 'left_model', model2 => 'right_id', outcome => 'winner')}
);

failure($db,
	q{SELECT bixarena_tally(left_model, right_id, winner) FROM votes},
	'42804');
value($db,
	q{SELECT bixarena_tally(left_model, right_id::text, winner) FROM votes});

value(
	$db, q{
	CREATE VIEW named AS SELECT left_model AS model1, right_model AS model2,
		CASE winner WHEN 'tie' THEN 'tie' ELSE 'won by ' || winner END AS outcome FROM votes;
	CREATE VIEW digits AS SELECT left_model AS model1, right_model AS model2,
		CASE winner WHEN 'model1' THEN 1 ELSE 0 END AS outcome FROM votes});
my ($case) =
  failure($db, q{SELECT count(*) FROM bixarena_rank('named', 10)}, '22000')
  =~ /as by (CASE.*END)\. /;
$case =~
s/WHEN '(won by (model[12]))' THEN 'model1' WHEN \.\.\. THEN 'model2'/"WHEN '$1' THEN '$2' WHEN 'won by model" . ($2 eq 'model1' ? 2 : 1) . "' THEN 'model" . ($2 eq 'model1' ? 2 : 1) . "'"/e;
value($db,
"CREATE VIEW translated AS SELECT model1, model2, $case AS outcome FROM named"
);
is(told($db, q{SELECT count(*) FROM bixarena_rank('translated', 10)}, ''),
	'', 'outcomes in words that are known');
($case) =
  failure($db, q{SELECT count(*) FROM bixarena_rank('digits', 10)}, '22000')
  =~ /as by (CASE.*END)\.$/;
$case =~
s/WHEN \.\.\. THEN 'model1' WHEN \.\.\. THEN 'model2'/WHEN 1 THEN 'model1' WHEN 0 THEN 'model2'/;
value($db,
	"CREATE VIEW words AS SELECT model1, model2, $case AS outcome FROM digits"
);
is(told($db, q{SELECT count(*) FROM bixarena_rank('words', 10)}, ''),
	'', 'digits by the hint');

#
# Runs
#

value($db,
q{SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('requests_per_day', '1')}
);
failure($db, q{SELECT bixarena_generate_snapshot('Overall')}, '42704');
value($db, q{SELECT bixarena_generate_snapshot('overall')});
failure($db, q{BEGIN; CALL bixarena_generate_snapshots()}, '25001');
value($db, 'CALL bixarena_generate_snapshots()');

$node->safe_psql($db,
q{CREATE RULE off AS ON INSERT TO first.leaderboard_entry DO INSTEAD NOTHING}
);
failure($db, q{SELECT bixarena_generate_snapshot('overall')}, '27000');
$node->safe_psql(
	$db, q{DROP RULE off ON first.leaderboard_entry;
	CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TRIGGER off BEFORE INSERT ON first.leaderboard_entry FOR EACH ROW EXECUTE FUNCTION public.nothing()}
);
failure($db, q{SELECT bixarena_generate_snapshot('overall')}, '27000');
failure($db, 'CALL bixarena_generate_snapshots()', '27000');
is( value(
		$db,
q{SELECT status, error_sqlstate FROM bixarena.run WHERE status <> 'succeeded'}
	),
	'failed|27000',
	'bixarena.run has the details');
$node->safe_psql($db, q{DROP TRIGGER off ON first.leaderboard_entry});
value($db, q{SELECT bixarena_generate_snapshot('overall')});

my $backfill =
  q{CALL bixarena_backfill('overall', '2020-01-01', '2026-01-01', '%s')};
failure($db, sprintf($backfill, '1 minute'), '54000');
value($db, sprintf($backfill, '1 year'));

my $request =
  q{SELECT bixarena_request_snapshot('overall', trigger_source => 'api')};
value($db, $request);
wait_for_runs();
failure($db, $request, '53400');
value($db, q{SELECT bixarena_configure('requests_per_day', '0')});
failure($db, $request, '53400');
value($db, q{SELECT bixarena_configure('requests_per_day', '5')});
value($db, $request);
wait_for_runs();
value($db, q{SELECT bixarena_configure('enabled', 'false')});
failure($db, $request, '55000');
value($db, q{SELECT bixarena_configure('enabled', 'true')});
value($db, $request);
wait_for_runs();

value($db,
	q{CREATE ROLE shadow; SELECT bixarena_grant('shadow', 'operator')});
SKIP:
{
	skip 'workers run as roles that cannot log in', 2
	  if value($db, 'SHOW server_version_num') >= 170000;
	($hint) =
	  failure($db, "SET ROLE shadow; $request", '28000') =~ /^(ALTER .*), or/;
	value($db, $hint);
	value($db, "SET ROLE shadow; $request");
	wait_for_runs();
	pass('the role makes its request');
}

# a session that has not ended
my $session = $node->background_psql($db);
$session->query_safe(q{BEGIN; SELECT bixarena_generate_snapshot('overall')});
failure($db, q{SELECT bixarena_generate_snapshot('overall')}, '55P03');
$session->query_safe('COMMIT');
$session->quit;
value($db, q{SELECT bixarena_generate_snapshot('overall')});

failure(
	$db,
	q{SELECT bixarena_slack_message('00000000-0000-0000-0000-000000000000')},
	'42704');
like(
	value(
		$db,
		'SELECT bixarena_slack_message(correlation_id) FROM bixarena_runs()'),
	qr/blocks/,
	'bixarena_runs() lists runs');

#
# Kept tallies
#

my $fold = 'SELECT bixarena_fold_tally()';

failure($db, $fold, '42704');
value($db, 'SELECT bixarena_keep_tally()');
failure($db, 'SELECT bixarena_keep_tally()', '42710');
value($db, 'SELECT bixarena_rebuild_tally()');
my $writer = $node->background_psql($db);
$writer->query_safe('BEGIN; DELETE FROM first.battle WHERE false');
failure($db, "SET lock_timeout = '100ms'; SELECT bixarena_drop_tally()",
	'55P03');
$writer->query_safe('COMMIT');
$writer->quit;
value($db, 'SELECT bixarena_drop_tally(); SELECT bixarena_keep_tally()');
failure($db, "BEGIN ISOLATION LEVEL REPEATABLE READ; $fold", '25000');
value($db, "BEGIN ISOLATION LEVEL READ COMMITTED; $fold; COMMIT");
value($db, 'DROP TRIGGER first_live_insert ON first.battle');
failure($db, $fold, '55000');
value($db, "SELECT bixarena_rebuild_tally(); $fold");
value($db, 'ALTER TABLE first.battle DISABLE TRIGGER first_live_insert');
failure($db, 'SELECT bixarena_rebuild_tally()', '55000');
value(
	$db,
	'ALTER TABLE first.battle ENABLE TRIGGER first_live_insert;
	SELECT bixarena_rebuild_tally(); SELECT bixarena_drop_tally()');

# a relation of the user's own, whose battles have no ids
value(
	$db, q{ALTER VIEW first.leaderboard_battle RENAME TO set_aside;
	CREATE TABLE first.leaderboard_battle AS
	SELECT 'overall' AS leaderboard, model1_id, model2_id, outcome, voter_id, created_at, NULL::uuid AS battle_id
	FROM first.battle});
value($db, 'SELECT bixarena_keep_tally()');
failure($db, 'SELECT bixarena_rebuild_tally()', '22004');
value(
	$db,
	'UPDATE first.leaderboard_battle SET battle_id = gen_random_uuid();
	SELECT bixarena_rebuild_tally(); SELECT bixarena_drop_tally()');
value(
	$db,
	'DROP TABLE first.leaderboard_battle;
	ALTER VIEW first.set_aside RENAME TO leaderboard_battle');

#
# Reading, and roles
#

failure($db, q{SELECT bixarena_leaderboard('overall', 'no such')}, '42704');
like(
	value(
		$db, q{SELECT l.rank FROM bixarena_snapshots('overall') AS s,
	bixarena_leaderboard('overall', s.snapshot_identifier) AS l}),
	qr/^1$/m,
	'bixarena_snapshots() lists snapshots');
foreach my $column (
	split /, /,
	failure($db,
		q{SELECT bixarena_leaderboard('overall', sort_by => 'no such')},
		'22023') =~ s/^sort_by is one of (.*)\.$/$1/r)
{
	value($db,
		"SELECT bixarena_leaderboard('overall', sort_by => '$column')");
}
failure($db, q{SELECT bixarena_model_history('overall', 'no such')}, '42704');
my ($slug) =
  failure($db, q{SELECT bixarena_model_history('overall', 'Simulated 0001')},
	'42704') =~ /^It is the name of '(.*)'\.$/;
like(
	value($db, "SELECT rank FROM bixarena_model_history('overall', '$slug')"),
	qr/^\d/,
	'a model by its slug');

value($db, 'GRANT EXECUTE ON FUNCTION bixarena_configure TO shadow');
failure($db, q{SET ROLE shadow; SELECT bixarena_configure('seed', '1')},
	'42501');
value($db, q{SELECT bixarena_grant('shadow', 'admin')});
value($db, q{SET ROLE shadow; SELECT bixarena_configure('seed', '1')});
failure($db, q{SELECT bixarena_grant('public', 'reader')}, '0LP01');
value($db,
q{CREATE ROLE everybody; GRANT everybody TO clock; SELECT bixarena_grant('everybody', 'reader')}
);
value($db, q{SELECT bixarena_leaderboard('overall')}, 'clock');
failure($db, q{SELECT bixarena_revoke('clock', 'reader')}, '42704');
like(
	value($db, q{TABLE bixarena.membership}),
	qr{^first\|everybody\|reader$}m,
	'who is what');
value($db, q{SELECT bixarena_revoke('everybody', 'reader')});

#
# Scoreboards
#

failure($db, q{SELECT bixarena_create_scoreboard('pg_game')}, '3F000');
failure($db, q{SELECT bixarena_top_scores(NULL, 'gold')}, '42704');
value($db, q{SELECT bixarena_create_scoreboard('game')});
value($db, q{SELECT bixarena_create_game(NULL, 'gold')});
failure($db, q{SELECT bixarena_top_scores('gema', 'gold')}, '42704');
value($db, q{SELECT bixarena_create_scoreboard('gema')});
failure($db, q{SELECT bixarena_top_scores(NULL, 'gold')}, '42P08');
value($db,
	q{SELECT bixarena_top_scores(scoreboard => 'game', game => 'gold')});
my $submit =
q{SELECT bixarena_submit_scores('game', '[{"player_id": "ann", "game_id": "gold", "score": 1}]')};
value($db, 'DELETE FROM game.scoreboard');
value($db, failure($db, $submit, 'P0002'));
value($db, $submit);
my $rank = q{SELECT rank FROM bixarena_player_rank('game', 'gold', 'ann')};

foreach my $table ('rank_node', 'rank_fold')
{
	value($db, "DELETE FROM game.$table");
	failure($db, $rank, $table eq 'rank_node' ? 'XX001' : 'P0002');
	value($db, q{SELECT bixarena_recount_scores('game')});
	is(value($db, $rank), '1', 'counted anew');
}
failure($db, 'DELETE FROM game.score_event', '55000');
value($db, 'UPDATE game.scoreboard SET keep_events_days = 1');
value($db, q{SELECT bixarena_clean_scores('game')});

my $upload =
q{SELECT u.status, u.version FROM bixarena_upload_standings('game', '%s', '%s') AS u};
my $key = 'inbox/source=game/kingdom=51/dt=2026-01-26/players';
failure($db, sprintf($upload, 'players.csv', ''), '22023') =~
  /^A key is like (.*)\.$/;
is(value($db, sprintf($upload, $1, 'id,kills\\0121,2')),
	'accepted|1', 'a key as the hint has it');
failure($db, sprintf($upload, $key, 'id'), '22023');
value($db, sprintf($upload, "$key.json", '[{"id": 1}]'));
failure($db, 'UPDATE game.standing SET name = NULL', '55000');
is(value($db, sprintf($upload, "$key.csv", 'id,kills\\0121,3')),
	'accepted|3', 'the next version');
value($db, 'UPDATE game.scoreboard SET max_upload_mb = 1');
my $large = sprintf($upload, "$key.csv", "id,name\\0121," . 'x' x 1048576);
failure($db, $large, '54000');
value($db, 'UPDATE game.scoreboard SET max_upload_mb = 2');
value($db, $large);
failure($db, q{SELECT bixarena_standings('game', 'game', NULL, 'kills')},
	'P0002');
like(
	value(
		$db,
q{SELECT source_name, partition_name FROM bixarena_standings_dates('game')}
	),
	qr/^game\|kingdom=51$/m,
	'bixarena_standings_dates() tells what there is');
value($db, q{SELECT bixarena_grant('shadow', 'operator', 'game')});
my $ingest = q{SET ROLE shadow; CALL bixarena_ingest_folder('game', '/tmp')};
failure($db, $ingest, '42501');
value($db, 'GRANT pg_read_server_files TO shadow');
value($db, $ingest);

# a file with two names is copied, as the hint says
my $inbox = abs_path(PostgreSQL::Test::Utils::tempdir);
mkdir "$inbox/inbox" or die "mkdir: $!";
append_to_file("$inbox/elsewhere", 'id');
link "$inbox/elsewhere", "$inbox/inbox/a.csv" or die "link: $!";
my $read = "SELECT bixarena.upload_file('$inbox', 'inbox/a.csv', 100)";
failure($db, $read, '42809');
unlink "$inbox/inbox/a.csv";
append_to_file("$inbox/inbox/a.csv", 'id');
is(value($db, $read), '\\x6964', 'a copy is read');

#
# All hints of the source
#

# Hints of the source that are not met here: where they are followed, or why not
my %unseen = (
	'Create the extension bixarena_rank in this database.' =>
'a worker that finds no extension ends without a word: test/t/003_requests.pl',
	'If their owners agree: ' => 'test/sql/roles.sql',
'Once it is dropped, they are read from the tables that are there at each run.'
	  => 'test/sql/battle_query.sql',
	'That role, or a superuser, may attach the arena again.' =>
	  'test/sql/battle_query.sql',
	'Once they are dropped, attach the arena again.' =>
	  'test/sql/battle_query.sql',
	'SELECT bixarena_attach_arena(%L) replaces it.' =>
	  'test/sql/battle_query.sql',
	'ALTER EXTENSION bixarena_rank UPDATE;' => 'test/t/010_upgrade.pl',
'Let the relation be a table, or call no functions but the server\'s own in it.'
	  => 'test/sql/watch.sql',
	'Set prior_battles, which ties all models together.' =>
	  'test/sql/rank.sql',
'Without adjust_position, tie_model and covariates strengths may converge.'
	  => 'test/sql/terms.sql',
	'Increase maintenance_work_mem, or round the covariates.' =>
	  'test/sql/terms.sql',
'What standing first is worth is told by adjust_position, or by one covariate that is always 1.'
	  => 'test/sql/terms.sql',
	'Leave it out.' => 'test/sql/terms.sql',
	'Leave %s out, or wait for more battles.' => 'test/sql/terms.sql',
	'Measure it in another unit.' => 'test/sql/terms.sql',
	'A view can leave these battles out, or say what to take for it.' =>
	  'test/sql/terms.sql',
'covariates name numeric columns beside those of the models and the outcome.'
	  => 'test/sql/terms.sql',
	'%s can say who won by model1, model2 and tie.' =>
	  'test/sql/outcomes.sql',
'If that is not what they mean, leave them out, as by a view with WHERE %s IS NOT NULL.'
	  => 'test/sql/outcomes.sql',
'If that is not what they mean, leave them out, as by FILTER (WHERE outcome IS NOT NULL).'
	  => 'test/sql/tally.sql',
	'Perhaps a newer bixarena_rank has stored it.' =>
	  'test/t/037_tally_values.pl',
'If they are meant as UTC: ALTER TABLE %s.%s ALTER %s TYPE timestamptz USING %s AT TIME ZONE \'UTC\'.'
	  => 'test/sql/battle_query.sql',
'If they are meant as UTC, let the relation have them as %s AT TIME ZONE \'UTC\'.'
	  => 'test/sql/battle_query.sql',
	'bixarena_grant() makes a role operator of an arena.' =>
	  'test/sql/guards.sql',
'A session that has done LISTEN is in a transaction since long; pg_stat_activity shows it.'
	  => 'test/t/026_calls.pl',
	'What it was to tell is committed; bixarena.run has it.' =>
	  'test/t/026_calls.pl',
'num_battles => \'...\' names a column that holds how many battles each row stands for.'
	  => 'test/sql/counts.sql',
'A relation leaderboard_battle in the arena, with a row for each battle and its created_at, can tell.'
	  => 'test/sql/counts.sql',
'A view leaderboard_battle in the arena may say it; the documentation lists its columns.'
	  => 'test/sql/arena.sql',
	'If such rows mean no battle, a view can leave them out.' =>
	  'test/sql/counts.sql',
	'Does column %s hold how many battles a row stands for?' =>
	  'test/sql/counts.sql',
	'CREATE EXTENSION IF NOT EXISTS postgres_fdw;' => 'test/t/035_node.pl',
	'CREATE USER MAPPING FOR %I SERVER %I' => 'test/t/035_node.pl',
	'Run there what bixarena_node_script() prints.' => 'test/t/035_node.pl',
	'Run this as that role, or first DROP SCHEMA bixarena_node CASCADE.' =>
	  'test/t/035_node.pl',
	'The foreign tables go into another schema with arena => \'...\'.' =>
	  'test/t/035_node.pl',
	'bixarena_attach_remote() attaches an arena with the relation ' =>
	  'test/t/035_node.pl',
	'Let its owner drop that, or call as the owner.' =>
	  'test/sql/score_guard.sql',
'Run on that server what bixarena_node_script(%L, keep_tally => true) prints, and attach it again.'
	  => 'test/t/052_far_tally.pl',
	'Try again; runs need not wait for it.' => 'test/t/052_far_tally.pl',
	# where the server is older
	'It takes PostgreSQL 15.' => 'test/t/052_far_tally.pl',
	'It was a dry run: nothing is on record.' => 'test/sql/generate_all.sql',
	'The documentation says which battles can be followed.' =>
	  'test/sql/live_sources.sql',
	'Increase maintenance_work_mem.' => 'test/sql/voters.sql',
	'A relation ' => 'test/sql/voters.sql',
	'What changed may come of that, and not of battles.' =>
	  'test/sql/ranges.sql',);

# there is no such role for a worker of a newer server
$unseen{'ALTER ROLE %s LOGIN, or make the request as a role that can log in.'}
  = 'test/t/031_hints.pl'
  if value($db, 'SHOW server_version_num') >= 170000;

foreach my $source (hints_of_source())
{
	my $words =
	  join('.*?', map { quotemeta } split /%(?:\d+\$)?[sIL]/, $source, -1);

	ok(exists $unseen{$source} || grep({ /$words/s } @seen),
		"followed: $source");
}

$node->stop;
done_testing();

# The literal words of the hints in the source
sub hints_of_source
{
	my @hints;

	find(
		sub {
			return unless /\.(?:c|sql)$/ && !/--/;
			my $text = slurp_file($_);
			push @hints, $1 =~ s/\\(.)/$1/gr
			  while $text   =~ /errhint\("((?:[^"\\]|\\.)*)"/g;
			push @hints, $1 =~ s/''/'/gr
			  while $text =~
			  /HINT = (?:CASE .*?|format\()?E?'((?:[^']|'')*)'/gs;
		},
		"$FindBin::RealBin/../../src");
	cmp_ok(scalar @hints, '>', 30, 'the source has hints');
	return @hints;
}

sub wait_for_runs
{
	$node->poll_query_until($db,
q{SELECT count(*) = 0 FROM bixarena.run WHERE status IN ('queued', 'running')}
	) or die 'runs do not end';
}

sub folders
{
	my ($shared) = run_command([ 'pg_config', '--sharedir' ]);
	my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);

	return ("$shared/extension", $libraries);
}

sub value
{
	my ($database, $sql, $role) = @_;

	return $node->safe_psql($database, $sql,
		extra_params => $role ? [ '-U', $role ] : []);
}

# The hint of what a statement says in a message of a level, an error or a warning
sub told
{
	my ($database, $sql, $level, $role) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, undef, $message) = $node->psql(
		$database,
		"\\set VERBOSITY verbose\n\\set SHOW_CONTEXT never\n$sql",
		extra_params => $role ? [ '-U', $role ] : []);
	my ($hint) = $message =~ /^HINT:  (.*?)(?=\n(?:CONTEXT|LOCATION):|\z)/ms;

	like($message, qr/$level/, "$level: $sql");
	push @seen, $hint if defined $hint;
	return $hint // '';
}

# The same of an error
sub failure
{
	my ($database, $sql, $sqlstate, $role) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return told($database, $sql, "ERROR:  $sqlstate:", $role);
}
