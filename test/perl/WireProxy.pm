
# WireProxy.pm
#	  A wire between two servers that can be cut.
#
# A process of its own takes connections at a port and passes on what goes through,
# to another port and back.  It counts bytes, messages and turns (how often the
# client sent something after an answer: round trips), and fails as it is told:
#
#	$wire->delay($ms)				each direction takes half of it
#	$wire->cut						all connections are cut, now
#	$wire->cut_after($messages)		... once so many more have come from the client
#	$wire->cut_on($text, $when)		... at the message with this text: 'before' the
#									server has it, or 'after' it was carried out; with
#									a third text only once that has been seen
#	$wire->swallow					nothing gets through any more, and nobody is told
#	$wire->swallow_on($text, $when)	... from that message on: 'before' or 'after'
#	$wire->refuse					new connections are cut at once
#	$wire->restore					all is well again; what was swallowed is cut
#	$wire->reset					counts from 0
#	$wire->counts					bytes_up, bytes_down, messages_up, messages_down,
#									turns, connections; "up" is towards the server

package WireProxy;

use strict;
use warnings;

use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Select;
use IO::Socket::INET;
use Socket      qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

# How long a message has to be carried out before its answer is cut off
use constant CARRIED_OUT => 0.3;

# A wire to a port of this machine
sub new
{
	my ($class, $target) = @_;
	my @listeners = map {
		IO::Socket::INET->new(
			LocalAddr => '127.0.0.1',
			Listen => 50,
			ReuseAddr => 1)
		  or die "no port to listen at: $!"
	} 1 .. 2;
	my $self = {
		port => $listeners[0]->sockport,
		control => $listeners[1]->sockport
	};

	$self->{pid} = fork() // die "cannot fork: $!";
	if ($self->{pid} == 0)
	{
		# the parent's handlers and cleaning up are not ours
		$SIG{$_} = 'DEFAULT' foreach 'INT', 'TERM', '__DIE__';
		$SIG{PIPE} = 'IGNORE';
		eval { serve($target, @listeners) };
		warn $@ if $@;
		require POSIX;
		POSIX::_exit(0);
	}
	close $_ foreach @listeners;
	$self->{owner} = $$;
	return bless $self, $class;
}

sub port
{
	my ($self) = @_;

	return $self->{port};
}

sub stop
{
	my ($self) = @_;

	return if !$self->{pid} || $self->{owner} != $$;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	$self->stop;
	return;
}

# Tell the process something; returns its answer
sub order
{
	my ($self, @words) = @_;
	my $socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $self->{control}) or die "the wire does not answer: $!";

	print $socket join("\t", @words) . "\n";
	$socket->flush;
	my $answer = <$socket> // die 'the wire does not answer';
	chomp $answer;
	return $answer;
}

sub delay { my ($self, $ms) = @_; return $self->order('delay', $ms); }
sub cut   { my ($self) = @_;      return $self->order('cut'); }

sub cut_after
{
	my ($self, $messages) = @_;
	return $self->order('cut_after', $messages);
}

