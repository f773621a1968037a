/*-------------------------------------------------------------------------
 *
 * quasi_newton.c
 *	  What the last steps of a climb teach for the next one.
 *
 * A limited-memory BFGS (Nocedal 1980; the two loops of Nocedal and Wright, Numerical
 * Optimization, algorithm 7.4): the gradient is bent by what is remembered, solved by
 * an inverse that is at hand, and the step bent back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"

/* Pairs of step and change of gradient that are remembered */
#define MEMORY 8

struct StepMemory
{
	int			size;			/* of a step */
	int			num_remembered; /* the newest at (num_remembered - 1) % MEMORY */
	double	   *moves[MEMORY];
	double	   *changes[MEMORY];	/* by how much the gradient fell */
	double		products[MEMORY];	/* of the two */
	double		weights[MEMORY];	/* of the step at hand */
	double	   *bent;
};

double
dot_product(const double *a, const double *b, int n)
{
	double		sum = 0;

#pragma omp simd reduction(+:sum)
	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/*
 * Add a multiple of a vector to a sum.
 */
void
add_multiple(double *restrict sum, double factor, const double *restrict vector,
			 int n)
{
#pragma omp simd
	for (int i = 0; i < n; i++)
		sum[i] += factor * vector[i];
}

StepMemory *
memory_create(int size)
{
	StepMemory *memory = palloc0(sizeof(StepMemory));

	memory->size = size;
	for (int m = 0; m < MEMORY; m++)
	{
		memory->moves[m] = palloc(sizeof(double) * size);
		memory->changes[m] = palloc(sizeof(double) * size);
	}
	memory->bent = palloc(sizeof(double) * size);
	return memory;
}

void
memory_forget(StepMemory *memory)
{
	memory->num_remembered = 0;
}

static int
oldest_remembered(const StepMemory *memory)
{
	return Max(0, memory->num_remembered - MEMORY);
}

/*
 * The gradient as the inverse at hand is to see it.
 */
const double *
memory_bend(StepMemory *memory, const double *gradient)
{
	int			n = memory->size;

	memcpy(memory->bent, gradient, sizeof(double) * n);
	for (int k = memory->num_remembered - 1; k >= oldest_remembered(memory); k--)
	{
		int			m = k % MEMORY;

		memory->weights[m] = dot_product(memory->moves[m], memory->bent, n) /
			memory->products[m];
		add_multiple(memory->bent, -memory->weights[m], memory->changes[m], n);
	}
	return memory->bent;
}

/*
 * Bend the step back that this gives.
 */
void
memory_bend_back(StepMemory *memory, double *step)
{
	int			n = memory->size;

	for (int k = oldest_remembered(memory); k < memory->num_remembered; k++)
	{
		int			m = k % MEMORY;
		double		excess = memory->weights[m] -
			dot_product(memory->changes[m], step, n) / memory->products[m];

		add_multiple(step, excess, memory->moves[m], n);
	}
}

/*
 * Remember a step and the gradients at its begin and end, unless rounding has eaten
 * what it would teach.
 */
void
memory_remember(StepMemory *memory, const double *step, const double *before,
				const double *after)
{
	int			n = memory->size;
	int			m = memory->num_remembered % MEMORY;

	memcpy(memory->moves[m], step, sizeof(double) * n);
	memcpy(memory->changes[m], before, sizeof(double) * n);
	add_multiple(memory->changes[m], -1, after, n);
	memory->products[m] = dot_product(memory->moves[m], memory->changes[m], n);
	if (memory->products[m] > 0)
		memory->num_remembered++;
}
