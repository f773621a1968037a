/*-------------------------------------------------------------------------
 *
 * submit.c
 *	  Messages brought: applied at once, or put into the queue; and dead letters that
 *	  are tried again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "run/run.h"
#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_submit_scores);
PG_FUNCTION_INFO_V1(bixarena_enqueue_scores);
PG_FUNCTION_INFO_V1(bixarena_redrive);

#define HAS_COME_BEFORE "it has come before"

/*
 * The messages of a call, which are the second argument.
 */
static Batch *
read_batch(Scoreboard *scoreboard, FunctionCallInfo fcinfo)
{
	Batch	   *batch = new_batch(scoreboard);

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("messages must not be null")));
	batch->count = read_messages(PG_GETARG_JSONB_P(1), latest_moment(batch),
								 &batch->messages);
	find_games(batch);
	return batch;
}

static const char *
disposition_of(const Message *message)
{
	if (message->state == MESSAGE_DUPLICATE)
		return "duplicate";
	return message->state == MESSAGE_FAILED && may_pass(message->sqlstate) ? "failed" :
		"invalid";
}

/*
 * Say what has become of the messages that were neither applied nor taken.
 */
static void
return_rejected(FunctionCallInfo fcinfo, const Batch *batch)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; i < batch->count; i++)
	{
		const Message *message = &batch->messages[i];
		bool		is_duplicate = message->state == MESSAGE_DUPLICATE;
		Datum		values[3];
		bool		nulls[3] = {message->by_content, false, false};

		if (message->state == MESSAGE_APPLIED || message->state == MESSAGE_TAKEN)
			continue;
		values[0] = PointerGetDatum(message->message_id);
		values[1] = CStringGetTextDatum(disposition_of(message));
		values[2] = CStringGetTextDatum(is_duplicate ? HAS_COME_BEFORE : message->flaw);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * bixarena_submit_scores(scoreboard text, messages jsonb)
 */
Datum
bixarena_submit_scores(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), true);
	Batch	   *batch;

	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	begin_scores(scoreboard);
	batch = read_batch(scoreboard, fcinfo);
	take_messages(batch);
	apply_messages(batch);
	bury_messages(batch);
	queue_messages(batch);
	notify_of_scores(batch);
	fold_now_and_then(batch);
	return_rejected(fcinfo, batch);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena_enqueue_scores(scoreboard text, messages jsonb)
 */
Datum
bixarena_enqueue_scores(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard;
	Batch	   *batch;

	check_worker_role(GetUserId());
	scoreboard = open_scoreboard(argument_text(fcinfo, 0), true);
	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	batch = read_batch(scoreboard, fcinfo);
	take_messages(batch);
	bury_messages(batch);
	queue_messages(batch);
	return_rejected(fcinfo, batch);
	SPI_finish();
	return (Datum) 0;
}

/*
 * The dead letters of these numbers, or all, locked, as messages of a batch.
 */
static void
read_dead_letters(Batch *batch, FunctionCallInfo fcinfo)
{
	static const Statement lock = {
		"SELECT d.dead_letter_id, d.content FROM @dead_letter AS d"
		" WHERE $1 IS NULL OR d.dead_letter_id = ANY ($1)"
		" ORDER BY d.dead_letter_id FOR UPDATE SKIP LOCKED",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	TimestampTz latest = latest_moment(batch);

	add_parameter(&parameters, INT8ARRAYOID, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
				  PG_ARGISNULL(1));
	run_statement(batch->scoreboard, &lock, &parameters);
	batch->count = SPI_processed;
	batch->messages = palloc_extended(mul_size(sizeof(Message), Max(batch->count, 1)),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < batch->count; i++)
	{
		Message    *message = &batch->messages[i];
		JsonbValue	value;

		CHECK_FOR_INTERRUPTS();
		message->n = i;
		message->number = DatumGetInt64(result_value(i, 1, INT8OID));
		JsonbToJsonbValue(DatumGetJsonbP(result_value(i, 2, JSONBOID)), &value);
		read_message(message, &value, latest);
	}
}

/*
 * Delete the dead letters that are in the queue now, or need not be.
 */
static void
delete_dead_letters(const Batch *batch)
{
	static const Statement delete = {
		"DELETE FROM @dead_letter AS d WHERE d.dead_letter_id = ANY ($1)",
		SPI_OK_DELETE, SEES_LATEST
	};
	Parameters	parameters = {0};
	Column	   *numbers = new_column(INT8OID, batch->count);

	for (int i = 0; i < batch->count; i++)
		if (batch->messages[i].state != MESSAGE_INVALID)
			add_value(numbers, Int64GetDatum(batch->messages[i].number));
	add_column(&parameters, numbers);
	run_statement(batch->scoreboard, &delete, &parameters);
}

static void
return_redriven(FunctionCallInfo fcinfo, const Batch *batch)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; i < batch->count; i++)
	{
		const Message *message = &batch->messages[i];
		bool		is_queued = message->state == MESSAGE_TAKEN;
		const char *reason = message->state == MESSAGE_DUPLICATE ? HAS_COME_BEFORE :
			message->flaw;
		Datum		values[3];
		bool		nulls[3] = {false, false, is_queued};

		values[0] = Int64GetDatum(message->number);
		values[1] = CStringGetTextDatum(is_queued ? "queued" : disposition_of(message));
		values[2] = is_queued ? (Datum) 0 : CStringGetTextDatum(reason);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * bixarena_redrive(scoreboard text, dead_letter_ids bigint[])
 */
Datum
bixarena_redrive(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard;
	Batch	   *batch;

	check_worker_role(GetUserId());
	scoreboard = open_scoreboard(argument_text(fcinfo, 0), true);
	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	batch = new_batch(scoreboard);
	read_dead_letters(batch, fcinfo);
	find_games(batch);
	take_messages(batch);
	queue_messages(batch);
	delete_dead_letters(batch);
	return_redriven(fcinfo, batch);
	SPI_finish();
	return (Datum) 0;
}
