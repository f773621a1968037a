/*-------------------------------------------------------------------------
 *
 * server.c
 *	  What the numeric half uses of a server, for tests without one.
 *
 * An error jumps back to the test that expects it (reports_error()), or to the
 * runner, which has the test fail.  Memory is the C library's, block by block, so that sanitizers
 * and valgrind see each; what the code under test leaves to its memory context
 * is freed after each test.  The PRNG and the hash functions are the server's
 * own, from its libpgcommon.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <setjmp.h>
#include <unistd.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "unit.h"

#define MAX_TEXT 1024

MemoryContext CurrentMemoryContext = NULL;
volatile sig_atomic_t InterruptPending = false;

int			error_code;
char		error_message[MAX_TEXT];
char		error_detail[MAX_TEXT];

/* Where an error goes that a test expects */
static sigjmp_buf *error_handler;

/* Called instead of the server's own by CHECK_FOR_INTERRUPTS() */
void		(*on_interrupt) (void);

/* All blocks that are allocated */
static void **blocks;
static Size num_blocks;
static Size max_blocks;

void
ProcessInterrupts(void)
{
	if (on_interrupt)
		on_interrupt();
}

static void
remember_block(void *block)
{
	if (num_blocks == max_blocks)
	{
		max_blocks = max_blocks > 0 ? 2 * max_blocks : 1024;
		blocks = realloc(blocks, max_blocks * sizeof(void *));
		if (blocks == NULL)
			abort();
	}
	blocks[num_blocks++] = block;
}

void *
palloc(Size size)
{
	void	   *block = malloc(size > 0 ? size : 1);

	if (block == NULL)
		abort();
	remember_block(block);
	return block;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

/*
 * Blocks are mostly freed soon, so they are searched from the newest.
 */
void
pfree(void *block)
{
	for (Size i = num_blocks; i > 0; i--)
		if (blocks[i - 1] == block)
		{
			blocks[i - 1] = blocks[--num_blocks];
			free(block);
			return;
		}
	fprintf(stderr, "a block was freed that is not allocated\n");
	abort();
}

void *
repalloc(void *block, Size size)
{
	for (Size i = num_blocks; i > 0; i--)
		if (blocks[i - 1] == block)
		{
			blocks[i - 1] = realloc(block, size);
			if (blocks[i - 1] == NULL)
				abort();
			return blocks[i - 1];
		}
	fprintf(stderr, "a block is to grow that is not allocated\n");
	abort();
}

/*
 * Tests are in an encoding of one byte.
 */
int
pg_mbcliplen(const char *text, int length, int limit)
{
	return Min(length, limit);
}

/*
 * Free what is left, as the end of a memory context does.
 */
void
release_memory(void)
{
	while (num_blocks > 0)
		free(blocks[--num_blocks]);
	free(blocks);
	blocks = NULL;
	max_blocks = 0;
}

void *
repalloc_huge(void *block, Size size)
{
	return repalloc(block, size);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return palloc(size);
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	return (flags & MCXT_ALLOC_ZERO) ? palloc0(size) : palloc(size);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return palloc(size);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return palloc0(size);
}

Size
mul_size(Size a, Size b)
{
	Size		product;

	if (__builtin_mul_overflow(a, b, &product))
		abort();
	return product;
}

Size
add_size(Size a, Size b)
{
	Size		sum;

	if (__builtin_add_overflow(a, b, &sum))
		abort();
	return sum;
}

bool
errstart(int elevel, const char *domain)
{
	error_code = 0;
	error_message[0] = error_detail[0] = '\0';
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	error_code = sqlerrcode;
	return 0;
}

int
errmsg(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(error_message, MAX_TEXT, fmt, args);
	va_end(args);
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(error_message, MAX_TEXT, fmt, args);
	va_end(args);
	return 0;
}

int
errdetail(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(error_detail, MAX_TEXT, fmt, args);
	va_end(args);
	return 0;
}

int
errhint(const char *fmt,...)
{
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (error_handler == NULL)
		abort();
	siglongjmp(*error_handler, 1);
}

/*
 * Does this action end in an error?
 */
bool
catches_error(void (*action) (void *), void *argument)
{
	sigjmp_buf *volatile outer_handler = error_handler;
	volatile bool caught = true;
	sigjmp_buf	handler;

	error_handler = &handler;
	if (sigsetjmp(handler, 0) == 0)
	{
		action(argument);
		caught = false;
	}
	error_handler = outer_handler;
	return caught;
}

/*
 * ... in one of this code?
 */
bool
reports_error(int code, void (*action) (void *), void *argument)
{
	return catches_error(action, argument) && error_code == code;
}

#if PG_VERSION_NUM >= 160000
void
ExceptionalCondition(const char *conditionName, const char *fileName,
					 int lineNumber)
#else
void
ExceptionalCondition(const char *conditionName, const char *errorType,
					 const char *fileName, int lineNumber)
#endif
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: assertion failed: %s\n",
			fileName, lineNumber, conditionName);
	abort();
}
