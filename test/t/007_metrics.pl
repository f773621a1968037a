# 007_metrics.pl
#	  Metrics: what the view says, a real exporter shows, and a real Prometheus
#	  makes alerts of.
#
# The exporter's role and arguments are those of contrib/prometheus/README.md, run
# as they stand there.  The programs are those in PATH; without one of them, tests
# fail.

use strict;
use warnings;

use File::Copy;
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# a leaderboard with all that must be escaped in a label
my $odd = qq{it's "odd" \\ and\nlong, ünd {more="x"} };
my $contrib = "$FindBin::RealBin/../../contrib/prometheus";
my $readme = slurp_file("$contrib/README.md");
my $temp = PostgreSQL::Test::Utils::tempdir;
my @daemons;

foreach my $program ('prometheus', 'promtool', 'prometheus-postgres-exporter')
{
	ok((grep { -x "$_/$program" } split /:/, $ENV{PATH}), "$program is there")
	  or BAIL_OUT("$program is missing: it is in a Debian package");
}

my $node = PostgreSQL::Test::Cluster->new('metrics');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf(
	'postgresql.conf', qq{
	shared_preload_libraries = 'pg_cron'
	cron.database_name = 'postgres'
	cron.host = '${\ $node->host}'
});
$node->start;
$ENV{PGCLIENTENCODING} = 'UTF8';
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_cron;
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena(a) FROM unnest('{arena,second,gone,broken,closed}'::text[]) AS a;
	SELECT bixarena_simulate_battles(1000, 5, arena => 'arena');
	SELECT bixarena_configure('num_bootstrap', '10', arena => 'arena');
	CREATE FUNCTION recorded(status text, age interval, leaderboard text DEFAULT 'overall',
		seconds integer DEFAULT 20, source text DEFAULT 'scheduled', arena text DEFAULT 'arena')
	RETURNS void LANGUAGE sql AS $$
		INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters,
			attempts, requested_at, started_at, ended_at, entry_count, evaluation_count)
		SELECT arena, leaderboard, status, source, 'operator', '{}', 1, now() - age, now() - age,
			CASE WHEN status NOT IN ('queued', 'running')
				THEN now() - age + make_interval(secs => seconds) END,
			CASE WHEN status = 'succeeded' THEN 5 END, CASE WHEN status = 'succeeded' THEN 1000 END
	$$;
});
insert_leaderboard($_) foreach $odd, 'quiet';

#
# What the package for users says
#

my @recipe = $readme =~ /```sql\n(.*?)```/gs;
is(scalar(@recipe), 2, 'the steps for the database');
$node->safe_psql('postgres', $_) foreach @recipe;
# what becomes of arenas after that
$node->safe_psql(
	'postgres', q{
	SET client_min_messages = warning;
	DROP SCHEMA gone CASCADE;
	DROP TABLE broken.leaderboard_snapshot CASCADE;
	SELECT bixarena_revoke('prometheus', 'reader', 'closed');
});

my ($arguments) = $readme =~ /^ *ARGS="(.*)"$/m;
my $exporter_port = PostgreSQL::Test::Cluster::get_free_port();
ok($arguments =~ s{=\S*/(bixarena-queries\.yml)}{=$contrib/$1},
	'the queries are named');
ok($arguments =~ s/localhost:9187/127.0.0.1:$exporter_port/,
	'and the address');
start_daemon(
	'exporter',
	{
		DATA_SOURCE_NAME =>
"user=prometheus host=${\ $node->host} port=${\ $node->port} dbname=postgres"
	},
	'prometheus-postgres-exporter',
	split(' ', $arguments));

#
# From the view to the exporter
#

my $shown = check_exporter('no run yet');
is($shown->{ key('bixarena_arena_up', arena => 'arena') },
	1, 'an arena that is well');
is($shown->{ key('bixarena_arena_up', arena => 'gone') },
	0, 'one that is gone');
is($shown->{ key('bixarena_arena_up', arena => 'broken') },
	0, 'one that is broken');
ok(!(grep { /closed/ } keys %$shown), 'one that is not open to the role');
is($shown->{ key('bixarena_waiting_age_seconds', arena => 'arena') },
	0, 'nothing waits');
