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
 * Ranges split as they fill.  The players of the parts are counted as they are, less the
 * events that the counts do not have, so that this may happen at any time.  What has too
 * few players is joined to its neighbour, and a node that has none goes.
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
#include "utils/snapmgr.h"

#include "score/score.h"

/*
 * Events before somebody folds.  So many that are not in the counts cost a reader less
 * than a millisecond; where they come faster than five times a second, more, since folding
 * many at once is cheaper.
 */
#define MIN_EVENTS "256"
#define MIN_SECONDS "0.2"
#define MAX_EVENTS "2048"

/* Players of a range: of one that is new, at most, and of two that are joined */
#define NEW_RANGE 20
#define MAX_RANGE 32
#define FEW_PLAYERS 12

/* Ranges of a node: of one that is new, and at most */
#define NEW_NODE 80
#define MAX_NODE 128

/* A player came to a place (1) or left it (-1) */
typedef struct Move
{
	Datum		place;
	int			sign;
} Move;

/* What is at work */
typedef struct Fold
{
	const Scoreboard *scoreboard;
	int32		board;
	int64		last_event_id;	/* at least so many have happened */
	FoldState	state;

	/* changes to counts, a row each */
	Column	   *levels;
	Column	   *nodes;
	Column	   *ranges;
	Column	   *signs;
} Fold;

/*
 * Look at what is there now: what is read until look_away() is of one moment.
 */
static void
look_now(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
look_away(void)
{
	PopActiveSnapshot();
}

static void
add_board(Parameters *parameters, const Fold *fold)
{
	add_parameter(parameters, INT4OID, Int32GetDatum(fold->board), false);
}

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

	add_board(&parameters, fold);
	run_statement(fold->scoreboard, &lock, &parameters);
	return SPI_processed > 0;
}

static int
compare_moves(const void *left, const void *right)
{
	return compare_datums(&((const Move *) left)->place, &((const Move *) right)->place);
}

static void
add_move(Move *moves, int *count, Datum place, int sign)
{
	moves[*count].place = place;
	moves[(*count)++].sign = sign;
}

/*
 * The moves that the counts do not have, in the order of places.  This transaction's
 * own are among them if they are wanted.
 */
static Move *
read_moves(const Fold *fold, bool own, int *count)
{
	static const Statement read = {
		"SELECT e.old_place, e.new_place"
		" FROM (SELECT v.old_place, v.new_place, v.xid FROM @score_event AS v"
		" WHERE v.board_no = $1 AND v.generation = $2 AND v.xid >= $3"
		" UNION ALL SELECT v.old_place, v.new_place, v.xid FROM @score_event AS v"
		" WHERE v.board_no = $1 AND v.generation = $2 AND v.xid = ANY ($4) AND v.xid < $3)"
		" AS e"
		" WHERE e.old_place IS DISTINCT FROM e.new_place"
		" AND ($5 OR e.xid <> pg_current_xact_id())",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	Move	   *moves;

	add_board(&parameters, fold);
	add_parameter(&parameters, INT4OID, Int32GetDatum(fold->state.generation), false);
	add_parameter(&parameters, XID8OID, fold->state.next_xid, false);
	add_parameter(&parameters, XID8ARRAYOID, fold->state.open_xids, false);
	add_parameter(&parameters, BOOLOID, BoolGetDatum(own), false);
	run_statement(fold->scoreboard, &read, &parameters);
	moves = palloc_extended(mul_size(sizeof(Move), 2 * SPI_processed + 1), MCXT_ALLOC_HUGE);
	*count = 0;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		Datum		old = result_or_null(row, 1, BYTEAOID, &isnull);

		if (!isnull)
			add_move(moves, count, old, -1);
		add_move(moves, count, result_value(row, 2, BYTEAOID), 1);
	}
	qsort(moves, *count, sizeof(Move), compare_moves);
	return moves;
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

	add_board(&parameters, fold);
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

	add_board(&parameters, fold);
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

	add_board(&parameters, fold);
	add_column(&parameters, fold->levels);
	add_column(&parameters, fold->nodes);
	add_column(&parameters, fold->ranges);
	add_column(&parameters, fold->signs);
	add_parameter(&parameters, INT4OID, Int32GetDatum(MAX_RANGE), false);
	run_statement(fold->scoreboard, &update, &parameters);
}

