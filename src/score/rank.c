/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  How many players stand before a place, without counting them one by one.
 *
 * Players of a board are counted by ranges of places, in a tree of three levels.  A rank
 * is what stands before in one node of each level, and the players of one range, which
 * are counted as they are.
 *
 * Who writes a score touches none of these: the event that he writes says from which
 * place to which the player went.  Now and then somebody folds events into the counts
 * (fold.c).  The table rank_fold says what the counts have: the events of all
 * transactions that had ended at the time.  What they do not have yet, those of
 * transactions from next_xid on and of open_xids, is found by an index and added by who
 * reads.  Events, scores, counts and rank_fold are read in one snapshot, that of the
 * query that calls.  So the rank is exact at any moment for everybody: no event is
 * missing and none counts twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_rank_total);
PG_FUNCTION_INFO_V1(bixarena_rank_before);
PG_FUNCTION_INFO_V1(bixarena_rank_place);
PG_FUNCTION_INFO_V1(bixarena_rank_add_to);
PG_FUNCTION_INFO_V1(bixarena_rank_sum);

/*
 * Which events do the counts of a board not have?
 */
void
read_fold_state(const Scoreboard *scoreboard, int32 board, FoldState *state)
{
	static const Statement read = {
		"SELECT b.generation, f.next_xid, f.open_xids, f.next_node_no"
		" FROM @board AS b JOIN @rank_fold AS f ON f.board_no = b.board_no"
		" WHERE b.board_no = $1",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	add_board(&parameters, board);
	run_statement(scoreboard, &read, &parameters);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("board %d of scoreboard \"%s\" has no counts", board,
						scoreboard->name),
				 errhint("Call bixarena_recount_scores().")));
	state->generation = result_int(0, 1);
	state->next_xid = result_value(0, 2, XID8OID);
	state->open_xids = result_value(0, 3, XID8ARRAYOID);
	state->next_node_no = result_int(0, 4);
}

/*
 * The integers of an array, none of them null.
 */
static int32 *
integers_of(Datum array, int *length)
{
	Datum	   *values;
	int32	   *integers;

	deconstruct_array(DatumGetArrayTypeP(array), INT4OID, sizeof(int32), true, TYPALIGN_INT,
					  &values, NULL, length);
	integers = palloc(sizeof(int32) * Max(*length, 1));
	for (int i = 0; i < *length; i++)
		integers[i] = DatumGetInt32(values[i]);
	return integers;
}

int64
sum_of_counts(const int32 *counts, int length)
{
	int64		sum = 0;

	for (int i = 0; i < length; i++)
		sum += counts[i];
	return sum;
}

/*
 * The owner may have written what he likes.
 */
void
check_node(const Scoreboard *scoreboard, int32 board, bool is_sound)
{
	if (!is_sound)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the counts of board %d of scoreboard \"%s\" are damaged", board,
						scoreboard->name),
				 errhint("Call bixarena_recount_scores().")));
}

/*
 * The node of a level that has a place.
 */
