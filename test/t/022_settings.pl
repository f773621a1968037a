
# 022_settings.pl
#	  Whatever settings a session has (test/settings), our functions do and say the
#	  same.  For each setting a new session makes an arena, fills and uses it, and
#	  keeps what it was told in tables, which are compared as values with those of
#	  a session without the setting.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('settings');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
$node->start;
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	CREATE ROLE olga;
	CREATE SCHEMA kept;
	CREATE SCHEMA got;
	GRANT ALL ON SCHEMA kept, got TO olga;
	-- like those of pg_cron
	CREATE SCHEMA cron;
	CREATE TABLE cron.job (jobid bigint, schedule text, database text DEFAULT current_database(), active boolean, jobname text);
	CREATE TABLE cron.job_run_details (jobid bigint, runid bigint, status text, return_message text, start_time timestamptz, end_time timestamptz);
	INSERT INTO cron.job (jobid, schedule, active, jobname) VALUES (1, '10 seconds', true, E'bixarena_rank arena/it''s \\\\ odd'),
		(2, '*/5 1-3,4 * jan-mar mon', true, 'bixarena_rank arena');
	GRANT USAGE ON SCHEMA cron TO olga;
	GRANT SELECT ON ALL TABLES IN SCHEMA cron TO olga});

# Texts, in which what differs from one time to another is masked
sub masked
{
	return
"regexp_replace($_[0]::text, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+([.:_-][0-9]+)*', '#', 'g') AS text";
}

my @writes = (
	q{SELECT public.bixarena_create_arena('arena')},
q{SELECT public.bixarena_simulate_battles(2000, 6, categories => ARRAY['rare', E'it''s \\\\ odd'], arena => 'arena')},
q{SELECT public.bixarena_configure('num_bootstrap', '20', arena => 'arena')},
q{SELECT public.bixarena_configure('prior_battles', '0.5', 'rare', 'arena')},
q{SELECT public.bixarena_configure('leaderboard_url', 'https://a.example/{leaderboard_id}', arena => 'arena')},
	q{SELECT public.bixarena_grant('olga', 'admin', 'arena')},
	q{CALL public.bixarena_generate_snapshots('arena')},
q{SELECT public.bixarena_generate_snapshot('overall', 10, min_evaluations => 1, seed => 3,
		triggered_by => E'a\\\\b', arena => 'arena')},
	q{SELECT public.bixarena_request_snapshot('rare', 'arena')},
q{CALL public.bixarena_backfill('overall', now() - interval '2 days', now() - interval '1 day', arena => 'arena')},
q{SELECT public.bixarena_update_snapshot('overall', s.snapshot_identifier, 'private', E'a\\\\b ''c''', 'arena')
		FROM public.bixarena_snapshots('overall', 1, 2, 'arena') AS s},
	q{SELECT public.bixarena_attach_arena('arena')});