/*
 * The first place of a node, and that of the next at its level, 0 if it is the last.
 */
static bool
find_extent(const Fold *fold, int32 node_no, Datum *first, Datum *after)
{
	static const Statement find = {
		"SELECT n.first_place, (SELECT r.first_place FROM @rank_node AS r"
		" WHERE r.board_no = $1 AND r.level = n.level AND r.first_place > n.first_place"
		" ORDER BY r.first_place LIMIT 1)"
		" FROM @rank_node AS n WHERE n.board_no = $1 AND n.node_no = $2",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	bool		isnull;

	add_board(&parameters, fold);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node_no), false);
	run_statement(fold->scoreboard, &find, &parameters);
	if (SPI_processed == 0)
		return false;
	*first = result_value(0, 1, BYTEAOID);
	*after = result_or_null(0, 2, BYTEAOID, &isnull);
	return true;
}

/*
 * A node with room for more ranges than it has.
 */
static RankNode *
empty_node(const RankNode *like, int max_length)
{
	RankNode   *node = palloc0(sizeof(RankNode));

	node->level = like->level;
	node->node_no = like->node_no;
	node->bounds = palloc(sizeof(Datum) * Max(max_length, 1));
	node->counts = palloc(sizeof(int32) * Max(max_length, 1));
	if (node->level > LOWEST_LEVEL)
		node->children = palloc(sizeof(int32) * Max(max_length, 1));
	return node;
}

static void
append_range(RankNode *node, Datum bound, int32 child, int32 count)
{
	node->bounds[node->length] = bound;
	node->counts[node->length] = count;
	if (node->children)
		node->children[node->length] = child;
	node->length++;
}

/*
 * Some of the ranges of a node, as a node of another number.
 */
static RankNode *
part_of_node(const RankNode *node, int first, int length, int32 node_no)
{
	RankNode   *part = empty_node(node, length);

	part->node_no = node_no;
	for (int i = first; i < Min(first + length, node->length); i++)
		append_range(part, node->bounds[i], node->children ? node->children[i] : 0,
					 node->counts[i]);
	return part;
}

static int64
sum_of_counts(const RankNode *node)
{
	int64		sum = 0;

	for (int i = 0; i < node->length; i++)
		sum += node->counts[i];
	return sum;
}

static void
add_integers(Parameters *parameters, const int32 *integers, int count)
{
	Column	   *column = new_column(INT4OID, count);

	for (int i = 0; integers && i < count; i++)
		add_value(column, Int32GetDatum(integers[i]));
	add_column(parameters, column);
	if (integers == NULL)
		parameters->nulls[parameters->count - 1] = 'n';
}

/*
 * Write a node, the old one of the same first place or a new one.
 */
static void
put_node(const Fold *fold, const RankNode *node)
{
	static const Statement put = {
		"INSERT INTO @rank_node AS n (board_no, level, first_place, node_no, bounds, children)"
		" VALUES ($1, $2, ($4)[1], $3, $4, $5)"
		" ON CONFLICT (board_no, level, first_place) DO UPDATE"
		" SET bounds = excluded.bounds, children = excluded.children",
		SPI_OK_INSERT, SEES_LATEST
	};
	static const Statement put_counts = {
		"INSERT INTO @rank_count AS c (board_no, node_no, total, counts)"
		" VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (board_no, node_no) DO UPDATE"
		" SET total = excluded.total, counts = excluded.counts",
		SPI_OK_INSERT, SEES_LATEST
	};
	Parameters	parameters = {0};

	add_board(&parameters, fold);
	add_parameter(&parameters, INT2OID, Int16GetDatum(node->level), false);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node->node_no), false);
	add_array(&parameters, BYTEAOID, node->bounds, node->length);
	add_integers(&parameters, node->children, node->length);
	run_statement(fold->scoreboard, &put, &parameters);
	parameters.count = 0;
	add_board(&parameters, fold);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node->node_no), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(sum_of_counts(node)), false);
	add_integers(&parameters, node->counts, node->length);
	run_statement(fold->scoreboard, &put_counts, &parameters);
}

