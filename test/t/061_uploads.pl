
# 061_uploads.pl
#	  Uploads of standings: a folder of the server's, from which nothing leads out;
#	  files that no program wrote; the same key from several sessions at once; a server
#	  that is killed in the midst of one.  Whatever comes, a file is accepted or refused
#	  as a whole, and what is kept is what came.

use strict;
use warnings;

use Cwd         qw(abs_path);
use File::Path  qw(make_path);
use POSIX       qw(mkfifo);
use Time::HiRes qw(utime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('uploads');
my $folder = abs_path(PostgreSQL::Test::Utils::tempdir);
my $outside = abs_path(PostgreSQL::Test::Utils::tempdir);

$node->init;
$node->append_conf('postgresql.conf', "restart_after_crash = on\n");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION bixarena_rank;
	SELECT bixarena_create_scoreboard('game')});

sub value
{
	return $node->safe_psql('postgres', $_[0]);
}

sub write_file
{
	my ($path, $content) = @_;
	my ($above) = $path =~ m{(.*)/};

	make_path($above);
	open my $file, '>:raw', $path or die "$path: $!";
	print $file $content;
	close $file;
	return;
}

# What CALL bixarena_ingest_folder says
sub ingest
{
	my (undef, undef, $said) = $node->psql('postgres',
		"CALL bixarena_ingest_folder('game', '$folder')");

	return $said;
}

# Whatever was done: what is accepted has all its rows and orders, and nothing else has any
sub check_all
{
	my ($when) = @_;

	is( value(
q{SELECT count(*) FROM game.upload AS u JOIN game.upload_content AS c USING (run_no)
			WHERE c.content IS NULL OR sha256(c.content) <> u.sha256 OR octet_length(c.content) <> u.size}
		),
		'0',
		"$when: bytes are as they came");
	is( value(
q{SELECT count(*) FROM game.upload AS u WHERE u.num_rows <> (SELECT count(*) FROM game.standing AS s
			WHERE s.run_no = u.run_no) OR (u.status = 'accepted') <> (u.num_rows > 0) OR (u.status = 'accepted') <> (u.version IS NOT NULL)}
		),
		'0',
		"$when: what is accepted has its rows");
	is( value(
q{SELECT count(*) FROM game.upload AS u, unnest(u.metrics) WITH ORDINALITY AS m (name, n)
			WHERE (SELECT count(*) FROM game.standing AS s WHERE s.run_no = u.run_no AND s.values[m.n] IS NOT NULL)
			<> (SELECT coalesce(sum(cardinality(o.row_nos)), 0) FROM game.standing_order AS o WHERE o.run_no = u.run_no AND o.metric_no = m.n)
			AND u.status = 'accepted'}),
		'0',
		"$when: and their orders");
	is( value(
q{SELECT count(*) FROM game.standing AS s WHERE NOT EXISTS (SELECT FROM game.upload AS u WHERE u.run_no = s.run_no)}
		),
		'0',
		"$when: and nothing else has rows");
	is( value(
q{SELECT count(*) FROM (SELECT max(version) <> count(version) AS gap FROM game.upload GROUP BY source, partition, snapshot_date) AS v WHERE gap}
		),
		'0',
		"$when: versions have no gap");
	return;
}

#
# A folder
#

like(
	ingest(),
	qr/0 files are kept and count; 0 are not/,
	'no inbox, no files');
write_file("$folder/inbox/source=rok/kingdom=51/dt=2026-01-26/players.csv",
	"id,kills\n1,5\n2,7\n");
write_file("$folder/inbox/source=rok/kingdom=52/dt=2026-01-26/players.json",
	'[{"id": 1, "kills": 5}]');
write_file("$folder/inbox/source=rok/kingdom=53/dt=2026-01-26/players.csv",
	"id,kills\n1,5\n1,7\n");
write_file("$folder/inbox/readme.txt", 'not a key');
write_file("$folder/inbox/.hidden/source=rok/dt=2026-01-26/a.csv", "id\n1\n");
write_file("$folder/elsewhere/source=rok/dt=2026-01-26/a.csv", "id\n1\n");
write_file("$outside/source=secret/dt=2026-01-26/a.csv", "id\n1\n");
write_file("$outside/a.csv", "id\n1\n");
symlink "$outside/source=secret", "$folder/inbox/source=secret"
  or die "symlink: $!";
symlink "$outside/a.csv", "$folder/inbox/source=rok/dt=2026-01-26.csv"
  or die "symlink: $!";
my $said = ingest();
like(
	$said,
	qr/file "inbox\/readme.txt" is not kept: the key of an upload is not one/,
	'a file that has no key is told');
