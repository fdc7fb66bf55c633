/*
 * kafka_security - who a client of Kafka says it is, and how: settings that every program has.
 *
 * Shape    part of a program's configuration: embed it and list
 *          CONFIG_KEYS_KAFKA(struct worker_config, kafka_security).
 * Errors   ERR_INVALID for a protocol or mechanism that librdkafka does not know, and for SASL
 *          without a user and a password; never with the password.
 * Source   librdkafka 2.0 CONFIGURATION.md.
 */
#pragma once

#include "attr.h"
#include "config.h"
#include "err.h"

#include <librdkafka/rdkafka.h>

struct kafka_security {
	char protocol[CONFIG_TEXT_BYTES_MAX];
	char mechanism[CONFIG_TEXT_BYTES_MAX];
	char user[CONFIG_TEXT_BYTES_MAX];
	char password[CONFIG_TEXT_BYTES_MAX];
	char ca_file[CONFIG_TEXT_BYTES_MAX];
};

/* Sets what a connection to the brokers needs. NULL: plain text, and nobody says who they are. */
err_code kafka_security_apply(const struct kafka_security *security, rd_kafka_conf_t *conf,
			      struct err *err) _must_check_;

/* clang-format off */
#define CONFIG_KEYS_KAFKA(type, field) \
	{ "KAFKA_SECURITY_PROTOCOL", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.protocol), \
	  "PLAINTEXT", 3, 14, \
	  "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as the brokers want it" }, \
	{ "KAFKA_SASL_MECHANISM", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.mechanism), \
	  "PLAIN", 5, 13, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, where the protocol is SASL_..; " \
	  "the SCRAM of librdkafka before 2.6.1 does not get into Kafka from 3.8.1 on" }, \
	{ "KAFKA_SASL_USER", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.user), "", 0, 128, \
	  "this program's user at the brokers; empty for none" }, \
	{ "KAFKA_SASL_PASSWORD", CONFIG_TEXT, CONFIG_SECRET, offsetof(type, field.password), "", \
	  0, 256, "its password; empty for none" }, \
	{ "KAFKA_CA_FILE", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.ca_file), "", 0, 256, \
	  "file of the authorities that sign the brokers' certificates; empty: the system's" }
/* clang-format on */
