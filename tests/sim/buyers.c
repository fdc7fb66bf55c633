/* The buyers, and administrators among them: one task that sends commands for all of them, as
 * write-api would store them. */
#include "actors.h"
#include "ledger_model.h"
#include "scheduler.h"
#include "tables.h"
#include "topic.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_US_MAX 130000
#define RECENT       12
#define SENT_MAX     TOPIC_MESSAGES_MAX

static struct {
	struct command sent[SENT_MAX];
	int partitions[SENT_MAX]; /* where to */
	int sent_count;
	int partition_of[TABLE_BOOKINGS_MAX];
	int user_of[TABLE_BOOKINGS_MAX];
	int booking_count, id_count, key_count;
	bool is_done;
} buyers;

bool buyers_are_done(void)
{
	return buyers.is_done;
}

static void set_name(char *to, char kind, int number)
{
	(void)snprintf(to, IDENT_BYTES_MAX, "%c%d", kind, number);
}

/* Mostly one of the newest. */
static int recent(int count)
{
	const int newest = count < RECENT ? count : RECENT;

	return one_in(6) ? (int)below(count) : count - 1 - (int)below(newest);
}

static void choose_seats(struct command *command)
{
	const unsigned least = world.is_fight ? 2 : 1;
	const unsigned wanted = least + (unsigned)below(one_in(20) ? WORLD_SEATS : 3);
	unsigned chosen = 0;

	command->seat_count = 0;
	for (unsigned tries = 0; tries < 2 * wanted; tries++) {
		const unsigned seat =
			(unsigned)below(one_in(10) ? WORLD_SEATS + 1 : WORLD_SEATS / 2);
		if (chosen & 1u << seat || command->seat_count == wanted)
			continue;
		chosen |= 1u << seat;
		set_name(command->seat_ids[command->seat_count++], 's', (int)seat);
	}
}

static int event_partition(int event)
{
	return world.is_mixed ? (int)below(world.partitions) : event % world.partitions;
}

static int new_booking(int user, int partition)
{
	buyers.user_of[buyers.booking_count] = user;
	buyers.partition_of[buyers.booking_count] = partition;
	return buyers.booking_count++;
}

static struct command request(int booking, int user, int event)
{
	struct command ret = { .type = one_in(4) ? COMMAND_BOOK : COMMAND_HOLD };

	model_set_id(ret.booking_id.text, booking);
	set_name(ret.user_id, 'u', user);
	set_name(ret.event_id, 'e', event);
	choose_seats(&ret);
	return ret;
}

static int some_event(void)
{
	if (world.is_mixed && !one_in(4))
		return 0;
	return (int)below(one_in(16) ? WORLD_EVENTS + 1 : one_in(3) ? WORLD_EVENTS : 2);
}

static struct command make_command(void)
{
	const int user = (int)below(WORLD_USERS);
	const int event = some_event();
	struct command ret = request(new_booking(user, event_partition(event)), user, event);

	if (!one_in(3))
		return ret;
	/* A key again, for another event. */
	const struct command *const earlier =
		buyers.sent_count > 0 ? &buyers.sent[recent(buyers.sent_count)] : NULL;
	if (earlier && earlier->idempotency_key.text[0] != '\0' &&
	    strcmp(earlier->event_id, ret.event_id) != 0) {
		memcpy(ret.user_id, earlier->user_id, sizeof(ret.user_id));
		buyers.user_of[buyers.booking_count - 1] = number_of(ret.user_id);
		ret.idempotency_key = earlier->idempotency_key;
	} else {
		model_set_id(ret.idempotency_key.text, buyers.key_count++);
	}
	return ret;
}

/* Where two partitions decide about one event, none can cancel it for both. */
static struct command administer_command(void)
{
	const int user = (int)below(WORLD_USERS);
	const int event = some_event();
	struct command ret = request(new_booking(user, event_partition(event)), user, event);

	ret.type = one_in(2) ? COMMAND_BLOCK : COMMAND_UNBLOCK;
	if (!world.is_mixed && one_in(12)) {
		ret.type = COMMAND_CANCEL_EVENT;
		ret.seat_count = 0;
	}
	return ret;
}

/* Mostly one that has seats, now and then one that was never asked for. */
static int some_booking(void)
{
	if (buyers.booking_count == 0 || one_in(25))
		return new_booking((int)below(WORLD_USERS), (int)below(world.partitions));
	for (int tries = 0; tries < RECENT; tries++) {
		const int ret = recent(buyers.booking_count);
		const struct booking_row *const booking = &tables.bookings[ret];
		if (booking->exists && (strcmp(booking->status, "held") == 0 ||
					strcmp(booking->status, "confirmed") == 0))
			return ret;
	}
	return recent(buyers.booking_count);
}

static struct command act_command(void)
{
	static const enum command_type types[] = { COMMAND_CONFIRM, COMMAND_EXTEND,
						   COMMAND_CANCEL };
	const int booking = some_booking();
	struct command ret = { .type = types[below(3)] };
	const int user = one_in(8) ? (int)below(WORLD_USERS) : buyers.user_of[booking];

	model_set_id(ret.booking_id.text, booking);
	if (!one_in(4))
		set_name(ret.user_id, 'u', user);
	model_set_id(ret.id.text, buyers.id_count++);
	if (ret.type == COMMAND_CONFIRM && one_in(2))
		(void)snprintf(ret.payment_reference, sizeof(ret.payment_reference), "p%d",
			       (int)below(1000));
	return ret;
}

static void send_command(const struct command *command)
{
	const int partition = buyers.partition_of[number_of(command->booking_id.text)];

	if (buyers.sent_count < SENT_MAX)
		buyers.sent[buyers.sent_count++] = *command;
	topic_append(partition, command);
}

/* As it was: a retry that both times was stored; or with the same id and other content. */
static void send_again(void)
{
	struct command command = buyers.sent[recent(buyers.sent_count)];

	if (command_names_seats(command.type) && one_in(4)) {
		world_count(contradictions);
		choose_seats(&command);
	} else {
		world_count(produced_twice);
	}
	send_command(&command);
}

/* One key for two events at once, which two partitions may decide about. */
static void send_key_twice(void)
{
	const int user = (int)below(WORLD_USERS);
	const int key = buyers.key_count++;

	for (int event = 0; event < 2; event++) {
		struct command command =
			request(new_booking(user, event_partition(event)), user, event);
		model_set_id(command.idempotency_key.text, key);
		send_command(&command);
	}
}

static void send_something(void)
{
	if (one_in(16)) {
		send_key_twice();
		return;
	}
	if (one_in(20)) {
		topic_append((int)below(world.partitions), NULL);
		return;
	}
	if (buyers.sent_count > 0 && one_in(7)) {
		send_again();
		return;
	}
	const struct command command = one_in(12)  ? administer_command()
				       : one_in(2) ? make_command()
						   : act_command();
	send_command(&command);
}

static void buy(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < world.messages && !scheduler_is_dying(); i++) {
		/* Now and then many at once. */
		if (world.is_fight ? one_in(8) : !one_in(3))
			scheduler_sleep_us(below(PAUSE_US_MAX));
		send_something();
	}
	buyers.is_done = true;
}

void buyers_begin(void)
{
	buyers.sent_count = 0;
	buyers.booking_count = buyers.id_count = buyers.key_count = 0;
	buyers.is_done = false;
	(void)scheduler_start("buyers", buy, NULL);
}
