/*-------------------------------------------------------------------------
 *
 * cone.c
 *	  The point of a cone that is nearest to a given one.
 *
 * A cone is what lies inside of all walls a_k, the points y with a_k' y >= 0.  The point
 * of it that is nearest to g is
 *
 *	y = g + sum of z_k a_k
 *
 * with those z_k >= 0 that make it shortest, which active sets of walls find (Lawson and
 * Hanson 1974): the wall that y violates most is added to those that carry it, all of
 * these are solved for, and those whose z would be negative are dropped again.
 *
 * Walls are found one after the other by whoever asks.  A cone that has no point but 0
 * is one where nothing is left of any g.
 *
 * Memory: that of the walls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"

/* By so much a wall, whose normal has length 1, must be violated */
#define LEAST_VIOLATION 1e-11

/* What must be left of a wall's normal beside those that carry already */
#define LEAST_REST 1e-9

struct Cone
{
	int			size;
	int			num_walls;
	int			max_walls;
	double	   *walls;			/* normals of length 1, one after the other */
	double	   *z;				/* of each wall */

	/* Walls that carry the point, size at most; workspace */
	int			num_carrying;
	int		   *carrying;
	double	   *basis;			/* orthogonal, of what they span */
	double	   *factor;			/* their normals in it, by columns */
	double	   *solution;
};

Cone *
cone_create(int size)
{
	Cone	   *cone = palloc0(sizeof(Cone));

	cone->size = size;
	cone->max_walls = 64;
	cone->walls = palloc(sizeof(double) * cone->max_walls * size);
	cone->z = palloc(sizeof(double) * cone->max_walls);
	cone->carrying = palloc(sizeof(int) * (size + 1));
	cone->basis = palloc(sizeof(double) * size * size);
	cone->factor = palloc(sizeof(double) * size * size);
	cone->solution = palloc(sizeof(double) * size);
	return cone;
}

void
cone_free(Cone *cone)
{
	pfree(cone->walls);
	pfree(cone->z);
	pfree(cone->carrying);
	pfree(cone->basis);
	pfree(cone->factor);
	pfree(cone->solution);
	pfree(cone);
}

int
cone_num_walls(const Cone *cone)
{
	return cone->num_walls;
}

/*
 * Add a wall by its normal, which is not 0.
 */
void
cone_add_wall(Cone *cone, const double *normal)
{
	double		length = sqrt(dot_product(normal, normal, cone->size));
	double	   *wall;

	if (cone->num_walls == cone->max_walls)
	{
		cone->max_walls *= 2;
		cone->walls = repalloc(cone->walls, sizeof(double) * cone->max_walls * cone->size);
		cone->z = repalloc(cone->z, sizeof(double) * cone->max_walls);
	}
	wall = cone->walls + (Size) cone->num_walls++ * cone->size;
	for (int i = 0; i < cone->size; i++)
		wall[i] = normal[i] / length;
}

/*
 * Add a wall to those that carry.  False when these already span its normal.
 */
static bool
extend_basis(Cone *cone, int place)
{
	int			n = cone->size;
	double	   *vector = cone->basis + place * n;
	double		length;

	memcpy(vector, cone->walls + (Size) cone->carrying[place] * n, sizeof(double) * n);
	for (int other = 0; other < place; other++)
	{
		const double *basis = cone->basis + other * n;
		double		part = dot_product(basis, vector, n);

		cone->factor[place * n + other] = part;
		add_multiple(vector, -part, basis, n);
	}
	length = sqrt(dot_product(vector, vector, n));
	if (length < LEAST_REST)
		return false;
	cone->factor[place * n + place] = length;
	for (int i = 0; i < n; i++)
		vector[i] /= length;
	return true;
}

/*
 * The shortest y of the walls that carry, whatever the sign of their z.  False when they
 * depend on each other.
 */
static bool
solve_carrying(Cone *cone, const double *g, double *y)
{
	int			n = cone->size;

	memcpy(y, g, sizeof(double) * n);
	for (int place = 0; place < cone->num_carrying; place++)
	{
		const double *basis = cone->basis + place * n;
		double		part;

		if (!extend_basis(cone, place))
			return false;
		part = dot_product(basis, y, n);
		cone->solution[place] = -part;
		add_multiple(y, -part, basis, n);
	}
	for (int place = cone->num_carrying - 1; place >= 0; place--)
	{
		cone->solution[place] /= cone->factor[place * n + place];
		for (int other = 0; other < place; other++)
			cone->solution[other] -= cone->factor[place * n + other] * cone->solution[place];
	}
	return true;
}

/*
 * The wall that y violates most, or -1.
 */
static int
find_violated(const Cone *cone, const double *y)
{
	double		most = LEAST_VIOLATION;
	int			violated = -1;

	for (int k = 0; k < cone->num_walls; k++)
	{
		double		violation = -dot_product(cone->walls + (Size) k * cone->size, y, cone->size);

		if (violation > most)
		{
			most = violation;
			violated = k;
		}
	}
	return violated;
}

/*
 * Go from the z of the walls that carry towards the solution as far as none becomes
 * negative, and drop those that are 0 then.  True when all the way was gone.
 */
static bool
go_towards_solution(Cone *cone)
{
	double		part = 1;
	int			first = -1;
	int			num_kept = 0;

	for (int place = 0; place < cone->num_carrying; place++)
	{
		double		z = cone->z[cone->carrying[place]];

		if (cone->solution[place] <= 0 && z / (z - cone->solution[place]) < part)
		{
			part = z / (z - cone->solution[place]);
			first = place;
		}
	}
	for (int place = 0; place < cone->num_carrying; place++)
	{
		int			k = cone->carrying[place];

		cone->z[k] += part * (cone->solution[place] - cone->z[k]);
		if (place != first && (first < 0 || cone->z[k] > 0))
			cone->carrying[num_kept++] = k;
		else
			cone->z[k] = 0;
	}
	cone->num_carrying = num_kept;
	return first < 0;
}

/*
 * Find the point y of the cone that is nearest to g, which has a length of about 1.
 */
void
cone_nearest(Cone *cone, const double *g, double *y)
{
	int			violated;

	cone->num_carrying = 0;
	memset(cone->z, 0, sizeof(double) * cone->num_walls);
	memcpy(y, g, sizeof(double) * cone->size);
	/* every round but for rounding makes y shorter */
	for (int round = 0; round < 10 * (cone->num_walls + cone->size); round++)
	{
		violated = find_violated(cone, y);
		if (violated < 0 || cone->num_carrying == cone->size || cone->z[violated] > 0)
			return;
		cone->carrying[cone->num_carrying++] = violated;
		do
		{
			if (!solve_carrying(cone, g, y))
				return;
		} while (!go_towards_solution(cone));
	}
}
