/*-------------------------------------------------------------------------
 *
 * votes.c
 *	  bixarena_rank(): a ranking of any table or view of votes.
 *
 * Nothing is set up and nothing is written.  The models are what their column
 * says; everything that an arena has as a setting is an argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_rank);

/* Arguments of bixarena_rank(), besides those of rank_call.c */
enum
{
	ARGUMENT_BATTLES = 0,
	ARGUMENT_MODEL1 = NUM_RANK_ARGUMENTS,
	ARGUMENT_MODEL2,
	ARGUMENT_OUTCOME,
	ARGUMENT_MAX_UNREAD_PERCENT,
	ARGUMENT_NUM_BATTLES		/* may be null */
};

/*
 * The checks that need no battles, so that none are read in vain.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {
		"model1", "model2", "outcome", "max_unread_percent"
	};

	if (PG_ARGISNULL(ARGUMENT_BATTLES))
		report_null("battles");
	check_rank_arguments(fcinfo);
	for (Size i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(NUM_RANK_ARGUMENTS + i))
			report_null(names[i]);
	check_setting_number("max_unread_percent",
						 PG_GETARG_FLOAT8(ARGUMENT_MAX_UNREAD_PERCENT));
}

Datum
bixarena_rank(PG_FUNCTION_ARGS)
{
	Battles    *battles;

	check_version();
	PreventCommandIfParallelMode("bixarena_rank()");
	check_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	battles = read_relation_battles(PG_GETARG_OID(ARGUMENT_BATTLES),
									argument_text(fcinfo, ARGUMENT_MODEL1),
									argument_text(fcinfo, ARGUMENT_MODEL2),
									argument_text(fcinfo, ARGUMENT_OUTCOME),
									argument_text(fcinfo, ARGUMENT_NUM_BATTLES));
	check_outcomes(battles, PG_GETARG_FLOAT8(ARGUMENT_MAX_UNREAD_PERCENT),
				   "the relation");
	report_ignored(battles, "the relation");
	put_ranking(fcinfo, battles);
	SPI_finish();
	return (Datum) 0;
}
