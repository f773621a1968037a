/*-------------------------------------------------------------------------
 *
 * note.c
 *	  The triggers of a kept tally: they write down what has changed.
 *
 * A trigger appends the keys of the rows that a statement has changed to the log
 * of the tally, and does nothing else: it looks nothing up, counts nothing, and
 * takes no lock that another writer wants.  To whom a key belongs is found when
 * the log is folded, under a snapshot in which an entry is visible exactly if the
 * change is that it tells of.
 *
 * A statement's keys are packed into arrays, so that the log of a bulk load is a
 * small part of it.  A change of columns that do not matter, which the trigger's
 * arguments leave out, is not written down.
 *
 * Writers need no right on the log.  So that nobody fills another's by a trigger of
 * his own, the owner of the trigger's table must have the right to insert into it.
 * If the log is gone, or is not what it was, the trigger does nothing: writers of
 * the application are not to fail for that, and whoever reads the tally sees it
 * (tally.c).
 *
 * The arguments of a trigger: the schema of the log; the kind of its entries; the
 * column that is the key, unless the kind is '*'; and the columns that matter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_note);

/* Keys of one entry: it stays far below a page, and is not compressed */
#define MAX_KEYS 100

/* The kind of an entry that says: anything may have changed */
#define KIND_ANYTHING '*'

/* Arguments of a trigger */
enum
{
	TRIGGER_SCHEMA,
	TRIGGER_KIND,
	TRIGGER_KEY,
	TRIGGER_COLUMNS
};

/* Columns of the log */
enum
{
	LOG_KIND,
	LOG_KEYS,
	NUM_LOG_COLUMNS
};

/* What is being written down */
typedef struct Note
{
	Relation	log;
	char		kind;
	Relation	table;			/* that has been changed */
	AttrNumber	key;
	int			num_columns;	/* that matter */
	AttrNumber *columns;
	int			num_keys;
	Datum		keys[MAX_KEYS];
	pg_uuid_t	values[MAX_KEYS];
} Note;

/*
 * The log of a schema, NULL if it is not there for this table's triggers.  If somebody has
 * made an index on it, the log is written, and the index is not: who reads sees that there
 * is one, and once it is gone nothing is missing.
 */
static Relation
open_log(const char *schema, Relation table)
{
	Oid			namespace = get_namespace_oid(schema, true);
	Oid			log = OidIsValid(namespace) ?
		get_relname_relid("log", namespace) : InvalidOid;
	Relation	relation;
	TupleDesc	columns;

	if (!OidIsValid(log) ||
		pg_class_aclcheck(log, RelationGetForm(table)->relowner,
						  ACL_INSERT) != ACLCHECK_OK)
		return NULL;
	relation = try_table_open(log, RowExclusiveLock);
	if (relation == NULL)
		return NULL;
	columns = RelationGetDescr(relation);
	if (relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID &&
		columns->natts == NUM_LOG_COLUMNS &&
		TupleDescAttr(columns, LOG_KIND)->atttypid == CHAROID &&
		TupleDescAttr(columns, LOG_KEYS)->atttypid == UUIDARRAYOID)
		return relation;
	table_close(relation, RowExclusiveLock);
	return NULL;
}

/*
 * Append an entry of these keys, or of none.
 */
static void
append_entry(Note *note, char kind)
{
	Datum		values[NUM_LOG_COLUMNS];
	bool		nulls[NUM_LOG_COLUMNS] = {false};
	HeapTuple	tuple;

	values[LOG_KIND] = CharGetDatum(kind);
	nulls[LOG_KEYS] = kind == KIND_ANYTHING;
	if (!nulls[LOG_KEYS])
		values[LOG_KEYS] = PointerGetDatum(construct_array(note->keys, note->num_keys,
														   UUIDOID, UUID_LEN, false,
														   TYPALIGN_CHAR));
	tuple = heap_form_tuple(RelationGetDescr(note->log), values, nulls);
	simple_heap_insert(note->log, tuple);
	heap_freetuple(tuple);
	if (!nulls[LOG_KEYS])
		pfree(DatumGetPointer(values[LOG_KEYS]));
	note->num_keys = 0;
}

/*
 * Note the key of a row.  One after another of the same key are noted once.  A row
 * without a key is of nobody who could be recounted by himself.
 */
static void
note_row(Note *note, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		key = slot_getattr(slot, note->key, &isnull);
	pg_uuid_t  *value;

	if (isnull)
	{
		append_entry(note, KIND_ANYTHING);
		return;
	}
	value = DatumGetUUIDP(key);
	if (note->num_keys > 0 &&
		memcmp(&note->values[note->num_keys - 1], value, UUID_LEN) == 0)
		return;
	if (note->num_keys == MAX_KEYS)
		append_entry(note, note->kind);
	note->values[note->num_keys] = *value;
	note->keys[note->num_keys] = UUIDPGetDatum(&note->values[note->num_keys]);
	note->num_keys++;
}

/*
 * Are two versions of a row the same in all that matters?
 */
