# shellcheck shell=bash disable=SC2119,SC2120
#
# setup.sh
#	  What the scripts here have in common; they source this file.
#
# It installs the Debian packages that are missing, builds bixarena_rank,
# installs it for one PostgreSQL server and starts a throw-away server.
# Two settings choose another server than this Debian's own:
#
#	PG_MAJOR=17				its major version, of Debian's packages
#	PG_CONFIG=/path/pg_config	a server that is installed already
#
# All work is done in a temporary folder, in a copy of the sources, and the
# folder goes when the script ends.  So the checkout is only read: it may belong
# to anybody, lie in /root, and never ends up with files of root's in it.
# PostgreSQL does not run as root.  Where the script does, the server, the build
# and the tests run as an unprivileged user, to whom the folder then belongs.

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 LANG=C.UTF-8

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
script_name=script/$(basename "$0")

# Settings of the user's for psql must not lead to a server of the user's
for variable in "${!PG@}"; do
	case $variable in
		PG_MAJOR | PG_CONFIG | PGCLIENTENCODING) ;;
		*) unset "$variable" ;;
	esac
done

say() {
	printf '%s\n' "$*"
}

fail() {
	printf '%s: %s\n' "$script_name" "$*" >&2
	exit 1
}

# Runs a command, and shows what it printed only if it fails
quietly() {
	local log=$work/log
	"$@" >"$log" 2>&1 </dev/null && return
	tail -n 100 "$log" >&2
	return 1
}

as_root() {
	if [ "$EUID" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		printf 'root must do this, and there is no sudo: %s\n' "$*" >&2
		return 1
	fi
}

# Whoever runs the server and the tests: not root
as_server_user() {
	if [ "$EUID" -eq 0 ]; then
		(cd "$work" && HOME=$work runuser -u "$server_user" -- "$@")
	else
		"$@"
	fi
}

#------------------------------------------------------------------------------
# Packages
#------------------------------------------------------------------------------

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

update_package_lists() {
	[ -z "${lists_updated:-}" ] || return 0
	lists_updated=yes
	quietly as_root apt-get -qq update || fail "apt-get update failed"
}

# A newly installed server would get a cluster "main", created and started.
# Nobody asked for one here.  Debian reads this file when it decides; it is
# there for the time of the installation and changes nothing for later.
no_main_cluster=/etc/postgresql-common/createcluster.d/bixarena_rank.conf

forbid_main_cluster() {
	as_root mkdir -p "$(dirname "$no_main_cluster")"
	printf 'create_main_cluster = false\n' |
		as_root tee "$no_main_cluster" >/dev/null
}

allow_main_cluster() {
	if [ -e "$no_main_cluster" ]; then
		as_root rm -f "$no_main_cluster"
		as_root rmdir --ignore-fail-on-non-empty "$(dirname "$no_main_cluster")"
	fi
}

install_missing() {
	local package missing=()

	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	command -v apt-get >/dev/null ||
		fail "without apt-get, install these by hand: ${missing[*]}"
	say "Installing Debian's packages (a minute or two): ${missing[*]}"
	update_package_lists
	case " ${missing[*]} " in
		*" postgresql-$PG_MAJOR "*) forbid_main_cluster ;;
	esac
	quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install \
		--yes --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" ||
		fail "apt-get could not install: ${missing[*]}
PG_MAJOR=… chooses another major version of PostgreSQL than $PG_MAJOR."
	allow_main_cluster
}