like(
	$said,
	qr/file "[^"]*kingdom=53[^"]*" is refused/,
	'so is one that is bad');
like(
	$said,
	qr/2 files are kept and count; 2 are not/,
	'and they stop no other');
is( value(
q{SELECT string_agg(key || ' ' || status, ', ' ORDER BY key) FROM game.upload}
	),
	join(', ',
		'inbox/source=rok/kingdom=51/dt=2026-01-26/players.csv accepted',
		'inbox/source=rok/kingdom=52/dt=2026-01-26/players.json accepted',
		'inbox/source=rok/kingdom=53/dt=2026-01-26/players.csv refused'),
	'links, what is hidden and what is elsewhere are not read');
like(
	ingest(),
	qr/0 files are kept and count; 1 are not/,
	'what is there already is not read again');
write_file("$folder/inbox/source=rok/kingdom=53/dt=2026-01-26/players.csv",
	"id,kills\n1,5\n2,77\n");
utime time + 10, time + 10,
  "$folder/inbox/source=rok/kingdom=53/dt=2026-01-26/players.csv";
like(ingest(), qr/1 files are kept and count; 1 are not/, 'a better file is');
like(
	(   $node->psql(
			'postgres',
"SELECT bixarena.upload_file('$folder', 'inbox/../elsewhere/source=rok/dt=2026-01-26/a.csv', 1000)"
		))[2],
	qr/cannot be read/,
	'no key leads out of the folder');
like(
	(   $node->psql(
			'postgres',
"SELECT bixarena.upload_file('$folder', 'inbox/source=secret/dt=2026-01-26/a.csv', 1000)"
		))[2],
	qr/cannot be read/,
	'and no link');

# the same bytes, written anew, are read once more and are the same upload; others of
# the same size and second are another
my $players =
  "$folder/inbox/source=rok/kingdom=52/dt=2026-01-26/players.json";
my $uploads = value('SELECT count(*) FROM game.upload');
my $now = time;
utime $now + 20.25, $now + 20.25, $players or die "utime: $!";
like(ingest(), qr/1 files are kept and count; 1 are not/, 'a touched file');
is(value('SELECT count(*) FROM game.upload'),
	$uploads, 'is the same upload, and');
like(ingest(), qr/0 files are kept and count; 1 are not/, 'is read once');
write_file($players, '[{"id": 1, "kills": 6}]');
utime $now + 20.5, $now + 20.5, $players or die "utime: $!";
like(
	ingest(),
	qr/1 files are kept and count; 1 are not/,
	'another one of the same second');
is( value(
q{SELECT value FROM bixarena_standings('game', 'rok', 'kingdom=52', 'kills')}
	),
	'6', 'counts');
# what was there before comes back, as old as it was
write_file($players, '[{"id": 1, "kills": 5}]');
utime $now, $now, $players or die "utime: $!";
like(
	ingest(),
	qr/1 files are kept and count; 1 are not/,
	'an older file is read');

# what is no plain file of this folder alone, and what cannot be opened
write_file("$outside/b.csv", "id\n1\n");
make_path("$folder/inbox/source=hard/dt=2026-01-26");
link "$outside/b.csv", "$folder/inbox/source=hard/dt=2026-01-26/b.csv"
  or die "link: $!";
mkfifo("$folder/inbox/source=hard/dt=2026-01-26/c.csv", oct 600)
  or die "mkfifo: $!";
write_file("$folder/inbox/source=closed/dt=2026-01-26/a.csv", "id\n1\n");
write_file("$folder/inbox/source=open/dt=2026-01-26/a.csv", "id\n1\n");
write_file("$folder/inbox/source=open/dt=2026-01-26/b.csv", "id\n1\n");
chmod oct(0), "$folder/inbox/source=closed",
  "$folder/inbox/source=open/dt=2026-01-26/b.csv";
$said = ingest();
like(
	$said,
	qr/hard.*b.csv" is not kept: .* has other names besides/,
	'a hard link is not read');
unlike($said, qr/c\.csv/, 'nor a pipe');
SKIP:
{
	skip 'the superuser may open all', 3 if $> == 0;
	like(
		$said,
		qr/"inbox\/source=closed" cannot be read/,
		'a folder that is closed is told');
	like($said, qr/open.*b.csv" is not kept: .* cannot be read/,
		'so is a file');
	like(
		$said,
		qr/1 files are kept and count; 3 are not/,
		'and they stop no other');
}
chmod oct(755), "$folder/inbox/source=closed";
unlink "$folder/inbox/source=hard/dt=2026-01-26/b.csv",
  "$folder/inbox/source=hard/dt=2026-01-26/c.csv",
  "$folder/inbox/source=open/dt=2026-01-26/b.csv";
