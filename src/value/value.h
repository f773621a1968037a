/*-------------------------------------------------------------------------
 *
 * value.h
 *	  The tally as a value: the type bixarena_tally, and what makes one, adds up
 *	  several and ranks one.
 *
 *	spelling, name_list -> ballot_box -> box_reading -> crosstable
 *			-> stored, text_form, binary_form, rank_tally
 *
 * This folder reads no relation.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_VALUE_H
#define BIXARENA_VALUE_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "arena/arena.h"

/* Which model of a pair stood first */
#define NUM_SIDES 2

/*
 * Two models that have met: first < second.  count[0] has the battles in which the
 * first stood first, count[1] those in which the second did.  In both, an outcome
 * is that of the pair: OUTCOME_FIRST says that the first won.
 */
typedef struct Crosspair
{
	int32		first;
	int32		second;
	int64		count[NUM_SIDES][NUM_OUTCOMES];
} Crosspair;

/*
 * What a tally holds: models, ascending by their bytes, and the pairs that have
 * met, ascending by (first, second).  Each model is in a pair, and each pair has a
 * battle, so that the same battles have one crosstable only.
 */
typedef struct Crosstable
{
	int			num_models;
	ModelKey   *models;
	int			num_pairs;
	Crosspair  *pairs;
	int64		num_battles;
} Crosstable;

/* Bytes to be read, and what to say if they are wrong */
typedef struct ByteReader
{
	const unsigned char *next;
	const unsigned char *end;
	int			sqlstate;
	const char *message;
} ByteReader;

/* A value of some type as text; see spelling.c */
typedef struct Spelling
{
	ModelKey	name;
	uint32		hash;			/* of the name */
	Meaning		meaning;		/* as an outcome */
	uint64		box;			/* the ballot box that has met it last */
	int			number;			/* what it is there */
} Spelling;

/* Reads values of some type: see spelling.c */
typedef struct SpellingReader SpellingReader;

/* A model or a word */
typedef struct BoxName
{
	Size		place;			/* of its text, among all */
	int			length;
	uint32		hash;
	Meaning		meaning;		/* of a word */
	int64		unread;			/* battles with it that nobody reads */
} BoxName;

/*
 * Names in the order in which they were met.  A table finds them by their numbers;
 * the place behind the last one is for a name that is looked for.  See name_list.c.
 */
typedef struct Names
{
	struct nametable_hash *table;
	int			number;
	int			size;			/* of list */
	BoxName    *list;
	char	   *texts;			/* each ends with a null byte */
	Size		num_bytes;
	Size		max_bytes;
	ModelKey	wanted;
} Names;

/* Battles that are being gathered: see ballot_box.c */
typedef struct BallotBox BallotBox;

/*
 * Words of a ballot: outcomes of a tally, which are decided, no word at all, or a
 * word of the box.
 */
#define WORD_NONE NUM_OUTCOMES
#define FIRST_WORD (NUM_OUTCOMES + 1)

/* Battles between two models, the first of which stood first, with one word */
typedef struct Ballot
{
	int			model1;
	int			model2;
	int			word;
	int64		count;
} Ballot;

/* spelling.c */
extern SpellingReader *spelling_reader_create(Oid type, bool outcome,
											  MemoryContext memory);
extern Spelling *spell(SpellingReader *reader, Datum value);
extern uint32 hash_text(const char *bytes, int length);

/* name_list.c */
extern void names_create(Names *names, MemoryContext memory);
extern ModelKey listed_name(const Names *names, int number);
extern int	find_name(Names *names, ModelKey name, uint32 hash);
extern int	add_name(Names *names, ModelKey name, uint32 hash, Meaning meaning);
extern void pack_names(StringInfo bytes, const Names *names);
extern void unpack_names(Names *names, StringInfo bytes);

/* ballot_box.c */
extern BallotBox *box_create(MemoryContext memory);
extern void box_put(BallotBox *box, Spelling *model1, Spelling *model2,
					Spelling *outcome, int64 count);
extern void box_put_nothing(BallotBox *box, int64 count);
extern void box_put_crosstable(BallotBox *box, const Crosstable *table);
extern Ballot *box_ballots(const BallotBox *box, int *number);
extern int	box_num_models(const BallotBox *box);
extern ModelKey box_model(const BallotBox *box, int number);
extern char *box_word(const BallotBox *box, int number);
extern void box_tell_unread(const BallotBox *box, OutcomeWords *words);
extern IgnoredBattles box_ignored(const BallotBox *box);
extern void box_pour(BallotBox *box, const BallotBox *source);
extern bytea *box_pack(const BallotBox *box);
extern BallotBox *box_unpack(MemoryContext memory, bytea *bytes);

/* box_reading.c */
extern Crosstable *box_read(const BallotBox *box, Battles *battles);

/* crosstable.c */
extern int *order_models(Crosstable *table);
extern void canonize(Crosstable *table);
extern const char *find_fault(Crosstable *table);
extern Crosstable *combine_crosstables(const Crosstable *a, const Crosstable *b,
									   int sign);
extern Battles *crosstable_battles(const Crosstable *table);

/* stored.c */
extern void append_pairs(StringInfo bytes, const Crosstable *table);
extern void report_fault(const ByteReader *reader, const char *detail);
extern int64 read_number(ByteReader *reader, int64 limit);
extern void read_pairs(ByteReader *reader, Crosstable *table);
extern struct varlena *pack_tally(const Crosstable *table);
extern Crosstable *unpack_tally(Datum value);

#define PG_RETURN_TALLY(table) PG_RETURN_POINTER(pack_tally(table))
#define PG_GETARG_TALLY(n) unpack_tally(PG_GETARG_DATUM(n))

/* rank_tally.c */
extern Battles *argument_battles(FunctionCallInfo fcinfo);

#endif							/* BIXARENA_VALUE_H */
