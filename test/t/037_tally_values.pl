
# 037_tally_values.pl
#	  A tally travels: by a dump, in a binary file, to a database of another encoding,
#	  to a subscriber, and is ranked on a standby.  And no bytes that claim to be one do
#	  harm: each is an error, or a tally like any other.

use strict;
use warnings;

use Cwd 'abs_path';
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
my $standby = PostgreSQL::Test::Cluster->new('standby');

$primary->init(
	extra => [ '--encoding=UTF8', '--locale=C' ],
	allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', "log_statement = none\n");
$primary->start;
sql($primary, q{
	CREATE EXTENSION bixarena_rank;
	CREATE TABLE votes AS
	SELECT format('%s %s', (ARRAY['ю', 'а', 'я', 'б', '"Z\\'])[1 + model1 % 5], model1) AS model1,
		format('%s %s', (ARRAY['ю', 'а', 'я', 'б', '"Z\\'])[1 + model2 % 5], model2) AS model2,
		outcome AS winner, '2026-01-01'::date + (40 * moment)::int AS day
	FROM bixarena.simulate_draws(20000, bixarena.simulate_scores(40, 1), 0.2, 10, 1);
	CREATE MATERIALIZED VIEW daily AS
	SELECT day, bixarena_tally(model1, model2, winner) AS t FROM votes GROUP BY day;
	CREATE TABLE kept (id int PRIMARY KEY, t bixarena_tally NOT NULL);
	INSERT INTO kept SELECT day - '2026-01-01', t FROM daily;
	INSERT INTO kept SELECT 100, bixarena_tally(model1, model2, winner) FROM votes;
	INSERT INTO kept VALUES (101, '{"version": 1, "models": [], "pairs": []}')});

my $all = q{SELECT id, t FROM kept ORDER BY id};
my $kept = sql($primary, $all);
my $ranking =
q{SELECT r.* FROM kept AS k, bixarena_rank_tally(k.t, 50) AS r WHERE k.id = 100};
my $ranked = sql($primary, $ranking);

is( $ranked,
	sql($primary,
		q{SELECT * FROM bixarena_rank('votes', 50, outcome => 'winner')}),
	'a kept tally is ranked as the votes are');
is_value(
	$primary,
q{SELECT (SELECT bixarena_tally(t) FROM daily) = t FROM kept WHERE id = 100},
	't',
	'the days add up');

#
# Dumps and files
#

my $dump = $primary->basedir . '/dump';

run_log(
	[
		'pg_dump', '--no-sync',
		'-Fc', '-f',
		$dump, $primary->connstr('postgres')
	]);
$primary->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok(
	[
		'pg_restore', '--exit-on-error',
		'-d', $primary->connstr('restored'),
		$dump
	],
	'a dump is restored');
is($primary->safe_psql('restored', $all), $kept, 'with its tallies');
is( $primary->safe_psql('restored', 'SELECT day, t FROM daily ORDER BY day'),
	sql($primary, 'SELECT day, t FROM daily ORDER BY day'),
	'and views of them');

# in KOI8-R the letters have another order than in Unicode
my $file = abs_path(PostgreSQL::Test::Utils::tempdir()) . '/tallies';
sql($primary, qq{COPY ($all) TO '$file' (FORMAT binary)});
$primary->safe_psql('postgres',
	q{CREATE DATABASE koi TEMPLATE template0 ENCODING 'KOI8R' LOCALE 'C'});
$primary->safe_psql(
	'koi', qq{
	CREATE EXTENSION bixarena_rank;
	CREATE TABLE kept (id int PRIMARY KEY, t bixarena_tally NOT NULL);
	SET client_encoding = 'UTF8';
	COPY kept FROM '$file' (FORMAT binary)});
is( sorted_pairs('koi'),
	sorted_pairs('postgres'),
	'a binary file brings them into another encoding');
isnt($primary->safe_psql('koi', $all), $kept, 'where their order is another');
is( $primary->safe_psql(
		'koi',
		q{SELECT count(*) FROM kept WHERE t::text::bixarena_tally <> t}),
	0,
	'which is the one that is read');
$primary->safe_psql(
	'koi', qq{
	SET client_encoding = 'UTF8';
	COPY ($all) TO '$file' (FORMAT binary)});
sql($primary, qq{
	CREATE TABLE back (LIKE kept);
	COPY back FROM '$file' (FORMAT binary)});
is_value(
	$primary,
q{SELECT count(*) FROM kept AS k JOIN back AS b ON b.id = k.id AND b.t = k.t},
	sql($primary, 'SELECT count(*) FROM kept'),
	'there and back');

# The pairs of all tallies, as text in UTF-8
sub sorted_pairs
{
	my ($database) = @_;

	return join(
		"\n",
		sort split /\n/,
		$primary->safe_psql(
			$database,
			q{SELECT k.id, p.* FROM kept AS k, bixarena_pairs(k.t) AS p}));
}

#
# A standby, where nothing can be written
#

$primary->backup('base');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup('standby', 'replay');
is(sql($standby, $ranking), $ranked, 'a standby ranks what is kept');
is( sql($standby,
q{SELECT r.* FROM (SELECT bixarena_tally(model1, model2, winner) AS t FROM votes) AS v,
			bixarena_rank_tally(v.t, 50) AS r}),
	$ranked,
	'and votes');
is( sql($standby, q{
		SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SELECT r.* FROM (SELECT bixarena_tally(model1, model2, winner) AS t FROM votes) AS v,
			bixarena_rank_tally(v.t, 50) AS r}),
	$ranked,
	'in parallel');
$standby->stop;

#
# Subscribers, by text and binary
#

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');

$subscriber->init(
	extra => [ '--encoding=UTF8', '--locale=C' ],
	allows_streaming => 'logical');
$subscriber->start;
sql($primary, q{
	CREATE PUBLICATION tallies FOR TABLE kept;
	CREATE PUBLICATION more FOR TABLE back});
sql($subscriber, q{
	CREATE EXTENSION bixarena_rank;
	CREATE TABLE kept (id int PRIMARY KEY, t bixarena_tally NOT NULL);
	CREATE TABLE back (id int PRIMARY KEY, t bixarena_tally NOT NULL)});
sql($subscriber,
	sprintf(
q{CREATE SUBSCRIPTION %s CONNECTION '%s' PUBLICATION %s WITH (binary = %s)},
		$_->[0],
		$primary->connstr . ' dbname=postgres',
		@$_[ 0, 1 ])) foreach ([ 'tallies', 'true' ], [ 'more', 'false' ]);
$subscriber->wait_for_subscription_sync($primary, $_)
  foreach ('tallies', 'more');
is(sql($subscriber, $all), $kept, 'a subscriber gets the tallies');
sql($primary, q{
	INSERT INTO back SELECT 200 + id, t + t FROM kept;
	INSERT INTO kept SELECT 200 + id, t + t FROM kept});
$primary->wait_for_catchup($_) foreach ('tallies', 'more');
is(sql($subscriber, $all), sql($primary, $all), 'and what changes, binary');
is( sql($subscriber, $all =~ s/kept/back/r),
	sql($primary, $all    =~ s/kept/back/r),
	'and as text');
$subscriber->stop;

#
# Bytes that claim to be a tally
#

sql($primary, q{
	-- a damaged value, as a disk may have it
	CREATE CAST (bytea AS bixarena_tally) WITHOUT FUNCTION;
	CREATE CAST (bixarena_tally AS bytea) WITHOUT FUNCTION;
	CREATE TABLE good AS
	SELECT bixarena_tally('a', 'b', 'tie') AS t
	UNION ALL SELECT bixarena_tally(a, b, o, 1 + a * 70 * b) FROM generate_series(1, 9) AS a,
		generate_series(1, 9) AS b, unnest('{left,right,tie}'::text[]) AS o WHERE a < b OR b > 6
	UNION ALL SELECT t FROM kept WHERE id IN (2, 3, 101);
	-- bytes changed, left out, put in, doubled
	CREATE FUNCTION damaged(b bytea) RETURNS bytea LANGUAGE plpgsql AS $$
	DECLARE
		place int;
	BEGIN
		FOR i IN 1..1 + floor(random() * 3)::int LOOP
			place := floor(random() * random() * length(b))::int;
			b := CASE floor(random() * 6)::int
				WHEN 0 THEN substr(b, 1, place)
				WHEN 1 THEN substr(b, 1, place) || set_byte('\x00', 0, floor(random() * 256)::int) || substr(b, place + 1)
				WHEN 2 THEN substr(b, 1, place) || substr(b, place + 2)
				WHEN 3 THEN substr(b, 1, place) || substr(b, 1 + floor(random() * length(b))::int)
				WHEN 4 THEN b || substr(b, place + 1)
				ELSE CASE WHEN b = '' THEN b ELSE set_byte(b, place, floor(random() * 256)::int) END END;
		END LOOP;
		RETURN b;
	END
	$$;
	CREATE FUNCTION damaged_text(t text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		signs text := E'{}[]",:\\u0019.-e \n\u00fcvd8';
		place int;
	BEGIN
		FOR i IN 1..1 + floor(random() * 2)::int LOOP
			place := floor(random() * random() * length(t))::int;
			t := CASE floor(random() * 4)::int
				WHEN 0 THEN left(t, place)
				WHEN 1 THEN left(t, place) || substr(signs, 1 + floor(random() * length(signs))::int, 1) || substr(t, place + 1)
				WHEN 2 THEN left(t, place) || substr(t, place + 2)
				ELSE left(t, place) || substr(signs, 1 + floor(random() * length(signs))::int, 1) || substr(t, place + 2) END;
		END LOOP;
		RETURN t;
	END
	$$;
	-- what becomes of a tally: its error, or whether it is one like any other
	CREATE FUNCTION fate(t bixarena_tally) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF (SELECT coalesce(sum(wins1 + wins2 + ties), 0) FROM bixarena_pairs(t)) <> bixarena_num_battles(t)
				OR t::text::bixarena_tally <> t OR t + t - t <> t THEN
			RETURN 'another: ' || t::bytea;
		END IF;
		RETURN 'a tally';
	EXCEPTION WHEN others THEN
		RETURN SQLSTATE || CASE WHEN SQLSTATE NOT IN ('XX001', '54000') THEN t::bytea || SQLERRM ELSE '' END;
	END
	$$;
	CREATE FUNCTION fate_of_text(t text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN fate(t::bixarena_tally);
	EXCEPTION WHEN others THEN
		RETURN SQLSTATE || CASE WHEN SQLSTATE <> '22P02' THEN t || SQLERRM ELSE '' END;
	END
	$$;
	CREATE TABLE received (t bixarena_tally);
	CREATE FUNCTION fate_of_message(b bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		TRUNCATE received;
		EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', b, file);
		EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
		RETURN (SELECT fate(t) FROM received);
	EXCEPTION WHEN others THEN
		-- a name may be no text
		RETURN SQLSTATE || CASE WHEN SQLSTATE NOT IN ('22P03', '22021') THEN b || SQLERRM ELSE '' END;
	END
	$$});

my $seed = $ENV{TALLY_SEED} // int(rand(1e6));

note("TALLY_SEED=$seed");
fuzz(
	'damaged values',
q{SELECT fate(damaged(t::bytea)::bixarena_tally) FROM good, generate_series(1, 1500)},
	'XX001');
fuzz(
	'damaged texts',
q{SELECT fate_of_text(damaged_text(t::text)) FROM good, generate_series(1, 1500)},
	'22P02');
fuzz(
	'damaged messages',
qq{SELECT fate_of_message(damaged(bixarena.tally_send(t)), '$file') FROM good, generate_series(1, 300)},
	'22P03');
fuzz(
	'any bytes',
q{SELECT fate(damaged(substr(sha256(n::text::bytea), 1, n % 33))::bixarena_tally) FROM generate_series(1, 3000) AS n},
	'XX001');

# Nothing but errors of a kind, and tallies: both are met
sub fuzz
{
	my ($name, $fates, $sqlstate) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %found = map { split /\|/ } split /\n/, sql(
		$primary, "SET seed = @{[ $seed / 1e6 ]};
		SELECT f, count(*) FROM ($fates) AS x (f) GROUP BY f");
	my @odd =
	  grep { !/^(?:a tally|54000|22021|\Q$sqlstate\E)$/ } sort keys %found;

	is(join("\n", @odd), '', "$name: errors or tallies");
	cmp_ok($found{$sqlstate} // 0, '>', 100, "$name: errors");
	note("$name: " . join(', ', map { "$_ $found{$_}" } sort keys %found));
}

# a version that is not known is told apart from damage
my (undef, $error) =
  sql_state_of($primary,
	q{SELECT bixarena_num_models('\x0200'::bytea::bixarena_tally)});
like($error, qr/XX001: .* not of version 1/, 'a later version');
like($error, qr/HINT:  Perhaps a newer bixarena_rank has stored it\./,
	'and why');

# what is claimed takes no memory: two thousand models, pairs that are not there; nor
# do words that differ by their blanks only, or the digits of a number
my $peak =
q{SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)')::bigint / 1024};
my @peaks = split /\n/, sql(
	$primary, qq{
	$peak;
	SELECT count(fate(b::bixarena_tally)) FROM unnest(ARRAY['\\x01d00f', '\\x0102016101628080808080808010',
		'\\x010201610162017fffffffffffffff0f', '\\x01d00fffffffff07']::bytea[]) AS b;
	$peak;
	SELECT bixarena_num_battles(bixarena_tally('57', 'b', lpad('left', 100000 + n)))
		+ bixarena_num_battles(bixarena_tally('57', 'b', rpad('57.0', 100000 + n, '0')))
	FROM generate_series(1, 600) AS n;
	$peak});
SKIP:
{
	skip 'no /proc', 2 unless -r '/proc/self/status';
	cmp_ok($peaks[2] - $peaks[0], '<', 30, 'claims take no memory');
	cmp_ok($peaks[4] - $peaks[2], '<', 40, 'nor do long words');
}

$primary->stop;
done_testing();
