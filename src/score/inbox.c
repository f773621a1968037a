/*-------------------------------------------------------------------------
 *
 * inbox.c
 *	  Files of standings in a folder of the server's.
 *
 * Only what lies below inbox in that folder is listed and read: each folder on the way is
 * opened from the one above it, and never through a link, so that no link leads out of
 * it, whoever puts one there while we read.  A file with other names besides (hard links)
 * may be one of elsewhere, and is not read either.  Who reads files of the server's is a
 * member of pg_read_server_files.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_list_inbox);
PG_FUNCTION_INFO_V1(bixarena_read_inbox);

#define INBOX "inbox"
#define MAX_DEPTH 16
#define MAX_FILES 100000
#define MAX_KEY_BYTES 1024
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Files that were found */
typedef struct Listing
{
	ReturnSetInfo *result;
	int64		count;
} Listing;

static void
check_reader(void)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read files of the server"),
				 errhint("A member of pg_read_server_files may do that.")));
}

static void
refuse_path(const char *path)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("\"%s\" cannot be read: %m", path)));
}

/*
 * Open a folder of the server's by its absolute path.
 */
static int
open_folder(const char *path)
{
	int			folder;

	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path must be absolute, not \"%s\"", path)));
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		refuse_path(path);
	return folder;
}

/*
 * When a file was last written.
 */
static TimestampTz
moment_of_file(const struct stat *status)
{
	TimestampTz moment = time_t_to_timestamptz(status->st_mtime);

#ifdef __APPLE__
	return moment + status->st_mtimespec.tv_nsec / 1000;
#else
	return moment + status->st_mtim.tv_nsec / 1000;
#endif
}

static void
list_file(Listing *listing, const char *key, const struct stat *status)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	if (++listing->count > MAX_FILES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the folder has more than %d files", MAX_FILES)));
	values[0] = CStringGetTextDatum(key);
	values[1] = Int64GetDatum((int64) status->st_size);
	values[2] = TimestampTzGetDatum(moment_of_file(status));
	tuplestore_putvalues(listing->result->setResult, listing->result->setDesc, values, nulls);
}

static void list_folder(Listing *listing, int above, const char *name, const char *key,
						int depth);

/*
 * List an entry of a folder: a file, or what is in a folder.  Links, names that begin
 * with a point and what no key can be are passed over.
 */
static void
list_entry(Listing *listing, int folder, const char *name, const char *key, int depth)
{
	char	   *entry_key = psprintf("%s/%s", key, name);
	struct stat status;

	CHECK_FOR_INTERRUPTS();
	if (name[0] == '.' || strlen(entry_key) > MAX_KEY_BYTES ||
		!pg_verify_mbstr(GetDatabaseEncoding(), name, strlen(name), true) ||
		fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISREG(status.st_mode))
		list_file(listing, entry_key, &status);
	else if (S_ISDIR(status.st_mode) && depth < MAX_DEPTH)
		list_folder(listing, folder, name, entry_key, depth + 1);
	pfree(entry_key);
}

/*
 * List what is in a folder.  One that cannot be opened stops no other.
 */
static void
list_folder(Listing *listing, int above, const char *name, const char *key, int depth)
{
	int			folder = openat(above, name, FOLDER_FLAGS);
	DIR		   *entries = folder >= 0 ? fdopendir(folder) : NULL;
	struct dirent *entry;

	if (entries == NULL)
	{
		int			reason = errno;

		if (folder >= 0)
			close(folder);
		errno = reason;
		if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
			ereport(depth > 0 ? WARNING : ERROR,
					(errcode_for_file_access(),
					 errmsg("\"%s\" cannot be read: %m", key)));
		return;
	}
	PG_TRY();
	{
		while ((entry = readdir(entries)) != NULL)
			list_entry(listing, folder, entry->d_name, key, depth);
	}
	PG_FINALLY();
	{
		(void) closedir(entries);
	}
	PG_END_TRY();
}

/*
 * bixarena.upload_files(path text)
 */
Datum
bixarena_list_inbox(PG_FUNCTION_ARGS)
{
	Listing		listing = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	int			folder;

	check_reader();
	InitMaterializedSRF(fcinfo, 0);
	folder = open_folder(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_TRY();
	{
		list_folder(&listing, folder, INBOX, INBOX, 0);
	}
	PG_FINALLY();
	{
		close(folder);
	}
	PG_END_TRY();
	return (Datum) 0;
}

/*
 * Open a file by its key, from a folder on, which is closed.  Returns -1, with errno, if
 * that cannot be.
 */
static int
open_file(int folder, char *key)
{
	char	   *name = key;

	for (;;)
	{
		char	   *slash = strchr(name, '/');
		int			next;

		if (slash)
			*slash = '\0';
		if (name[0] == '\0' || name[0] == '.')
			next = -1, errno = EINVAL;
		else
			next = openat(folder, name, slash ? FOLDER_FLAGS : O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (next < 0)
		{
			int			reason = errno;

			close(folder);
			errno = reason;
			return -1;
		}
		close(folder);
		if (slash == NULL)
			return next;
		folder = next;
		name = slash + 1;
	}
}

/*
 * Read a file that is open.
 */
static bytea *
read_file(int file, const char *key, int64 max_bytes)
{
	struct stat status;
	bytea	   *content;
	Size		length = 0;
	ssize_t		count;

	if (fstat(file, &status) != 0)
		refuse_path(key);
	if (!S_ISREG(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is no plain file", key)));
	if (status.st_nlink > 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" has other names besides", key),
				 errdetail("It may be a file of another folder."),
				 errhint("Copy it, instead of making a hard link.")));
	if (status.st_size > Min(max_bytes, (int64) MaxAllocSize - VARHDRSZ))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the file has %lld bytes", (long long) status.st_size)));
	content = palloc(VARHDRSZ + status.st_size);
	while (length < (Size) status.st_size)
	{
		CHECK_FOR_INTERRUPTS();
		count = read(file, VARDATA(content) + length,
					 Min((Size) status.st_size - length, 8 * 1024 * 1024));
		if (count < 0 && errno != EINTR)
			refuse_path(key);
		if (count == 0)
			break;
		length += Max(count, 0);
	}
	SET_VARSIZE(content, VARHDRSZ + length);
	return content;
}

/*
 * bixarena.upload_file(path text, key text, max_bytes bigint)
 */
Datum
bixarena_read_inbox(PG_FUNCTION_ARGS)
{
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bytea	   *content = NULL;
	int			file;

	check_reader();
	if (strncmp(key, INBOX "/", strlen(INBOX "/")) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only what is below inbox is read")));
	file = open_file(open_folder(text_to_cstring(PG_GETARG_TEXT_PP(0))), pstrdup(key));
	if (file < 0)
		refuse_path(key);
	PG_TRY();
	{
		content = read_file(file, key, PG_GETARG_INT64(2));
	}
	PG_FINALLY();
	{
		close(file);
	}
	PG_END_TRY();
	PG_RETURN_BYTEA_P(content);
}
