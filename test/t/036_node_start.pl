
# 036_node_start.pl
#	  What the container of a rank node does at its start (contrib/node): server, user
#	  mapping, arena and schedule as the environment says, again after a change; and
#	  what its health check says while something is wrong.

use strict;
use warnings;

use Cwd qw(realpath);
use FindBin;
use IPC::Run;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RankTest;
use RemoteTest;
use Test::More;

plan skip_all => can_be_remote() if can_be_remote();

my $folder = realpath("$FindBin::RealBin/../../contrib/node");
my $state = PostgreSQL::Test::Utils::tempdir;
my $far =
  new_far('far', 'api', conf => "password_encryption = 'scram-sha-256'\n");
my $node = PostgreSQL::Test::Cluster->new('node');
my $secret = q{pass'word "with" \\ odd $signs};

# the far side asks for a password
my $data = $far->data_dir;
my $me = getpwuid $<;

$far->safe_psql('postgres', 'CREATE ROLE bixarena_node LOGIN');
$far->safe_psql('postgres', sprintf q{ALTER ROLE bixarena_node PASSWORD %s},
	quoted($secret));
unlink "$data/pg_hba.conf";
$far->append_conf('pg_hba.conf',
	"local all all trust\nhost all all 127.0.0.1/32 scram-sha-256");
$far->reload;

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
	"log_statement = all\nlog_min_duration_statement = 0");
$node->start;

sub quoted
{
	return "'" . ($_[0] =~ s/'/''/gr) . "'";
}

# Status, output and messages of one of the programs
sub run_it
{
	my ($program, %environment) = @_;
	local %ENV = (
		%ENV,
		PGHOST => $node->host,
		PGPORT => $node->port,
		POSTGRES_USER => $me,
		POSTGRES_DB => 'postgres',
		NODE_STATE => "$state/state",
		NODE_ATTACH_SQL => "$folder/node-attach.sql",
		NODE_HOST => '127.0.0.1',
		NODE_PORT => $far->port,
		NODE_SSLMODE => 'prefer',
		%environment);
	my ($out, $err) = ('', '');

	IPC::Run::run(["$folder/$program"], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

append_to_file("$state/password", "$secret\n");
my %right = (NODE_PASSWORD_FILE => "$state/password");

like((run_it('node-health'))[1], qr/not attached yet/, 'health, before');
like(
	(run_it('node-attach', NODE_HOST => ''))[2],
	qr/set NODE_HOST/,
	'no address');
like(
	(run_it('node-attach', NODE_PASSWORD => 'wrong'))[2],
	qr/password authentication failed/,
	'a wrong password');
{
	my ($status, $out) = run_it('node-health');

	is($status, 1, 'then it is not healthy');
	like($out, qr/could not be attached: .*password authentication failed/s,
		'and says why');
}
{
	my ($status, $out, $err) = run_it('node-attach', %right);

	is($status, 1, 'the script was not run on the other side');
	like($err, qr/bixarena_node_script\('api'\)/, 'the hint says so');
}
$far->safe_psql('postgres',
	value($node, q{SELECT bixarena_node_script('api')}));
$far->safe_psql('postgres',
	'REVOKE INSERT ON api.leaderboard_entry FROM bixarena_node');
run_it('node-attach', %right);
like(
	(run_it('node-health'))[1],
	qr/GRANT INSERT ON api\.leaderboard_entry TO bixarena_node;/,
	'health has the statement that mends it');
$far->safe_psql('postgres',
	'GRANT INSERT ON api.leaderboard_entry TO bixarena_node');

{
	my ($status, $out, $err) = run_it('node-attach', %right);

	is("$status$err", '0', 'attached');
	is_value($node,
		q{SELECT status FROM bixarena_generate_snapshot('overall', 10)},
		'succeeded', 'a snapshot is made');
	($status, $out) = run_it('node-health');
	is($status, 0, 'healthy');
}
is((run_it('node-attach', %right))[0], 0, 'again');
{
	my ($status, $out, $err) =
	  run_it('node-attach', %right, NODE_SCHEDULE_FILE => "$state/nowhere");

	is($status, 1, 'a file that is not there is not an empty value');
	is( $err,
		"node-attach: NODE_SCHEDULE_FILE: $state/nowhere cannot be read\n",
		'and no more is done');
}
is((run_it('node-attach', %right))[0], 0, 'and again');

# rotation
$far->safe_psql('postgres', q{ALTER ROLE bixarena_node PASSWORD 'next'});
$far->restart;
{
	my ($status, $out) = run_it('node-health');

	is($status, 1, 'the password was changed there');
	like(
		$out,
		qr/far_side critical: .*password authentication failed/,
		'health says so');
}
is((run_it('node-attach', NODE_PASSWORD => 'next'))[0], 0, 'and here');
is((run_it('node-health'))[0], 0, 'healthy again');
$far->stop;
like(
	(run_it('node-health'))[1],
	qr/far_side critical: .*Connection refused/,
	'the other side is away');

unlike(slurp_file($node->logfile),
	qr/with.{1,8}odd|'next'/, 'no password is in the log');

$node->stop;
done_testing();