is($shown->{ key('bixarena_waiting_runs', arena => 'broken') },
	0, 'runs of a broken arena');
ok(!exists $shown->{ key('bixarena_success_ratio', arena => 'arena') },
	'no share without runs');
ok(!(grep { /last_|usual_|snapshot_age_seconds/ } keys %$shown),
	'nothing of runs that never were');
is($shown->{ key('bixarena_extension_info', version => '1.1') },
	1, 'the version');

$node->safe_psql('postgres', q{CALL bixarena_generate_snapshots('arena')});
$node->safe_psql(
	'postgres', q{SELECT bixarena_schedule(
	to_char((now() - interval '3 hours') AT TIME ZONE 'UTC', 'FMMI FMHH24 * * *'), 'arena')}
);
$shown = check_exporter('after a good run');
is($shown->{ key('bixarena_success_ratio', arena => 'arena') },
	1, 'all is well');
is(of('overall', 'snapshot_late'), 0, 'in time');
is(of('overall', 'last_run_failed'), 0, 'not failed');
is(of('overall', 'last_success_entries'), 5, 'models');
is(of('overall', 'last_success_evaluations'), 1000, 'battles');
ok(of('overall', 'snapshot_age_seconds') < 600, 'a fresh snapshot');
is( $shown->{
		key('bixarena_health_status', arena => 'arena', check => 'cron_job')
	},
	0,
	'the role sees the job');

