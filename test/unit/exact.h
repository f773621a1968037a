/*-------------------------------------------------------------------------
 *
 * exact.h
 *	  A slow and independent implementation of the method: see exact.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXACT_H
#define EXACT_H

/* Who took how many points off whom: of[i * num_models + j] is i's off j */
typedef struct PointMatrix
{
	int			num_models;
	long double *of;
} PointMatrix;

extern PointMatrix matrix_create(int num_models);
extern void matrix_add_cell(PointMatrix matrix, const Cell *cell, double times);
extern PointMatrix matrix_of_battles(const BattleList *battles);
extern PointMatrix matrix_of_points(const Tally *tally, PairPoints points);
extern PointMatrix matrix_with_ghost(PointMatrix matrix, double prior_battles);
extern PointMatrix matrix_among(PointMatrix matrix, const int *models,
								int num_models);
extern void matrix_free(PointMatrix matrix);

extern long double exact_log_likelihood(PointMatrix matrix,
										const long double *strengths);
extern void exact_gradient(PointMatrix matrix, const long double *strengths,
						   long double *gradient);
extern void exact_solve(PointMatrix matrix, const long double *strengths,
						const long double *gradient, long double *step);
extern void exact_fit(PointMatrix matrix, long double *strengths);

extern int	exact_standings(PointMatrix matrix, Standing *standing);
extern bool exact_statuses(PointMatrix matrix, ModelStatus *status);
extern int	exact_fit_scores(PointMatrix matrix, const Standing *standing,
							 double *scores);
extern Tally *placed_tally(const BattleList *battles);

extern int	compare_doubles(const void *a, const void *b);

#endif							/* EXACT_H */
