
# 011_dump.pl
#	  Dumps: what pg_dump and pg_dumpall write is restored with every row, right
#	  and setting, and works there.
#
# What is in the databases is in test/perl/DumpTest.pm.  One has the extension in
# the schema public, the other in one with an odd name.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use DumpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $temp = PostgreSQL::Test::Utils::tempdir;
my $node = new_server('source');

create_roles($node);

my %schema_of = ('plain' => 'public', 'odd' => q{"my ""ext"""});
my (%contents, %entries);

foreach my $database (sort keys %schema_of)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	fill_database($node, $database, $schema_of{$database});
	$node->safe_psql('postgres',
		"ALTER DATABASE $database SET bixarena_rank.arena = 'api'");
	run_or_die('pg_dump', '--no-sync', '-f', "$temp/$database.sql",
		$node->connstr($database));
	run_or_die('pg_dump', '--no-sync', '-Fc', '-f', "$temp/$database.dump",
		$node->connstr($database));
	run_or_die('pg_dump', '--no-sync', '--schema-only', '-f',
		"$temp/$database.schema", $node->connstr($database));
	run_or_die('pg_dump', '--no-sync', '--clean', '--if-exists', '-f',
		"$temp/$database.clean", $node->connstr($database));
	$contents{$database} = contents($node, $database);
}
run_or_die('pg_dumpall', '--no-sync', '-f', "$temp/all.sql", '-d',
	$node->connstr('postgres'));
$entries{$_} = fresh_entries($node, $_, $schema_of{$_})
  foreach sort keys %schema_of;

# there is something to be lost
is( $node->safe_psql(
		'plain',
q{SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM bixarena.run}
	),
	'failed queued running skipped succeeded',
	'there are runs of every status');
foreach my $what (
	qr/^bixarena\.membership\|.*watch/m,
	qr/^bixarena\.setting\|.*1200\.000001/m,
	qr/^api\.leaderboard_entry\|/m,
	qr/^"it's ""odd"" Ü"\.leaderboard_snapshot\|.*private/m,
	qr/^bixarena_generate_snapshot\(.*\|chief\|EXECUTE/m,
	qr/^mine\.kept\|/m,
	qr/^mine\.tallies\|.*ü/m,
	qr/^mine\.ranked\|.*,ranked/m,
	qr/^public\|website\|USAGE/m,
	qr/^"it's ""odd"" Ü"\|"night's/m)
{
	like($contents{plain}, $what, "there is $what");
}

foreach my $database (sort keys %schema_of)
{
	my $schema = $schema_of{$database};

	new_database("${database}_sql");
	psql_file("${database}_sql", "$temp/$database.sql");
	is_restored($node, "${database}_sql", $database,
		"$database, pg_dump | psql");

	new_database("${database}_custom");
	run_or_die('pg_restore', '--exit-on-error', '--jobs=2',
		'-d', $node->connstr("${database}_custom"),
		"$temp/$database.dump");
	is_restored($node, "${database}_custom", $database,
		"$database, pg_restore");

	# over what is there, twice
	psql_file("${database}_custom", "$temp/$database.clean") foreach 1 .. 2;
	is_restored(
		$node, "${database}_custom",
		$database, "$database, pg_dump --clean");

	# without rows
	new_database("${database}_schema");
	psql_file("${database}_schema", "$temp/$database.schema");
	is( $node->safe_psql(
			"${database}_schema", q{
		SELECT count(*) FROM bixarena.arena; SELECT count(*) FROM bixarena.run;
		SELECT count(*) FROM api.battle; SELECT count(*) FROM mine.saved}),
		"0\n0\n0\n0",
		"$database, --schema-only: no rows");
	is( $node->safe_psql(
			"${database}_schema", qq{SET search_path = $schema;
		SELECT bixarena_attach_arena('api');
		INSERT INTO api.leaderboard (slug, name) VALUES ('overall', 'Overall');
		SELECT status, reason FROM bixarena_generate_snapshot('overall')}),
		"api\nskipped|no battles",
		"$database, --schema-only: the arena can be attached again");
}

# one arena, without the extension
{
	my $leaderboard =
	  q{SELECT * FROM bixarena_leaderboard('overall', arena => 'api')};

	run_or_die('pg_dump', '--no-sync', '--schema=api', '-f', "$temp/api.sql",
		$node->connstr('plain'));
	new_database('one_arena');
	psql_file('one_arena', "$temp/api.sql");
	$node->safe_psql('one_arena',
		q{CREATE EXTENSION bixarena_rank; SELECT bixarena_attach_arena('api')}
	);
	is( $node->safe_psql('one_arena', $leaderboard),
		$node->safe_psql('plain', $leaderboard),
		'an arena alone can be attached where it is restored');
}

# a whole server
{
	my $other = new_server('restored');
	my (undef, $err) = run_command(
		[
			'psql', '-Xq',
			'-d', $other->connstr('postgres'),
			'-f', "$temp/all.sql"
		]);

	is( join("\n", $err =~ /ERROR: .*/g),
		'ERROR:  role "'
		  . $node->safe_psql('postgres', 'SELECT current_user')
		  . '" already exists',
		'pg_dumpall: no error but that the superuser exists');
	foreach my $database (sort keys %schema_of)
	{
		is_restored($other, $database, $database, "$database, pg_dumpall");
		is($other->safe_psql($database, 'SHOW bixarena_rank.arena'),
			'api', "$database, pg_dumpall: the parameter is set");
	}
	is( $other->safe_psql(
			'plain',
			q{SELECT pg_has_role('night''s "watch"', 'chief', 'MEMBER')}),
		't',
		'pg_dumpall: roles are members of roles');

	# without roles, a run of a role that is missing fails and says so
	$other->safe_psql(
		'plain', q{
		INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, triggered_by, role, parameters, attempts)
		VALUES ('api', 'genetics', 'queued', 'api', 'a role that is gone', 'nobody at all', '{}', 0)}
	);
	$other->psql('plain', 'CALL bixarena_process_requests()');
	is( $other->safe_psql(
			'plain', q{SELECT status, error_message FROM bixarena.run
		WHERE triggered_by = 'a role that is gone'}),
		'failed|role "nobody at all" does not exist any more',
		'a run of a role that was not restored fails');
	$other->stop;
}

$node->stop;
done_testing();

sub new_server
{
	my ($name) = @_;
	my $server = PostgreSQL::Test::Cluster->new($name);

	$server->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$server->append_conf('postgresql.conf',
		"max_worker_processes = 0\nfsync = off\n");
	$server->start;
	return $server;
}

sub new_database
{
	my ($database) = @_;

	$node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE template0");
}

sub psql_file
{
	my ($database, $file) = @_;

	run_or_die('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d',
		$node->connstr($database),
		'-f', $file);
}

# Everything is as it was in a database of the source, and works
sub is_restored
{
	my ($server, $database, $source, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(changed_lines(contents($server, $database), $contents{$source}),
		'', "$name: all rows and rights are there");
	check_doubt($server, $database, $schema_of{$source}, $name);
	is(fresh_entries($server, $database, $schema_of{$source}),
		$entries{$source}, "$name: a new snapshot is the same");
	check_votes($server, $database, $schema_of{$source}, $name);
	check_waiting_runs($server, $database, $schema_of{$source}, $name);
}