# durations: of five runs the median tells; 4 s and 100 s are off by less than the
# second that is granted
$node->safe_psql(
	'postgres', "SELECT recorded('succeeded', interval '1 day' * i, b)
	FROM generate_series(1, 6) AS i, unnest(ARRAY['overall', ${\ quote($odd)}]) AS b"
);
$node->safe_psql(
	'postgres', "SELECT recorded('succeeded', '0', 'overall', 100),
	recorded('succeeded', '0', ${\ quote($odd)}, 102)");
# late, failed, dead, waiting and abandoned
$node->safe_psql(
	'postgres', q{
	UPDATE arena.leaderboard_snapshot SET created_at = now() - interval '8 hours';
	SELECT recorded('failed', '1 day', 'overall', 1, 'api') FROM generate_series(1, 11);
	SELECT recorded('failed', '15 days', 'overall', 1, 'api');
	SELECT recorded('failed', '0 seconds', 'overall');
	SELECT recorded('queued', '20 minutes', 'overall', 1, 'api');
	SELECT recorded('running', '5 minutes') FROM generate_series(1, 2);
	SELECT recorded('failed', '1 minute', arena => 'second');
});
$shown = check_exporter('when all goes wrong');
is(of('overall', 'snapshot_late'), 1, 'late by the schedule');
is(of('quiet', 'snapshot_late'), 0, 'not if it was skipped');
ok(abs(of('overall', 'snapshot_age_seconds') - 8 * 3600) < 600,
	'the age of the snapshot');
is(of('overall', 'last_run_failed'), 1, 'failed');
is(of($odd, 'last_run_failed'), 0, 'the other did not');
is(of('overall', 'usual_duration_max_seconds'), 101,
	'what is usual, at most');
is(of('overall', 'usual_duration_min_seconds'), 3, 'and at least');
is(of($odd, 'last_success_duration_seconds'), 102, 'what is not');
my %expected = (
	failed_runs => 12,
	failed_runs_max => 10,
	dead_requests => 11,
	dead_requests_max => 10,
	waiting_runs => 1,
	abandoned_runs => 2,
	success_ratio_min => 0.95);
is($shown->{ key("bixarena_$_", arena => 'arena') }, $expected{$_}, $_)
  foreach sort keys %expected;
# good: the first, two that were skipped, 12 and 2
ok( abs($shown->{ key('bixarena_success_ratio', arena => 'arena') } - 17 / 30
	) < 1e-6,
	'the share');
is($shown->{ key('bixarena_success_ratio', arena => 'second') },
	0, 'another arena\'s share');
is( $shown->{
		key('bixarena_health_status',
			arena => 'arena',
			check => 'waiting_runs')
	},
	1,
	'the status of a check');

#
# The configuration of Prometheus
#

command_ok([ 'promtool', 'check', 'rules', "$contrib/bixarena-rules.yml" ],
	'the rules are valid');
command_ok([ 'promtool', 'check', 'config', "$contrib/prometheus.yml" ],
	'so is the configuration');
command_ok(
	[ 'promtool', 'test', 'rules', "$contrib/bixarena-rules-test.yml" ],
	'the rules do what they should');

#
# From the exporter to alerts
#

my $rules = slurp_file("$contrib/bixarena-rules.yml");
my %metrics = map { $_ => 1 } split /\n/,
  $node->safe_psql('postgres', 'SELECT name FROM bixarena.metrics_help()');
is( join(' ',
		grep { !$metrics{$_} && $_ ne 'bixarena_rank' }
		  $rules =~ /\b(bixarena_[a-z_]+)\b(?!\()/g),
	'',
	'the rules speak of metrics that there are');

my $prometheus_port = PostgreSQL::Test::Cluster::get_free_port();
my $config = slurp_file("$contrib/prometheus.yml");
$config =~ s/: (?:1m|10s)$/: 1s/mg;
ok($config =~ s/localhost:9187/127.0.0.1:$exporter_port/,
	'the exporter is named');
append_to_file("$temp/prometheus.yml", $config);
copy("$contrib/bixarena-rules.yml", $temp) or die $!;
start_daemon(
	'prometheus',
	{},
	'prometheus',
	"--config.file=$temp/prometheus.yml",
	"--storage.tsdb.path=$temp/data",
	"--web.listen-address=127.0.0.1:$prometheus_port");

is_alert('overall', 'BixarenaRunFailed', 'firing');
is_alert($odd, 'BixarenaDurationUnusual', 'firing');
is_alert('overall', 'BixarenaNoFreshSnapshot', 'pending');
is_alert('', $_, 'pending')
  foreach 'BixarenaDeadRequests', 'BixarenaFailedRuns',
  'BixarenaSuccessShareLow',
  'BixarenaRequestsWait', 'BixarenaRunsAbandoned';
is_alert('', 'BixarenaArenaBroken', 'pending', 'gone');
is_alert('', 'BixarenaArenaBroken', 'pending', 'broken');
is_alert('quiet', $_, undef)
  foreach 'BixarenaRunFailed', 'BixarenaNoFreshSnapshot';
is_alert('overall', 'BixarenaDurationUnusual', undef);
is_alert('', 'BixarenaMetricsMissing', undef, undef);

# a good run ends it
$node->safe_psql('postgres', q{SELECT recorded('succeeded', '0')});
is_alert('overall', 'BixarenaRunFailed', undef);

# no server, no metrics: nothing is told as if it still were so
$node->stop;
my $text =
  HTTP::Tiny->new->get("http://127.0.0.1:$exporter_port/metrics")->{content};
like($text, qr/^pg_up 0$/m, 'the server is down');
unlike($text, qr/^bixarena_/m, 'nothing is shown of it');
is_alert('', 'BixarenaMetricsMissing', 'pending', undef);
is_alert('overall', 'BixarenaNoFreshSnapshot', undef);

done_testing();

END
{
	my $status = $?;
	$_->kill_kill(grace => 5) foreach @daemons;
	$? = $status;
}

sub quote
{
	my ($value) = @_;

	$value =~ s/'/''/g;
	return "'$value'";
}

sub insert_leaderboard
{
	my ($slug) = @_;
	my $quoted = quote($slug);

	$node->safe_psql('postgres',
		"INSERT INTO arena.leaderboard (slug, name) VALUES ($quoted, $quoted)"
	);
}

# A program that runs until this test ends
sub start_daemon
{
	my ($name, $environment, @command) = @_;
	local %ENV = (%ENV, %$environment);

	push @daemons,
	  IPC::Run::start(\@command, '<', '/dev/null',
		'>&', "$PostgreSQL::Test::Utils::log_path/007_metrics_$name.log");
}

# Call until it returns something true, a minute at most
sub wait_for
{
	my ($condition) = @_;
	my $result;

	foreach (1 .. 240)
	{
		$result = $condition->();
		last if $result;
		select(undef, undef, undef, 0.25);
	}
	return $result;
}

# The name and labels of a metric as a text
sub key
{
	my ($name, %labels) = @_;

	return JSON::PP->new->ascii->canonical->encode([ $name, \%labels ]);
}

# What the exporter shows of a leaderboard
sub of
{
	my ($leaderboard, $name) = @_;

	utf8::decode($leaderboard);
	return $shown->{
		key("bixarena_$name",
			arena => 'arena',
			leaderboard => $leaderboard)
	};
}

# What the view says to the role of the exporter, and the help
sub read_view
{
	my (%values, %help);
	my $rows = JSON::PP->new->utf8->decode(
		$node->safe_psql(
			'postgres',
			'SELECT json_agg(m) FROM bixarena.metrics AS m',
			extra_params => [ '-U', 'prometheus' ]));

	foreach my $row (@$rows)
	{
		my $key = key($row->{name}, %{ $row->{labels} });
		die "twice: $key" if exists $values{$key};
		$values{$key} = $row->{value};
		$help{ $row->{name} } = $row->{help};
	}
	return (\%values, \%help);
}

# What the exporter shows, and the help.  Its own label is left out, and so are
# empty ones, which are none to Prometheus.
sub scrape
{
	my ($values, $help) = ({}, {});
	my $url = "http://127.0.0.1:$exporter_port/metrics";
	my $answer = wait_for(
		sub {
			my $got = HTTP::Tiny->new->get($url);
			return $got->{status} == 599 ? undef : $got;
		});
	my %character = ('n' => "\n");

	is($answer->{status}, 200, 'the exporter answers');
	like(
		$answer->{content},
		qr/^pg_exporter_last_scrape_error 0$/m,
		'no query failed');
	like(
		$answer->{content},
		qr/^pg_exporter_user_queries_load_error.* 0$/m,
		'the queries are read');
	utf8::decode($answer->{content});
	foreach my $line (split /\n/, $answer->{content})
	{
		$help->{$1} = $2 if $line =~ /^# HELP (bixarena_\S+) (.*)/;
		fail($line) if $line =~ /^# TYPE bixarena_\S+ (.*)/ && $1 ne 'gauge';
		next unless $line =~ /^(bixarena_\w+)\{(.*)\} (\S+)$/;
		my ($name, $labels, $value, %label) = ($1, $2, $3);
		while ($labels =~ /\G(\w+)="((?:[^"\\]|\\.)*)",?/g)
		{
			my ($label, $text) = ($1, $2);
			$label{$label} = $text =~ s/\\(.)/$character{$1} \/\/ $1/ger;
		}
		delete $label{server} or die "no server: $line";
		delete @label{ grep { $label{$_} eq '' } keys %label };
		$values->{ key($name, %label) } = $value;
	}
	return ($values, $help);
}

