
# 010_upgrade.pl
#	  Upgrades: from each version that was released, the catalogs end up as after
#	  a fresh installation of this one, and the user's rows stay.
#
# The comparison is test/upgrade/catalog.sql.  That it notices what an upgrade
# script can forget is tested with made-up next versions: a fresh one, an upgrade
# script that leads there, and many that miss by one thing.
#
# The made-up ones are in a copy of the installation, in the test's folder.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CopiedInstallation;
use OldVersion;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $catalog = slurp_file("$top/test/upgrade/catalog.sql");

# Scripts of the folder "extension" of the copy
my ($node, $scripts) = copied_installation('upgrade');
$node->safe_psql('postgres', 'CREATE ROLE member');
my $here = value('postgres',
q{SELECT default_version FROM pg_available_extensions WHERE name = 'bixarena_rank'}
);
my $fresh = catalog_of('fresh', "CREATE EXTENSION bixarena_rank");

cmp_ok(scalar @$fresh, '>', 500, 'the catalogs say a lot');
is_deeply(
	catalog_of(
		'again', 'CREATE SCHEMA other; CREATE EXTENSION bixarena_rank'),
	$fresh,
	'they say the same in another database');

#
# Versions that were released
#

my %released = map { (/--([^-]+)\.sql$/ ? $1 : '') => 1 }
  glob("$top/sql/bixarena_rank--*.sql");

delete @released{ '', $here };
foreach my $version (sort keys %released)
{
	is_value(
		'postgres',
"SELECT path IS NOT NULL FROM pg_extension_update_paths('bixarena_rank')
		WHERE source = '$version' AND target = '$here'", 't',
		"version $version can be upgraded");
	is_upgraded($version, $here, $fresh, "from version $version");
}

#
# Made-up versions.  The next has a column more, a function with another body,
# and more objects; its install script says so where each belongs.
#

my $script = slurp_file("$scripts/bixarena_rank--$here.sql");
my $body = "'an arena of bixarena_rank'";

ok($script =~ s/\Q$body\E/'an arena of mine'/,
	'the script has a body to change');
ok( $script =~ s/(CREATE TABLE bixarena\.arena \([^;]*)\n\);/$1,
	note text DEFAULT 'none' CHECK (note <> '')\n);/,
	'and a table to add a column to');

