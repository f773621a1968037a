/*-------------------------------------------------------------------------
 *
 * fold_moves.c
 *	  Moves of players that the counts do not have.
 *
 * Each event says from which place to which a player has gone.  What is read here is read
 * as it is now, not as the caller's snapshot has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"

#include "score/score.h"

/*
 * Look at what is there now: what is read until look_away() is of one moment.
 */
void
look_now(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
look_away(void)
{
	PopActiveSnapshot();
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
Move *
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

	add_board(&parameters, fold->board);
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
