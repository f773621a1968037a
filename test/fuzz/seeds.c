/*-------------------------------------------------------------------------
 *
 * seeds.c
 *	  Writes the inputs that fuzzing starts from: seeds FOLDER.
 *
 * They are the battles of the unit tests in the bytes of input.c: Davidson's
 * puddings, the oracles, random battles of every kind, chains, groups that
 * hang together by three battles; each with several options.  A count is told
 * in as many cells as it has bytes that are not 0.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"
#include "battles.h"
#include "input.h"
#include "unit.h"

#define MAX_BYTES 4096

/* The kinds of options that each list of battles is written with */
static const uint8 flags[] = {
	0,
	FLAG_SIGNIFICANCE,
	FLAG_ANCHOR,
	FLAG_PRIOR,
	FLAG_PRIOR | FLAG_ANCHOR,
	FLAG_RING
};

static const char *folder;
static int	num_seeds;

/* The checks of the unit tests' files, which are not made here */
bool
check(bool good, const char *fmt,...)
{
	if (!good)
		abort();
	return true;
}

/* The byte that says so many models, of 2 to 40 or one of 100, 105, ..., 175 */
static uint8
encode_num_models(int num_models)
{
	return num_models <= 40 ? num_models - 2 : 240 + (num_models - 100) / 5;
}

static size_t
encode_cell(const Cell *cell, int num_models, uint8 *bytes)
{
	size_t		size = 0;

	for (int shift = 0; shift < NUM_SHIFTS; shift += 8)
	{
		uint8		part = (cell->count >> shift) & 0xFF;

		if (part == 0)
			continue;
		bytes[size++] = cell->model1;
		bytes[size++] = (cell->model2 - cell->model1 - 1 + num_models) % num_models;
		bytes[size++] = NUM_OUTCOMES * shift + cell->outcome;
		bytes[size++] = part - 1;
	}
	return size;
}

static void
write_bytes(const uint8 *bytes, size_t size)
{
	char		path[MAXPGPATH];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%03d", folder, num_seeds++);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
	{
		perror(path);
		exit(1);
	}
}

/*
 * Write battles, as far as there is room, with every kind of options.
 */
static void
write_seeds(const BattleList *battles)
{
	uint8		bytes[MAX_BYTES] = {0};
	size_t		size = HEADER_BYTES;

	for (int c = 0; c < battles->num_cells && size + 8 * CELL_BYTES <= MAX_BYTES; c++)
		size += encode_cell(&battles->cells[c], battles->num_models, bytes + size);

	bytes[0] = encode_num_models(battles->num_models);
	for (int f = 0; f < (int) lengthof(flags); f++)
	{
		bytes[1] = flags[f];
		bytes[2] = f;			/* the anchor */
		bytes[4] = 0x80;		/* its score: 1000 */
		bytes[5] = 85;			/* the prior: 1 battle */
		bytes[6] = f % 2 * 10;	/* min_evaluations */
		bytes[7] = 10 * f;		/* replicates */
		bytes[8] = num_seeds;
		write_bytes(bytes, size);
	}
}

static void
write_small_oracles(void)
{
	BattleList *four = battles_create(4);
	BattleList *cycle = battles_create(3);
	BattleList *loser = battles_create(4);

	battles_add_pair(four, 0, 1, 2, 3, 0);
	battles_add_pair(four, 0, 3, 1, 4, 0);
	battles_add_pair(four, 1, 2, 5, 3, 0);
	battles_add_pair(four, 2, 3, 1, 3, 0);
	write_seeds(four);
	battles_add_pair(cycle, 0, 1, 2, 0, 0);
	battles_add_pair(cycle, 1, 2, 1, 0, 0);
	battles_add_pair(cycle, 2, 0, 1, 0, 0);
	write_seeds(cycle);
	battles_add_pair(loser, 0, 1, 1, 1, 0);
	battles_add_pair(loser, 2, 0, 1, 0, 0);
	battles_add_pair(loser, 0, 3, 1, 0, 0);
	battles_add_pair(loser, 1, 2, 1, 0, 0);
	write_seeds(loser);
}

/* Of each of which the next one wins once, and loses so often */
static void
write_chain(int num_models, int64 odds)
{
	BattleList *battles = battles_create(num_models);

	for (int i = 1; i < num_models; i++)
		battles_add_pair(battles, i - 1, i, odds, 1, 0);
	write_seeds(battles);
}

/* Two groups that have met often, and each other three times */
static void
write_groups(Dice *dice)
{
	BattleList *battles = battles_create(8);

	for (int i = 0; i < 8; i++)
		for (int j = 0; j < i; j++)
			if (i % 2 == j % 2)
				battles_draw_pair(battles, dice, i, j, INT64CONST(1) << 40,
								  2 * dice_double(dice) - 1, 0);
	battles_add_pair(battles, 0, 1, 2, 1, 0);
	write_seeds(battles);
}

int
main(int argc, char **argv)
{
	Dice		dice = {100};

	if (argc != 2)
	{
		fprintf(stderr, "usage: seeds FOLDER\n");
		return 2;
	}
	folder = argv[1];

	write_seeds(davidson_puddings());
	write_small_oracles();
	for (int k = 0; k < NUM_BATTLE_KINDS; k++)
		for (int n = 2; n <= 18; n += 4)
			write_seeds(random_battles(&dice, (BattleKind) k, n));
	write_seeds(random_battles(&dice, BATTLES_SPARSE, 100));
	write_chain(12, 3);
	write_chain(40, 99);
	write_chain(5, INT64CONST(1) << 40);
	write_chain(140, 7);
	write_groups(&dice);
	release_memory();
	return 0;
}
