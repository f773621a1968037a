
# 009_random_sql.pl
#	  Random SQL: every function and procedure of ours is called with values of
#	  every kind, right and wrong, by a superuser, an admin, an operator, a
#	  reader and nobody in particular, in all sorts of sessions.  The server
#	  never crashes, no error is an internal one (class XX), statement_timeout
#	  is obeyed, and a session has no lock and no changed setting afterwards.
#	  Then the same is asked of what sqlsmith makes up.
#
# What is called is read from the catalog, so that nothing need be added here
# when a function is.  The same seed makes the same statements:
#
#	BIXARENA_SQL_SEED		seed, by default drawn anew
#	BIXARENA_SQL_CALLS		statements, by default 12000
#	BIXARENA_SQL_SMITH		seconds for sqlsmith, by default 30

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use Test::More;

my $seed = $ENV{BIXARENA_SQL_SEED} // int(rand(1_000_000_000));
my $calls = $ENV{BIXARENA_SQL_CALLS} // 12000;
my $smith_seconds = $ENV{BIXARENA_SQL_SMITH} // 30;

# Statements of a session, before it is made anew with other settings
my $session_calls = 100;

# What statement_timeout is, and how much later a statement may end; in ms
my $timeout = 2000;
my $grace = 1000;

my @roles = ('', 'some_admin', 'some_operator', 'some_reader', 'nobody');

# What these must never be told, in a result or an error
my %secret = (nobody => qr/hush/i, some_reader => qr/HUSH/);

diag("BIXARENA_SQL_SEED=$seed BIXARENA_SQL_CALLS=$calls");
srand($seed);

# Without jit: to compile a query takes seconds that no timeout ends
my $node = PostgreSQL::Test::Cluster->new('random_sql');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf(
	'postgresql.conf', qq{
log_line_prefix = '%m [%p] %e %d %u '
log_error_verbosity = verbose
log_min_error_statement = panic
log_statement = none
statement_timeout = $timeout
temp_file_limit = '100MB'
max_locks_per_transaction = 256
autovacuum = off
jit = off
max_prepared_transactions = 2
});
$node->start;

# With pg_cron, schedules get as far as its jobs, which here connect to nothing
my $has_cron = $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
if ($has_cron)
{
	$node->append_conf(
		'postgresql.conf', qq{
shared_preload_libraries = 'pg_cron'
cron.database_name = 'utf8'
cron.host = '/nowhere'
});
	$node->restart;
}
my $log_start = -s $node->logfile;
my $server =
  $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

#
# What there is to call, and to call it with
#

# Relations of every kind, to be ranked or to be refused
my $zoo = q{
	CREATE SCHEMA zoo;
	GRANT USAGE ON SCHEMA zoo TO PUBLIC;
	CREATE TABLE zoo.votes (dropped text, model1 text, model2 text, outcome text);
	ALTER TABLE zoo.votes DROP COLUMN dropped;
	INSERT INTO zoo.votes SELECT 'm' || n % 5, 'm' || (n + 1 + n % 3) % 5,
		(ARRAY['model1', 'model2', 'tie', NULL, 'x'])[1 + n % 5] FROM generate_series(1, 300) AS n;
	CREATE TABLE zoo.numbers AS SELECT n % 4 AS model1, (n % 7)::smallint AS model2,
		n % 3 AS outcome FROM generate_series(1, 100) AS n;
	CREATE TABLE zoo.secret AS TABLE zoo.votes;
	CREATE TABLE zoo.parted (model1 text, model2 text, outcome text) PARTITION BY LIST (outcome);
	CREATE TABLE zoo.part PARTITION OF zoo.parted DEFAULT;
	CREATE TABLE zoo.nothing ();
	CREATE TABLE zoo.odd (model1 int4range, model2 int4range, outcome json);
	INSERT INTO zoo.odd VALUES ('[1,2)', '[1,3)', '"tie"'), ('[1,2)', '[1,3)', '"model1"');
	CREATE TYPE zoo.pair AS (model1 text, model2 text);
	CREATE SEQUENCE zoo.sequence;
	CREATE INDEX index ON zoo.votes (model1);
	CREATE MATERIALIZED VIEW zoo.unread AS TABLE zoo.votes WITH NO DATA;
	CREATE VIEW zoo.broken AS SELECT model1, model2, (1 / (length(model1) - 2))::text AS outcome FROM zoo.votes;
	CREATE FOREIGN DATA WRAPPER nowhere;
	CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
	CREATE FOREIGN TABLE zoo.away (model1 text, model2 text, outcome text) SERVER nowhere;
	CREATE TABLE zoo.gone ();
	GRANT SELECT ON zoo.votes, zoo.numbers, zoo.parted, zoo.nothing, zoo.odd, zoo.broken,
		zoo.unread, zoo.away TO PUBLIC;
};

