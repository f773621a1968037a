# shellcheck shell=bash disable=SC2034,SC2154	# variables of and for those that source it
#
# tests.sh
#	  What running the tests needs, for the scripts that run them: packages, tools that
#	  are not installed as such, and the options of the server's own test programs.

# What set_up is to install besides
test_packages=(perl libipc-run-perl sqlsmith
	libxml2-utils chromium chromium-driver python3-selenium
	fonts-dejavu-core fonts-wqy-microhei
	python3-psycopg python3-psycopg2 python3-sqlalchemy)
command -v node >/dev/null || test_packages+=(nodejs)

# find_test_packages: a server of one's own has its own pg_cron, or its tests are
# left out
find_test_packages() {
	make_work_folder
	[ -z "${PG_CONFIG:-}" ] || return 0
	choose_major
	test_packages+=("postgresql-$PG_MAJOR-cron")
}

# find_test_tools: once the server is known
find_test_tools() {
	find_node_driver
	find_lapacks
	find_prometheus
	find_tap_environment
}

# temporary_instance NAME: options of pg_regress that make it start a server of its own
temporary_instance() {
	rm -rf "${work:?}/$1"
	printf -- '--temp-instance=%s' "$work/$1"
	if [ -e "$work/source/test/$1.conf" ]; then
		printf -- ' --temp-config=%s' "$work/source/test/$1.conf"
	fi
}

# find_tap_environment: into the array of that name, a command under which prove finds
# all that tests with servers of their own need.  PostgreSQL's framework for them comes
# with its headers.
find_tap_environment() {
	local makefiles tests

	makefiles=$(dirname "$("$PG_CONFIG" --pgxs)")
	tests=$(dirname "$makefiles")/test
	tap_environment=(env -C "$work/source"
		PATH="$bindir:$PATH:$work/prometheus/usr/bin"
		PERL5LIB="$tests/perl" PG_REGRESS="$tests/regress/pg_regress"
		REFERENCE_LAPACK="${reference_lapack:-}" OPENBLAS="${openblas:-}"
		NODE_PATH="$work/node/usr/share/nodejs")
}
