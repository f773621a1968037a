/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  A library to be preloaded into a server that makes memory and disk run
 *	  out where a test wants it.
 *
 * In the folder that the environment variable FAULTS names,
 *
 *	memory	holds Orders, as below: of the allocations of one process from now
 *			on, the first succeed and so many after them fail.
 *	disk	holds part of a path: files whose path contains it cannot grow, as
 *			on a disk that is full; what they have can be overwritten.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* glibc's own names of what is replaced here */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

/* Written by the test but for "allocations" */
typedef struct Orders
{
	int64_t		process;		/* 0: none */
	int64_t		allocations;	/* so far */
	int64_t		first;			/* that fails */
	int64_t		number;			/* that fail */
} Orders;

static volatile Orders *orders;

/*
 * Open a file of the folder; -1 if there is none.  No allocation may happen here.
 */
static int
open_order(const char *name, int flags)
{
	const char *folder = getenv("FAULTS");
	char		path[1024];

	if (folder == NULL ||
		snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int) sizeof(path))
		return -1;
	return open(path, flags | O_CLOEXEC);
}

/*
 * Children have the orders mapped too.
 */
__attribute__((constructor))
static void
map_orders(void)
{
	int			file = open_order("memory", O_RDWR);
	void	   *mapped;

	if (file < 0)
		return;
	mapped = mmap(NULL, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (mapped != MAP_FAILED)
		orders = mapped;
}

/*
 * Is this allocation to fail?
 */
static int
memory_is_out(void)
{
	int64_t		place;

	if (orders == NULL || orders->process == 0 || orders->process != getpid())
		return 0;
	place = orders->allocations++;
	if (place < orders->first || place - orders->first >= orders->number)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return memory_is_out() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t number, size_t size)
{
	return memory_is_out() ? NULL : __libc_calloc(number, size);
}

void *
realloc(void *memory, size_t size)
{
	return memory_is_out() ? NULL : __libc_realloc(memory, size);
}

/*
 * Would writing up to here make a file grow that cannot?  Where room is asked for, the
 * holes of a file are not yet its own.
 */
static int
disk_is_full(int file, off_t end, int with_holes)
{
	struct stat status;
	char		full[256];
	char		link[64];
	char		path[1024];
	int			orders_file = open_order("disk", O_RDONLY);
	int			length;

	if (orders_file < 0)
		return 0;
	length = read(orders_file, full, sizeof(full) - 1);
	close(orders_file);
	if (length <= 0)
		return 0;
	full[length] = '\0';
	if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
		end <= (with_holes ? status.st_blocks * 512 : status.st_size))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return strstr(path, full) != NULL;
}

typedef ssize_t (*Write) (int, const void *, size_t, off_t);
typedef ssize_t (*WriteVector) (int, const struct iovec *, int, off_t);
typedef int (*Allocate) (int, off_t, off_t);

ssize_t
pwrite(int file, const void *bytes, size_t length, off_t offset)
{
	static Write real;

	if (disk_is_full(file, offset + (off_t) length, 0))
	{
		errno = ENOSPC;
		return -1;
	}
	if (real == NULL)
		real = (Write) dlsym(RTLD_NEXT, "pwrite");
	return real(file, bytes, length, offset);
}

ssize_t
pwrite64(int file, const void *bytes, size_t length, off_t offset)
{
	return pwrite(file, bytes, length, offset);
}

ssize_t
pwritev(int file, const struct iovec *parts, int num_parts, off_t offset)
{
	static WriteVector real;
	off_t		end = offset;

	for (int i = 0; i < num_parts; i++)
		end += parts[i].iov_len;
	if (disk_is_full(file, end, 0))
	{
		errno = ENOSPC;
		return -1;
	}
	if (real == NULL)
		real = (WriteVector) dlsym(RTLD_NEXT, "pwritev");
	return real(file, parts, num_parts, offset);
}

ssize_t
pwritev64(int file, const struct iovec *parts, int num_parts, off_t offset)
{
	return pwritev(file, parts, num_parts, offset);
}

int
posix_fallocate(int file, off_t offset, off_t length)
{
	static Allocate real;

	if (disk_is_full(file, offset + length, 1))
		return ENOSPC;
	if (real == NULL)
		real = (Allocate) dlsym(RTLD_NEXT, "posix_fallocate");
	return real(file, offset, length);
}

int
posix_fallocate64(int file, off_t offset, off_t length)
{
	return posix_fallocate(file, offset, length);
}