RankNode *
read_node(const Scoreboard *scoreboard, int32 board, int level, Datum place)
{
	static const Statement read = {
		"SELECT n.node_no, n.bounds, n.children, c.counts"
		" FROM (SELECT r.* FROM @rank_node AS r"
		" WHERE r.board_no = $1 AND r.level = $2 AND r.first_place <= $3"
		" ORDER BY r.first_place DESC LIMIT 1) AS n"
		" JOIN @rank_count AS c ON c.board_no = $1 AND c.node_no = n.node_no",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	RankNode   *node = palloc0(sizeof(RankNode));
	Datum		children;
	int			length;
	bool		isnull;

	add_board(&parameters, board);
	add_parameter(&parameters, INT2OID, Int16GetDatum(level), false);
	add_parameter(&parameters, BYTEAOID, place, false);
	run_statement(scoreboard, &read, &parameters);
	check_node(scoreboard, board, SPI_processed == 1);
	node->level = level;
	node->node_no = result_int(0, 1);
	deconstruct_array(DatumGetArrayTypeP(result_value(0, 2, BYTEAARRAYOID)), BYTEAOID, -1, false,
					  TYPALIGN_INT, &node->bounds, NULL, &node->length);
	check_node(scoreboard, board, node->length > 0);
	children = result_or_null(0, 3, INT4ARRAYOID, &isnull);
	if (level > LOWEST_LEVEL)
	{
		check_node(scoreboard, board, !isnull);
		node->children = integers_of(children, &length);
		check_node(scoreboard, board, length == node->length);
	}
	node->counts = integers_of(result_value(0, 4, INT4ARRAYOID), &length);
	check_node(scoreboard, board, length == node->length);
	return node;
}

/*
 * Which range of a node has a place?  The first has what is before it too.
 */
int
bucket_of(const RankNode *node, Datum place)
{
	int			low = 0;
	int			high = node->length;

	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (compare_datums(&node->bounds[middle], &place) <= 0)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * What events that the counts do not have make of a rank: players before a place, or
 * all.
 */
static void
add_changes(const Scoreboard *scoreboard, int32 board, Datum place, RankResult *result)
{
	static const Statement sum = {
		"SELECT count(*) FILTER (WHERE e.new_place < $5)"
		" - count(*) FILTER (WHERE e.old_place < $5),"
		" count(*) FILTER (WHERE e.old_place IS NULL)"
		" FROM (SELECT v.old_place, v.new_place FROM @score_event AS v"
		" WHERE v.board_no = $1 AND v.generation = $2 AND v.xid >= $3"
		" UNION ALL SELECT v.old_place, v.new_place FROM @score_event AS v"
		" WHERE v.board_no = $1 AND v.generation = $2 AND v.xid = ANY ($4) AND v.xid < $3)"
		" AS e",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	FoldState	state;

	read_fold_state(scoreboard, board, &state);
	add_board(&parameters, board);
	add_parameter(&parameters, INT4OID, Int32GetDatum(state.generation), false);
	add_parameter(&parameters, XID8OID, state.next_xid, false);
	add_parameter(&parameters, XID8ARRAYOID, state.open_xids, false);
	add_parameter(&parameters, BYTEAOID, place, false);
	run_statement(scoreboard, &sum, &parameters);
	result->before += DatumGetInt64(result_value(0, 1, INT8OID));
	result->total += DatumGetInt64(result_value(0, 2, INT8OID));
}

/*
 * Players of a range up to a place, as they are.
 */
static int64
count_players(const Scoreboard *scoreboard, int32 board, Datum first, Datum place)
{
	static const Statement count = {
		"SELECT count(*) FROM @score AS s"
		" WHERE s.board_no = $1 AND s.place >= $2 AND s.place < $3",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	add_board(&parameters, board);
	add_parameter(&parameters, BYTEAOID, first, false);
	add_parameter(&parameters, BYTEAOID, place, false);
	run_statement(scoreboard, &count, &parameters);
	return DatumGetInt64(result_value(0, 1, INT8OID));
}

/*
 * How many players of a board stand before a place, and how many are there?
 */
RankResult
rank_of_place(const Scoreboard *scoreboard, int32 board, Datum place)
{
	RankResult	result = {0};
	Datum		bound = (Datum) 0;

	for (int level = ROOT_LEVEL; level >= LOWEST_LEVEL; level--)
	{
		RankNode   *node = read_node(scoreboard, board, level, place);
		int			bucket = bucket_of(node, place);

		result.before += sum_of_counts(node->counts, bucket);
		if (level == ROOT_LEVEL)
			result.total = sum_of_counts(node->counts, node->length);
		bound = node->bounds[bucket];
	}
	/* events say before the bound; from there on the players are as they are */
	add_changes(scoreboard, board, bound, &result);
	result.before += count_players(scoreboard, board, bound, place);
	return result;
}

/*
 * How many players has a board?
 */
int64
rank_total(const Scoreboard *scoreboard, int32 board)
{
	Datum		first = PointerGetDatum(cstring_to_text(""));
	RankNode   *root = read_node(scoreboard, board, ROOT_LEVEL, first);
	RankResult	result = {.total = sum_of_counts(root->counts, root->length)};

	add_changes(scoreboard, board, first, &result);
	return result.total;
}

/*
 * bixarena.rank_total(scoreboard text, board integer)
 */
Datum
bixarena_rank_total(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	int64		total;

	connect_spi();
	total = rank_total(scoreboard, PG_GETARG_INT32(1));
	SPI_finish();
	PG_RETURN_INT64(total);
}

/*
 * bixarena.rank_before(scoreboard text, board integer, place bytea)
 */
Datum
bixarena_rank_before(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	int64		before;

	connect_spi();
	before = rank_of_place(scoreboard, PG_GETARG_INT32(1),
						   PointerGetDatum(PG_GETARG_BYTEA_PP(2))).before;
	SPI_finish();
	PG_RETURN_INT64(before);
}

/*
 * Where the range begins that has the player before whom so many stand, by the counts
 * alone.
 */
static Datum
place_near(const Scoreboard *scoreboard, int32 board, int64 before)
{
	Datum		place = PointerGetDatum(cstring_to_text(""));

	for (int level = ROOT_LEVEL; level >= LOWEST_LEVEL; level--)
	{
		RankNode   *node = read_node(scoreboard, board, level, place);
		int			bucket = 0;

		while (bucket < node->length - 1 && before >= node->counts[bucket])
			before -= node->counts[bucket++];
		place = node->bounds[bucket];
	}
	return place;
}

/*
 * bixarena.rank_place(scoreboard text, board integer, before bigint)
 */
Datum
bixarena_rank_place(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), false);
	bytea	   *place;
	bytea	   *result;

	connect_spi();
	place = DatumGetByteaPP(place_near(scoreboard, PG_GETARG_INT32(1), PG_GETARG_INT64(2)));
	result = SPI_palloc(VARSIZE_ANY(place));
	memcpy(result, place, VARSIZE_ANY(place));
	SPI_finish();
	PG_RETURN_BYTEA_P(result);
}

/*
 * bixarena.rank_add_to(counts integer[], ranges integer[], signs integer[]): counts with
 * changes to some of them.
 */
Datum
bixarena_rank_add_to(PG_FUNCTION_ARGS)
{
	ArrayType  *counts = PG_GETARG_ARRAYTYPE_P_COPY(0);
	int			length;
	int			num_ranges;
	int			num_signs;
	int32	   *ranges = integers_of(PG_GETARG_DATUM(1), &num_ranges);
	int32	   *signs = integers_of(PG_GETARG_DATUM(2), &num_signs);
	int32	   *data = (int32 *) ARR_DATA_PTR(counts);

	length = ArrayGetNItems(ARR_NDIM(counts), ARR_DIMS(counts));
	if (ARR_HASNULL(counts) || num_ranges != num_signs)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("counts must not be null, and each range has one change")));
	for (int i = 0; i < num_ranges; i++)
	{
		if (ranges[i] < 1 || ranges[i] > length)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("there is no range %d", ranges[i])));
		data[ranges[i] - 1] += signs[i];
	}
	PG_RETURN_ARRAYTYPE_P(counts);
}

/*
 * bixarena.rank_sum(counts integer[])
 */
Datum
bixarena_rank_sum(PG_FUNCTION_ARGS)
{
	int			length;
	int32	   *counts = integers_of(PG_GETARG_DATUM(0), &length);

	PG_RETURN_INT64(sum_of_counts(counts, length));
}