like(
	(   $node->psql(
			'postgres',
"SELECT bixarena.upload_file('$folder', 'inbox/source=hard/dt=2026-01-26', 1000)"
		))[2],
	qr/is no plain file|cannot be read/,
	'nor a folder');
check_all('after a folder');

#
# Files that no program wrote
#

$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION mutated(content bytea) RETURNS bytea LANGUAGE plpgsql AS $$
	DECLARE
		n integer := octet_length(content);
		at integer;
		-- what has a meaning to somebody
		bits constant bytea[] := ARRAY['\x22', '\x2c', '\x0a', '\x0d', '\x0d0a', '\x00', '\xff', '\xefbbbf', '\x5c', '\x5c2e0a', '\x7b', '\x7d',
			'\x5b', '\x5d', '\x3a', '\x2d', '\x2e', '\x39393939393939393939', '\x65393939', '\x6e756c6c', '\x5c7530303030', '\xc3', '\xe282']::bytea[];
	BEGIN
		FOR i IN 0 .. floor(random() * 4) LOOP
			at := floor(random() * (octet_length(content) + 1));
			content := substr(content, 1, at) || bits[1 + floor(random() * cardinality(bits))]
				|| substr(content, at + 1 + floor(random() * 3)::integer);
		END LOOP;
		RETURN content;
	END
	$$;
	CREATE FUNCTION fuzz(n integer) RETURNS TABLE (status text, count bigint) LANGUAGE sql AS $$
		SELECT u.status, count(*) FROM generate_series(1, n) AS i
		CROSS JOIN LATERAL (SELECT CASE i % 3 WHEN 0 THEN 'csv' WHEN 1 THEN 'json' ELSE 'jsonl' END AS format) AS f
		CROSS JOIN LATERAL bixarena_upload_standings('game', format('source=fuzz/dt=2026-01-01/%s.%s', i, f.format), mutated(CASE f.format
			WHEN 'csv' THEN E'id,name,a b,c\\0121,"A ""x"", y",2,3.5\\0152,Bob,-1e3,\\0123,"two\\012lines",7,8\\012'::bytea
			WHEN 'json' THEN '[{"id": "1", "name": "Ann", "a": 2}, {"id": "2", "a": -1.5e3, "b": null}]'::bytea
			ELSE E'{"id": "1", "name": "Ann", "a": 2}\\012{"id": "2", "a": -1.5e3, "b": true}\\012'::bytea END)) AS u
		GROUP BY 1
	$$});
my $outcomes = value('SELECT status, count FROM fuzz(600) ORDER BY 1');
like($outcomes, qr/^accepted\|\d+$/m, 'some odd files are read');
like($outcomes, qr/^refused\|\d+$/m, 'others are refused');
check_all('after odd files');

# large in every direction
foreach my $large (
	[ 'csv', q{repeat(',', 2000000)} ],
	[ 'csv', q{E'id\n"' || repeat('x', 2000000)} ],
	[ 'csv', q{repeat(E'\n', 2000000)} ],
	[ 'json', q{repeat('[', 100000)} ],
	[ 'json', q{'[' || repeat('{"id":1},', 200000)} ],
	[ 'jsonl', q{repeat(E'{}\n', 500000)} ],
	[ 'json', q{'[{"id":"1","' || repeat('n', 100000) || '":1}]'} ],
	[ 'csv', q{E'id,a\n2,1\n3,1\n1,' || repeat('9', 100000)} ])
{
	my ($format, $content) = @$large;
	my ($status, $out, $error) = $node->psql('postgres',
"SELECT status FROM bixarena_upload_standings('game', 'source=large/dt=2026-01-01/a.$format', convert_to($content, 'UTF8'))"
	);

	like(
		"$out$error",
		qr/refused|stack depth limit/,
		"$format of $content is refused");
}
check_all('after large files');

