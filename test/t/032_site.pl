
# 032_site.pl
#	  The site of an arena, written by contrib/site/write-site and walked through
#	  in a browser: at once or not at all, and each link leads where it says.
#
# BIXARENA_PICTURES=FOLDER has pictures of all pages left there.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::RealBin/../perl";
use BrowserTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGCLIENTENCODING} = 'UTF8';

my $write = abs_path("$FindBin::RealBin/../../contrib/site/write-site");
my $folder = abs_path(PostgreSQL::Test::Utils::tempdir());
my $site = "$folder/a site/leaderboards";
my $node = PostgreSQL::Test::Cluster->new('site');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'");
$node->start;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';

# leaderboards of hostile names, one without a snapshot, one with a history
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_arena('arena');
	SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('min_total_battles', '1');
	SELECT bixarena_simulate_battles(3000, 12, categories => '{../x,Overall,oncology,with space}');
	UPDATE arena.model SET name = (ARRAY['GPT-5.2 (high)', 'Claude Opus 4.5', 'Gemini 3 Pro',
		'<script>alert(1)</script>', 'Qwen3-235B-A22B-Thinking-2507', 'DeepSeek-V3.2', 'Mistral Large 3',
		'Kimi K2', repeat('unbroken', 30), 'MedGemma 27B', U&'\0646\0645\0648\0630\062C \0644\063A\0648\064A', 'o3'])
		[right(slug, 4)::integer];
	UPDATE arena.leaderboard SET name = CASE slug WHEN '../x' THEN '<b>Up</b> & away' WHEN 'Overall' THEN 'Overall, of another case'
		WHEN 'with space' THEN repeat('A very long name of a leaderboard ', 5) WHEN 'overall' THEN 'Overall' ELSE 'Oncology' END;
	INSERT INTO arena.leaderboard (slug, name) VALUES (U&'\5FC3\0020\0001', U&'\5FC3\810F'), ('index', 'Index');
	DO $$ BEGIN
		PERFORM bixarena_generate_snapshot(l.slug) FROM arena.leaderboard AS l WHERE l.slug <> 'index' AND l.slug <> U&'\5FC3\0020\0001';
		UPDATE arena.leaderboard_snapshot SET created_at = now() - interval '8 days';
		UPDATE arena.leaderboard_entry SET rank = 13 - rank
		WHERE leaderboard_id IN (SELECT id FROM arena.leaderboard WHERE slug IN ('overall', '../x'));
	END $$;
	DO $$ BEGIN
		PERFORM bixarena_generate_snapshot(l.slug) FROM arena.leaderboard AS l WHERE l.slug IN ('overall', '../x', 'oncology');
	END $$;
});

#
# Written at once or not at all
#

write_site('a first time');
my $first = readlink $site;
is( join("\n", pages()),
	$node->safe_psql(
		'postgres',
		'SELECT path FROM bixarena_site() ORDER BY path COLLATE "C"'),
	'all pages are there, and nothing else');
is( slurp_file("$site/public/overall.html") =~ s/Made at .*//r,
	$node->safe_psql('postgres', q{SELECT bixarena_report('overall')}) =~
	  s/(<h1>.*?<\/h1>)/$1<p><a href="index.html">All leaderboards<\/a><\/p>/r
	  =~ s/<dd>manual, as role [^<]*/<dd>manual/r =~ s/Made at .*//r,
	'to the byte, but for who asked');

write_site('again');
isnt(readlink $site, $first, 'it is a new one');
write_site('and again');
ok(!-e "$folder/a site/$first", 'the last but one is gone');

# whatever fails leaves what there was
my $second = readlink $site;
my @beside = beside();
is(scalar @beside, 3,
	'there are the link, what it leads to and the last one');
