/*
 * http_hang_up - ends what civetweb's threads sleep on, so that mg_stop need not wait for them.
 *
 * civetweb looks whether it is to stop every 2 s: the thread that accepts, and each that waits for
 * a connection's next request. A shut socket wakes both at once. It does not tell which sockets are
 * its own, but their local port does.
 */
#pragma once

/*
 * Shuts the listening socket on this port and all connections that came by it. What was sent still
 * arrives; what was not read is lost. Where /proc cannot be read it does nothing.
 */
void http_hang_up(int port);
