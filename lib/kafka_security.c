#include "kafka_security.h"

#include "kafka.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_any_of(const char *text, const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, known[i]) == 0)
			return true;
	return false;
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static err_code apply_sasl(const struct kafka_security *security, rd_kafka_conf_t *conf,
			   struct err *err)
{
	static const char *const MECHANISMS[] = { "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN" };

	if (!is_any_of(security->mechanism, MECHANISMS, sizeof(MECHANISMS) / sizeof(MECHANISMS[0])))
		return err_set(err, ERR_INVALID, "KAFKA_SASL_MECHANISM is not one of its kind");
	if (security->user[0] == '\0' || security->password[0] == '\0')
		return err_set(err, ERR_INVALID,
			       "KAFKA_SECURITY_PROTOCOL=%s needs KAFKA_SASL_USER and "
			       "KAFKA_SASL_PASSWORD",
			       security->protocol);

	err_code code = kafka_conf_set(conf, "sasl.mechanism", security->mechanism, err);
	if (code == ERR_OK)
		code = kafka_conf_set(conf, "sasl.username", security->user, err);
	if (code == ERR_OK)
		code = kafka_conf_set(conf, "sasl.password", security->password, err);

	return code;
}

err_code kafka_security_apply(const struct kafka_security *security, rd_kafka_conf_t *conf,
			      struct err *err)
{
	static const char *const PROTOCOLS[] = { "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL" };
	assert(conf);

	if (!security)
		return ERR_OK;
	if (!is_any_of(security->protocol, PROTOCOLS, sizeof(PROTOCOLS) / sizeof(PROTOCOLS[0])))
		return err_set(err, ERR_INVALID, "KAFKA_SECURITY_PROTOCOL is not one of its kind");

	err_code code = kafka_conf_set(conf, "security.protocol", security->protocol, err);
	if (code == ERR_OK && begins_with(security->protocol, "SASL_"))
		code = apply_sasl(security, conf, err);
	if (code == ERR_OK && security->ca_file[0] != '\0')
		code = kafka_conf_set(conf, "ssl.ca.location", security->ca_file, err);

	return code;
}