# An arena of a user's own tables, which forbid nothing: all that can be wrong is.
# Of the leaderboard "bare" it is little, so that there is something to draw.
my $weird = q{
	CREATE SCHEMA weird;
	CREATE TABLE weird.leaderboard (id uuid, slug varchar, name varchar);
	CREATE TABLE weird.model (id uuid, slug text, name text, license text, organization text);
	CREATE TABLE weird.leaderboard_battle (leaderboard text, model1_id uuid, model2_id uuid, outcome text,
		voter_id uuid, created_at timestamptz);
	CREATE TABLE weird.leaderboard_snapshot (id uuid DEFAULT gen_random_uuid(), leaderboard_id uuid,
		snapshot_identifier text, description text, visibility text, created_at timestamptz, updated_at timestamptz);
	CREATE TABLE weird.leaderboard_entry (id uuid DEFAULT gen_random_uuid(), leaderboard_id uuid, model_id uuid,
		snapshot_id uuid, bt_score double precision, vote_count numeric, rank bigint,
		bootstrap_q025 double precision, bootstrap_q975 numeric, created_at timestamptz);
	INSERT INTO weird.leaderboard SELECT md5(s)::uuid, s, nullif(s, 'bare')
	FROM unnest(ARRAY['overall', 'rare', 'rare', 'bare', '', repeat('long', 500), NULL]) AS s;
	INSERT INTO weird.model SELECT md5(n::text)::uuid, 'm' || n, 'M' || n % 4, NULL, repeat('Org', n * n)
	FROM generate_series(1, 8) AS n;
	INSERT INTO weird.model VALUES (md5('1')::uuid, 'm1', 'again', '', ''), (md5('9')::uuid, NULL, NULL, NULL, NULL),
		(NULL, 'm10', '<&>', 'x', 'y'), (md5('11')::uuid, '', '', '', '');
	INSERT INTO weird.leaderboard_battle
	SELECT b, md5((2 + n % 5)::text)::uuid, md5((2 + (n + 1 + n % 3) % 5)::text)::uuid,
		(ARRAY['model1', 'model2', 'tie', 'odd', NULL])[1 + n % 5], NULL,
		(ARRAY[now(), 'infinity', '-infinity', '4713-01-01 BC', NULL])[1 + n % 5]
	FROM generate_series(1, 200) AS n, unnest('{overall,bare}'::text[]) AS b;
	INSERT INTO weird.leaderboard_battle
	SELECT 'rare', md5((n % 14)::text)::uuid, md5((n % 11)::text)::uuid, 'tie', NULL, now() FROM generate_series(1, 200) AS n;
	INSERT INTO weird.leaderboard_snapshot SELECT md5(concat('s', n, b))::uuid, md5(b)::uuid, 's' || nullif(n, 3),
		NULL, (ARRAY['public', 'public', 'odd', NULL])[1 + n % 4],
		CASE b WHEN 'bare' THEN now() - n * interval '1 day'
			ELSE (ARRAY['infinity', '-infinity', now(), '294276-01-01', '4713-01-01 BC', NULL])[1 + n % 6] END, NULL
	FROM generate_series(1, 12) AS n, unnest('{overall,rare,bare}'::text[]) AS b;
	INSERT INTO weird.leaderboard_entry SELECT gen_random_uuid(), s.leaderboard_id, md5(n::text)::uuid, s.id,
		(ARRAY[1000, 'NaN', 900, 9e3, NULL, -5, 'Infinity', 1e9])[1 + n % CASE b.slug WHEN 'bare' THEN 6 ELSE 8 END],
		(ARRAY[1, 99, NULL, 'NaN', 1e12])[1 + n * n % CASE b.slug WHEN 'bare' THEN 3 ELSE 5 END],
		(ARRAY[1, 2, NULL, -1, 1e12])[1 + n % CASE b.slug WHEN 'bare' THEN 4 ELSE 5 END], 900,
		(ARRAY['NaN'::numeric, 3000, -3000, NULL])[1 + n % 4], now()
	FROM weird.leaderboard AS b JOIN weird.leaderboard_snapshot AS s ON s.leaderboard_id = b.id,
		generate_series(1, 11) AS n;
	SELECT bixarena_attach_arena('weird');
	SELECT bixarena_configure('num_bootstrap', '10', arena => 'weird');
	SELECT bixarena_configure('keep_snapshots', '30', arena => 'weird');
};

