#include "account_request.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

#define LOCAL_BYTES_MAX 64
#define LABEL_BYTES_MAX 63

static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char ATOM[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-";

/* Pieces of those characters, divided by single dots; the count of pieces, 0: it is not that. */
static size_t count_pieces(const char *text, const char *characters, size_t piece_max)
{
	size_t count = 0;

	for (;;) {
		const size_t len = strspn(text, characters);
		if (len == 0 || len > piece_max)
			return 0;
		count++;
		if (text[len] == '\0')
			return count;
		if (text[len] != '.')
			return 0;
		text += len + 1;
	}
}

static bool is_domain(const char *domain)
{
	if (count_pieces(domain, LOWER, LABEL_BYTES_MAX) < 2)
		return false;
	/* No label begins or ends with a hyphen. */
	return domain[0] != '-' && !strstr(domain, ".-") && !strstr(domain, "-.") &&
	       domain[strlen(domain) - 1] != '-';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool account_email_read(const char *text, char ret[static EMAIL_BYTES_MAX])
{
	char email[EMAIL_BYTES_MAX], local[LOCAL_BYTES_MAX + 1];
	const size_t len = strlen(text);

	if (len >= sizeof(email))
		return false;
	for (size_t i = 0; i <= len; i++)
		email[i] = lower(text[i]);
	const char *at = strchr(email, '@');
	if (!at || at - email > LOCAL_BYTES_MAX)
		return false;
	(void)snprintf(local, sizeof(local), "%.*s", (int)(at - email), email);
	if (count_pieces(local, ATOM, LOCAL_BYTES_MAX) == 0 || !is_domain(at + 1))
		return false;
	memcpy(ret, email, len + 1);
	return true;
}

bool account_password_is_valid(const char *text)
{
	size_t characters = 0;

	for (const char *c = text; *c; c++)
		characters += ((unsigned char)*c & 0xc0) != 0x80; /* not within one of UTF-8 */
	return characters >= PASSWORD_CHARACTERS_MIN && characters <= PASSWORD_CHARACTERS_MAX &&
	       strlen(text) < PASSWORD_BYTES_MAX;
}

static const char *read_text(const json_t *body, const char *name, struct booking_faults *faults)
{
	const json_t *member = json_object_get(body, name);

	if (!member)
		booking_faults_add(faults, name, "is missing");
	else if (!json_is_string(member))
		booking_faults_add_type(faults, name, "a string", member);
	return json_string_value(member);
}

err_code account_request_parse(const char *body, size_t len, struct account_request *ret,
			       struct booking_faults *ret_faults, struct err *err)
{
	_cleanup_(json_decrefp) json_t *json = NULL;
	struct account_request request = { 0 };

	*ret_faults = (struct booking_faults){ 0 };
	const err_code code = json_parse_object(body, len, &json, err);
	if (code != ERR_OK)
		return code;

	const char *email = read_text(json, "email", ret_faults);
	const char *password = read_text(json, "password", ret_faults);
	if (email && !account_email_read(email, request.email))
		booking_faults_add(ret_faults, "email", "is not an e-mail address");
	if (password && !account_password_is_valid(password))
		booking_faults_add(ret_faults, "password", "must have 10 to 256 characters");
	if (ret_faults->count > 0)
		return err_set(err, ERR_CONFLICT, "the request has faults");
	(void)snprintf(request.password, sizeof(request.password), "%s", password);
	*ret = request;
	return ERR_OK;
}
