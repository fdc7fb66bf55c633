#include "account_admin.h"

#include "account_store.h"
#include "random.h"
#include "strbuf.h"

#include <sodium.h>
#include <string.h>

#define MADE_RANDOM_BYTES 15 /* of a password: 20 characters of base64url */

/* True: there was none, and one was made. */
static bool read_password(FILE *in, char ret[static PASSWORD_BYTES_MAX + 1])
{
	unsigned char random[MADE_RANDOM_BYTES];

	ret[0] = '\0';
	if (fgets(ret, PASSWORD_BYTES_MAX + 1, in))
		ret[strcspn(ret, "\r\n")] = '\0';
	if (ret[0] != '\0')
		return false;
	random_bytes(random, sizeof(random));
	(void)sodium_bin2base64(ret, PASSWORD_BYTES_MAX, random, sizeof(random),
				sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return true;
}

static void print_account(FILE *out, const struct account *account, const char *email,
			  const char *password)
{
	_cleanup_(strbuf_done) struct strbuf line;

	strbuf_init(&line, 1024);
	strbuf_addf(&line, "{\"userId\":\"%s\",\"email\":", account->user_id);
	strbuf_add_json(&line, email);
	strbuf_addf(&line, ",\"role\":\"%s\"", account_role_name(account->role));
	if (password)
		strbuf_add_texts(&line, ",\"password\":\"", password, "\"", NULL);
	(void)fprintf(out, "%s}\n", line.data);
}

err_code account_admin_put(struct pg_pool *pool, struct passwords *passwords, const char *email,
			   const char *role, FILE *in, FILE *out, struct err *err)
{
	char address[EMAIL_BYTES_MAX], password[PASSWORD_BYTES_MAX + 1];
	struct account account = { 0 };

	if (!account_email_read(email, address))
		return err_set(err, ERR_INVALID, "'%.64s' is not an e-mail address", email);
	if (!account_role_parse(role, &account.role))
		return err_set(err, ERR_INVALID, "the role must be user or admin");
	const bool is_made = read_password(in, password);
	if (!account_password_is_valid(password))
		return err_set(err, ERR_INVALID, "a password has 10 to 256 characters");

	account_make_id(account.user_id);
	err_code code = password_hash(passwords, password, strlen(password), account.hash, err);
	if (code == ERR_OK)
		code = account_store_put(pool, address, &account, err);
	if (code == ERR_OK)
		print_account(out, &account, address, is_made ? password : NULL);
	sodium_memzero(password, sizeof(password));
	return code;
}
