/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  A ranking stored as a snapshot and its entries.
 *
 * The tables are the arena's; they are written with the caller's rights, in
 * the columns that the application's schema has.  Scores there are
 * decimal(10,6), which holds no infinity: a bound that is infinite is stored as
 * INFINITE_BOUND or its negative, or as the score where that lies further out,
 * and a finite one that has too many digits as the number nearest to it.
 *
 * A snapshot's identifier tells the second that it speaks of, in UTC.  A
 * second snapshot of the same second gets the suffix _2, and so on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "bixarena_rank.h"

/* What an infinite bound is stored as */
#define INFINITE_BOUND 3000.0

/* The largest number that decimal(10,6) holds */
#define LARGEST_BOUND 9999.999999

#define MAX_IDENTIFIER_TRIES 1000

static char *
snapshot_identifier(TimestampTz created_at, int number)
{
	pg_time_t	second = timestamptz_to_time_t(created_at);
	char		identifier[64];

	pg_strftime(identifier, sizeof(identifier), "snapshot_%Y-%m-%d_%H-%M-%S",
				pg_gmtime(&second));
	return number == 1 ? pstrdup(identifier) : psprintf("%s_%d", identifier, number);
}

/*
 * Is the identifier taken?
 */
static bool
identifier_exists(const Run *run)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, run->leaderboard->id, false);
	add_text(&parameters, run->snapshot_identifier);
	execute_query(psprintf("SELECT FROM %s.leaderboard_snapshot AS s"
						   " WHERE s.leaderboard_id OPERATOR(pg_catalog.=) $1"
						   " AND s.snapshot_identifier OPERATOR(pg_catalog.=) $2",
						   run->leaderboard->schema),
				  SPI_OK_SELECT, false, &parameters);
	return SPI_processed > 0;
}

/*
 * An error for rows that were written and are not there.
 */
static void
report_lost_rows(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("rows written to table \"%s\" were not stored", table),
			 errhint("A trigger, a rule or another constraint of the table keeps them off.")));
}

/*
 * Write the snapshot's row, under the first identifier that is free.
 */
static void
insert_snapshot(Run *run, TimestampTz created_at)
{
	const Leaderboard *leaderboard = run->leaderboard;
	char	   *sql = psprintf("INSERT INTO %s.leaderboard_snapshot"
							   " (leaderboard_id, snapshot_identifier, visibility,"
							   " created_at, updated_at)"
							   " SELECT $1, $2, $3, $4, $4 WHERE NOT EXISTS"
							   " (SELECT FROM %s.leaderboard_snapshot AS s"
							   " WHERE s.leaderboard_id OPERATOR(pg_catalog.=) $1"
							   " AND s.snapshot_identifier OPERATOR(pg_catalog.=) $2)"
							   " ON CONFLICT DO NOTHING RETURNING id",
							   leaderboard->schema, leaderboard->schema);

	for (int number = 1; number <= MAX_IDENTIFIER_TRIES; number++)
	{
		Parameters	parameters = {0};

		run->snapshot_identifier = snapshot_identifier(created_at, number);
		add_parameter(&parameters, UUIDOID, leaderboard->id, false);
		add_text(&parameters, run->snapshot_identifier);
		add_text(&parameters, run->settings->auto_publish ? "public" : "private");
		add_parameter(&parameters, TIMESTAMPTZOID,
					  TimestampTzGetDatum(created_at), false);
		execute_query(sql, SPI_OK_INSERT_RETURNING, false, &parameters);
		if (SPI_processed > 0)
		{
			run->has_snapshot = true;
			run->snapshot_id = result_uuid(0, 1);
			return;
		}
		if (!identifier_exists(run))
			report_lost_rows("leaderboard_snapshot");
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("no free identifier for a snapshot of leaderboard \"%s\"",
					leaderboard->slug),
			 errdetail("\"%s\" and all before it exist.", run->snapshot_identifier)));
}

/*
 * A bound as decimal(10,6) can hold it.
 */
static double
stored_bound(double bound, double score)
{
	if (isinf(bound))
		return bound < 0 ? Min(-INFINITE_BOUND, score) : Max(INFINITE_BOUND, score);
	return Max(Min(bound, LARGEST_BOUND), -LARGEST_BOUND);
}

