# shellcheck shell=bash
#
# install - what the tests need beyond what start-services.sh installs, and by its means: nothing
# that Debian installs may start a server of its own. Quiet when nothing is to do.
#
# Owns     $venv.

readonly PACKAGES_STYLE=(python3 python3-venv shellcheck)
readonly PACKAGES_BUILD=(libcriterion-dev)
readonly PACKAGES_FUZZ=(clang-14 libclang-rt-14-dev)
readonly PACKAGES_PYTEST=(python3 python3-venv)
readonly PACKAGES_BROWSER=(chromium fonts-liberation)
readonly PACKAGES_IMAGES=(buildah debootstrap docker-compose python3 python3-venv)

# need_packages PACKAGE...: installs those that are missing.
need_packages() {
	local package missing=()
	for package in "$@"; do
		[ "$(dpkg_status "$package")" = installed ] || missing+=("$package")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "as root, please: apt-get install --no-install-recommends ${missing[*]}"
		return 1
	fi
	foreground native packages "${missing[@]}"
}

dpkg_status() {
	dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || :
}

# What compiles the programs and runs the servers; the servers' archives come with the servers.
need_native_packages() {
	foreground native packages
}

# native COMMAND [ARGUMENT...]: see native.sh.
native() {
	"$top/tests/lib/native.sh" "$work/native" "$@"
}

# The Python of the tests, with exactly requirements.txt in it.
need_venv() {
	local wanted
	wanted=$(sha256sum <"$top/tests/requirements.txt")
	[ "$(cat "$venv/requirements.sha256" 2>/dev/null)" != "$wanted" ] || return 0
	say "  venv         installing tests/requirements.txt"
	rm -rf "$venv"
	if ! foreground venv_install >"$logs/venv.log" 2>&1; then
		tail -n "$FAILURE_LINES_MAX" "$logs/venv.log"
		return 1
	fi
	printf '%s\n' "$wanted" >"$venv/requirements.sha256"
}

# Debian's interpreter, whichever python3 comes first in PATH.
venv_install() {
	/usr/bin/python3 -m venv "$venv" &&
		"$venv/bin/pip" install --quiet --disable-pip-version-check --no-input \
			--retries 5 --requirement "$top/tests/requirements.txt"
}
