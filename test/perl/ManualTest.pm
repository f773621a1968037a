
# ManualTest.pm
#	  The manual as a test: its pages taken apart into blocks of code and what is
#	  shown of their output, and each compared with what really comes out.
#
# A page is Markdown.  A block with the word sql, sh, python or js is run, in the
# order of the page; a block without a word (or "text") right after it is what it
# must print.  What a reader need not see stands in comments:
#
#	<!-- server: NAME = VALUE -->	a line of postgresql.conf, for the whole page
#	<!-- setup (or setup: WHY)      SQL that is run here: what the page says, in
#	SQL -->                         words, that its reader has
#	<!-- database: NAME -->			from here on blocks are run in this database
#	<!-- not run: WHY -->			the next block is not run
#	<!-- error: SQLSTATE -->		the next block ends with this error
#	<!-- varies -->					of the next output only the shape is compared:
#									any digits will do
#
# Dates, times, uuids and identifiers of snapshots match any of their kind, and
# blanks and lines of dashes whatever their width.  A line "..." or "…" stands for
# any number of lines.  The numbers of rows that psql prints need not be shown.
# Messages (NOTICE, WARNING, ERROR and what belongs to them) are compared where the
# output that is shown has some.

package ManualTest;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(blocks_of settings_of output_matches messages_of anchors_of
  links_of);

# The blocks of a page, in order: kind (sql, sh, python, js, setup), text, line,
# and where there is any: skip (why it is not run), error, output, varies
sub blocks_of
{
	my ($page) = @_;
	my @lines = split /\n/, $page, -1;
	my (@blocks, %said, $database);

	for (my $i = 0 ; $i < @lines ; $i++)
	{
		if ($lines[$i] =~ /^\s*<!--\s*setup\b/)
		{
			my $start = $i;
			my $text = $lines[$i] =~ s/^\s*<!--\s*setup\b(?::.*)?\s*//r;

			$text .= "\n" . $lines[ ++$i ]
			  until $text =~ /-->/ || $i == $#lines;
			push @blocks,
			  {
				kind => 'setup',
				text => $text =~ s/\s*-->.*//sr,
				line => $start + 1,
				database => $database
			  };
		}
		elsif ($lines[$i] =~ /^\s*<!--\s*database:\s*(\S+)\s*-->\s*$/)
		{
			$database = $1;
		}
		elsif ($lines[$i] =~
			/^\s*<!--\s*(not run|error|varies)(?::\s*(.*?))?\s*-->\s*$/)
		{
			$said{$1} = $2 // 1;
		}
		elsif ($lines[$i] =~ /^(\s*)```\s*(\w*)\s*$/)
		{
			my ($indent, $kind, $start, @text) = ($1, $2, $i);

			push @text, $lines[$i] =~ s/^\Q$indent\E//r
			  while ++$i < @lines && $lines[$i] !~ /^\s*```\s*$/;
			my %block = (
				kind => $kind,
				text => join("\n", @text) . "\n",
				line => $start + 1);

			if ($kind eq '' || $kind eq 'text')
			{
				# an output: of the block before, if nothing but blanks is between
				if (   @blocks
					&& $blocks[-1]{end}
					&& join('', @lines[ $blocks[-1]{end} + 1 .. $start - 1 ])
					=~ /^\s*(?:<!--\s*varies\s*-->)?\s*$/)
				{
					$blocks[-1]{output} = $block{text};
					$blocks[-1]{varies} = $said{varies};
				}
			}
			else
			{
				push @blocks,
				  {
					%block,
					end => $i,
					skip => $said{'not run'},
					error => $said{error},
					database => $database
				  };
			}
			%said = ();
		}
		elsif ($lines[$i] =~ /\S/)
		{
			%said = ();
			delete $blocks[-1]{end} if @blocks;
		}
	}
	return @blocks;
}

# The lines of postgresql.conf that a page asks for
sub settings_of
{
	my ($page) = @_;

	return
	  join('', map { "$_\n" } $page =~ /^<!--\s*server:\s*(.*?)\s*-->/mg);
}

# What psql says on its standard error, as it says it to a user who has not asked for
# more
sub messages_of
{
	my ($text) = @_;

	$text =~ s/^LOCATION:  .*\n//mg;
	$text =~ s/^(?:psql:<stdin>:\d+: )?([A-Z]+:  )(?:[0-9A-Z]{5}: )?/$1/mg;
	return $text;
}

# A line of output as a pattern matches it
sub folded
{
	my ($line) = @_;

	$line =~ s/\s+/ /g;
	$line =~ s/^ | $//g;
	$line =~ s/-{3,}/---/g;
	$line =~ s/ ?\+ ?(?=-|$)/+/g;
	return $line;
}

my $uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
my $time =
  '\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d(?::?\d\d)?)?';
my $identifier = 'snapshot_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(?:_\d+)?';

# A shown line as a regular expression
sub pattern_of
{
	my ($line, $varies) = @_;
	my $pattern = '';

	foreach my $piece (
		split /($uuid|$identifier|$time|\d{4}-\d\d-\d\d|\d+(?:\.\d+)?)/,
		folded($line))
	{
		$pattern .=
			$piece            =~ /^$uuid$/ ? $uuid
		  : $piece            =~ /^$identifier$/ ? $identifier
		  : $piece            =~ /^$time$/ ? $time
		  : $piece            =~ /^\d{4}-\d\d-\d\d$/ ? '\d{4}-\d\d-\d\d'
		  : $varies && $piece =~ /^\d/ ? '-?\d+(?:\.\d+)?(?:e-?\d+)?'
		  : quotemeta($piece);
	}
	return $pattern;
}

# Is what came out what is shown?  Otherwise, the first line that differs.
sub output_matches
{
	my ($shown, $came, $varies) = @_;
	my $is_counted = qr/^\(\d+ rows?\)$/;
	my @shown = grep { /\S/ && !/$is_counted/ } split /\n/, $shown;
	my @came = grep { /\S/ && !/$is_counted/ } map { folded($_) } split /\n/,
	  $came;
	my $gap = 0;

	foreach my $line (@shown)
	{
		if ($line =~ /^\s*(?:\.\.\.|…)\s*$/)
		{
			$gap = 1;
			next;
		}
		my $pattern = pattern_of($line, $varies);
		shift @came while $gap && @came && $came[0] !~ /^$pattern$/;
		return "shown: $line\ncame:  " . ($came[0] // '(nothing)')
		  unless @came && $came[0] =~ /^$pattern$/;
		shift @came;
		$gap = 0;
	}
	return "not shown: $came[0]" if @came && !$gap;
	return '';
}

# The anchors of a page, as GitHub makes them of its headings
sub anchors_of
{
	my ($page) = @_;
	my %seen;

	$page =~ s/^\s*```.*?^\s*```\s*$//msg;
	return map {
		my $anchor = lc($_) =~ s/[`*]//gr =~ s/\[([^\]]*)\]\([^)]*\)/$1/gr =~
		  s/[^\w\s-]//gr =~ s/ /-/gr;
		$seen{$anchor}++ ? "$anchor-" . ($seen{$anchor} - 1) : $anchor;
	} $page =~ /^#{1,6}\s+(.*?)\s*$/mg;
}

# What a page links to
sub links_of
{
	my ($page) = @_;

	$page =~ s/^\s*```.*?^\s*```\s*$//msg;
	return $page =~ /\]\(([^()\s]+)\)/g;
}

1;
