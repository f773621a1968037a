
# 092_house.pl
#	  The walls of the house: the method knows nothing of tables, and arrows between
#	  folders run one way.  The names in it: each internal function of SQL says by its
#	  prefix which part it is of.
#
# The folders of src/, in the Makefile's order, are storeys: a file includes headers
# of its own and of those below.  And within a folder no two files need each other.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $makefile = slurp_file("$top/Makefile");
my ($folders) = $makefile =~ /^FOLDERS = (.*)$/m;
my @folders = split ' ', $folders;
my %storey = map { $folders[$_] => $_ } 0 .. $#folders;

is_deeply(
	[ sort keys %storey ],
	[ sort grep { $_ ne 'sql' } map { m{src/(\w+)/$} } glob("$top/src/*/") ],
	'every folder is a storey');

# What the method may use of the server, besides what is in common/ and lib/
my %of_the_method = map { $_ => 1 } qw(postgres.h miscadmin.h mb/pg_wchar.h
  portability/instr_time.h storage/shmem.h utils/memutils.h);
my (%defined_in, %text);

foreach my $file (map { s{^\Q$top\E/}{}r } glob("$top/src/*/*.[ch]"))
{
	my ($folder) = $file =~ m{^src/(\w+)/};
	my @included;

	$text{$file} = slurp_file("$top/$file");
	@included = $text{$file} =~ /^#include [<"](.*?)[>"]/mg;

	is( join(
			' ',
			grep {
					 m{^(\w+)/}
				  && exists $storey{$1}
				  && $storey{$1} > $storey{$folder}
			} @included),
		'',
		"$file includes nothing of a folder above");
	next unless $folder eq 'method';
	is( join(
			' ',
			grep {
					 m{/|^[a-z_]+\.h$}
				  && !m{^(?:common|lib|port|method)/}
				  && !$of_the_method{$_}
				  && $_ ne 'compat.h'
				  && !
/^(?:math|float|ctype|limits|stdint|cblas|lapacke|unistd)\.h$/
			} @included),
		'',
		"$file knows no table, no SPI and no setting");
}

# Which file defines what it offers, and which use it
foreach my $file (grep { /\.c$/ } sort keys %text)
{
	$defined_in{$_} = $file
	  foreach grep { !/^(?:if|while|for|switch|return)$/ }
	  $text{$file} =~ /^(?!static)[\w ]+[\s\*]*\n(\w+)\(/mg;
}
my %needs;
foreach my $file (grep { /\.c$/ } sort keys %text)
{
	my $code = $text{$file} =~ s{/\*.*?\*/|"(?:[^"\\]|\\.)*"}{}gsr;

	foreach my $name ($code =~ /\b(\w+)\b/g)
	{
		my $home = $defined_in{$name} // next;

		$needs{$file}{$home} = 1 if $home ne $file && $name !~ /^bixarena_/;
	}
}
cmp_ok(scalar(keys %defined_in), '>', 100, 'files offer something');

my (%seen, @circles);
walk($_) foreach sort keys %needs;
is(join("\n", @circles),
	'', 'no two files need each other, be it by way of others');

# The prefixes of functions in schema bixarena, and the parts that have them
my %part_of = (
	interface => 'tables',
	trigger => 'tables',
	arena => 'arena/arena',
	role => 'arena/role',
	setting => 'arena/setting',
	node => 'arena/node_script',
	remote => 'arena/remote',
	simulate => 'arena/simulate',
	rank => 'score/rank',
	score => 'score/*',
	scoreboard => 'score/*',
	upload => 'score/*',
	tally => 'value/tally',
	run => 'run/*',
	slack => 'run/run',
	cron => 'run/*',
	read => 'read/watch',
	list => 'read/paging',
	leaderboard => 'read/leaderboard',
	snapshot => 'read/leaderboard',
	model => 'read/history',
	comparison => 'read/comparison',
	matchup => 'read/matchup',
	range => 'read/range',
	term => 'read/term',
	examine => 'read/examine',
	text => 'chart/text',
	chart => 'chart/*chart',
	page => 'chart/html',
	report => 'chart/*report',
	operator => 'chart/runs_report',
	site => 'chart/site',
	live => 'live/*',
	health => 'watch/health',
	metrics => 'watch/metrics');
my %used;

foreach my $part ($makefile =~ m{^\s*src/sql/(.*?)\.sql(?: \\)?$}mg)
{
	my @functions = slurp_file("$top/src/sql/$part.sql") =~
	  /^CREATE (?:FUNCTION|PROCEDURE|AGGREGATE) bixarena\.(\w+)/mg;
	my @foreign = grep {
		my ($prefix) = /^([a-z]+)_/;
		my $owner = $part_of{ $prefix // '' } // '';

		$used{$prefix}++ if defined $prefix;
		$part !~ /^@{[ $owner =~ s{\*}{[a-z_]*}r ]}$/
	} @functions;

	is("@foreign", '', "functions of src/sql/$part.sql bear its prefix");

	# the server reads them in whatever encoding the database has
	unlike(slurp_file("$top/src/sql/$part.sql"),
		qr/[^\x00-\x7f]/, "src/sql/$part.sql is ASCII");
}
is_deeply(
	[ sort keys %used ],
	[ sort keys %part_of ],
	'every prefix is in use');
done_testing();

# Follow the arrows; one that leads back to where it came from closes a circle
sub walk
{
	my ($file, @path) = @_;

	if (my ($at) = grep { $path[$_] eq $file } 0 .. $#path)
	{
		push @circles, join(' -> ', @path[ $at .. $#path ], $file);
		return;
	}
	return if $seen{$file}++;
	walk($_, @path, $file) foreach sort keys %{ $needs{$file} };
}
