
# CopiedInstallation.pm
#	  Servers whose installation can be changed: they run from a copy of it in the
#	  test's folder.
#
# A server finds extensions and libraries by the place of its own program.  So
# programs are copied, and all else is linked, file by file where a test may want
# to add or take away some.

package CopiedInstallation;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use File::Copy;
use File::Path;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(copied_installation);

# A server that runs, and the folders of extensions and of libraries of the copy.
# Files whose names match are not there.
sub copied_installation
{
	my ($name, $missing) = @_;
	my $copy = PostgreSQL::Test::Utils::tempdir;
	my (%folder, $server);

	foreach my $kind ('bindir', 'sharedir', 'pkglibdir')
	{
		($folder{$kind}) = run_command([ 'pg_config', "--$kind" ]);
		mkpath("$copy$folder{$kind}");
	}
	foreach my $program ('postgres', 'initdb', 'pg_ctl', 'pg_config', 'psql')
	{
		copy("$folder{bindir}/$program", "$copy$folder{bindir}/$program")
		  or die "$program: $!";
		chmod 0755, "$copy$folder{bindir}/$program";
	}
	mkdir "$copy$folder{sharedir}/extension";
	foreach my $file (
		grep({ !m{/extension$} } glob("$folder{sharedir}/*")),
		glob("$folder{sharedir}/extension/*"),
		glob("$folder{pkglibdir}/*"))
	{
		next if $missing && basename($file) =~ $missing;
		symlink($file, "$copy$file") or die "$file: $!";
	}

	$server = PostgreSQL::Test::Cluster->new($name,
		install_path => dirname("$copy$folder{bindir}"));
	$server->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$server->start;
	return ($server, "$copy$folder{sharedir}/extension",
		"$copy$folder{pkglibdir}");
}

1;