static RankNode *
read_parent(const Fold *fold, const RankNode *node)
{
	RankNode   *parent;

	look_now();
	parent = read_node(fold->scoreboard, fold->board, node->level + 1, node->bounds[0]);
	look_away();
	return parent;
}

/*
 * A node with other entries in place of one; without any if there are none.
 */
static RankNode *
replace_entry(const RankNode *node, int entry, RankNode *const *children, int count)
{
	RankNode   *replaced = empty_node(node, node->length + count);

	for (int i = 0; i < node->length; i++)
	{
		if (i != entry)
			append_range(replaced, node->bounds[i], node->children[i], node->counts[i]);
		for (int k = 0; i == entry && k < count; k++)
			append_range(replaced, children[k]->bounds[0], children[k]->node_no,
						 sum_of_counts(children[k]));
	}
	return replaced;
}

/*
 * Write a node.  One that is too long becomes several, of which the first is the old one,
 * and then the node above has more.
 */
static void
write_node(Fold *fold, const RankNode *node)
{
	RankNode  **parts;
	RankNode   *parent;
	int			count = 0;

	if (node->level == ROOT_LEVEL || node->length <= MAX_NODE)
	{
		put_node(fold, node);
		return;
	}
	parts = palloc(sizeof(RankNode *) * (node->length / NEW_NODE + 1));
	for (int i = 0; i < node->length; i += NEW_NODE)
	{
		parts[count] = part_of_node(node, i, NEW_NODE,
									i == 0 ? node->node_no : fold->state.next_node_no++);
		put_node(fold, parts[count++]);
	}
	parent = read_parent(fold, node);
	write_node(fold, replace_entry(parent, bucket_of(parent, node->bounds[0]), parts, count));
}

/*
 * No place begins like this.
 */
static Datum
behind_all_places(void)
{
	return PointerGetDatum(cstring_to_text("\xFF"));
}

/*
 * The players from a bound on and before another (0: all), in their order.
 */
static Datum *
read_players(const Fold *fold, Datum lower, Datum upper, int *count)
{
	static const Statement read = {
		"SELECT s.place FROM @score AS s"
		" WHERE s.board_no = $1 AND s.place >= $2 AND s.place < $3"
		" ORDER BY s.place",
		SPI_OK_SELECT, SEES_SNAPSHOT
	};
	Parameters	parameters = {0};
	Datum	   *places;

	add_board(&parameters, fold);
	add_parameter(&parameters, BYTEAOID, lower, false);
	add_parameter(&parameters, BYTEAOID, upper ? upper : behind_all_places(), false);
	run_statement(fold->scoreboard, &read, &parameters);
	*count = SPI_processed;
	places = palloc_extended(mul_size(sizeof(Datum), Max(*count, 1)), MCXT_ALLOC_HUGE);
	for (int row = 0; row < *count; row++)
		places[row] = result_value(row, 1, BYTEAOID);
	return places;
}

/*
 * A range in parts, and the players that the counts have in each: those that are there
 * now, less the moves that the counts do not have.
 */
static RankNode *
split_range(const Fold *fold, const RankNode *node, int range, Datum upper)
{
	Datum		lower = node->bounds[range];
	RankNode   *parts;
	Datum	   *players;
	Move	   *moves;
	int			num_players;
	int			num_moves;

	look_now();
	players = read_players(fold, lower, upper, &num_players);
	moves = read_moves(fold, true, &num_moves);
	look_away();
	parts = empty_node(node, num_players / NEW_RANGE + 2);
	append_range(parts, lower, 0, 0);
	for (int i = NEW_RANGE; i < num_players; i += NEW_RANGE)
		append_range(parts, players[i], 0, 0);
	for (int i = 0; i < num_players; i++)
		parts->counts[bucket_of(parts, players[i])]++;
	for (int i = 0; i < num_moves; i++)
		if (compare_datums(&moves[i].place, &lower) >= 0 &&
			(upper == (Datum) 0 || compare_datums(&moves[i].place, &upper) < 0))
			parts->counts[bucket_of(parts, moves[i].place)] -= moves[i].sign;
	return parts;
}