sub cut_on
{
	my ($self, $text, $when, $first) = @_;
	return $self->order('on', 'cut', $when, $text, $first // ());
}
sub swallow { my ($self) = @_; return $self->order('swallow'); }

sub swallow_on
{
	my ($self, $text, $when, $first) = @_;
	return $self->order('on', 'swallow', $when, $text, $first // ());
}
sub refuse  { my ($self) = @_; return $self->order('refuse'); }
sub restore { my ($self) = @_; return $self->order('restore'); }
sub reset   { my ($self) = @_; return $self->order('reset'); }

# Has what was told to happen at a message happened?
sub has_happened
{
	my ($self) = @_;
	return $self->order('happened');
}

sub counts
{
	my ($self) = @_;

	return split /[ =]/, $self->order('counts');
}

#
# The process
#

my ($delay, $refuses, $swallows, %counts, $trigger, $cut_after, $happened,
	$last);
my (%end_of, %pairs, $select);

sub clear_counts
{
	%counts =
	  map { $_ => 0 }
	  qw(bytes_up bytes_down messages_up messages_down turns connections);
	$last = 'down';
	return;
}

sub serve
{
	my ($target, $listener, $control) = @_;

	($delay, $refuses, $swallows, $happened) = (0, 0, 0, 0);
	clear_counts();
	$select = IO::Select->new($listener, $control);
	while (1)
	{
		foreach my $ready ($select->can_read(next_moment()))
		{
			if    ($ready == $listener) { connect_pair($listener, $target) }
			elsif ($ready == $control)  { obey($control) }
			elsif ($end_of{$ready})     { take($ready) }
		}
		pass_on();
	}
	return;
}

# How long nothing has to be done unless something comes
sub next_moment
{
	my $next = 0.5;

	foreach my $pair (values %pairs)
	{
		foreach my $way ('up', 'down')
		{
			my $waiting = $pair->{$way}[0] or next;
			my $wait = $waiting->[0] - time;

			$next = $wait if $wait < $next;
		}
		if ($pair->{cut_at})
		{
			my $wait = $pair->{cut_at} - time;

			$next = $wait if $wait < $next;
		}
	}
	return $next < 0.001 ? 0.001 : $next;
}

sub connect_pair
{
	my ($listener, $target) = @_;
	my $client = $listener->accept or return;
	my $server =
	  $refuses
	  ? undef
	  : IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $target);

	if (!$server)
	{
		setsockopt $client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
		close $client;
		return;
	}
	my $pair = {
		client => $client,
		server => $server,
		up => [],
		down => [],
		unread => { up => '', down => '' },
		begins => 1,
		mute => { up => 0, down => 0 }
	};

	foreach my $socket ($client, $server)
	{
		$socket->blocking(0);
		setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
		$select->add($socket);
		$end_of{$socket} = $pair;
	}
	$pairs{$pair} = $pair;
	$counts{connections}++;
	return;
}

# Both ends are told at once
sub cut_pair
{
	my ($pair) = @_;

	return if !delete $pairs{$pair};
	foreach my $socket ($pair->{client}, $pair->{server})
	{
		delete $end_of{$socket};
		$select->remove($socket);
		setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
		close $socket;
	}
	return;
}

sub cut_all
{
	cut_pair($_) foreach values %pairs;
	return;
}

# Count the messages that are whole now.  What a client begins with has no type: a
# request for encryption, which a byte answers, or the startup message.
sub count_messages
{
	my ($pair, $way) = @_;
	my $unread = \$pair->{unread}{$way};

	if ($way eq 'down' && $pair->{begins})
	{
		$$unread = '';
		return 0;
	}
	while (1)
	{
		my $typed = !($way eq 'up' && $pair->{begins});

		last if length $$unread < ($typed ? 5 : 4);
		my $length = unpack($typed ? 'xN' : 'N', $$unread) + $typed;

		last if length $$unread < $length;
		my $message = substr $$unread, 0, $length, '';
		$pair->{begins} = 0
		  if $way eq 'up' && $message !~ /^\0\0\0\x08\x04\xd2\x16[\x2f\x30]$/;
		$counts{"messages_$way"}++;
		if ($way eq 'up' && defined $cut_after && --$cut_after < 0)
		{
			$cut_after = undef;
			$happened = 1;
			return 1;
		}
	}
	return 0;
}

# Something has come from one end
sub take
{
	my ($socket) = @_;
	my $pair = $end_of{$socket};
	my $way = $socket == $pair->{client} ? 'up' : 'down';
	my $read = sysread $socket, my $data, 262144;

	return
	  if !defined $read && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
	if (!$read)
	{
		# what is on its way arrives
		$pair->{cut_at} = time + $delay / 2;
		$select->remove($socket);
		return;
	}
	$counts{"bytes_$way"} += $read;
	$counts{turns}++ if $way eq 'up' && $last eq 'down';
	$last = $way;
	$pair->{unread}{$way} .= $data;
	if (count_messages($pair, $way))
	{
		cut_all();
		return;
	}
	if ($way eq 'up' && $trigger)
	{
		if (defined $trigger->[3])
		{
			pop @$trigger if index($data, $trigger->[3]) >= 0;
		}
		elsif (index($data, $trigger->[2]) >= 0)
		{
			return pull_trigger($pair, $data);
		}
	}
	return if $swallows || $pair->{mute}{$way};
	push @{ $pair->{$way} }, [ time + $delay / 2, $data ];
	return;
}

# The message that was waited for is there.
sub pull_trigger
{
	my ($pair, $data) = @_;
	my ($what, $when) = @$trigger;

	$trigger = undef;
	$happened = 1;
	if ($when eq 'after')
	{
		$pair->{mute}{down} = 1;
		$pair->{mute}{up} = 1;
		push @{ $pair->{up} }, [ time, $data ];
		$pair->{cut_at} = time + CARRIED_OUT if $what eq 'cut';
		$swallows = 1                        if $what eq 'swallow';
	}
	elsif ($what eq 'cut') { cut_all() }
	else                   { $swallows = 1 }
	return;
}

# What has waited long enough goes on
sub pass_on
{
	foreach my $pair (values %pairs)
	{
		foreach my $way ('up', 'down')
		{
			my $to = $way eq 'up' ? $pair->{server} : $pair->{client};

			while (my $waiting = $pair->{$way}[0])
			{
				last if $waiting->[0] > time;
				my $written = syswrite $to, $waiting->[1];

				if (!defined $written)
				{
					if ($! != EAGAIN && $! != EWOULDBLOCK && $! != EINTR)
					{
						cut_pair($pair);
					}
					else { $waiting->[0] = time + 0.002 }
					last;
				}
				substr($waiting->[1], 0, $written) = '';
				shift @{ $pair->{$way} } if $waiting->[1] eq '';
			}
			last if !$pairs{$pair};
		}
		next if !$pairs{$pair} || !$pair->{cut_at} || $pair->{cut_at} > time;
		cut_pair($pair)
		  if $pair->{mute}{down} || !@{ $pair->{up} } && !@{ $pair->{down} };
	}
	return;
}

sub obey
{
	my ($control) = @_;
	my $socket = $control->accept or return;
	my $line = <$socket> // return;
	my $answer = 'done';

	chomp $line;
	my ($order, @words) = split /\t/, $line;

	if    ($order eq 'delay') { $delay = $words[0] / 1000 }
	elsif ($order eq 'cut')   { cut_all() }
	elsif ($order eq 'cut_after')
	{
		($cut_after, $happened) = ($words[0], 0);
	}
	elsif ($order eq 'on')      { ($trigger, $happened) = ([@words], 0) }
	elsif ($order eq 'swallow') { $swallows = 1 }
	elsif ($order eq 'refuse')  { $refuses = 1 }
	elsif ($order eq 'restore')
	{
		cut_all() if $swallows || grep { $_->{mute}{down} } values %pairs;
		($swallows, $refuses, $delay) = (0, 0, 0);
		($trigger, $cut_after) = (undef, undef);
	}
	elsif ($order eq 'reset')    { clear_counts() }
	elsif ($order eq 'happened') { $answer = $happened }
	elsif ($order eq 'counts')
	{
		$answer = join ' ', map { "$_=$counts{$_}" } sort keys %counts;
	}
	else { $answer = "unknown: $order" }
	print $socket "$answer\n";
	close $socket;
	return;
}

1;
