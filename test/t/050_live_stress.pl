
# 050_live_stress.pl
#	  A kept tally under writers that change the same few battles at the same time, in
#	  every way there is: whenever it is looked at, it is what a recount says.
#
# LIVE_STRESS_SECONDS in the environment says for how long, a minute if it does not;
# an hour is for a night.  Then the triggers are sabotaged, so that one looks up whose
# battle it is about instead of leaving that to the fold: that must be caught.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $seconds = $ENV{LIVE_STRESS_SECONDS} // 60;
my $node = PostgreSQL::Test::Cluster->new('live');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
"bixarena_rank.progress = off\nsynchronous_commit = off\nfsync = off\nautovacuum_naptime = 1s"
);
$node->start;
foreach my $file ('schema/bixarena.sql', 'live/few_battles.sql')
{
	$node->command_ok(
		[
			'psql', '-XqAt',
			'-v', 'ON_ERROR_STOP=1',
			'-v', 'arena=api',
			'-d', $node->connstr('postgres'),
			'-f', "$top/test/$file"
		],
		$file);
}
sql($node, q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_attach_arena('api');
	SELECT bixarena_configure('min_total_battles', '0');
	SELECT bixarena_keep_tally()});
sql($node, 'SELECT bixarena_rebuild_tally()');

# Write for so many seconds, and compare all the while.  Returns how often it was
# compared, and how often it was wrong.
sub write_and_compare
{
	my ($duration) = @_;
	my ($compared, $wrong, $out, $err) = (0, 0, '', '');
	my @scripts =
	  map { ('-f', "$top/test/live/$_.pgbench") }
	  qw(evaluate change change linger linger linger fold together);
	my $writers = IPC::Run::start(
		[
			'pgbench', '-n', '-c', '8',
			'-j', '2', '-T', $duration,
			@scripts, '-h', $node->host, '-p',
			$node->port, 'postgres'
		],
		'>' => \$out,
		'2>' => \$err);
	my @looks = (
		'SELECT bixarena_fold_tally() * 0',
		'BEGIN; SELECT bixarena_fold_tally() * 0; ROLLBACK',
		q{SELECT sum(vote_count) * 0 FROM bixarena_live('overall', 10)},
		q{BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT (g.evaluation_count <> (SELECT count(*) FROM api.battle AS b JOIN api.battle_evaluation AS e ON e.battle_id = b.id
			JOIN api.battle_validation AS v ON v.id = b.effective_validation_id WHERE v.is_biomedical))::int
		FROM bixarena_generate_snapshot('overall', 10, dry_run => true) AS g; COMMIT},
q{BEGIN; SELECT bixarena_fold_tally() * 0; SELECT count(*) FROM bixarena_verify_tally(); COMMIT},
		'CALL bixarena_generate_snapshots()');

	while ($writers->pumpable)
	{
		my $look = $looks[ $compared % @looks ];
		my $differences;

		$wrong += sql($node, $look) =~ /[1-9]/ ? 1 : 0;
		$differences = sql($node, 'SELECT * FROM bixarena_verify_tally()');
		$compared++;
		$wrong++                         if $differences ne '';
		diag "after $look: $differences" if $differences ne '' && $wrong == 1;
		$writers->pump_nb;
	}
	$writers->finish;
	is(join("\n", grep { /ERROR|abort/ } split /\n/, $err),
		'', 'no writer fails');
	like($out, qr/number of failed transactions: 0 /, 'and none gives up');
	$out =~ /^tps = (\d+)/m and note "$1 scripts a second";
	return ($compared, $wrong);
}

my ($compared, $wrong) = write_and_compare($seconds);
note "compared $compared times";
cmp_ok($compared, '>', 0, 'the tally was compared');
is($wrong, 0, 'and was right each time');
is_value($node,
	q{SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'},
	'0', 'there was no deadlock');
is_value($node, q{SELECT recounted_why FROM api_live.state},
	'bixarena_rebuild_tally()', 'and never had to be counted anew');
is_value($node, q{SELECT count(*) > 0 FROM api_live.counted},
	't', 'battles count');

#
# Nothing of it grows without end
#
sql($node, q{SELECT bixarena_fold_tally()});
is_value(
	$node, q{SELECT count(*) FROM api_live.log},
	'0', 'nothing is left in the log');
is_value(
	$node,
q{SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'api_live'::regnamespace
	AND relkind = 'r' AND pg_total_relation_size(oid) > 32 * 1024 * 1024}, '',
	'and the tables have stayed small');
note(
	sql($node,
q{SELECT string_agg(relname || ' ' || pg_total_relation_size(oid), ', ') FROM pg_class
	WHERE relnamespace = 'api_live'::regnamespace AND relkind = 'r'}
	));

#
# Sabotage: the trigger of validations looks up the battles
#
sql($node, q{
	CREATE OR REPLACE FUNCTION bixarena.live_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	DECLARE
		key name := TG_ARGV[2];
	BEGIN
		IF TG_LEVEL <> 'STATEMENT' OR TG_OP = 'TRUNCATE' OR TG_OP = 'DELETE' AND TG_TABLE_NAME = 'battle_validation' THEN
			RETURN NULL;
		END IF;
		IF TG_TABLE_NAME = 'battle_validation' THEN
			INSERT INTO api_live.log SELECT 'b', array_agg(b.id) FROM after AS v JOIN api.battle AS b ON b.effective_validation_id = v.id;
			RETURN NULL;
		END IF;
		IF TG_OP <> 'DELETE' THEN
			EXECUTE format('INSERT INTO api_live.log SELECT %L, array_agg(%I) FROM after HAVING count(*) > 0', TG_ARGV[1], key);
		END IF;
		IF TG_OP <> 'INSERT' THEN
			EXECUTE format('INSERT INTO api_live.log SELECT %L, array_agg(%I) FROM before HAVING count(*) > 0', TG_ARGV[1], key);
		END IF;
		RETURN NULL;
	END
	$$});
my $rounds = 0;
do
{
	my (undef, $caught) = write_and_compare(10);
	$wrong = $caught;
} while ($wrong == 0 && ++$rounds < 12);
cmp_ok($wrong, '>', 0, 'a trigger that looks up battles is caught');

$node->stop;
done_testing();
