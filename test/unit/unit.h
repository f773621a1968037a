/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  The numeric half under test: the runner (unit.c) and the stand-in for
 *	  a server (server.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef UNIT_H
#define UNIT_H

/*
 * One check by name; each becomes one line of the output.  The arrays of a
 * file end with a test without a name.
 */
typedef struct UnitTest
{
	const char *name;
	void		(*run) (void);
} UnitTest;

extern const UnitTest tally_tests[];
extern const UnitTest outcome_tests[];
extern const UnitTest component_tests[];
extern const UnitTest curvature_tests[];
extern const UnitTest oracle_tests[];
extern const UnitTest fit_tests[];
extern const UnitTest tree_tests[];
extern const UnitTest ranking_tests[];
extern const UnitTest team_tests[];
extern const UnitTest input_tests[];
extern const UnitTest resample_tests[];
extern const UnitTest replicate_tests[];
extern const UnitTest interval_tests[];
extern const UnitTest difference_tests[];
extern const UnitTest voter_tests[];
extern const UnitTest term_tests[];
extern const UnitTest robustness_tests[];
extern const UnitTest goodness_tests[];
extern const UnitTest next_battle_tests[];
extern const UnitTest interrupt_tests[];

/* unit.c */
extern bool check(bool good, const char *fmt,...) pg_attribute_printf(2, 3);
extern void note(const char *fmt,...) pg_attribute_printf(1, 2);
extern void skip_test(const char *reason);
extern int	scaled(int number);

/* replicate_test.c: since it was set to 0 */
extern int	num_hessians;

/* server.c: the last error that the code under test reported */
extern int	error_code;
extern char error_message[];
extern char error_detail[];

extern void (*on_interrupt) (void);

extern bool catches_error(void (*action) (void *), void *argument);
extern bool reports_error(int code, void (*action) (void *), void *argument);
extern void release_memory(void);

#endif							/* UNIT_H */
