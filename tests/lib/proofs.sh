# shellcheck shell=bash
#
# proofs - the formal model, and the mutants that show that each guard's proof can fail.
#
# Errors   as in suites.sh.

readonly PACKAGES_MODEL=(spin)

# proof NAME PROGRAM [ARGUMENT...]: adds its rows to the section, and shows what it says.
proof() {
	local log=$logs/$1
	shift
	foreground /usr/bin/python3 "$@" --junit "$log.xml" > >(tee "$log.out" 9>&-) 2>&1 || :
	rows pytest "$log.xml" "$log.out"
}

suite_model() {
	section_begin model
	if need_packages "${PACKAGES_MODEL[@]}"; then
		proof model "$top/tests/model/check.py" \
			--decisions "$BUILD/tests/model/decisions" "$@"
	else
		record fail packages
	fi
	section_end
}

# Those that all suites together have time for.
suite_mutants() {
	mutants --fast "$@"
}

suite_mutants_full() {
	need_native_packages && need_packages "${PACKAGES_BUILD[@]}" || :
	mutants "$@"
}

# It builds for itself, in a copy.
mutants() {
	section_begin mutants
	if ! need_packages "${PACKAGES_MODEL[@]}"; then
		record fail packages
	elif servers_up; then
		proof mutants "$top/tests/mutants/mutants.py" --scratch "$work/mutants" "$@"
		rm -rf "$work/mutants"
	fi
	section_end
}
