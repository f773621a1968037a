/*-------------------------------------------------------------------------
 *
 * apply.c
 *	  Messages applied to scores.
 *
 * All messages of a call at once: the scores of its players are locked, in one order,
 * and read; each message's score before and after it is computed, in the order of the
 * messages; then scores and events are written.  So no two calls wait for each other in
 * a circle, whatever the order of their messages.
 *
 * Where that fails, each message is tried alone, in a subtransaction: one that is bad
 * harms no other.  But what comes for the same player in the same game behind one that
 * has failed, and is to be tried again, must wait for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"

#include "score/score.h"

/* The scores that were to be written have changed meanwhile: tried at once again */
#define SCORES_HAVE_CHANGED MAKE_SQLSTATE('B', 'X', '0', '0', '1')
#define MAX_RACES 20

/* A player's score on a board, while messages are applied */
typedef struct Standing
{
	Game	   *game;
	text	   *player_id;
	bool		was_there;		/* had a score before */
	bool		is_there;
	bool		has_changed;
	Datum		row;			/* where it is, while it is locked */
	Datum		score;
	TimestampTz reached_at;
	Datum		place;
} Standing;

/* A message, and the score of its player before and after it */
typedef struct Change
{
	Message    *message;
	Standing   *standing;
	Standing	before;
	Standing	after;
} Change;

/* What is applied together */
typedef struct Work
{
	Batch	   *batch;
	int			count;
	Message   **messages;		/* in their order */
	Change	   *changes;		/* likewise */
	int			num_standings;
	Standing   *standings;		/* in the order of boards and players */
} Work;

static int
compare_standings(const void *left, const void *right)
{
	const Standing *a = left;
	const Standing *b = right;

	if (a->game->board_no != b->game->board_no)
		return a->game->board_no < b->game->board_no ? -1 : 1;
	return compare_bytes(a->player_id, b->player_id);
}

/*
 * The players on boards that messages are about, each once.
 */
static void
find_standings(Work *work)
{
	int			count = 0;

	work->standings = palloc0(sizeof(Standing) * work->count);
	for (int i = 0; i < work->count; i++)
	{
		work->standings[i].game = work->messages[i]->game;
		work->standings[i].player_id = work->messages[i]->player_id;
	}
	qsort(work->standings, work->count, sizeof(Standing), compare_standings);
	for (int i = 0; i < work->count; i++)
		if (i == 0 || compare_standings(&work->standings[count - 1], &work->standings[i]) != 0)
			work->standings[count++] = work->standings[i];
	work->num_standings = count;
}

static Standing *
find_standing(const Work *work, Game *game, text *player_id)
{
	Standing	key = {.game = game,.player_id = player_id};

	return bsearch(&key, work->standings, work->num_standings, sizeof(Standing),
				   compare_standings);
}

/*
 * Lock the scores that there are, and read them as they are then.
 */
