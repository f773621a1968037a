
# 014_memory.pl
#	  Memory that runs out, at one place of a statement after the other: the
#	  statement fails as one that has no memory, or goes on; the session and the
#	  server live on, nothing is half written, and what failed is made up for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

# Places of each statement, spread evenly
my $some_places = $ENV{BIXARENA_MEMORY_PLACES} || 25;

my $missing = preload_faults();

plan skip_all => $missing if $missing;

my $node = new_arena(
	'memory',
	models => 20,
	battles => 2000,
	leaderboards => 2,
	conf => "jit = off\nlog_statement = none\nautovacuum = off\n");

sql($node, q{
	SELECT bixarena_configure('retry_seconds', '0');
	CREATE VIEW votes AS SELECT model1_id::text AS model1, model2_id::text AS model2, outcome
	FROM arena.ungated_battle WHERE leaderboard = 'overall'});

# Who has nothing to do with it
my $bystander = $node->background_psql('postgres');
my $bystander_pid = $bystander->query_safe('SELECT pg_backend_pid()');

# What a statement of a session ends with: a SQLSTATE or '', behind "FATAL" if the
# session has ended with it
sub state_of
{
	my ($session, $statement) = @_;
	my ($fatal, $state);

	# hundreds of statements that fail are not told one by one
	no warnings 'redefine';
	local *PostgreSQL::Test::BackgroundPsql::note = sub { };

	$session->{stderr} = '';
	eval { $session->query($statement) };
	($fatal, $state) =
	  $session->{stderr} =~ /(?:ERROR|(FATAL|PANIC)):  ([0-9A-Z]{5}):/;
	$state = 'the session has ended' if $@ && !$fatal;
	$session->{stderr} = '';
	return join(' ', grep { defined } $fatal, $state);
}

