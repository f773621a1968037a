
# 023_campaign_memory.pl
#	  What makes many runs has the memory of its largest run, whatever their
#	  number: calls, backfills and workers, also where runs fail.
#
# Runs look at the memory of their process: it must not have more when all are made
# than when the first tenth was.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

# Runs of each campaign; script/test-memory has 10,000.  Of a third of them more fail
# than an error lists.
my $runs = $ENV{BIXARENA_CAMPAIGN_RUNS} || 330;

# Looking takes longer than a run
my $every = int($runs / 500) || 1;

# In kB.  A list of what is to be made, as of slugs, is there from the beginning.
my $max_growth = 1024;

my $node = new_arena(
	'campaign_memory',
	models => 40,
	conf => "fsync = off\njit = off\nautovacuum = off\n");

sql($node, qq{
	-- every leaderboard has all battles
	DROP VIEW arena.leaderboard_battle;
	CREATE VIEW arena.leaderboard_battle AS
	SELECT l.slug AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at
	FROM arena.leaderboard AS l, arena.battle AS b;
	DELETE FROM arena.battle WHERE id NOT IN (SELECT id FROM arena.battle ORDER BY id LIMIT 40);
	SELECT bixarena_configure('min_total_models', '0');
	SELECT bixarena_configure('min_evaluations', '0');
	SELECT bixarena_configure('prior_battles', '1');
	SELECT bixarena_configure('retry_seconds', '0');

	CREATE SEQUENCE runs;
	CREATE TABLE memory (run bigint, contexts bigint, resident bigint);
	CREATE FUNCTION note_memory() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		IF nextval('public.runs') % $every = 0 THEN
			INSERT INTO public.memory (run, contexts, resident)
			SELECT currval('public.runs'), (SELECT sum(total_bytes) FROM pg_catalog.pg_backend_memory_contexts) / 1024,
				substring(pg_catalog.pg_read_file('/proc/self/status') FROM 'RssAnon:\\s+(\\d+)')::bigint;
		END IF;
		IF EXISTS (SELECT FROM arena.leaderboard AS l
			WHERE l.id = NEW.leaderboard_id AND l.name = 'fails') THEN
			PERFORM 1 / 0;
		END IF;
		RETURN NEW;
	END
	\$\$;
	CREATE TRIGGER note_memory BEFORE INSERT ON arena.leaderboard_snapshot
		FOR EACH ROW EXECUTE FUNCTION note_memory()});

# Leaderboards besides "overall", which is the last
sub make_leaderboards
{
	my ($number, $name) = @_;

	sql($node, qq{
		DELETE FROM arena.leaderboard;
		INSERT INTO arena.leaderboard (slug, name)
		SELECT 'b' || lpad(n::text, 6, '0'), CASE n % 3 WHEN 0 THEN '$name' ELSE 'succeeds' END FROM generate_series(1, $number) AS n;
		INSERT INTO arena.leaderboard (slug, name) VALUES ('overall', 'succeeds');
		TRUNCATE memory;
		ALTER SEQUENCE runs RESTART});
}

# Memory of the process as it was in each run: no more in the end than when its
# caches were full
sub is_flat
{
	my ($name, $last) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($early, $late, $contexts) = split /\|/, value(
		$node, qq{
		SELECT max(resident) FILTER (WHERE run <= greatest(100, $last / 10)),
			max(resident) FILTER (WHERE run > $last * 0.9),
			max(contexts) FILTER (WHERE run > $last * 0.9)
				- max(contexts) FILTER (WHERE run <= greatest(100, $last / 10))
		FROM memory});

	note(
"$name: $early kB of its own, then $late kB; memory contexts grow by $contexts kB"
	);
	cmp_ok($late - $early, '<=', $max_growth, "$name: no memory is kept");
	cmp_ok($contexts, '<=', $max_growth, "$name: no memory context grows");
}

#
# Every leaderboard
#

make_leaderboards($runs - 1, 'succeeds');
sql($node, 'CALL bixarena_generate_snapshots()');
is_value($node,
	q{SELECT count(*), min(status), max(status) FROM bixarena.run},
	"$runs|succeeded|succeeded", 'call: all are made');
is_flat('call', $runs);

# every third run fails
start_afresh($node);
make_leaderboards($runs - 1, 'fails');
my ($state, $message) =
  sql_state_of($node, 'CALL bixarena_generate_snapshots()');
my $failed = int(($runs - 1) / 3);
is($state, '22012', 'call of which runs fail: it fails');
like(
	$message,
	qr/$failed of $runs runs failed/,
	'call of which runs fail: it says how many');
my $listed = () = $message =~ /division by zero \(22012\)/g;
is($listed, 100, 'call of which runs fail: it does not list them all');
like(
	$message,
	qr/and @{[ $failed - 100 ]} more/,
	'call of which runs fail: it says how many it does not list');
is_value(
	$node, q{SELECT count(*) FROM bixarena.run WHERE status = 'failed'},
	$failed, 'call of which runs fail: all are on record');
is_flat('call of which runs fail', $runs);

#
# History
#

start_afresh($node);
make_leaderboards(0, '');
sql($node,
qq{CALL bixarena_backfill('overall', now() - interval '@{[ $runs - 1 ]} seconds', now(), '1 second')}
);
is_value($node,
	q{SELECT count(*), min(status), max(status) FROM bixarena.run},
	"$runs|succeeded|succeeded", 'backfill: all are made');
is_flat('backfill', $runs);

#
# A worker, and a session that makes what waits
#

foreach my $who ('worker', 'session')
{
	start_afresh($node);
	make_leaderboards($runs, 'succeeds');
	# queued as by so many requests
	sql($node, q{
		INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters, attempts)
		SELECT 'arena', slug, 'queued', 'manual', current_user, '{}', 0
		FROM arena.leaderboard WHERE slug <> 'overall'});
	if ($who eq 'worker')
	{
		request($node, 'overall');
		wait_until($node,
q{SELECT count(*) = 0 FROM bixarena.run WHERE status IN ('queued', 'running')}
		);
		wait_for_no_worker($node);
	}
	else
	{
		sql($node, 'CALL bixarena_process_requests()');
	}
	is_value(
		$node,
		q{SELECT count(*) >= }
		  . $runs
		  . q{, min(status), max(status) FROM bixarena.run},
		't|succeeded|succeeded',
		"$who: all are made");
	is_flat($who, $runs);
}

$node->stop;
done_testing();