my ($changed) =
  $script =~ /^(CREATE FUNCTION bixarena_create_arena\(.*?^\$\$;\n)/ms;
$changed =~ s/^CREATE/CREATE OR REPLACE/;

# An upgrade, a step each
my %steps = (
	'01 column' => q{ALTER TABLE bixarena.arena ADD note text;},
	'02 default' =>
	  q{ALTER TABLE bixarena.arena ALTER note SET DEFAULT 'none';},
	'03 check' => q{ALTER TABLE bixarena.arena ADD CHECK (note <> '');},
	'04 body' => $changed);

# What the fresh script has at its end, as the upgrade does
my %additions = (
	'11 function' => q{
		CREATE FUNCTION bixarena_note(arena text) RETURNS SETOF text
		LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 10 COST 10
		SET search_path = pg_catalog, pg_temp
		AS $$SELECT a.note FROM bixarena.arena AS a WHERE a.name = arena$$;},
	'12 comment on a function' =>
	  q{COMMENT ON FUNCTION bixarena_note(text) IS 'note of an arena';},
	'13 revoke' => q{REVOKE ALL ON FUNCTION bixarena_note(text) FROM PUBLIC;},
	'14 comment on a column' =>
	  q{COMMENT ON COLUMN bixarena.arena.note IS 'whatever';},
	'15 index' => q{CREATE INDEX arena_note ON bixarena.arena (note);},
	'21 table' =>
q{CREATE TABLE bixarena.mark (id bigint GENERATED ALWAYS AS IDENTITY, arena name NOT NULL);},
	'22 saved by pg_dump' =>
	  q{SELECT pg_extension_config_dump('bixarena.mark', 'WHERE id > 0');},
	'23 row security' =>
	  q{ALTER TABLE bixarena.mark ENABLE ROW LEVEL SECURITY;},
	'24 policy' =>
	  q{CREATE POLICY own ON bixarena.mark USING (arena = current_user);},
	'25 grant on a column' =>
	  q{GRANT SELECT (arena) ON bixarena.mark TO PUBLIC;},
	'26 option' => q{ALTER TABLE bixarena.mark SET (fillfactor = 70);},
	'27 trigger' => q{CREATE TRIGGER same BEFORE UPDATE ON bixarena.mark
		FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();},
	'31 view' =>
q{CREATE VIEW bixarena.marks WITH (security_invoker = true) AS SELECT arena FROM bixarena.mark;},
	'32 comment on a view' => q{COMMENT ON VIEW bixarena.marks IS 'marks';},
	'41 type' => q{CREATE TYPE bixarena.pair AS (one text, other text);},
	'42 enumeration' =>
	  q{CREATE TYPE bixarena.colour AS ENUM ('red', 'green');},
	'51 comment on a schema' => q{COMMENT ON SCHEMA bixarena IS 'of 1.1';});

%steps = (%steps, %additions);
spew("$scripts/bixarena_rank--next.sql", $script . in_order(%additions));
spew("$scripts/bixarena_rank--$here--next.sql", in_order(%steps));
spew("$scripts/bixarena_rank--$here--same.sql", '-- forgets all');

my $next =
  catalog_of('next', "CREATE EXTENSION bixarena_rank VERSION 'next'");

is_upgraded($here, 'next', $next, 'a good script');

# Scripts that miss by one thing: a step, another text for it, and what the
# difference is about
my @faults = (
	[ '02 default', '', qr/bixarena\.arena\.note column/ ],
	[
		'02 default',
		q{ALTER TABLE bixarena.arena ALTER note SET DEFAULT 'no';},
		qr/DEFAULT 'no'/
	],
	[
		'01 column',
		q{ALTER TABLE bixarena.arena ADD note varchar;},
		qr/character varying/
	],
	[
		'01 column', q{ALTER TABLE bixarena.arena ADD note text NOT NULL;},
		qr/NOT NULL/
	],
	[ '03 check', '', qr/arena_note_check/ ],
	[
		'03 check',
		q{ALTER TABLE bixarena.arena ADD CHECK (note <> '') NOT VALID;},
		qr/validated f/
	],
	[ '04 body', '', qr/bixarena_create_arena.*an arena of mine/ ],
	[
		'04 body',
		$changed =~ s/VOLATILE/STABLE/r,
		qr/bixarena_create_arena.* STABLE/
	],
	[
		'04 body',
		$changed =~ s/PARALLEL UNSAFE/PARALLEL SAFE/r,
		qr/PARALLEL SAFE/
	],
	[
		'04 body', $changed =~ s/^SET search_path.*\n//mr,
		qr/SET search_path/
	],
	[
		'04 body',
		"$changed DROP FUNCTION bixarena.run_is_abandoned(uuid) CASCADE;",
		qr/is_abandoned/
	],
	[
		'04 body',
		"$changed ALTER EXTENSION bixarena_rank DROP TABLE bixarena.setting;",
		qr/bixarena\.setting/
	],
	[
		'11 function',
		$steps{'11 function'} =~ s/STRICT//r,
		qr/bixarena_note.*STRICT/
	],
	[
		'11 function', $steps{'11 function'} =~ s/ROWS 10/ROWS 11/r,
		qr/ROWS 11/
	],
	[
		'11 function', $steps{'11 function'} =~ s/COST 10/COST 11/r,
		qr/COST 11/
	],
	[
		'11 function',
		$steps{'11 function'} =~ s/sql STABLE/plpgsql STABLE/r =~
		  s/\$\$.*\$\$/\$\$BEGIN END\$\$/r,
		qr/LANGUAGE plpgsql/
	],
	[
		'11 function',
"$steps{'11 function'} CREATE FUNCTION bixarena.left_over() RETURNS int LANGUAGE sql AS 'SELECT 1';",
		qr/left_over/
	],
	[ '12 comment on a function', '', qr/note of an arena/ ],
	[ '13 revoke', '', qr/bixarena_note.*PUBLIC: EXECUTE/ ],
	[ '14 comment on a column', '', qr/whatever/ ],
	[ '15 index', '', qr/arena_note/ ],
	[
		'15 index',
		q{CREATE UNIQUE INDEX arena_note ON bixarena.arena (note);},
		qr/UNIQUE/
	],
	[
		'21 table',
q{CREATE TABLE bixarena.mark (arena name NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY);},
		qr/column 2/
	],
	[
		'21 table',
q{CREATE TABLE bixarena.mark (id bigint GENERATED BY DEFAULT AS IDENTITY, arena name NOT NULL);},
		qr/IDENTITY d/
	],
	[ '22 saved by pg_dump', '', qr/saved by pg_dump/ ],
	[
		'22 saved by pg_dump',
		q{SELECT pg_extension_config_dump('bixarena.mark', '');},
		qr/saved by pg_dump/
	],
	[ '23 row security', '', qr/row security/ ],
	[ '24 policy', '', qr/policy own/ ],
	[
		'24 policy',
q{CREATE POLICY own ON bixarena.mark TO CURRENT_USER USING (arena = current_user);},
		qr/policy own/
	],
	[ '25 grant on a column', '', qr/bixarena\.mark\.arena PUBLIC: SELECT/ ],
	[ '26 option', '', qr/fillfactor/ ],
	[ '27 trigger', '', qr/trigger same/ ],
	[
		'31 view',
		q{CREATE VIEW bixarena.marks AS SELECT arena FROM bixarena.mark;},
		qr/security_invoker/
	],
	[
		'31 view',
q{CREATE VIEW bixarena.marks WITH (security_invoker = true) AS SELECT DISTINCT arena FROM bixarena.mark;},
		qr/DISTINCT/
	],
	[ '32 comment on a view', '', qr/"marks"/ ],
	[ '41 type', '', qr/bixarena\.pair/ ],
	[
		'41 type', q{CREATE TYPE bixarena.pair AS (one text, other uuid);},
		qr/pair\.other.*uuid/
	],
	[
		'42 enumeration',
		q{CREATE TYPE bixarena.colour AS ENUM ('red');},
		qr/colour.*\{red\}/
	],
	[ '51 comment on a schema', '', qr/of 1\.1/ ]);

# all in one database, where each is rolled back
my $statements = '';
foreach my $number (0 .. $#faults)
{
	my ($step, $text) = @{ $faults[$number] };

	spew("$scripts/bixarena_rank--$here--fault$number.sql",
		in_order(%steps, $step => $text));
	$statements .= "BEGIN;
		CREATE EXTENSION bixarena_rank VERSION '$here';
		ALTER EXTENSION bixarena_rank UPDATE TO 'fault$number';
		\\echo fault $number
		$catalog
		ROLLBACK;\n";
}
$node->safe_psql('postgres', 'CREATE DATABASE faults');
my (undef, %found) = split /^fault (\d+)\n/m,
  $node->safe_psql('faults', $statements);

foreach my $number (0 .. $#faults)
{
	my ($step, $text, $about) = @{ $faults[$number] };
	my @differences =
	  differences([ split /\n/, $found{$number} // '' ], $next);

	like(join("\n", @differences),
		$about,
		($text ? 'noticed, otherwise' : 'noticed, forgotten') . ": $step")
	  or diag($text);
}
cmp_ok(
	scalar differences(
		catalog_of(
			'same', "CREATE EXTENSION bixarena_rank VERSION '$here';
	ALTER EXTENSION bixarena_rank UPDATE TO 'same'"),
		$next),
	'>',
	20,
	'noticed, forgotten: all');

$node->stop;
done_testing();

sub value
{
	my ($database, $sql) = @_;

	return $node->safe_psql($database, $sql);
}

sub is_value
{
	my ($database, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(value($database, $sql), $expected, $name);
}

# The lines of the catalogs in a new database in which this is run
sub catalog_of
{
	my ($database, $sql) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $sql);
	return [ split /\n/, value($database, $catalog) ];
}

# What there is in a database before the upgrade
my $old_contents;

INIT
{
	$old_contents = q{
		SELECT bixarena_create_arena('arena');
		SELECT bixarena_simulate_battles(500, 5);
		INSERT INTO bixarena.setting (arena, leaderboard, name, value)
		VALUES ('arena', NULL, 'seed', '7'), ('arena', 'overall', 'num_bootstrap', '10');
		INSERT INTO bixarena.membership VALUES ('arena', 'member', 'operator');
		GRANT EXECUTE ON PROCEDURE bixarena_generate_snapshots TO member;
		WITH snapshot AS (
			INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility)
			SELECT id, 'snapshot_2026-01-09_02-00-00', 'public' FROM arena.leaderboard
			RETURNING id, leaderboard_id
		), entry AS (
			INSERT INTO arena.leaderboard_entry
				(leaderboard_id, model_id, snapshot_id, bt_score, rank, bootstrap_q025, bootstrap_q975)
			SELECT s.leaderboard_id, m.id, s.id, 1000 - m.rank, m.rank, 900, 1100
			FROM snapshot AS s, (SELECT id, row_number() OVER (ORDER BY slug) AS rank FROM arena.model) AS m
		)
		INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters,
			attempts, ended_at, snapshot_id)
		SELECT 'arena', 'overall', 'succeeded', 'api', current_user, '{}', 1, now(), id FROM snapshot;};
}

# An upgrade gives the catalogs expected, and keeps what there was
sub is_upgraded
{
	my ($from, $to, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $database = "upgraded_$from" =~ s/\W/_/gr;
	my $contents = q{
		SELECT name, created_at FROM bixarena.arena;
		SELECT arena, coalesce(leaderboard, ''), name, value FROM bixarena.setting ORDER BY name;
		SELECT arena, role, kind FROM bixarena.membership;
		SELECT correlation_id, status, parameters, snapshot_id, unranked FROM bixarena.run;
		SELECT e.rank, m.name, e.bt_score FROM arena.leaderboard_entry AS e
		JOIN arena.model AS m ON m.id = e.model_id ORDER BY e.rank;
		SELECT has_function_privilege('member', p.oid, 'EXECUTE') FROM pg_proc AS p
		WHERE p.proname = 'bixarena_generate_snapshots';};
	my $before;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database,
		"CREATE EXTENSION bixarena_rank VERSION '$from'");
	run_as_old_version($node, $database, $from,
		  $released{$from}
		? $old_contents
		: $old_contents =~ s/NULL, 'seed'/'', 'seed'/r);
	like(
		refusal($database),
		qr/ALTER EXTENSION bixarena_rank UPDATE/,
		"$name: before, functions say what to do") if $released{$from};
	$before = value($database, $contents);
	$node->safe_psql($database,
		"ALTER EXTENSION bixarena_rank UPDATE TO '$to'");
	# a role's rights are of the user's making, unless they count as the extension's
	is( join(
			"\n",
			differences(
				[
					grep { !/ member: EXECUTE/ || / at first / } split /\n/,
					value($database, $catalog)
				],
				$expected)),
		'',
		"$name: the catalogs are those of a fresh installation");
	is(value($database, $contents), $before, "$name: what was there is kept");
	is_value($database,
		q{SELECT status FROM bixarena_generate_snapshot('overall')},
		'succeeded', "$name: it works");
	like(
		dump_of($database),
qr/^GRANT ALL ON PROCEDURE public\.bixarena_generate_snapshots\(.*\) TO member;$/m,
		"$name: pg_dump saves what was granted");
}

# What a function says of tables that are too old for the library
sub refusal
{
	my ($database) = @_;
	my (undef, undef, $error) = $node->psql($database,
		q{SELECT * FROM bixarena_leaderboard('overall')});

	return $error;
}

sub dump_of
{
	my ($database) = @_;
	my ($dump) = run_command(
		[
			'pg_dump', '--no-sync', '--schema-only', $node->connstr($database)
		]);

	return $dump;
}

# Lines that only one of two has
sub differences
{
	my ($found, $expected) = @_;
	my %found = map { $_ => 1 } @$found;
	my %expected = map { $_ => 1 } @$expected;

	return (
		(map { "found: $_" } grep { !$expected{$_} } @$found),
		(map { "expected: $_" } grep { !$found{$_} } @$expected));
}

# The texts of a hash in the order of its keys
sub in_order
{
	my %texts = @_;

	return join("\n", map { $texts{$_} } sort keys %texts);
}

sub spew
{
	my ($file, $text) = @_;

	open(my $handle, '>', $file) or die "$file: $!";
	print $handle $text;
	close($handle);
}
