
# 052_far_tally.pl
#	  A tally kept on a managed database, in plain SQL, for a rank node beside it: what
#	  is followed there and what makes it doubtful, folds of two nodes, rights, and
#	  writers that change the same few battles while it is folded.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use RemoteTest;
use Test::More;

plan skip_all => can_be_remote() if can_be_remote();

my $top = "$FindBin::RealBin/../..";
my $far = new_far('far', 'api');

my $node = new_rank_node('node', $far);

sub far_sql
{
	return $far->safe_psql('postgres', $_[0]);
}

sub run_script
{
	my ($keep, $name, $database) = @_;
	my $script = value($node,
		"SELECT bixarena_node_script(" . ($name // "'api'") . ", $keep)");

	$far->safe_psql($database // 'postgres', $script);
	return;
}

# an older server keeps none, and says so
if (far_sql('SHOW server_version_num') < 150000)
{
	my $script =
	  value($node, "SELECT bixarena_node_script('api', keep_tally => true)");
	my ($state, $messages) = sql_state_of($far, $script);

	is($state, '0A000', 'a tally is kept by PostgreSQL 15 and later');
	like($messages, qr/HINT:  It takes PostgreSQL 15[.]/, 'its hint');
	$node->stop;
	$far->stop;
	done_testing();
	exit;
}

# The ranking of this moment by voter: from what serves that, and from the battles
my $by_voter =
  q{BEGIN; SELECT bixarena_configure('cluster_by_voter', 'true');};
my $put_aside = q{ALTER FOREIGN TABLE api.voter_tally RENAME TO put_aside;};
my $standing =
  q{SELECT * FROM bixarena_live('overall', 20) ORDER BY 1; ROLLBACK};

sub standing_by_voter
{
	return value($node, "$by_voter $_[0] $standing");
}

sub voters_agree
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is( standing_by_voter(''),
		standing_by_voter($put_aside),
		"$name: the same by voter");
	return;
}

# What a run counts, and what the battles are; whether anything differs; and why all
# were counted anew since the last look, if they were
my $recounted_before = '';

sub is_followed
{
	my ($recounted, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	voters_agree("$name, not folded");

	my $counted = value($node,
q{SELECT evaluation_count FROM bixarena_generate_snapshot('overall', 10, dry_run => true)}
	);
	my $why;

	is( $counted,
		far_sql(
q{DO $$ BEGIN PERFORM set_config('test.query', bixarena_node.battle_query(), false); END $$;
		CREATE TEMP TABLE counted (n bigint);
		DO $$ BEGIN EXECUTE 'INSERT INTO counted SELECT count(*) FROM (' || current_setting('test.query')
			|| $q$) AS q WHERE q.leaderboard = 'overall' AND q.model1_id <> q.model2_id$q$; END $$;
		SELECT n FROM counted}),
		"$name: all is counted");
	is_value($node, 'SELECT count(*) FROM bixarena_verify_tally()',
		'0', "$name: nothing differs");
	$why =
	  value($node, 'SELECT recounted_at, recounted_why FROM api.tally_state');
	like($why eq $recounted_before ? 'no' : $why,
		$recounted,
		"$name: " . ($recounted eq 'no' ? 'followed' : 'counted anew'));
	$recounted_before = $why;
	voters_agree("$name, folded");
	return;
}

my $no = qr/^no$/;

run_script('true');
sql($node, q{
	SELECT bixarena_attach_remote('rds');
	SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('retry_seconds', '0');
	SELECT bixarena_configure('notify_channel', ''), bixarena_configure('verify_leaderboards', '0')}
);
is_followed(qr/the battles have not been counted yet/, 'at first');
is( far_sql(
q{SELECT string_agg(tgrelid::regclass || ' ' || replace(tgname, 'bixarena_node_live_', '') || ' ' || tgenabled::text, ', ' ORDER BY tgrelid::regclass::text, tgname)
	FROM pg_trigger WHERE tgname LIKE 'bixarena\_node\_live%' AND tgrelid = 'api.battle'::regclass}
	),
'api.battle delete O, api.battle insert O, api.battle replica R, api.battle truncate A, api.battle update O',
	'triggers are there');

#
# What is followed
#

my @followed = (
	'a new battle' =>
	  q{INSERT INTO api.battle (id, user_id, model1_id, model2_id)
	SELECT md5('life ' || n)::uuid, md5('voter')::uuid, m.a, m.b
	FROM generate_series(1, 250) AS n, (SELECT min(id::text)::uuid AS a, max(id::text)::uuid AS b FROM api.model) AS m},
	'its evaluation' =>
q{INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT md5('life ' || n)::uuid, 'model1' FROM generate_series(1, 250) AS n},
	'its validation' =>
q{INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical)
	SELECT md5('valid ' || n)::uuid, md5('life ' || n)::uuid, 'test', 1, n % 3 > 0 FROM generate_series(1, 250) AS n;
	UPDATE api.battle AS b SET effective_validation_id = v.id FROM api.battle_validation AS v
	WHERE v.battle_id = b.id AND v.id IN (SELECT md5('valid ' || n)::uuid FROM generate_series(1, 250) AS n)},
	'its categories' =>
	  q{INSERT INTO api.battle_categorization (id, battle_id, method, status)
	SELECT md5('cat ' || n)::uuid, md5('life ' || n)::uuid, 'test', 'matched' FROM generate_series(1, 250) AS n;
	INSERT INTO api.battle_categorization_category SELECT md5('cat ' || n)::uuid, 'surgery' FROM generate_series(1, 250) AS n;
	UPDATE api.battle AS b SET effective_categorization_id = k.id FROM api.battle_categorization AS k
	WHERE k.battle_id = b.id AND k.id IN (SELECT md5('cat ' || n)::uuid FROM generate_series(1, 250) AS n)},
	'another outcome' =>
q{UPDATE api.battle_evaluation SET outcome = CASE outcome WHEN 'tie' THEN 'model2' ELSE 'tie' END
	WHERE battle_id IN (SELECT md5('life ' || n)::uuid FROM generate_series(1, 200) AS n)},
	'another validation and status' =>
q{UPDATE api.battle_validation SET is_biomedical = NOT is_biomedical WHERE id IN (SELECT md5('valid ' || n)::uuid FROM generate_series(20, 40) AS n);
	UPDATE api.battle_categorization SET status = 'failed' WHERE id = md5('cat 7')::uuid;
	UPDATE api.battle_categorization_category SET category = 'oncology' WHERE categorization_id = md5('cat 8')::uuid},
	'another id' =>
q{UPDATE api.battle_categorization_category SET categorization_id = md5('cat 9')::uuid, category = 'oncology' WHERE categorization_id = md5('cat 10')::uuid},
	'cascades' =>
q{DELETE FROM api.battle_validation WHERE id = md5('valid 50')::uuid; DELETE FROM api.battle_categorization WHERE id = md5('cat 11')::uuid;
	DELETE FROM api.battle_evaluation WHERE battle_id = md5('life 12')::uuid; DELETE FROM api.battle WHERE id = md5('life 13')::uuid},
	'a model' =>
q{DELETE FROM api.model WHERE id = (SELECT max(id::text)::uuid FROM api.model)},
	'rows of a replica' =>
q{SET session_replication_role = replica; INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (md5('late')::uuid, 'tie');
	INSERT INTO api.battle (id, user_id, model1_id, model2_id, effective_validation_id)
	SELECT md5('late')::uuid, md5('voter')::uuid, model1_id, model2_id, effective_validation_id FROM api.battle WHERE effective_validation_id IS NOT NULL LIMIT 1;
	UPDATE api.battle_evaluation SET outcome = 'model1' WHERE battle_id = md5('late')::uuid;
	DELETE FROM api.battle_evaluation WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle_evaluation LIMIT 3))},
	'a savepoint' =>
