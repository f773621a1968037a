/*-------------------------------------------------------------------------
 *
 * input.c
 *	  From the bytes that libFuzzer makes up to battles and options.
 *
 * All targets read the same format, so an input that one of them found can be
 * given to the others.  Every string of bytes is a valid input, and one byte
 * changes one thing, which is what a fuzzer needs to find its way.  Bytes that
 * are missing are 0.
 *
 *	byte 0		how many models: b < 240: 2 + b % 39, so 2 to 40; from 240 on
 *				100 + 5 (b - 240), so up to 175, where a Hessian takes more
 *				than one tile.  A target that bears fewer takes the remainder.
 *	byte 1		flags: 1 rank by significance, 2 an anchor, 4 a prior, 8 a ring:
 *				before all other battles each model ties once with the next, so
 *				that all can be compared
 *	byte 2		the anchor
 *	bytes 3, 4	its score: from -4000 to 6000, in 65,535 steps
 *	byte 5		the prior: 10^-3 to 10^6 battles, in 255 steps of the exponent
 *				(with a weaker one strengths are too far apart to be compared)
 *	byte 6		min_evaluations: b < 64: b, else 2^((b - 64) % 54)
 *	byte 7		how many replicates: 10 + b % 41
 *	bytes 8-15	the seed, lowest byte first; of the order of names and of what a
 *				target chooses by itself, too
 *
 * and then four bytes for each cell:
 *
 *	byte 0		the first model a, modulo their number n
 *	byte 1		the second: b steps behind it, a + 1 + b % (n - 1) modulo n
 *	byte 2		the outcome b % 3, and a shift b / 3 % 46
 *	byte 3		the battles: (b + 1) * 2^shift, from 1 to 2^53
 *
 * A cell may come several times and either way around, as in a table of votes.
 * Without any cell models 0 and 1 tie once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "input.h"

/*
 * Has a double enough digits to tell one battle (or the prior) beside all of
 * them?  Else scores are not compared.
 */
bool
input_is_exact(const FuzzInput *input)
{
	double		prior_battles = input->options.prior_battles;
	double		least = prior_battles > 0 ? Min(1, prior_battles) : 1;

	return input->battles->num_battles <= least * MAX_EXACT_BATTLES;
}

static int
decode_num_models(uint8 byte, int max_models)
{
	int			n = byte < 240 ? 2 + byte % 39 : 100 + 5 * (byte - 240);

	return n <= max_models ? n : 2 + n % (max_models - 1);
}

static RankOptions
decode_options(const uint8 *header, int num_models, Dice *dice)
{
	RankOptions options = rank_options(num_models, MIN_BOOTSTRAP + header[7] % 41);

	options.rank_by_significance = (header[1] & FLAG_SIGNIFICANCE) != 0;
	if (header[1] & FLAG_ANCHOR)
	{
		options.anchor_model = header[2] % num_models;
		options.anchor_score = -4000 + (header[3] + 256 * header[4]) / 65535.0 * 10000;
	}
	if (header[1] & FLAG_PRIOR)
		options.prior_battles = pow(10, header[5] / 255.0 * 9 - 3);
	options.min_evaluations = header[6] < 64 ? header[6] :
		INT64CONST(1) << ((header[6] - 64) % 54);
	for (int i = 0; i < 8; i++)
		options.seed |= (uint64) header[8 + i] << (8 * i);
	dice->state = options.seed;
	options.name_order = dice_permutation(dice, num_models);
	return options;
}

static Cell
decode_cell(const uint8 *bytes, int num_models)
{
	Cell		cell;

	cell.model1 = bytes[0] % num_models;
	cell.model2 = (cell.model1 + 1 + bytes[1] % (num_models - 1)) % num_models;
	cell.outcome = (Outcome) (bytes[2] % NUM_OUTCOMES);
	cell.count = ((int64) bytes[3] + 1) << (bytes[2] / NUM_OUTCOMES % NUM_SHIFTS);
	return cell;
}

FuzzInput *
input_decode(const uint8 *data, size_t size, int max_models)
{
	FuzzInput  *input = palloc0(sizeof(FuzzInput));
	uint8		header[HEADER_BYTES] = {0};
	int			n;

	input->data = data;
	input->size = size;
	memcpy(header, data, Min(size, HEADER_BYTES));
	n = decode_num_models(header[0], max_models);
	input->options = decode_options(header, n, &input->dice);

	input->cells = palloc(sizeof(Cell) * (n + size / CELL_BYTES + 1));
	if (header[1] & FLAG_RING)
		for (int i = 0; i < n; i++)
			input->cells[input->num_cells++] = (Cell)
		{
			i, (i + 1) % n, OUTCOME_TIE, 1
		};
	for (size_t at = HEADER_BYTES; at + CELL_BYTES <= size; at += CELL_BYTES)
		input->cells[input->num_cells++] = decode_cell(data + at, n);
	if (input->num_cells == 0)
		input->cells[input->num_cells++] = (Cell)
	{
		0, 1, OUTCOME_TIE, 1
	};

	input->battles = battles_create(n);
	for (int c = 0; c < input->num_cells; c++)
		battles_add(input->battles, input->cells[c].model1,
					input->cells[c].model2, input->cells[c].outcome,
					input->cells[c].count);
	return input;
}
