/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  What happens to the messages of a call besides being applied.
 *
 * A message counts once.  Its id, or without one the hash of its content for five
 * minutes, is written into the table message; who brings one that another session is
 * just bringing waits for that, and then it is a duplicate or the other has failed.
 *
 * What is invalid is a dead letter at once, and its id is free for a better message.
 * What has failed for something that may pass waits in the queue for the next attempt,
 * and so do the player's messages in the same game behind it.
 *
 * Calls lock messages in the order of their ids, dead letters in that of their hashes,
 * so that no two wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "score/score.h"

/* Games that a notice names: it must be short enough whatever they are called */
#define MAX_NOTICE_GAMES 20

/* A dead letter that was too long keeps what it begins with */
#define MAX_DEAD_BYTES 65536
#define KEPT_DEAD_BYTES 1000

/*
 * A batch of a scoreboard, with the settings, and without messages.
 */
Batch *
new_batch(Scoreboard *scoreboard)
{
	static const Statement read_settings = {
		"SELECT s.max_future_seconds, s.max_attempts, s.retry_seconds, s.notify_channel,"
		" s.workers FROM @scoreboard AS s",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	Batch	   *batch = palloc0(sizeof(Batch));

	batch->scoreboard = scoreboard;
	run_statement(scoreboard, &read_settings, &parameters);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("scoreboard \"%s\" has no settings", scoreboard->name),
				 errhint("INSERT INTO %s.scoreboard DEFAULT VALUES",
						 quote_identifier(scoreboard->name))));
	batch->max_future_seconds = DatumGetFloat8(result_value(0, 1, FLOAT8OID));
	batch->max_attempts = result_int(0, 2);
	batch->retry_seconds = DatumGetFloat8(result_value(0, 3, FLOAT8OID));
	batch->notify_channel = result_text(0, 4);
	if (batch->notify_channel)
		batch->notify_channel = pstrdup(batch->notify_channel);
	batch->workers = result_int(0, 5);
	return batch;
}

/*
 * A message must not have been sent after this.
 */
TimestampTz
latest_moment(const Batch *batch)
{
	return GetCurrentTimestamp() + (int64) (batch->max_future_seconds * USECS_PER_SEC);
}

/*
 * Count anew the players of boards that were counted on another server.
 */
