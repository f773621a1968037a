
# BrowserTest.pm
#	  Programs of test/browser that look at pages, and what they find.

package BrowserTest;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use IPC::Run;
use Test::More;

our @EXPORT = qw(results_of);

# Results of a program in the Test Anything Protocol, as ours
sub results_of
{
	my ($program, @arguments) = @_;
	my ($output, $error) = ('', '');
	my $ended_well = IPC::Run::run(
		[ 'python3', "$FindBin::RealBin/../browser/$program", @arguments ],
		'>' => \$output,
		'2>' => \$error);
	my $results = 0;
	my $is_good = 1;

	foreach (split /\n/, $output)
	{
		if (/^(not )?ok \d+ - (.*)/)
		{
			$is_good = !$1;
			$results++;
			ok($is_good, $2);
		}
		elsif (/^# (.*)/)
		{
			$is_good ? note($1) : diag($1);
		}
	}
	ok($ended_well, "$program ends well") or diag($error);
	my ($planned) = $output =~ /^1\.\.(\d+)$/m;
	is($results, $planned, "$program has told all its results");
	cmp_ok($results, '>', 0, "$program has looked");
}

1;
