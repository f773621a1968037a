
# 012_release.pl
#	  What a release consists of: META.json as PGXN wants it, one version
#	  everywhere, and install scripts that stay as they were released.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $changes = slurp_file("$top/CHANGELOG.md");
my ($version) =
  slurp_file("$top/bixarena_rank.control") =~ /^default_version = '(.+)'$/m;
my $unreleased = $changes =~ /^## \Q$version\E \(unreleased\)$/m;

#
# META.json, by the specification 1.0.0 of PGXN (https://pgxn.org/spec/)
#

my $meta = eval { JSON::PP->new->utf8->decode(slurp_file("$top/META.json")) };
my $semantic =
qr/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[A-Za-z][-0-9A-Za-z]*)?$/;
my $term = qr{^[^\s/\\\x00-\x1f\x7f]{2,}$};
my %keys = (
	name => $term,
	version => $semantic,
	abstract => qr/^.+$/,
	description => qr/^.+$/,
	maintainer => qr/^.+$/,
	generated_by => qr/^.+$/,
	license =>
qr/^(?:agpl_3|apache_1_1|apache_2_0|artistic_1|artistic_2|bsd|freebsd|gfdl_1_[23]|gpl_[123]|lgpl_2_1|lgpl_3_0|mit|mozilla_1_[01]|openssl|perl_5|postgresql|qpl_1_0|ssleay|sun|zlib|open_source|restricted|unrestricted|unknown)$/,
	release_status => qr/^(?:stable|testing|unstable)$/);

ok($meta, 'META.json is JSON') or diag($@);
foreach my $key (
	'name', 'version', 'abstract', 'maintainer',
	'license', 'provides', 'meta-spec')
{
	ok(defined $meta->{$key}, "META.json has $key");
}
foreach my $key (sort keys %$meta)
{
	next
	  if $key =~
	  /^(?:provides|meta-spec|tags|prereqs|resources|no_index|[xX]_.*)$/;
	like($meta->{$key}, $keys{$key} // qr/^(?!)/, "META.json: $key");
}
is_deeply(
	$meta->{'meta-spec'},
	{ version => '1.0.0', url => 'https://pgxn.org/meta/spec.txt' },
	'META.json: meta-spec');
like($_, qr{^[^/\\\x00-\x1f\x7f]{1,256}$}, "META.json: tag $_")
  foreach @{ $meta->{tags} };
foreach my $name (sort keys %{ $meta->{provides} })
{
	my $extension = $meta->{provides}{$name};

	like($name, $term, 'META.json: an extension');
	is( join(' ', grep { !/^[xX]_/ } sort keys %$extension),
		'abstract docfile file version',
		"META.json: what is said of $name");
	like($extension->{version}, $semantic, "META.json: version of $name");
	ok( -f "$top/$extension->{docfile}",
		"META.json: docfile of $name is there");
	# an install script is written at the latest when it is released
	ok( -f "$top/$extension->{file}" || $unreleased,
		"META.json: file of $name is there");
}
foreach my $phase (sort keys %{ $meta->{prereqs} })
{
	like(
		$phase,
		qr/^(?:configure|build|test|runtime|develop)$/,
		"META.json: phase $phase");
	foreach my $relation (sort keys %{ $meta->{prereqs}{$phase} })
	{
		my $needed = $meta->{prereqs}{$phase}{$relation};

		like(
			$relation,
			qr/^(?:requires|recommends|suggests|conflicts)$/,
			"META.json: relation $relation");
		like($needed->{$_}, qr/^0$|$semantic/, "META.json: version of $_")
		  foreach sort keys %$needed;
	}
}

#
# One version
#

is($meta->{version} =~ s/\.\d+$//r,
	$version, 'META.json has the version of the control file');
is($meta->{provides}{bixarena_rank}{version},
	$meta->{version}, 'also for the extension');
is( $meta->{provides}{bixarena_rank}{file},
	"sql/bixarena_rank--$version.sql",
	'and in its file');
like(
	$changes,
	qr/^# Changes\n+## \Q$version\E \((?:unreleased|\d{4}-\d\d-\d\d)\)$/m,
	'CHANGELOG.md begins with it');
like(
	slurp_file("$top/debian/changelog"),
	qr/\Abixarena-rank \(\Q$meta->{version}\E-\d+\) /,
	"Debian's changelog too");

#
# Install scripts
#

my ($makefile) = run_command(
	[
		'make', '--silent', '--directory', $top,
		'--eval', 'tell-parts: ; @echo $(SQL_PARTS)', 'tell-parts'
	]);
my @parts = split /\s+/, $makefile;
my $script = join('', map { slurp_file("$top/$_") } @parts);
my %frozen = map { m{/bixarena_rank--([^-]+)\.sql$} ? ($1 => $_) : () }
  glob("$top/sql/bixarena_rank--*.sql");
my %leads_to;
my $top_script =
  PostgreSQL::Test::Utils::tempdir() . "/bixarena_rank--$version.sql";

append_to_file($top_script, $script);

cmp_ok(scalar @parts, '>', 20, 'the script has its parts');
is( join(' ',
		sort grep { -f } glob("$top/src/sql/*.sql $top/src/sql/[!u]*/*.sql")),
	join(' ', sort map { "$top/$_" } @parts),
	'all parts are in SQL_PARTS');
if ($frozen{$version})
{
	ok( slurp_file($frozen{$version}) eq $script,
		"the script of $version is as it is frozen")
	  or diag(
		$unreleased
		? 'Version '
		  . $version
		  . ' is not released yet: run script/freeze, and commit sql/.'
		: "Version $version is released.  Raise the version in bixarena_rank.control, META.json and\n"
		  . "debian/changelog, begin a section of CHANGELOG.md, and write an upgrade script."
	  );
}
else
{
	ok($unreleased, "a version that is not frozen is not released")
	  or diag('Run script/freeze.');
}
foreach my $released ($changes =~ /^## (\S+) \(\d/mg)
{
	ok($frozen{$released},
		"version $released is released, and its script frozen");
}

# the upgrade script to a version that is not released yet is the one that follows
# from the install scripts and what is written by hand
if ($unreleased)
{
	my ($previous) = $changes =~ /^## (\S+) \(\d/m;
	my $upgrade = "$top/sql/bixarena_rank--$previous--$version.sql";
	my ($written, $complaint) = run_command(
		[ "$top/script/write-upgrade", $previous, $version, $top_script ]);

	is($complaint, '', 'write-upgrade has nothing to say');
	ok( -f $upgrade && slurp_file($upgrade) eq "$written\n",
		"the upgrade from $previous is as it follows from the scripts"
	) or diag('Run script/freeze, and commit sql/.');
}

# the server finds a way through any number of scripts
foreach my $file (glob("$top/sql/*.sql"))
{
	my ($name) = $file =~ m{([^/]+)$};

	like(
		$name,
		qr/^bixarena_rank(?:--[^-]+){1,2}\.sql$/,
		"$name is a name for a script");
	push @{ $leads_to{$1} }, $2 if $name =~ /--([^-]+)--([^-]+)\.sql$/;
}
foreach my $released (sort keys %frozen)
{
	my %reached = ($released => 1);
	my @next = ($released);

	while (defined(my $step = shift @next))
	{
		push @next, grep { !$reached{$_}++ } @{ $leads_to{$step} // [] };
	}
	ok($reached{$version}, "version $released can be upgraded to $version")
	  or diag("Write sql/bixarena_rank--$released--$version.sql.");
}

done_testing();