my @reads = (
q{SELECT rank, model, slug, organization, license, bt_score, bootstrap_q025, bootstrap_q975, vote_count, rank_change, total_count
		FROM public.bixarena_leaderboard('overall', lookback => '1 hour', search => 'sim', sort_by => 'bt_score', arena => 'arena')},
q{SELECT visibility, description, entry_count FROM public.bixarena_snapshots('overall', arena => 'arena')},
q{SELECT rank, model FROM public.bixarena_leaderboard('overall', arena => 'arena')
		JOIN public.bixarena_model_history('overall', 'simulated-0001', arena => 'arena') AS h USING (rank)},
	q{SELECT model, status, rank_before, rank_after, intervals_part
		FROM public.bixarena_compare_snapshots('overall', lookback => '1 hour', arena => 'arena')},
	q{SELECT * FROM public.bixarena_matchups('overall', arena => 'arena')},
	q{SELECT * FROM public.bixarena_settings('rare', 'arena')},
q{SELECT * FROM public.bixarena_rank('arena.battle', 10, model1 => 'model1_id', model2 => 'model2_id')},
q{SELECT r.*, v.t::text FROM (SELECT public.bixarena_tally(model1_id, model2_id, outcome)::text::public.bixarena_tally AS t
		FROM arena.battle) AS v, public.bixarena_rank_tally(v.t, 10) AS r},
	q{SELECT check_name, leaderboard_id, status, unit, }
	  . masked('message')
	  . q{ FROM public.bixarena_health('arena')},
q{SELECT leaderboard, status, trigger_source, triggered_by, role, parameters - 'as_of' AS parameters, unranked,
		skip_reason, error_sqlstate, error_message FROM public.bixarena_runs(arena => 'arena')},
	q{SELECT }
	  . masked('public.bixarena_slack_message(r.correlation_id)')
	  . q{ FROM public.bixarena_runs(arena => 'arena') AS r},
q{SELECT name, labels, CASE WHEN name ~ 'age|duration' THEN 0 ELSE value END AS value FROM bixarena.metrics},
q{SELECT public.bixarena_leaderboard_svg('overall', arena => 'arena') AS text},
	q{SELECT }
	  . masked(q{public.bixarena_history_svg('rare', arena => 'arena')}),
q{SELECT public.bixarena_matchups_svg('overall', arena => 'arena') AS text},
	q{SELECT }
	  . masked(
q{regexp_replace(public.bixarena_report('rare', '1 hour', 'arena'), '<svg.*?</svg>', '', 'g')}
	  ),
	q{SELECT }
	  . masked(
q{regexp_replace(public.bixarena_runs_report('arena'), '<svg.*?</svg>', '', 'g')}
	  ),
	q{SELECT bixarena.cron_time(s, '2026-03-01 12:00+00', true) AS next
		FROM unnest(ARRAY['*/5 1-3,4 $ * *', '@daily', '30 seconds', E' 0\t0 * 2 sun']) AS s}
);

# Do it all in one session with these options, and keep what comes of it in a schema
sub use_arena
{
	my ($schema, $options) = @_;
	my $number = 0;
	my $script = join(";\n",
		@writes,
		'SET ROLE olga',
		map { $number++; "CREATE TABLE $schema.t$number AS $_" } @reads)
	  . ";\n";
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = $options;
	IPC::Run::run(
		[
			'psql', '-XAtq',
			'-v', 'ON_ERROR_STOP=1',
			'-d', $node->connstr('postgres'),
			'-f', '-'
		],
		'<' => \$script,
		'>' => \$out,
		'2>' => \$err) or return "failed: $err";
	return $err;
}

sub clear
{
	sql($node, 'DROP SCHEMA arena CASCADE; DELETE FROM bixarena.arena;
		TRUNCATE bixarena.run, bixarena.setting, bixarena.membership');
}

# What a schema has otherwise than another one, as this session shows it
sub other
{
	my ($a, $b, $number) = @_;
	return sql($node,
"SELECT t::text FROM $a.t$number AS t EXCEPT ALL SELECT t::text FROM $b.t$number AS t LIMIT 3"
	);
}

my $told = use_arena('kept', '');
unlike($told, qr/^failed|WARNING/, 'without a setting') or BAIL_OUT($told);
clear();
foreach my $line (split /\n/, slurp_file("$FindBin::RealBin/../settings"))
{
	next if $line =~ /^#/;
	my ($name, $value) = $line =~ /^\*?([\w.]+)=(.*)$/;
	my @other;

	# locales are the machine's
	if (   $name =~ /^lc_/
		&& $node->psql('postgres', "SET $name = '$value'") != 0)
	{
		diag("$name=$value is left out: there is no such locale here");
		next;
	}
	$told = use_arena('got', "-c $name=" . $value =~ s/ /\\ /gr);
	unlike($told, qr/failed|WARNING/,
		"$name=$value: all works, without a warning");
	unless ($told =~ /^failed/)
	{
		foreach my $number (1 .. @reads)
		{
			my ($more, $less) =
			  (other('got', 'kept', $number), other('kept', 'got', $number));
			push @other,
			  substr("$reads[$number - 1]\n$more\ninstead of\n$less", 0, 2000)
			  if "$more$less" ne '';
		}
		is(join("\n\n", @other), '', "$name=$value: with the same results");
	}
	clear();
	sql($node,
'DROP SCHEMA got CASCADE; CREATE SCHEMA got; GRANT ALL ON SCHEMA got TO olga'
	);
}

$node->stop;
done_testing();
