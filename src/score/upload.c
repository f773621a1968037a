/*-------------------------------------------------------------------------
 *
 * upload.c
 *	  A file of standings: looked at as a whole, and then kept as rows, with ranks.
 *
 * A file is the full state of all players at a date.  Nothing of it is kept as current
 * unless all of it is sound: see upload_check.c.  Then its rows are written as they are
 * in the file, each with its rank by each metric, and for each metric the order of the
 * rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_read_upload);
PG_FUNCTION_INFO_V1(bixarena_lock_upload);

static Datum
names_of_metrics(const Upload *upload)
{
	Column	   *names = new_column(TEXTOID, upload->num_metrics);
	Parameters	arrays = {0};

	for (int metric = 0; metric < upload->num_metrics; metric++)
		add_value(names, CStringGetTextDatum(upload->sheet->columns[upload->metrics[metric]]));
	add_column(&arrays, names);
	return arrays.values[0];
}

/*
 * bixarena.upload_read(scoreboard text, run_no integer, run_id uuid, snapshot_date date,
 * ingested_at timestamptz, format text, content bytea, numbers text[], words text[],
 * required text[]): look at a file and, if it is sound, write its rows.
 */
Datum
bixarena_read_upload(PG_FUNCTION_ARGS)
{
	Upload	   *upload = palloc0(sizeof(Upload));
	Sheet	   *sheet = palloc0(sizeof(Sheet));
	Datum		values[4];
	bool		nulls[4] = {false};

	upload->scoreboard = open_scoreboard(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
	upload->sheet = sheet;
	upload->run_no = PG_GETARG_DATUM(1);
	upload->run_id = PG_GETARG_DATUM(2);
	upload->snapshot_date = PG_GETARG_DATUM(3);
	upload->ingested_at = PG_GETARG_DATUM(4);

	read_sheet(sheet, text_to_cstring(PG_GETARG_TEXT_PP(5)), PG_GETARG_BYTEA_PP(6));
	if (sheet->num_flaws == 0)
	{
		find_kinds(upload, PG_GETARG_DATUM(7), PG_GETARG_DATUM(8));
		check_upload(upload, PG_GETARG_DATUM(9));
	}
	if (sheet->num_flaws == 0)
	{
		connect_spi();
		rank_rows(upload);
		write_rows(upload);
		SPI_finish();
	}
	values[0] = Int32GetDatum(sheet->num_flaws == 0 ? sheet->num_rows : 0);
	values[1] = names_of_metrics(upload);
	values[2] = Int64GetDatum(sheet->num_flaws);
	values[3] = report_flaws(sheet);
	PG_RETURN_DATUM(form_row(fcinfo, values, nulls));
}

/*
 * bixarena.upload_lock(scoreboard text, source text, partition text, snapshot_date date)
 */
Datum
bixarena_lock_upload(PG_FUNCTION_ARGS)
{
	char	   *key = psprintf("%s\n%s\n%s\n%d", text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   text_to_cstring(PG_GETARG_TEXT_PP(1)),
							   text_to_cstring(PG_GETARG_TEXT_PP(2)),
							   PG_GETARG_DATEADT(3));

	(void) lock_for_transaction(LOCK_UPLOAD, key, strlen(key), true);
	PG_RETURN_VOID();
}
