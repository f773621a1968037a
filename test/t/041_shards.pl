
# 041_shards.pl
#	  Votes on two servers and leaderboards on a third, as the page "Votes on other
#	  servers" has it: both count at the same time, the digits are those of one
#	  server with all votes, and a server that is away leaves no snapshot of a part.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../doc/far.md") =~
  s/.*^## Several servers$(.*?)^## .*/$1/msr;
my ($on_each, $servers, $views, @others) = $page =~ /^```sql\n(.*?)^```$/msg;
my ($function) = grep { /FUNCTION/ } @others;

my ($node, @shards) =
  map { PostgreSQL::Test::Cluster->new($_) } qw(rank votes1 votes2);

foreach my $server ($node, @shards)
{
	$server->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	# the smallest table is counted in parallel, where that may be
	$server->append_conf(
		'postgresql.conf', q{
		bixarena_rank.progress = off
		parallel_setup_cost = 0
		parallel_tuple_cost = 0
		min_parallel_table_scan_size = 0
		session_preload_libraries = 'auto_explain'
		auto_explain.log_min_duration = 0
		auto_explain.log_nested_statements = on
	});
	$server->start;
}
if (value($node,
q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}
	) == 0)
{
	$_->stop foreach $node, @shards;
	plan skip_all => 'postgres_fdw is not installed';
}

#
# As the page says
#

sql($_, $on_each) foreach @shards;
sql($node, 'CREATE EXTENSION bixarena_rank');
sql($node, $servers);
foreach my $i (0, 1)
{
	my $name = 'votes' . ($i + 1);

	sql($node,
		sprintf(
"ALTER SERVER $name OPTIONS (SET host '%s', ADD port '%d', SET dbname 'postgres');"
			  . "ALTER USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (DROP user, DROP password)",
			$shards[$i]->host, $shards[$i]->port));
}
sql($node, $views);

# The same models and votes in an arena of one server, by which votes are divided
sql($node, q{
	SELECT bixarena_create_arena('whole');
	SELECT bixarena_simulate_battles(4000, 8, categories => '{code}', arena => 'whole');
	SELECT bixarena_configure('num_bootstrap', '10', arena => a),
		bixarena_configure('retry_seconds', '0', arena => a) FROM unnest('{whole,arena}'::text[]) AS a;
	INSERT INTO arena.model TABLE whole.model;
	INSERT INTO arena.leaderboard (slug, name) SELECT slug, name FROM whole.leaderboard WHERE slug <> 'overall';
});
foreach my $i (0, 1)
{
	sql($node,
		sprintf(
q{CREATE FOREIGN TABLE fill%1$d (leaderboard text, model1_id uuid, model2_id uuid, outcome text, created_at timestamptz)
			SERVER votes%1$d OPTIONS (schema_name 'votes', table_name 'leaderboard_battle');
		INSERT INTO fill%1$d SELECT leaderboard, model1_id, model2_id, outcome, created_at FROM whole.leaderboard_battle
		WHERE hashtext(battle_id::text) & 1 = %2$d}, $i + 1, $i));
}
cmp_ok(value($_, 'SELECT count(*) FROM votes.leaderboard_battle'),
	'>', 1000, 'each has votes')
  foreach @shards;

my $entries =
q{SELECT string_agg(format('%%s %%s %%s %%s %%s', l.slug, bt_score, rank, vote_count, bootstrap_q025), ', ' ORDER BY l.slug, rank)
	FROM %1$s.leaderboard_entry AS e JOIN %1$s.leaderboard AS l ON l.id = e.leaderboard_id};
my $all = q{CALL bixarena_generate_snapshots('%s')};

sub entries_of
{
	my ($arena) = @_;
	my $found = value($node, sprintf($entries, $arena));

	sql($node, "DELETE FROM $arena.leaderboard_snapshot");
	return $found;
}

# What servers have logged since
my @log_ends;

sub note_logs
{
	@log_ends = map { -s $_->logfile } @shards;
}

sub logged_by
{
	my ($i) = @_;

	return substr(slurp_file($shards[$i]->logfile), $log_ends[$i]);
}

sql($node, sprintf($all, 'whole'));
my $expected = entries_of('whole');
isnt($expected, '', 'there are snapshots of one server');