# what is wrong in each of a million lines takes no memory for each, nor do values that
# are there many times
SKIP:
{
	skip 'memory is told on Linux', 4 if $^O ne 'linux';
	foreach my $large (
		[ 'csv', q{E'id\n' || repeat(E',\n', 4000000)} ],
		[ 'csv', q{E'id,a,b\n' || repeat(E'a"x",b"y",c"z"\n', 500000)} ],
		[ 'json', q{'[{"id":1' || repeat(',"id":1', 1000000) || '}]'} ],
		[ 'jsonl', q{repeat(E'{"id":1}\n', 500000)} ])
	{
		my ($format, $content) = @$large;
		my $session = $node->background_psql('postgres');
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		my $status = $session->query_safe(
"SELECT status FROM bixarena_upload_standings('game', 'source=memory/dt=2026-01-01/a.$format', convert_to($content, 'UTF8'))"
		);
		my ($most) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;

		$session->quit;
		note("$format of $content: $most kB");
		cmp_ok($most, '<', 250_000,
			"$status: 8 MB of $format take less than 250");
	}
}
check_all('after many flaws');

# in a database of another encoding
$node->safe_psql('postgres',
	q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin',
q{CREATE EXTENSION bixarena_rank; SELECT bixarena_create_scoreboard('game')}
);
foreach my $strange (
	# a byte order mark, and what the database has
	[ 'csv', 'efbbbf69642c6e616d650a312c4ac3b672670a', 'accepted|' ],
	[
		'json', 'efbbbf5b7b226964223a312c226e616d65223a224ac3b67267227d5d',
		'accepted|'
	],
	# what it has not, as itself and escaped
	[ 'csv', '69642c6e616d650a312c4ac3b672670a322ce4b8ad0a', 'refused|3' ],
	[ 'json', '5b7b226964223a312c226e616d65223a22e4b8ad227d5d', 'refused|1' ],
	[
		'jsonl',
		'7b226964223a317d0a7b226964223a322c226e616d65223a225c7534653264227d',
		'refused|2'
	])
{
	my ($format, $bytes, $outcome) = @$strange;

	is( $node->safe_psql(
			'latin',
"SELECT status, errors -> 0 -> 'line' FROM bixarena_upload_standings('game', 'source=latin/dt=2026-01-01/$bytes.$format', '\\x$bytes')"
		),
		$outcome,
		"$format of $bytes in LATIN1: $outcome");
}
is( $node->safe_psql(
		'latin',
		q{SELECT DISTINCT octet_length(name), length(name) FROM game.standing}
	),
	'4|4',
	'names are in the encoding of the database');

#
# The same key from several sessions
#

my $script = "$folder/script.sql";
append_to_file($script,
q{SELECT status FROM bixarena_upload_standings('game', 'source=race/dt=2026-01-01/a.csv', convert_to(E'id,a\n1,' || floor(random() * 20), 'UTF8'));}
	  . "\n");
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
command_ok(
	[
		'pgbench', '--no-vacuum',
		"--file=$script", '--client=6',
		'--transactions=30', 'postgres'
	],
	'six sessions upload');
is( value(
q{SELECT count(*) = count(DISTINCT sha256) AND count(*) <= 20 FROM game.upload WHERE source = 'race'}
	),
	't',
	'each content is kept once');
check_all('after a race');

#
# A server that is killed
#

my $rows =
q{(SELECT E'id,a,b,c\n' || string_agg(i || ',' || i % 97 || ',' || i % 89 || ',1', E'\n') FROM generate_series(1, 150000) AS i)};
foreach my $try (1 .. 3)
{
	my $session = $node->background_psql('postgres', on_error_die => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->{stdin} .=
"SELECT status FROM bixarena_upload_standings('game', 'source=killed/dt=2026-01-0$try/a.csv', convert_to($rows, 'UTF8'));\n";
	$session->{run}->pump_nb;
	select undef, undef, undef, 0.3 * $try;
	kill 'KILL', $pid or die "backend $pid cannot be killed";
	eval { $session->{run}->finish };
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server has not come back';
	check_all("after a kill, $try");
}
is( value(
"SELECT status || num_rows FROM bixarena_upload_standings('game', 'source=killed/dt=2026-01-01/b.csv', convert_to($rows, 'UTF8'))"
	),
	'accepted150000',
	'and it goes on');
check_all('after that');

#
# What is as large as a bytea can be is refused before it is read
#

my ($status, undef, $error) = $node->psql('postgres',
q{SELECT bixarena_upload_standings('game', 'source=huge/dt=2026-01-01/a.csv', convert_to(repeat('x', 300000000), 'UTF8'))}
);
like($error, qr/the file has 300000000 bytes/,
	'more than the setting allows');
write_file("$folder/inbox/source=huge/dt=2026-01-01/a.csv", '');
truncate "$folder/inbox/source=huge/dt=2026-01-01/a.csv", 1100000000;
like(
	ingest(),
	qr/is not kept: the file has 1100000000 bytes/,
	'so is a file, without reading it');
$node->stop;
done_testing();
