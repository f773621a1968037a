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
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "arena/arena.h"

/* A model of the arena */
typedef struct ArenaModel
{
	Datum		id;				/* a uuid */
	char	   *slug;			/* or NULL, which no model of a battle may
								 * have */
	char	   *name;			/* likewise */
	int			number;			/* in the tally */
} ArenaModel;

/* Models of the arena, by their ids */
struct ArenaModels
{
	int			count;
	ArenaModel *models;
};

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
 * The models in SPI's result: id, slug, name.
 */
static ArenaModels *
result_models(void)
{
	ArenaModels *all = palloc(sizeof(ArenaModels));

	all->count = (int) SPI_processed;
	all->models = palloc(mul_size(all->count + 1, sizeof(ArenaModel)));
	for (int row = 0; row < all->count; row++)
	{
		ArenaModel *model = &all->models[row];

		model->id = result_uuid(row, 1);
		model->slug = result_text(row, 2);
		model->name = result_text(row, 3);
	}
	return all;
}

/*
 * All models of an arena.
 */
ArenaModels *
read_arena_models(const char *arena)
{
	execute_query(psprintf("SELECT m.id, m.slug::pg_catalog.text,"
						   " m.name::pg_catalog.text FROM %s.model AS m"
						   " ORDER BY m.id", quote_identifier(arena)),
				  SPI_OK_SELECT, false, NULL);
	return result_models();
}

/*
 * The arena's models of these ids.  They are read as they are now, lest one be
 * missing that has come with the battles.
 */
static ArenaModels *
read_models(const Leaderboard *leaderboard, const Battles *battles)
{
	int			n = battles->tally->num_models;
	Datum	   *ids = palloc(sizeof(Datum) * (n + 1));
	Parameters	parameters = {0};

	for (int i = 0; i < n; i++)
		ids[i] = PointerGetDatum(battles->models[i].bytes);
	add_array(&parameters, UUIDOID, ids, n);
	execute_query(psprintf("SELECT m.id, m.slug::pg_catalog.text,"
						   " m.name::pg_catalog.text FROM %s.model AS m"
						   " WHERE m.id OPERATOR(pg_catalog.=) ANY ($1)"
						   " ORDER BY m.id",
						   leaderboard->schema),
				  SPI_OK_SELECT, false, &parameters);
	return result_models();
}

static bool
same_uuid(Datum a, Datum b)
{
	return memcmp(DatumGetUUIDP(a)->data, DatumGetUUIDP(b)->data, UUID_LEN) == 0;
}

static char *
id_text(const ArenaModel *model)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, model->id));
}

/*
 * Take a model of the arena for one of the battles.
 */
static ArenaModel
take_model(ArenaModel model, int number)
{
	if (model.slug == NULL || model.name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a model of the arena has no %s",
						model.slug ? "name" : "slug"),
				 errdetail("Its id is %s.", id_text(&model))));
	model.number = number;
	return model;
}

/*
 * The place of the first model from one on that has an id, or of the first whose is
 * greater.
 */
static int
skip_to(const ArenaModels *all, int place, const char *id)
{
	while (place < all->count &&
		   memcmp(DatumGetUUIDP(all->models[place].id)->data, id, UUID_LEN) < 0)
		place++;
	return place;
}

/*
 * Look up the models of the battles.  Returns how many the arena knows.
 */
static int
find_models(const Leaderboard *leaderboard, const Battles *battles,
			ArenaModel *models)
{
	const ArenaModels *all = battles->known_models ? battles->known_models :
		read_models(leaderboard, battles);
	int			num_models = 0;
	int			place = 0;

	/* both the battles' models and the arena's are in the order of ids */
	for (int i = 0; i < battles->tally->num_models; i++)
	{
		const char *id = battles->models[i].bytes;

		place = skip_to(all, place, id);
		if (place == all->count)
			break;
		if (memcmp(DatumGetUUIDP(all->models[place].id)->data, id, UUID_LEN) != 0)
			continue;
		if (place + 1 < all->count &&
			same_uuid(all->models[place].id, all->models[place + 1].id))
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("the arena has more than one model of the same id"),
					 errdetail("The id is %s.", id_text(&all->models[place]))));
		models[num_models++] = take_model(all->models[place], i);
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