q{BEGIN; DELETE FROM api.battle_evaluation WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle_evaluation LIMIT 3)); SAVEPOINT a;
	DELETE FROM api.battle_evaluation; ROLLBACK TO a; COMMIT},
	'a column that does not matter' =>
q{ALTER TABLE api.battle ADD note text; UPDATE api.battle SET note = 'x'},
	'other voters' =>
q{UPDATE api.battle SET user_id = md5('other ' || left(id::text, 1))::uuid WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle LIMIT 200))},
	'two evaluations of a battle' =>
q{ALTER TABLE api.battle_evaluation DROP CONSTRAINT battle_evaluation_battle_id_key; CREATE INDEX ON api.battle_evaluation (battle_id);
	INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT battle_id, outcome FROM api.battle_evaluation LIMIT 100},
	'a voter who is not known' =>
q{ALTER TABLE api.battle ALTER user_id DROP NOT NULL; UPDATE api.battle SET user_id = NULL WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle LIMIT 100))}
);

while (my ($name, $change) = splice @followed, 0, 2)
{
	far_sql($change);
	is_followed($no, $name);
}
far_sql(
q{UPDATE api.battle SET title = 'x'; UPDATE api.battle_validation SET reason = 'x'; UPDATE api.battle_categorization SET reason = 'x'}
);
is(far_sql('SELECT count(*) FROM bixarena_node_live.log'),
	'0', 'what does not matter is not noted');
