#!/usr/bin/env bash
# bare - a fresh clone on a Debian 12 that has nothing on it: does it start, and pass its tests?
#
# usage: tests/bare.sh [start|tests]   one of the two; default both, one after the other
#
# A development machine hides missing install steps. This makes a minimal root with debootstrap,
# clones the last commit into it, and there runs what a newcomer would: ./start-services.sh, the
# curl it prints, ./tests/run.sh. Needs root, debootstrap and git. The new root has processes of its
# own, which end with it, but this machine's network: SEATLINE_* and TEST_* choose other ports.
#
# What a machine needs to reach packages (sources, proxies, certificate authorities, settings of pip
# and Maven) is copied from this one.
#
# BARE_ROOT=dir   where the root is made (.run/bare); BARE_KEEP=1 leaves it there
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
root=${BARE_ROOT:-$top/.run/bare}
readonly top root
readonly SUITE=bookworm
readonly HOME_INSIDE=/root/seatline # user postgres may not go there: the hardest place
readonly START_S=1800 TESTS_S=7200

say() { printf '== %s\n' "$*"; }
die() {
	printf 'bare: %s\n' "$*" >&2
	exit 1
}

# The Debian archives this machine uses, as one-line sources.
sources() {
	# shellcheck disable=SC2016  # apt fills these in
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Identifier: Packages' 'Origin: Debian' | grep -E " $SUITE(-[a-z]+)? " | sort -u
}

copy_if_there() {
	local from
	for from in "$@"; do
		[[ -e $from ]] || continue
		mkdir -p "$root/$(dirname "$from")"
		cp -aL "$from" "$root/$(dirname "$from")/"
	done
}

copy_settings() {
	sources >"$root/etc/apt/sources.list"
	apt-config dump | grep -iE '^Acquire::[a-z:]*(Proxy|CaInfo|CaPath|Verify)' \
		>"$root/etc/apt/apt.conf.d/90machine" || true
	copy_if_there /etc/resolv.conf /etc/hosts /etc/apt/auth.conf /etc/apt/auth.conf.d \
		/usr/local/share/ca-certificates /etc/pip.conf "$HOME/.config/pip" "$HOME/.pip" \
		"$HOME/.m2/settings.xml"
	# Certificates as they are before the package ca-certificates makes them anew from the same.
	copy_if_there /etc/ssl/certs/ca-certificates.crt
}

root_make() {
	local mirror

	mirror=$(sources | awk -v suite="$SUITE" '$3 == suite { print $2; exit }')
	[[ -n $mirror ]] || die "apt knows no archive of $SUITE"
	say "a minimal Debian 12 in $root"
	mkdir -p "$root"
	debootstrap --variant=minbase "$SUITE" "$root" "$mirror" >"$root.log" 2>&1 ||
		die "debootstrap failed: $(tail -n 3 "$root.log")"
	copy_settings
	git clone --quiet --no-hardlinks "$top" "$root$HOME_INSIDE"
	cp "${BASH_SOURCE[0]}" "$root/bare.sh"
}

root_delete() {
	[[ -z ${BARE_KEEP:-} ]] || return 0
	rm -rf --one-file-system "$root" "$root.log"
}

# Runs this script inside, with an environment of its own but for what reaches packages and ports.
root_enter() {
	local name settings=(HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}"
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

	for name in $(compgen -e); do
		[[ $name =~ ^(PIP_|SEATLINE_|TEST_|MAVEN_|FUZZ_SECONDS$)|_(proxy|PROXY)$ ]] &&
			settings+=("$name=${!name}")
	done
	# shellcheck disable=SC2016  # for the inner shell
	unshare --mount --pid --fork --kill-child --propagation private \
		bash -c '
			mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" &&
			mount -t sysfs -o ro sysfs "$1/sys" && mount -t tmpfs tmpfs "$1/run" &&
			root=$1 && shift && exec chroot "$root" env -i "$@"' \
		bare "$root" "${settings[@]}" bash /bare.sh inside "$@"
}

# --- inside --------------------------------------------------------------------------------------

processes() { find /proc -maxdepth 1 -name '[0-9]*' ! -path "/proc/$$" ! -path /proc/self | wc -l; }

# try SECONDS WHAT COMMAND...: until it succeeds.
try() {
	local until=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		((SECONDS < until)) || die "not within time: $what"
		sleep 0.2
	done
}

is_booked() {
	curl -sS "$1/api/events/concert123" |
		python3 -c 'import json, sys
seats = {seat["seat_id"]: seat for seat in json.load(sys.stdin)["seats"]}
sys.exit(not (seats["A1"]["status"] == "booked" and seats["A1"]["user_id"] == "u1"))'
}

# The printed curl that books a seat, word for word, and then the map.
book_as_printed() {
	local printed=$1 line answer url

	line=$(grep -E '^ +curl .*-d ' <<<"$printed" | sed 's/^ *//')
	[[ -n $line ]] || die 'start-services.sh printed no curl that books'
	say "$line"
	answer=$(bash -c "$line" 2>/dev/null)
	printf '%s\n' "$answer"
	[[ $answer == *'"message":"Booking request received and is being processed."'* ]] ||
		die 'the booking was not accepted'
	url=$(grep -oE 'http://[0-9.:]+' <<<"$line" | head -n 1)
	try 5 'A1 is booked by u1' is_booked "$url"
	say 'A1 is booked by u1'
}

inside_start() {
	local printed before=$SECONDS

	say './start-services.sh on a bare machine'
	timeout "$START_S" ./start-services.sh | tee /tmp/printed
	printed=$(cat /tmp/printed)
	say "started after $((SECONDS - before)) s"
	book_as_printed "$printed"

	before=$SECONDS
	say './start-services.sh when it runs'
	./start-services.sh
	((SECONDS - before <= 10)) || die "that took $((SECONDS - before)) s"
	./start-services.sh status

	say './start-services.sh stop, and up again'
	./start-services.sh stop
	(($(processes) <= 6)) || {
		ps -ef
		die 'processes are left after stop'
	}
	before=$SECONDS
	./start-services.sh
	((SECONDS - before <= 30)) || die "that took $((SECONDS - before)) s"
	try 10 'A1 is still booked' is_booked "http://127.0.0.1:${SEATLINE_GATEWAY_PORT:-8080}"
	./start-services.sh reset
	[[ ! -e .run/demo ]] || die 'reset left data'
}

inside_tests() {
	say './tests/run.sh on a bare machine'
	timeout "$TESTS_S" ./tests/run.sh
}

inside() {
	cd "$HOME_INSIDE"
	case $1 in
	start) inside_start ;;
	tests) inside_tests ;;
	all)
		inside_start
		inside_tests
		;;
	esac
}

main() {
	local what=${1:-all}

	if [[ $what == inside ]]; then
		inside "$2"
		return
	fi
	[[ $what =~ ^(start|tests|all)$ ]] || die 'usage: tests/bare.sh [start|tests]'
	((EUID == 0)) || die 'a root file system takes root to make'
	command -v debootstrap >/dev/null || die 'as root: apt-get install debootstrap'
	[[ ! -e $root ]] || rm -rf --one-file-system "$root"
	trap root_delete EXIT
	root_make
	root_enter "$what"
	say 'a bare Debian 12 is enough'
}

main "$@"
