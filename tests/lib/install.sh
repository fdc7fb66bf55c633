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
readonly PACKAGES_TOXIPROXY=(golang-go)
readonly PACKAGES_FAULTS=(libfaketime)
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

# Whatever the suites of `all` need, except a browser.
need_all() {
	local status=0
	need_packages "${PACKAGES_PYTEST[@]}" "${PACKAGES_MODEL[@]}" "${PACKAGES_FAULTS[@]}" ||
		status=1
	need_venv || status=1
	need_toxiproxy || status=1
	return "$status"
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

readonly TOXIPROXY=2.5.0
readonly TOXIPROXY_S_MAX=900 # to fetch and compile it

# What stands between the programs and their servers in the fault campaigns. Debian has none; go
# compares what it fetches with its checksum database.
need_toxiproxy() {
	local home=$top/.run/opt/toxiproxy-$TOXIPROXY
	[ ! -x "$home/toxiproxy" ] || return 0
	need_packages "${PACKAGES_TOXIPROXY[@]}" || return 1
	say "  toxiproxy    fetching and compiling $TOXIPROXY"
	if ! foreground toxiproxy_build "$work/go" >"$logs/toxiproxy.log" 2>&1; then
		tail -n "$FAILURE_LINES_MAX" "$logs/toxiproxy.log"
		rm -rf "$work/go"
		return 1
	fi
	mkdir -p "$home"
	mv -f "$work/go/bin/server" "$home/toxiproxy"
	rm -rf "$work/go"
}

# toxiproxy_build DIRECTORY: Debian's go, whichever comes first in PATH; the modules it fetches can
# be deleted again.
toxiproxy_build() {
	rm -rf "$1"
	env GOPATH="$1" GOBIN="$1/bin" GOCACHE="$1/cache" GOFLAGS=-modcacherw \
		timeout --kill-after=10 "$TOXIPROXY_S_MAX" /usr/bin/go install \
		"github.com/Shopify/toxiproxy/v2/cmd/server@v$TOXIPROXY"
}
