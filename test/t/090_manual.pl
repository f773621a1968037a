
# 090_manual.pl
#	  Every example of the manual is run, page by page, in the order in which it
#	  stands, on a fresh server with what the page says that it needs; and what it
#	  shows as output is what comes out.  See test/perl/ManualTest.pm for how pages
#	  are read.  And every link leads somewhere.
#
# A page whose examples call a program that is not installed (node, a driver of
# Python's) has these left out, and says so.

use strict;
use warnings;

use Cwd 'abs_path';
use FindBin;
use File::Basename;
use lib "$FindBin::RealBin/../perl";

use ManualTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGCLIENTENCODING} = 'UTF8';
# as psql shows things to a new user
delete @ENV{qw(PGOPTIONS PSQL_PAGER PAGER)};

my $top = abs_path("$FindBin::RealBin/../..");
my @pages = grep { -f "$top/$_" } 'README.md', 'CONTRIBUTING.md',
  map { s{^\Q$top\E/}{}r }
  sort(glob("$top/doc/*.md"), glob("$top/contrib/*/README.md"));

# How a kind of block is run: a command, and a file of its text
my %runners = (
	sh => sub { [ 'bash', '-eu', $_[0] ] },
	python => sub { [ '/usr/bin/python3', $_[0] ] },
	js => sub { [ 'node', $_[0] ] });

my @only = split ' ', $ENV{MANUAL_PAGES} // '';

@pages = grep {
	my $page = $_;
	grep { $page =~ /$_/ } @only
} @pages if @only;
run_page($_)    foreach @pages;
check_links($_) foreach @pages;
done_testing();

sub run_page
{
	my ($name) = @_;
	my $page = slurp_file("$top/$name");
	my @blocks = blocks_of($page);
	my $folder = abs_path(PostgreSQL::Test::Utils::tempdir());
	my $node;

	return unless grep {
		($_->{kind} eq 'sql' || $runners{ $_->{kind} }) && !defined $_->{skip}
	} @blocks;
	$node = PostgreSQL::Test::Cluster->new($name =~ s/\W/_/gr);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf',
		"timezone = 'UTC'\n" . settings_of($page));
	$node->start;
	# as in a checkout, from which a page may take files
	symlink("$top/$_", "$folder/$_")
	  or die
	  foreach qw(contrib doc script test);

	foreach my $block (@blocks)
	{
		my $title = "$name, line $block->{line}: $block->{kind}";

		if (defined $block->{skip})
		{
			note("$title is not run: $block->{skip}");
		}
		elsif ($block->{kind} eq 'sql' || $block->{kind} eq 'setup')
		{
			run_sql($node, $folder, $block, $title);
		}
		elsif ($runners{ $block->{kind} })
		{
			run_program($node, $folder, $block, $title);
		}
	}
	$node->stop;
}

# As if typed into psql, in the folder in which the page's programs run
sub run_sql
{
	my ($node, $folder, $block, $title) = @_;
	my ($out, $err) = ('', '');
	my $psql = [
		'psql',
		'--no-psqlrc',
		'--set=ON_ERROR_STOP=1',
		'--set=VERBOSITY=verbose',
		'--set=SHOW_CONTEXT=never',
		'--quiet',
		'--pset=pager=off',
		'--file=-',
		'--dbname=' . $node->connstr($block->{database} // 'postgres')
	];
	my $status =
	  IPC::Run::run($psql, '<', \$block->{text}, '>', \$out, '2>', \$err,
		init => sub { chdir $folder or die });
	my ($state) = $err =~ /ERROR:\s+([0-9A-Z]{5}):/;

	utf8::decode($out);
	utf8::decode($err);
	# a page that shows messages shows them before all rows
	$out = messages_of($err) . $out
	  if ($block->{output} // '') =~ /^[A-Z]+:  /m;
	if ($block->{error})
	{
		is($state, $block->{error}, "$title fails as it says") or diag($err);
	}
	else
	{
		ok($status, "$title runs") or diag($block->{text}, $err);
	}
	compare($block, $out, $title);
}

sub run_program
{
	my ($node, $folder, $block, $title) = @_;
	my $file = "$folder/block.$block->{kind}";
	my ($out, $err) = ('', '');
	local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER NODE_PATH)} = (
		$node->host,
		$node->port,
		$block->{database} // 'postgres',
		scalar(getpwuid($<)),
		join(':',
			grep { defined } $ENV{NODE_PATH}, '/usr/share/nodejs',
			'/usr/lib/nodejs'));

	unlink $file;
	append_to_file($file, $block->{text});
	my $status = IPC::Run::run($runners{ $block->{kind} }->($file),
		'>', \$out, '2>', \$err, init => sub { chdir $folder or die });

	utf8::decode($out);
	if (  !$status
		&& $err =~
/ModuleNotFoundError|Cannot find module|No such file or directory: '?node/
	  )
	{
	  SKIP: { skip("$title: a driver is not installed here", 1); }
		return;
	}
	ok($status, "$title runs") or diag($block->{text}, $out, $err);
	compare($block, $out, $title);
}

sub compare
{
	my ($block, $out, $title) = @_;

	return unless defined $block->{output};
	utf8::decode(my $shown = $block->{output});
	is(output_matches($shown, $out, $block->{varies}),
		'', "$title: what comes out is what is shown")
	  or diag($out);
}

sub check_links
{
	my ($name) = @_;
	my $page = slurp_file("$top/$name");
	my @broken;

	foreach my $link (links_of($page))
	{
		next if $link =~ /^(?:https?|mailto):/;
		my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
		my $target =
		  $file eq '' ? "$top/$name" : dirname("$top/$name") . "/$file";

		push @broken, $link
		  if !-e $target
		  || defined $anchor && !grep { $_ eq $anchor }
		  anchors_of(slurp_file($target));
	}
	is("@broken", '', "$name: every link leads somewhere");
}
