# shellcheck shell=bash
#
# suites - what each name on run.sh's command line runs. Each makes one section of the report.
#
# Errors   a suite that cannot run records a failure and returns; only a failed build ends the run.

readonly BUILD=$top/.run/build-test
readonly BUILD_SANITIZED=$top/.run/build-sanitized
readonly BUILD_FUZZ=$top/.run/build-fuzz
readonly MESON=/usr/bin/meson
readonly INTEGRATION_AT_ONCE=4   # tests that mostly wait for servers
readonly PYTEST_S_MAX=900       # for one suite, whatever goes wrong in it
readonly ACCESS_S_MAX=1800      # six minutes, and more for a busy machine
readonly FAULTS_S_MAX=1800      # ten minutes, and twice as much again for a busy machine
readonly FAULTS_FULL_S_MAX=3600 # with campaigns at full length
readonly PYTEST_CLEANUP_S=120   # from then on, for its fixtures to stop what they started

# build DIRECTORY [MESON SETUP OPTION...]
build() {
	local directory=$1
	shift
	if [ ! -f "$directory/build.ninja" ]; then
		check "configure ${directory##*/}" "$MESON" setup "$directory" "$top" "$@" ||
			return 1
	fi
	check "compile ${directory##*/}" "$MESON" compile -C "$directory"
}

suite_build() {
	local status=0
	section_begin build
	if ! need_native_packages || ! need_packages "${PACKAGES_BUILD[@]}"; then
		record fail packages
	fi
	build "$BUILD" -Dwerror=true -Dfault_points=true -Dtests=enabled || status=1
	[ "$status" -ne 0 ] || check "CONFIGURATION.md is up to date" \
		"$top/tools/configuration.sh" --check "$BUILD" || :
	check "nginx accepts its configuration" native nginx && scan_gateway || :
	section_end
	return "$status"
}

# What nginx accepted may still be unsafe.
scan_gateway() {
	need_packages "${PACKAGES_PYTEST[@]}" && need_venv || { record fail packages && return; }
	check "gixy finds no hole in nginx's configuration" "$top/tests/lib/gateway_scan.py" \
		"$venv/bin/gixy" "$work/native/nginx/nginx.conf" || :
	check "nginx accepts it with TLS, origins and limits" \
		env SEATLINE_TLS=1 AUTH_MODE=jwt CORS_ORIGINS=https://seatline.example \
		"$top/tests/lib/native.sh" "$work/native" nginx || :
	check "gixy finds no hole in that" "$top/tests/lib/gateway_scan.py" \
		"$venv/bin/gixy" "$work/native/nginx/nginx.conf" || :
	check "gixy finds holes that there are" "$top/tests/lib/gateway_scan.py" \
		"$venv/bin/gixy" --lies || :
}

build_sanitized() {
	build "$BUILD_SANITIZED" -Dwerror=true -Dfault_points=true -Dtests=enabled \
		-Db_sanitize=address,undefined -Dc_args=-fno-sanitize-recover=all
}

# meson_tests DIRECTORY SUITE [MESON TEST OPTION...]: adds its rows to the section.
meson_tests() {
	local directory=$1 suite=$2 log
	shift 2
	log=$logs/$section_name
	rm -f "$directory"/meson-logs/testlog*.json
	CRITERION_VERBOSITY_LEVEL=1 foreground "$MESON" test -C "$directory" --no-rebuild \
		--suite "$suite" "$@" >"$log.out" 2>&1 || :
	cat "$directory"/meson-logs/testlog*.json >"$log.json" 2>/dev/null || :
	rows meson "$log.json" "$log.out"
}

# rows TOOL RESULTS OUTPUT
rows() {
	local tool=$1 file=$2 output=$3
	if [ ! -s "$file" ]; then
		record fail "no results"
		tail -n "$FAILURE_LINES_MAX" "$output"
		return
	fi
	/usr/bin/python3 "$top/tests/lib/results.py" "$tool" "$section_name" "$file" \
		>"$work/rows" || record fail "unreadable results"
	cat "$work/rows" >>"$results"
	awk -F'\t' '$1 == "fail" { printf "FAILED %s: %s\n", $2, $3 }' "$work/rows"
}

suite_unit() {
	section_begin unit
	meson_tests "$BUILD" unit "$@"
	section_end
}

suite_sim() {
	section_begin sim
	meson_tests "$BUILD" sim "$@"
	section_end
}

# The corpus as a regression test and, with FUZZ_SECONDS, libFuzzer for that long on each parser.
suite_fuzz() {
	section_begin fuzz
	meson_tests "$BUILD" fuzz "$@"
	[ "${FUZZ_SECONDS:-0}" -eq 0 ] || fuzz_new_inputs
	section_end
}

