#!/bin/sh
# with-secrets COMMAND [ARGUMENT...]: becomes the command, with each @{NAME} in its environment
# replaced by what the file NAME in /run/secrets says. So a secret is in one file, whatever it is
# part of, and neither in the configuration nor in what the engine tells of a container.
set -eu
readonly SECRETS_DIR="${SECRETS_DIR:-/run/secrets}"
readonly EXIT_BAD=78

# filled VALUE: prints it with the secrets in their places.
filled() {
	rest=$1
	before=
	while :; do
		case $rest in
		*@\{*\}*) ;;
		*) break ;;
		esac
		before=$before${rest%%@\{*}
		rest=${rest#*@\{}
		file=$SECRETS_DIR/${rest%%\}*}
		rest=${rest#*\}}
		secret=$(cat "$file") || return 1
		[ -n "$secret" ] || {
			echo "with-secrets: $file is empty" >&2
			return 1
		}
		before=$before$secret
	done
	printf '%s' "$before$rest"
}

for name in $(env | sed -n 's/^\([A-Z][A-Z0-9_]*\)=.*@{[A-Z0-9_]*}.*$/\1/p'); do
	eval "value=\$$name"
	value=$(filled "$value") || exit "$EXIT_BAD"
	export "$name=$value"
done
exec "$@"
