/*-------------------------------------------------------------------------
 *
 * reading.c
 *	  Reading scores: the top, a player's rank, who stands around a player.
 *
 * Each of these reads in the snapshot of the query that calls it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_top_scores);
PG_FUNCTION_INFO_V1(bixarena_player_rank);
PG_FUNCTION_INFO_V1(bixarena_around_player);
PG_FUNCTION_INFO_V1(bixarena_ranks_of);
PG_FUNCTION_INFO_V1(bixarena_find_board);

#define MAX_TOP 100000
#define MAX_AROUND 10000

/* Columns of bixarena_player_rank(), which bixarena_ranks_of() has behind the game */
#define NUM_RANK_COLUMNS 6

static void
refuse_game(const Scoreboard *scoreboard, const char *game, bool is_known, TimestampTz at)
{
	static const Statement list = {
		"SELECT string_agg(n.game_id, ', ' ORDER BY n.game_id)"
		" FROM (SELECT g.game_id FROM @game AS g ORDER BY 1 LIMIT 20) AS n",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	char	   *games;

	if (is_known)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("game \"%s\" had no period at %s", game, timestamptz_to_str(at))));
	run_statement(scoreboard, &list, &parameters);
	games = result_text(0, 1);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("game \"%s\" does not exist", game),
			 errdetail("The games are %s.", games ? games : "none")));
}

/*
 * The board of a game: that of the period now, or at a moment.
 */
static int32
find_board(const Scoreboard *scoreboard, const char *game, bool is_now, TimestampTz at)
{
	static const Statement find = {
		"SELECT g.board_no FROM @game AS g WHERE g.game_id = $1 COLLATE \"C\"",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	static const Statement find_at = {
		"SELECT b.board_no FROM @board AS b"
		" WHERE b.game_id = $1 COLLATE \"C\" AND b.started_at <= $2"
		" ORDER BY b.started_at DESC LIMIT 1",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	if (game == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("game must not be null")));
	add_text(&parameters, game);
	run_statement(scoreboard, &find, &parameters);
	if (SPI_processed == 0)
		refuse_game(scoreboard, game, false, at);
	if (is_now)
		return result_int(0, 1);
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(at), false);
	run_statement(scoreboard, &find_at, &parameters);
	if (SPI_processed == 0)
		refuse_game(scoreboard, game, true, at);
	return result_int(0, 1);
}

/*
 * The board that the arguments of a function name: a game, and a moment or null.
 */
static int32
board_of_arguments(const Scoreboard *scoreboard, FunctionCallInfo fcinfo, int at)
{
	return find_board(scoreboard, argument_text(fcinfo, 1), PG_ARGISNULL(at),
					  PG_ARGISNULL(at) ? 0 : PG_GETARG_TIMESTAMPTZ(at));
}

/*
 * bixarena.score_board(scoreboard text, game text, at timestamptz)
 */
Datum
bixarena_find_board(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	int32		board;

	connect_spi();
	board = board_of_arguments(scoreboard, fcinfo, 2);
	SPI_finish();
	PG_RETURN_INT32(board);
}

static int
checked_count(FunctionCallInfo fcinfo, int number, int min, int max, const char *message)
{
	if (PG_ARGISNULL(number) || PG_GETARG_INT32(number) < min ||
		PG_GETARG_INT32(number) > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", message)));
	return PG_GETARG_INT32(number);
}

static Datum
cursor_of(Datum place)
{
	return DirectFunctionCall2(binary_encode, place, CStringGetTextDatum("hex"));
}

/*
 * The place that a cursor tells.
 */
static Datum
place_of_cursor(char *cursor)
{
	int			length = strlen(cursor);

	if (length == 0 || length % 2 != 0 || strspn(cursor, "0123456789abcdef") != (size_t) length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("after must be the cursor of a row that was read before")));
	return DirectFunctionCall2(binary_decode, CStringGetTextDatum(cursor),
							   CStringGetTextDatum("hex"));
}

/*
 * The least place behind another.
 */
