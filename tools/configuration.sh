#!/usr/bin/env bash
#
# configuration.sh - makes CONFIGURATION.md from what the programs say of themselves.
#
# usage: tools/configuration.sh BUILD_DIR > CONFIGURATION.md
#        tools/configuration.sh --check BUILD_DIR      status 1, with the difference, when the file
#                                                      is out of date
#
# A program's section is its --config-markdown. What stands before is configuration-intro.md; a
# setting of start-services.sh that is missing there is an error, too.
set -euo pipefail
export LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly top intro=$top/tools/configuration-intro.md
# The order in which a booking travels.
readonly PROGRAMS=(write-api worker projector read-api)

die() {
	printf 'configuration.sh: %s\n' "$*" >&2
	exit 1
}

# settings_check: each setting that start-services.sh remembers stands in the table of the intro.
settings_check() {
	local names name

	names=$(sed -n '/^readonly SETTINGS=(/,/)/p' "$top/native/common.sh" |
		sed -e 's/.*SETTINGS=(//' -e 's/)//')
	[[ -n $names ]] || die "native/common.sh names no SETTINGS"
	for name in $names; do
		grep -qF "| \`$name\` |" "$intro" || die "$name is missing in $intro"
	done
}

# markdown BUILD_DIR
markdown() {
	local program file

	settings_check
	cat "$intro"
	for program in "${PROGRAMS[@]}"; do
		file=$1/$program/$program
		[[ -x $file ]] || die "$file is not there: was it compiled?"
		printf '\n'
		env -i "$file" --config-markdown | sed -e '$ { /^$/d }'
	done
}

# check BUILD_DIR
check() {
	local fresh

	fresh=$(markdown "$1")
	diff -u --label CONFIGURATION.md --label 'what the programs say' \
		"$top/CONFIGURATION.md" <(printf '%s\n' "$fresh") && return
	die "CONFIGURATION.md is out of date: tools/configuration.sh $1 > CONFIGURATION.md"
}

case ${1:-} in
--check)
	(($# == 2)) || die "usage: tools/configuration.sh --check BUILD_DIR"
	check "$2"
	;;
*)
	(($# == 1)) || die "usage: tools/configuration.sh BUILD_DIR"
	markdown "$1"
	;;
esac
