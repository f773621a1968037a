/*-------------------------------------------------------------------------
 *
 * message.c
 *	  Messages of a call: what is in each, and what is wrong with it.
 *
 * A message is an object with player_id, game_id and score, and may have message_id,
 * update_type, metadata and sent_at.  What is wrong with one is said in words, and
 * is no error: the others count.  Whether there is such a game is not asked here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "score/score.h"

#define MAX_MESSAGES 100000
#define MAX_MESSAGE_BYTES 65536
#define MAX_NAME_BYTES 255

/* Digits of a score before and behind the point: it must fit into an index */
#define MAX_DIGITS 60

static void
set_flaw(Message *message, char *flaw)
{
	if (message->flaw == NULL)
		message->flaw = flaw;
}

/*
 * A member of the message, or NULL if it is absent or null.
 */
static JsonbValue *
find_member(const Message *message, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&message->content->root, name,
													 strlen(name), NULL);

	return value && value->type != jbvNull ? value : NULL;
}

static bool
has_control_character(const char *string, int length)
{
	for (int i = 0; i < length; i++)
		if ((unsigned char) string[i] < ' ' || string[i] == 0x7F)
			return true;
	return false;
}

/*
 * Read a member that is a short text.  False if there is none, or a bad one.
 */
static bool
read_name(Message *message, const char *name, text **result, bool is_required)
{
	JsonbValue *value = find_member(message, name);
	int			length;

	if (value == NULL)
	{
		if (is_required)
			set_flaw(message, psprintf("%s is missing", name));
		return false;
	}
	if (value->type != jbvString)
	{
		set_flaw(message, psprintf("%s is not a text", name));
		return false;
	}
	length = value->val.string.len;
	if (length < 1 || length > MAX_NAME_BYTES)
		set_flaw(message, psprintf("%s has %d bytes; 1 to %d are allowed", name, length,
								   MAX_NAME_BYTES));
	else if (has_control_character(value->val.string.val, length))
		set_flaw(message, psprintf("%s has a control character", name));
	else
	{
		*result = cstring_to_text_with_len(value->val.string.val, length);
		return true;
	}
	return false;
}

/*
 * Does a number fit into an index?
 */
bool
is_small_number(Numeric number)
{
	char	   *digits = numeric_normalize(number);
	char	   *point = strchr(digits, '.');
	int			length = strlen(digits);
	int			before = point ? point - digits : length;

	return before - (digits[0] == '-') <= MAX_DIGITS &&
		(point == NULL || length - before - 1 <= MAX_DIGITS);
}

static void
read_score(Message *message)
{
	JsonbValue *value = find_member(message, "score");

	if (value == NULL)
		set_flaw(message, "score is missing");
	else if (value->type != jbvNumeric)
		set_flaw(message, "score is not a number");
	else if (!is_small_number(value->val.numeric))
		set_flaw(message, "score has more than 60 digits before or behind the point");
	else
		message->score = value->val.numeric;
}

static void
read_metadata(Message *message)
{
	JsonbValue *value = find_member(message, "metadata");

	if (value == NULL)
		return;
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		set_flaw(message, "metadata is not an object");
	else
		message->metadata = JsonbValueToJsonb(value);
}

/*
 * The zone of a moment: Z, +hh, +hhmm or +hh:mm, in seconds.
 */
static bool
read_zone(const char *zone, int *seconds)
{
	int			hours;
	int			minutes = 0;
	int			end = 0;

	*seconds = 0;
	if (strcmp(zone, "Z") == 0)
		return true;
	if ((zone[0] != '+' && zone[0] != '-') || strspn(zone + 1, "0123456789:") != strlen(zone + 1))
		return false;
	if (!(sscanf(zone + 1, "%2d:%2d%n", &hours, &minutes, &end) == 2 && end == 5) &&
		!(sscanf(zone + 1, "%2d%2d%n", &hours, &minutes, &end) == 2 && end == 4) &&
		!(sscanf(zone + 1, "%2d%n", &hours, &end) == 1 && end == 2))
		return false;
	if (zone[end + 1] != '\0' || hours > 15 || minutes > 59)
		return false;
	*seconds = (hours * 60 + minutes) * 60 * (zone[0] == '-' ? -1 : 1);
	return true;
}

/*
 * Does a text begin like this, where 0 is any digit?
 */
static bool
has_form(const char *string, const char *form)
{
	for (; *form; form++, string++)
		if (*form == '0' ? !(*string >= '0' && *string <= '9') :
			!(*string == *form || (*form == 'T' && *string == ' ')))
			return false;
	return true;
}

/*
 * A moment of ISO 8601 with its zone.  The server's own function would raise an
 * error for one that is none.
 */
