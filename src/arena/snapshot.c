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
 * A snapshot's id is its run's correlation id.  So whoever does not know whether a
 * snapshot of a run has been stored looks for that, and it cannot be stored twice
 * (recovery.c).
 *
 * A snapshot's identifier tells the second that it speaks of, in UTC, and is
 * unique in its arena, whatever constraints the arena has.  A second snapshot of
 * the same second gets the suffix _2, and so on.  Transactions that have not
 * ended do not see each other's snapshots, so each holds a lock on the
 * identifiers that it gave; one that finds such a lock takes the next number, and
 * waits for nobody.  What has been committed is looked for as of now, whatever
 * the isolation, and in the record of runs too: where the arena's tables are on
 * another server, a transaction may not see there what was committed since it
 * began.
 *
 * Snapshots are ordered by created_at.  Of two of one leaderboard, the later is
 * dated later by a microsecond at least, also if there is one that is dated in the
 * future.  A snapshot of the past bears the date that it speaks of, or is the
 * first free microsecond after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arena/arena.h"

/* What an infinite bound is stored as */
#define INFINITE_BOUND 3000.0

/* The largest number that decimal(10,6) holds */
#define LARGEST_BOUND 9999.999999

/* Where an arena on another server has snapshots stored by one statement */
#define WRITER_RELATION "snapshot_writer"

/* How often another program may be quicker with an identifier */
#define MAX_IDENTIFIER_TRIES 100

static char *
numbered_identifier(const char *base, int64 number)
{
	return number == 1 ? pstrdup(base) : psprintf("%s_%lld", base, (long long) number);
}

/*
 * The greatest number of the identifiers that a query finds, of which $1 is the
 * first; 0 if it finds none.  The others have a "_" and up to nine digits behind
 * it: no regular expression says so, since one for which there is no memory fails
 * as one that is wrong, up to PostgreSQL 15.
 */
#define BEHIND_IDENTIFIER "pg_catalog.substr(i.name, pg_catalog.int4pl(pg_catalog.length($1), 2))"
#define GREATEST_NUMBER(identifiers) \
	"SELECT coalesce(pg_catalog.max(CASE WHEN i.name OPERATOR(pg_catalog.=) $1 THEN 1" \
	" ELSE " BEHIND_IDENTIFIER "::pg_catalog.int8 END), 0)" \
	" FROM (" identifiers ") AS i (name) WHERE pg_catalog.starts_with(i.name, $1)" \
	" AND (i.name OPERATOR(pg_catalog.=) $1" \
	" OR pg_catalog.starts_with(i.name, pg_catalog.textcat($1, '_'))" \
	" AND pg_catalog.length(" BEHIND_IDENTIFIER ") OPERATOR(pg_catalog.>=) 1" \
	" AND pg_catalog.length(" BEHIND_IDENTIFIER ") OPERATOR(pg_catalog.<=) 9" \
	" AND pg_catalog.translate(" BEHIND_IDENTIFIER ", '0123456789', '')" \
	" OPERATOR(pg_catalog.=) '')"

static int64
greatest_in_result(void)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * The greatest number of the identifiers that the record of runs knows in an arena,
 * 0 if it knows none.
 */
static int64
greatest_on_record(const Leaderboard *leaderboard, const char *base)
{
	Parameters	parameters = {0};
	OwnerScope	scope;

	add_text(&parameters, base);
	add_text(&parameters, leaderboard->arena);
	scope = become_owner();
	execute_query_now(GREATEST_NUMBER("SELECT r.snapshot_identifier"
									  " FROM bixarena.run AS r WHERE r.arena = $2"
									  " AND r.snapshot_identifier COLLATE \"C\" >= $1"
									  " AND r.snapshot_identifier COLLATE \"C\""
									  " <= $1 || '_999999999'"),
					  &parameters);
	leave_owner(scope);
	return greatest_in_result();
}

/*
 * The greatest number of the identifiers in use in an arena, 0 if none is.
 */
static int64
greatest_number(const Leaderboard *leaderboard, const char *base)
{
	Parameters	parameters = {0};
	int64		shown;

	add_text(&parameters, base);
	execute_query_now(psprintf(GREATEST_NUMBER("SELECT s.snapshot_identifier::pg_catalog.text"
											   " FROM %s.leaderboard_snapshot AS s"),
							   leaderboard->schema),
					  &parameters);
	shown = greatest_in_result();
	return Max(shown, greatest_on_record(leaderboard, base));
}

static char *
identifier_key(const Leaderboard *leaderboard, const char *identifier)
{
	return psprintf("%s %s", leaderboard->arena, identifier);
}

/*
 * Lock the first identifier after those up to a number that no other transaction
 * has.  Returns its number.
 */
