/*-------------------------------------------------------------------------
 *
 * name_list.c
 *	  Models or words by the numbers in which they were met.
 *
 * There is a list or two for each group of an aggregate, and there may be many
 * groups, so a list is small: texts stand behind each other, and the table that
 * finds them has their numbers only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "value/value.h"

/* Room for so many names, and bytes of their texts, at first */
#define INITIAL_SIZE 4
#define INITIAL_BYTES 32

/*
 * A name by its number.  That behind the last one is the one looked for.
 */
ModelKey
listed_name(const Names *names, int number)
{
	ModelKey	name = names->wanted;

	if (number < names->number)
	{
		name.bytes = names->texts + names->list[number].place;
		name.length = names->list[number].length;
	}
	return name;
}

static inline bool
same_name(const Names *names, int a, int b)
{
	return a == b || (names->list[a].hash == names->list[b].hash &&
					  compare_models(listed_name(names, a), listed_name(names, b)) == 0);
}

typedef struct NameEntry
{
	int			number;
	char		status;			/* used by simplehash */
} NameEntry;

#define NAMES_OF(tb) ((Names *) (tb)->private_data)
#define SH_PREFIX		nametable
#define SH_ELEMENT_TYPE	NameEntry
#define SH_KEY_TYPE		int
#define SH_KEY			number
#define SH_HASH_KEY(tb, key)	NAMES_OF(tb)->list[key].hash
#define SH_EQUAL(tb, a, b)		same_name(NAMES_OF(tb), a, b)
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/*
 * Begin an empty list.  It stays where it is: its table points to it.
 */
void
names_create(Names *names, MemoryContext memory)
{
	names->table = nametable_create(memory, INITIAL_SIZE - 1, names);
	names->number = 0;
	names->size = INITIAL_SIZE;
	names->list = MemoryContextAlloc(memory, sizeof(BoxName) * names->size);
	names->num_bytes = 0;
	names->max_bytes = INITIAL_BYTES;
	names->texts = MemoryContextAlloc(memory, names->max_bytes);
}

/*
 * The number of a name, -1 if it is not there.
 */
int
find_name(Names *names, ModelKey name, uint32 hash)
{
	NameEntry  *entry;

	names->wanted = name;
	names->list[names->number].hash = hash;
	entry = nametable_lookup(names->table, names->number);
	return entry ? entry->number : -1;
}

/*
 * Keep a text behind the others.
 */
static void
keep_text(Names *names, ModelKey name)
{
	Size		needed = names->num_bytes + name.length + 1;

	if (needed > names->max_bytes)
	{
		names->max_bytes = pg_nextpower2_64(needed);
		names->texts = repalloc_huge(names->texts, names->max_bytes);
	}
	memcpy(names->texts + names->num_bytes, name.bytes, name.length);
	names->num_bytes += name.length;
	names->texts[names->num_bytes++] = '\0';
}

/*
 * Add a name that is not there.  Returns its number.
 */
int
add_name(Names *names, ModelKey name, uint32 hash, Meaning meaning)
{
	BoxName    *added = &names->list[names->number];
	bool		found;

	added->place = names->num_bytes;
	added->length = name.length;
	added->hash = hash;
	added->meaning = meaning;
	added->unread = 0;
	keep_text(names, name);
	names->wanted = name;
	(void) nametable_insert(names->table, names->number, &found);
	names->number++;
	if (names->number == names->size)
	{
		names->size *= 2;
		names->list = repalloc(names->list, sizeof(BoxName) * names->size);
	}
	return names->number - 1;
}

/*
 * A list as bytes, for another process of this server.
 */
void
pack_names(StringInfo bytes, const Names *names)
{
	pq_sendint32(bytes, names->number);
	for (int i = 0; i < names->number; i++)
	{
		const BoxName *name = &names->list[i];

		pq_sendint32(bytes, name->length);
		pq_sendbytes(bytes, names->texts + name->place, name->length);
		pq_sendint32(bytes, name->hash);
		pq_sendint32(bytes, name->meaning);
		pq_sendint64(bytes, name->unread);
	}
}

void
unpack_names(Names *names, StringInfo bytes)
{
	int			number = pq_getmsgint(bytes, 4);

	for (int i = 0; i < number; i++)
	{
		ModelKey	name;
		uint32		hash;
		Meaning		meaning;

		name.length = pq_getmsgint(bytes, 4);
		name.bytes = unconstify(char *, pq_getmsgbytes(bytes, name.length));
		hash = pq_getmsgint(bytes, 4);
		meaning = pq_getmsgint(bytes, 4);
		(void) add_name(names, name, hash, meaning);
		names->list[i].unread = pq_getmsgint64(bytes);
	}
}
