/*-------------------------------------------------------------------------
 *
 * score_queue.c
 *	  A worker's batch: messages that wait in the queue, applied.
 *
 * The messages of a player in a game are in one of sixteen lanes, in the order in which
 * they came.  Who works at a lane has its row locked, so that several work at once, over
 * different players.  A batch is applied and taken from the queue in one transaction:
 * whatever happens to a worker, each message is applied once.
 *
 * A worker takes the messages of its own role only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_work_at_scores);

#define MAX_BATCH 1000

/*
 * Lock a lane that has something to do for this role.  Returns -1 if there is none.
 */
static int
lock_lane(const Scoreboard *scoreboard)
{
	static const Statement lock = {
		"SELECT l.lane::integer FROM @queue_lane AS l"
		" WHERE EXISTS (SELECT FROM @queue AS q WHERE q.lane = l.lane"
		" AND q.role = current_user::regrole AND q.due_at <= clock_timestamp())"
		" ORDER BY random() LIMIT 1"
		" FOR UPDATE SKIP LOCKED",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	run_statement(scoreboard, &lock, &parameters);
	return SPI_processed == 0 ? -1 : result_int(0, 1);
}

/*
 * Is there one of the same player and game among messages that must wait?
 */
static bool
is_behind(const List *waiting, const Message *message)
{
	ListCell   *cell;

	foreach(cell, waiting)
	{
		const Message *other = lfirst(cell);

		if (compare_bytes(other->player_id, message->player_id) == 0 &&
			compare_bytes(other->game_id, message->game_id) == 0)
			return true;
	}
	return false;
}

/*
 * Read the message of a row of the queue; it has been looked at when it came.
 */
static void
read_queued(Message *message, int row)
{
	JsonbValue	value;
	bool		isnull;

	JsonbToJsonbValue(DatumGetJsonbP(result_value(row, 2, &isnull)), &value);
	read_message(message, &value, DT_NOEND);
	message->n = row;
	message->number = DatumGetInt64(result_value(row, 1, &isnull));
	message->attempts = result_int(row, 3);
}

/*
 * The messages of a lane that can be applied now.  Behind one that is another role's, or
 * that waits for its next attempt, those of the same player and game wait too.
 */
static void
read_lane(Batch *batch, int lane)
{
	static const Statement lock = {
		"SELECT q.queue_id, q.content, q.attempts,"
		" q.role <> current_user::regrole OR q.due_at > clock_timestamp()"
		" FROM @queue AS q WHERE q.lane = $1"
		" ORDER BY q.queue_id LIMIT $2"
		" FOR UPDATE",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	List	   *waiting = NIL;

	add_parameter(&parameters, INT2OID, Int16GetDatum(lane), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(MAX_BATCH), false);
	run_statement(batch->scoreboard, &lock, &parameters);
	batch->messages = palloc0(sizeof(Message) * MAX_BATCH);
	for (int row = 0; row < (int) SPI_processed; row++)
	{
		Message    *message = &batch->messages[batch->count];
		bool		isnull;

		memset(message, 0, sizeof(Message));
		read_queued(message, row);
		if (message->player_id == NULL || message->game_id == NULL)
			batch->count++;
		else if (DatumGetBool(result_value(row, 4, &isnull)) || is_behind(waiting, message))
		{
			Message    *copy = palloc(sizeof(Message));

			*copy = *message;
			waiting = lappend(waiting, copy);
		}
		else
			batch->count++;
	}
}

/*
 * Messages of the queue have been taken already.  One that is not valid any more has
 * failed, and its id is free again.
 */
static void
set_taken(Batch *batch)
{
	for (int i = 0; i < batch->count; i++)
	{
		Message    *message = &batch->messages[i];

		message->state = message->state == MESSAGE_VALID ? MESSAGE_TAKEN : MESSAGE_FAILED;
	}
}

/*
 * Leave those in the queue that are tried again, in their old places, so that the order
 * holds.
 */
static void
put_off(const Batch *batch, int lane)
{
	static const Statement update = {
		"UPDATE @queue AS q"
		" SET attempts = m.attempts, error_sqlstate = m.sqlstate, error_message = m.flaw,"
		" due_at = CASE WHEN m.is_behind THEN q.due_at ELSE clock_timestamp()"
		" + $7 * power(2, greatest(m.attempts - 1, 0)) * interval '1 second' END"
		" FROM ROWS FROM (unnest($2), unnest($3), unnest($4), unnest($5), unnest($6))"
		" AS m (queue_id, attempts, sqlstate, flaw, is_behind)"
		" WHERE q.lane = $1 AND q.queue_id = m.queue_id",
		SPI_OK_UPDATE, SEES_LATEST
	};
	static const Oid types[] = {INT8OID, INT4OID, TEXTOID, TEXTOID, BOOLOID};
	Parameters	parameters = {0};
	Column	   *columns[lengthof(types)];

	add_parameter(&parameters, INT2OID, Int16GetDatum(lane), false);
	for (int i = 0; i < (int) lengthof(types); i++)
		columns[i] = new_column(types[i], batch->count);
	for (int i = 0; i < batch->count; i++)
	{
		const Message *message = &batch->messages[i];

		if (!waits(batch, message))
			continue;
		add_value(columns[0], Int64GetDatum(message->number));
		add_value(columns[1], Int32GetDatum(message->attempts));
		add_value(columns[2], CStringGetTextDatum(unpack_sql_state(message->sqlstate)));
		add_value(columns[3], CStringGetTextDatum(message->flaw));
		add_value(columns[4], BoolGetDatum(message->sqlstate ==
										   ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE));
	}
	if (columns[0]->count == 0)
		return;
	for (int i = 0; i < (int) lengthof(types); i++)
		add_column(&parameters, columns[i]);
	add_parameter(&parameters, FLOAT8OID, Float8GetDatum(batch->retry_seconds), false);
	run_statement(batch->scoreboard, &update, &parameters);
}

/*
 * Take the others from the queue.
 */
static void
remove_done(const Batch *batch, int lane)
{
	static const Statement delete = {
		"DELETE FROM @queue AS q WHERE q.lane = $1 AND q.queue_id = ANY ($2)",
		SPI_OK_DELETE, SEES_LATEST
	};
	Parameters	parameters = {0};
	Column	   *numbers = new_column(INT8OID, batch->count);

	for (int i = 0; i < batch->count; i++)
		if (!waits(batch, &batch->messages[i]))
			add_value(numbers, Int64GetDatum(batch->messages[i].number));
	if (numbers->count == 0)
		return;
	add_parameter(&parameters, INT2OID, Int16GetDatum(lane), false);
	add_column(&parameters, numbers);
	run_statement(batch->scoreboard, &delete, &parameters);
}

/*
 * Apply a batch of one lane.  Returns how many messages; 0 if there is nothing to do now.
 */
static int
work_at_lane(Scoreboard *scoreboard)
{
	int			lane = lock_lane(scoreboard);
	Batch	   *batch;

	if (lane < 0)
		return 0;
	batch = new_batch(scoreboard);
	read_lane(batch, lane);
	find_games(batch);
	set_taken(batch);
	apply_messages(batch);
	bury_messages(batch);
	put_off(batch, lane);
	remove_done(batch, lane);
	notify_of_scores(batch);
	fold_now_and_then(batch);
	return Max(batch->count, 1);
}

/*
 * Seconds until the first message of this role is due.  False if none waits.
 */
static bool
find_wait(const Scoreboard *scoreboard, Datum *seconds)
{
	static const Statement find = {
		"SELECT greatest(extract(epoch FROM min(q.due_at) - clock_timestamp()), 0.1)::float8"
		" FROM @queue AS q WHERE q.role = current_user::regrole HAVING count(*) > 0",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	bool		isnull;

	run_statement(scoreboard, &find, &parameters);
	if (SPI_processed == 0)
		return false;
	*seconds = result_value(0, 1, &isnull);
	return true;
}

/*
 * A worker that has nothing to do removes what is old, now and then.
 */
static void
clean_now_and_then(const Scoreboard *scoreboard)
{
	static const Statement clean = {
		"SELECT bixarena.scoreboard_clean($1) WHERE random() < 0.02",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_text(&parameters, scoreboard->name);
	run_statement(scoreboard, &clean, &parameters);
}

/*
 * bixarena.score_work(scoreboard text): apply a batch of this role's messages of a
 * queue, or else say when one is due.
 */
Datum
bixarena_work_at_scores(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), true);
	TupleDesc	columns;
	Datum		values[2] = {0};
	bool		nulls[2] = {false, true};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected type of a result");
	connect_spi();
	begin_scores(scoreboard);
	values[0] = Int32GetDatum(work_at_lane(scoreboard));
	if (DatumGetInt32(values[0]) == 0)
	{
		clean_now_and_then(scoreboard);
		nulls[1] = !find_wait(scoreboard, &values[1]);
	}
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}