static int64
lock_identifier(StoredSnapshot *snapshot, const char *base, int64 taken)
{
	char	   *key;

	do
	{
		snapshot->identifier = numbered_identifier(base, ++taken);
		key = identifier_key(snapshot->leaderboard, snapshot->identifier);
	} while (!lock_for_transaction(LOCK_IDENTIFIER, key, strlen(key), false));
	return taken;
}

/*
 * Choose an identifier that no snapshot of the arena has, and let no other
 * transaction choose it.  Returns its number.
 */
static int64
choose_identifier(StoredSnapshot *snapshot, const char *base)
{
	const Leaderboard *leaderboard = snapshot->leaderboard;
	int64		number = 0;		/* the one that is locked, 0: none */
	int64		greatest;
	char	   *key = NULL;

	while (number <= (greatest = greatest_number(leaderboard, base)))
	{
		if (number > 0)
			unlock_for_transaction(LOCK_IDENTIFIER, key, strlen(key));
		number = lock_identifier(snapshot, base, greatest);
		key = identifier_key(leaderboard, snapshot->identifier);
	}
	return number;
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
 * An error if there is a snapshot of the same id already.
 */
static void
check_id(const StoredSnapshot *snapshot)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, snapshot->id, false);
	execute_query_now(psprintf("SELECT s.id FROM %s.leaderboard_snapshot AS s"
							   " WHERE s.id OPERATOR(pg_catalog.=) $1",
							   snapshot->leaderboard->schema),
					  &parameters);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("there is a snapshot with id %s already", result_text(0, 1)),
				 errdetail("A snapshot's id is the correlation_id of its run.")));
}

/*
 * An error when others have always been quicker.
 */
static void
report_no_identifier(const StoredSnapshot *snapshot)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("no free identifier for a snapshot of leaderboard \"%s\"",
					snapshot->leaderboard->slug),
			 errdetail("%d have been tried.", MAX_IDENTIFIER_TRIES)));
}

static char *
identifier_base(TimestampTz moment)
{
	pg_time_t	second = timestamptz_to_time_t(moment);
	char		base[64];

	pg_strftime(base, sizeof(base), "snapshot_%Y-%m-%d_%H-%M-%S", pg_gmtime(&second));
	return pstrdup(base);
}

static char *
description_of(const StoredSnapshot *snapshot)
{
	return psprintf("Leaderboard snapshot with %lld evaluations and %d ranked models",
					(long long) snapshot->evaluation_count, snapshot->entry_count);
}

static const char *
visibility_of(const StoredSnapshot *snapshot)
{
	return snapshot->settings->auto_publish ? "public" : "private";
}

/*
 * Write the snapshot's row.  Should another program write one of the same
 * identifier meanwhile, take the next.
 */
static void
insert_snapshot(StoredSnapshot *snapshot, TimestampTz moment, TimestampTz created_at)
{
	const Leaderboard *leaderboard = snapshot->leaderboard;
	char	   *base = identifier_base(moment);

	for (int tries = 0; tries < MAX_IDENTIFIER_TRIES; tries++)
	{
		int64		number = choose_identifier(snapshot, base);
		Parameters	parameters = {0};

		add_parameter(&parameters, UUIDOID, leaderboard->id, false);
		add_text(&parameters, snapshot->identifier);
		add_text(&parameters, description_of(snapshot));
		add_text(&parameters, visibility_of(snapshot));
		add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(created_at), false);
		add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(moment), false);
		add_parameter(&parameters, UUIDOID, snapshot->id, false);
		execute_query(psprintf("INSERT INTO %s.leaderboard_snapshot"
							   " (leaderboard_id, snapshot_identifier, description,"
							   " visibility, created_at, updated_at, id)"
							   " VALUES ($1, $2, $3, $4, $5, $6, $7)"
							   " ON CONFLICT DO NOTHING RETURNING id",
							   leaderboard->schema),
					  SPI_OK_INSERT_RETURNING, false, &parameters);
		if (SPI_processed > 0)
		{
			snapshot->id = result_uuid(0, 1);
			return;
		}
		check_id(snapshot);
		if (greatest_number(leaderboard, base) < number)
			report_lost_rows("leaderboard_snapshot");
	}
	report_no_identifier(snapshot);
}

/*
 * A bound as decimal(10,6) can hold it.
 */
double
stored_bound(double bound, double score)
{
	if (isinf(bound))
		return bound < 0 ? Min(-INFINITE_BOUND, score) : Max(INFINITE_BOUND, score);
	return Max(Min(bound, LARGEST_BOUND), -LARGEST_BOUND);
}

