# shellcheck shell=bash
#
# style - what can be said about the sources without building them.

suite_style() {
	local rule
	section_begin style
	if ! need_packages "${PACKAGES_STYLE[@]}" || ! need_venv; then
		record fail packages
	fi
	for rule in $(/usr/bin/python3 "$top/tools/style.py" --list); do
		check "$rule" /usr/bin/python3 "$top/tools/style.py" "$rule" || :
	done
	check shellcheck style_shellcheck || :
	check python style_python || :
	check "no secret is among the sources" "$top/tests/lib/leaks.py" || :
	check "a secret among the sources is found" "$top/tests/lib/leaks.py" --lies || :
	style_docker
	section_end
}

# project_files SUFFIX...: NUL-separated.
project_files() {
	/usr/bin/python3 "$top/tools/style.py" --files "$@"
}

# Scripts, and through them the fragments that they source. SC2034, an unused variable, does not see
# variables that are handed over by name.
style_shellcheck() {
	local file scripts=(.ci/run)
	while IFS= read -r -d '' file; do
		! head -n 1 "$top/$file" | grep -q '^#!' || scripts+=("$file")
	done < <(project_files .sh)
	cd "$top" && shellcheck --external-sources --check-sourced --severity=warning \
		--exclude=SC2034 "${scripts[@]}"
}

# Compiles in memory, so that nothing is written next to the sources.
style_python() {
	project_files .py | (cd "$top" && xargs -0 /usr/bin/python3 -c '
import sys
for name in sys.argv[1:]:
    compile(open(name, encoding="utf-8").read(), name, "exec")')
}

style_docker() {
	local file
	for file in "$top"/docker/*.Dockerfile; do
		[ -f "$file" ] || continue
		check "hadolint ${file##*/}" "$venv/bin/hadolint" \
			--config "$top/docker/hadolint.yaml" "$file" || :
	done
	for file in compose.yml compose.production.yml; do
		check "$file matches the compose schema" "$venv/bin/check-jsonschema" \
			--builtin-schema vendor.compose-spec "$top/docker/$file" || :
	done
	check "compose.production.yml leaves nothing open" "$venv/bin/python" \
		"$top/tests/lib/compose_production.py" || :
	check "what it left open would be found" "$venv/bin/python" \
		"$top/tests/lib/compose_production.py" --lies || :
}
