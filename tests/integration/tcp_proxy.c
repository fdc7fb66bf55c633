#include "tcp_proxy.h"

#include "attr.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS       5
#define RELAY_BYTES   65536
#define TRICKLE_BYTES 16
#define CLOSED        (-1)

struct tcp_proxy {
	uint16_t port, target;
	int listener; /* CLOSED while refusing */
	int pairs[TCP_PROXY_PAIRS_MAX][2];
	pthread_t thread;
	_Atomic enum tcp_proxy_mode wanted;
	_Atomic enum tcp_proxy_mode in_force;
	atomic_bool stopping;
};

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int listen_on(uint16_t port)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in address = loopback(port);
	const int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, TCP_PROXY_PAIRS_MAX) != 0) {
		if (fd >= 0)
			(void)close(fd);
		return CLOSED;
	}

	return fd;
}

/* With a reset, as the kernel does for a process that died. */
static void close_pair(int pair[static 2])
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	for (int i = 0; i < 2; i++) {
		if (pair[i] == CLOSED)
			continue;
		(void)setsockopt(pair[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		(void)close(pair[i]);
		pair[i] = CLOSED;
	}
}

static void accept_pair(struct tcp_proxy *proxy)
{
	const struct sockaddr_in target = loopback(proxy->target);
	const int one = 1;
	int pair[2] = { accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC), CLOSED };

	if (pair[0] == CLOSED)
		return;
	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (size_t i = 0; i < TCP_PROXY_PAIRS_MAX; i++) {
		if (proxy->pairs[i][0] != CLOSED)
			continue;
		if (connect(pair[1], (const struct sockaddr *)&target, sizeof(target)) != 0)
			break;
		proxy->pairs[i][0] = pair[0];
		proxy->pairs[i][1] = pair[1];
		return;
	}
	close_pair(pair);
}

/* False: one side is gone. */
static bool relay(int from, int to, size_t bytes_max)
{
	static char bytes[RELAY_BYTES]; /* of the one relaying thread */
	const ssize_t len = recv(from, bytes, bytes_max, 0);

	for (ssize_t sent = 0; sent < len;) {
		const ssize_t more = send(to, bytes + sent, (size_t)(len - sent), MSG_NOSIGNAL);

		if (more <= 0)
			return false;
		sent += more;
	}

	return len > 0;
}

static void relay_ready(struct tcp_proxy *proxy, size_t bytes_max)
{
	struct pollfd polled[1 + 2 * TCP_PROXY_PAIRS_MAX];

	polled[0] = (struct pollfd){ .fd = proxy->listener, .events = POLLIN };
	for (size_t i = 0; i < TCP_PROXY_PAIRS_MAX; i++)
		for (size_t k = 0; k < 2; k++)
			polled[1 + 2 * i + k] =
				(struct pollfd){ .fd = proxy->pairs[i][k], .events = POLLIN };

	if (poll(polled, sizeof(polled) / sizeof(polled[0]), POLL_MS) <= 0)
		return;
	for (size_t i = 0; i < TCP_PROXY_PAIRS_MAX; i++)
		for (size_t k = 0; k < 2; k++)
			if (polled[1 + 2 * i + k].revents && proxy->pairs[i][0] != CLOSED &&
			    !relay(proxy->pairs[i][k], proxy->pairs[i][1 - k], bytes_max))
				close_pair(proxy->pairs[i]);
	if (polled[0].revents)
		accept_pair(proxy);
}

static void refuse(struct tcp_proxy *proxy)
{
	if (proxy->listener != CLOSED)
		(void)close(proxy->listener);
	proxy->listener = CLOSED;
	for (size_t i = 0; i < TCP_PROXY_PAIRS_MAX; i++)
		close_pair(proxy->pairs[i]);
}

static void *run(void *ctx)
{
	struct tcp_proxy *proxy = (struct tcp_proxy *)ctx;

	while (!atomic_load(&proxy->stopping)) {
		const enum tcp_proxy_mode mode = atomic_load(&proxy->wanted);

		if (mode == TCP_PROXY_REFUSE)
			refuse(proxy);
		else if (proxy->listener == CLOSED)
			proxy->listener = listen_on(proxy->port);
		atomic_store(&proxy->in_force, mode);
		if (mode == TCP_PROXY_RELAY)
			relay_ready(proxy, RELAY_BYTES);
		else
			(void)poll(NULL, 0, POLL_MS);
		if (mode == TCP_PROXY_TRICKLE)
			relay_ready(proxy, TRICKLE_BYTES);
	}
	refuse(proxy);

	return NULL;
}

struct tcp_proxy *tcp_proxy_open(uint16_t port)
{
	struct tcp_proxy *proxy = calloc(1, sizeof(*proxy));
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	cr_assert(proxy);
	proxy->target = port;
	proxy->listener = listen_on(0);
	cr_assert_neq(proxy->listener, CLOSED);
	cr_assert_eq(getsockname(proxy->listener, (struct sockaddr *)&address, &len), 0);
	proxy->port = ntohs(address.sin_port);
	for (size_t i = 0; i < TCP_PROXY_PAIRS_MAX; i++)
		proxy->pairs[i][0] = proxy->pairs[i][1] = CLOSED;
	cr_assert_eq(pthread_create(&proxy->thread, NULL, run, proxy), 0);

	return proxy;
}

uint16_t tcp_proxy_port(const struct tcp_proxy *proxy)
{
	return proxy->port;
}

void tcp_proxy_set(struct tcp_proxy *proxy, enum tcp_proxy_mode mode)
{
	atomic_store(&proxy->wanted, mode);
	while (atomic_load(&proxy->in_force) != mode)
		(void)poll(NULL, 0, 1);
}

void tcp_proxy_close(struct tcp_proxy *proxy)
{
	atomic_store(&proxy->stopping, true);
	(void)pthread_join(proxy->thread, NULL);
	free(proxy);
}