static void
add_array(Parameters *parameters, Oid array_type, Oid type, int length,
		  bool by_value, char alignment, Datum *values, int num_values)
{
	add_parameter(parameters, array_type,
				  PointerGetDatum(construct_array(values, num_values, type,
												  length, by_value, alignment)),
				  false);
}

/*
 * Write the entries of all ranked models by one statement.
 */
static void
insert_entries(const Run *run, const Ranking *ranking,
			   const Contenders *contenders, TimestampTz created_at)
{
	int			n = ranking->num_ranked;
	Parameters	parameters = {0};
	Datum	   *models = palloc(sizeof(Datum) * n);
	Datum	   *ranks = palloc(sizeof(Datum) * n);
	Datum	   *votes = palloc(sizeof(Datum) * n);
	Datum	   *scores = palloc(sizeof(Datum) * n);
	Datum	   *lower = palloc(sizeof(Datum) * n);
	Datum	   *upper = palloc(sizeof(Datum) * n);

	for (int k = 0; k < n; k++)
	{
		const Rating *rating = &ranking->ratings[ranking->order[k]];

		if (rating->vote_count > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("model \"%s\" has too many battles for column vote_count",
							contenders->slugs[ranking->order[k]]),
					 errdetail("It has %lld; an integer holds %d.",
							   (long long) rating->vote_count, PG_INT32_MAX)));
		models[k] = contenders->ids[ranking->order[k]];
		ranks[k] = Int32GetDatum(rating->rank);
		votes[k] = Int64GetDatum(rating->vote_count);
		scores[k] = Float8GetDatum(rating->score);
		lower[k] = Float8GetDatum(stored_bound(rating->lower, rating->score));
		upper[k] = Float8GetDatum(stored_bound(rating->upper, rating->score));
	}

	add_parameter(&parameters, UUIDOID, run->leaderboard->id, false);
	add_parameter(&parameters, UUIDOID, run->snapshot_id, false);
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(created_at), false);
	add_array(&parameters, UUIDARRAYOID, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR,
			  models, n);
	add_array(&parameters, INT4ARRAYOID, INT4OID, sizeof(int32), true,
			  TYPALIGN_INT, ranks, n);
	add_array(&parameters, INT8ARRAYOID, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
			  TYPALIGN_DOUBLE, votes, n);
	add_array(&parameters, FLOAT8ARRAYOID, FLOAT8OID, sizeof(double),
			  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, scores, n);
	add_array(&parameters, FLOAT8ARRAYOID, FLOAT8OID, sizeof(double),
			  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, lower, n);
	add_array(&parameters, FLOAT8ARRAYOID, FLOAT8OID, sizeof(double),
			  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, upper, n);
	execute_query(psprintf("INSERT INTO %s.leaderboard_entry"
						   " (leaderboard_id, snapshot_id, created_at, model_id,"
						   " rank, vote_count, bt_score, bootstrap_q025, bootstrap_q975)"
						   " SELECT $1, $2, $3, e.* FROM ROWS FROM"
						   " (pg_catalog.unnest($4), pg_catalog.unnest($5),"
						   " pg_catalog.unnest($6), pg_catalog.unnest($7),"
						   " pg_catalog.unnest($8), pg_catalog.unnest($9)) AS e",
						   run->leaderboard->schema),
				  SPI_OK_INSERT, false, &parameters);
	if (SPI_processed != (uint64) n)
		report_lost_rows("leaderboard_entry");
}

static void
writing_context(void *leaderboard)
{
	errcontext("writing a snapshot of leaderboard \"%s\" into arena \"%s\"",
			   ((Leaderboard *) leaderboard)->slug,
			   ((Leaderboard *) leaderboard)->arena);
}

/*
 * Write a ranking as the snapshot of a run.  One of the past bears the date it
 * speaks of.
 */
void
write_snapshot(Run *run, const Ranking *ranking, const Contenders *contenders)
{
	TimestampTz created_at = run->as_of ? *run->as_of : GetCurrentTimestamp();
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = writing_context,
		.arg = unconstify(Leaderboard *, run->leaderboard)
	};

	error_context_stack = &context;
	insert_snapshot(run, created_at);
	insert_entries(run, ranking, contenders, created_at);
	error_context_stack = context.previous;
}
