
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

use Cwd;
use Exporter 'import';
use FindBin;
use IPC::Run;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

our @EXPORT = qw(new_arena sql value is_value wait_until sql_state_of
  open_gate close_gate start_sql finish_sql pump_sql request wait_for_run
  wait_for_no_worker end_launcher patience run_is worker_pid kill_process snapshots_are start_afresh preload_faults notices
  fail_allocations count_allocations fill_disk free_disk);

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

	$node->init(
		extra => [ '--encoding=UTF8', '--locale=C' ],
		allows_streaming => $options{streaming} // 0);
	# on a busy machine what is quick here takes so long that its progress is told
	$node->append_conf('postgresql.conf',
		"bixarena_rank.progress = off\n" . ($options{conf} // ''));
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
		extra_params =>
		  [ '-v', 'VERBOSITY=verbose', $role ? ('-U', $role) : () ]);

	return ($err =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/ ? $1 : '', $err);
}

# Make runs stop in a phase, of one leaderboard or all
sub close_gate
{
	my ($node, $phase, $leaderboard) = @_;

	sql($node,
		sprintf(
			q{INSERT INTO gate VALUES ('%s', %s)},
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
			'psql', '-XAtq',
			'-d', $node->connstr('postgres'),
			$role ? ('-U', $role) : (), '-v',
			'VERBOSITY=verbose', map { ('-c', $_) } @$statements
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

	return sql($node, "SELECT bixarena_request_snapshot('$leaderboard')",
		$role);
}

# Wait until a run has ended
sub wait_for_run
{
	my ($node, @ids) = @_;

	wait_until(
		$node,
		"SELECT count(*) = "
		  . scalar(@ids)
		  . " FROM bixarena.run"
		  . " WHERE status NOT IN ('queued', 'running') AND correlation_id IN ("
		  . join(', ', map { "'$_'" } @ids) . ")",
		'runs end');
}

sub worker_pid
{
	my ($node) = @_;

	return sql(
		$node, q{SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker'});
}

sub wait_for_no_worker
{
	my ($node) = @_;

	wait_until(
		$node, q{SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'bixarena_rank worker'}, 'workers end');
}

# How many times as long as alone on the machine a program takes now, if others want
# its processors, too; at least 1
sub patience
{
	my $processors = () = slurp_file('/proc/cpuinfo') =~ /^processor\b/mg;
	my ($load) = slurp_file('/proc/loadavg') =~ /^([\d.]+)/;
	my ($begin, $used) = (Time::HiRes::time, (times)[0]);

	1 while (times)[0] - $used < 0.2;
	return max(
		1,
		$load / max(1, $processors),
		(Time::HiRes::time - $begin) / ((times)[0] - $used));
}

# End the launcher, which would start another worker after one that is ended
sub end_launcher
{
	my ($node) = @_;
	my $launcher =
	  q{FROM pg_stat_activity WHERE backend_type = 'bixarena_rank launcher'};

	sql($node, "SELECT pg_terminate_backend(pid) $launcher");
	wait_until($node, "SELECT count(*) = 0 $launcher", 'the launcher ends');
}

# Kill a process of a server that then restarts by itself, and wait until it has:
# clients would find it here and gone
sub kill_process
{
	my ($node, $pid) = @_;
	my $log_end = -s $node->logfile;

	kill 'KILL', $pid or die "cannot kill $pid: $!";
	$node->wait_for_log(qr/database system is ready to accept connections/,
		$log_end);
}

# Each run that succeeded has one snapshot of its own, with as many entries as it
# has on record, and there is no other snapshot
sub snapshots_are
{
	my ($node, $snapshots, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value(
		$node, q{
		SELECT (SELECT count(*) FROM arena.leaderboard_snapshot) AS snapshots,
			(SELECT count(*) FROM bixarena.run WHERE status = 'succeeded') AS succeeded,
			(SELECT count(*) FROM arena.leaderboard_snapshot AS s WHERE
				(SELECT count(*) FROM bixarena.run AS r JOIN arena.leaderboard AS l
					ON l.slug = r.leaderboard
				WHERE r.snapshot_id = s.id AND r.status = 'succeeded'
					AND l.id = s.leaderboard_id
					AND r.entry_count = (SELECT count(*) FROM arena.leaderboard_entry AS e
						WHERE e.snapshot_id = s.id)) = 1) AS of_one_run,
			(SELECT count(*) FROM bixarena.run
				WHERE snapshot_id IS NOT NULL AND status <> 'succeeded') AS half},
		"$snapshots|$snapshots|$snapshots|0",
"$name: $snapshots snapshots, each complete and of one run that succeeded"
	);
}

# No runs and no snapshots
sub start_afresh
{
	my ($node) = @_;

	wait_for_no_worker($node);
	sql($node,
'TRUNCATE bixarena.run, arena.leaderboard_snapshot, arena.leaderboard_entry'
	);
}

#
# Faults: the library test/faults/faults.c
#

my $faults;

# Servers that are started from now on can run out of memory and disk.  Returns
# why not, if they cannot.
sub preload_faults
{
	my $folder = Cwd::abs_path(PostgreSQL::Test::Utils::tempdir());
	my $source = "$FindBin::RealBin/../faults/faults.c";

	return 'it takes glibc' if $^O ne 'linux';
	system('cc', '-O2', '-Wall', '-shared', '-fPIC', '-o',
		"$folder/faults.so", $source, '-ldl') == 0
	  or return 'it takes a C compiler';
	$faults = $folder;
	fail_allocations(0, 0, 0);
	$ENV{FAULTS} = $folder;
	$ENV{LD_PRELOAD} = "$folder/faults.so";
	return '';
}

# Of the allocations of a process let the first $first succeed and so many fail
sub fail_allocations
{
	my ($pid, $first, $number) = @_;

	open my $file, '+>>', "$faults/memory"
	  or die "cannot open $faults/memory: $!";
	close $file;
	open $file, '+<', "$faults/memory"
	  or die "cannot open $faults/memory: $!";
	syswrite $file, pack('q4', 0, 0, $first, $number);
	# the process comes last: with it the order is in force
	sysseek $file, 0, 0;
	syswrite $file, pack('q', $pid);
	close $file;
}

# No more; returns how many allocations there were
sub count_allocations
{
	my ($number) = (unpack 'q4', slurp_file("$faults/memory"))[1];

	fail_allocations(0, 0, 0);
	return $number;
}

# Files whose path contains this cannot grow
sub fill_disk
{
	my ($path) = @_;

	append_to_file("$faults/disk.new", $path);
	rename "$faults/disk.new", "$faults/disk"
	  or die "cannot fill the disk: $!";
}

sub free_disk
{
	unlink "$faults/disk";
}

# The notices of a session that listens to a channel while others do this: what they
# say, without their time
sub notices
{
	my ($node, $channel, @statements) = @_;
	my $listener = $node->background_psql('postgres');
	my @notices;

	$listener->query_safe(qq{LISTEN "$channel"});
	sql($node, $_) foreach @statements;
	@notices =
	  $listener->query_safe('SELECT 1') =~
/Asynchronous notification "\Q$channel\E" with payload "(.*?)" received/g;
	$listener->quit;
	return join(' ',
		map { s/"timestamp": "[0-9T:.+-]+"/now/r =~ s/[ ]//gr } @notices);
}

# What a run looks like: "status attempts sqlstate"
sub run_is
{
	my ($node, $id, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_value(
		$node,
		"SELECT concat_ws(' ', status, attempts, error_sqlstate)"
		  . " FROM bixarena.run WHERE correlation_id = '$id'",
		$expected,
		$name);
}

1;
