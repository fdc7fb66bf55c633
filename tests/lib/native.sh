#!/usr/bin/env bash
#
# native.sh - functions of start-services.sh that the tests use one by one, each in a shell of its
# own: in the tests' shell `set -e` is off wherever a status is looked at.
#
# usage: native.sh DIRECTORY packages [PACKAGE...]    Debian's, those that start-services.sh needs
#                                                     when none is named; no server of theirs starts
#        native.sh DIRECTORY database                 $DATABASE_URL, made with the schema only
#        native.sh DIRECTORY nginx                    is its configuration as rendered accepted?
# DIRECTORY is for logs and rendered files.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin"

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
RUN=$ROOT/.run
STATE=$1
readonly ROOT RUN STATE
shift
mkdir -p -- "$STATE/log" "$STATE/tmp"

# shellcheck source=native/common.sh
. "$ROOT/native/common.sh"
# shellcheck source=native/install.sh
. "$ROOT/native/install.sh"
# shellcheck source=native/programs.sh
. "$ROOT/native/programs.sh"
# shellcheck source=native/nginx.sh
. "$ROOT/native/nginx.sh"
# shellcheck source=native/services.sh
. "$ROOT/native/services.sh"

packages() {
	if (($#)); then
		packages_install "$@"
	else
		install_packages
	fi
}

database() {
	"$DBMATE" --migrations-dir "$ROOT/db/migrations" --no-dump-schema up
}

nginx_accepts() {
	native_prepare
	nginx_configure
	mv -- "$STATE/nginx/gateway.conf.new" "$STATE/nginx/gateway.conf"
	nginx_command -t
}

case $1 in
packages | database) "$@" ;;
nginx) nginx_accepts ;;
*) die "native.sh does not know $1" ;;
esac
