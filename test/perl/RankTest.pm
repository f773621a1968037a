
# RankTest.pm
#	  What the tests with servers of their own have in common: a server with an
#	  arena, sessions in the background, and gates that make a phase of a run
#	  last until the test goes on.
#
# A gate is a row of public.gate.  Whoever comes to it, in reading the battles
# or in writing a snapshot, sleeps until the row is gone.

package RankTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_arena sql value is_value wait_until sql_state_of
  open_gate close_gate start_sql finish_sql pump_sql request wait_for_run
  wait_for_no_worker run_is worker_pid);

# Shown texts are in this encoding, whatever the caller's locale
$ENV{PGCLIENTENCODING} = 'UTF8';

# A server with the extension, and an arena of $options{models} models and so
# many leaderboards besides "overall": l01, l02, ...
sub new_arena
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $models = $options{models} // 6;
	my $battles = $options{battles} // 2000;
	my $leaderboards = $options{leaderboards} // 0;
	my $categories =
	  join(',', map { sprintf 'l%02d', $_ } 1 .. $leaderboards);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', $options{conf} // '');
	$node->start;
	sql($node, qq{
		CREATE EXTENSION bixarena_rank;
		SELECT bixarena_create_arena('arena');
		SELECT bixarena_simulate_battles($battles, $models, categories => '{$categories}');
		SELECT bixarena_configure('num_bootstrap', '10');
		SELECT bixarena_configure('min_total_battles', '1');
		SELECT bixarena_configure('requests_per_day', '100000');

		CREATE TABLE gate (phase text NOT NULL, leaderboard text);
		GRANT SELECT ON gate TO PUBLIC;
		CREATE FUNCTION pass_gate(at text, slug text) RETURNS boolean LANGUAGE plpgsql AS \$\$
		BEGIN
			WHILE EXISTS (SELECT FROM public.gate AS g WHERE g.phase = at
				AND (g.leaderboard IS NULL OR g.leaderboard = slug)) LOOP
				PERFORM pg_sleep(0.02);
			END LOOP;
			RETURN true;
		END
		\$\$;
		CREATE FUNCTION pass_gate_in_writing() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM public.pass_gate('writing', (SELECT l.slug FROM arena.leaderboard AS l
				WHERE l.id = NEW.leaderboard_id));
			RETURN NEW;
		END
		\$\$;
		CREATE TRIGGER gate BEFORE INSERT ON arena.leaderboard_snapshot
			FOR EACH ROW EXECUTE FUNCTION pass_gate_in_writing();
		ALTER VIEW arena.leaderboard_battle RENAME TO ungated_battle;
		CREATE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
		SELECT * FROM arena.ungated_battle WHERE (SELECT public.pass_gate('reading', NULL));
	});
	sql($node, qq{
		INSERT INTO arena.leaderboard (slug, name) SELECT s, s
		FROM unnest('{$categories}'::text[]) AS s
		WHERE s NOT IN (SELECT slug FROM arena.leaderboard)});
	return $node;
}

# Run SQL that must succeed, as a role, by default the superuser
sub sql
{
	my ($node, $sql, $role) = @_;

	return $node->safe_psql('postgres', $sql,
		$role ? (extra_params => [ '-U', $role ]) : ());
}

*value = \&sql;

sub is_value
{
	my ($node, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(sql($node, $sql), $expected, $name);
}

sub wait_until
{
	my ($node, $condition, $what) = @_;

	$node->poll_query_until('postgres', "SELECT ($condition)")
	  or die "timed out: " . ($what // $condition);
}

# The SQLSTATE that a statement ends with, '' if it succeeds, and all it says
sub sql_state_of
{
	my ($node, $sql, $role) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $sql,
		extra_params => [ '-v', 'VERBOSITY=verbose', $role ? ('-U', $role) : () ]);

	return ($err =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/ ? $1 : '', $err);
}

# Make runs stop in a phase, of one leaderboard or all
sub close_gate
{
	my ($node, $phase, $leaderboard) = @_;

	sql($node, sprintf(q{INSERT INTO gate VALUES ('%s', %s)},
			$phase, defined $leaderboard ? "'$leaderboard'" : 'NULL'));
}

sub open_gate
{
	my ($node) = @_;

	sql($node, 'DELETE FROM gate');
}

# A session in the background that runs statements one after the other, also
# when one fails.
sub start_sql
{
	my ($node, $statements, $role) = @_;
	my $session = { in => '', out => '', err => '' };

	$session->{run} = IPC::Run::start(
		[
			'psql', '-XAtq', '-d', $node->connstr('postgres'),
			$role ? ('-U', $role) : (), '-v', 'VERBOSITY=verbose',
			map { ('-c', $_) } @$statements
		],
		'<' => \$session->{in},
		'>' => \$session->{out},
		'2>' => \$session->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $session;
}

# Wait until its messages match
sub pump_sql
{
	my ($session, $pattern) = @_;

	$session->{run}->pump until $session->{err} =~ $pattern;
}

# Wait for its end; returns output and messages
sub finish_sql
{
	my ($session) = @_;

	$session->{run}->finish;
	return ($session->{out}, $session->{err});
}

# Request a snapshot; returns the run's key
sub request
{
	my ($node, $leaderboard, $role) = @_;

	return sql($node, "SELECT bixarena_request_snapshot('$leaderboard')", $role);
}

# Wait until a run has ended
sub wait_for_run
{
	my ($node, @ids) = @_;

	wait_until($node, "SELECT count(*) = " . scalar(@ids) . " FROM bixarena.run"
		  . " WHERE status NOT IN ('queued', 'running') AND correlation_id IN ("
		  . join(', ', map { "'$_'" } @ids) . ")", 'runs end');
}

sub worker_pid
{
	my ($node) = @_;

	return sql($node, q{SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker'});
}

sub wait_for_no_worker
{
	my ($node) = @_;

	wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker'}, 'workers end');
}

# What a run looks like: "status attempts sqlstate"
sub run_is
{
	my ($node, $id, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value($node, "SELECT concat_ws(' ', status, attempts, error_sqlstate)"
		  . " FROM bixarena.run WHERE correlation_id = '$id'", $expected, $name);
}

1;
