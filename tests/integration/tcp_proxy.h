/*
 * tcp_proxy - a TCP relay to a real server, so that a test can take the server away and give it
 * back.
 *
 * Shape    one thread; at most TCP_PROXY_PAIRS_MAX connections at once.
 * Owns     its thread and sockets; the port stays the same for its life.
 * Threads  open, set and close from the test's thread.
 */
#pragma once

#include <stdint.h>

#define TCP_PROXY_PAIRS_MAX 128

enum tcp_proxy_mode {
	TCP_PROXY_RELAY,
	TCP_PROXY_REFUSE,  /* as if nothing listened; open connections are reset */
	TCP_PROXY_STALL,   /* connections stay open, and nothing comes through  */
	TCP_PROXY_TRICKLE, /* a few bytes at a time, each of them in good time  */
};

struct tcp_proxy;

/* Relays to 127.0.0.1:port. Fails the test when it cannot. */
struct tcp_proxy *tcp_proxy_open(uint16_t port);
uint16_t tcp_proxy_port(const struct tcp_proxy *proxy);
/* Returns once the mode is in force. */
void tcp_proxy_set(struct tcp_proxy *proxy, enum tcp_proxy_mode mode);
void tcp_proxy_close(struct tcp_proxy *proxy);
