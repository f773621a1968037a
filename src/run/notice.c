/*-------------------------------------------------------------------------
 *
 * notice.c
 *	  The end of a run, told to whoever listens.
 *
 * When a run is put on record as ended, one JSON object goes out by NOTIFY, on
 * the channel that the setting notify_channel names; and another when a call of
 * many runs has ended, which sums them up.  The server delivers a notice when the
 * transaction has committed, and drops it if that does not.
 *
 * The server puts notices into its queue before it commits, and if it cannot, the
 * transaction fails.  A campaign's run must not fail for that, so its notice is
 * kept and sent in a transaction of its own (campaign.c).  A snapshot in the
 * caller's transaction has no other, so there the notice is left out when the
 * queue is nearly full.
 *
 * The server takes less than 8,000 bytes, while an error can say anything, and
 * a slug in an arena of a user's own too.  So if the object is too long, its
 * texts are cut to half as many bytes, until it is not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "run/run.h"

/* What the server takes: NOTIFY_PAYLOAD_MAX_LENGTH of its async.c */
#define MAX_PAYLOAD (BLCKSZ - NAMEDATALEN - 128 - 1)

/* From this part of its size on, the server's queue counts as full */
#define FULL_QUEUE 0.9

/* Bytes of a text, where the payload has room */
#define MAX_TEXT 4096

static void
add_name(StringInfo json, const char *name)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", name);
}

/*
 * Add a text, cut to so many bytes; null if it is NULL.
 */
static void
add_text_member(StringInfo json, const char *name, const char *string, int max_bytes)
{
	char	   *cut;

	add_name(json, name);
	if (string == NULL)
	{
		appendStringInfoString(json, "null");
		return;
	}
	cut = cut_text(string, max_bytes);
	escape_json(json, cut);
	pfree(cut);
}

static char *
uuid_text(Datum uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}

static void
add_count(StringInfo json, const char *name, int64 count)
{
	add_name(json, name);
	appendStringInfo(json, "%lld", (long long) count);
}

static void
add_times(StringInfo json, TimestampTz started_at, TimestampTz ended_at)
{
	char		moment[MAXDATELEN + 1];

	add_name(json, "duration_seconds");
	appendStringInfo(json, "%.6f", (ended_at - started_at) / (double) USECS_PER_SEC);
	JsonEncodeDateTime(moment, TimestampTzGetDatum(ended_at), TIMESTAMPTZOID, NULL);
	add_text_member(json, "timestamp", moment, MAXDATELEN);
}

/*
 * The notice of a run, no text in it longer than so many bytes.
 */
static char *
form_notice(const Run *run, int max_bytes)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	add_text_member(&json, "status", run->status, max_bytes);
	add_text_member(&json, "trigger_source", run->trigger_source, max_bytes);
	add_text_member(&json, "triggered_by", run->triggered_by, max_bytes);
	add_text_member(&json, "correlation_id", uuid_text(run->correlation_id), max_bytes);
	add_text_member(&json, "arena", run->arena, max_bytes);
	add_text_member(&json, "leaderboard_id", run->slug, max_bytes);
	add_text_member(&json, "snapshot_id",
					run->has_snapshot ? uuid_text(run->snapshot_id) : NULL, max_bytes);
	add_text_member(&json, "snapshot_identifier", run->snapshot_identifier, max_bytes);
	add_count(&json, "entry_count", run->entry_count);
	add_count(&json, "evaluation_count", run->evaluation_count);
	add_times(&json, run->started_at, run->ended_at);
	add_text_member(&json, "reason", run->reason, max_bytes);
	add_text_member(&json, "sqlstate",
					run->error ? unpack_sql_state(run->error->sqlerrcode) : NULL,
					max_bytes);
	add_text_member(&json, "error", run->error ? run->error->message : NULL, max_bytes);
	add_text_member(&json, "call_id", run->call_id ? uuid_text(run->call_id) : NULL,
					max_bytes);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* How a call has gone, as read_call() finds it */
typedef struct CallResult
{
	int64		num_runs;
	int64		num_succeeded;
	int64		num_skipped;
	int64		num_failed;
	Datum	   *failed;			/* slugs, as texts */
	int			num_listed;
} CallResult;

/*
 * The runs of a call, into SPI's result: how many there are, and how many of them
 * have succeeded, were skipped and have failed; slugs of the failed, each once.
 */
static void
read_call(const Run *call)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_parameter(&parameters, UUIDOID, call->call_id, false);
	execute_query("SELECT pg_catalog.count(*),"
				  " pg_catalog.count(*) FILTER (WHERE r.status OPERATOR(pg_catalog.=) 'succeeded'),"
				  " pg_catalog.count(*) FILTER (WHERE r.status OPERATOR(pg_catalog.=) 'skipped'),"
				  " pg_catalog.count(*) FILTER (WHERE r.status OPERATOR(pg_catalog.=) 'failed'),"
				  " ARRAY(SELECT f.leaderboard FROM bixarena.run AS f"
				  " WHERE f.call_id OPERATOR(pg_catalog.=) $1"
				  " AND f.status OPERATOR(pg_catalog.=) 'failed'"
				  " GROUP BY f.leaderboard ORDER BY pg_catalog.min(f.requested_at) LIMIT 100)"
				  " FROM bixarena.run AS r WHERE r.call_id OPERATOR(pg_catalog.=) $1",
				  SPI_OK_SELECT, false, &parameters);
	leave_owner(scope);
}

