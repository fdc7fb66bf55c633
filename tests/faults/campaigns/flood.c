/*
 * flood - more clients than one can be in Python: bookings at a rate, whatever becomes of them.
 *
 * usage: flood PORT CONNECTIONS RATE SECONDS REQUESTS USERS SEATS RECORD EVENT...
 *
 * An open loop: RATE requests a second leave, each on the connection that was idle longest; one
 * that finds none is counted as unsent. RATE 0: each connection sends again when it is answered.
 * It ends after SECONDS or REQUESTS, when all are answered or have waited for ANSWER_US.
 * Request n is of user n mod USERS, for one seat of one event by chance.
 * stdout: one JSON object, below. RECORD: a line per request like those of support/traffic.py, but
 * for requests that were turned away: 503 within TURNED_AWAY_US, without a booking's id.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX  4096
#define REQUEST_BYTES_MAX 512
#define FIELD_BYTES_MAX   256
#define EVENTS_MAX        64 /* of the theatre */
#define READY_MAX         256
#define CONNECTIONS_MAX   4000
#define ANSWER_US         10000000
#define IDLE_US           3000000 /* the gateway may be closing it */
#define CHECK_US          100000
#define BEGIN_US          300000 /* for the connections */
#define TURNED_AWAY_US    1000000
#define TIMES_MAX         100000 /* of TIME_US each */
#define TIME_US           100

struct times {
	uint64_t counts[TIMES_MAX];
	uint64_t count;
};

struct connection {
	int fd;
	bool is_open;
	bool is_busy;
	int64_t since_us; /* sent, answered or opened */
	double at;        /* sent, Unix seconds       */
	uint64_t number;
	unsigned event;
	unsigned seat;
	size_t len;
	char answer[ANSWER_BYTES_MAX];
};

static struct {
	int port;
	int connections;
	double rate;
	double seconds;
	uint64_t requests;
	uint64_t users;
	unsigned seats;
	char **events;
	unsigned event_count;
	FILE *record;
} settings;

static struct connection all[CONNECTIONS_MAX];
static int idle[CONNECTIONS_MAX]; /* a ring, longest idle first */
static int idle_from, idle_count;
static int ready_fd;
static struct times accepted_times, refused_times, turned_away_times;
static uint64_t offered, sent, unsent, accepted, refused, in_doubt, others, unanswered;
static uint64_t without_retry_after;
static uint64_t dice = 88172645463325252u;

static int64_t now_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* Cannot fail: both clocks exist. */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static unsigned throw_dice(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice % sides);
}

/* --- what is counted --- */

static void times_add(struct times *times, int64_t us)
{
	const int64_t at = us / TIME_US;

	times->counts[at < TIMES_MAX ? at : TIMES_MAX - 1]++;
	times->count++;
}

/* In ms, rounded up. */
static double times_part(const struct times *times, double part)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < TIMES_MAX; i++) {
		seen += times->counts[i];
		if (seen > 0 && (double)seen >= part * (double)times->count)
			return (double)(i + 1) * TIME_US / 1000;
	}
	return 0;
}

static void write_text(const char *name, const char *text, size_t len)
{
	if (len > 0)
		fprintf(settings.record, ",\"%s\":\"%.*s\"", name, (int)len, text);
	else
		fprintf(settings.record, ",\"%s\":null", name);
}

/* The value of `name` up to one of `ends`; NULL: there is none. */
static const char *find(const char *text, const char *name, const char *ends, size_t *ret_len)
{
	const char *const at = strstr(text, name);

	*ret_len = at ? strcspn(at + strlen(name), ends) : 0;
	return at ? at + strlen(name) : NULL;
}

static void record(const struct connection *connection, int status, int64_t us, const char *reason)
{
	const char *const answer = status > 0 ? connection->answer : "";
	size_t id_len, retry_len, detail_len;
	const char *const id = find(answer, "\"bookingId\":\"", "\"", &id_len);
	const char *const retry = find(answer, "Retry-After: ", "\r", &retry_len);
	const char *const detail = find(answer, "\"detail\":\"", "\"", &detail_len);

	fprintf(settings.record,
		"{\"n\":%" PRIu64 ",\"kind\":\"book\",\"at\":%.6f,\"took_ms\":%.3f,\"status\":%d,"
		"\"user\":\"u%" PRIu64 "\",\"event\":\"%s\",\"seats\":[\"S%u\"],\"key\":null,"
		"\"target\":null,\"command_id\":null",
		connection->number, connection->at, (double)us / 1000, status,
		connection->number % settings.users, settings.events[connection->event],
		connection->seat);
	write_text("booking_id", id, id_len);
	write_text("retry_after", retry, retry_len);
	if (reason)
		write_text("reason", reason, strlen(reason));
	else
		write_text("reason", detail, detail_len);
	fprintf(settings.record, "}\n");
}

