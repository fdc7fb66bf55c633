#include "http_hang_up.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define END_MS 5000

/* A server's three sockets: what listens, and both ends of a connection. */
struct line {
	int listener;
	int port;
	int server;
	int client;
};

static void open_line(struct line *line)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	line->listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(line->listener, (struct sockaddr *)&address, size), 0);
	cr_assert_eq(listen(line->listener, 1), 0);
	cr_assert_eq(getsockname(line->listener, (struct sockaddr *)&address, &size), 0);
	line->port = ntohs(address.sin_port);
	line->client = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(line->client, (struct sockaddr *)&address, size), 0);
	line->server = accept(line->listener, NULL, NULL);
	cr_assert_geq(line->server, 0);
}

static void close_line(const struct line *line)
{
	(void)close(line->client);
	(void)close(line->server);
	(void)close(line->listener);
}

/* Whether a thread that sleeps on it is woken. */
static bool wakes(int fd, int wait_ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, wait_ms) == 1;
}

Test(http_hang_up, wakes_who_sleeps_on_a_socket_of_the_port)
{
	struct line line;

	open_line(&line);
	cr_expect_not(wakes(line.listener, 0));
	cr_expect_not(wakes(line.server, 0));
	http_hang_up(line.port);
	cr_expect(wakes(line.listener, END_MS));
	cr_expect(wakes(line.server, END_MS));
	close_line(&line);
}

Test(http_hang_up, lets_what_was_sent_arrive)
{
	struct line line;
	char answer[8] = "";

	open_line(&line);
	cr_assert_eq(send(line.server, "done", 4, 0), 4);
	http_hang_up(line.port);
	cr_expect_eq(recv(line.client, answer, sizeof(answer), 0), 4);
	cr_expect_str_eq(answer, "done");
	cr_assert(wakes(line.client, END_MS));
	cr_expect_eq(recv(line.client, answer, sizeof(answer), 0), 0);
	close_line(&line);
}

Test(http_hang_up, leaves_other_ports_alone)
{
	struct line ours, other;

	open_line(&ours);
	open_line(&other);
	http_hang_up(ours.port);
	http_hang_up(0);
	cr_expect_not(wakes(other.listener, 0));
	cr_expect_not(wakes(other.server, 0));
	cr_assert_eq(send(other.client, "x", 1, 0), 1);
	cr_expect(wakes(other.server, END_MS));
	close_line(&other);
	close_line(&ours);
}
