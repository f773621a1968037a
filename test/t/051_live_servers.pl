
# 051_live_servers.pl
#	  A kept tally and what servers do: a crash, a standby, a dump that is restored, a
#	  subscription that writes the battles, a publication of all tables, and a
#	  connection pooler's DISCARD.  Nothing is ever counted wrongly; what cannot be
#	  followed is counted anew.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');

$node->init(
	extra => [ '--encoding=UTF8', '--locale=C' ],
	allows_streaming => 'logical');
$node->append_conf('postgresql.conf',
"bixarena_rank.progress = off\nautovacuum = off\nmax_prepared_transactions = 5"
);
$node->start;
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	SELECT bixarena_simulate_battles(1000, 6, categories => '{code}');
	SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('verify_leaderboards', '0');
	SELECT bixarena_keep_tally()});
sql($node, 'SELECT bixarena_rebuild_tally()');

# Is all counted, by a run and by a comparison, and was there a recount?
sub is_followed
{
	my ($on, $recounted, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = sql($on, 'SELECT recounted_at FROM arena_live.state');

	is_value(
		$on, q{SELECT evaluation_count = (SELECT count(*) FROM arena.battle)
		FROM bixarena_generate_snapshot('overall', 10, dry_run => true)}, 't',
		"$name: all is counted");
	is_value($on, 'SELECT count(*) FROM bixarena_verify_tally()',
		'0', "$name: nothing differs");
	is( sql($on, 'SELECT recounted_at FROM arena_live.state') ne $before
		? 1
		: 0,
		$recounted,
		"$name: " . ($recounted ? 'counted anew' : 'followed'));
}

my $add =
  q{INSERT INTO arena.battle (model1_id, model2_id, outcome, categories)
	SELECT model1_id, model2_id, 'tie', categories FROM arena.battle LIMIT 50};

is_followed($node, 0, 'at first');

#
# A crash loses what is not committed, of battles and log alike
#
sql($node, $add);
my $session = $node->background_psql('postgres');
$session->query_safe("BEGIN; $add; SELECT bixarena_fold_tally()");
$node->stop('immediate');
$node->start;
eval { $session->quit };
is_followed($node, 0, 'a crash with an open fold');
sql($node, $add);
sql($node, 'CHECKPOINT');
sql($node, 'SELECT bixarena_fold_tally()');
sql($node, $add);
$node->stop('immediate');
$node->start;
is_followed($node, 0, 'a crash after a fold');

#
# In two phases: writers and a fold that are prepared, and then are committed or not, also
# after a crash
#
sql($node, "BEGIN; $add; PREPARE TRANSACTION 'writer'");
is_followed($node, 0, 'a prepared writer');
sql($node, q{COMMIT PREPARED 'writer'});
sql($node,
	q{BEGIN; SELECT bixarena_fold_tally(); PREPARE TRANSACTION 'fold'});
sql($node, $add);
is_followed($node, 0, 'a prepared fold, beside which the log is read');
$node->stop('immediate');
$node->start;
sql($node, $add);
is_followed($node, 0, 'a prepared fold after a crash');
sql($node, q{ROLLBACK PREPARED 'fold'});
is_followed($node, 0, 'a prepared fold that is rolled back');
sql($node, $add);
sql($node,
	q{BEGIN; SELECT bixarena_fold_tally(); PREPARE TRANSACTION 'fold'});
sql($node, $add);
sql($node, q{COMMIT PREPARED 'fold'});
is_followed($node, 0, 'a prepared fold that is committed');

#
# A standby reads the tally with the log, and writes nothing
#
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
sql($node, $add);
sql($node,
'DELETE FROM arena.battle WHERE ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 20))'
);
$node->wait_for_catchup($standby);
is_value($node, 'SELECT count(*) > 0 FROM arena_live.log',
	't', 'there is a log');
is_value(
	$standby,
q{SELECT sum(vote_count) / 2 = (SELECT count(*) FROM arena.battle) FROM bixarena_live('overall')},
	't',
	'a standby counts the log in');
is_value($standby, 'SELECT count(*) FROM bixarena_verify_tally()',
	'0', 'and nothing differs there');
is_value($standby,
	q{SELECT status FROM bixarena_health() WHERE check_name = 'kept_tally'},
	'ok', 'nor is it in doubt');
my ($state, $messages) =
  sql_state_of($standby, 'SELECT bixarena_fold_tally()');
is($state, '25000', 'it cannot fold');
$standby->promote;
sql($standby, $add);
is_followed($standby, 0, 'promoted');
$standby->stop;

#
# A dump is restored into another database: what is there is kept, and counted anew
#
sql($node, $add);
$node->command_ok(
	[
		'pg_dump', '-Fc', '-f',
		"$PostgreSQL::Test::Utils::tmp_check/dump",
		$node->connstr('postgres')
	],
	'dump');
sql($node, 'CREATE DATABASE restored');
$node->command_ok(
	[
		'pg_restore', '--exit-on-error', '-d',
		$node->connstr('restored'),
		"$PostgreSQL::Test::Utils::tmp_check/dump"
	],
	'restore');
is( $node->safe_psql(
		'restored',
q{SELECT message ~ 'the next run counts all battles' FROM bixarena_health() WHERE check_name = 'kept_tally'}
	),
	't',
	'a restored tally is in doubt');
is( $node->safe_psql(
		'restored',
q{SELECT evaluation_count = (SELECT count(*) FROM arena.battle) FROM bixarena_generate_snapshot('overall', 10)}
	),
	't',
	'and counted anew');
$node->safe_psql('restored', $add);
is( $node->safe_psql(
		'restored', q{SELECT count(*) FROM bixarena_verify_tally()}),
	'0',
	'its triggers are there');
is( $node->safe_psql(
		'restored',
q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'arena_live%' AND tgenabled = CASE tgname WHEN 'arena_live_replica' THEN 'R' WHEN 'arena_live_truncate' THEN 'A' ELSE 'O' END}
	),
	'5',
	'and enabled as they were');