static Datum
next_place(Datum place)
{
	bytea	   *before = DatumGetByteaPP(place);
	int			length = VARSIZE_ANY_EXHDR(before);
	bytea	   *next = palloc0(VARHDRSZ + length + 1);

	SET_VARSIZE(next, VARHDRSZ + length + 1);
	memcpy(VARDATA(next), VARDATA_ANY(before), length);
	return PointerGetDatum(next);
}

/*
 * Return who stands behind a place of a board; with 0, from the first on.
 */
static void
return_standings(FunctionCallInfo fcinfo, const Scoreboard *scoreboard, int32 board,
				 Datum after, int count)
{
	static const Statement read = {
		"SELECT t.player_id, p.name, t.score, t.reached_at, t.place"
		" FROM (SELECT s.player_id, s.score, s.reached_at, s.place FROM @score AS s"
		" WHERE s.board_no = $1 AND s.place > $2 ORDER BY s.place LIMIT $3) AS t"
		" LEFT JOIN @player AS p ON p.player_id = t.player_id"
		" ORDER BY t.place",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Parameters	parameters = {0};
	int64		before = 0;

	if (after)
		before = rank_of_place(scoreboard, board, next_place(after)).before;
	add_board(&parameters, board);
	add_parameter(&parameters, BYTEAOID,
				  after ? after : PointerGetDatum(cstring_to_text("")), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(count), false);
	run_statement(scoreboard, &read, &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int64GetDatum(before + (int64) row + 1);
		values[1] = result_value(row, 1, TEXTOID);
		values[2] = result_or_null(row, 2, TEXTOID, &nulls[2]);
		values[3] = result_value(row, 3, NUMERICOID);
		values[4] = result_value(row, 4, TIMESTAMPTZOID);
		values[5] = cursor_of(result_value(row, 5, BYTEAOID));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * bixarena_top_scores(scoreboard text, game text, top integer, after text,
 * at timestamptz)
 */
Datum
bixarena_top_scores(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	int			top = checked_count(fcinfo, 2, 1, MAX_TOP, "top must be from 1 to 100,000");
	char	   *cursor = argument_text(fcinfo, 3);
	Datum		after = cursor ? place_of_cursor(cursor) : (Datum) 0;

	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	return_standings(fcinfo, scoreboard, board_of_arguments(scoreboard, fcinfo, 4), after, top);
	SPI_finish();
	return (Datum) 0;
}

/*
 * A player's place on a board, 0 without a score; the score and when it was reached, too,
 * if they are wanted.
 */
static Datum
find_place(const Scoreboard *scoreboard, int32 board, const char *player, Datum *score,
		   Datum *reached_at)
{
	static const Statement find = {
		"SELECT s.score, s.reached_at, s.place FROM @score AS s"
		" WHERE s.board_no = $1 AND s.player_id = $2 COLLATE \"C\"",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	add_board(&parameters, board);
	add_text(&parameters, player);
	run_statement(scoreboard, &find, &parameters);
	if (SPI_processed == 0)
		return (Datum) 0;
	if (score)
	{
		*score = result_value(0, 1, NUMERICOID);
		*reached_at = result_value(0, 2, TIMESTAMPTZOID);
	}
	return result_value(0, 3, BYTEAOID);
}

/*
 * What the one before a place has more.  False if it is the first.
 */
static bool
find_points_to_next(const Scoreboard *scoreboard, int32 board, Datum place, Datum score,
					Datum *points)
{
	static const Statement find = {
		"SELECT abs(s.score - $3) FROM @score AS s"
		" WHERE s.board_no = $1 AND s.place < $2 ORDER BY s.place DESC LIMIT 1",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	add_board(&parameters, board);
	add_parameter(&parameters, BYTEAOID, place, false);
	add_parameter(&parameters, NUMERICOID, score, false);
	run_statement(scoreboard, &find, &parameters);
	if (SPI_processed == 0)
		return false;
	*points = result_value(0, 1, NUMERICOID);
	return true;
}

/*
 * The columns of a player's rank.  False without a score.
 */
static bool
find_rank(const Scoreboard *scoreboard, int32 board, const char *player, Datum *values,
		  bool *nulls)
{
	Datum		place = find_place(scoreboard, board, player, &values[3], &values[4]);
	RankResult	rank;

	if (place == (Datum) 0)
		return false;
	rank = rank_of_place(scoreboard, board, place);
	memset(nulls, false, NUM_RANK_COLUMNS);
	values[0] = Int64GetDatum(rank.before + 1);
	values[1] = Int64GetDatum(rank.total);
	values[2] = Float8GetDatum(100.0 * (rank.total - rank.before - 1) / rank.total);
	nulls[5] = !find_points_to_next(scoreboard, board, place, values[3], &values[5]);
	return true;
}

/*
 * bixarena_player_rank(scoreboard text, game text, player text, at timestamptz)
 */
Datum
bixarena_player_rank(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[NUM_RANK_COLUMNS];
	bool		nulls[NUM_RANK_COLUMNS];

	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	if (find_rank(scoreboard, board_of_arguments(scoreboard, fcinfo, 3),
				  argument_text(fcinfo, 2), values, nulls))
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	SPI_finish();
	return (Datum) 0;
}

/*
 * The place before the n-th before a place, 0 where there are no more than n; and how
 * many of them there are.
 */
static Datum
find_start(const Scoreboard *scoreboard, int32 board, Datum place, int n, int *above)
{
	static const Statement find = {
		"SELECT s.place FROM @score AS s WHERE s.board_no = $1 AND s.place < $2"
		" ORDER BY s.place DESC LIMIT $3",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	add_board(&parameters, board);
	add_parameter(&parameters, BYTEAOID, place, false);
	add_parameter(&parameters, INT8OID, Int64GetDatum((int64) n + 1), false);
	run_statement(scoreboard, &find, &parameters);
	*above = Min((int) SPI_processed, n);
	return (int) SPI_processed > n ? result_value(n, 1, BYTEAOID) : (Datum) 0;
}

/*
 * bixarena_around_player(scoreboard text, game text, player text, n integer,
 * at timestamptz)
 */
Datum
bixarena_around_player(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	int			n = checked_count(fcinfo, 3, 0, MAX_AROUND, "n must be from 0 to 10,000");
	int32		board;
	Datum		place;
	int			above;

	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	board = board_of_arguments(scoreboard, fcinfo, 4);
	place = find_place(scoreboard, board, argument_text(fcinfo, 2), NULL, NULL);
	if (place)
	{
		Datum		start = find_start(scoreboard, board, place, n, &above);

		return_standings(fcinfo, scoreboard, board, start, above + 1 + n);
	}
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena_ranks_of(scoreboard text, player text)
 */
Datum
bixarena_ranks_of(PG_FUNCTION_ARGS)
{
	static const Statement find = {
		"SELECT g.game_id, g.board_no FROM @game AS g"
		" JOIN @score AS s ON s.board_no = g.board_no AND s.player_id = $1 COLLATE \"C\""
		" ORDER BY 1",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *player = argument_text(fcinfo, 1);
	Parameters	parameters = {0};
	Datum	   *games;
	int32	   *boards;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	connect_spi();
	add_text(&parameters, player);
	run_statement(scoreboard, &find, &parameters);
	count = SPI_processed;
	games = palloc(sizeof(Datum) * Max(count, 1));
	boards = palloc(sizeof(int32) * Max(count, 1));
	for (int row = 0; row < count; row++)
	{
		games[row] = result_value(row, 1, TEXTOID);
		boards[row] = result_int(row, 2);
	}
	for (int row = 0; row < count; row++)
	{
		Datum		values[1 + NUM_RANK_COLUMNS] = {games[row]};
		bool		nulls[1 + NUM_RANK_COLUMNS] = {false};

		if (find_rank(scoreboard, boards[row], player, values + 1, nulls + 1))
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
