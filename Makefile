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

# each folder knows those before it, and none after
FOLDERS = method server arena value live run score
OBJS = $(patsubst %.c,%.o,$(foreach folder,$(FOLDERS),$(sort $(wildcard src/$(folder)/*.c))) src/init.c)
HEADERS = src/compat.h $(wildcard src/*/*.h)

# the install script is made of these, in this order
SQL_PARTS = \
	src/sql/header.sql \
	src/sql/tables.sql \
	src/sql/arena/rank.sql \
	src/sql/arena/term.sql \
	src/sql/value/tally.sql \
	src/sql/value/term.sql \
	src/sql/arena/examine.sql \
	src/sql/value/examine.sql \
	src/sql/arena/arena.sql \
	src/sql/arena/node_script.sql \
	src/sql/arena/remote.sql \
	src/sql/read/watch.sql \
	src/sql/arena/setting.sql \
	src/sql/live/source.sql \
	src/sql/live/doubt.sql \
	src/sql/live/fold.sql \
	src/sql/live/tally.sql \
	src/sql/live/far.sql \
	src/sql/run/generate.sql \
	src/sql/run/request.sql \
	src/sql/read/paging.sql \
	src/sql/read/leaderboard.sql \
	src/sql/read/history.sql \
	src/sql/read/comparison.sql \
	src/sql/read/matchup.sql \
	src/sql/read/range.sql \
	src/sql/read/term.sql \
	src/sql/read/examine.sql \
	src/sql/chart/text.sql \
	src/sql/chart/chart.sql \
	src/sql/chart/leaderboard_chart.sql \
	src/sql/chart/history_chart.sql \
	src/sql/chart/matchup_chart.sql \
	src/sql/read/snapshot.sql \
	src/sql/run/run.sql \
	src/sql/run/cron.sql \
	src/sql/run/schedule.sql \
	src/sql/watch/health.sql \
	src/sql/live/live.sql \
	src/sql/read/leaderboards.sql \
	src/sql/watch/metrics.sql \
	src/sql/chart/html.sql \
	src/sql/chart/report.sql \
	src/sql/chart/duration_chart.sql \
	src/sql/chart/runs_report.sql \
	src/sql/chart/site.sql \
	src/sql/score/scoreboard.sql \
	src/sql/score/place.sql \
	src/sql/score/rank.sql \
	src/sql/score/message.sql \
	src/sql/score/queue.sql \
	src/sql/score/read.sql \
	src/sql/score/period.sql \
	src/sql/score/upload.sql \
	src/sql/score/standings.sql \
	src/sql/score/watch.sql \
	src/sql/score/distribution.sql \
	src/sql/chart/score_chart.sql \
	src/sql/chart/distribution_chart.sql \
	src/sql/chart/standings_chart.sql \
	src/sql/chart/scoreboard_report.sql \
	src/sql/arena/role.sql \
	src/sql/arena/simulate.sql

SHLIB_LINK = -llapack -lblas -lm

# PostgreSQL's own headers do not compile without a warning of -Wextra, so they
# count as the system's
PG_CPPFLAGS = -isystem $(includedir_server) -I$(srcdir)/src -DEXTENSION_VERSION='"$(EXTVERSION)"'

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

$(OBJS): $(HEADERS)
src/server/version.o: bixarena_rank.control

$(DATA_built): $(SQL_PARTS) Makefile
	mkdir -p build
	cat $(SQL_PARTS) > $@

# is everything written as the server's own sources are?
.PHONY: check-style
check-style:
	script/check-style