# Databases alike, one of each encoding
sub make_database
{
	my ($database, $encoding, $more) = @_;

	$node->safe_psql('postgres',
			"CREATE DATABASE $database TEMPLATE template0"
		  . " ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql(
		$database, "$more;" . $zoo . q{
		CREATE EXTENSION bixarena_rank;
		SELECT bixarena_create_arena('arena'), bixarena_create_arena('Odd "one"');
		SELECT bixarena_simulate_battles(1500, 8, categories => '{rare,"it''s <odd>"}', arena => 'arena'),
			bixarena_simulate_battles(300, 5, arena => 'Odd "one"');
		UPDATE arena.model SET name = E'<b>&\x01"''' WHERE slug = 'simulated-0001';
		UPDATE arena.model SET name = 'hush model' WHERE slug = 'simulated-0002';
		INSERT INTO arena.leaderboard (slug, name) VALUES ('hush', 'hush board');
		UPDATE "Odd ""one""".model SET name = 'HUSH model' WHERE slug = 'simulated-0003';
		UPDATE zoo.secret SET model1 = 'HUSH vote' WHERE model1 = 'm1';
		SELECT bixarena_configure('num_bootstrap', '10', arena => a),
			bixarena_configure('requests_per_day', '100000', arena => a)
		FROM unnest(ARRAY['arena', 'Odd "one"']) AS a;
		SELECT bixarena_generate_snapshot(s, as_of => now() - n * interval '3 days', arena => 'arena',
			triggered_by => 'HUSH run')
		FROM generate_series(5, 0, -1) AS n, unnest('{overall,rare}'::text[]) AS s;
		SELECT bixarena_update_snapshot('overall', snapshot_identifier, 'private', 'hush snapshot', 'arena')
		FROM bixarena_snapshots('overall', 1, arena => 'arena');
		} . $weird . q{
		SELECT bixarena_grant('some_admin', 'admin', 'arena'),
			bixarena_grant('some_operator', 'operator', 'arena'),
			bixarena_grant('some_reader', 'reader', 'arena');
		DROP TABLE zoo.gone;
	});
}