static void
recount_foreign_boards(Scoreboard *scoreboard)
{
	static const Statement find_foreign = {
		"SELECT bixarena.rank_rebuild($2, f.board_no, true)"
		" FROM (SELECT r.board_no FROM @rank_fold AS r WHERE r.server <> $1"
		" ORDER BY r.board_no) AS f",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	if (scoreboard->is_ours)
		return;
	add_parameter(&parameters, INT8OID, Int64GetDatum((int64) GetSystemIdentifier()), false);
	add_text(&parameters, scoreboard->name);
	run_statement(scoreboard, &find_foreign, &parameters);
	/* what is counted here and now may be rolled back */
	scoreboard->is_ours = SPI_processed == 0;
}

/*
 * Before scores are written: from here on nobody counts a board anew, and the
 * generation of each holds.
 */
void
begin_scores(Scoreboard *scoreboard)
{
	recount_foreign_boards(scoreboard);
	LockRelationOid(scoreboard->tables[TABLE_SCORE_EVENT], RowExclusiveLock);
}

static ScoreOperator
operator_of_name(const char *name)
{
	if (strcmp(name, "sum") == 0)
		return OPERATOR_SUM;
	return strcmp(name, "latest") == 0 ? OPERATOR_LATEST : OPERATOR_BEST;
}

/*
 * The names of games in valid messages, each once.
 */
static Column *
names_of_games(const Batch *batch)
{
	Column	   *all = new_column(TEXTOID, batch->count);
	Column	   *names = new_column(TEXTOID, batch->count);

	for (int i = 0; i < batch->count; i++)
		if (batch->messages[i].state == MESSAGE_VALID)
			add_value(all, PointerGetDatum(batch->messages[i].game_id));
	qsort(all->values, all->count, sizeof(Datum), compare_datums);
	for (int i = 0; i < all->count; i++)
		if (i == 0 || compare_datums(&all->values[i - 1], &all->values[i]) != 0)
			add_value(names, all->values[i]);
	return names;
}

/*
 * The boards of the games of a batch.
 */
Column *
boards_of(const Batch *batch)
{
	Column	   *boards = new_column(INT4OID, list_length(batch->games));
	ListCell   *cell;

	foreach(cell, batch->games)
		add_value(boards, Int32GetDatum(((Game *) lfirst(cell))->board_no));
	return boards;
}

/*
 * Under a snapshot that is kept: an error if a period has ended since, or its players
 * were counted anew.
 */
static void
hold_boards(const Batch *batch)
{
	static const Statement lock_boards = {
		"SELECT FROM @board AS b WHERE b.board_no = ANY ($1) FOR SHARE",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_column(&parameters, boards_of(batch));
	run_statement(batch->scoreboard, &lock_boards, &parameters);
}

static void
read_games(Batch *batch)
{
	static const Statement read = {
		"SELECT g.game_id, g.board_no, g.operator, g.score_order, b.generation"
		" FROM @game AS g JOIN @board AS b ON b.board_no = g.board_no"
		" WHERE g.game_id = ANY ($1 COLLATE \"C\") ORDER BY 1",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};
	Column	   *names = names_of_games(batch);

	if (names->count == 0)
		return;
	add_column(&parameters, names);
	run_statement(batch->scoreboard, &read, &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Game	   *game = palloc(sizeof(Game));

		game->game_id = DatumGetTextPP(result_value(row, 1, TEXTOID));
		game->board_no = result_int(row, 2);
		game->operator = operator_of_name(result_word(row, 3));
		game->highest_first = strcmp(result_word(row, 4), "desc") == 0;
		game->generation = result_int(row, 5);
		batch->games = lappend(batch->games, game);
	}
}

static Game *
find_game(const Batch *batch, const text *name)
{
	ListCell   *cell;

	foreach(cell, batch->games)
	{
		Game	   *game = lfirst(cell);

		if (compare_bytes(game->game_id, name) == 0)
			return game;
	}
	return NULL;
}

/*
 * Find the games of valid messages; those without one are invalid.
 */
void
find_games(Batch *batch)
{
	read_games(batch);
	for (int i = 0; i < batch->count; i++)
	{
		Message    *message = &batch->messages[i];

		if (message->state != MESSAGE_VALID)
			continue;
		if (i > 0 && message[-1].game &&
			compare_bytes(message[-1].game_id, message->game_id) == 0)
			message->game = message[-1].game;
		else
			message->game = find_game(batch, message->game_id);
		if (message->game == NULL)
		{
			message->state = MESSAGE_INVALID;
			message->sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
			message->flaw = psprintf("there is no game \"%s\"",
									 text_to_cstring(message->game_id));
		}
	}
	if (batch->games && IsolationUsesXactSnapshot())
		hold_boards(batch);
}

/* By id, those by content last, and the first of equal ones first */
static int
compare_ids(const void *left, const void *right)
{
	const Message *a = *(Message *const *) left;
	const Message *b = *(Message *const *) right;
	int			order = compare_bytes(a->message_id, b->message_id);

	if (order == 0)
		order = a->by_content - b->by_content;
	return order ? order : a->n - b->n;
}

static bool
has_same_id(const Message *a, const Message *b)
{
	return a->by_content == b->by_content && compare_bytes(a->message_id, b->message_id) == 0;
}

/*
 * Valid messages in the order of their ids, each id once: what else has it is a
 * duplicate.
 */
static int
distinct_messages(Batch *batch, Message **distinct)
{
	Message   **all = palloc(sizeof(Message *) * Max(batch->count, 1));
	int			num_all = 0;
	int			count = 0;

	for (int i = 0; i < batch->count; i++)
		if (batch->messages[i].state == MESSAGE_VALID)
			all[num_all++] = &batch->messages[i];
	qsort(all, num_all, sizeof(Message *), compare_ids);
	for (int i = 0; i < num_all; i++)
	{
		if (count > 0 && has_same_id(distinct[count - 1], all[i]))
			all[i]->state = MESSAGE_DUPLICATE;
		else
			distinct[count++] = all[i];
	}
	return count;
}

/*
 * Take the valid messages that have not come before; from now on they have.
 */
void
take_messages(Batch *batch)
{
	static const Statement insert = {
		"INSERT INTO @message AS old (message_id, by_content)"
		" SELECT u.message_id, u.by_content"
		" FROM ROWS FROM (unnest($1), unnest($2)) AS u (message_id, by_content)"
		" ON CONFLICT (message_id, by_content) DO UPDATE SET received_at = clock_timestamp()"
		" WHERE old.by_content AND old.received_at < clock_timestamp() - interval '5 minutes'"
		" RETURNING message_id, by_content",
		SPI_OK_INSERT_RETURNING, SEES_LATEST
	};
	Parameters	parameters = {0};
	Message   **distinct = palloc(sizeof(Message *) * Max(batch->count, 1));
	int			count = distinct_messages(batch, distinct);
	Column	   *ids = new_column(TEXTOID, count);
	Column	   *by_content = new_column(BOOLOID, count);
	uint64		row = 0;

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		add_value(ids, PointerGetDatum(distinct[i]->message_id));
		add_value(by_content, BoolGetDatum(distinct[i]->by_content));
	}
	add_column(&parameters, ids);
	add_column(&parameters, by_content);
	run_statement(batch->scoreboard, &insert, &parameters);

	/* they come back in the same order, without the duplicates */
	for (int i = 0; i < count; i++)
	{
		Message		taken = {0};

		distinct[i]->state = MESSAGE_DUPLICATE;
		if (row >= SPI_processed)
			continue;
		taken.message_id = DatumGetTextPP(result_value(row, 1, TEXTOID));
		taken.by_content = DatumGetBool(result_value(row, 2, BOOLOID));
		if (!has_same_id(distinct[i], &taken))
			continue;
		distinct[i]->state = MESSAGE_TAKEN;
		row++;
	}
}

/*
 * May an error pass by itself?  The data, or a condition on a row, will be the same
 * the next time.
 */
bool
may_pass(int sqlstate)
{
	return ERRCODE_TO_CATEGORY(sqlstate) != ERRCODE_DATA_EXCEPTION &&
		sqlstate != ERRCODE_NOT_NULL_VIOLATION && sqlstate != ERRCODE_CHECK_VIOLATION;
}

/*
 * Has a message failed, and is to be tried again?
 */
bool
waits(const Batch *batch, const Message *message)
{
	return message->state == MESSAGE_FAILED && may_pass(message->sqlstate) &&
		message->attempts < batch->max_attempts;
}

static bool
is_dead(const Batch *batch, const Message *message)
{
	return message->state == MESSAGE_INVALID ||
		(message->state == MESSAGE_FAILED && !waits(batch, message));
}

static Jsonb *
jsonb_of_text(char *string)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = string;
	value.val.string.len = strlen(string);
	return JsonbValueToJsonb(&value);
}