far_sql(
q{INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT id, 'tie' FROM api.battle
	WHERE id NOT IN (SELECT battle_id FROM api.battle_evaluation)});
is( far_sql(
		'SELECT max(cardinality(keys)) <= 100 FROM bixarena_node_live.log'),
	't',
	'an entry has few keys');

# it is the tally that is read, with what is in the log
is_value(
	$node,
	q{SELECT sum(vote_count)::bigint / 2 FROM bixarena_live('overall', 10)},
	far_sql(
q{SELECT sum(battles) FROM bixarena_node.leaderboard_tally WHERE leaderboard = 'overall' AND model1_id <> model2_id}
	),
	'the ranking of the moment');
isnt(far_sql('SELECT count(*) FROM bixarena_node_live.log'),
	'0', 'which does not fold');
is_value($node, 'SELECT bixarena_fold_tally() > 0', 't', 'a fold');
is(far_sql('SELECT count(*) FROM bixarena_node_live.log'),
	'0', 'which is there for all');
{
	my $before = standing_by_voter('');

	far_sql(
q{UPDATE bixarena_node_live.counted SET voter_id = md5(left(voter_id::text, 1))::uuid}
	);
	isnt(standing_by_voter(''),
		$before, 'by voter what is kept of each battle is read');
	is(standing_by_voter($put_aside),
		$before, 'unless a node does not know of it');
	sql($node, 'SELECT bixarena_rebuild_tally()');
	$recounted_before =
	  value($node, 'SELECT recounted_at, recounted_why FROM api.tally_state');
	is(standing_by_voter(''), $before, 'counted anew it is right');
}
is( far_sql(
q{SELECT min(n), max(n) = count(DISTINCT n), max(n) = (SELECT count(DISTINCT b.voter_id) FROM bixarena_node.leaderboard_battle AS b WHERE b.leaderboard = 'overall'),
		count(*) - count(n) = (SELECT count(*) FROM bixarena_node.leaderboard_battle AS b WHERE b.leaderboard = 'overall' AND b.voter_id IS NULL)
	FROM bixarena_node.voter_tally AS v, unnest(v.voters) AS n WHERE v.leaderboard = 'overall'}
	),
	'1|t|t|t',
	'voters have numbers, and no ids');
far_sql(
q{UPDATE bixarena_node_live.tally SET battles = ARRAY(SELECT n + 1 FROM unnest(battles) AS n)}
);
is_value(
	$node,
q{SELECT kept > recounted, count(*) > 0 FROM bixarena_verify_tally() GROUP BY 1},
	't|t',
	'by hand it is made wrong, and that is found');
is_value($node,
	q{SELECT status FROM bixarena_health() WHERE check_name = 'kept_tally'},
	'critical', 'which health tells');
is_followed(qr/all battles may have changed/, 'and mended');
far_sql(
q{UPDATE bixarena_node_live.tally SET battles = ARRAY(SELECT n + 1 FROM unnest(battles) AS n)}
);
sql($node, q{SELECT bixarena_configure('verify_leaderboards', '3')});
sql($node, 'CALL bixarena_generate_snapshots()');
is_value(
	$node,
q{SELECT evaluation_count = (SELECT sum(battles) FROM api.leaderboard_tally WHERE leaderboard = 'overall' AND model1_id <> model2_id)
	FROM bixarena_generate_snapshot('overall', 10, dry_run => true)}, 't',
	'which a call does not look for twice a day');
far_sql(
q{UPDATE bixarena_node_live.state SET verified_at = verified_at - interval '1 day'}
);
sql($node, 'CALL bixarena_generate_snapshots()');
sql($node, q{SELECT bixarena_configure('verify_leaderboards', '0')});
is_followed(qr/all battles may have changed/, 'a sample finds it, too');

#
# What makes it doubtful
#

