/*-------------------------------------------------------------------------
 *
 * run_setting.c
 *	  With what a run is made: the settings of its leaderboard, and over them what
 *	  was asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/run.h"

/*
 * Those of a run: what was asked for wins.
 */
Settings *
read_run_settings(const Run *run)
{
	Settings   *settings = read_settings(run->arena, run->slug);

	if (run->num_bootstrap)
		settings->num_bootstrap = *run->num_bootstrap;
	if (run->min_evaluations)
		settings->min_evaluations = *run->min_evaluations;
	return settings;
}

/*
 * The settings of a run, or the defaults as long as they are not known.
 */
const Settings *
settings_of(const Run *run)
{
	return run->settings ? run->settings : default_settings();
}
