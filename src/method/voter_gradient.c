/*-------------------------------------------------------------------------
 *
 * voter_gradient.c
 *	  What voters give to the gradient of the likelihood.
 *
 * At its maximum these sum to zero, and how they vary says how the maximum would, were
 * other voters asked (Liang and Zeger 1986); and each by itself, what that voter does to
 * it (pull.c).  What a single battle gives is a function's to say, here that of strengths
 * alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/*
 * What one battle of a pair of a fitted tally gives to the gradient: to the first model
 * the points that it took less those that it was to take, and as much off the second.
 */
int
battle_residual(const void *context, uint32 what, int *models, double *amounts)
{
	const FittedTally *fitted = context;
	const Pair *pair = &fitted->tally->pairs[what / NUM_OUTCOMES];
	double		ahead = fitted->strengths[pair->first] - fitted->strengths[pair->second];
	double		p = 1 / (1 + exp(-ahead));
	double		q = 1 / (1 + exp(ahead));

	models[0] = pair->first;
	models[1] = pair->second;
	switch ((Outcome) (what % NUM_OUTCOMES))
	{
		case OUTCOME_FIRST:
			amounts[0] = q;
			break;
		case OUTCOME_SECOND:
			amounts[0] = -p;
			break;
		case OUTCOME_TIE:
			amounts[0] = (q - p) / 2;
			break;
	}
	amounts[1] = -amounts[0];
	return 2;
}

/*
 * Add the square of a voter's gradient, of the parameters that it touches, to a
 * matrix.
 */
static void
add_square(const double *gradient, const int *touched, int num_touched,
		   double *matrix, Size n)
{
	for (int a = 0; a < num_touched; a++)
	{
		double	   *row = matrix + touched[a] * n;
		double		factor = gradient[touched[a]];

		for (int b = 0; b < num_touched; b++)
			row[touched[b]] += factor * gradient[touched[b]];
	}
}

static void
touch(double *gradient, bool *is_touched, int *touched, int *num_touched, int model,
	  double amount)
{
	if (!is_touched[model])
	{
		is_touched[model] = true;
		gradient[model] = 0;
		touched[(*num_touched)++] = model;
	}
	gradient[model] += amount;
}

/*
 * The covariance of the gradient: the sum of the squares of what voters give to it,
 * times G / (G - 1), as a full matrix.  What one battle gives is asked of a function.
 */
void
voters_gradient_squares(const Voters *voters, BattleGradient battle_gradient,
						const void *context, int num_parameters, double *matrix)
{
	Size		n = num_parameters;
	VoterCells	cells = voter_cells(voters);
	double		number = (double) voters_number(voters);
	double	   *gradient = palloc(sizeof(double) * n);
	bool	   *is_touched = palloc0(sizeof(bool) * n);
	int		   *touched = palloc(sizeof(int) * n);
	int		   *places = palloc(sizeof(int) * n);
	double	   *amounts = palloc(sizeof(double) * n);

	memset(matrix, 0, sizeof(double) * n * n);
	for (int64 c = 0; c < cells.number;)
	{
		int			voter = cells.cells[c].voter;
		int64		end = voter_end(cells, c);
		double		times = voter < 0 ? sqrt(cells.cells[c].count) : 1;
		int			num_touched = 0;

		CHECK_FOR_INTERRUPTS();
		for (; c < end; c++)
		{
			const VoterCell *cell = &cells.cells[c];
			int			num_places = battle_gradient(context, cell->what, places, amounts);

			for (int k = 0; k < num_places; k++)
				touch(gradient, is_touched, touched, &num_touched, places[k],
					  amounts[k] * (voter < 0 ? times : cell->count));
		}
		add_square(gradient, touched, num_touched, matrix, n);
		for (int a = 0; a < num_touched; a++)
			is_touched[touched[a]] = false;
	}
	for (Size k = 0; k < n * n; k++)
		matrix[k] *= number / (number - 1);
	pfree(gradient);
	pfree(is_touched);
	pfree(touched);
	pfree(places);
	pfree(amounts);
}

/*
 * What the known voter whose cells begin at this place gives to the gradient, where place
 * goes on to the next; his number as he was added, and how many battles he cast.  Returns
 * how many models his battles touch, which touched lists, or 0 behind the last voter; of
 * other models gradient says nothing.  is_touched is false of all, before and after.
 */
int
voters_gradient(const Voters *voters, int64 *place, const double *strengths,
				double *gradient, bool *is_touched, int *touched, int *voter,
				int64 *battles)
{
	FittedTally fitted = {voters_tally(voters), strengths};
	VoterCells	cells = voter_cells(voters);
	int			num_touched = 0;
	int64		end;

	if (*place >= cells.num_known)
		return 0;
	*voter = voters_number_added(voters, cells.cells[*place].voter);
	*battles = 0;
	end = voter_end(cells, *place);
	for (; *place < end; (*place)++)
	{
		const VoterCell *cell = &cells.cells[*place];
		int			models[2];
		double		amounts[2];

		*battles += cell->count;
		(void) battle_residual(&fitted, cell->what, models, amounts);
		for (int k = 0; k < 2; k++)
			touch(gradient, is_touched, touched, &num_touched, models[k],
				  amounts[k] * cell->count);
	}
	for (int a = 0; a < num_touched; a++)
		is_touched[touched[a]] = false;
	return num_touched;
}
