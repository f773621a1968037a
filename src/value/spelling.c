/*-------------------------------------------------------------------------
 *
 * spelling.c
 *	  Values of any type as the text that bixarena_rank() would see.
 *
 * A model or an outcome may be of any type, and is known by its text: that of a cast
 * to text, or where both say the same of the type's output function.  To make a text
 * for each battle would cost more than all else.  So texts are kept by the bytes of
 * the values: equal bytes have equal texts.  A collation has no say in it.
 *
 * Memory: the texts of MAX_SPELLINGS values, or MAX_BYTES of them; then all are
 * forgotten and made anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "value/value.h"

/* Values that are kept at most: more than there can be models */
#define MAX_SPELLINGS (8 * MAX_MODELS)
#define MAX_BYTES (8 * 1024 * 1024)

/* A value and its text */
typedef struct KnownValue
{
	ModelKey	value;			/* its bytes */
	uint32		hash;
	char		status;			/* used by simplehash */
	Spelling   *spelling;
} KnownValue;

static inline bool
same_bytes(ModelKey a, ModelKey b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

#define SH_PREFIX		valuetable
#define SH_ELEMENT_TYPE	KnownValue
#define SH_KEY_TYPE		ModelKey
#define SH_KEY			value
#define SH_HASH_KEY(tb, key)	hash_text((key).bytes, (key).length)
#define SH_EQUAL(tb, a, b)		same_bytes(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)		(a)->hash
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* How a type's text is come by */
typedef enum SpellingForm
{
	SPELLED_AS_IT_IS,			/* its bytes are the text */
	SPELLED_BY_OUTPUT,
	SPELLED_BY_CAST
} SpellingForm;

struct SpellingReader
{
	SpellingForm form;
	FmgrInfo	function;
	int			num_arguments;	/* of a cast's function */
	bool		is_outcome;		/* else a model */
	bool		is_boolean;		/* an outcome of true and false */
	int16		length;			/* of the type */
	bool		by_value;
	MemoryContext memory;		/* of what is kept */
	valuetable_hash *known;
	Size		num_bytes;
};

uint32
hash_text(const char *bytes, int length)
{
	return hash_bytes((const unsigned char *) bytes, length);
}

/*
 * The function of a cast, which whoever runs the query must be allowed to call.
 */
static void
set_cast(SpellingReader *reader, Oid function, MemoryContext memory)
{
	if (!may_execute(function, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
	reader->form = SPELLED_BY_CAST;
	reader->num_arguments = get_func_nargs(function);
	fmgr_info_cxt(function, &reader->function, memory);
}

static void
set_form(SpellingReader *reader, Oid type, MemoryContext memory)
{
	Oid			base = getBaseType(type);
	Oid			function;
	bool		is_varlena;
	CoercionPathType path = COERCION_PATH_COERCEVIAIO;

	if (base != UNKNOWNOID && !is_faithful_type(base))
		path = find_coercion_pathway(TEXTOID, base, COERCION_EXPLICIT, &function);
	if (path == COERCION_PATH_RELABELTYPE)
		reader->form = SPELLED_AS_IT_IS;
	else if (path == COERCION_PATH_FUNC)
		set_cast(reader, function, memory);
	else
	{
		getTypeOutputInfo(type, &function, &is_varlena);
		reader->form = SPELLED_BY_OUTPUT;
		fmgr_info_cxt(function, &reader->function, memory);
	}
}

static void
forget(SpellingReader *reader)
{
	MemoryContextReset(reader->memory);
	reader->known = valuetable_create(reader->memory, 32, NULL);
	reader->num_bytes = 0;
}

/*
 * A reader of values of a type, which lives as long as the memory context.  What
 * is true or false is called so where it is an outcome; as a model it is t or f.
 */
SpellingReader *
spelling_reader_create(Oid type, bool outcome, MemoryContext memory)
{
	SpellingReader *reader = MemoryContextAllocZero(memory, sizeof(SpellingReader));

	set_form(reader, type, memory);
	reader->is_outcome = outcome;
	reader->is_boolean = outcome && getBaseType(type) == BOOLOID;
	get_typlenbyval(type, &reader->length, &reader->by_value);
	reader->memory = AllocSetContextCreate(memory, "bixarena_rank spellings",
										   ALLOCSET_SMALL_SIZES);
	forget(reader);
	return reader;
}

/*
 * The bytes of a value.  value points to where it is held.
 */
static ModelKey
bytes_of(const SpellingReader *reader, Datum *value)
{
	ModelKey	bytes;

	if (reader->by_value)
	{
		bytes.bytes = (char *) value;
		bytes.length = sizeof(Datum);
	}
	else if (reader->length == -1)
	{
		struct varlena *varlena = PG_DETOAST_DATUM_PACKED(*value);

		bytes.bytes = VARDATA_ANY(varlena);
		bytes.length = VARSIZE_ANY_EXHDR(varlena);
	}
	else
	{
		bytes.bytes = DatumGetPointer(*value);
		bytes.length = reader->length == -2 ? (int) strlen(bytes.bytes) : reader->length;
	}
	return bytes;
}

static char *
cast_text(SpellingReader *reader, Datum value)
{
	Datum		result;

	if (reader->num_arguments == 1)
		result = FunctionCall1Coll(&reader->function, DEFAULT_COLLATION_OID, value);
	else if (reader->num_arguments == 2)
		result = FunctionCall2Coll(&reader->function, DEFAULT_COLLATION_OID, value,
								   Int32GetDatum(-1));
	else
		result = FunctionCall3Coll(&reader->function, DEFAULT_COLLATION_OID, value,
								   Int32GetDatum(-1), BoolGetDatum(true));
	return TextDatumGetCString(result);
}

static char *
text_of(SpellingReader *reader, Datum value, ModelKey bytes)
{
	if (reader->is_boolean)
		return DatumGetBool(value) ? "true" : "false";
	switch (reader->form)
	{
		case SPELLED_AS_IT_IS:
			return pnstrdup(bytes.bytes, bytes.length);
		case SPELLED_BY_CAST:
			return cast_text(reader, value);
		case SPELLED_BY_OUTPUT:
			break;
	}
	return OutputFunctionCall(&reader->function, value);
}

static ModelKey
keep_bytes(SpellingReader *reader, const char *bytes, int length)
{
	ModelKey	kept;

	kept.length = length;
	kept.bytes = MemoryContextAlloc(reader->memory, length + 1);
	memcpy(kept.bytes, bytes, length);
	kept.bytes[length] = '\0';
	reader->num_bytes += length;
	return kept;
}

/*
 * A value that is met for the first time.
 */
static Spelling *
learn(SpellingReader *reader, Datum value, ModelKey bytes)
{
	char	   *string = text_of(reader, value, bytes);
	KnownValue *entry;
	Spelling   *spelling;
	bool		found;

	if (reader->known->members >= MAX_SPELLINGS || reader->num_bytes > MAX_BYTES)
		forget(reader);
	spelling = MemoryContextAllocZero(reader->memory, sizeof(Spelling));
	spelling->name = keep_bytes(reader, string, strlen(string));
	spelling->hash = hash_text(spelling->name.bytes, spelling->name.length);
	if (reader->is_outcome)
		spelling->meaning = outcome_meaning(spelling->name.bytes);
	bytes = keep_bytes(reader, bytes.bytes, bytes.length);
	entry = valuetable_insert(reader->known, bytes, &found);
	entry->spelling = spelling;
	return spelling;
}

/*
 * The text of a value.  It stays until the reader is asked again.
 */
Spelling *
spell(SpellingReader *reader, Datum value)
{
	ModelKey	bytes = bytes_of(reader, &value);
	KnownValue *entry = valuetable_lookup(reader->known, bytes);

	return entry ? entry->spelling : learn(reader, value, bytes);
}