/*
 * Make a message a dead letter.
 */
static void
bury_message(const Batch *batch, const Message *message, Datum hash)
{
	static const Statement insert = {
		"INSERT INTO @dead_letter AS old (message_id, content, content_hash, reason, sqlstate,"
		" attempts, role)"
		" VALUES ($1, $2, $3, $4, $5, $6, current_user)"
		" ON CONFLICT (content_hash) DO UPDATE"
		" SET arrivals = old.arrivals + 1, died_at = clock_timestamp(),"
		" reason = excluded.reason, sqlstate = excluded.sqlstate,"
		" attempts = greatest(old.attempts, excluded.attempts)",
		SPI_OK_INSERT, SEES_LATEST
	};
	static const Statement free_id = {
		"DELETE FROM @message AS m"
		" WHERE m.message_id = $1 COLLATE \"C\" AND m.by_content = $2",
		SPI_OK_DELETE, SEES_LATEST
	};
	Parameters	parameters = {0};
	char	   *content = JsonbToCString(NULL, &message->content->root,
										 VARSIZE(message->content));
	Jsonb	   *kept = message->content;

	if (strlen(content) > MAX_DEAD_BYTES)
		kept = jsonb_of_text(cut_text(content, KEPT_DEAD_BYTES));
	add_parameter(&parameters, TEXTOID, PointerGetDatum(message->message_id),
				  message->by_content);
	add_parameter(&parameters, JSONBOID, JsonbPGetDatum(kept), false);
	add_parameter(&parameters, BYTEAOID, hash, false);
	add_text(&parameters, message->flaw);
	add_text(&parameters, unpack_sql_state(message->sqlstate));
	add_parameter(&parameters, INT4OID, Int32GetDatum(message->attempts), false);
	run_statement(batch->scoreboard, &insert, &parameters);
	if (message->state == MESSAGE_INVALID)
		return;
	/* a better message with the same id is no duplicate */
	parameters.count = 0;
	add_parameter(&parameters, TEXTOID, PointerGetDatum(message->message_id), false);
	add_parameter(&parameters, BOOLOID, BoolGetDatum(message->by_content), false);
	run_statement(batch->scoreboard, &free_id, &parameters);
}

typedef struct DeadMessage
{
	Datum		hash;
	const Message *message;
} DeadMessage;

static int
compare_hashes(const void *left, const void *right)
{
	const DeadMessage *a = left;
	const DeadMessage *b = right;
	int			order = compare_datums(&a->hash, &b->hash);

	return order ? order : a->message->n - b->message->n;
}

/*
 * Make those that are invalid, or have had all attempts, dead letters.
 */
void
bury_messages(Batch *batch)
{
	DeadMessage *dead = palloc(sizeof(DeadMessage) * Max(batch->count, 1));
	int			count = 0;

	for (int i = 0; i < batch->count; i++)
	{
		Message    *message = &batch->messages[i];
		char	   *content;

		if (!is_dead(batch, message))
			continue;
		content = JsonbToCString(NULL, &message->content->root, VARSIZE(message->content));
		dead[count].message = message;
		dead[count++].hash = DirectFunctionCall1(sha256_bytea, CStringGetTextDatum(content));
		pfree(content);
	}
	if (count > 1)
		qsort(dead, count, sizeof(DeadMessage), compare_hashes);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		bury_message(batch, dead[i].message, dead[i].hash);
	}
}

