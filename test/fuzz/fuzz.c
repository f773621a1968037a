/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  Between libFuzzer and a target.
 *
 * A target (*_fuzz.c) holds one step of the numeric half, or the tally as a
 * value, against what it promises, on any battles.  This file decodes the bytes,
 * calls the target and frees its memory.  The stand-in for the server, the exact
 * implementation and the lists of battles are those of the unit tests; where
 * these report a failed check, the program ends here, and libFuzzer keeps the
 * input.
 *
 * An error that the code under test reports jumps back to the target, or here,
 * as to the server's main loop.  All battles that an input can tell are valid,
 * so a target expects the errors that may come, and any other is a failure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"
#include "battles.h"
#include "input.h"
#include "unit.h"

/* What libFuzzer calls */
extern int	LLVMFuzzerInitialize(int *argc, char ***argv);
extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

typedef struct Bytes
{
	const uint8 *data;
	size_t		size;
} Bytes;

/*
 * Failed checks, and whether they are only counted: of battles that even long
 * doubles do not hold, the exact fit says by one that it has failed.
 */
bool		only_count_failures;
int			num_failures;

/*
 * The checks of the unit tests, here the end of the program.
 */
bool
check(bool good, const char *fmt,...)
{
	va_list		args;

	if (good)
		return true;
	if (only_count_failures)
	{
		num_failures++;
		return false;
	}
	fprintf(stderr, "check failed: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

static void
call_target(void *argument)
{
	const Bytes *bytes = argument;

	fuzz_input(input_decode(bytes->data, bytes->size, fuzz_max_models));
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	lapack_init();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	Bytes		bytes = {data, size};

	only_count_failures = false;
	if (catches_error(call_target, &bytes))
		check(false, "unexpected error: %s (%s)", error_message, error_detail);
	release_memory();
	return 0;
}
