
# 006_pages.pl
#	  Charts and pages in a browser: everything is there, can be read, and a name
#	  is a name whatever it holds.
#
# test/browser/arenas.sql makes arenas of up to 300 models, one of them as odd as
# can be, and draws them; scoreboards.sql does so with scoreboards.  Here each drawing must be well-formed XML; then look.py
# opens it in Chromium, and palette.py looks at the colours as the colour-blind
# do.  Their results become those of this test.
#
# BIXARENA_PICTURES=FOLDER has pictures of all of it left there, to be looked at.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BrowserTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

$ENV{PGCLIENTENCODING} = 'UTF8';

my $browser = abs_path("$FindBin::RealBin/../browser");
my $folder = PostgreSQL::Test::Utils::tempdir();

my $node = PostgreSQL::Test::Cluster->new('pages');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION bixarena_rank');
my ($status, undef, $error) = $node->psql(
	'postgres',
	slurp_file("$browser/arenas.sql"),
	on_error_stop => 1);
is($status, 0, 'arenas are made and drawn') or die $error;
($status, undef, $error) = $node->psql(
	'postgres',
	slurp_file("$browser/scoreboards.sql"),
	on_error_stop => 1);
is($status, 0, 'scoreboards are made and drawn') or die $error;

#
# How long drawing takes
#

foreach my $drawing (
	q{bixarena_report('overall', arena => 'many')},
	q{bixarena_matchups_svg('overall', arena => 'many')},
	q{bixarena_leaderboard_svg('overall', arena => 'many')})
{
	my $start = time;
	$node->safe_psql('postgres', "SELECT length($drawing)");
	my $seconds = time - $start;

	cmp_ok(
		$seconds, '<',
		$PostgreSQL::Test::Utils::timeout_default,
		"$drawing does not take forever");
	note(sprintf '%s: %.2f s', $drawing, $seconds);
}

#
# Well-formed XML, for the server and for others
#

my $list = $node->safe_psql(
	'postgres', q{
	SELECT json_agg(json_build_object('file', file, 'counts', counts, 'names', names)
		ORDER BY file) FROM page});
append_to_file("$folder/pages.json", $list);

foreach my $file (map { $_->{file} } @{ decode_json($list) })
{
	my $path = "$folder/$file";

	my ($status, undef, $error) = $node->psql('postgres',
"SELECT xmlparse(DOCUMENT markup) IS DOCUMENT FROM page WHERE file = '$file'"
	);
	is($status, 0, "$file: XML for the server")
	  or diag(substr($error, 0, 500));
	append_to_file(
		$path,
		$node->safe_psql(
			'postgres', "SELECT markup FROM page WHERE file = '$file'"));
	ok(run_log([ 'xmllint', '--huge', '--noout', $path ]),
		"$file: XML for xmllint");
}

$node->stop;

#
# In the browser
#

results_of('look.py', $folder, $ENV{BIXARENA_PICTURES} // ());
results_of(
	'palette.py',
	"$folder/twenty-light-history.svg",
	"$folder/twenty-dark-history.svg");

done_testing();