far_sql('TRUNCATE api.battle_categorization_category');
is_value(
	$node,
q{SELECT status, message ~ 'the next run counts all battles' FROM bixarena_health() WHERE check_name = 'kept_tally'},
	'warning|t',
	'TRUNCATE');
is_followed(qr/all battles may have changed/, 'TRUNCATE');
far_sql(
'ALTER TABLE api.battle_evaluation DISABLE TRIGGER bixarena_node_live_delete;
	DELETE FROM api.battle_evaluation WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle_evaluation LIMIT 50))'
);
is_value(
	$node,
q{SELECT status, message ~ 'bixarena_node_live_delete of api.battle_evaluation is disabled' FROM bixarena_health() WHERE check_name = 'kept_tally'},
	'warning|t',
	'a trigger is disabled');
foreach my $function ('fold', 'rebuild')
{
	is((sql_state_of($node, "SELECT bixarena_${function}_tally()"))[0],
		'55000', "which ends a $function");
}
is_value(
	$node,
q{SELECT evaluation_count FROM bixarena_generate_snapshot('overall', 10, dry_run => true)},
	far_sql(
q{SELECT count(*) FROM api.battle AS b JOIN api.battle_evaluation AS e ON e.battle_id = b.id
	JOIN api.battle_validation AS v ON v.id = b.effective_validation_id AND v.is_biomedical WHERE b.model1_id <> b.model2_id}
	),
	'and a run reads the battles');
voters_agree('a trigger is disabled');
far_sql(
'ALTER TABLE api.battle_evaluation ENABLE TRIGGER bixarena_node_live_delete'
);
voters_agree('a trigger is enabled again');
is_value(
	$node,
q{SELECT sum(vote_count)::bigint / 2 = (SELECT count(*) FROM api.leaderboard_battle WHERE leaderboard = 'overall' AND model1_id <> model2_id)
	FROM bixarena_live('overall', 10)}, 't',
	'enabled again it is not read before it is counted');
is_followed(qr/trigger bixarena_node_live_delete of api.battle_evaluation/,
	'which a run does');
far_sql('ALTER TABLE api.battle_evaluation ALTER outcome TYPE text');
is_followed(qr/relation api.battle_evaluation/, 'another type');

# migrations: fewer tables, and again more; a call sees to the triggers
far_sql(
	'BEGIN; ALTER TABLE api.battle DROP COLUMN effective_categorization_id;
	DROP TABLE api.battle_categorization_category, api.battle_categorization; COMMIT'
);
sql($node, 'CALL bixarena_generate_snapshots()');
is_followed(qr/have not been counted yet/, 'an age without categories');
far_sql(
'BEGIN; ALTER TABLE api.battle DROP COLUMN effective_validation_id; DROP TABLE api.battle_validation; COMMIT'
);
sql($node, 'CALL bixarena_generate_snapshots()');
is_followed(qr/have not been counted yet/, 'an age without validations');
far_sql(
q{CREATE TABLE api.battle_validation (id uuid PRIMARY KEY, battle_id uuid, is_biomedical boolean NOT NULL);
	ALTER TABLE api.battle ADD effective_validation_id uuid REFERENCES api.battle_validation ON DELETE SET NULL;
	INSERT INTO api.battle_validation SELECT id, id, true FROM api.battle;
	UPDATE api.battle SET effective_validation_id = id});
like(
	value(
		$node,
q{SELECT message FROM bixarena_health() WHERE check_name = 'kept_tally'}
	),
	qr/not followed.*of api.battle is made for other columns/,
	'triggers do not know of a new table');
sql($node, 'CALL bixarena_generate_snapshots()');
is_followed(qr/have not been counted yet/, 'a call makes them');
far_sql('UPDATE api.battle_validation SET is_biomedical = id::text < \'8\'');
is_followed($no, 'and what is in it is followed');

#
# Two nodes, and a transaction that sees an older state
#

