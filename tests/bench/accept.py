"""POST /api/book, answered after the broker's acknowledgement; all else of Seatline is stopped."""

import load

EVENTS = [f"evt{n}" for n in range(1, 11)]  # book.lua's
SEATS = 1000
THREADS_512 = "576"  # connections that write-api serves at once; a thread each


def prepare(bench):
    bench.seatline.add_events(EVENTS, SEATS)


def run(bench):
    seatline, accepted = bench.seatline, []
    seatline.run_only("write-api")
    bench.peer.start("write-api")
    stored, decided = seatline.stored(), outcomes(seatline)
    bench.warm(lambda seconds: load.book(seatline.write_port, 64, seconds))
    many = [lambda: accepted.append(wide(bench)), lambda: nginx(bench, bench.files, "512", 512)]
    bench.in_turn([
        lambda: accepted.append(ours(bench, "64", seatline.write_port, 64)),
        lambda: accepted.append(ours(bench, "gateway256", seatline.gateway_port, 256)),
        lambda: peer(bench), lambda: nginx(bench, bench.files, "64", 64),
        lambda: nginx(bench, bench.files_first, "gateway256", 256),
        *bench.unless_quick(many)])
    bench.peer.stop("write-api")
    prove(seatline, sum(accepted), stored, decided)


def note(bench, name, told):
    bench.figures.add(name, told.per_s, "/s")
    bench.figures.add(f"{name}_p50", told.p50_ms, "ms")
    bench.figures.add(f"{name}_p99", told.p99_ms, "ms")


def ours(bench, what, port, connections):
    with bench.cpu(f"accept.{what}") as cpu:
        told = load.book(port, connections, bench.seconds)
        cpu.operations = told.ok
    note(bench, f"accept.{what}.ours", told)
    bench.memory.note("write-api")
    return told.ok


def wide(bench):
    """512 connections are more than one instance serves by default: 320."""
    process = bench.seatline["write-api-0"]
    process.stop()
    process.start(HTTP_THREADS=THREADS_512)
    bench.seatline.wait_ready(["write-api-0"])
    ok = ours(bench, "512", bench.seatline.write_port, 512)
    process.stop()
    bench.seatline.run_only("write-api")
    return ok


def peer(bench):
    bench.warm(lambda seconds: load.book(bench.peer.write_port, 64, seconds))
    note(bench, "accept.64.peer", load.book(bench.peer.write_port, 64, bench.seconds))
    bench.memory.note_peer("write-api")


def nginx(bench, files, what, connections):
    told = load.wrk(files.url("200"), connections, bench.seconds)
    note(bench, f"accept.{what}.nginx", told)


def outcomes(seatline):
    return seatline.pg_value("SELECT count(*) FROM bookings")


def prove(seatline, accepted, stored, decided):
    """Every 202 is a message, and every message becomes one booking with an outcome. Those that
    were still under way when wrk left are messages, too."""
    messages = seatline.stored() - stored
    assert messages >= accepted, f"{accepted} were accepted, {messages} are stored"
    seatline.rest()
    made = outcomes(seatline) - decided
    assert made == messages, f"{messages} were stored, {made} have an outcome"