fuzz_new_inputs() {
	local fuzzer name
	need_packages "${PACKAGES_FUZZ[@]}" || { record fail packages && return; }
	CC=clang-14 build "$BUILD_FUZZ" -Dfuzz=true -Db_lundef=false -Dtests=enabled || return 0
	for fuzzer in "$BUILD_FUZZ"/tests/fuzz/fuzz_*; do
		[ -f "$fuzzer" ] || continue
		name=${fuzzer##*/fuzz_}
		mkdir -p "$work/corpus/$name"
		check "fuzz $name for $FUZZ_SECONDS s" "$fuzzer" -max_total_time="$FUZZ_SECONDS" \
			-timeout=5 -rss_limit_mb=1024 -artifact_prefix="$logs/$name-" \
			"$work/corpus/$name" "$top/tests/fuzz/corpus/$name" || :
	done
}

suite_sanitized() {
	section_begin sanitized
	if build_sanitized; then
		meson_tests "$BUILD_SANITIZED" unit --setup=sanitized "$@"
		meson_tests "$BUILD_SANITIZED" fuzz --setup=sanitized "$@"
		if servers_up; then
			meson_tests "$BUILD_SANITIZED" integration --setup=sanitized \
				--num-processes "$INTEGRATION_AT_ONCE" "$@"
		fi
	fi
	section_end
}

suite_integration() {
	section_begin integration
	if servers_up; then
		meson_tests "$BUILD" integration --num-processes "$INTEGRATION_AT_ONCE" "$@"
	fi
	section_end
}

# pytest_tests SUITE [PYTEST ARGUMENT...]: the fixtures start and stop what they need themselves.
pytest_tests() {
	local suite=$1
	section_begin "$suite"
	pytest_rows "$suite" "$BUILD" "$PYTEST_S_MAX" "$@"
	section_end
}

# pytest_rows NAME BUILD SECONDS PYTEST ARGUMENT...: adds its rows to the section. Pytest that did
# not come to its end (status 2 and more) has told only of the tests before.
pytest_rows() {
	local log=$logs/$1 status=0
	servers_down
	if need_packages "${PACKAGES_PYTEST[@]}" && need_venv; then
		foreground pytest_run "$log.xml" "${@:2}" > >(tee "$log.out" 9>&-) 2>&1 ||
			status=$?
		rows pytest "$log.xml" "$log.out"
		[ "$status" -le 1 ] || record fail "pytest ended with status $status"
	else
		record fail "packages"
	fi
	state_clear "$PYTEST_STATE" || record fail "something is left running"
}

# pytest_run JUNIT.XML BUILD SECONDS PYTEST ARGUMENT...
pytest_run() {
	local xml=$1 build=$2 seconds=$3
	shift 3
	cd "$top/tests" &&
		exec env SEATLINE_BUILD_DIR="$build" SEATLINE_STATE_DIR="$PYTEST_STATE" \
			SEATLINE_PORT_BASE="$PORT_BASE" SEATLINE_GATEWAY_PORT="$GATEWAY_PORT" \
			SEATLINE_MODE=native REQUIRE_SERVICES=1 PYTHONDONTWRITEBYTECODE=1 \
			timeout --signal=INT --kill-after="$PYTEST_CLEANUP_S" "$seconds" \
			"$venv/bin/pytest" -p no:cacheprovider --junitxml="$xml" "$@"
}

# What judges the promises, by lies that it has to find. Needs no server.
suite_checker() {
	pytest_tests checker "$@"
}

suite_e2e() {
	pytest_tests e2e "$@"
}

# Who may do what: with accounts, roles and administration. A stack of its own.
suite_access() {
	section_begin access
	pytest_rows access "$BUILD" "$ACCESS_S_MAX" access "$@"
	section_end
}

# What only a start with SECURE=1 or PRODUCTION=true has. Stacks of its own.
suite_secure() {
	pytest_tests secure "$@"
}

# The campaigns in their short form: what every run has time for.
suite_faults() {
	faults "$FAULTS_S_MAX" "$@"
}

suite_faults_full() {
	faults "$FAULTS_FULL_S_MAX" --full "$@"
}

# faults SECONDS [PYTEST ARGUMENT...]
faults() {
	need_toxiproxy || :
	need_packages "${PACKAGES_FAULTS[@]}" || :
	section_begin faults
	pytest_rows faults "$BUILD" "$1" faults "${@:2}"
	section_end
}

suite_browser() {
	need_packages "${PACKAGES_BROWSER[@]}" || :
	pytest_tests browser "$@"
}

suite_images() {
	section_begin images
	images
	section_end
}