{
	my $second = new_rank_node('second', $far);
	my $session;

	sql($second,
q{SELECT bixarena_attach_remote('rds'); SELECT bixarena_configure('num_bootstrap', '10')}
	);
	far_sql(q{UPDATE api.battle_validation SET is_biomedical = true});
	$session = $second->background_psql('postgres');
	$session->query_safe('BEGIN; SELECT bixarena_fold_tally()');
	my ($state, $messages) =
	  sql_state_of($node, 'SELECT bixarena_fold_tally()');

	is($state, '55P03', 'while another folds, it is not waited for');
	like($messages, qr/HINT:  Try again; runs need not wait for it[.]/,
		'its hint');
	is_value(
		$node,
q{SELECT evaluation_count = (SELECT sum(battles) FROM api.leaderboard_tally WHERE leaderboard = 'overall' AND model1_id <> model2_id)
		FROM bixarena_generate_snapshot('overall', 10, dry_run => true)},
		't', 'and a run counts the log in');
	$session->query_safe('COMMIT');
	is_followed($no, 'after both');

	# its snapshot is of before the other's fold
	far_sql(
		q{UPDATE api.battle_validation SET is_biomedical = id::text < '8'});
	$session->query_safe('BEGIN; SELECT count(*) FROM api.leaderboard');
	far_sql(
		q{UPDATE api.battle_validation SET is_biomedical = id::text > '8'});
	sql($node, 'SELECT bixarena_fold_tally()');
	is( $session->query_safe(
q{SELECT evaluation_count = (SELECT sum(battles) FROM api.leaderboard_tally WHERE leaderboard = 'overall' AND model1_id <> model2_id)
		FROM bixarena_generate_snapshot('overall', 10, dry_run => true)}
		),
		't',
		'one that began before sees what was then');
	is( $session->query_safe('SELECT count(*) FROM bixarena_verify_tally()'),
		'0', 'in which nothing differs');
	$session->query_safe('COMMIT');
	is_followed($no, 'after it');
	$session->quit;
	$second->stop;
}

#
# Rights
#

foreach my $table ('log', 'counted', 'tally', 'state')
{
	is( far_sql(
"SELECT has_table_privilege('bixarena_node', 'bixarena_node_live.$table', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
		),
		'f',
		"the role has no right on $table");
}
is( far_sql(
q{SELECT has_table_privilege('bixarena_node', 'bixarena_node.voter_tally', 'SELECT'),
		has_table_privilege('bixarena_node', 'bixarena_node.voter_tally', 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')}
	),
	't|f',
	'it may read who voted, by numbers');
is( far_sql(
q{SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc AS p WHERE p.pronamespace = 'bixarena_node'::regnamespace
	AND p.proname LIKE 'live%' AND has_function_privilege('bixarena_node', p.oid, 'EXECUTE')}
	),
	'live_differences live_state',
	'and may call what is for it');
far_sql(
q{CREATE ROLE writer; GRANT USAGE ON SCHEMA api TO writer; GRANT SELECT, INSERT, UPDATE, DELETE ON api.battle_evaluation TO writer;
	GRANT SELECT, REFERENCES ON api.battle TO writer; SET ROLE writer; UPDATE api.battle_evaluation SET outcome = 'tie';
	DELETE FROM api.battle_evaluation WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle_evaluation LIMIT 20))}
);
is_followed($no, 'a writer without rights on it');
is( (   sql_state_of(
			$far,
			q{SET ROLE writer; CREATE TEMP TABLE t (id uuid);
		CREATE TRIGGER t AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION bixarena_node.live_note('bixarena_node_live', 'b', 'id')}
		))[0],
	'42501',
	'who may make no trigger of it');

# an operator of the node does all that, and stores a snapshot
sql($node, q{CREATE ROLE maker;
	CREATE USER MAPPING FOR maker SERVER rds OPTIONS (user 'bixarena_node', password_required 'false');
	SELECT bixarena_grant('maker', 'operator')});
far_sql(
q{UPDATE api.battle_evaluation SET outcome = 'model1' WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.battle_evaluation LIMIT 20))}
);
is_value(
	$node, q{SET ROLE maker;
	SELECT status FROM bixarena_generate_snapshot('overall', 10);
	SELECT bixarena_fold_tally();
	SELECT count(*) FROM bixarena_verify_tally();
	SELECT count(*) > 0 FROM bixarena_live('overall', 10);
	SELECT status FROM bixarena_health() WHERE check_name = 'kept_tally'},
	"succeeded\n0\n0\nt\nok", 'an operator runs, folds and verifies');
sql($node, q{SELECT bixarena_configure('cluster_by_voter', 'true')});
is_value(
	$node, q{SET ROLE maker;
	SELECT status FROM bixarena_generate_snapshot('overall', 10, dry_run => true)},
	'succeeded', 'also by voter');