# unpack_packages FOLDER PACKAGE...: fetches Debian's packages and unpacks them
# there, so that the machine stays as it is
unpack_packages() {
	local folder=$1 package
	shift

	say "Fetching Debian's packages, without installing them: $*"
	update_package_lists
	mkdir "$folder"
	(
		cd "$folder"
		quietly apt-get -o APT::Sandbox::User=root download "$@" ||
			fail "apt-get could not fetch: $*"
	)
	for package in "$folder"/*.deb; do
		dpkg-deb --extract "$package" "$folder"
	done
}

# The folders that hold each LAPACK, as LD_LIBRARY_PATH takes them: the
# reference implementation and OpenBLAS without threads.  OpenBLAS is unpacked,
# not installed: an installed one becomes the LAPACK of the whole machine.
find_lapacks() {
	local package=libopenblas0-serial

	# shellcheck disable=SC2034	# used by the scripts that source this file
	reference_lapack=$(dpkg -L liblapack3 libblas3 |
		sed -n 's,/lib\(blas\|lapack\)\.so\.3$,,p' | paste -s -d :)

	if is_installed "$package"; then
		openblas=$(dpkg -L "$package")
	else
		unpack_packages "$work/openblas" "$package"
		openblas=$(find "$work/openblas")
	fi
	openblas=$(sed -n 's,/liblapack\.so\.3$,,p' <<<"$openblas")
}

# Prometheus and its exporter for PostgreSQL, in the folder $work/prometheus/usr/bin
# if they are not installed.  Installing them would start them as services.
find_prometheus() {
	local package missing=()

	for package in prometheus prometheus-postgres-exporter; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	update_package_lists
	# from Debian 13 on, promtool has a package of its own
	if ! command -v promtool >/dev/null && apt-cache show promtool >/dev/null 2>&1; then
		missing+=(promtool)
	fi
	unpack_packages "$work/prometheus" "${missing[@]}"
}

# Node's driver for PostgreSQL, in the folder $work/node/usr/share/nodejs if it is not
# installed.  Debian's package asks for Debian's Node, and a machine may have another.
find_node_driver() {
	local packages

	if is_installed node-pg; then
		return
	fi
	update_package_lists
	mapfile -t packages < <(apt-cache depends --recurse --no-recommends --no-suggests \
		--no-conflicts --no-breaks --no-replaces --no-enhances node-pg |
		grep '^node-' | sort -u)
	# a Debian without it leaves the example out
	[ ${#packages[@]} -eq 0 ] || unpack_packages "$work/node" "${packages[@]}"
}

#------------------------------------------------------------------------------
# Build and installation
#------------------------------------------------------------------------------

# set_up [PACKAGE...]: from a checkout to an installed extension, with the
# packages that the caller needs besides
set_up() {
	prepare gcc libc6-dev make liblapack-dev "$@"
	copy_sources "$work/source"
	build_and_install
}

# set_up_once: the same, but nothing is built if this very version is installed
set_up_once() {
	prepare gcc libc6-dev make liblapack-dev
	copy_sources "$work/source"
	build_id=$(sources_checksum)
	if [ "$(installed_build_id)" = "$build_id" ]; then
		say "bixarena_rank is installed for $("$PG_CONFIG" --version) as it is here"
		return
	fi
	build_and_install "COPT=-Wl,--build-id=0x$build_id"
}

# The checksum of all that an installation depends on.  It becomes the build id
# of the library, so that no other file has to keep it.
sources_checksum() {
	(
		cd "$work/source"
		"$PG_CONFIG" --version --configure
		find Makefile bixarena_rank.control src sql -type f | sort | xargs sha1sum
	) | sha1sum | cut -d ' ' -f 1
}

# Nothing if the library or its scripts are not installed
installed_build_id() {
	local scripts

	scripts=$("$PG_CONFIG" --sharedir)/extension
	if cmp -s "$project/bixarena_rank.control" "$scripts/bixarena_rank.control"; then
		LC_ALL=C readelf --notes "$("$PG_CONFIG" --pkglibdir)/bixarena_rank.so" 2>/dev/null |
			sed -n 's/^ *Build ID: //p'
	fi
}

# build_and_install [VARIABLE=VALUE...]: of make
build_and_install() {
	say "Building bixarena_rank and installing it for $("$PG_CONFIG" --version)"
	[ "$EUID" -ne 0 ] || chown -R "$server_user" "$work/source"
	make=(make -s --no-print-directory -C "$work/source" PG_CONFIG="$PG_CONFIG" "$@")
	quietly as_server_user "${make[@]}" --jobs="$(nproc)" || fail "the build failed"
	quietly install_extension || fail "the installation failed"
}

# The temporary folder, unless there is one already
make_work_folder() {
	[ -z "${work:-}" ] || return 0
	work=$(mktemp -d "${TMPDIR:-/tmp}/bixarena_rank.XXXXXX")
	trap clean_up EXIT
}

# The major version of the PostgreSQL that this release of Debian has
choose_major() {
	local VERSION_CODENAME=''

	[ -z "${PG_MAJOR:-}" ] || return 0
	# shellcheck source=/dev/null
	[ ! -r /etc/os-release ] || . /etc/os-release
	case $VERSION_CODENAME in
		bookworm) PG_MAJOR=15 ;;
		trixie) PG_MAJOR=17 ;;
		forky) PG_MAJOR=18 ;;
		*)
			update_package_lists
			PG_MAJOR=$(apt-cache depends postgresql |
				sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
			[ -n "$PG_MAJOR" ] || fail "choose a version of PostgreSQL by PG_MAJOR=… or PG_CONFIG=…"
			;;
	esac
}

# prepare [PACKAGE...]: a temporary folder, a PostgreSQL, and a user for it
prepare() {
	local packages=()

	make_work_folder
	if [ -z "${PG_CONFIG:-}" ]; then
		choose_major
		PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
		packages+=("postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR")
	fi
	install_missing "${packages[@]}" "$@"
	[ -x "$PG_CONFIG" ] || fail "no pg_config at $PG_CONFIG"
	bindir=$("$PG_CONFIG" --bindir)

	if [ "$EUID" -eq 0 ]; then
		server_user=postgres
		id "$server_user" >/dev/null 2>&1 || server_user=nobody
		chown "$server_user" "$work"
		as_server_user test -w "$work" ||
			fail "the user $server_user cannot enter $work: set TMPDIR to a folder open to all"
	fi
}

# All that belongs to the project, for a checkout that git does not know
project_files=(.ci .dockerignore .editorconfig .gitignore CHANGELOG.md CONTRIBUTING.md
	Dockerfile LICENSE META.json Makefile README.md bixarena_rank.control contrib debian
	doc expected script sql src test)

# copy_sources FOLDER: only what belongs to the project, not what builds and tests
# left behind or somebody put there.  A file that is not in git yet belongs to it
# if it lies in one of its folders.
copy_sources() {
	local git=(git -c "safe.directory=$project" -C "$project") file files=()

	for file in "${project_files[@]}"; do
		[ ! -e "$project/$file" ] || files+=("$file")
	done
	mkdir "$1"
	if command -v git >/dev/null && [ -e "$project/.git" ] &&
		"${git[@]}" rev-parse >/dev/null 2>&1; then
		{
			"${git[@]}" ls-files -z --cached
			"${git[@]}" ls-files -z --others --exclude-standard -- "${files[@]}"
		} | tar -C "$project" -c --null --no-recursion --ignore-failed-read \
			--warning=no-failed-read --verbatim-files-from --files-from=-
	else
		tar -C "$project" -c --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
			--exclude='*.a' --exclude=test/unit/build --exclude=test/fuzz/build \
			--exclude='debian/postgresql-*' "${files[@]}"
	fi | tar -C "$1" -x --no-same-owner
}

install_extension() {
	if [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then
		"${make[@]}" install
	else
		as_root "${make[@]}" install
	fi
}

#------------------------------------------------------------------------------
# The throw-away server
#------------------------------------------------------------------------------

# start_server ['SETTING = VALUE'...]: it listens in the temporary folder only,
# which nobody else can enter, so it asks for no password
start_server() {
	local data=$work/data

	quietly as_server_user "$bindir/initdb" --pgdata="$data" --no-sync \
		--username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 ||
		fail "initdb failed"
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$work'" \
		"$@" >>"$data/postgresql.conf"
	restart_server
	export PGHOST=$work PGUSER=postgres PGDATABASE=postgres
}

# restart_server [NAME=VALUE...]: with these environment variables
restart_server() {
	if [ -e "$work/data/postmaster.pid" ]; then
		stop_server "$work/data" fast
	fi
	as_server_user env "$@" "$bindir/pg_ctl" start --silent --wait \
		--pgdata="$work/data" --log="$work/server.log" || {
		tail -n 50 "$work/server.log" >&2
		fail "the server did not start"
	}
}

stop_server() {
	as_server_user "$bindir/pg_ctl" stop --silent --pgdata="$1" --mode="$2"
}

run_psql() {
	"$bindir/psql" --no-psqlrc --quiet --pset=pager=off \
		--set=ON_ERROR_STOP=1 "$@"
}

# Runs when the script ends, in whatever way
clean_up() {
	local status=$? server

	trap - EXIT
	set +e
	allow_main_cluster
	find "$work" -name postmaster.pid -printf '%h\n' 2>/dev/null |
		while read -r server; do
			stop_server "$server" immediate </dev/null
		done
	rm -rf "$work"
	exit "$status"
}
