# shellcheck shell=bash
#
# sanitizers - the four programs built with a sanitizer, in the whole system: parts of e2e, then a
# campaign of faults. What a sanitizer reports is a failed test.

readonly BUILD_THREADS=$top/.run/build-threads
readonly REPORTS=$work/reports
readonly SANITIZERS_S_MAX=420  # for one suite, whatever goes wrong in it

# As much code as possible in a minute: each kind of request, answer, message and outcome.
readonly MEMORY_TESTS=(
	e2e/test_booking.py e2e/test_life.py e2e/test_lists.py e2e/test_live.py
	e2e/test_layout.py e2e/test_reading.py e2e/test_booking_events.py e2e/test_dialects.py
)

# Whatever makes threads meet and is not timed: the campaign in sanitizers/ does most of it.
readonly THREADS_TESTS=(e2e/test_live.py e2e/test_booking_events.py)

# suite_memory [PYTEST ARGUMENT...]: other tests instead.
suite_memory() {
	section_begin memory
	if build_sanitized; then
		programs_tests "$BUILD_SANITIZED" "${@:-${MEMORY_TESTS[@]}}"
	fi
	section_end
}

# suite_threads [PYTEST ARGUMENT...]: the same.
suite_threads() {
	section_begin threads
	need_native_packages || record fail packages
	if build "$BUILD_THREADS" -Dwerror=true -Dfault_points=true -Dtests=disabled \
		-Db_sanitize=thread; then
		programs_tests "$BUILD_THREADS" "${@:-${THREADS_TESTS[@]}}"
	fi
	section_end
}

# programs_tests BUILD PYTEST ARGUMENT...: adds its rows to the section.
programs_tests() {
	local build=$1
	shift
	rm -rf "$REPORTS"
	PYTHONPATH=$top/tests pytest_rows "$section_name" "$build" "$SANITIZERS_S_MAX" \
		-p sanitizers.plugin --reports "$REPORTS" "$@" sanitizers
}