# A session in which the statement has run before
sub start_session
{
	my ($name, $statement) = @_;
	my $session = $node->background_psql(
		'postgres',
		on_error_stop => 0,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	my $state = state_of($session, $statement);

	is($state, '', "$name: it works") if $state || $name;
	return ($session, $session->query_safe('SELECT pg_backend_pid()'));
}

# Let some places of a statement fail, one after the other, $number allocations
# long.  What comes of it is counted by SQLSTATE.
sub fail_at_places
{
	my ($name, $statement, $number, $places) = @_;
	my ($session, $pid) = start_session($name, $statement);
	my ($allocations, $state, %ends);

	$places //= $some_places;
	fail_allocations($pid, 0, 0);
	state_of($session, $statement);
	$allocations = count_allocations();
	foreach my $place (0 .. $places - 1)
	{
		fail_allocations($pid, int($place * $allocations / $places), $number);
		$state = state_of($session, $statement);
		$ends{$state}++;
		count_allocations();
		($session, $pid) = start_session('', $statement) if $state =~ /FATAL/;
	}
	note("$name: $allocations allocations; ",
		join(', ', map { "$ends{$_} x '$_'" } sort keys %ends));
	cmp_ok($ends{53200} // 0, '>', 0, "$name: memory has run out");

	# the server itself ends a session that has no memory to read the SET clause
	# of a function
	delete @ends{ '', '53200', 'FATAL 53200' };
	is(join(' ', %ends), '', "$name: it succeeds, or fails with 53200");
	is(state_of($session, $statement), '', "$name: then it works again");
	is($session->query('SELECT pg_backend_pid()'),
		$pid, "$name: in the same session");
	is($bystander->query_safe('SELECT pg_backend_pid()'),
		$bystander_pid, "$name: and another one has noticed nothing");
	$session->quit;
}

sub number_of_snapshots
{
	return value($node, q{SELECT count(*) FROM arena.leaderboard_snapshot});
}

#
# Reading and computing
#

fail_at_places('rank', q{SELECT count(*) FROM bixarena_rank('votes', 50)}, 1);

sql($node, q{SELECT bixarena_generate_snapshot('overall')});
fail_at_places('leaderboard',
	q{SELECT count(*) FROM bixarena_leaderboard('overall')}, 1);
fail_at_places('matchups',
	q{SELECT count(*) FROM bixarena_matchups('overall')}, 1);
fail_at_places('report', q{SELECT length(bixarena_report('overall'))}, 1);
fail_at_places('metrics', q{SELECT count(*) FROM bixarena.metrics}, 1);

#
# A snapshot in a transaction of the caller's: all or nothing
#

start_afresh($node);
fail_at_places('snapshot',
	q{SELECT status FROM bixarena_generate_snapshot('overall', 50)}, 1);
snapshots_are($node, number_of_snapshots(), 'snapshot');
is_value(
	$node, q{SELECT DISTINCT status FROM bixarena.run},
	'succeeded', 'snapshot: one that fails leaves no run');

#
# A request: on record with all of it or not
#

$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
$bystander = $node->background_psql('postgres');
$bystander_pid = $bystander->query_safe('SELECT pg_backend_pid()');
start_afresh($node);
fail_at_places('request', q{SELECT bixarena_request_snapshot('overall')}, 1);
is_value($node,
	q{SELECT status, attempts, count(*) FROM bixarena.run GROUP BY 1, 2},
	'queued|0|1', 'request: one run is queued');

#
# A call: with attempts left the run is made, without it has failed.  Where memory
# is out while the failure is put on record, the next call takes the run up.
#

foreach my $attempts (3, 1)
{
	my $name = "call, max_attempts $attempts";

	start_afresh($node);
	sql($node, "SELECT bixarena_configure('max_attempts', '$attempts')");
	fail_at_places($name, 'CALL bixarena_generate_snapshots()', 1);
	snapshots_are($node, number_of_snapshots(), $name);
	like(
		value(
			$node,
q{SELECT string_agg(DISTINCT concat_ws(' ', status, error_sqlstate), ', ')
		FROM bixarena.run WHERE status NOT IN ('succeeded')}),
		# one whose beginning finds no memory for its record is not tried again
		$attempts == 1
		? qr/^failed 53200(, failed 57P02)?$/
		: qr/^(failed 53200)?$/,
		"$name: runs that failed are on record as such");
}
sql($node, q{SELECT bixarena_configure('max_attempts', '3')});

# More than one allocation after the other, so that not even the error can be copied.
# That takes memory at few places, so many are tried.
start_afresh($node);
fail_at_places(
	'call without much to report with',
	'CALL bixarena_generate_snapshots()',
	12, 10 * $some_places);
snapshots_are($node, number_of_snapshots(),
	'call without much to report with');

#
# A worker: each time it fails, the run is tried again or stays for who looks next
#

$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->restart;
$bystander = $node->background_psql('postgres');
$bystander_pid = $bystander->query_safe('SELECT pg_backend_pid()');
foreach my $phase ('reading', 'writing')
{
	foreach my $place (0, 3, 10, 30, 60, 100)
	{
		my ($id, $pid);

		start_afresh($node);
		close_gate($node, $phase);
		$id = request($node, 'overall');
		wait_until(
			$node, q{SELECT count(*) = 1 FROM pg_stat_activity
			WHERE backend_type = 'bixarena_rank worker' AND wait_event = 'PgSleep'});
		$pid = worker_pid($node);
		end_launcher($node);
		fail_allocations($pid, $place, 4);
		open_gate($node);
		wait_for_no_worker($node);
		count_allocations();
		sql($node, 'CALL bixarena_process_requests()');
		is_value(
			$node,
			"SELECT status FROM bixarena.run WHERE correlation_id = '$id'",
			'succeeded',
			"worker in $phase, allocation $place: the run is made");
		snapshots_are($node, 1, "worker in $phase, allocation $place");
	}
}
is($bystander->query_safe('SELECT pg_backend_pid()'),
	$bystander_pid, 'another session has noticed nothing');
unlike(
	slurp_file($node->logfile),
	qr/PANIC|terminated by signal|server process was terminated/,
	'no process has crashed');

$node->stop;
done_testing();