/* The entries of a ranking, in columns */
typedef struct EntryColumns
{
	int			count;
	Datum	   *models;			/* uuids */
	Datum	   *ranks;
	Datum	   *votes;
	Datum	   *scores;
	Datum	   *lower;
	Datum	   *upper;
} EntryColumns;

/*
 * The entries of all ranked models.
 */
static EntryColumns
columns_of(const Ranking *ranking, const Contenders *contenders)
{
	int			n = ranking->num_ranked;
	EntryColumns columns = {
		.count = n,
		.models = palloc(sizeof(Datum) * n),
		.ranks = palloc(sizeof(Datum) * n),
		.votes = palloc(sizeof(Datum) * n),
		.scores = palloc(sizeof(Datum) * n),
		.lower = palloc(sizeof(Datum) * n),
		.upper = palloc(sizeof(Datum) * n)
	};

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
		columns.models[k] = contenders->ids[ranking->order[k]];
		columns.ranks[k] = Int32GetDatum(rating->rank);
		columns.votes[k] = Int64GetDatum(rating->vote_count);
		columns.scores[k] = Float8GetDatum(rating->score);
		columns.lower[k] = Float8GetDatum(stored_bound(rating->lower, rating->score));
		columns.upper[k] = Float8GetDatum(stored_bound(rating->upper, rating->score));
	}
	return columns;
}

/*
 * Add them as six arrays.
 */
static void
add_columns(Parameters *parameters, const EntryColumns *columns)
{
	add_array(parameters, UUIDOID, columns->models, columns->count);
	add_array(parameters, INT4OID, columns->ranks, columns->count);
	add_array(parameters, INT8OID, columns->votes, columns->count);
	add_array(parameters, FLOAT8OID, columns->scores, columns->count);
	add_array(parameters, FLOAT8OID, columns->lower, columns->count);
	add_array(parameters, FLOAT8OID, columns->upper, columns->count);
}

/*
 * Write the entries of all ranked models by one statement.
 */
static void
insert_entries(const StoredSnapshot *snapshot, const EntryColumns *entries,
			   TimestampTz created_at)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, snapshot->leaderboard->id, false);
	add_parameter(&parameters, UUIDOID, snapshot->id, false);
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(created_at), false);
	add_columns(&parameters, entries);
	execute_query(psprintf("INSERT INTO %s.leaderboard_entry"
						   " (leaderboard_id, snapshot_id, created_at, model_id,"
						   " rank, vote_count, bt_score, bootstrap_q025, bootstrap_q975)"
						   " SELECT $1, $2, $3, e.* FROM ROWS FROM"
						   " (pg_catalog.unnest($4), pg_catalog.unnest($5),"
						   " pg_catalog.unnest($6), pg_catalog.unnest($7),"
						   " pg_catalog.unnest($8), pg_catalog.unnest($9)) AS e",
						   snapshot->leaderboard->schema),
				  SPI_OK_INSERT, false, &parameters);
	if (SPI_processed != (uint64) entries->count)
		report_lost_rows("leaderboard_entry");
}

/*
 * The date of a new snapshot that speaks of a moment: that one, or if need be one
 * after all dates of the leaderboard's.  What cannot be passed, since it is
 * infinite or the last that there is, does not count.
 */
static TimestampTz
date_of_present(const Leaderboard *leaderboard, TimestampTz moment)
{
	Parameters	parameters = {0};
	TimestampTz latest;
	bool		isnull;

	add_parameter(&parameters, UUIDOID, leaderboard->id, false);
	execute_query_now(psprintf("SELECT pg_catalog.max(s.created_at::pg_catalog.timestamptz)"
							   " FROM %s.leaderboard_snapshot AS s"
							   " WHERE s.leaderboard_id OPERATOR(pg_catalog.=) $1"
							   " AND pg_catalog.isfinite(s.created_at)",
							   leaderboard->schema),
					  &parameters);
	latest = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 1, &isnull));
	if (isnull || latest < moment || !IS_VALID_TIMESTAMP(latest + 1))
		return moment;
	return latest + 1;
}

/*
 * The date of a snapshot of the past: the moment that it speaks of, or the first
 * microsecond after it that no other snapshot of the leaderboard is dated.
 */