static void
lock_scores(Work *work)
{
	static const Statement lock = {
		"SELECT s.board_no, s.player_id, s.score, s.reached_at, s.place, s.ctid"
		" FROM ROWS FROM (unnest($1), unnest($2)) AS k (board_no, player_id)"
		" JOIN @score AS s ON s.board_no = k.board_no AND s.player_id = k.player_id COLLATE \"C\""
		" ORDER BY s.board_no, s.player_id"
		" FOR UPDATE OF s",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	Column	   *boards = new_column(INT4OID, work->num_standings);
	Column	   *players = new_column(TEXTOID, work->num_standings);
	int			at = 0;

	for (int i = 0; i < work->num_standings; i++)
	{
		add_value(boards, Int32GetDatum(work->standings[i].game->board_no));
		add_value(players, PointerGetDatum(work->standings[i].player_id));
	}
	add_column(&parameters, boards);
	add_column(&parameters, players);
	run_statement(work->batch->scoreboard, &lock, &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		int32		board = result_int(row, 1);
		text	   *player = DatumGetTextPP(result_value(row, 2, TEXTOID));
		Standing   *standing;

		while (work->standings[at].game->board_no != board ||
			   compare_bytes(work->standings[at].player_id, player) != 0)
			if (++at >= work->num_standings)
				elog(ERROR, "a score was read that was not asked for");
		standing = &work->standings[at];
		standing->was_there = standing->is_there = true;
		standing->score = result_value(row, 3, NUMERICOID);
		standing->reached_at = DatumGetTimestampTz(result_value(row, 4, TIMESTAMPTZOID));
		standing->place = result_value(row, 5, BYTEAOID);
		standing->row = datumCopy(result_value(row, 6, TIDOID), false, sizeof(ItemPointerData));
	}
}

/*
 * The score that a message makes of the one before.
 */
static Datum
combine(const Standing *before, const Message *message)
{
	Datum		score = NumericGetDatum(message->score);

	if (!before->is_there || message->game->operator == OPERATOR_LATEST)
		return score;
	if (message->game->operator == OPERATOR_SUM)
		return DirectFunctionCall2(numeric_add, before->score, score);
	return DirectFunctionCall2(message->game->highest_first ? numeric_larger : numeric_smaller,
							   before->score, score);
}

/*
 * When a score that a message has changed was reached.  A sum has parts of several
 * messages, and was not reached before the last of them was sent.
 */
static TimestampTz
moment_reached(const Standing *before, const Message *message, TimestampTz now)
{
	TimestampTz moment = message->has_sent_at ? message->sent_at : now;

	if (message->game->operator == OPERATOR_SUM && before->is_there)
		return Max(moment, before->reached_at);
	return moment;
}

/*
 * Apply a message to its standing.  A score was reached when it last became another.
 */
static void
change_standing(Change *change, TimestampTz now)
{
	Standing   *standing = change->standing;
	Message    *message = change->message;
	Datum		score = combine(standing, message);

	if (message->game->operator == OPERATOR_SUM && !is_small_number(DatumGetNumeric(score)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the sum has more than 60 digits before or behind the point")));
	change->before = *standing;
	if (!standing->is_there ||
		DatumGetBool(DirectFunctionCall2(numeric_ne, standing->score, score)))
	{
		standing->reached_at = moment_reached(standing, message, now);
		standing->is_there = standing->has_changed = true;
		standing->score = score;
		standing->place = PointerGetDatum(make_place(DatumGetNumeric(score),
													 message->game->highest_first,
													 standing->reached_at,
													 standing->player_id));
	}
	change->after = *standing;
}

/*
 * Players come into being with their first score.
 */
static void
insert_players(const Work *work)
{
	static const Statement insert = {
		"INSERT INTO @player (player_id)"
		" SELECT DISTINCT u.player_id COLLATE \"C\" FROM unnest($1) AS u (player_id) ORDER BY 1"
		" ON CONFLICT DO NOTHING",
		SPI_OK_INSERT, SEES_LATEST
	};
	Parameters	parameters = {0};
	Column	   *players = new_column(TEXTOID, work->num_standings);

	for (int i = 0; i < work->num_standings; i++)
		if (!work->standings[i].was_there)
			add_value(players, PointerGetDatum(work->standings[i].player_id));
	if (players->count == 0)
		return;
	add_column(&parameters, players);
	run_statement(work->batch->scoreboard, &insert, &parameters);
}

/*
 * Write the scores that have changed, of those that were there before or of the others.
 */
static void
write_scores(const Work *work, const Statement *statement, bool were_there)
{
	static const Oid types[] = {
		INT4OID, TEXTOID, NUMERICOID, TIMESTAMPTZOID, BYTEAOID, TIDOID
	};
	Parameters	parameters = {0};
	Column	   *columns[lengthof(types)];

	for (int i = 0; i < (int) lengthof(types); i++)
		columns[i] = new_column(types[i], work->num_standings);
	for (int i = 0; i < work->num_standings; i++)
	{
		Standing   *standing = &work->standings[i];

		if (!standing->has_changed || standing->was_there != were_there)
			continue;
		add_value(columns[0], Int32GetDatum(standing->game->board_no));
		add_value(columns[1], PointerGetDatum(standing->player_id));
		add_value(columns[2], standing->score);
		add_value(columns[3], TimestampTzGetDatum(standing->reached_at));
		add_value(columns[4], standing->place);
		if (were_there)
			add_value(columns[5], standing->row);
	}
	if (columns[0]->count == 0)
		return;
	for (int i = 0; i < (int) lengthof(types) && columns[i]->count > 0; i++)
		add_column(&parameters, columns[i]);
	run_statement(work->batch->scoreboard, statement, &parameters);
	if (SPI_processed != (uint64) columns[0]->count)
		ereport(ERROR,
				(errcode(SCORES_HAVE_CHANGED),
				 errmsg("the scores of the players have changed meanwhile")));
}

/*
 * Write what has happened.
 */
static void
insert_events(const Work *work)
{
	static const Statement insert = {
		"INSERT INTO @score_event (board_no, generation, player_id, message_id, update_type,"
		" submitted, old_score, old_reached_at, old_place, new_score, new_reached_at, new_place,"
		" metadata, sent_at)"
		" SELECT * FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5),"
		" unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), unnest($12),"
		" unnest($13), unnest($14)) AS e",
		SPI_OK_INSERT, SEES_LATEST
	};
	static const Oid types[] = {
		INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID, NUMERICOID, TIMESTAMPTZOID,
		BYTEAOID, NUMERICOID, TIMESTAMPTZOID, BYTEAOID, JSONBOID, TIMESTAMPTZOID
	};
	Parameters	parameters = {0};
	Column	   *columns[lengthof(types)];

	for (int i = 0; i < (int) lengthof(types); i++)
		columns[i] = new_column(types[i], work->count);
	for (int i = 0; i < work->count; i++)
	{
		const Change *change = &work->changes[i];
		const Message *message = change->message;
		Datum		values[] = {
			Int32GetDatum(message->game->board_no), Int32GetDatum(message->game->generation),
			PointerGetDatum(message->player_id), PointerGetDatum(message->message_id),
			PointerGetDatum(message->update_type), NumericGetDatum(message->score),
			change->before.score, TimestampTzGetDatum(change->before.reached_at),
			change->before.place, change->after.score,
			TimestampTzGetDatum(change->after.reached_at), change->after.place,
			PointerGetDatum(message->metadata), TimestampTzGetDatum(message->sent_at)
		};
		bool		nulls[lengthof(types)] = {
			[3] = message->by_content,
			[6] = !change->before.is_there,[7] = !change->before.is_there,
			[8] = !change->before.is_there,
			[12] = message->metadata == NULL,[13] = !message->has_sent_at
		};

		for (int column = 0; column < (int) lengthof(types); column++)
		{
			if (nulls[column])
				add_null(columns[column]);
			else
				add_value(columns[column], values[column]);
		}
	}
	for (int i = 0; i < (int) lengthof(types); i++)
		add_column(&parameters, columns[i]);
	run_statement(work->batch->scoreboard, &insert, &parameters);
}

/*
 * Apply messages, in their order, all or none.
 */
static void
apply(void *argument)
{
	static const Statement update = {
		"UPDATE @score AS s SET score = u.score, reached_at = u.reached_at, place = u.place"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6))"
		" AS u (board_no, player_id, score, reached_at, place, row)"
		" WHERE s.ctid = u.row AND s.board_no = u.board_no"
		" AND s.player_id = u.player_id COLLATE \"C\"",
		SPI_OK_UPDATE, SEES_LATEST
	};
	static const Statement insert = {
		"INSERT INTO @score (board_no, player_id, score, reached_at, place)"
		" SELECT * FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5))"
		" AS u"
		" ON CONFLICT (board_no, player_id) DO NOTHING",
		SPI_OK_INSERT, SEES_LATEST
	};
	Work	   *work = argument;
	TimestampTz now = GetCurrentTimestamp();

	find_standings(work);
	lock_scores(work);
	work->changes = palloc(sizeof(Change) * work->count);
	for (int i = 0; i < work->count; i++)
	{
		work->changes[i].message = work->messages[i];
		work->changes[i].standing = find_standing(work, work->messages[i]->game,
												  work->messages[i]->player_id);
		change_standing(&work->changes[i], now);
	}
	insert_players(work);
	write_scores(work, &update, true);
	write_scores(work, &insert, false);
	insert_events(work);
}

/*
 * Try to apply messages together.  Returns the error if that fails, else NULL.
 */
static ErrorData *
try_together(Work *work)
{
	ErrorData  *error = NULL;

	for (int i = 0; i < MAX_RACES; i++)
	{
		error = try_step(apply, work);
		if (error == NULL)
			return NULL;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		/* a snapshot that is kept does not get better */
		if (IsolationUsesXactSnapshot() &&
			(error->sqlerrcode == SCORES_HAVE_CHANGED ||
			 error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("%s", error->message)));
		if (error->sqlerrcode != SCORES_HAVE_CHANGED)
			return error;
	}
	error->sqlerrcode = ERRCODE_T_R_SERIALIZATION_FAILURE;
	return error;
}

static void
set_applied(const Work *work)
{
	for (int i = 0; i < work->count; i++)
		work->messages[i]->state = MESSAGE_APPLIED;
}

static void
set_failed(Message *message, const ErrorData *error)
{
	message->state = MESSAGE_FAILED;
	message->attempts++;
	message->flaw = pstrdup(error->message);
	message->sqlstate = error->sqlerrcode;
}

/*
 * Has a message of the same player and game failed before this one, and may yet be
 * applied?
 */
static bool
is_blocked(const List *blocking, const Message *message)
{
	ListCell   *cell;

	foreach(cell, blocking)
	{
		const Message *other = lfirst(cell);

		if (other->game == message->game &&
			compare_bytes(other->player_id, message->player_id) == 0)
			return true;
	}
	return false;
}

static void
apply_one_by_one(const Work *work)
{
	List	   *blocking = NIL;

	for (int i = 0; i < work->count; i++)
	{
		Message    *message = work->messages[i];
		Work		alone = {.batch = work->batch,.count = 1,.messages = &work->messages[i]};
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (is_blocked(blocking, message))
		{
			message->state = MESSAGE_FAILED;
			message->flaw = "it waits for a message before it that has failed";
			message->sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
			continue;
		}
		error = try_together(&alone);
		if (error == NULL)
			message->state = MESSAGE_APPLIED;
		else
		{
			set_failed(message, error);
			if (may_pass(message->sqlstate))
				blocking = lappend(blocking, message);
		}
	}
}

/*
 * Apply the messages that were taken.
 */
void
apply_messages(Batch *batch)
{
	Work		work = {.batch = batch};
	ErrorData  *error;

	work.messages = palloc(sizeof(Message *) * Max(batch->count, 1));
	for (int i = 0; i < batch->count; i++)
		if (batch->messages[i].state == MESSAGE_TAKEN)
			work.messages[work.count++] = &batch->messages[i];
	if (work.count == 0)
		return;
	error = try_together(&work);
	if (error == NULL)
		set_applied(&work);
	else if (work.count == 1)
		set_failed(work.messages[0], error);
	else
		apply_one_by_one(&work);
}
