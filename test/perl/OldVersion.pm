
# OldVersion.pm
#	  A database as an older version of the extension has left it.
#
# The library is this version's, and its functions refuse to work with tables of an
# older one (src/server/version.c).  So what an old version did is done again by its
# functions in SQL and plpgsql, with stand-ins for the few in C that they call; these
# are as they were again afterwards.

package OldVersion;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(run_as_old_version);

# What they are named in version 1.0, and since
my $register = q{RETURNS void LANGUAGE sql
	AS $$INSERT INTO bixarena.arena (name) VALUES (arena) ON CONFLICT DO NOTHING$$};
my $resolve = q{RETURNS text LANGUAGE sql
	AS $$SELECT coalesce(arena, (SELECT min(a.name::text) FROM bixarena.arena AS a))$$};
my %stand_ins = (
	'bixarena.register_arena(arena text)' => $register,
	'bixarena.arena_register(arena text)' => $register,
	'bixarena.resolve_arena(arena text)' => $resolve,
	'bixarena.arena_resolve(arena text)' => $resolve);

# Run SQL in a database that has this version of the extension
sub run_as_old_version
{
	my ($node, $database, $version, $sql) = @_;
	my $script =
	  slurp_file("$FindBin::RealBin/../../sql/bixarena_rank--$version.sql");
	my %definition;

	foreach my $function (sort keys %stand_ins)
	{
		$definition{$function} = $1
		  if $script =~ /^CREATE( FUNCTION \Q$function\E.*?;)\n/ms;
	}
	die "no functions to stand in for" unless keys %definition == 2;
	foreach my $function (sort keys %definition)
	{
		$node->safe_psql($database,
			"CREATE OR REPLACE FUNCTION $function $stand_ins{$function}");
	}
	$node->safe_psql($database, $sql);
	foreach my $function (sort keys %definition)
	{
		$definition{$function} =~
		  s/'MODULE_PATHNAME'/'\$libdir\/bixarena_rank'/;
		$node->safe_psql($database,
			"CREATE OR REPLACE$definition{$function}");
	}
}

1;
