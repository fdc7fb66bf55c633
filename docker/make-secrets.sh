#!/bin/bash
# make-secrets DIRECTORY: a file there for each secret of compose.production.yml that has none yet:
# random ones, and a certificate authority of Kafka's own with its certificate. Not the certificate
# of the gateway: that is yours (certificate.pem and key.pem). The directory is for its owner only;
# the files in it are for the containers' users, who see no others than theirs.
set -euo pipefail

readonly DIRECTORY=${1:?usage: make-secrets DIRECTORY}
readonly DAYS=825
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
readonly here

# random NAME: 64 hexadecimal digits.
random() {
	[[ -s $DIRECTORY/$1 ]] || openssl rand -hex 32 >"$DIRECTORY/$1"
}

# kafka_certificate: kafka.pem is the broker's key and certificate, kafka-ca.pem whom clients trust.
kafka_certificate() {
	local temporary

	[[ ! -s $DIRECTORY/kafka.pem || ! -s $DIRECTORY/kafka-ca.pem ]] || return 0
	temporary=$(mktemp -d)
	openssl req -x509 -newkey rsa:3072 -nodes -sha256 -days "$DAYS" \
		-subj "/CN=Seatline's Kafka" -keyout "$temporary/ca.key" -out "$temporary/ca.pem"
	openssl req -newkey rsa:3072 -nodes -sha256 -subj /CN=kafka \
		-keyout "$temporary/key" -out "$temporary/request"
	printf '%s\n' subjectAltName=DNS:kafka,DNS:localhost extendedKeyUsage=serverAuth \
		>"$temporary/extensions"
	openssl x509 -req -in "$temporary/request" -CA "$temporary/ca.pem" \
		-CAkey "$temporary/ca.key" -CAcreateserial -sha256 -days "$DAYS" \
		-out "$temporary/certificate" -extfile "$temporary/extensions"
	cat "$temporary/key" "$temporary/certificate" >"$DIRECTORY/kafka.pem"
	cp "$temporary/ca.pem" "$DIRECTORY/kafka-ca.pem"
	rm -rf "$temporary" # the authority's key with it: it signs nothing else
}

mkdir -p "$DIRECTORY"
chmod 700 "$DIRECTORY"
while IFS='=' read -r name value; do
	[[ $value != "@{$name}" ]] || random "$name"
done <"$here/production.env"
kafka_certificate 2>/dev/null
chmod 444 "$DIRECTORY"/*
