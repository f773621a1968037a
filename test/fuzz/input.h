/*-------------------------------------------------------------------------
 *
 * input.h
 *	  What a fuzzed input says, and what a target is: see input.c and fuzz.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INPUT_H
#define INPUT_H

/* Bytes before the cells of an input, and bytes of a cell */
#define HEADER_BYTES	16
#define CELL_BYTES		4

/* Beside more battles than that, one is lost in rounding */
#define MAX_EXACT_BATTLES	(INT64CONST(1) << 45)

/* Bits of the second byte */
#define FLAG_SIGNIFICANCE	0x01
#define FLAG_ANCHOR			0x02
#define FLAG_PRIOR			0x04
#define FLAG_RING			0x08

/* An outcome and a power of two share one byte of a cell */
#define NUM_SHIFTS			46

typedef struct FuzzInput
{
	int			num_cells;		/* as they were told, ... */
	Cell	   *cells;
	BattleList *battles;		/* ... and without what exceeds MAX_BATTLES */
	RankOptions options;
	Dice		dice;			/* for what a target chooses by itself */
	const uint8 *data;			/* the bytes themselves */
	size_t		size;
} FuzzInput;

/* input.c */
extern FuzzInput *input_decode(const uint8 *data, size_t size, int max_models);

extern bool input_is_exact(const FuzzInput *input);

/* fuzz.c */
extern bool only_count_failures;
extern int	num_failures;

/* The target, of which each program has one */
extern const int fuzz_max_models;
extern void fuzz_input(FuzzInput *input);

#endif							/* INPUT_H */