note_logs();
sql($node, sprintf($all, 'arena'));
is(entries_of('arena'), $expected, 'all leaderboards: the same digits');
foreach my $i (0, 1)
{
	like(
		logged_by($i),
		qr/FROM votes\.arena_tally/,
		"server $i is asked for all counts");
	like(
		logged_by($i),
		qr/count\(\*\)\n(?:.*\n)*?.*Workers Planned: [1-9]/,
		"server $i counts in parallel");
	unlike(
		logged_by($i),
		qr/SELECT .*FROM votes\.leaderboard_battle(?! AS b)/,
		"no vote leaves server $i");
}

note_logs();
sql($node, qq{SELECT bixarena_generate_snapshot('$_', arena => 'arena')})
  foreach qw(code overall);
is(entries_of('arena'), $expected, 'one at a time: the same digits');
like(
	logged_by($_),
	qr/FROM votes\.leaderboard_tally WHERE \(\(leaderboard = 'code'/,
	"server $_ is asked for one leaderboard") foreach 0, 1;

# by a function, for many millions of votes
foreach my $shard (@shards)
{
	sql($shard, $function . q{INSERT INTO votes.leaderboard VALUES ('code')});
}
note_logs();
sql($node, qq{SELECT bixarena_generate_snapshot('$_', arena => 'arena')})
  foreach qw(code overall);
is(entries_of('arena'), $expected,
	'one at a time, by a function: the same digits');
foreach my $i (0, 1)
{
	my @calls =
	  logged_by($i) =~
/Query Text: SELECT b\.model1_id.*\n.*GROUP BY 1, 2, 3\n(?:.*\n)*?.*Workers Planned: [1-9]/g;

	is(scalar @calls,
		2, "server $i counts each of the two, in parallel, and no other");
}

my @plans = (
	value(
		$node,
q{EXPLAIN SELECT * FROM arena.leaderboard_tally WHERE leaderboard = 'code'}
	),
	value($node, q{EXPLAIN SELECT * FROM arena.arena_tally}));
foreach my $plan (@plans)
{
	my $async = () = $plan =~ /Async Foreign Scan/g;

	is($async, 2, 'both servers are asked at the same time') or diag($plan);
}

# What counts do not tell
foreach my $statement (
q{SELECT bixarena_generate_snapshot('code', as_of => now(), arena => 'arena')},
q{CALL bixarena_backfill('code', '2025-01-01 00:00Z', '2025-01-02 00:00Z', '1 day', 'arena')}
  )
{
	is((sql_state_of($node, $statement))[0],
		'0A000', "an error, and no wrong number: $statement");
}

#
# A role that only makes snapshots
#

sql($node,
q{CREATE ROLE maker LOGIN; SELECT bixarena_grant('maker', 'operator', 'arena')}
);
is( value(
		$node,
q{SELECT status FROM bixarena_generate_snapshot('code', arena => 'arena')},
		'maker'),
	'succeeded',
	'an operator needs no user mapping of its own');
sql($node, 'DELETE FROM arena.leaderboard_snapshot');

#
# A server that is away
#

$shards[1]->stop;
like(
	(   sql_state_of(
			$node,
			q{SELECT bixarena_generate_snapshot('code', arena => 'arena')})
	)[0],
	qr/^08/,
	'a server that is away: an error of the connection');
sql($node, q{DELETE FROM bixarena.run});
isnt((sql_state_of($node, sprintf($all, 'arena')))[0],
	'', 'all leaderboards: an error');
is_value(
	$node,
q{SELECT string_agg(format('%s %s %s %s', leaderboard, status, attempts, left(error_sqlstate, 2)), ', ' ORDER BY leaderboard) FROM bixarena.run},
	'code failed 3 08, overall failed 1 08',
	'the first is tried again, the other once, and both are on record');
is_value(
	$node, 'SELECT count(*) FROM arena.leaderboard_snapshot',
	0, 'there is no snapshot of a part of the votes');
$shards[1]->start;
sql($node, sprintf($all, 'arena'));
is(entries_of('arena'), $expected, 'once it is back: the same digits');

$_->stop foreach $node, @shards;
done_testing();
