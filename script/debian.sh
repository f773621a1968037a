# shellcheck shell=bash disable=SC2154
#
# debian.sh
#	  Debians in folders, for test-matrix and test-container: where this machine
#	  gets its packages from, and a folder's apt from the same.

# Where apt gets this machine's Debian from; apt itself knows, however its lists
# are written
find_mirror() {
	# shellcheck disable=SC2016	# apt-get expands it
	local query=(apt-get indextargets --format '$(REPO_URI)'
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian')

	mirror=${DEBIAN_MIRROR:-}
	[ -z "$mirror" ] || return 0
	# it knows the origin only of lists that it has
	[ -n "$("${query[@]}" 2>/dev/null)" ] || update_package_lists
	mirror=$("${query[@]}" | sed -nE 's,^(https?:.*[^/])/*$,\1,p')
	mirror=${mirror%%$'\n'*}
	mirror=${mirror:-http://deb.debian.org/debian}
}

# debootstrap asks the environment for a proxy, apt its own settings
find_proxies() {
	local scheme variable value

	for scheme in http https; do
		variable=${scheme}_proxy
		value=$(apt-config dump --format '%F %v%n' Acquire |
			sed -n "s/^Acquire::$scheme::Proxy //p")
		if [ -z "${!variable:-}" ] && [ -n "$value" ] && [ "$value" != DIRECT ]; then
			export "$variable=$value"
		fi
	done
}

# configure_apt ROOT RELEASE: as this machine's apt gets at Debian, so does the one
# in that folder
configure_apt() {
	local root=$1 release=$2
	local settings='Check-(Date|Valid-Until)|Retries'
	settings+='|https?::(Proxy(::[^ ]*)?|Verify-(Host|Peer))'

	printf 'deb %s %s main\n' "$mirror" "$release" >"$root/etc/apt/sources.list"
	rm -f "$root/etc/apt/sources.list.d/source.list"
	{
		apt-config dump --no-empty --format '%F "%v";%n' Acquire |
			grep -E "^Acquire::($settings) " || true
		printf '%s\n' 'Acquire::Languages "none";' \
			'APT::Keep-Downloaded-Packages "false";'
	} >"$root/etc/apt/apt.conf.d/99bixarena_rank"
	# a folder that a power failure spoilt can be made anew
	printf 'force-unsafe-io\n' >"$root/etc/dpkg/dpkg.cfg.d/bixarena_rank"

	[ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf >"$root/etc/resolv.conf"
	case $mirror in
		https:*) cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" ;;
	esac
}
