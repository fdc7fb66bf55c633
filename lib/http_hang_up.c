#include "http_hang_up.h"

#include "attr.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

DEFINE_CLEANUP(DIR *, closedir)

static bool came_by(int fd, int port)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return false; /* No socket. */
	switch (address.ss_family) {
	case AF_INET:
		return ntohs(((const struct sockaddr_in *)&address)->sin_port) == port;
	case AF_INET6:
		return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port) == port;
	default:
		return false;
	}
}

void http_hang_up(int port)
{
	_cleanup_(closedirp) DIR *directory = opendir("/proc/self/fd");

	if (!directory || port <= 0)
		return;
	for (const struct dirent *entry; (entry = readdir(directory));) {
		char *end = NULL;
		const long fd = strtol(entry->d_name, &end, 10);
		if (end == entry->d_name || *end != '\0')
			continue; /* "." and ".." */
		if (came_by((int)fd, port))
			(void)shutdown((int)fd, SHUT_RDWR); /* The client may have hung up. */
	}
}
