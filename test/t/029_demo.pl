# What script/demo makes of a file before it installs anything, and what of a
# checkout is built and tested.

use strict;
use warnings;

use Cwd qw(realpath);
use Encode;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = realpath("$FindBin::RealBin/../..");
my $folder = PostgreSQL::Test::Utils::tempdir;
my $votes = "left,right,winner\nant,bee,left\nbee,cat,tie\n";
my $expected = "ant\tbee\tleft\nbee\tcat\ttie\n";

sub file
{
	my ($name, $text) = @_;

	open(my $handle, '>:raw', "$folder/$name") or die "$name: $!";
	print $handle $text;
	close $handle;
	return "$folder/$name";
}

# The status, what is written and what is said
sub read_votes
{
	my ($file, @columns) = @_;

	@columns = ('left', 'right', 'winner') unless @columns;
	IPC::Run::run([ "$project/script/read-votes", $file, @columns ],
		'>', \my $out, '2>', \my $err);
	return ($? >> 8, $out, $err);
}

sub reads
{
	my ($name, $text, $result, @columns) = @_;
	my ($status, $out, $err) = read_votes(file('votes', $text), @columns);

	is("$status $out$err", '0 ' . ($result // $expected), "$name is read");
	return;
}

sub refuses
{
	my ($name, $text, $message, @columns) = @_;
	my ($status, $out, $err) = read_votes(file('votes', $text), @columns);

	is($status, 1, "$name is refused");
	like($err, $message, "... by saying what it is");
	return;
}

# A column that says how many votes a line stands for
my $counts = "left,times,right,winner\nant,3,bee,left\nbee,12,cat,tie\n";
my @counted = ('left', 'right', 'winner', 'times');

reads('a table of counts',
	$counts, "ant\tbee\tleft\t3\nbee\tcat\ttie\t12\n", @counted);
reads(
	'one with semicolons',
	$counts =~ tr/,/;/r,
	"ant\tbee\tleft\t3\nbee\tcat\ttie\t12\n", @counted);
reads(
	'objects with counts',
	qq({"left": "ant", "right": "bee", "winner": "left", "times": 3}\n),
	"ant\tbee\tleft\t3\n", @counted);
foreach my $none ('', '0', '-1', '1.5', 'many', '1e3')
{
	refuses(
		"a count of \"$none\"",
		$counts =~ s/12/$none/r,
		qr/^script\/demo: line 3 of .* has no number of votes in "times"$/m,
		@counted);
}

# As people have them
reads('a CSV file', $votes);
(my $other = $votes) =~ tr/,/;/;
reads('one with semicolons', $other);
($other = $votes) =~ tr/,/\t/;
reads('one with tabs', $other);
($other = $votes) =~ tr/,/|/;
reads('one with bars', $other);
($other = $votes) =~ s/\n/\r\n/g;
reads('one with the line ends of Windows', $other);
($other = $votes) =~ s/\n/\r/g;
reads('one with those of an old Macintosh', $other);
reads('one with a byte order mark', "\xEF\xBB\xBF$votes");
reads('one without an end of its last line', substr($votes, 0, -1));
reads('one with blank lines', "\n$votes\n  \n");
reads('one with the end that COPY writes', "$votes\\.\n");
reads('one in quotes',
	qq{"left","right","winner"\n"ant","bee","left"\n"bee","cat","tie"\n});
reads(
	'one whose other columns are long texts',
qq{left,"the\nnote",right,winner\nant,"a ""b"", c\n\nd",bee,left\nbee,,cat,tie\n}
);
reads(
	'a name that has a separator',
	qq{"a,b",right,winner\n"x,y",z,left\n},
	"x,y\tz\tleft\n", 'a,b', 'right', 'winner');
reads(
	'names that are no ASCII',
	"links,rechts,wer\nZ\xC3\xBCrich,\xE6\xA8\xA1\xE5\x9E\x8B,left\n",
	"Z\xC3\xBCrich\t\xE6\xA8\xA1\xE5\x9E\x8B\tleft\n",
	'links',
	'rechts',
	'wer');
reads(
	'empty fields',
	"left,right,winner\nant,,left\nbee,cat,\n",
	"ant\t\\N\tleft\nbee\tcat\t\\N\n");
reads(
	'what COPY would take for something else',
	qq{left,right,winner\n\\N,"a\tb","c\nd"\n\\.,\\,x\n},
	qq{\\\\N\ta\\tb\tc\\nd\n\\\\.\t\\\\\tx\n});
reads(
	'columns that are there twice, but not asked for',
	"left,x,x,right,winner\nant,1,2,bee,left\nbee,,,cat,tie\n");
reads(
	'JSON lines',
	q#{"left": "ant", "right":"bee","winner":"left","x":[{"y":"]}"}]}
# . "\n" . q# { "winner" : "tie" , "left" : "bee", "right" : "cat" } # . "\n"
);
reads(
	'JSON of every type', q#{"a":"x\u00e9\ud83e\udd8a\n\"","b":1.5e3,"c":true}
{"a":null,"b":{"c":"}"},"c":false}
{"a":""}#,
qq#x\xC3\xA9\xF0\x9F\xA6\x8A\\n"\t1.5e3\ttrue\n\\N\t{"c":"}"}\tfalse\n\t\\N\t\\N\n#,
	'a', 'b', 'c');

# Compressed, and by a pipe
IPC::Run::run([ 'gzip', '-c' ], '<', \$votes, '>', \my $compressed);
reads('a file compressed by gzip', $compressed);
my $long = "left,right,winner\n" . "ant,bee,left\n" x 100000;
my $plain = file('plain.csv', $long);
IPC::Run::run([ 'gzip', '-c', $plain ], '>', "$folder/long.gz");
foreach my $command (
	"cat $plain | $project/script/read-votes /dev/stdin left right winner",
	"$project/script/read-votes <(cat $plain) left right winner",
	"$project/script/read-votes <(zcat $folder/long.gz) left right winner",
"$project/script/read-votes /dev/stdin left right winner < $folder/long.gz",
"cat $folder/long.gz | $project/script/read-votes /dev/stdin left right winner",
	"$project/script/read-votes $folder/long.gz left right winner")
{
	IPC::Run::run([ 'bash', '-c', $command ], '>', \my $out, '2>', \my $err);
	(my $name = $command) =~ s,\Q$project\E/|\Q$folder\E/,,g;
	is(($out =~ tr/\n//) . $err, '100000', "no vote is lost: $name");
}

# What is no file of votes says what it is
refuses('UTF-16', Encode::encode('UTF-16', $votes), qr/UTF-16.*\n.*iconv/);
refuses(
	'UTF-16 without a mark',
	Encode::encode('UTF-16LE', $votes),
	qr/UTF-16.*\n.*iconv/);
refuses('UTF-32', Encode::encode('UTF-32LE', "\x{FEFF}$votes"), qr/UTF-32/);
refuses(
	'Latin-1',
	"left,right,winner\nant,bee,left\nZ\xFCrich,bee,tie\n",
	qr/line 3 .*not in UTF-8.*Latin-1\n.*iconv/);
refuses(
	'Latin-1 in the header',
	"left,right,gewinner f\xFCr\n",
	qr/line 1 .*Latin-1/);
refuses(
	'a zero byte',
	"left,right,winner\n" . "ant,bee,left\n" x 1000 . "a\0,b,c\n",
	qr/line 1002 .*zero byte/);
refuses(
	'a spreadsheet',
	"PK\x03\x04\x14\0\x06\0[Content_Types].xml",
	qr/spreadsheet.*\n.*CSV/);
refuses(
	'an old spreadsheet',
	"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
	qr/spreadsheet/);
refuses('what is compressed otherwise', "BZh91AY&SY", qr/bzip2.*\n.*bzcat/);
refuses('a cut gzip file', substr($compressed, 0, 20),
	qr/no whole gzip file/);
refuses('a Parquet file', "PAR1\x15\x04", qr/Parquet/);
refuses('a web page', "<!DOCTYPE html>\n<html>", qr/web page/);
refuses('a JSON array', qq{[{"left":"ant"}]}, qr/JSON array.*\n.*jq -c/);
refuses('an empty file', '', qr/is empty$/);
refuses('a blank file', "\n \n\n", qr/is empty$/);
refuses(
	'an empty compressed file',
	pack('H*', '1f8b08000000000000030300000000000000000000'),
	qr/is empty$/);
refuses('a header alone', "left,right,winner\n\n", qr/no votes/);
refuses(
	'a name that is there twice',
	"left,right,winner,winner\nant,bee,left,tie\n",
	qr/2 columns "winner"/);
refuses(
	'a column that is not there',
	"left,right,outcome\nant,bee,left\n",
	qr/no column "winner"; its columns are: "left", "right", "outcome"$/);
refuses(
	'another, among bars',
	"left|right|outcome\nant|bee|left\n",
	qr/its columns are: "left", "right", "outcome"$/);
refuses(
	'a line with a field more',
	"${votes}ant,bee,left,tie\n",
	qr/line 4 .*has 4 fields, and the header 3/);
refuses(
	'a line with one less',
	"${votes}ant,bee\n",
	qr/line 4 .*has 2 fields, and the header 3/);
refuses(
	'a quote that is not closed',
	qq{${votes}"ant,bee,left\nant,bee,left\n},
	qr/quote in line 4 .*not closed/);
refuses(
	'a line that is no JSON',
	qq#{"left":"ant","right":"bee","winner":"left"}\n{"left": ant}\n#,
	qr/line 2 .*not a JSON object/);
refuses(
	'JSON cut short',
	qq#{"left":"ant","right":"bee","winner":"left"}\n{"left":"a#,
	qr/line 2 .*not a JSON object/);
refuses(
	'JSON without a member',
	qq#{"left":"ant","right":"bee","who":"left"}\n#,
	qr/no "winner"; its objects have: "left", "right", "who"$/);
my ($status, undef, $err) = read_votes($folder);
like("$status $err", qr/^1 .*is a directory$/, 'a folder is refused');
($status, undef, $err) = read_votes("$folder/missing");
like(
	"$status $err",
	qr/^1 .*cannot read the file .*: No such file/,
	'a file that is not there is refused');

# The demonstration says so before it does anything else: here nothing could be
# installed, as there is no apt-get
mkdir "$folder/bin";
foreach
  my $program (qw(bash perl mktemp rm find dirname basename gzip env cat))
{
	my ($there) = grep { -x } map { "$_/$program" } split /:/, $ENV{PATH};

	symlink($there, "$folder/bin/$program") or die "$program: $!";
}
foreach my $case (
	[ file('empty', ''), 'left', 'right', 'winner', qr/is empty$/ ],
	[ $folder, 'left', 'right', 'winner', qr/is a directory$/ ],
	[ $plain, 'left', 'right', 'who', qr/no column "who"/ ],
	[ $plain, 'left', 'left', 'winner', qr/must be three columns$/ ],
	[
		$plain, 'left', 'right', 'winner', 'winner',
		qr/has no number of votes in "winner"$/m
	],
	[
		file('twice', "a,b,1\n2,3,1\n"),
		'a', 'b', '1', '1', qr/must be a column of its own$/
	],
	[ $plain, 'left', qr/^script\/demo: usage: / ])
{
	my $message = pop @$case;

	IPC::Run::run([ 'bash', "$project/script/demo", @$case ],
		'>', \my $out, '2>', \my $said,
		init => sub { $ENV{PATH} = "$folder/bin" });
	like($said, $message,
		'script/demo ends at once: ' . join(' ', map { s/.*\///r } @$case));
	is($out, '', '... and has begun nothing');
}

# Only what belongs to the project is built and tested, with git and without
my $checkout = "$folder/checkout";
mkdir $checkout;
IPC::Run::run(
	[
		'cp', '-r',
		map({ "$project/$_" } 'script',
			'src', 'Makefile', 'bixarena_rank.control'),
		$checkout
	]) or die;
file("checkout/$_", 'x')
  foreach 'log', 'results', 'src/left.o', 'bixarena_rank.so';
file('checkout/.gitignore', "*.o\n*.so\n");
file('checkout/src/new.c', 'x');
my $copy = sub {
	my $name = shift;

	IPC::Run::run(
		[
			'bash', '-c',
			"source $checkout/script/setup.sh; copy_sources $folder/$name"
		]) or die;
	return join(' ',
		map { -e "$folder/$name/$_" ? $_ : () } 'Makefile',
		'script/demo',
		'src/init.c',
		'src/new.c',
		'log',
		'results',
		'src/left.o',
		'bixarena_rank.so');
};
my $belongs = 'Makefile script/demo src/init.c src/new.c';
is($copy->('without'), $belongs, 'a stray file is not copied');
SKIP:
{
	skip 'there is no git here', 1
	  if system('git --version >/dev/null 2>&1') != 0;
	system(
"cd $checkout && git init -q . && git add Makefile script src bixarena_rank.control && git reset -q src/new.c; rm src/arena/arena.c"
	) == 0 or die;
	is($copy->('with'), $belongs, '... and git says what is one');
}

# Each release of Debian has its own PostgreSQL
foreach my $release ([ 'bookworm', 15 ], [ 'trixie', 17 ], [ 'forky', 18 ])
{
	my ($name, $major) = @$release;
	my $chosen =
`bash -c 'unset PG_MAJOR; source $project/script/setup.sh; eval "\$(declare -f choose_major | sed "s,/etc/os-release,$folder/os-release,g")"; printf "VERSION_CODENAME=$name\\n" >$folder/os-release; choose_major; echo \$PG_MAJOR'`;

	is($chosen, "$major\n", "on $name it is PostgreSQL $major");
}

done_testing();
