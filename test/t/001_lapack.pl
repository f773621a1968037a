
# 001_lapack.pl
#	  The same ranking whichever LAPACK answers, and no thread in a backend.
#
# Debian's alternatives choose the LAPACK of a machine.  Here LD_LIBRARY_PATH
# chooses that of one server: REFERENCE_LAPACK and OPENBLAS name the folders
# of the reference implementation and of libopenblas0-serial.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

if (!$ENV{REFERENCE_LAPACK} || !$ENV{OPENBLAS})
{
	plan skip_all => 'REFERENCE_LAPACK and OPENBLAS are not set';
}

# Scores are rounded to 1e-6, and a rounding may fall either way
my $tolerance = 1.5e-6;

my $node = PostgreSQL::Test::Cluster->new('lapack');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION bixarena_rank;
	CREATE TABLE votes AS
	SELECT 'model ' || number % 100 AS model1,
		'model ' || (number % 100 + 1 + number / 100 % 99) % 100 AS model2,
		(ARRAY['model1', 'model2', 'tie'])[1 + floor(3 * random())] AS outcome
	FROM setseed(0.5), generate_series(1, 50000) AS number;
});
$node->stop;

my $reference = rank_with($ENV{REFERENCE_LAPACK}, 'reference LAPACK');
my $openblas = rank_with($ENV{OPENBLAS}, 'serial OpenBLAS');

is(scalar keys %$reference, 100, 'all models are ranked');
is_deeply(
	[ sort keys %$openblas ],
	[ sort keys %$reference ],
	'both rank the same models');
cmp_ok(largest_difference($reference, $openblas),
	'<=', $tolerance, 'both give the same scores and bounds');

done_testing();

# Start the server with the library in these folders, rank the votes, and look
# at the process that did it.  Returns score and bounds by model.
sub rank_with
{
	my ($folders, $name) = @_;

	local $ENV{LD_LIBRARY_PATH} = $folders;
	$node->start;
	my $output = $node->safe_psql(
		'postgres', q{
		SELECT 'rating', model, bt_score, bootstrap_q025, bootstrap_q975
		FROM bixarena_rank('votes');
		SELECT 'library', library[1]
		FROM regexp_matches(pg_read_file('/proc/self/maps'),
			'(/\S+/liblapack\.so\S*)', 'g') AS library;
		SELECT 'threads', substring(pg_read_file('/proc/self/status'),
			'Threads:\s+(\d+)');
	});
	$node->stop;

	my %ratings =
	  map { /^rating\|([^|]*)\|(.*)/ ? ($1 => [ split /\|/, $2 ]) : () }
	  split /\n/, $output;
	my ($library) = $output =~ m{^library\|(.*)/[^/]*$}m;
	my ($threads) = $output =~ /^threads\|(.*)$/m;

	ok((grep { $_ eq ($library // '') } split /:/, $folders),
		"$name: it is what the backend loaded");
	is($threads, 1, "$name: the backend has one thread");
	return \%ratings;
}

sub largest_difference
{
	my ($one, $other) = @_;
	my $largest = 0;

	foreach my $model (keys %$one)
	{
		foreach my $i (0 .. 2)
		{
			my $difference = abs($one->{$model}[$i] - $other->{$model}[$i]);
			$largest = $difference if $difference > $largest;
		}
	}
	return $largest;
}