sql($node, q{SELECT bixarena_configure('cluster_by_voter', NULL)});
sql($node,
q{SELECT bixarena_configure('keep_snapshots', '1'); SELECT bixarena_grant('maker', 'admin')}
);
is_value(
	$node,
q{SET ROLE maker; SELECT status FROM bixarena_generate_snapshot('overall', 10)},
	'succeeded',
	'an admin asks what may be deleted');
sql($node, q{SELECT bixarena_configure('keep_snapshots', NULL)});
is_followed($no, 'an operator');

#
# Notices
#

sub vote_otherwise
{
	far_sql(
qq{UPDATE api.battle_evaluation SET outcome = CASE outcome WHEN 'tie' THEN 'model2' ELSE 'tie' END
		WHERE battle_id IN (SELECT b.id FROM api.battle AS b JOIN api.battle_evaluation AS e ON e.battle_id = b.id
			JOIN api.battle_validation AS v ON v.id = b.effective_validation_id WHERE v.is_biomedical LIMIT $_[0])}
	);
	return;
}

sub let_a_second_pass
{
	sql($node,
q{UPDATE bixarena.far_notice SET notified_at = clock_timestamp() - interval '1 second'}
	);
	return;
}

my $fold = 'SELECT bixarena_fold_tally()';

sql($node, q{SELECT bixarena_configure('live_channel', 'standing')});
vote_otherwise(3);
is( notices($node, 'standing', $fold),
	'{"arena":"api",now,"changed_battles":3}',
	'a fold tells what has changed there');
let_a_second_pass();
is(notices($node, 'standing', $fold, 'SELECT bixarena_rebuild_tally()'),
	'', 'one that has changed nothing does not');
vote_otherwise(4);
is( notices(
		$node, 'standing',
		q{SELECT status FROM bixarena_generate_snapshot('overall', 10)}),
	'{"arena":"api",now,"changed_battles":4}',
	'a run folds, and tells');
sql($node,
q{UPDATE bixarena.far_notice SET notified_at = clock_timestamp() + interval '1 hour'}
);
vote_otherwise(5);
is(notices($node, 'standing', $fold),
	'', 'within a second nothing is told twice');
vote_otherwise(6);
far_sql(q{UPDATE bixarena_node.tally_keeper SET asked = 'fold'});
let_a_second_pass();
vote_otherwise(1);
is( notices($node, 'standing', "BEGIN; $fold; ROLLBACK", $fold),
	'{"arena":"api",now,"changed_battles":12}',
	'but later, also what others have folded');
sql($node, q{SELECT bixarena_configure('live_channel', NULL)});
vote_otherwise(2);
is(notices($node, 'standing', $fold), '', 'nor where no channel is named');
is_followed(qr/bixarena_rebuild_tally/, 'notices');

#
# The script again, without a tally, and with one of a schema with an odd name
#

run_script('true');
is_followed(qr/have not been counted yet/, 'the script again');
sql($node, q{SELECT bixarena_rebuild_tally()});
$recounted_before =
  value($node, 'SELECT recounted_at, recounted_why FROM api.tally_state');
is_followed($no, 'counted once');
run_script('false');
is( far_sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'bixarena%'}),
	'0', 'no trigger is left');
is(far_sql(q{SELECT to_regnamespace('bixarena_node_live') IS NULL}),
	't', 'nor a table');
is_value($node,
	q{SELECT status FROM bixarena_generate_snapshot('overall', 10)},
	'succeeded', 'runs go on, though the node does not know');
voters_agree('without a tally');
sql($node, q{SELECT bixarena_configure('cluster_by_voter', 'true')});
is_value($node,
	q{SELECT status FROM bixarena_generate_snapshot('overall', 10)},
	'succeeded', 'so do runs by voter');
sql($node, q{SELECT bixarena_configure('cluster_by_voter', NULL)});
sql($node, q{SELECT bixarena_attach_remote('rds')});
is_value(
	$node,
	q{SELECT count(*) FROM bixarena_health() WHERE check_name = 'kept_tally'},
	'0',
	'until it is attached again');
voters_agree('attached again');

