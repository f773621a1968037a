/*-------------------------------------------------------------------------
 *
 * binary_form.c
 *	  A tally in a binary message, as COPY and logical replication send it.
 *
 *	version		one byte, BINARY_VERSION
 *	models		their number, then the name of each as a counted text in the
 *				client's encoding
 *	pairs		as they are stored (stored.c)
 *
 * In another encoding the names may have another order, so that what is received is
 * put in order anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "value/value.h"

#define BINARY_VERSION 1

PG_FUNCTION_INFO_V1(bixarena_tally_send);
PG_FUNCTION_INFO_V1(bixarena_tally_recv);

Datum
bixarena_tally_send(PG_FUNCTION_ARGS)
{
	Crosstable *table = PG_GETARG_TALLY(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, BINARY_VERSION);
	pq_sendint32(&message, table->num_models);
	for (int i = 0; i < table->num_models; i++)
	{
		char	   *name = pg_server_to_client(table->models[i].bytes,
											   table->models[i].length);

		pq_sendint32(&message, strlen(name));
		pq_sendbytes(&message, name, strlen(name));
	}
	append_pairs(&message, table);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/*
 * Receive a number, of what takes a byte each or more.
 */
static int
receive_number(StringInfo message, const ByteReader *reader)
{
	uint32		number;

	if (message->len - message->cursor < (int) sizeof(number))
		report_fault(reader, "It ends too soon.");
	number = pq_getmsgint(message, sizeof(number));
	if (number > (uint32) (message->len - message->cursor))
		report_fault(reader, "It ends too soon.");
	return number;
}

static void
receive_models(StringInfo message, Crosstable *table, const ByteReader *reader)
{
	int			num_models = receive_number(message, reader);

	if (num_models > MAX_MODELS)
		report_fault(reader, "It has too many models.");
	table->num_models = num_models;
	table->models = palloc(sizeof(ModelKey) * (num_models + 1));
	for (int i = 0; i < num_models; i++)
		table->models[i].bytes = pq_getmsgtext(message,
											   receive_number(message, reader),
											   &table->models[i].length);
}

Datum
bixarena_tally_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	Crosstable *table = palloc0(sizeof(Crosstable));
	ByteReader	reader = {.sqlstate = ERRCODE_INVALID_BINARY_REPRESENTATION};
	const char *fault;

	reader.message = "invalid binary input for type bixarena_tally";
	if (message->cursor == message->len || pq_getmsgbyte(message) != BINARY_VERSION)
		report_fault(&reader, psprintf("The version is not %d.", BINARY_VERSION));
	receive_models(message, table, &reader);
	reader.next = (const unsigned char *) message->data + message->cursor;
	reader.end = (const unsigned char *) message->data + message->len;
	read_pairs(&reader, table);
	message->cursor = message->len;
	canonize(table);
	fault = find_fault(table);
	if (fault)
		report_fault(&reader, fault);
	PG_RETURN_TALLY(table);
}
