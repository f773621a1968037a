
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
query(q{CREATE EXTENSION bixarena_rank; SELECT bixarena_create_arena('arena');
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

	return map { [ map { s/^\s+|\s+$//gr } split /\|/, $_ ] } $part =~ /^\| ?(`[^\n]*?) ?\|$/mg;
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
is(sorted(grep { /^bixarena_/ } keys %$entries),
	sorted(map { $_->[1] } @routines), 'every function has an entry, and every entry a function');

test_routine(@$_) foreach @routines;
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
	my $signature = $kind eq 'p' ? "CALL $name($arguments)" : "$name($arguments) → $result";
	my $words = $entry =~ s/^```.*?^```$//msgr;
	my %quoted = map { $_ => 1 } quoted($words);
	my @named = map { $_->[0] } rows(
		qq{SELECT a.name FROM pg_proc AS p, unnest(p.proargnames) AS a (name) WHERE p.oid = $oid});

	utf8::decode($shown) if defined $shown;
	utf8::decode($signature);
	is(squeezed($shown // ''), short_types($signature), "$name: as in the catalog");

	push @named, map { $_->[0] } rows(
		qq{SELECT a.attname FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid
			WHERE t.oid = $type AND t.typname ~ '^bixarena_' AND a.attnum > 0});
	is(join(', ', grep { !$quoted{$_} } @named), '', "$name: every argument and column is explained");

	ok( $entry =~ /^\| error \| when \|$/m, "$name: errors");
	ok( $entry =~ /^```(?:sql|sh)\n(?:(?!^```).)*\b$name\b/ms, "$name: an example");
	ok( $entry =~ /^See also: /m, "$name: see also");
	like($chapters->{'What do you want to do?'}, qr/\(#$name\)/, "$name: in the index");
	isnt(query("SELECT obj_description($oid, 'pg_proc')"), '', "$name: a comment");
}

sub test_settings
{
	my @settings = rows(q{SELECT setting, coalesce(default_value, 'none') FROM bixarena_settings()});
	my @shown = table_rows($chapters->{Settings});

	is( sorted(map { "$_->[0] " . ($_->[2] =~ s/`//gr =~ s/^none:.*/none/r) } @shown),
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
	is(refused($setting, @bad), join(',', @bad), "$setting: what it may not be");
}

# Those of the values that a setting does not take
sub refused
{
	my ($setting, @values) = @_;
	my $list = join(',', map { "'$_'" } @values);

	return query("SELECT string_agg(v, ',' ORDER BY n) FROM unnest(ARRAY[$list])"
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

	foreach my $relation (qw(run arena setting membership))
	{
		my $entry = $entries->{"bixarena.$relation"} // '';
		$shown{"$relation $_"} = 1 foreach map { $_->[0] =~ s/`//gr } table_rows($entry);
	}
	my ($metrics) = split /^\| metric /m, $chapters->{Metrics};
	$shown{"metrics $_"} = 1 foreach map { $_->[0] =~ s/`//gr } table_rows($metrics);

	is( sorted(keys %shown),
		sorted(map { "$_->[0] $_->[1] " . short_types($_->[2]) } @columns),
		'every column of our tables, with its type');
}

sub test_metrics
{
	my ($list) = $chapters->{Metrics} =~ /^\| metric (.*?)^$/ms;

	is( sorted(map { quoted($_->[0]) } table_rows($list)),
		sorted(map { $_->[0] } rows('SELECT name FROM bixarena.metric_help()')),
		'every metric');
}

# The fields of a JSON object without objects in it
sub fields
{
	return sorted($_[0] =~ /"(\w+)": /g);
}

sub test_notices
{
	my ($of_run) = $chapters->{Notices} =~ /^\| field of a run's notice (.*?)^$/ms;
	my ($of_call) = $chapters->{Notices} =~ /^\| field of a call's notice (.*?)^$/ms;
	my @notices = $node->safe_psql('postgres',
		"LISTEN bixarena_rank;\nCALL bixarena_generate_snapshots();\nSELECT 1;") =~ /with payload "(\{.*\})" received/g;

	is(scalar(@notices), 2, 'notices of a run and of its call');
	is(sorted(map { quoted($_->[0]) } table_rows($of_run)), fields($notices[0]), 'every field of a run\'s notice');
	is(sorted(map { quoted($_->[0]) } table_rows($of_call)), fields($notices[1]), 'every field of a call\'s notice');
}

sub test_parameters
{
	my $parameters = query(
		q{LOAD 'bixarena_rank';
		SELECT name, CASE boot_val WHEN '' THEN 'empty' ELSE boot_val END
		FROM pg_settings WHERE name ~ '^bixarena_rank[.]' AND context = 'user'});

	is( sorted(map { join '|', $_->[0] =~ s/`//gr, $_->[2] } table_rows($chapters->{Parameters})),
		sorted(split /\n/, $parameters),
		'every parameter, with its default');
}