static TimestampTz
date_of_past(const Leaderboard *leaderboard, TimestampTz moment)
{
	Parameters	parameters = {0};
	bool		isnull;

	add_parameter(&parameters, UUIDOID, leaderboard->id, false);
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(moment), false);
	execute_query_now(psprintf("WITH taken (moment) AS MATERIALIZED"
							   " (SELECT s.created_at::pg_catalog.timestamptz"
							   " FROM %s.leaderboard_snapshot AS s"
							   " WHERE s.leaderboard_id OPERATOR(pg_catalog.=) $1"
							   " AND s.created_at OPERATOR(pg_catalog.>=) $2"
							   " AND s.created_at OPERATOR(pg_catalog.<) '294276-12-31 UTC')"
							   " SELECT pg_catalog.min(f.moment) FROM (SELECT $2 UNION ALL"
							   " SELECT t.moment OPERATOR(pg_catalog.+)"
							   " '1 microsecond'::pg_catalog.interval FROM taken AS t)"
							   " AS f (moment) WHERE NOT EXISTS (SELECT FROM taken AS t"
							   " WHERE t.moment OPERATOR(pg_catalog.=) f.moment)",
							   leaderboard->schema),
					  &parameters);
	return DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * Has an arena on another server what stores a snapshot by one statement there?  See
 * bixarena_node_script().
 */
bool
has_writer(const char *arena)
{
	return is_remote(arena) && OidIsValid(find_arena_relation(arena, WRITER_RELATION));
}

/*
 * Have a snapshot and its entries stored by it, under this number if that is free.
 * Returns 0 if it was, or the greatest number that is taken.
 */
static int64
update_writer(StoredSnapshot *snapshot, const EntryColumns *entries,
			  TimestampTz moment, const char *base, int64 number)
{
	Parameters	parameters = {0};
	int64		written;

	add_columns(&parameters, entries);
	add_parameter(&parameters, UUIDOID, snapshot->id, false);
	add_parameter(&parameters, UUIDOID, snapshot->leaderboard->id, false);
	add_text(&parameters, base);
	add_parameter(&parameters, INT8OID, Int64GetDatum(number), false);
	add_text(&parameters, description_of(snapshot));
	add_text(&parameters, visibility_of(snapshot));
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(moment), false);
	execute_query(psprintf("UPDATE %s." WRITER_RELATION " SET models = $1, ranks = $2,"
						   " votes = $3, scores = $4, lower_bounds = $5,"
						   " upper_bounds = $6, id = $7, leaderboard_id = $8, base = $9,"
						   " number = $10, description = $11, visibility = $12,"
						   " moment = $13 RETURNING snapshot_identifier, taken, entries",
						   snapshot->leaderboard->schema),
				  SPI_OK_UPDATE_RETURNING, false, &parameters);
	if (SPI_processed != 1)
		report_lost_rows(WRITER_RELATION);
	snapshot->identifier = result_text(0, 1);
	if (snapshot->identifier == NULL)
		return pg_strtoint64(result_text(0, 2));
	written = pg_strtoint64(result_text(0, 3));
	if (written != entries->count)
		report_lost_rows("leaderboard_entry");
	return 0;
}

/*
 * Write a snapshot by one statement.  What identifiers the arena has is known there
 * only; those of ours are known here.
 */
static void
write_by_writer(StoredSnapshot *snapshot, const EntryColumns *entries, TimestampTz moment)
{
	const Leaderboard *leaderboard = snapshot->leaderboard;
	char	   *base = identifier_base(moment);
	int64		taken = greatest_on_record(leaderboard, base);

	for (int tries = 0; tries < MAX_IDENTIFIER_TRIES; tries++)
	{
		int64		number = lock_identifier(snapshot, base, taken);

		/* whoever had the lock may have put its own on record meanwhile */
		taken = greatest_on_record(leaderboard, base);
		if (taken >= number)
			continue;
		taken = update_writer(snapshot, entries, moment, base, number);
		if (taken == 0)
			return;
		taken = Max(taken, number);
	}
	report_no_identifier(snapshot);
}

static void
writing_context(void *leaderboard)
{
	errcontext("writing a snapshot of leaderboard \"%s\" into arena \"%s\"",
			   ((Leaderboard *) leaderboard)->slug,
			   ((Leaderboard *) leaderboard)->arena);
}

/*
 * Write a ranking as a snapshot.
 */
void
write_snapshot(StoredSnapshot *snapshot, const Ranking *ranking, const Contenders *contenders)
{
	const Leaderboard *leaderboard = snapshot->leaderboard;
	TimestampTz moment = snapshot->as_of ? *snapshot->as_of : GetCurrentTimestamp();
	EntryColumns entries;
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = writing_context,
		.arg = unconstify(Leaderboard *, leaderboard)
	};

	error_context_stack = &context;
	entries = columns_of(ranking, contenders);
	if (snapshot->as_of == NULL && has_writer(leaderboard->arena))
		write_by_writer(snapshot, &entries, moment);
	else
	{
		TimestampTz created_at = snapshot->as_of ?
			date_of_past(leaderboard, moment) :
			date_of_present(leaderboard, moment);

		insert_snapshot(snapshot, moment, created_at);
		insert_entries(snapshot, &entries, created_at);
	}
	error_context_stack = context.previous;
}