/*
 * Append ranges, those with few players to the one before.
 */
static void
append_ranges(RankNode *node, const RankNode *ranges, int first, int count)
{
	for (int i = first; i < first + count; i++)
	{
		if (node->length > 0 &&
			node->counts[node->length - 1] + ranges->counts[i] <= FEW_PLAYERS)
			node->counts[node->length - 1] += ranges->counts[i];
		else
			append_range(node, ranges->bounds[i], 0, ranges->counts[i]);
	}
}

/*
 * Split what is too full of a node of the lowest level, and the node if it has become too
 * long.
 */
static void
split_node(Fold *fold, int32 node_no)
{
	RankNode   *node;
	RankNode  **parts;
	RankNode   *split;
	Datum		first;
	Datum		after;
	int			length = 0;

	look_now();
	if (!find_extent(fold, node_no, &first, &after))
		elog(ERROR, "a node of the counts has gone");
	node = read_node(fold->scoreboard, fold->board, LOWEST_LEVEL, first);
	look_away();
	parts = palloc0(sizeof(RankNode *) * node->length);
	for (int i = 0; i < node->length; i++)
	{
		if (node->counts[i] > MAX_RANGE)
			parts[i] = split_range(fold, node, i,
								   i + 1 < node->length ? node->bounds[i + 1] : after);
		length += parts[i] ? parts[i]->length : 1;
	}
	split = empty_node(node, length);
	for (int i = 0; i < node->length; i++)
	{
		if (parts[i])
			append_ranges(split, parts[i], 0, parts[i]->length);
		else
			append_ranges(split, node, i, 1);
	}
	write_node(fold, split);
}

/*
 * Give the places of a node without players to the one before it, if that has the same
 * node above.
 */
static void
drop_node(Fold *fold, int32 node_no)
{
	static const Statement delete_node = {
		"DELETE FROM @rank_node AS n WHERE n.board_no = $1 AND n.node_no = $2",
		SPI_OK_DELETE, SEES_LATEST
	};
	static const Statement delete_counts = {
		"DELETE FROM @rank_count AS c WHERE c.board_no = $1 AND c.node_no = $2",
		SPI_OK_DELETE, SEES_LATEST
	};
	Parameters	parameters = {0};
	RankNode   *parent;
	Datum		first;
	Datum		after;
	int			entry;

	look_now();
	if (!find_extent(fold, node_no, &first, &after))
		elog(ERROR, "a node of the counts has gone");
	parent = read_node(fold->scoreboard, fold->board, LOWEST_LEVEL + 1, first);
	look_away();
	entry = bucket_of(parent, first);
	if (entry == 0)
		return;
	add_board(&parameters, fold);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node_no), false);
	run_statement(fold->scoreboard, &delete_node, &parameters);
	run_statement(fold->scoreboard, &delete_counts, &parameters);
	put_node(fold, replace_entry(parent, entry, NULL, 0));
}

/*
 * Split or drop the nodes of SPI's result.
 */
static void
mend_nodes(Fold *fold)
{
	int			max_count = SPI_processed;
	int32	   *node_nos = palloc(sizeof(int32) * Max(max_count, 1));
	bool	   *are_empty = palloc(sizeof(bool) * Max(max_count, 1));
	int			count = 0;

	for (int row = 0; row < max_count; row++)
	{
		bool		isnull;

		node_nos[count] = DatumGetInt32(result_or_null(row, 1, INT4OID, &isnull));
		if (isnull)
			continue;
		are_empty[count++] = DatumGetBool(result_value(row, 2, BOOLOID));
	}
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (are_empty[i])
			drop_node(fold, node_nos[i]);
		else
			split_node(fold, node_nos[i]);
	}
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
