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
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_work_at_scores);

#define MAX_BATCH 1000
#define MAX_LANES 16

/*
 * The lanes that have something due for this role, in any order.
 */
static int
find_lanes(const Scoreboard *scoreboard, int *lanes)
{
	static const Statement find = {
		"SELECT l.lane::integer FROM @queue_lane AS l"
		" WHERE EXISTS (SELECT FROM @queue AS q WHERE q.lane = l.lane"
		" AND q.role = current_user::regrole AND q.due_at <= clock_timestamp())"
		" ORDER BY random() LIMIT $1",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	int			count;

	add_parameter(&parameters, INT8OID, Int64GetDatum(MAX_LANES), false);
	run_statement(scoreboard, &find, &parameters);
	count = SPI_processed;
	for (int row = 0; row < count; row++)
		lanes[row] = result_int(row, 1);
	return count;
}

/*
 * Be the one who works at a lane.  False if somebody else does.
 */
static bool
lock_lane(const Scoreboard *scoreboard, int lane)
{
	static const Statement lock = {
		"SELECT FROM @queue_lane AS l WHERE l.lane = $1 FOR UPDATE SKIP LOCKED",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_parameter(&parameters, INT2OID, Int16GetDatum(lane), false);
	run_statement(scoreboard, &lock, &parameters);
	return SPI_processed > 0;
}

/*
 * Players in games whose messages must wait, by a hash: two that have the same one
 * wait for each other, which harms nobody.
 */
static HTAB *
new_waiting(void)
{
	HASHCTL		control = {.keysize = sizeof(uint64),.entrysize = sizeof(uint64),
	.hcxt = CurrentMemoryContext};

	return hash_create("bixarena_rank waiting", 64, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static uint64
hash_of_player(const text *player_id, const text *game_id)
{
	uint64		player = hash_bytes_extended((unsigned char *) VARDATA_ANY(player_id),
											 VARSIZE_ANY_EXHDR(player_id), 0);

	return hash_bytes_extended((unsigned char *) VARDATA_ANY(game_id),
							   VARSIZE_ANY_EXHDR(game_id), player);
}

/*
 * Look at the next rows of a lane, and choose those that can be applied now.  Returns how
 * many rows there were, and the number of the last.
 */
static int
choose_rows(const Scoreboard *scoreboard, int lane, HTAB *waiting, Column *chosen, int64 *last)
{
	static const Statement look = {
		"SELECT q.queue_id, q.player_id, q.game_id,"
		" q.role <> current_user::regrole OR q.due_at > clock_timestamp()"
		" FROM @queue AS q WHERE q.lane = $1 AND q.queue_id > $2"
		" ORDER BY q.queue_id LIMIT $3",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	int			num_rows;

	add_parameter(&parameters, INT2OID, Int16GetDatum(lane), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(*last), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(MAX_BATCH), false);
	run_statement(scoreboard, &look, &parameters);
	num_rows = SPI_processed;
	for (int row = 0; row < num_rows; row++)
	{
		uint64		hash = hash_of_player(DatumGetTextPP(result_value(row, 2, TEXTOID)),
										  DatumGetTextPP(result_value(row, 3, TEXTOID)));
		bool		is_not_due = DatumGetBool(result_value(row, 4, BOOLOID));
		bool		is_behind;

		*last = DatumGetInt64(result_value(row, 1, INT8OID));
		(void) hash_search(waiting, &hash, is_not_due ? HASH_ENTER : HASH_FIND, &is_behind);
		if (!is_not_due && !is_behind)
			add_value(chosen, Int64GetDatum(*last));
	}
	return num_rows;
}

/*
 * The rows of a lane that can be applied now.  Behind one that is another role's, or that
 * waits for its next attempt, those of the same player and game wait too.  If that is
 * all there is in many rows, those behind them are looked at.
 */
static Column *
choose_from_lane(const Scoreboard *scoreboard, int lane)
{
	Column	   *chosen = new_column(INT8OID, MAX_BATCH);
	HTAB	   *waiting = new_waiting();
	int64		last = PG_INT64_MIN;
	int			num_rows;

	do
	{
		CHECK_FOR_INTERRUPTS();
		num_rows = choose_rows(scoreboard, lane, waiting, chosen, &last);
	} while (num_rows == MAX_BATCH && chosen->count == 0);
	hash_destroy(waiting);
	return chosen;
}

/*
 * Read the message of a row of the queue; it has been looked at when it came.
 */
static void
read_queued(Message *message, int row)
{
	JsonbValue	value;

	JsonbToJsonbValue(DatumGetJsonbP(result_value(row, 2, JSONBOID)), &value);
	read_message(message, &value, DT_NOEND);
	message->n = row;
	message->number = DatumGetInt64(result_value(row, 1, INT8OID));
	message->attempts = result_int(row, 3);
}

/*
 * The messages of some rows of a lane, locked.
 */
static void
read_rows(Batch *batch, int lane, const Column *chosen)
{
	static const Statement lock = {
		"SELECT q.queue_id, q.content, q.attempts FROM @queue AS q"
		" WHERE q.lane = $1 AND q.queue_id = ANY ($2)"
		" ORDER BY q.queue_id FOR UPDATE",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_parameter(&parameters, INT2OID, Int16GetDatum(lane), false);
	add_column(&parameters, chosen);
	run_statement(batch->scoreboard, &lock, &parameters);
	batch->count = Min((int) SPI_processed, chosen->count);
	batch->messages = palloc0(sizeof(Message) * Max(batch->count, 1));
	for (int row = 0; row < batch->count; row++)
		read_queued(&batch->messages[row], row);
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
 * A batch of the messages of a lane that can be applied now; NULL if there is none.
 */
static Batch *
take_lane(Scoreboard *scoreboard, int *lane)
{
	int			lanes[MAX_LANES];
	int			count = find_lanes(scoreboard, lanes);

	for (int i = 0; i < count; i++)
	{
		Column	   *chosen;
		Batch	   *batch;

		if (!lock_lane(scoreboard, lanes[i]))
			continue;
		chosen = choose_from_lane(scoreboard, lanes[i]);
		if (chosen->count == 0)
			continue;
		*lane = lanes[i];
		batch = new_batch(scoreboard);
		read_rows(batch, *lane, chosen);
		return batch;
	}
	return NULL;
}

/*
 * Apply a batch of one lane.  Returns how many messages; 0 if there is nothing to do now.
 */
static int
work_at_lane(Scoreboard *scoreboard)
{
	int			lane;
	Batch	   *batch = take_lane(scoreboard, &lane);

	if (batch == NULL)
		return 0;
	find_games(batch);
	set_taken(batch);
	apply_messages(batch);
	bury_messages(batch);
	put_off(batch, lane);
	remove_done(batch, lane);
	notify_of_scores(batch);
	fold_now_and_then(batch);
	return batch->count;
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

	run_statement(scoreboard, &find, &parameters);
	if (SPI_processed == 0)
		return false;
	*seconds = result_value(0, 1, FLOAT8OID);
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
	Datum		values[2] = {0};
	bool		nulls[2] = {false, true};

	connect_spi();
	begin_scores(scoreboard);
	values[0] = Int32GetDatum(work_at_lane(scoreboard));
	if (DatumGetInt32(values[0]) == 0)
	{
		clean_now_and_then(scoreboard);
		nulls[1] = !find_wait(scoreboard, &values[1]);
	}
	SPI_finish();
	PG_RETURN_DATUM(form_row(fcinfo, values, nulls));
}
