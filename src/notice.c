/*-------------------------------------------------------------------------
 *
 * notice.c
 *	  The end of a run, told to whoever listens.
 *
 * When a run is put on record as ended, one JSON object goes out by NOTIFY, on
 * the channel that the setting notify_channel names.  The server delivers it
 * when the transaction has committed, and drops it if that does not.
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
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "bixarena_rank.h"

/* What the server takes: NOTIFY_PAYLOAD_MAX_LENGTH of its async.c */
#define MAX_PAYLOAD (BLCKSZ - NAMEDATALEN - 128 - 1)

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
add_text_member(StringInfo json, const char *name, const char *text, int max_bytes)
{
	char	   *cut;

	add_name(json, name);
	if (text == NULL)
	{
		appendStringInfoString(json, "null");
		return;
	}
	cut = pnstrdup(text, pg_mbcliplen(text, strlen(text), max_bytes));
	escape_json(json, cut);
	pfree(cut);
}

static char *
uuid_text(Datum uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}

/*
 * The notice of a run, no text in it longer than so many bytes.
 */
static char *
form_notice(const Run *run, int max_bytes)
{
	StringInfoData json;
	char		ended_at[MAXDATELEN + 1];

	JsonEncodeDateTime(ended_at, TimestampTzGetDatum(run->ended_at), TIMESTAMPTZOID, NULL);
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
	add_name(&json, "entry_count");
	appendStringInfo(&json, "%d", run->entry_count);
	add_name(&json, "evaluation_count");
	appendStringInfo(&json, "%lld", (long long) run->evaluation_count);
	add_name(&json, "duration_seconds");
	appendStringInfo(&json, "%.6f",
					 (run->ended_at - run->started_at) / (double) USECS_PER_SEC);
	add_text_member(&json, "timestamp", ended_at, max_bytes);
	add_text_member(&json, "reason", run->reason, max_bytes);
	add_text_member(&json, "sqlstate",
					run->error ? unpack_sql_state(run->error->sqlerrcode) : NULL,
					max_bytes);
	add_text_member(&json, "error", run->error ? run->error->message : NULL, max_bytes);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Tell that a run has ended, when this transaction commits.
 */
void
notify_end(const Run *run)
{
	const Settings *settings = settings_of(run);
	int			max_bytes = MAX_TEXT;
	char	   *notice;

	if (settings->notify_channel[0] == '\0')
		return;
	notice = form_notice(run, max_bytes);
	while (strlen(notice) > MAX_PAYLOAD)
	{
		max_bytes /= 2;
		pfree(notice);
		notice = form_notice(run, max_bytes);
	}
	Async_Notify(settings->notify_channel, notice);
}