/*
 * Put the messages that were taken, or have failed and are tried again, into the queue,
 * in their order.
 */
void
queue_messages(Batch *batch)
{
	static const Statement insert = {
		"INSERT INTO @queue (lane, message_id, by_content, player_id, game_id, content,"
		" attempts, due_at, error_sqlstate, error_message)"
		" SELECT bixarena.score_lane(m.player_id, m.game_id), m.message_id, m.by_content,"
		" m.player_id, m.game_id, m.content, m.attempts,"
		" clock_timestamp() + $9 * power(2, greatest(m.attempts - 1, 0)) * sign(m.attempts)"
		" * interval '1 second', m.sqlstate, m.flaw"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5),"
		" unnest($6), unnest($7), unnest($8)) AS m (message_id, by_content, player_id, game_id,"
		" content, attempts, sqlstate, flaw)",
		SPI_OK_INSERT, SEES_LATEST
	};
	static const Oid types[] = {
		TEXTOID, BOOLOID, TEXTOID, TEXTOID, JSONBOID, INT4OID, TEXTOID, TEXTOID
	};
	Parameters	parameters = {0};
	Column	   *columns[lengthof(types)];

	for (int i = 0; i < (int) lengthof(types); i++)
		columns[i] = new_column(types[i], batch->count);
	for (int i = 0; i < batch->count; i++)
	{
		Message    *message = &batch->messages[i];
		bool		has_failed = waits(batch, message);

		if (!has_failed && message->state != MESSAGE_TAKEN)
			continue;
		add_value(columns[0], PointerGetDatum(message->message_id));
		add_value(columns[1], BoolGetDatum(message->by_content));
		add_value(columns[2], PointerGetDatum(message->player_id));
		add_value(columns[3], PointerGetDatum(message->game_id));
		add_value(columns[4], JsonbPGetDatum(message->content));
		add_value(columns[5], Int32GetDatum(message->attempts));
		if (has_failed)
		{
			add_value(columns[6], CStringGetTextDatum(unpack_sql_state(message->sqlstate)));
			add_value(columns[7], CStringGetTextDatum(message->flaw));
		}
		else
		{
			add_null(columns[6]);
			add_null(columns[7]);
		}
	}
	if (columns[0]->count == 0)
		return;
	for (int i = 0; i < (int) lengthof(types); i++)
		add_column(&parameters, columns[i]);
	add_parameter(&parameters, FLOAT8OID, Float8GetDatum(batch->retry_seconds), false);
	run_statement(batch->scoreboard, &insert, &parameters);
	wake_score_workers(batch->scoreboard->name, batch->workers);
}

/* A game, and how many of its messages were applied */
typedef struct GameCount
{
	const Game *game;
	int			messages;
} GameCount;

static int
compare_counts(const void *left, const void *right)
{
	const GameCount *a = left;
	const GameCount *b = right;

	return a->messages != b->messages ? b->messages - a->messages :
		compare_bytes(a->game->game_id, b->game->game_id);
}

/*
 * Tell who listens how many messages of which games were applied: one notice a call.
 */
void
notify_of_scores(Batch *batch)
{
	GameCount  *counts = palloc0(sizeof(GameCount) * Max(list_length(batch->games), 1));
	StringInfoData notice;
	int			num_games = 0;
	int			total = 0;
	ListCell   *cell;

	if (batch->notify_channel == NULL)
		return;
	foreach(cell, batch->games)
	{
		counts[num_games].game = lfirst(cell);
		for (int i = 0; i < batch->count; i++)
			if (batch->messages[i].state == MESSAGE_APPLIED &&
				batch->messages[i].game == counts[num_games].game)
				counts[num_games].messages++;
		if (counts[num_games].messages > 0)
			total += counts[num_games++].messages;
	}
	if (num_games == 0)
		return;
	qsort(counts, num_games, sizeof(GameCount), compare_counts);
	initStringInfo(&notice);
	appendStringInfoString(&notice, "{\"games\": {");
	for (int i = 0; i < Min(num_games, MAX_NOTICE_GAMES); i++)
	{
		if (i > 0)
			appendStringInfoString(&notice, ", ");
		escape_json(&notice, text_to_cstring(counts[i].game->game_id));
		appendStringInfo(&notice, ": %d", counts[i].messages);
	}
	appendStringInfo(&notice, "}, \"messages\": %d, \"scoreboard\": ", total);
	escape_json(&notice, batch->scoreboard->name);
	appendStringInfoChar(&notice, '}');
	Async_Notify(batch->notify_channel, notice.data);
}