# data alone, without triggers, into tables that are there
$node->command_ok(
	[
		'pg_dump', '-Fc', '--data-only', '-t', 'arena.battle', '-f',
		"$PostgreSQL::Test::Utils::tmp_check/data",
		$node->connstr('postgres')
	],
	'dump of battles');
$node->safe_psql('restored', 'DELETE FROM arena.battle');
$node->safe_psql('restored', 'SELECT bixarena_fold_tally()');
$node->command_ok(
	[
		'pg_restore', '--data-only', '--disable-triggers', '-d',
		$node->connstr('restored'),
		"$PostgreSQL::Test::Utils::tmp_check/data"
	],
	'restore without triggers');
is( $node->safe_psql(
		'restored',
q{SELECT evaluation_count = (SELECT count(*) FROM arena.battle) FROM bixarena_generate_snapshot('overall', 10)}
	),
	't',
	'what has come without triggers is counted');
$node->safe_psql('restored', 'SELECT bixarena_rebuild_tally()');
is( $node->safe_psql(
		'restored', q{SELECT count(*) FROM bixarena_verify_tally()}),
	'0',
	'and kept again');

#
# A subscription writes the battles
#
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(
	extra => [ '--encoding=UTF8', '--locale=C' ],
	allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf', 'bixarena_rank.progress = off');
$subscriber->start;
sql($subscriber, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	DELETE FROM arena.leaderboard;
	SELECT bixarena_configure('num_bootstrap', '10');
	SELECT bixarena_keep_tally()});
sql($subscriber, 'SELECT bixarena_rebuild_tally()');
sql($node,
'CREATE PUBLICATION battles FOR TABLE arena.model, arena.leaderboard, arena.battle'
);
sql($subscriber,
	sprintf(
		q{CREATE SUBSCRIPTION battles CONNECTION $$%s$$ PUBLICATION battles},
		$node->connstr('postgres')));
$subscriber->wait_for_subscription_sync($node, 'battles');
is_followed($subscriber, 0, 'the first copy');
sql($node, $add);
sql($node,
q{UPDATE arena.battle SET outcome = 'model2' WHERE outcome = 'tie' AND model1_id < model2_id}
);
sql($node,
q{DELETE FROM arena.battle WHERE outcome = 'model1' AND ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 100))}
);
$node->wait_for_catchup('battles');
is_followed($subscriber, 0, 'changes of a subscription');
sql($node, 'TRUNCATE arena.battle');
$node->wait_for_catchup('battles');
is_followed($subscriber, 1, 'a TRUNCATE of a subscription');
sql($node, q{SELECT bixarena_simulate_battles(300, 6)});
$node->wait_for_catchup('battles');
is_followed($subscriber, 0, 'battles of a subscription');
sql($subscriber, 'DROP SUBSCRIPTION battles');

#
# A subscription that writes into the tally itself, as one of all tables of a publisher
# that keeps one, too
#
sql($node,
'DROP PUBLICATION battles; CREATE PUBLICATION battles FOR TABLE arena_live.log'
);
sql($subscriber,
	sprintf(
		q{CREATE SUBSCRIPTION tally CONNECTION $$%s$$ PUBLICATION battles},
		$node->connstr('postgres')));
is_value(
	$subscriber,
	q{SELECT s.lost FROM bixarena.live_state('arena') AS s},
	'table arena_live.log is not as it was made',
	'a subscription that writes into the log');
sql($subscriber, 'DROP SUBSCRIPTION tally');
is_value(
	$subscriber,
q{SELECT evaluation_count = (SELECT count(*) FROM arena.battle) FROM bixarena_generate_snapshot('overall', 10)},
	't',
	'and the next run counts all');

#
# A publication of all tables is in nobody's way
#
sql($node,
	'DROP PUBLICATION battles; CREATE PUBLICATION everything FOR ALL TABLES');
sql($node, $add);
is_followed($node, 1, 'published, after TRUNCATE');
sql($node, $add);
is_followed($node, 0, 'published');
sql($node, 'SELECT bixarena_drop_tally()');

$subscriber->stop;
$node->stop;
done_testing();