foreach my $failure (
	[ 'no database', { PGDATABASE => 'nowhere' } ],
	[ 'no arena', {}, 'nowhere' ],
	[ 'a query that ends early', { PGOPTIONS => '-c statement_timeout=1' } ],
	[ 'a disk that is full', {}, undef, 'ulimit -f 8; ' ])
{
	my ($name, $environment, $arena, $first) = @$failure;
	local %ENV = (%ENV, %$environment);
	my ($out, $err);

	ok( !IPC::Run::run(
			[
				'bash', '-c', ($first // '') . '"$0" "$@"',
				$write, $site, $arena // ()
			],
			'>' => \$out,
			'2>' => \$err),
		"$name: it fails");
	is(readlink $site, $second, "$name: the site is as it was");
	is_deeply([ beside() ], \@beside, "$name: nothing is left over");
}
mkdir "$folder/taken";
ok(!IPC::Run::run([ $write, "$folder/taken" ], '2>' => \my $taken),
	'a folder that is there is not replaced');
like($taken, qr/exists and is no symbolic link/, 'and the script says why');

# names and pages are in UTF-8, whatever the database is in
{
	local %ENV = (%ENV, PGDATABASE => 'latin');

	delete $ENV{PGCLIENTENCODING};
	$node->safe_psql('postgres',
q{CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'}
	);
	$node->safe_psql(
		'latin',
		q{SET client_encoding = 'UTF8'; CREATE EXTENSION bixarena_rank;
		SELECT bixarena_create_arena(U&'\00E4ra'), bixarena_create_arena('other');
		INSERT INTO "\xc3\xa4ra".leaderboard (slug, name) VALUES ('big', U&'Gr\00F6\00DFe')}
		  =~ s/\\x(..)/chr hex $1/ger);
	ok(IPC::Run::run([ $write, "$folder/latin", "\xc3\xa4ra" ]),
		'a database of another encoding');
	like(slurp_file("$folder/latin/public/index.html"),
		qr/Gr\xc3\xb6\xc3\x9fe/, 'its pages are in UTF-8');
}

# readers find a whole site at any moment
my $reader = IPC::Run::start(
	[
		'bash', '-c', q{
	while [ ! -e "$1/stop" ]; do
		for page in index overall; do
			tail -n 1 "$0/public/$page.html" | grep -q '</html>' || echo "$page"
		done
	done}, $site, $folder
	],
	'>' => \my $torn);
write_site("while it is read, time $_") foreach 1 .. 3;
append_to_file("$folder/stop", '');
$reader->finish;
is($torn, '', 'no reader finds less');

# who reads results only
$node->safe_psql('postgres',
	q{CREATE ROLE web LOGIN; SELECT bixarena_grant('web', 'reader')});
{
	local $ENV{PGUSER} = 'web';
	write_site('as a reader', 'arena');
	ok(!-e "$site/operator" && -e "$site/public/overall.html",
		'without the operator\'s page');
}
write_site('for the walk', 'arena');

#
# In the browser
#

append_to_file(
	"$folder/expected.json",
	$node->safe_psql(
		'postgres', q{
	WITH shown AS (SELECT l.id, l.slug, l.name, (SELECT s.id FROM arena.leaderboard_snapshot AS s
			WHERE s.leaderboard_id = l.id AND s.visibility = 'public' ORDER BY s.created_at DESC LIMIT 1) AS snapshot
		FROM arena.leaderboard AS l)
	SELECT json_agg(json_build_object('name', btrim(b.name), 'texts', CASE WHEN b.snapshot IS NULL
		THEN '["There is no public snapshot yet."]'::jsonb
		ELSE (SELECT jsonb_agg(left(m.name, 70)) FROM arena.leaderboard_entry AS e JOIN arena.model AS m ON m.id = e.model_id
			WHERE e.snapshot_id = b.snapshot AND e.rank <= 3)
			|| CASE WHEN b.slug IN ('overall', '../x') THEN jsonb_build_array(chr(9650) || ' 11', chr(9660) || ' 11')
				WHEN b.slug = 'oncology' THEN '["none"]' ELSE '["nothing earlier"]' END END)
		ORDER BY b.slug <> 'overall', btrim(b.name) COLLATE "C") FROM shown AS b}));
results_of('walk.py', $folder, $site, $ENV{BIXARENA_PICTURES} // ());

$node->stop;
done_testing();

sub write_site
{
	my ($name, $arena) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $error;

	ok(IPC::Run::run([ $write, $site, $arena // () ], '2>' => \$error),
		"the site is written $name")
	  or diag($error);
}

# What is beside the site, and it
sub beside
{
	opendir my $handle, "$folder/a site" or die $!;
	return sort grep { !/^\./ } readdir $handle;
}

sub pages
{
	my ($out) =
	  run_command([ 'find', "$site/", '-type', 'f', '-printf', '%P\n' ]);

	return sort split /\n/, $out;
}
