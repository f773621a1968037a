/*-------------------------------------------------------------------------
 *
 * fold.c
 *	  Events folded into the counts of players by ranges.
 *
 * Whoever has applied messages folds, now and then, and one at a time for a board: nobody
 * waits for that.  The events of all transactions that have ended are added to the ranges
 * that their players left and came to, and to the nodes above.  It is done in the
 * transaction of who folds, whose own events are left for the next one.
 *
 * Each thing that is read here is read as it is now, not as the caller's snapshot has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "score/score.h"

/*
 * Events before somebody folds.  So many that are not in the counts cost a reader less
 * than a millisecond; where they come faster than five times a second, more, since folding
 * many at once is cheaper.
 */
#define MIN_EVENTS "256"
#define MIN_SECONDS "0.2"
#define MAX_EVENTS "512"

/*
 * Be the one who folds.  False if somebody else is.
 */
static bool
lock_fold(const Fold *fold)
{
	static const Statement lock = {
		"SELECT FROM @rank_fold AS f WHERE f.board_no = $1 FOR UPDATE SKIP LOCKED",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_board(&parameters, fold->board);
	run_statement(fold->scoreboard, &lock, &parameters);
	return SPI_processed > 0;
}

/*
 * From the next fold on the counts have the events of all transactions that have ended
 * now.
 */
static void
read_new_state(FoldState *state, const Fold *fold)
{
	static const Statement read = {
		"SELECT pg_snapshot_xmax(pg_current_snapshot()),"
		" ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot()) UNION SELECT pg_current_xact_id())",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};

	run_statement(fold->scoreboard, &read, &parameters);
	state->next_xid = result_value(0, 1, XID8OID);
	state->open_xids = result_value(0, 2, XID8ARRAYOID);
}

static void
write_state(const Fold *fold)
{
	static const Statement update = {
		"UPDATE @rank_fold AS f SET next_xid = $2, open_xids = $3, next_node_no = $4,"
		" last_event_id = $5, folded_at = clock_timestamp()"
		" WHERE f.board_no = $1",
		SPI_OK_UPDATE, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_board(&parameters, fold->board);
	add_parameter(&parameters, XID8OID, fold->state.next_xid, false);
	add_parameter(&parameters, XID8ARRAYOID, fold->state.open_xids, false);
	add_parameter(&parameters, INT4OID, Int32GetDatum(fold->state.next_node_no), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(fold->last_event_id), false);
	run_statement(fold->scoreboard, &update, &parameters);
}

/*
 * The nodes of a level that begin at these places, in their order, without counts.
 */
static RankNode *
read_nodes(const Fold *fold, int level, const Column *firsts, int *count)
{
	static const Statement read = {
		"SELECT n.node_no, n.bounds FROM @rank_node AS n"
		" WHERE n.board_no = $1 AND n.level = $2 AND n.first_place = ANY ($3)"
		" ORDER BY n.first_place",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	RankNode   *nodes;

	add_board(&parameters, fold->board);
	add_parameter(&parameters, INT2OID, Int16GetDatum(level), false);
	add_column(&parameters, firsts);
	run_statement(fold->scoreboard, &read, &parameters);
	check_node(fold->scoreboard, fold->board, SPI_processed == (uint64) firsts->count);
	*count = SPI_processed;
	nodes = palloc0(sizeof(RankNode) * Max(*count, 1));
	for (int row = 0; row < *count; row++)
	{
		nodes[row].level = level;
		nodes[row].node_no = result_int(row, 1);
		deconstruct_array(DatumGetArrayTypeP(result_value(row, 2, BYTEAARRAYOID)), BYTEAOID, -1,
						  false, TYPALIGN_INT, &nodes[row].bounds, NULL, &nodes[row].length);
		check_node(fold->scoreboard, fold->board, nodes[row].length > 0);
	}
	return nodes;
}

/*
 * Note what moves change in a range of a node.  The range may be a node of the level
 * below, which begins where the range does.
 */
static void
note_change(Fold *fold, const RankNode *node, int range, int sign, Column *below)
{
	add_value(below, node->bounds[range]);
	if (sign == 0)
		return;
	add_value(fold->levels, Int32GetDatum(node->level));
	add_value(fold->nodes, Int32GetDatum(node->node_no));
	add_value(fold->ranges, Int32GetDatum(range + 1));
	add_value(fold->signs, Int32GetDatum(sign));
}

/*
 * Note what moves change in a node: those from a number on that are before the next
 * node.  Returns the number of the next move.
 */
static int
note_changes(Fold *fold, const RankNode *node, const RankNode *next, const Move *moves,
			 int count, int at, Column *below)
{
	int			range = -1;
	int			sign = 0;

	for (; at < count; at++)
	{
		int			bucket;

		if (next && compare_datums(&next->bounds[0], &moves[at].place) <= 0)
			break;
		bucket = bucket_of(node, moves[at].place);
		if (bucket != range && range >= 0)
			note_change(fold, node, range, sign, below);
		if (bucket != range)
			sign = 0;
		range = bucket;
		sign += moves[at].sign;
	}
	if (range >= 0)
		note_change(fold, node, range, sign, below);
	return at;
}

/*
 * Note what moves change at a level, in the nodes that begin at the first places.
 * Returns those of the nodes below.
 */
static Column *
note_level(Fold *fold, int level, const Column *firsts, const Move *moves, int count)
{
	Column	   *below = new_column(BYTEAOID, count);
	int			num_nodes;
	RankNode   *nodes = read_nodes(fold, level, firsts, &num_nodes);
	int			at = 0;

	for (int i = 0; i < num_nodes; i++)
		at = note_changes(fold, &nodes[i], i + 1 < num_nodes ? &nodes[i + 1] : NULL,
						  moves, count, at, below);
	return below;
}

/*
 * Add the changes to the counts.  Returns the nodes of the lowest level that have become
 * empty or too full, in SPI's result.
 */
static void
write_changes(const Fold *fold)
{
	static const Statement update = {
		"UPDATE @rank_count AS c SET total = c.total + d.sign,"
		" counts = bixarena.rank_add_to(c.counts, d.ranges, d.signs)"
		" FROM (SELECT u.level, u.node_no, sum(u.sign)::integer AS sign,"
		" array_agg(u.range_no) AS ranges, array_agg(u.sign) AS signs"
		" FROM ROWS FROM (unnest($2), unnest($3), unnest($4), unnest($5))"
		" AS u (level, node_no, range_no, sign) GROUP BY 1, 2) AS d"
		" WHERE c.board_no = $1 AND c.node_no = d.node_no"
		" RETURNING CASE WHEN d.level = 1 AND (c.total = 0 OR $6 < ANY (c.counts))"
		" THEN c.node_no END, c.total = 0",
		SPI_OK_UPDATE_RETURNING, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_board(&parameters, fold->board);
	add_column(&parameters, fold->levels);
	add_column(&parameters, fold->nodes);
	add_column(&parameters, fold->ranges);
	add_column(&parameters, fold->signs);
	add_parameter(&parameters, INT4OID, Int32GetDatum(MAX_RANGE), false);
	run_statement(fold->scoreboard, &update, &parameters);
}

/*
 * Note what moves change at each level, from the root on.
 */
static void
note_moves(Fold *fold, const Move *moves, int count)
{
	int			max_changes = (ROOT_LEVEL - LOWEST_LEVEL + 1) * count;
	Column	   *firsts = new_column(BYTEAOID, 1);

	fold->levels = new_column(INT4OID, max_changes);
	fold->nodes = new_column(INT4OID, max_changes);
	fold->ranges = new_column(INT4OID, max_changes);
	fold->signs = new_column(INT4OID, max_changes);
	add_value(firsts, PointerGetDatum(cstring_to_text("")));
	for (int level = ROOT_LEVEL; level >= LOWEST_LEVEL && count > 0; level--)
		firsts = note_level(fold, level, firsts, moves, count);
}

/*
 * Fold the events of a board that the counts do not have into them.
 */
static void
fold_board(void *argument)
{
	Fold	   *fold = argument;
	FoldState	now;
	Move	   *moves;
	int			count;

	if (!lock_fold(fold))
		return;
	look_now();
	read_fold_state(fold->scoreboard, fold->board, &fold->state);
	moves = read_moves(fold, false, &count);
	read_new_state(&now, fold);
	note_moves(fold, moves, count);
	look_away();
	fold->state.next_xid = now.next_xid;
	fold->state.open_xids = now.open_xids;
	if (count > 0 && fold->nodes->count > 0)
	{
		write_changes(fold);
		mend_nodes(fold);
	}
	write_state(fold);
}

/*
 * The boards of a batch that have so many events, in SPI's result.
 */
static void
find_due_boards(const Batch *batch)
{
	static const Statement find = {
		"SELECT f.board_no, q.last_value"
		" FROM @rank_fold AS f, @score_event_event_id_seq AS q"
		" WHERE f.board_no = ANY ($1)"
		" AND (f.last_event_id + " MAX_EVENTS " <= q.last_value"
		" OR (f.last_event_id + " MIN_EVENTS " <= q.last_value"
		" AND f.folded_at < clock_timestamp() - interval '" MIN_SECONDS " s'))"
		" ORDER BY 1",
		SPI_OK_SELECT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_column(&parameters, boards_of(batch));
	run_statement(batch->scoreboard, &find, &parameters);
}

static void
try_fold(Fold *fold)
{
	ErrorData  *error = try_step(fold_board, fold);

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	/* ranks are exact without it, and scores count */
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("events could not be folded into the counts: %s", error->message)));
}

/*
 * Fold events into the counts, every few hundred of them.
 */
void
fold_now_and_then(Batch *batch)
{
	Fold	   *folds;
	int			count;

	/* under a snapshot that is kept nobody can see how far others have folded */
	if (batch->games == NIL || IsolationUsesXactSnapshot())
		return;
	find_due_boards(batch);
	count = SPI_processed;
	folds = palloc0(sizeof(Fold) * Max(count, 1));
	for (int row = 0; row < count; row++)
	{
		folds[row].scoreboard = batch->scoreboard;
		folds[row].board = result_int(row, 1);
		folds[row].last_event_id = DatumGetInt64(result_value(row, 2, INT8OID));
	}
	for (int row = 0; row < count; row++)
		try_fold(&folds[row]);
}