$node->safe_psql(
	'postgres',
	join(' ',
		map { "CREATE ROLE $_ LOGIN;" } @roles[ 1 .. $#roles ], 'fellow'));
make_database('utf8', 'UTF8', $has_cron ? 'CREATE EXTENSION pg_cron' : '');
make_database('ascii', 'SQL_ASCII', '');
$node->safe_psql('postgres',
	"ALTER DATABASE $_ SET bixarena_rank.arena = 'arena'")
  foreach ('utf8', 'ascii');

# Functions and procedures of ours, and the fields of row types
my $catalog = JSON::PP->new->decode(
	$node->safe_psql(
		'utf8', q{
	SELECT json_build_object(
		'routines', (SELECT json_agg(json_build_object(
				'name', p.oid::regproc, 'kind', p.prokind, 'set', p.proretset,
				'variadic', p.provariadic <> 0, 'defaults', p.pronargdefaults,
				'names', coalesce(p.proargnames[:p.pronargs], '{}'),
				'types', ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n)
					ORDER BY n)) ORDER BY p.oid::regprocedure::text COLLATE "C")
			FROM pg_depend AS d
			JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
			JOIN pg_proc AS p ON p.oid = d.objid
			WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass),
		'rows', (SELECT json_object_agg(f.type, f.fields) FROM (
			SELECT format_type(t.oid, NULL) AS type,
				json_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS fields
			FROM pg_type AS t
			JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE t.typtype = 'c' AND format_type(t.oid, NULL) ~ '^bixarena'
			GROUP BY 1) AS f))}));
my @routines = @{ $catalog->{routines} };
my @users_routines = grep { $_->{name} !~ /^bixarena\./ } @routines;

cmp_ok(scalar @routines,
	'>', 100, 'functions and procedures are found in the catalog');

# Bytes that are no character, where the database knows no encoding
$node->safe_psql(
	'ascii', q{
	INSERT INTO arena.leaderboard (slug, name) VALUES (E'a \xc3\xa4\xff', 'bytes');
	SELECT bixarena_configure('leaderboard_url', 'https://a.example/{leaderboard_id}', arena => 'arena')}
);
is( $node->safe_psql(
		'ascii', q{SELECT bixarena.slack_page(E'a \xc3\xa4\xff', 'arena')}),
	'https://a.example/a%20%C3%A4%FF',
	'an address of bytes that are no character');

#
# Values
#

sub pick
{
	return $_[ int(rand(@_)) ];
}

sub chance
{
	return rand() < $_[0];
}

# A literal, the same whatever standard_conforming_strings says
sub quoted
{
	my ($text) = @_;

	$text                         =~ s/'/''/g;
	return "'$text'" unless $text =~ /\\/;
	$text                         =~ s/\\/\\\\/g;
	return "E'$text'";
}

# What means something as a text of this name, so that calls get anywhere
my %known = (
	arena => [ 'arena', 'arena', 'Odd "one"', 'weird' ],
	schema => [ 'arena', 'zoo' ],
	leaderboard_id => [ 'overall', 'overall', 'rare', 'bare', q{it's <odd>} ],
	leaderboard => ['overall'],
	model => [ 'simulated-0001', 'simulated-0002', 'Simulated 0003' ],
	anchor_model => [ 'simulated-0001', 'm1' ],
	setting => [
		'num_bootstrap', 'min_evaluations',
		'seed', 'keep_days',
		'keep_snapshots', 'notify_channel',
		'notify_runs', 'leaderboard_url',
		'enabled', 'anchor_model',
		'anchor_score', 'prior_battles',
		'auto_publish', 'rank_by_significance',
		'retry_seconds', 'max_attempts'
	],
	value => [
		'10', 'true', 'false', '0.5', 'failed',
		'https://a.example/{leaderboard_id}'
	],
	schedule => [
		'0 2 * * *',
		'*/5 * * * 1-5',
		'@daily',
		'3 seconds',
		'0 0 $ * *',
		'61 * * * *'
	],
	field => [ '*', '*/2', '1-5', '1,2,3', '7', 'jan-dec/3', '*/0', '9999' ],
	visibility => [ 'public', 'private' ],
	trigger_source => [ 'scheduled', 'api', 'manual' ],
	status => [ 'queued', 'running', 'succeeded', 'skipped', 'failed' ],
	kind => [ 'reader', 'operator', 'admin' ],
	role => [ 'fellow', 'some_operator', 'some_admin' ],
	theme => [ 'light', 'dark', 'auto' ],
	sort_by => [ 'rank', 'bt_score', 'created_at', 'model' ],
	measure => [ 'rank', 'score' ],
	model1 => [ 'model1', 'outcome' ],
	model2 => [ 'model2', 'model1' ],
	outcome => [ 'outcome', 'model1' ],
	required => ['{"leaderboard.id uuid","model.slug S"}'],
	rising => ['{rank,model}'],
	falling => ['{bt_score}']);

# Expressions that are hard on whoever takes them, by type
my %hard = (
	text => [
		(   map { quoted($_) } '', ' ',
			q{'}, '"',
			'\\', '%',
			'%s%n%1$s', '{}',
			'{NULL}', 'null',
			'NaN', '-1',
			'$1', q{'; DROP SCHEMA bixarena CASCADE; --},
			'"a"."b"', 'public',
			'pg_catalog', 'pg_temp',
			'bixarena', 'pg_toast',
			'<script>', ']]>',
			'&amp;', 'no such thing',
			"a\nb\tc", '*,' x 200,
			'(' x 300, '0' x 70),
		q{E'\x01'},
		q{E'\x7f'},
		q{E'\xff\xfe'},
		q{E'a\u00e4\u20ac'},
		q{E'\U0001F600'},
		q{E'\u202e'},
		q{repeat('x', 64)},
		q{repeat('x', 2800)},
		q{repeat('1,', 3000)},
		q{repeat('"', 5000)},
		q{repeat('x', 100000)},
		q{repeat(E'\n&<', 200000)},
		q{md5(random()::text)}
	],
	integer => [
		0, 1, -1, 2, 10, 100, 300, 2147483647, -2147483648, 2147483648, 1.5,
		q{'7'}, q{'x'}
	],
	bigint => [
		0, 1, -1, 100, 1000000000000, 9223372036854775807,
		-9223372036854775808, q{'9223372036854775808'}
	],
	'double precision' => [
		0, 1, -1, 0.5, 1e308, -1e308, 1e-320, q{'-0'::float8},
		q{'NaN'::float8}, q{'Infinity'::float8},
		q{'-Infinity'::float8}, 1e15, 1000
	],
	numeric => [
		0, 1, -1, 1000.5, q{'NaN'::numeric}, q{'Infinity'::numeric},
		q{'-Infinity'::numeric}, '1e200', 9999.999999
	],
	boolean => [ 'true', 'false', q{'maybe'} ],
	interval => [
		map({ "interval '$_'" } '0',
			'7 days',
			'1 day',
			'-1 day',
			'1 microsecond',
			'178000000 years',
			'-178000000 years',
			'2147483647 months',
			'1 month -30 days',
			'0.000001 seconds'),
		q{'soon'}
	],
	'timestamp with time zone' => [
		map({ "timestamptz '$_'" } 'now',
			'infinity', '-infinity',
			'epoch', '4713-01-01 00:00 BC',
			'294276-12-31 23:59:59', '2024-02-29 12:00+15:59',
			'2026-01-01'),
		q{now() - interval '10 days'},
		q{now() + interval '1 day'},
		q{'32.13.2000'}
	],
	uuid => [
		q{gen_random_uuid()},
		q{'00000000-0000-0000-0000-000000000000'},
		q{'not one'},
		q{(SELECT id FROM arena.leaderboard WHERE slug = 'overall')},
q{(SELECT id FROM arena.leaderboard_snapshot ORDER BY random() LIMIT 1)},
		q{(SELECT correlation_id FROM bixarena.run ORDER BY random() LIMIT 1)}
	],
	regclass => [
		map({ "'$_'" } ('zoo.votes') x 4,
			'zoo.numbers', 'zoo.secret',
			'zoo.parted', 'zoo.part',
			'zoo.nothing', 'zoo.odd',
			'zoo.pair', 'zoo.sequence',
			'zoo.index', 'zoo.unread',
			'zoo.broken', 'zoo.away',
			'zoo.gone', 'pg_class',
			'pg_authid', 'pg_stats',
			'pg_statistic', 'pg_locks',
			'pg_class_oid_index', 'pg_toast.pg_toast_1255',
			'arena.leaderboard_battle', 'bixarena.run',
			'bixarena.snapshot_key', 'information_schema.columns',
			'pg_temp.own'),
		0, 1,
		4294967295,
		q{'99999999'}
	],
	jsonb => [
		map({ "'$_'::jsonb" } 'null',
			'1', '"x"', '[]', '{}', '[1,2]', '{"a": null}',
			'{"a": {"b": [1]}}',
			'{"simulated-0001": "winless"}')
	]);
$hard{name} = $hard{text};
$hard{oid} = $hard{integer};

my @scalar_types = sort keys %hard;

sub any_value
{
	my ($type, $name, $depth) = @_;

	return 'NULL'                                  if chance(0.07);
	return pick(@{ $hard{ pick(@scalar_types) } }) if chance(0.05);
	return array_value($1, $name, $depth + 1)      if $type =~ /^(.*)\[\]$/;
	return row_value($type, $depth + 1)            if $catalog->{rows}{$type};
	return quoted(pick(@{ $known{$name} })) if $known{$name} && chance(0.7);

	$type =~ s/\(.*\)//;
	return pick(@{ $hard{$type} // $hard{text} });
}

sub array_value
{
	my ($type, $name, $depth) = @_;
	my $n = pick(0, 1, 1, 2, 2, 3, 8);
	my $array =
		'ARRAY['
	  . join(', ', map { any_value($type, $name, $depth) } 1 .. $n)
	  . "]::${type}[]";

	return quoted(pick(@{ $known{$name} })) if $known{$name} && chance(0.5);
	return "NULL::${type}[]"                if chance(0.05);
	return quoted(
		pick(
			'{}', '{NULL}', '{1,2}', '{{1,2},{3,4}}',
			'{{1},{2,3}}', '[0:1]={1,2}', '{{{}}}', 'x')) if chance(0.1);
	return "ARRAY[$array, $array]"                             if chance(0.1);
	return "(concat('[-3:', $n - 4, ']=', $array)::${type}[])" if chance(0.1);
	return "($array)[2:5]"             if chance(0.05);
	return "array_fill($array, '{2}')" if chance(0.02);
	return $array;
}

sub row_value
{
	my ($type, $depth) = @_;
	my @fields = map { $depth > 3 ? 'NULL' : any_value($_, '', $depth) }
	  @{ $catalog->{rows}{$type} };

	return "NULL::$type" if chance(0.05);
	pop @fields          if chance(0.02);
	# most rows are to be taken
	return
		'ROW('
	  . join(', ', map { chance(0.2) ? 'NULL' : $_ } @fields)
	  . ")::$type";
}

# Arguments by position or name, with the last ones left out or not
sub arguments
{
	my ($routine) = @_;
	my @types = @{ $routine->{types} };
	my @names = @{ $routine->{names} };
	my $required = @types - $routine->{defaults};
	my $given = $required + int(rand($routine->{defaults} + 1));
	my @arguments;

	$given = int(rand(@types + 2)) if chance(0.02);
	foreach my $i (0 .. $given - 1)
	{
		push @arguments, any_value($types[$i] // 'text', $names[$i] // '', 0);
	}
	$arguments[-1] = "VARIADIC $arguments[-1]"
	  if $routine->{variadic} && @arguments && chance(0.8);
	if (@names == @types && !$routine->{variadic} && chance(0.5))
	{
		# any of those with a default, too
		my @optional = grep { $_ >= $required && chance(0.4) } 0 .. $#types;

		@arguments =
		  map { any_value($types[$_], $names[$_], 0) } 0 .. $required - 1;
		push @arguments,
		  map { "$names[$_] => " . any_value($types[$_], $names[$_], 0) }
		  @optional;
	}
	return join(', ', @arguments);
}

sub call
{
	my $routine = chance(0.5) ? pick(@users_routines) : pick(@routines);
	my $call = "$routine->{name}(" . arguments($routine) . ')';

	return "CALL $call" if $routine->{kind} eq 'p' && !chance(0.03);
	return 'SELECT '
	  . ($routine->{set} && chance(0.2) ? "$call LIMIT 2" : $call)
	  if chance(0.3);
	return "SELECT * FROM $call AS r";
}

#
# Sessions
#

my @settings = map { "SET $_;" } (
	'standard_conforming_strings = off',
	q{DateStyle = 'SQL, DMY'},
	q{DateStyle = 'German'},
	q{DateStyle = 'Postgres, MDY'},
	'IntervalStyle = iso_8601',
	'IntervalStyle = sql_standard',
	q{TimeZone = 'Pacific/Apia'},
	q{TimeZone = '-14:59:59'},
	'client_min_messages = debug1',
	'client_min_messages = error',
	'client_encoding = SQL_ASCII',
	'client_encoding = LATIN1',
	'extra_float_digits = -15',
	'bytea_output = escape',
	'quote_all_identifiers = on',
	'array_nulls = off',
	'transform_null_equals = on',
	q{search_path = ''},
	'search_path = pg_temp, zoo, arena, bixarena, public',
	'default_transaction_read_only = on',
	q{default_transaction_isolation = 'serializable'},
	q{default_transaction_isolation = 'repeatable read'},
	'plan_cache_mode = force_generic_plan',
	'work_mem = 64',
	'enable_hashagg = off',
	'enable_sort = off',
	'row_security = off',
	'check_function_bodies = off',
	'xmlbinary = hex',
	q{bixarena_rank.arena = 'arena'},
	q{bixarena_rank.arena = 'none"such'},
	'bixarena_rank.progress = off',
	'lock_timeout = 10',
	q{lc_numeric = 'C.UTF-8'},
	'from_collapse_limit = 1',
	'geqo_threshold = 2',
	'enable_nestloop = off',
	'statement_timeout = 10',
	'statement_timeout = 50',
	q{bixarena_rank.arena = 'weird'},
	'synchronous_commit = off');

# A statement in the midst of others: what is run, line by line
sub in_context
{
	my ($statement) = @_;
	my $tag = 'body' . int(rand(1000));
	my $is_call = $statement =~ /^CALL/;
	my @ways = (
		([$statement]) x 8,
		[ 'BEGIN READ ONLY', $statement, 'COMMIT' ],
		[ 'BEGIN ISOLATION LEVEL SERIALIZABLE', $statement, 'COMMIT' ],
		[
			'BEGIN', 'SAVEPOINT a', $statement, 'ROLLBACK TO a',
			$statement, 'COMMIT'
		],
		[ 'BEGIN', 'SELECT 1 / 0', $statement, 'ROLLBACK' ],
		[
			'BEGIN', $statement,
			q{PREPARE TRANSACTION 'random'}, q{ROLLBACK PREPARED 'random'},
			'ROLLBACK'
		],
		[ 'BEGIN', 'SET LOCAL ROLE nobody', $statement, 'COMMIT' ],
		[
"DO \$$tag\$ BEGIN EXECUTE \$sql\$$statement\$sql\$; EXCEPTION WHEN others THEN"
			  . " IF SQLSTATE ~ '^XX' THEN RAISE; END IF; END \$$tag\$"
		],
		["SELECT pg_temp.run(\$sql\$$statement\$sql\$)"]);

	push @ways,
	  [
"DO \$$tag\$ BEGIN FOR n IN 1 .. 2 LOOP $statement; END LOOP; END \$$tag\$"
	  ]
	  if $is_call;
	push @ways,
	  ( [
			'BEGIN',
			"DECLARE c SCROLL CURSOR FOR $statement",
			'FETCH 2 FROM c',
			'FETCH BACKWARD 1 FROM c', 'COMMIT'
		],
		[
			"DECLARE h CURSOR WITH HOLD FOR $statement",
			'FETCH ALL FROM h',
			'CLOSE h'
		],
		[
			"PREPARE p AS $statement",
			'EXECUTE p',
			'EXECUTE p',
			'DEALLOCATE p'
		],
		["CREATE TEMP TABLE kept ON COMMIT DROP AS $statement"],
		["COPY ($statement) TO STDOUT"],
		["EXPLAIN (ANALYZE, VERBOSE) $statement"],
		["SELECT count(*) FROM ($statement) AS s"],
		[
"SELECT (SELECT r FROM ($statement) AS r LIMIT 1) FROM generate_series(1, 2)"
		]) unless $is_call;
	return @{ pick(@ways) };
}

# A script for psql: "@ number" before a statement, its SQLSTATE after it
sub session_script
{
	my ($settings, $statements, $is_shown) = @_;
	my $script = "\\timing on\n" . ($is_shown ? '' : "\\o /dev/null\n");
	my $number = 0;

	$script .=
	  q{CREATE FUNCTION pg_temp.run(sql text) RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN EXECUTE sql; END $$;
		CREATE TEMP TABLE own (model1 text, model2 text, outcome text);
		} . join("\n", @$settings) . "\n";
	$script .=
'SELECT current_user AS who, current_setting($$search_path$$) AS path \gset'
	  . "\n";
	foreach my $statement (@$statements)
	{
		$number++;
		$script .= "\\echo @ $number\n$statement;\n\\echo = :SQLSTATE\n";
	}
	# what must be as it was
	$script .= q{ROLLBACK;
		SET statement_timeout = 0;
		SELECT count(*) AS locks FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid'
			AND relation IS DISTINCT FROM 'pg_locks'::regclass AND locktype <> 'relation' \gset
		SELECT current_user || current_setting('search_path') = :'who' || :'path' AS same \gset
		\echo left :locks :same} . "\n";
	return $script;
}

my (%states, %succeeded);
my $slowest = 0;

# Run a session of a role; what is wrong goes to the test's output
sub run_session
{
	my ($database, $role, $settings, $statements, $slow_twice) = @_;
	my $secret = $secret{$role};
	my $script = session_script($settings, $statements, defined $secret);
	my ($out, $err) = ('', '');
	my $number = 0;
	my (@wrong, @slow, $is_well);

	IPC::Run::run(
		[
			'psql', '-XAtq', '-d',
			$node->connstr($database),
			$role ? ('-U', $role) : (),
			'-f', '-'
		],
		'<' => \$script,
		'>' => \$out,
		'2>' => \$err);
	foreach my $line (split /\n/, $out)
	{
		$number = $1 if $line =~ /^@ (\d+)/;
		$states{$1}++ if $line =~ /^= (\w{5})/;
		$succeeded{$1}++
		  if $line eq '= 00000'
		  && $statements->[ $number - 1 ] =~ /([\w.]*bixarena[\w.]*)\(/;
		push @wrong, "was told: $line" if $secret && $line =~ $secret;
		push @wrong, "SQLSTATE $1: $statements->[$number - 1]"
		  if $line =~ /^= (XX\w{3})/;
		next unless $line =~ /^Time: ([\d.]+) ms/;
		$slowest = $1 if $1 > $slowest;
		push @slow, "$1 ms: $statements->[$number - 1]"
		  if $1 > $timeout + $grace;
	}
	push @wrong,
		"the session has ended: "
	  . ($statements->[ $number - 1 ] // '')
	  . substr($err, -300)
	  unless $out =~ /^left /m;
	push @wrong, "was told: $err" if $secret && $err =~ $secret;
	push @wrong, "left over (locks, same role and search_path): $1"
	  if $out =~ /^left (?!0 t)(.*)/m;
	# a busy machine can be slow, but not twice at the same
	push @wrong, @slow
	  if @slow
	  && ($slow_twice
		|| !run_session($database, $role, $settings, $statements, 1));
	$is_well = @wrong == 0;
	diag(
		join("\n",
			"in $database as "
			  . ($role || 'superuser')
			  . ' with '
			  . join(' ', @$settings),
			splice(@wrong, 0, 5))) if @wrong;
	return $is_well;
}

# What the server's log has from an offset on: a message with its details each
sub messages_from
{
	my ($offset) = @_;
	my @messages;

	foreach my $line (split /\n/, slurp_file($node->logfile, $offset))
	{
		my ($pid, $begins) = $line =~
/^\S+ \S+ \S+ \[(\d+)\] .*? (LOG|DEBUG\d|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC):  /;

		push @messages, '' if $begins || !@messages;
		$messages[-1] .= "$line\n";
	}
	return @messages;
}

# Is the server as it was, and does its log tell of no crash and no internal
# error that bears a mark?
sub server_is_well
{
	my ($name, $offset, $mark) = @_;
	my @alarms = grep {
		/PANIC:|TRAP:|terminated by signal|server process .* exited/
		  || (/\] XX\w{3} / && $_ =~ $mark)
	} messages_from($offset);

	is(scalar @alarms,
		0, "$name: the server's log has neither crash nor internal error")
	  or diag(
		join('',
			map { substr($_, 0, 2000) }
			  @alarms[ 0 .. ($#alarms < 9 ? $#alarms : 9) ]));
	is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'),
		$server, "$name: the server has not restarted");
}

my $sessions = 0;
my $bad_sessions = 0;

for (my $left = $calls ; $left > 0 ; $left -= $session_calls)
{
	my $role = pick(@roles);
	my $database = chance(0.75) ? 'utf8' : 'ascii';
	my @chosen = grep { chance(0.12) } @settings;
	my @statements;

	push @statements, in_context(call()) while @statements < $session_calls;
	$bad_sessions++
	  unless run_session($database, $role, \@chosen, \@statements);
	$sessions++;
	last if $bad_sessions > 5;
}
is($bad_sessions, 0,
"$sessions sessions: no internal error, none ended early, nothing left over, none too slow"
);
cmp_ok($states{'00000'} // 0, '>', $calls / 20, 'many calls succeed');
note(join(' ', map { "$_:$states{$_}" } sort keys %states),
	sprintf('; slowest %.0f ms', $slowest));
note('never successful: ',
	join(' ', grep { !$succeeded{$_} } map { $_->{name} } @routines))
  if $calls > 2000;

#
# Workers that these calls have started
#

$node->safe_psql(
	$_, q{SELECT bixarena_configure('enabled', 'false', arena => a)
	FROM unnest(ARRAY['arena', 'Odd "one"', 'weird']) AS a}
) foreach ('utf8', 'ascii');
wait_for_no_worker($node);
server_is_well('calls', $log_start, qr/./);
is( $node->safe_psql(
		'postgres',
		q{SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
	(SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_stat_activity WHERE state ~ 'in transaction')}
	),
	'0|0|0',
	'no advisory lock is left, and no transaction');

#
# sqlsmith: statements of any shape, by a role that owns an arena and may call
# everything but what fills it.  Many of them are not valid, and internal errors of
# the server's own functions are not ours.
#

SKIP:
{
	my $offset = -s $node->logfile;
	my $ours =
	  join('|', map { quotemeta($_->{name} =~ s/^bixarena\.//r) } @routines);
	my ($messages, $output);

	skip 'sqlsmith is not wanted, or not installed', 3
	  unless $smith_seconds > 0
	  && system('command -v sqlsmith >/dev/null') == 0;

	$node->safe_psql('postgres',
q{CREATE ROLE smith LOGIN; ALTER ROLE smith SET client_min_messages = error}
	);
	# it reads every relation, and cannot do without one
	$node->safe_psql(
		'utf8', q{
		DROP SERVER nowhere CASCADE;
		GRANT CREATE ON DATABASE utf8 TO smith;
		GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public, bixarena TO smith;
		GRANT SELECT ON bixarena.run TO smith;
		SET ROLE smith;
		SELECT bixarena_create_arena('smithy');
		RESET ROLE;
		SELECT bixarena_simulate_battles(500, 6, arena => 'smithy');
		REVOKE EXECUTE ON FUNCTION bixarena_simulate_battles FROM smith;
		SELECT bixarena_configure('num_bootstrap', '10', arena => 'smithy');
		SELECT bixarena_generate_snapshot('overall', arena => 'smithy')});
	IPC::Run::run(
		[
			'timeout',
			$smith_seconds,
			'sqlsmith',
			'--exclude-catalog',
			"--seed=$seed",
			'--target=' . $node->connstr('utf8') . ' user=smith'
		],
		'>' => \$output,
		'2>&1');
	$messages = () = messages_from($offset);
	note("sqlsmith: $messages messages in the log");
	cmp_ok($messages, '>', 10, 'sqlsmith has been at work')
	  or diag(substr($output, -1000));
	server_is_well('sqlsmith', $offset, qr/bixarena|function "?(?:$ours)\b/);
}

$node->stop;
done_testing();