# another script knew nothing of voters by number
far_sql('DROP VIEW bixarena_node.voter_tally');
{
	my $expected = standing_by_voter($put_aside);

	sql($node, q{SELECT bixarena_attach_remote('rds')});
	is_value(
		$node, q{SELECT to_regclass('api.voter_tally') IS NULL},
		't', 'what is not there is not attached');
	is(standing_by_voter(''),
		$expected, 'and the battles are read, also by voter');
	run_script('false');
	sql($node, q{SELECT bixarena_attach_remote('rds')});
	is(standing_by_voter(''), $expected, 'as with the script anew');
}
like(
	(sql_state_of($node, 'SELECT bixarena_keep_tally()'))[1],
qr/HINT:  Run on that server what bixarena_node_script\('api', keep_tally => true\) prints/,
	'and says how it is kept there');
{
	my $odd = q{it's $body$ $$ "odd" 100%s};
	my $literal = q{'it''s $body$ $$ "odd" 100%s'};

	$far->safe_psql('postgres', 'CREATE DATABASE odd');
	foreach my $file ('bixarena.sql', 'battles.sql')
	{
		$far->command_ok(
			[
				'psql', '-XqAt',
				'-v', 'ON_ERROR_STOP=1',
				'-v', "arena=$odd",
				'-d', $far->connstr('odd'),
				'-f', "$top/test/schema/$file"
			],
			"an odd schema: $file");
	}
	run_script('true', $literal, 'odd');
	sql($node,
		sprintf q{CREATE SERVER odd FOREIGN DATA WRAPPER postgres_fdw
		OPTIONS (host '127.0.0.1', port '%d', dbname 'odd');
		CREATE USER MAPPING FOR CURRENT_USER SERVER odd OPTIONS (user 'bixarena_node');
		SELECT bixarena_attach_remote('odd', schema => %s, arena => 'odd')},
		$far->port, $literal);
	is_value($node, q{SELECT bixarena_rebuild_tally('odd') > 0},
		't', 'an odd name');
	is_value($node, q{SELECT count(*) FROM bixarena_verify_tally('odd')},
		'0', 'in which nothing differs');
}

#
# Writers that change the same few battles
#

far_sql('DROP SCHEMA api CASCADE');
foreach my $file ('schema/bixarena.sql', 'live/few_battles.sql')
{
	$far->command_ok(
		[
			'psql', '-XqAt',
			'-v', 'ON_ERROR_STOP=1',
			'-v', 'arena=api',
			'-d', $far->connstr('postgres'),
			'-f', "$top/test/$file"
		],
		$file);
}
run_script('true');
sql($node,
q{SELECT bixarena_attach_remote('rds'); SELECT bixarena_configure('min_total_battles', '0', arena => 'api')}
);
sql($node, q{SELECT bixarena_rebuild_tally('api')});
{
	my ($out, $err) = ('', '');
	my ($compared, $wrong) = (0, 0);
	my $writers = IPC::Run::start(
		[
			'pgbench',
			'-n', '-c', '8', '-j', '2', '-T',
			$ENV{LIVE_STRESS_SECONDS} // 20,
			(   map { ('-f', "$top/test/live/$_.pgbench") }
				  qw(evaluate change change linger together)),
			'-h',
			'127.0.0.1',
			'-p',
			$far->port,
			'postgres'
		],
		'>' => \$out,
		'2>' => \$err);
	my @looks = (
		q{SELECT bixarena_fold_tally('api') * 0},
q{SELECT (g.evaluation_count <> (SELECT sum(battles) FROM api.leaderboard_tally WHERE leaderboard = 'overall'))::int
		FROM bixarena_generate_snapshot('overall', 10, dry_run => true, arena => 'api') AS g},
		q{BEGIN; SELECT bixarena_fold_tally('api') * 0; ROLLBACK},
q{BEGIN; SELECT bixarena_fold_tally('api') * 0; SELECT count(*) FROM bixarena_verify_tally('api'); COMMIT}
	);

	while ($writers->pumpable)
	{
		$wrong++ if sql($node, $looks[ $compared % @looks ]) =~ /[1-9]/;
		$wrong++
		  if sql($node, q{SELECT * FROM bixarena_verify_tally('api')}) ne '';
		$compared++;
		$writers->pump_nb;
	}
	$writers->finish;
	is(join("\n", grep { /ERROR|abort/ } split /\n/, $err),
		'', 'no writer fails');
	cmp_ok($compared, '>', 0, "compared $compared times");
	is($wrong, 0, 'and it was right each time');
	is( far_sql(
q{SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'}
		),
		'0',
		'there was no deadlock');
}

$node->stop;
$far->stop;
done_testing();
