/*-------------------------------------------------------------------------
 *
 * voter_numbers.c
 *	  Voters told apart by numbers, as the rows of a query by voter come in.
 *
 * The rows of a voter follow each other, so that each value but the last one may be
 * forgotten: voters have numbers in the order in which they come.  Where they are to be
 * named later, their names are kept, within the memory that voters may take.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "arena/arena.h"

struct VoterNumbers
{
	int			number;			/* of the last voter, -1 before the first one */
	Datum		last_value;		/* of whom, where it is no reference, */
	char	   *last_text;		/* or else as text */
	char	  **names;			/* by their numbers, or NULL: they are not
								 * kept */
	Size		name_bytes;		/* that these take */
	MemoryContext memory;		/* for this */
	MemoryContext result;		/* for names */
};

/*
 * No voter yet.
 */
VoterNumbers *
begin_voter_numbers(bool keep_names, MemoryContext result)
{
	VoterNumbers *numbers = palloc0(sizeof(VoterNumbers));

	numbers->number = -1;
	numbers->memory = CurrentMemoryContext;
	numbers->result = result;
	if (keep_names)
		numbers->names = MemoryContextAlloc(result, sizeof(char *));
	return numbers;
}

/*
 * The names of the voters by their numbers, NULL where they are not kept.
 */
char	  **
voter_names(const VoterNumbers *numbers)
{
	return numbers->names;
}

/*
 * Keep the name of the voter who has got the last number.
 */
static void
keep_name(VoterNumbers *numbers, const char *name)
{
	int			number = numbers->number;

	numbers->name_bytes += strlen(name) + 1 + sizeof(char *) + sizeof(int);
	if (numbers->name_bytes > (Size) maintenance_work_mem * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the names of voters do not fit into maintenance_work_mem"),
				 errdetail("There are more than %d voters.", number),
				 errhint("Increase maintenance_work_mem.")));
	/* where the number is a power of two, there is no more room */
	if ((number & (number - 1)) == 0)
		numbers->names = repalloc_huge(numbers->names,
									   mul_size(2 * (Size) number + 1, sizeof(char *)));
	numbers->names[number] = MemoryContextStrdup(numbers->result, name);
}

/*
 * Is this value, which is not null, that of the last voter?  From now on it is.
 */
static bool
is_last_voter(VoterNumbers *numbers, Datum value, bool by_value, FmgrInfo *output)
{
	bool		is_first = numbers->number < 0;
	bool		is_last;
	char	   *string;

	if (by_value)
	{
		is_last = !is_first && value == numbers->last_value;
		numbers->last_value = value;
		return is_last;
	}
	string = OutputFunctionCall(output, value);
	is_last = !is_first && strcmp(string, numbers->last_text) == 0;
	if (!is_last)
	{
		if (!is_first)
			pfree(numbers->last_text);
		numbers->last_text = MemoryContextStrdup(numbers->memory, string);
	}
	return is_last;
}

/*
 * The number of the voter of a row, whose value is not null.
 */
int
voter_number(VoterNumbers *numbers, Datum value, bool by_value, FmgrInfo *output)
{
	if (!is_last_voter(numbers, value, by_value, output))
	{
		numbers->number++;
		if (numbers->names)
			keep_name(numbers, OutputFunctionCall(output, value));
	}
	return numbers->number;
}