static bool
same_columns(const Note *note, TupleTableSlot *before, TupleTableSlot *after)
{
	TupleDesc	columns = RelationGetDescr(note->table);

	for (int i = 0; i < note->num_columns; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, note->columns[i] - 1);
		bool		null_before,
					null_after;
		Datum		value_before = slot_getattr(before, note->columns[i], &null_before);
		Datum		value_after = slot_getattr(after, note->columns[i], &null_after);

		if (null_before != null_after)
			return false;
		if (!null_before && !datum_image_eq(value_before, value_after,
											column->attbyval, column->attlen))
			return false;
	}
	return note->num_columns > 0;
}

/*
 * Note two versions of a row, unless they are the same.  NULL is none.
 */
static void
note_change(Note *note, TupleTableSlot *before, TupleTableSlot *after)
{
	if (before && after && same_columns(note, before, after))
		return;
	if (before)
		note_row(note, before);
	if (after)
		note_row(note, after);
}

/*
 * The column of a table that an argument names, 0 if there is none, or if it
 * cannot be a key and is to be.
 */
static AttrNumber
find_column(Relation table, const char *name, bool is_key)
{
	AttrNumber	number = get_attnum(RelationGetRelid(table), name);

	if (number <= 0 ||
		(is_key && TupleDescAttr(RelationGetDescr(table), number - 1)->atttypid != UUIDOID))
		return 0;
	return number;
}

/*
 * What a trigger is to note.  If a column is gone, so that it cannot tell what has
 * changed, it notes that anything may have.  What matters besides the key is asked only
 * where two versions of a row are compared.
 */
static void
read_arguments(Note *note, const Trigger *trigger, bool is_update)
{
	note->kind = trigger->tgargs[TRIGGER_KIND][0];
	if (note->kind == KIND_ANYTHING || trigger->tgnargs <= TRIGGER_KEY)
	{
		note->kind = KIND_ANYTHING;
		return;
	}
	note->key = find_column(note->table, trigger->tgargs[TRIGGER_KEY], true);
	note->columns = is_update ? palloc(sizeof(AttrNumber) * trigger->tgnargs) : NULL;
	for (int i = TRIGGER_COLUMNS; is_update && i < trigger->tgnargs; i++)
	{
		AttrNumber	number = find_column(note->table, trigger->tgargs[i], false);

		note->columns[note->num_columns++] = number;
		if (number == 0)
			note->key = 0;
	}
	if (note->key == 0)
		note->kind = KIND_ANYTHING;
}

/*
 * A place for the rows of a transition table, which is read from the start, NULL if there
 * is none.
 */
static TupleTableSlot *
begin_rows(const Note *note, Tuplestorestate *rows)
{
	if (rows == NULL)
		return NULL;
	tuplestore_select_read_pointer(rows, 0);
	tuplestore_rescan(rows);
	return MakeSingleTupleTableSlot(RelationGetDescr(note->table), &TTSOpsMinimalTuple);
}

/*
 * The next of them, NULL if there is none.
 */
static TupleTableSlot *
next_row(Tuplestorestate *rows, TupleTableSlot *slot)
{
	return rows && tuplestore_gettupleslot(rows, true, false, slot) ? slot : NULL;
}

static void
end_rows(TupleTableSlot *slot)
{
	if (slot)
		ExecDropSingleTupleTableSlot(slot);
}

/*
 * Note what a statement has changed.  The old and the new rows of an UPDATE come in
 * the same order; where they should not, both keys of a pair are noted, as they
 * differ.
 */
static void
note_statement(Note *note, TriggerData *trigger)
{
	TupleTableSlot *before = begin_rows(note, trigger->tg_oldtable);
	TupleTableSlot *after = begin_rows(note, trigger->tg_newtable);

	for (;;)
	{
		TupleTableSlot *old_row = next_row(trigger->tg_oldtable, before);
		TupleTableSlot *new_row = next_row(trigger->tg_newtable, after);

		if (old_row == NULL && new_row == NULL)
			break;
		if (note->kind == KIND_ANYTHING)
		{
			append_entry(note, KIND_ANYTHING);
			break;
		}
		note_change(note, old_row, new_row);
	}
	end_rows(before);
	end_rows(after);
}

/*
 * Note what has been changed of one row.
 */
static void
note_one(Note *note, TriggerData *trigger)
{
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);

	if (note->kind == KIND_ANYTHING)
		append_entry(note, KIND_ANYTHING);
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		note_change(note, NULL, trigger->tg_trigslot);
	else
		note_change(note, trigger->tg_trigslot, is_update ? trigger->tg_newslot : NULL);
}

/*
 * bixarena.live_note(): the trigger.
 */
Datum
bixarena_live_note(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Note		note = {0};

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("bixarena.live_note() can only be called as a trigger")));
	if (trigger->tg_trigger->tgnargs <= TRIGGER_KIND ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event))
		return PointerGetDatum(NULL);
	note.table = trigger->tg_relation;
	note.log = open_log(trigger->tg_trigger->tgargs[TRIGGER_SCHEMA], note.table);
	if (note.log == NULL)
		return PointerGetDatum(NULL);

	read_arguments(&note, trigger->tg_trigger, TRIGGER_FIRED_BY_UPDATE(trigger->tg_event));
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		append_entry(&note, KIND_ANYTHING);
	else if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		note_one(&note, trigger);
	else
		note_statement(&note, trigger);
	if (note.num_keys > 0)
		append_entry(&note, note.kind);
	/* the lock is kept, as of any table that has been written */
	table_close(note.log, NoLock);
	return PointerGetDatum(NULL);
}