/* --- connections --- */

static void idle_put(int number)
{
	idle[(idle_from + idle_count++) % settings.connections] = number;
}

static int idle_take(void)
{
	const int ret = idle[idle_from];

	idle_from = (idle_from + 1) % settings.connections;
	idle_count--;
	return ret;
}

static void idle_remove(int number)
{
	for (int i = idle_count; i > 0; i--) {
		const int other = idle_take();
		if (other != number)
			idle_put(other);
	}
}

static void open_connection(int number)
{
	struct connection *const connection = &all[number];
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons((uint16_t)settings.port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int yes = 1;
	struct epoll_event wanted = { .events = EPOLLIN | EPOLLOUT | EPOLLET };

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert(connection->fd >= 0);
	(void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	connection->is_open = connection->is_busy = false;
	connection->since_us = now_us(CLOCK_MONOTONIC);
	/* Its end comes by epoll. */
	(void)connect(connection->fd, (const struct sockaddr *)&to, sizeof(to));
	wanted.data.fd = number;
	const int failed = epoll_ctl(ready_fd, EPOLL_CTL_ADD, connection->fd, &wanted);
	assert(!failed);
}

static void reopen(int number)
{
	(void)close(all[number].fd);
	open_connection(number);
}

static void lose(int number, const char *reason)
{
	struct connection *const connection = &all[number];

	if (connection->is_busy) {
		unanswered++;
		record(connection, 0, now_us(CLOCK_MONOTONIC) - connection->since_us, reason);
	} else if (connection->is_open) {
		idle_remove(number);
	}
	reopen(number);
}

/* --- requests --- */

static void send_request(int number)
{
	struct connection *const connection = &all[number];
	char body[FIELD_BYTES_MAX], request[REQUEST_BYTES_MAX];

	connection->number = sent;
	connection->event = throw_dice(settings.event_count);
	connection->seat = 1 + throw_dice(settings.seats);
	const int body_len = snprintf(
		body, sizeof(body),
		"{\"userId\":\"u%" PRIu64 "\",\"eventId\":\"%s\",\"seatId\":\"S%u\"}",
		sent % settings.users, settings.events[connection->event], connection->seat);
	const int len = snprintf(request, sizeof(request),
				 "POST /api/book HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
				 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				 settings.port, body_len, body);
	assert(body_len < FIELD_BYTES_MAX && len < REQUEST_BYTES_MAX);

	sent++;
	connection->is_busy = true;
	connection->len = 0;
	connection->at = (double)now_us(CLOCK_REALTIME) / 1e6;
	connection->since_us = now_us(CLOCK_MONOTONIC);
	if (send(connection->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		lose(number, "could not be sent");
}

static bool may_send(int64_t until_us)
{
	return now_us(CLOCK_MONOTONIC) < until_us &&
	       (settings.requests == 0 || offered < settings.requests);
}

static void count_answer(const struct connection *connection, int status, int64_t us)
{
	size_t len;
	const bool is_known = find(connection->answer, "\"bookingId\":\"", "\"", &len) != NULL;

	if (status == 202) {
		accepted++;
		times_add(&accepted_times, us);
	} else if (status == 503) {
		refused++;
		in_doubt += is_known;
		without_retry_after += !strstr(connection->answer, "Retry-After: ");
		times_add(&refused_times, us);
		if (!is_known)
			times_add(&turned_away_times, us);
		if (!is_known && us < TURNED_AWAY_US)
			return;
	} else {
		others++;
	}
	record(connection, status, us, NULL);
}

/* True when the answer is whole. */
static bool is_whole(const struct connection *connection)
{
	size_t digits;
	const char *const end = strstr(connection->answer, "\r\n\r\n");
	const char *const length = find(connection->answer, "Content-Length: ", "\r", &digits);

	return end && connection->len >= (size_t)(end + 4 - connection->answer) +
						 (length ? strtoul(length, NULL, 10) : 0);
}

static void receive(int number)
{
	struct connection *const connection = &all[number];

	for (;;) {
		const ssize_t got = recv(connection->fd, connection->answer + connection->len,
					 ANSWER_BYTES_MAX - 1 - connection->len, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0 || !connection->is_busy) {
			lose(number, got < 0 ? strerror(errno) : "closed");
			return;
		}
		connection->len += (size_t)got;
		connection->answer[connection->len] = '\0';
		if (!is_whole(connection))
			continue;
		const int64_t now = now_us(CLOCK_MONOTONIC);
		const long status = strtol(connection->answer + strlen("HTTP/1.1 "), NULL, 10);
		count_answer(connection, (int)status, now - connection->since_us);
		connection->is_busy = false;
		connection->since_us = now;
		if (strstr(connection->answer, "Connection: close"))
			reopen(number);
		else
			idle_put(number);
		return;
	}
}

/* --- the loop --- */

static void wait_ready(void)
{
	struct epoll_event ready[READY_MAX];
	const int count = epoll_wait(ready_fd, ready, READY_MAX, 1);

	for (int i = 0; i < count; i++) {
		const int number = ready[i].data.fd;
		const bool is_broken = ready[i].events & (EPOLLERR | EPOLLHUP);
		if (!all[number].is_open && !is_broken && ready[i].events & EPOLLOUT) {
			all[number].is_open = true;
			all[number].since_us = now_us(CLOCK_MONOTONIC);
			idle_put(number);
		}
		if (all[number].is_open && (is_broken || ready[i].events & EPOLLIN))
			receive(number);
	}
}

/* How many requests still wait for their answer. */
static int check(void)
{
	const int64_t now = now_us(CLOCK_MONOTONIC);
	int busy = 0;

	for (int i = 0; i < settings.connections; i++) {
		const int64_t since_us = now - all[i].since_us;
		if (all[i].is_busy ? since_us > ANSWER_US : since_us > IDLE_US)
			lose(i, "no answer in time");
		busy += all[i].is_busy;
	}
	return busy;
}

static void send_due(int64_t from_us, int64_t until_us)
{
	while (may_send(until_us)) {
		if (settings.rate == 0 && idle_count == 0)
			return;
		const double due_us = settings.rate > 0 ? (double)offered * 1e6 / settings.rate : 0;
		if ((double)(now_us(CLOCK_MONOTONIC) - from_us) < due_us)
			return;
		offered++;
		if (idle_count > 0)
			send_request(idle_take());
		else
			unsent++;
	}
}

static void run(void)
{
	const int64_t from_us = now_us(CLOCK_MONOTONIC) + BEGIN_US;
	const int64_t until_us = from_us + (int64_t)(settings.seconds * 1e6);
	int64_t check_us = 0;

	for (;;) {
		const int64_t now = now_us(CLOCK_MONOTONIC);
		if (now >= from_us)
			send_due(from_us, until_us);
		if (now - check_us > CHECK_US) {
			check_us = now;
			if (check() == 0 && now >= from_us && !may_send(until_us))
				return;
		}
		wait_ready();
	}
}

static void print_times(const char *name, const struct times *times)
{
	printf(",\"%s_ms\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, times_part(times, 0.5),
	       times_part(times, 0.99), times_part(times, 1));
}

int main(int argc, char **argv)
{
	assert(argc > 9 && argc <= 9 + EVENTS_MAX);
	settings.port = (int)strtol(argv[1], NULL, 10);
	settings.connections = (int)strtol(argv[2], NULL, 10);
	settings.rate = strtod(argv[3], NULL);
	settings.seconds = strtod(argv[4], NULL);
	settings.requests = strtoull(argv[5], NULL, 10);
	settings.users = strtoull(argv[6], NULL, 10);
	settings.seats = (unsigned)strtoul(argv[7], NULL, 10);
	settings.record = fopen(argv[8], "w");
	settings.events = argv + 9;
	settings.event_count = (unsigned)(argc - 9);
	assert(settings.record && settings.connections > 0 && settings.seats > 0);
	assert(settings.connections <= CONNECTIONS_MAX && settings.users > 0);

	ready_fd = epoll_create1(EPOLL_CLOEXEC);
	assert(ready_fd >= 0);
	for (int i = 0; i < settings.connections; i++)
		open_connection(i);
	run();
	printf("{\"offered\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"unsent\":%" PRIu64
	       ",\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"in_doubt\":%" PRIu64
	       ",\"others\":%" PRIu64 ",\"unanswered\":%" PRIu64
	       ",\"without_retry_after\":%" PRIu64,
	       offered, sent, unsent, accepted, refused, in_doubt, others, unanswered,
	       without_retry_after);
	print_times("accepted", &accepted_times);
	print_times("refused", &refused_times);
	print_times("turned_away", &turned_away_times);
	printf("}\n");
	return fclose(settings.record) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
