/*-------------------------------------------------------------------------
 *
 * fold_split.c
 *	  Ranges that split as they fill, and nodes of them.
 *
 * The players of the parts are counted as they are, less the events that the counts do
 * not have, so that this may happen at any time.  What has too few players is joined to
 * its neighbour, and a node that has none goes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "score/score.h"

/* Players of a range that is new, at most, and of two that are joined */
#define NEW_RANGE 20
#define FEW_PLAYERS 12

/* Ranges of a node: of one that is new, and at most */
#define NEW_NODE 80
#define MAX_NODE 128

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

	add_board(&parameters, fold->board);
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

	add_board(&parameters, fold->board);
	add_parameter(&parameters, INT2OID, Int16GetDatum(node->level), false);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node->node_no), false);
	add_array(&parameters, BYTEAOID, node->bounds, node->length);
	add_integers(&parameters, node->children, node->length);
	run_statement(fold->scoreboard, &put, &parameters);
	parameters.count = 0;
	add_board(&parameters, fold->board);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node->node_no), false);
	add_parameter(&parameters, INT8OID,
				  Int64GetDatum(sum_of_counts(node->counts, node->length)), false);
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
						 sum_of_counts(children[k]->counts, children[k]->length));
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

	add_board(&parameters, fold->board);
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
	add_board(&parameters, fold->board);
	add_parameter(&parameters, INT4OID, Int32GetDatum(node_no), false);
	run_statement(fold->scoreboard, &delete_node, &parameters);
	run_statement(fold->scoreboard, &delete_counts, &parameters);
	put_node(fold, replace_entry(parent, entry, NULL, 0));
}

/*
 * Split or drop the nodes of SPI's result.
 */
void
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