# The exporter shows what the view says, and nothing else
sub check_exporter
{
	my ($name) = @_;
	my ($said, $said_help) = read_view();
	my ($shown, $shown_help) = scrape();
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_deeply(
		[ sort keys %$shown ],
		[ sort keys %$said ],
		"$name: the same metrics");
	is_deeply($shown_help, $said_help, "$name: the same help");
	# time goes by
	my @other = grep { $_ !~ /_age_seconds/ && $shown->{$_} != $said->{$_} }
	  keys %$said;
	push @other,
	  grep { /_age_seconds/ && abs($shown->{$_} - $said->{$_}) > 60 }
	  keys %$said;
	is("@other", '', "$name: the same values");
	return $shown;
}

# A state that an alert of an arena's leaderboard comes to; undef: it is not there
sub is_alert
{
	my ($leaderboard, $alert, $state, $arena) = @_;
	my $answer;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$arena = 'arena' if @_ < 4;
	utf8::decode($leaderboard);
	my $found = wait_for(
		sub {
			$answer = HTTP::Tiny->new->get(
				"http://127.0.0.1:$prometheus_port/api/v1/alerts");
			return 0 unless $answer->{success};
			my ($found) = grep {
				my $of = $_->{labels};
				$of->{alertname} eq $alert
				  && ($of->{leaderboard} // '') eq $leaderboard
				  && ($of->{arena} // '') eq ($arena // '')
			} @{ JSON::PP->new->utf8->decode($answer->{content})
				  ->{data}{alerts} };
			return ($found ? $found->{state} : '') eq ($state // '');
		});
	ok($found, sprintf '%s is %s', $alert, $state // 'not there')
	  or diag($answer->{content});
}