static bool
read_moment(const char *string, TimestampTz *moment)
{
	struct pg_tm tm = {0};
	double		fraction = 0;
	int			zone;
	int			at = 16;
	Timestamp	local;

	if (!has_form(string, "0000-00-00T00:00"))
		return false;
	(void) sscanf(string, "%4d-%2d-%2d%*c%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
				  &tm.tm_hour, &tm.tm_min);
	if (has_form(string + at, ":00"))
	{
		tm.tm_sec = (string[17] - '0') * 10 + string[18] - '0';
		at = 19;
		if (string[at] == '.')
		{
			int			digits = strspn(string + at + 1, "0123456789");

			if (digits < 1 || digits > 9)
				return false;
			for (int i = digits; i > 0; i--)
				fraction = (fraction + string[at + i] - '0') / 10;
			at += digits + 1;
		}
	}
	if (tm.tm_year < 1 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
		tm.tm_mday > day_tab[isleap(tm.tm_year)][tm.tm_mon - 1] ||
		tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59 ||
		!read_zone(string + at, &zone) ||
		tm2timestamp(&tm, (fsec_t) rint(fraction * USECS_PER_SEC), NULL, &local) != 0)
		return false;
	*moment = local - zone * USECS_PER_SEC;
	return true;
}

static void
read_sent_at(Message *message, TimestampTz latest)
{
	JsonbValue *value = find_member(message, "sent_at");
	TimestampTz moment;

	if (value == NULL)
		return;
	if (value->type != jbvString || value->val.string.len > MAXDATELEN ||
		!read_moment(pnstrdup(value->val.string.val, value->val.string.len), &moment))
		set_flaw(message, "sent_at is not a moment with its zone, such as 2026-01-26T15:30:12Z");
	else if (moment > latest)
		set_flaw(message, "sent_at is in the future");
	else
	{
		message->sent_at = moment;
		message->has_sent_at = true;
	}
}

/*
 * The name of a message without an id: the hash of its content.
 */
static text *
hash_of_content(const char *content, int length)
{
	Datum		hash = DirectFunctionCall1(sha256_bytea,
										   PointerGetDatum(cstring_to_text_with_len(content, length)));

	return DatumGetTextPP(DirectFunctionCall2(binary_encode, hash, CStringGetTextDatum("hex")));
}

static void
read_members(Message *message, TimestampTz latest)
{
	(void) read_name(message, "player_id", &message->player_id, true);
	(void) read_name(message, "game_id", &message->game_id, true);
	if (!read_name(message, "update_type", &message->update_type, false))
		message->update_type = cstring_to_text("score_update");
	read_score(message);
	read_metadata(message);
	read_sent_at(message, latest);
}

/*
 * Read a message that is zero so far.  It must not have been sent after the latest
 * moment.
 */
void
read_message(Message *message, JsonbValue *element, TimestampTz latest)
{
	char	   *string;
	int			length;

	message->content = JsonbValueToJsonb(element);
	string = JsonbToCString(NULL, &message->content->root, VARSIZE(message->content));
	length = strlen(string);
	if (element->type == jbvBinary && JsonContainerIsObject(element->val.binary.data))
		(void) read_name(message, "message_id", &message->message_id, false);
	else
		set_flaw(message, "the message is not an object");
	if (length > MAX_MESSAGE_BYTES)
		set_flaw(message, psprintf("the message has %d bytes; %d are allowed", length,
								   MAX_MESSAGE_BYTES));
	if (message->flaw == NULL)
		read_members(message, latest);
	message->by_content = message->message_id == NULL;
	if (message->by_content)
		message->message_id = hash_of_content(string, length);
	pfree(string);
	if (message->flaw)
	{
		message->state = MESSAGE_INVALID;
		message->sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
	}
}

static void
check_messages(Jsonb *messages)
{
	if (!JB_ROOT_IS_ARRAY(messages) || JB_ROOT_IS_SCALAR(messages))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("messages must be an array of JSON")));
	if (JB_ROOT_COUNT(messages) > MAX_MESSAGES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a call takes at most %d messages", MAX_MESSAGES),
				 errdetail("There are %d.", JB_ROOT_COUNT(messages))));
}

/*
 * Read the messages of a call, in their order.  Returns how many there are.
 */
int
read_messages(Jsonb *messages, TimestampTz latest, Message **result)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	int			count = 0;

	check_messages(messages);
	*result = palloc_extended(mul_size(sizeof(Message), Max(JB_ROOT_COUNT(messages), 1)),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	iterator = JsonbIteratorInit(&messages->root);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (token != WJB_ELEM)
			continue;
		(*result)[count].n = count;
		read_message(&(*result)[count++], &element, latest);
	}
	return count;
}
