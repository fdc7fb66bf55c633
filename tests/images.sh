# shellcheck shell=bash
#
# images - docker/ without a Docker engine: the compose file is checked, every image is built by
# buildah, and what is in it is run inside it. Sourced by tests/run.sh; takes three to four minutes.
#
# Owns     $images_store, where buildah keeps what it makes here; nobody else's images are touched.

readonly images_store=$work/images
readonly IMAGES=(write-api worker projector read-api nginx)
readonly BASE_IMAGE=docker.io/library/debian:bookworm-slim

images() {
	if ! need_packages "${PACKAGES_IMAGES[@]}" || ! need_venv; then
		record fail packages
		return
	fi
	style_docker
	check "docker-compose reads compose.yml" compose_config || :
	check "docker-compose reads compose.production.yml" compose_production_config || :
	images_build
	check "programs know what compose.yml configures" images_environment || :
	images_remove
}

# Debian's docker-compose is older than the key "name".
compose_config() {
	local secrets=$work/images-secrets
	sed -n 's/.*\${\([A-Z_]*\):?.*/\1=0/p' "$top/docker/compose.yml" | sort -u >"$secrets"
	sed '/^name: /d' "$top/docker/compose.yml" | docker-compose --env-file "$secrets" \
		--project-directory "$top/docker" --file - config >"$work/compose.yml"
}

# With files of its secrets, as it wants them.
compose_production_config() {
	local secrets=$work/images-production file
	rm -rf "$secrets"
	"$top/docker/make-secrets.sh" "$secrets" || return 1
	touch "$secrets/certificate.pem" "$secrets/key.pem"
	for file in compose.yml compose.production.yml; do
		sed '/^name: /d' "$top/docker/$file" >"$work/part-$file"
	done
	SEATLINE_SECRETS=$secrets docker-compose --env-file "$top/docker/production.env" \
		--project-directory "$top/docker" --file "$work/part-compose.yml" \
		--file "$work/part-compose.production.yml" config >"$work/compose.production.yml"
}

image_tool() {
	buildah --root "$images_store/root" --runroot "$images_store/run" "$@"
}

images_build() {
	local image
	check "base image" base_image || return 0
	for image in "${IMAGES[@]}"; do
		check "build $image" image_build "$image" || continue
		check "$image is not root" image_is_not_root "$image" || :
		check "$image finds its libraries" image_has_libraries "$image" || :
		check "$image holds no compiler" image_has_no_compiler "$image" || :
		if [ "$image" = nginx ]; then
			check "nginx accepts its configuration" image_run nginx -t || :
			check "nginx accepts https, origins and limits" image_exec nginx env \
				SEATLINE_TLS=1 CORS_ORIGINS=https://seatline.example \
				RATE_AUTH_PER_MIN=5 ADDRESS_CONNECTIONS_MAX=9 gateway -t || :
			check "nginx has the page of the contract" image_exec nginx test \
				-r /usr/share/seatline/docs/openapi.json || :
		else
			check "$image --help" image_run "$image" --help || :
			check "$image refuses to run unconfigured" image_refuses "$image" || :
		fi
	done
}

# Debian as its own image has it, from where this machine gets Debian; what apt and pip need to get
# through to there (a proxy, a certificate authority) is this machine's, too.
base_image() {
	local container mount mirror
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk '$2 ~ /^bookworm$|^stable$/ && $1 ~ /\/debian\/?$/ && !n++ { print $1 }')
	container=$(image_tool from scratch) || return 1
	mount=$(image_tool mount "$container") || return 1
	debootstrap --variant=minbase --include=ca-certificates bookworm "$mount" \
		${mirror:+"$mirror"} || return 1
	apt-config dump | grep '^Acquire::[a-z]*::Proxy\|^Acquire::Retries' \
		>"$mount/etc/apt/apt.conf.d/90host" || :
	[ ! -r /etc/pip.conf ] || cp /etc/pip.conf "$mount/etc/pip.conf"
	if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
		cp /usr/local/share/ca-certificates/*.crt "$mount/usr/local/share/ca-certificates/"
		chroot "$mount" update-ca-certificates
	fi
	rm -rf "$mount"/var/cache/apt/archives/*.deb "$mount"/var/lib/apt/lists/*
	image_tool umount "$container" && image_tool commit --quiet --rm "$container" "$BASE_IMAGE"
}

image_build() {
	image_tool bud --isolation chroot --pull-never --layers \
		--file "$top/docker/$1.Dockerfile" --tag "seatline/$1" "$top"
}

image_user() {
	image_tool inspect --type image --format '{{.OCIv1.Config.User}}' "seatline/$1"
}

# image_exec IMAGE COMMAND...: as the image's user.
image_exec() {
	local image=$1 container status=0
	shift
	container=$(image_tool from --pull-never "seatline/$image") || return 1
	image_tool run --isolation chroot "$container" -- "$@" || status=$?
	image_tool rm "$container" >/dev/null
	return "$status"
}

# image_run IMAGE ARGUMENT...: what `docker run` would run.
image_run() {
	local image=$1 entrypoint
	shift
	entrypoint=$(image_tool inspect --type image \
		--format '{{index .OCIv1.Config.Entrypoint 0}}' "seatline/$image") || return 1
	image_exec "$image" "$entrypoint" "$@"
}

image_is_not_root() {
	[[ $(image_user "$1") =~ ^[1-9][0-9]*: ]] && [ "$(image_exec "$1" id -u)" -ne 0 ]
}

image_has_libraries() {
	local file=/usr/local/bin/$1 libraries
	[ "$1" != nginx ] || file=/usr/sbin/nginx
	libraries=$(image_exec "$1" ldd "$file") && ! grep -q 'not found' <<<"$libraries"
}

image_has_no_compiler() {
	! image_exec "$1" sh -c 'command -v gcc || command -v meson || command -v python3'
}

# Without the keys it requires, or with a bad one: status 78 and a complaint for each.
image_refuses() {
	local status=0
	image_exec "$1" env LOG_LEVEL=loud OPS_PORT=0 "$1" || status=$?
	[ "$status" -eq 78 ]
}

# Every variable that compose.yml sets for a program is one that the program knows.
images_environment() {
	local image
	for image in write-api worker projector read-api; do
		image_run "$image" --help >"$work/$image.help" || return 1
	done
	"$venv/bin/python" "$top/tests/lib/compose_environment.py" "$work/compose.yml" "$work" &&
		"$venv/bin/python" "$top/tests/lib/compose_environment.py" \
			"$work/compose.production.yml" "$work"
}

images_remove() {
	[ -d "$images_store" ] || return 0
	image_tool rm --all >/dev/null 2>&1 || :
	image_tool rmi --all --force >/dev/null 2>&1 || :
	rm -rf "$images_store"
}