static int64
result_count(int column)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									   column, &isnull));
}

static CallResult
read_call_result(const Run *call)
{
	CallResult	result;
	bool		isnull;
	Datum		failed;

	read_call(call);
	result.num_runs = result_count(1);
	result.num_succeeded = result_count(2);
	result.num_skipped = result_count(3);
	result.num_failed = result_count(4);
	failed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull);
	deconstruct_array(DatumGetArrayTypePCopy(failed), TEXTOID, -1, false, TYPALIGN_INT,
					  &result.failed, NULL, &result.num_listed);
	return result;
}

/*
 * Failed leaderboards, as many as so many bytes hold.
 */
static void
add_failed(StringInfo json, const CallResult *result, int max_bytes)
{
	int			start;

	add_name(json, "failed_leaderboards");
	start = json->len;
	appendStringInfoChar(json, '[');
	for (int i = 0; i < result->num_listed && json->len - start < max_bytes; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, cut_text(TextDatumGetCString(result->failed[i]), max_bytes));
	}
	appendStringInfoChar(json, ']');
}

/*
 * The notice of a call.  One that has failed runs has failed.
 */
static char *
form_call_notice(const Run *call, const CallResult *result, int max_bytes)
{
	const char *status = result->num_failed > 0 ? "failed" :
		result->num_succeeded > 0 ? "succeeded" : "skipped";
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	add_text_member(&json, "status", status, max_bytes);
	add_text_member(&json, "trigger_source", call->trigger_source, max_bytes);
	add_text_member(&json, "triggered_by", call->triggered_by, max_bytes);
	add_text_member(&json, "call_id", uuid_text(call->call_id), max_bytes);
	add_text_member(&json, "arena", call->arena, max_bytes);
	add_count(&json, "run_count", result->num_runs);
	add_count(&json, "succeeded_count", result->num_succeeded);
	add_count(&json, "skipped_count", result->num_skipped);
	add_count(&json, "failed_count", result->num_failed);
	add_failed(&json, result, max_bytes);
	add_times(&json, call->started_at, GetCurrentTimestamp());
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Keep a notice until what it tells is committed.
 */
static void
keep_notice(Campaign *campaign, const char *channel, const char *notice)
{
	drop_kept_notice(campaign);
	campaign->channel = MemoryContextStrdup(campaign->memory, channel);
	campaign->notice = MemoryContextStrdup(campaign->memory, notice);
}

void
drop_kept_notice(Campaign *campaign)
{
	if (campaign->notice == NULL)
		return;
	pfree(campaign->channel);
	pfree(campaign->notice);
	campaign->channel = campaign->notice = NULL;
}

/*
 * How full is the server's queue?  Asking has it let go of what everybody has
 * read, which else happens only when something is added, and a full queue takes
 * nothing.
 */
static double
queue_usage(void)
{
	return DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, (Datum) 0));
}

/*
 * Step: put the notice that is kept into this transaction.
 */
void
queue_kept_notice(void *campaign)
{
	(void) queue_usage();
	Async_Notify(((Campaign *) campaign)->channel, ((Campaign *) campaign)->notice);
}

/*
 * Put a notice into the caller's transaction, unless that might then not commit.
 */
static void
queue_notice(const char *channel, const char *notice)
{
	double		usage = queue_usage();

	if (usage < FULL_QUEUE)
		Async_Notify(channel, notice);
	else
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("the end of the run is not notified, since the queue of notices is nearly full"),
				 errdetail("It is full to %.0f%%.", usage * 100),
				 errhint("A session that has done LISTEN is in a transaction since long; pg_stat_activity shows it.")));
}

/*
 * Is the end of a run told by itself?  One that its call sums up may not be.
 */
static bool
is_told(const Run *run, NotifyRuns which)
{
	if (run->call_id == (Datum) 0 || which == NOTIFY_ALL)
		return true;
	return which == NOTIFY_FAILED && run->error != NULL;
}

/*
 * Tell that a run has ended, when this transaction has committed.
 */
void
notify_end(const Run *run)
{
	const Settings *settings = settings_of(run);
	int			max_bytes = MAX_TEXT;
	char	   *notice;

	if (settings->notify_channel[0] == '\0' || !is_told(run, settings->notify_runs))
		return;
	notice = form_notice(run, max_bytes);
	while (strlen(notice) > MAX_PAYLOAD)
	{
		max_bytes /= 2;
		pfree(notice);
		notice = form_notice(run, max_bytes);
	}
	if (run->campaign)
		keep_notice(run->campaign, settings->notify_channel, notice);
	else
		queue_notice(settings->notify_channel, notice);
}

/*
 * Step: tell how a call has gone, when this transaction has committed.
 */
void
notify_call(void *argument)
{
	Campaign   *campaign = argument;
	const Run  *call = campaign->call;
	const Settings *settings = read_settings(call->arena, NULL);
	CallResult	result;
	int			max_bytes = MAX_TEXT;
	char	   *notice;

	if (settings->notify_channel[0] == '\0')
		return;
	result = read_call_result(call);
	notice = form_call_notice(call, &result, max_bytes);
	while (strlen(notice) > MAX_PAYLOAD)
	{
		max_bytes /= 2;
		notice = form_call_notice(call, &result, max_bytes);
	}
	keep_notice(campaign, settings->notify_channel, notice);
}
