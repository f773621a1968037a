/*-------------------------------------------------------------------------
 *
 * pull.c
 *	  What single voters do to the scores.
 *
 * With H the Hessian and U_v what voter v gives to the gradient at the maximum,
 * H^-1 U_v is, to first order, by how much scores are other than they would be without
 * him.  A voter moves nobody by voting much, if he votes as the scores predict; who
 * pushes one model moves it, and those that he has it meet.  It says who is worth a look,
 * not who is dishonest.
 *
 * Voters are ordered by the largest difference of two ranked models that they move.
 * That depends on no scale, nor on an anchor; what a voter does to a single model is
 * told beside the mean of the ranked.
 *
 * Time: a pass over all models for each voter and model of his battles.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/*
 * Turn a voter's gradient into what he does to each model.
 */
static void
find_moves(const double *inverse, Size n, const double *gradient, const int *touched,
		   int num_touched, double *restrict moves)
{
	memset(moves, 0, sizeof(double) * n);
	for (int a = 0; a < num_touched; a++)
	{
		const double *restrict row = inverse + touched[a] * n;
		double		factor = gradient[touched[a]];

#pragma omp simd
		for (Size i = 0; i < n; i++)
			moves[i] += factor * row[i];
	}
}

/*
 * What these moves do to the ranked models, beside their mean.
 */
static void
describe_moves(const PlacedFit *fit, const double *moves, VoterPull *pull)
{
	double		sum = 0;
	int			num_ranked = 0;

	pull->raised = pull->lowered = -1;
	for (int i = 0; i < fit->tally->num_models; i++)
	{
		if (!fit->ranked[i])
			continue;
		if (pull->raised < 0 || moves[i] > moves[pull->raised])
			pull->raised = i;
		if (pull->lowered < 0 || moves[i] < moves[pull->lowered])
			pull->lowered = i;
		sum += moves[i];
		num_ranked++;
	}
	pull->raised_points = POINTS_PER_STRENGTH * (moves[pull->raised] - sum / num_ranked);
	pull->lowered_points = POINTS_PER_STRENGTH * (moves[pull->lowered] - sum / num_ranked);
	pull->points = pull->raised_points - pull->lowered_points;
}

/*
 * Put a pull into its place among the strongest ones, of equal ones behind those that
 * are there.  Returns how many there are then.
 */
static int
insert_pull(VoterPull *pulls, int num_pulls, int limit, VoterPull pull)
{
	int			place = num_pulls;

	if (num_pulls == limit && !(pull.points > pulls[limit - 1].points))
		return num_pulls;
	if (num_pulls == limit)
		place--;
	else
		num_pulls++;
	for (; place > 0 && pull.points > pulls[place - 1].points; place--)
		pulls[place] = pulls[place - 1];
	pulls[place] = pull;
	return num_pulls;
}

/*
 * The known voters who move the scores most, and what they add to the lead of one model
 * over another.  The voters are those of the fit's battles; some models are ranked.
 */
VoterPull *
strongest_pulls(const PlacedFit *fit, const Voters *voters, int leader, int rival,
				int limit, int *num_pulls)
{
	Size		n = fit->tally->num_models;
	VoterPull  *pulls = palloc(mul_size(limit, sizeof(VoterPull)));
	double	   *inverse = full_matrix(n);
	double	   *gradient = palloc(sizeof(double) * n);
	double	   *moves = palloc(sizeof(double) * n);
	bool	   *is_touched = palloc0(sizeof(bool) * n);
	int		   *touched = palloc(sizeof(int) * n);

	*num_pulls = 0;
	fitter_inverse(fit->fitter, fit->points, fit->strengths, inverse);
	for (int64 place = 0;;)
	{
		VoterPull	pull;
		int			num_touched = voters_gradient(voters, &place, fit->strengths, gradient,
												  is_touched, touched, &pull.voter,
												  &pull.battles);

		CHECK_FOR_INTERRUPTS();
		if (num_touched == 0)
			break;
		find_moves(inverse, n, gradient, touched, num_touched, moves);
		describe_moves(fit, moves, &pull);
		pull.lead_points = POINTS_PER_STRENGTH * (moves[leader] - moves[rival]);
		*num_pulls = insert_pull(pulls, *num_pulls, limit, pull);
	}
	pfree(inverse);
	return pulls;
}
