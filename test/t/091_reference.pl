
# 091_reference.pl
#	  doc/reference.md is complete and says what the catalog says: functions with
#	  their arguments, defaults and results, settings with their defaults and ranges,
#	  columns of our tables, metrics, fields of notices, and parameters.  That its
#	  examples run is what 090_manual.pl tests.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../doc/reference.md");
my $node = PostgreSQL::Test::Cluster->new('reference');

$node->init;
$node->start;
query(
	q{CREATE EXTENSION bixarena_rank; SELECT bixarena_create_arena('arena');
	CREATE ROLE nobody; CREATE ROLE orson; CREATE ROLE ada;
	SELECT bixarena_grant('orson', 'operator'), bixarena_grant('ada', 'admin');
	CREATE FUNCTION accepts(setting text, value text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM bixarena_configure(setting, value), bixarena_configure(setting, NULL);
		RETURN true;
	EXCEPTION WHEN data_exception THEN
		RETURN false;
	END
	$$});

# What stands below each heading of a level, up to the next one of that level or above
sub parts
{
	my ($text, $level) = @_;
	my %parts;

	while ($text =~ /^#{$level} ([^\n]*)\n(.*?)(?=^#{1,$level} |\z)/msg)
	{
		$parts{$1} = $2;
	}
	return \%parts;
}

my $chapters = parts($page, 2);
my $entries = parts($page, 3);

sub query
{
	return $node->safe_psql('postgres', $_[0]);
}

# Rows of a query, each a reference to its columns
sub rows
{
	return map { [ split /\t/, $_, -1 ] } split /\n/,
	  $node->safe_psql('postgres', "COPY ($_[0]) TO STDOUT");
}

# Rows of the tables of a part, each a reference to its cells
sub table_rows
{
	my ($part) = @_;

	return map {
		[ map { s/^\s+|\s+$//gr } split /\|/, $_ ]
	} $part =~ /^\| ?(`[^\n]*?) ?\|$/mg;
}

# The words in backquotes of a text, each alone or before its type
sub quoted
{
	my ($text) = @_;

	return map { (split)[0] } $text =~ /`([^`\n]+)`/g;
}

sub sorted
{
	return join("\n", sort @_) . "\n";
}

# As the page writes arguments and results: short names of types, no casts
sub short_types
{
	my ($text) = @_;

	$text =~ s/::[a-z][a-z ]*(?:\[\])?(?=[,)]|$)//g;
	$text =~ s/double precision/float8/g;
	$text =~ s/timestamp with time zone/timestamptz/g;
	$text =~ s/\bIN (?=\w+ )//g;
	return squeezed($text);
}

sub squeezed
{
	my ($text) = @_;

	$text =~ s/\s+/ /g;
	$text =~ s/ ?([()]) ?/$1/g;
	$text =~ s/^ | $//g;
	return $text;
}

my @routines = rows(
	q{SELECT p.oid, p.proname, p.prokind, pg_get_function_arguments(p.oid),
		pg_get_function_result(p.oid), p.prorettype
	FROM pg_proc AS p
	JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
		AND d.deptype = 'e'
	JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
	WHERE p.proname ~ '^bixarena_' ORDER BY p.proname});

cmp_ok(scalar(@routines), '>', 30, 'there are functions');
my %overloads;
$overloads{ $_->[1] }++ foreach @routines;
is( sorted(grep { /^bixarena_/ } keys %$entries),
	sorted(keys %overloads),
	'every function has an entry, and every entry a function');

test_routine(@$_) foreach @routines;
test_errors();
test_callers();
test_settings();
test_tables();
test_metrics();
test_notices();
test_parameters();
$node->stop;
done_testing();

sub test_routine
{
	my ($oid, $name, $kind, $arguments, $result, $type) = @_;
	my $entry = $entries->{$name} // '';
	my ($shown) = $entry =~ /^```text\n(.*?)^```$/ms;
	my $signature =
	  $kind eq 'p' ? "CALL $name($arguments)" : "$name($arguments) → $result";
	my $words = $entry =~ s/^```.*?^```$//msgr;
	my %quoted = map { $_ => 1 } quoted($words);
	my @named =
	  map { $_->[0] }
	  rows(
qq{SELECT a.name FROM pg_proc AS p, unnest(p.proargnames) AS a (name) WHERE p.oid = $oid}
	  );

	utf8::decode($shown) if defined $shown;
	utf8::decode($signature);
	# one of several of this name, as many as there are
	my @shown = map { squeezed($_) } split /\n\n/, $shown // '';
	$signature = short_types($signature);
	is(scalar(@shown), $overloads{$name}, "$name: each of its forms");
	is((grep { $_ eq $signature } @shown, $shown[0] // '')[0],
		$signature, "$name: as in the catalog");

	push @named, map { $_->[0] } rows(
qq{SELECT a.attname FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid
			WHERE t.oid = $type AND t.typname ~ '^bixarena_' AND a.attnum > 0});
	is(join(', ', grep { !$quoted{$_} } @named),
		'', "$name: every argument and column is explained");

	ok($entry =~ /^\| error \| when \|$/m, "$name: errors");
	ok($entry =~ /^```(?:sql|sh)\n(?:(?!^```).)*\b$name\b/ms,
		"$name: an example");
	ok($entry =~ /^See also: /m, "$name: see also");
	like($chapters->{'What do you want to do?'},
		qr/\(#$name\)/, "$name: in the index");
	isnt(query("SELECT obj_description($oid, 'pg_proc')"),
		'', "$name: a comment");
}

# Who may call what is not for everybody
sub test_callers
{
	my ($list) =
	  $chapters->{'How to read an entry'} =~ /^\| to whom (.*?)^$/ms;
	my %shown;

	while ($list =~ /^\| (\w+)[^|]*\| (.*) \|$/mg)
	{
		my ($kind, $names) = ($1, $2);
		$shown{$_} = $kind foreach quoted($names);
	}
	is( sorted(map { "$_ $shown{$_}" } keys %shown),
		sorted(
			map { "$_->[0] $_->[1]" } rows(
q{SELECT p.proname, CASE WHEN has_function_privilege('orson', p.oid, 'EXECUTE')
						THEN 'operators' WHEN has_function_privilege('ada', p.oid, 'EXECUTE')
						THEN 'admins' ELSE 'superusers' END
				FROM pg_proc AS p
				WHERE p.proname ~ '^bixarena_' AND NOT has_function_privilege('nobody', p.oid, 'EXECUTE')}
			)),
		'who may call what');
}

# Each error of a call that is wrong is listed where the function is
sub test_errors
{
	my @calls = map { chomp; $_ } <DATA>;
	my ($out, $err);

	query(
		q{CREATE TABLE votes (model1 text, model2 text, outcome text);
		INSERT INTO votes VALUES ('a', 'b', 'a');
		CREATE TABLE odd (model1 integer, model2 text[], outcome text);
		CREATE TABLE empty (model1 text, model2 text, outcome text);
		CREATE SEQUENCE counter;
		CREATE ROLE watcher;
		SELECT bixarena_simulate_battles(500, num_models => 5);
		SELECT bixarena_generate_snapshot('overall')});
	$node->psql(
		'postgres', join('', map { "$_;\n" } @calls),
		on_error_stop => 0,
		extra_params => ['--set=VERBOSITY=sqlstate'],
		stdout => \$out,
		stderr => \$err);
	my %states = $err =~ /^psql:<stdin>:(\d+): ERROR:\s+(\w{5})/mg;

	foreach my $i (0 .. $#calls)
	{
		my ($name) = $calls[$i] =~ /(bixarena_\w+)/;
		my $state = $states{ $i + 1 } // 'none';
		my ($listed) =
		  ($entries->{$name} // '') =~ /^\| error \| when \|\n(.*?)^$/ms;

		like(
			$listed // '',
			qr/^\|[^|]*\b$state\b[^|]*\|/m,
			"$calls[$i]: $state is listed");
	}
}

sub test_settings
{
	my @settings = rows(
q{SELECT setting, coalesce(default_value, 'none') FROM bixarena_settings()}
	);
	my @shown = table_rows($chapters->{Settings});

	is( sorted(
			map { "$_->[0] " . ($_->[2] =~ s/`//gr =~ s/^none:.*/none/r) }
			  @shown),
		sorted(map { "`$_->[0]` $_->[1]" } @settings),
		'every setting, with its default');
	test_range($_->[0] =~ s/`//gr, $_->[3]) foreach @shown;
}

# What the page says that a setting may be, it may be, and no less and no more
sub test_range
{
	my ($setting, $range) = @_;
	my (@good, @bad);

	$range =~ s/−/-/g;
	$range =~ s/2\^53/9007199254740992/;
	if ($range =~ /^(-?\d+) to (\d+)$/)
	{
		@good = ($1, $2);
		@bad = ($1 - 1, $2 + 1);
	}
	elsif ($range =~ /^0, or 0.001 to (\d+)$/)
	{
		@good = (0, 0.001, $1);
		@bad = (-1, 0.0009, $1 + 1);
	}
	elsif ($range =~ /up to (\d+) bytes$/)
	{
		@good = ('x' x $1);
		@bad = ('x' x ($1 + 1));
	}
	elsif ($range eq 'any `bigint`')
	{
		@good = ('-9223372036854775808', '9223372036854775807');
		@bad = ('9223372036854775808');
	}
	else
	{
		@good = $range eq 'true or false' ? qw(true false) : quoted($range);
		@bad = ('neither');
	}
	cmp_ok(scalar(@good), '>', 0, "$setting: a range that can be understood");
	is(refused($setting, @good), '', "$setting: what it may be");
	is( refused($setting, @bad),
		join(',', @bad),
		"$setting: what it may not be");
}

# Those of the values that a setting does not take
sub refused
{
	my ($setting, @values) = @_;
	my $list = join(',', map { "'$_'" } @values);

	return query(
			"SELECT string_agg(v, ',' ORDER BY n) FROM unnest(ARRAY[$list])"
		  . " WITH ORDINALITY AS u (v, n) WHERE NOT accepts('$setting', v)");
}

sub test_tables
{
	my @columns = rows(
		q{SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
		FROM pg_class AS c
		JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
			AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relkind IN ('r', 'v')});
	my %shown;

	foreach
	  my $relation (qw(run arena setting membership far_notice kept_tally))
	{
		my $entry = $entries->{"bixarena.$relation"} // '';
		$shown{"$relation $_"} = 1
		  foreach map { $_->[0] =~ s/`//gr } table_rows($entry);
	}
	my ($metrics) = split /^\| metric /m, $chapters->{Metrics};
	$shown{"metrics $_"} = 1
	  foreach map { $_->[0] =~ s/`//gr } table_rows($metrics);

	is( sorted(keys %shown),
		sorted(map { "$_->[0] $_->[1] " . short_types($_->[2]) } @columns),
		'every column of our tables, with its type');
}

sub test_metrics
{
	my ($list) = $chapters->{Metrics} =~ /^\| metric (.*?)^$/ms;

	is( sorted(map { quoted($_->[0]) } table_rows($list)),
		sorted(
			map { $_->[0] } rows('SELECT name FROM bixarena.metrics_help()')),
		'every metric');
}

# The fields of a JSON object without objects in it
sub fields
{
	return sorted($_[0] =~ /"(\w+)": /g);
}

sub test_notices
{
	my ($of_run) =
	  $chapters->{Notices} =~ /^\| field of a run's notice (.*?)^$/ms;
	my ($of_call) =
	  $chapters->{Notices} =~ /^\| field of a call's notice (.*?)^$/ms;
	my @notices = $node->safe_psql('postgres',
"LISTEN bixarena_rank;\nCALL bixarena_generate_snapshots();\nSELECT 1;"
	) =~ /with payload "(\{.*\})" received/g;

	is(scalar(@notices), 2, 'notices of a run and of its call');
	is( sorted(map { quoted($_->[0]) } table_rows($of_run)),
		fields($notices[0]),
		'every field of a run\'s notice');
	is( sorted(map { quoted($_->[0]) } table_rows($of_call)),
		fields($notices[1]),
		'every field of a call\'s notice');
}

sub test_parameters
{
	my $parameters = query(
		q{LOAD 'bixarena_rank';
		SELECT name, CASE boot_val WHEN '' THEN 'empty' ELSE boot_val END
		FROM pg_settings WHERE name ~ '^bixarena_rank[.]' AND context = 'user'});

	is( sorted(
			map { join '|', $_->[0] =~ s/`//gr, $_->[2] }
			  table_rows($chapters->{Parameters})),
		sorted(split /\n/, $parameters),
		'every parameter, with its default');
}

__DATA__
SELECT bixarena_rank('nosuch')
SELECT bixarena_rank('counter')
SELECT bixarena_rank('empty')
SELECT bixarena_rank('votes', model1 => 'x')
SELECT bixarena_rank('odd')
SELECT bixarena_rank('votes', num_bootstrap => 1)
SELECT bixarena_rank('votes', max_unread_percent => 101)
SELECT bixarena_rank('votes', seed => NULL)
SELECT bixarena_rank(99999999::regclass)
SELECT bixarena_rank('votes', anchor_model => 'q', max_unread_percent => 100)
SELECT bixarena_tally('a', 'a', 'tie')
SELECT bixarena_tally('a', 'b', 'who?')
SELECT bixarena_tally('a', 'b', o) FROM unnest('{1,0}'::int[]) AS o
SELECT bixarena_tally('a', 'b', 'tie', NULL)
SELECT bixarena_tally('a', 'b', 'tie', 0)
SELECT bixarena_tally(1, 'b'::text, 'tie')
SELECT bixarena_tally(n, n + 1, 'tie') FROM generate_series(1, 2001) AS n
SELECT bixarena_rank_tally(NULL)
SELECT bixarena_rank_tally('{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 1, 0, 0, 0, 0]]}', 1)
SELECT bixarena_rank_tally('{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 1, 0, 0, 0, 0]]}', NULL)
SELECT bixarena_rank_tally('{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 1, 0, 0, 0, 0]]}', anchor_model => 'c')
SELECT bixarena_create_arena('arena')
SELECT bixarena_create_arena('')
SELECT bixarena_create_arena('pg_x')
SELECT bixarena_create_arena(repeat('x', 64))
SELECT bixarena_create_arena(NULL)
SELECT bixarena_attach_arena('nosuch')
SELECT bixarena_attach_arena('public')
SELECT bixarena_attach_arena(NULL)
SELECT bixarena_attach_remote('nosuch')
SELECT bixarena_attach_remote(NULL)
SELECT bixarena_node_script(NULL)
SELECT bixarena_configure('nosuch', '1')
SELECT bixarena_configure('num_bootstrap', 'x')
SELECT bixarena_configure('num_bootstrap', '1')
SELECT bixarena_configure('num_bootstrap', '99999999999999999999999')
SELECT bixarena_configure('auto_publish', 'maybe')
SELECT bixarena_configure('notify_channel', repeat('x', 64))
SELECT bixarena_configure('notify_runs', 'x')
SELECT bixarena_configure('keep_days', 'nan')
SELECT bixarena_configure('retry_seconds', '0.0001')
SELECT bixarena_configure(NULL, '1')
SELECT bixarena_configure('seed', '1', 'nosuch')
SELECT bixarena_configure('seed', '1', arena => 'nosuch')
SELECT bixarena_settings('nosuch')
SELECT bixarena_generate_snapshot('nosuch')
SELECT bixarena_generate_snapshot(NULL)
SELECT bixarena_generate_snapshot('overall', 1)
SELECT bixarena_generate_snapshot('overall', as_of => '2999-01-01')
SELECT bixarena_generate_snapshot('overall', as_of => 'infinity')
SELECT bixarena_generate_snapshot('overall', trigger_source => 'x')
SELECT bixarena_generate_snapshot('overall', triggered_by => repeat('x', 321))
SELECT bixarena_generate_snapshot('overall', triggered_by => E'x\n')
SELECT bixarena_generate_snapshot('overall', correlation_id => (SELECT correlation_id FROM bixarena.run LIMIT 1))
CALL bixarena_generate_snapshots(leaderboard_id => 'nosuch')
CALL bixarena_generate_snapshots(arena => 'nosuch')
CALL bixarena_generate_snapshots(trigger_source => 'x')
CALL bixarena_backfill('overall', now(), now() - interval '1 day')
CALL bixarena_backfill('overall', now(), now() + interval '1 day')
CALL bixarena_backfill('overall', '-infinity')
CALL bixarena_backfill('overall', now() - interval '1 day', step => '0')
CALL bixarena_backfill('overall', now() - interval '10 day', step => '1 second')
CALL bixarena_backfill('overall', NULL)
CALL bixarena_backfill('nosuch', now() - interval '10 day')
SELECT bixarena_request_snapshot('nosuch')
SELECT bixarena_request_snapshot(NULL)
SELECT bixarena_request_snapshot('overall', num_bootstrap => 1)
SELECT bixarena_request_snapshot('overall', trigger_source => 'x')
SELECT bixarena_leaderboard('overall', 'nosuch')
SELECT bixarena_leaderboard(NULL)
SELECT bixarena_leaderboard('overall', lookback => NULL)
SELECT bixarena_leaderboard('overall', lookback => '-1 day')
SELECT bixarena_leaderboard('overall', sort_by => 'x')
SELECT bixarena_leaderboard('overall', sort_by => NULL)
SELECT bixarena_leaderboard('overall', page => 0)
SELECT bixarena_leaderboard('overall', page => NULL)
SELECT bixarena_leaderboard('overall', page_size => 0)
SELECT bixarena_model_history('overall', 'x')
SELECT bixarena_model_history('overall', NULL)
SELECT bixarena_model_history(NULL, 'simulated-0001')
SELECT bixarena_model_history('overall', 'simulated-0001', sort_by => 'x')
SELECT bixarena_compare_snapshots('overall', 'x')
SELECT bixarena_compare_snapshots('overall', lookback => NULL)
SELECT bixarena_matchups('nosuch')
SELECT bixarena_matchups(NULL)
SELECT bixarena_matchups('overall', 'x')
SELECT bixarena_leaderboard_svg('overall', width => 1)
SELECT bixarena_leaderboard_svg('overall', theme => 'x')
SELECT bixarena_leaderboard_svg('overall', theme => NULL)
SELECT bixarena_leaderboard_svg('overall', top => 0)
SELECT bixarena_leaderboard_svg(NULL)
SELECT bixarena_history_svg('overall', measure => 'x')
SELECT bixarena_history_svg('overall', measure => NULL)
SELECT bixarena_history_svg('overall', top => 0)
SELECT bixarena_history_svg(NULL)
SELECT bixarena_matchups_svg('overall', top => 0)
SELECT bixarena_matchups_svg('overall', width => NULL)
SELECT bixarena_report('x')
SELECT bixarena_report(NULL)
SELECT bixarena_report('overall', NULL)
SELECT bixarena_report('overall', '-1 s')
SELECT bixarena_runs_report('x')
SELECT bixarena_site('x')
SELECT bixarena_site(lookback => NULL)
SELECT bixarena_site(lookback => '-1 s')
SELECT bixarena_snapshots('overall', 0)
SELECT bixarena_snapshots('overall', page => NULL)
SELECT bixarena_snapshots(NULL)
SELECT bixarena_snapshots('x')
SELECT bixarena_update_snapshot('overall', 'x')
SELECT bixarena_update_snapshot('overall', NULL)
SELECT bixarena_update_snapshot('overall', (SELECT snapshot_identifier FROM bixarena_snapshots('overall') LIMIT 1), 'x')
SELECT bixarena_delete_snapshot('overall', 'x')
SELECT bixarena_delete_snapshot('overall', NULL)
SELECT bixarena_runs(status => 'x')
SELECT bixarena_runs(trigger_source => 'x')
SELECT bixarena_runs(page => NULL)
SELECT bixarena_runs(page => 0)
SELECT bixarena_slack_message(NULL)
SELECT bixarena_slack_message(gen_random_uuid())
SELECT bixarena_health('x')
SELECT bixarena_schedule()
SELECT bixarena_schedule(NULL)
SELECT bixarena_schedule(leaderboard_id => 'x')
SELECT bixarena_unschedule()
SELECT bixarena_grant('x', 'reader')
SELECT bixarena_grant('public', 'reader')
SELECT bixarena_grant('watcher', 'x')
SELECT bixarena_grant(NULL, 'reader')
SELECT bixarena_grant('watcher', 'reader', 'x')
SELECT bixarena_revoke('watcher', 'reader')
SELECT bixarena_revoke('watcher', 'x')
SELECT bixarena_revoke('watcher', NULL)
SELECT bixarena_simulate_battles(0)
SELECT bixarena_simulate_battles(NULL)
SELECT bixarena_simulate_battles(num_models => 1)
SELECT bixarena_simulate_battles(num_models => NULL, scores => '{1,2}')
SELECT bixarena_simulate_battles(scores => '{1,NULL}')
SELECT bixarena_rank('votes', intervals => 'wald')
SELECT bixarena_rank('votes', voter => 'nobody')
SELECT bixarena_rank_difference('votes', 'a', 'z')
SELECT bixarena_leaderboard_ranges(NULL)
SELECT bixarena_leaderboard_ranges('no such')
SELECT bixarena_leaderboard_difference('overall', NULL, 'x')
SELECT bixarena_leaderboard_difference('overall', 'no', 'such')
SELECT bixarena_leaderboard_difference('no such', 'a', 'b')
SELECT bixarena_leaderboard_svg('overall', intervals => 'x')
SELECT bixarena_configure('intervals', 'wald')
SELECT bixarena_rank_robustness('empty')
SELECT bixarena_rank_voters('votes', 'nobody')
SELECT bixarena_rank_voters('votes', 'outcome', 0)
SELECT bixarena_rank_fit('votes', 1)
SELECT bixarena_rank_misfits('votes', 0)
SELECT bixarena_rank_next_battles('votes', 0)
SELECT bixarena_rank_next_battles('votes', goal => 'x')
SELECT bixarena_rank_robustness_tally(NULL)
SELECT bixarena_rank_fit_tally(NULL, 1)
SELECT bixarena_rank_misfits_tally(NULL, 0)
SELECT bixarena_rank_next_battles_tally(NULL, goal => 'x')
SELECT bixarena_leaderboard_robustness('overall', NULL)
SELECT bixarena_leaderboard_robustness(NULL)
SELECT bixarena_leaderboard_robustness('no such')
SELECT bixarena_leaderboard_voters('overall', 0)
SELECT bixarena_leaderboard_voters('overall', NULL)
SELECT bixarena_leaderboard_fit(NULL)
SELECT bixarena_leaderboard_fit('overall', 'no such')
SELECT bixarena_leaderboard_misfits('overall', 0)
SELECT bixarena_leaderboard_misfits('no such')
SELECT bixarena_leaderboard_next_battles('overall', 0)
SELECT bixarena_leaderboard_next_battles('overall', goal => 'x')
SELECT bixarena_leaderboard_next_battles('overall', goal => NULL)
SELECT bixarena_leaderboard_next_battles('no such')
