
# 028_groups.pl
#	  How tests are counted (script/groups.sh): passed, failed and skipped, each by
#	  itself, and what was skipped is said.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $groups = "$FindBin::RealBin/../../script/groups.sh";
my $folder = PostgreSQL::Test::Utils::tempdir();

# Of the output of groups of tests, the end of what is told, and the status
sub told
{
	my @outputs = @_;
	my $script =
	  qq{set -euo pipefail; work='$folder'; mkdir -p "\$work/source"
		as_server_user() { "\$@"; }; say() { printf '%s\\n' "\$*"; }
		source '$groups'\n};
	my ($out, $err);

	foreach my $n (0 .. $#outputs)
	{
		append_to_file("$folder/$n", $outputs[$n]);
		$script .= "run_group 'Group $n' cat '$folder/$n'\n";
	}
	my $is_good = IPC::Run::run(
		[ 'bash', '-c', "$script report_groups" ],
		'>' => \$out,
		'2>' => \$err);
	unlink "$folder/$_" foreach 0 .. $#outputs;
	return ($is_good ? 'good' : 'bad', $out, (split /\n/, $out)[-1]);
}

sub is_told
{
	my ($outputs, $status, $last, $skips, $name) = @_;
	my ($found, $out, $line) = told(@$outputs);
	my ($told) = $out =~ /== Skipped ==\n(.*?)\n\n/s;

	is("$found: $line", "$status: $last", $name);
	is($told // '', $skips, "$name: what was skipped");
}

my $prove = "/x/test/t/001_a.pl .. \nok 1 - a\nok 2 - b\n1..2\nok\n";

is_told([$prove], 'good', '2 passed, 0 failed, 0 skipped', '', 'all pass');
is_told(
	[
		$prove,
"test one                          ... ok           12 ms\nok 2         - two          7 ms\n"
	],
	'good',
	'4 passed, 0 failed, 0 skipped',
	'',
	'pg_regress, old and new');
is_told(
	[
"${prove}/x/test/t/002_b.pl .. \n1..0 # SKIP nothing to test\nskipped: nothing to test\n"
	],
	'good',
	'2 passed, 0 failed, 1 skipped',
	'Group 0: 002_b.pl: nothing to test',
	'a file is skipped');
is_told(
	["${prove}/x/test/t/002_b.pl .. skipped: nothing to test\n"],
	'good',
	'2 passed, 0 failed, 1 skipped',
	'Group 0: 002_b.pl: nothing to test',
	'a file is skipped, in one line');
is_told(
	[
"${prove}/x/test/t/003_c.pl ... \nok 1 # skip no cron\nok 2 # skip no cron\nok 3 - c\nok 4 # SKIP\n1..4\nok\n",
		"ok 1 - d # SKIP quick\n"
	],
	'good',
	'3 passed, 0 failed, 4 skipped',
"Group 0: 003_c.pl: no cron (2)\nGroup 0: 003_c.pl: no reason given\nGroup 1: quick",
	'single tests are skipped');
is_told(
	["$prove/x/test/t/004.pl .. \nnot ok 1 - e\n# why\n1..1\n"],
	'bad', '2 passed, 1 failed, 0 skipped',
	'', 'one fails');
is_told(["1..0 # SKIP all\n"], 'bad', '0 passed, 0 failed, 1 skipped',
	'Group 0: all', 'that all are skipped is no success');
is_told(
	["ok 1 - the words skip and SKIP in a name\n"],
	'good', '1 passed, 0 failed, 0 skipped',
	'', 'a name is no mark');

done_testing();
