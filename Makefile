MODULE_big = bixarena_rank
EXTENSION = bixarena_rank

# sql/ has install scripts as they were released, and upgrade scripts.  The version
# of the control file is made of its parts (SQL_PARTS), also once it is released:
# a test sees to it that nobody changes the parts after that.
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" bixarena_rank.control)
CURRENT_SCRIPT = bixarena_rank--$(EXTVERSION).sql
DATA_built = build/$(CURRENT_SCRIPT)
DATA = $(filter-out sql/$(CURRENT_SCRIPT),$(wildcard sql/bixarena_rank--*.sql))
EXTRA_CLEAN = build

OBJS = $(NUMERIC_OBJS) $(DATABASE_OBJS)

# the way of the data
NUMERIC_OBJS = \
	src/tally.o \
	src/outcome.o \
	src/ballots.o \
	src/components.o \
	src/lapack.o \
	src/likelihood.o \
	src/tree.o \
	src/fit.o \
	src/resample.o \
	src/scale.o \
	src/interval.o \
	src/ranking.o

DATABASE_OBJS = \
	src/init.o \
	src/query.o \
	src/locks.o \
	src/harmless.o \
	src/watch.o \
	src/metrics.o \
	src/arena.o \
	src/setting.o \
	src/columns.o \
	src/battle_query.o \
	src/battles.o \
	src/relation.o \
	src/contenders.o \
	src/votes.o \
	src/matchups.o \
	src/snapshot.o \
	src/retention.o \
	src/run.o \
	src/call.o \
	src/notice.o \
	src/progress.o \
	src/generate.o \
	src/campaign.o \
	src/generate_all.o \
	src/backfill.o \
	src/request.o \
	src/time_limit.o \
	src/waiting.o \
	src/launcher.o \
	src/worker.o \
	src/schedule.o \
	src/simulate.o

# the install script is made of these, in this order
SQL_PARTS = \
	src/sql/header.sql \
	src/sql/tables.sql \
	src/sql/rank.sql \
	src/sql/arena.sql \
	src/sql/watch.sql \
	src/sql/setting.sql \
	src/sql/generate.sql \
	src/sql/request.sql \
	src/sql/paging.sql \
	src/sql/leaderboard.sql \
	src/sql/history.sql \
	src/sql/comparison.sql \
	src/sql/matchup.sql \
	src/sql/markup.sql \
	src/sql/chart.sql \
	src/sql/leaderboard_chart.sql \
	src/sql/history_chart.sql \
	src/sql/matchup_chart.sql \
	src/sql/snapshot.sql \
	src/sql/run.sql \
	src/sql/schedule.sql \
	src/sql/health.sql \
	src/sql/leaderboards.sql \
	src/sql/metrics.sql \
	src/sql/html.sql \
	src/sql/report.sql \
	src/sql/duration_chart.sql \
	src/sql/runs_report.sql \
	src/sql/site.sql \
	src/sql/role.sql \
	src/sql/simulate.sql

SHLIB_LINK = -llapack -lblas -lm

# PostgreSQL's own headers do not compile without a warning of -Wextra, so they
# count as the system's
PG_CPPFLAGS = -isystem $(includedir_server)

# the loops marked "omp simd" become vector instructions; there is no OpenMP
# runtime, and no thread
PG_CFLAGS = -Wextra -fopenmp-simd

# texts in any script are tested
ENCODING = UTF8
NO_LOCALE = 1

TESTS = $(wildcard test/sql/*.sql)
REGRESS = $(patsubst test/sql/%.sql,%,$(TESTS))
REGRESS_OPTS = --inputdir=test
SPECS = $(wildcard test/specs/*.spec)
ISOLATION = $(patsubst test/specs/%.spec,%,$(SPECS))
ISOLATION_OPTS = --inputdir=test --outputdir=.
# on a busy machine what is quick here takes so long that its progress is told
export PGOPTIONS := $(PGOPTIONS) -c bixarena_rank.progress=off

PG_CONFIG = pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): src/bixarena_rank.h src/compat.h

$(DATA_built): $(SQL_PARTS) Makefile
	mkdir -p build
	cat $(SQL_PARTS) > $@
