/*-------------------------------------------------------------------------
 *
 * contenders.c
 *	  Who battles in a leaderboard.
 *
 * Battles name models by their ids; a ranking needs their slugs and names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "arena/arena.h"

/* A model of the arena */
typedef struct ArenaModel
{
	Datum		id;				/* a uuid */
	char	   *slug;
	char	   *name;
	int			number;			/* in the tally */
} ArenaModel;

static int
compare_slugs(const void *a, const void *b)
{
	return strcmp(((const ArenaModel *) a)->slug, ((const ArenaModel *) b)->slug);
}

/*
 * By name, models of the same name by slug.
 */
static int
compare_names(const void *a, const void *b)
{
	int			order = strcmp(((const ArenaModel *) a)->name,
							   ((const ArenaModel *) b)->name);

	return order != 0 ? order : compare_slugs(a, b);
}

/*
 * The arena's models of these ids, into SPI's result: id, slug, name.  They are
 * read as they are now, lest one be missing that has come with the battles.
 */
static void
read_models(const Leaderboard *leaderboard, const Battles *battles)
{
	int			n = battles->tally->num_models;
	Datum	   *ids = palloc(sizeof(Datum) * (n + 1));
	Parameters	parameters = {0};

	for (int i = 0; i < n; i++)
		ids[i] = PointerGetDatum(battles->models[i].bytes);
	add_parameter(&parameters, UUIDARRAYOID,
				  PointerGetDatum(construct_array(ids, n, UUIDOID, UUID_LEN,
												  false, TYPALIGN_CHAR)),
				  false);
	execute_query(psprintf("SELECT m.id, m.slug::pg_catalog.text,"
						   " m.name::pg_catalog.text FROM %s.model AS m"
						   " WHERE m.id OPERATOR(pg_catalog.=) ANY ($1)"
						   " ORDER BY m.id",
						   leaderboard->schema),
				  SPI_OK_SELECT, false, &parameters);
}

static bool
same_uuid(Datum a, Datum b)
{
	return memcmp(DatumGetUUIDP(a)->data, DatumGetUUIDP(b)->data, UUID_LEN) == 0;
}

/*
 * Take a row of SPI's result for a model of the battles.
 */
static ArenaModel
take_model(uint64 row, int number)
{
	ArenaModel	model = {result_uuid(row, 1), result_text(row, 2),
	result_text(row, 3), number};

	if (model.slug == NULL || model.name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a model of the arena has no %s",
						model.slug ? "name" : "slug"),
				 errdetail("Its id is %s.", result_text(row, 1))));
	return model;
}

/*
 * Look up the models of the battles.  Returns how many the arena knows.
 */
static int
find_models(const Leaderboard *leaderboard, const Battles *battles,
			ArenaModel *models)
{
	int			num_models = 0;
	int			next = 0;

	/* Both the battles' models and the result are in the order of ids */
	read_models(leaderboard, battles);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		id = result_uuid(row, 1);

		if (num_models > 0 &&
			same_uuid(id, models[num_models - 1].id))
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("the arena has more than one model of the same id"),
					 errdetail("The id is %s.", result_text(row, 1))));
		while (next < battles->tally->num_models &&
			   memcmp(battles->models[next].bytes, DatumGetUUIDP(id)->data,
					  UUID_LEN) != 0)
			next++;
		if (next == battles->tally->num_models)
			break;
		models[num_models++] = take_model(row, next);
	}
	return num_models;
}

/*
 * Leave out models that are left without a battle, when those of unknown ones
 * are ignored.
 */
static int
drop_idle_models(const Tally *tally, ArenaModel *models, int num_models)
{
	bool	   *known = palloc0(sizeof(bool) * (tally->num_models + 1));
	bool	   *met = palloc0(sizeof(bool) * (tally->num_models + 1));
	int			num_left = 0;

	for (int m = 0; m < num_models; m++)
		known[models[m].number] = true;
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (known[pair->first] && known[pair->second])
			met[pair->first] = met[pair->second] = true;
	}
	for (int m = 0; m < num_models; m++)
		if (met[models[m].number])
			models[num_left++] = models[m];
	return num_left;
}

/*
 * Who the models of a leaderboard's battles are.  The tally is put into the
 * order of their slugs, which unlike ids mean the same in every database.
 * Battles of a model that the arena does not know are ignored from now on.
 */
Contenders *
read_contenders(const Leaderboard *leaderboard, Battles *battles)
{
	int			num_read = battles->tally->num_models;
	ArenaModel *models = palloc(sizeof(ArenaModel) * (num_read + 1));
	int		   *index = palloc(sizeof(int) * (num_read + 1));
	Contenders *contenders = palloc0(sizeof(Contenders));
	int			n = find_models(leaderboard, battles, models);

	n = drop_idle_models(battles->tally, models, n);
	contenders->num_models = n;
	contenders->ids = palloc(sizeof(Datum) * (n + 1));
	contenders->slugs = palloc(sizeof(char *) * (n + 1));
	contenders->name_order = palloc(sizeof(int) * (n + 1));

	for (int i = 0; i < num_read; i++)
		index[i] = -1;
	qsort(models, n, sizeof(ArenaModel), compare_slugs);
	for (int place = 0; place < n; place++)
	{
		index[models[place].number] = place;
		contenders->ids[place] = models[place].id;
		contenders->slugs[place] = models[place].slug;
		models[place].number = place;
	}
	keep_models(battles, index, n);

	qsort(models, n, sizeof(ArenaModel), compare_names);
	for (int place = 0; place < n; place++)
		contenders->name_order[models[place].number] = place;
	return contenders;
}
