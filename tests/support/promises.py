"""Whether the promises were kept: decided from what clients were told and what the stores have.

    report = check(record, facts)    # promise -> (facts checked, [Violation, ...])

record: one dict per request that a client sent, its answer in it (README.md, "The record"); facts:
facts.collect() of the record's events. Nothing is read here, nothing stops at the first violation,
and each is told under one promise: P2, say, is asked of what is stored, for what is not is P3's.
"""

from collections import defaultdict

from support import read_model
from support.ids import partition_of
from support.replay import MAKING, NEVER_MADE, Replay, check_tables

PROMISES = {
    "P1": "No seat ever has two live owners",
    "P2": "Every 202 ends in exactly one durable outcome that its caller can read",
    "P3": "A request that cannot be made durable is refused, never answered 202",
    "P4": "Several seats in one request: all or none",
    "P5": "First come, first served, in the order in which Kafka stored the requests",
    "P6": "One idempotency key, one effect; a message delivered twice has one effect",
    "P7": "The read model equals the write model at rest",
    "P8": "A hold that has run out never blocks a buyer, and none ends before its time",
}
# The gateway's own 503 (no instance answered it) says only that the outcome is not known.
GATEWAY_REASON = "Not available at this moment"
CLOCKS_MS = 2_000       # how far the clocks of clients and servers may be apart
ANSWERED_MS = 30_000    # a request whose client gave up may still be under way for so long
CLOCK_OFF_MS = 60_000   # no decision is so much older than its request


class Violation:
    """What is wrong, and the records that show it."""

    def __init__(self, what, records):
        self.what, self.records = what, records

    def lines(self):
        return [self.what, *(show(record) for record in self.records)]

    def __str__(self):
        return " | ".join(self.lines())

    __repr__ = __str__


def show(record):
    if not isinstance(record, dict):
        return str(record)
    told = [f"{name} {record[name]}" for name in (
        "user", "event", "seats", "key", "target") if record.get(name) is not None]
    answer = [f"{name} {record[name]}" for name in (
        "booking_id", "command_id", "retry_after", "reason") if record.get(name) is not None]
    return (f"client line {record.get('n')}: at {record['at']} {record['kind']} {' '.join(told)}"
            f" -> {record['status'] or 'no answer'} {' '.join(answer)}").rstrip()


# --- what an answer means ------------------------------------------------------------------------

def is_accepted(line):
    """Also when the client preferred to wait, and was told the outcome."""
    return 200 <= line["status"] < 300 or (
        400 <= line["status"] < 500 and line["booking_id"] is not None)


def is_refused(line):
    """For certain: nothing may have come of it."""
    if line["booking_id"] is not None:
        return False
    if line["status"] == 503:
        return GATEWAY_REASON not in (line["reason"] or "")
    return 400 <= line["status"] < 500


def identity_of(line):
    """What the answer names; None: nothing."""
    if line["booking_id"] is None:
        return None
    return line["booking_id"], None if line["kind"] in MAKING else line["command_id"]


def wish_of(line):
    """What the request asked for, as a stored command says it too."""
    if line["kind"] in MAKING:
        return line["kind"], line["user"], line["event"], tuple(line["seats"])
    return line["kind"], line["user"], line["target"], ()


def wish_stored(request):
    target = request.event_id if request.type in MAKING else request.booking_id
    return request.type, request.user_id, target, request.seats


class Judge:
    def __init__(self, record, facts):
        self.record, self.facts = record, facts
        self.found = {promise: [] for promise in PROMISES}
        self.stored = {}                 # identity -> the first message
        self.copies = defaultdict(list)  # identity -> the others
        self.lines = defaultdict(list)   # identity -> lines that were told it
        self.letters = {(at.partition, at.offset): at for at in facts.letters}
        for line in record:
            if identity_of(line):
                self.lines[identity_of(line)].append(line)
        self._index_requests()
        self.replay = Replay((), facts.rules, facts.seats, self.complain,
                             was_delivered_twice=self._was_delivered_twice,
                             log=facts.rows)
        self.checked = self.replay.facts  # a Counter

    def complain(self, promise, what, *records):
        self.found[promise].append(Violation(what, records))

    def _index_requests(self):
        """Of commands those that are about bookings known here: a slot alone is no proof."""
        known = {row.booking_id for row in self.facts.rows}
        known.update(request.booking_id for request in self.facts.requests
                     if request.type in MAKING)
        known.update(line["booking_id"] or line["target"] for line in self.record)
        for request in self.facts.requests:
            if request.booking_id not in known:
                continue
            first = self.stored.setdefault(request.identity, request)
            if first is not request:
                self.copies[request.identity].append(request)

    def _was_delivered_twice(self, row):
        identity = row.booking_id, None if row.command in MAKING else row.command_id
        return identity in self.copies or len(self.lines[identity]) > 1

    def judge(self):
        for row in self.facts.rows:
            self.replay.follow(row)
        check_tables(self.replay, self.facts.seats, self.facts.bookings, self.complain)
        self.outcomes()
        self.answers()
        self.unexplained()
        self.order()
        self.keys()
        read_model.check(self.facts, self.replay, self.complain)
        self.clocks()
        return {promise: (self.checked[promise], found) for promise, found in self.found.items()}

    # --- P2 ----------------------------------------------------------------------------------

    def _has_outcome(self, identity):
        """A request for seats may come after a command on its id: then that has made it."""
        booking_id, command_id = identity
        return identity in self.replay.decided or (
            command_id is None and bool(self.replay.bookings.get(booking_id)))

    def outcomes(self):
        """Of everything that Kafka has stored, whatever its client was told."""
        for identity, request in self.stored.items():
            self.checked["P2"] += 1
            lines = self.lines.get(identity, ())
            if not self._has_outcome(identity):
                letter = self.letters.get((request.partition, request.offset))
                progress = self.facts.progress.get(request.partition, 0)
                self.complain("P2", f"no outcome; the partition is decided up to {progress}",
                              *lines[:3], request, *filter(None, [letter]))
            else:
                self._as_asked(request, lines)
        for booking_id, rows in self.replay.bookings.items():
            self.checked["P2"] += 1
            if booking_id not in self.facts.documents:
                self.complain("P2", "an outcome that nobody can read: MongoDB lacks the booking",
                              *self.lines.get((booking_id, None), ())[:3], rows[-1])

    def _as_asked(self, request, lines):
        """What was decided is what was stored: the same seats, event and user."""
        row = self.replay.decided.get(request.identity)
        if row is None or row.command not in MAKING:
            return
        self.checked["P4"] += 1
        if set(row.booking_seats) != set(request.seats):
            self.complain("P4", "other seats were decided than were asked for", *lines[:3],
                          request, row)
        elif (row.event_id, row.user_id, row.command) != (
                request.event_id, request.user_id, request.type):
            self.complain("P2", "something else was decided than was asked for", *lines[:3],
                          request, row)

    # --- P3 ----------------------------------------------------------------------------------

    def answers(self):
        for line in self.record:
            self.checked["P3"] += 1
            identity = identity_of(line)
            if line["status"] == 503 and not line["retry_after"]:
                self.complain("P3", "a 503 without Retry-After", line)
            if not is_accepted(line):
                continue
            if identity is None or (line["kind"] not in MAKING and identity[1] is None):
                self.complain("P2", "a 202 that does not say of what", line)
            elif identity not in self.stored:
                rows = self.replay.bookings.get(line["booking_id"], [])
                self.complain("P3", "answered 202, but Kafka does not have it", line, *rows[:3])
        for identity, request in self.stored.items():
            accepted = [line for line in self.lines.get(identity, ()) if is_accepted(line)]
            if accepted and not any(self._asked_for(line, request) for line in accepted):
                self.complain("P3", "something else was stored than was asked for",
                              *accepted[:3], request)

    @staticmethod
    def _asked_for(line, request):
        return wish_of(line) == wish_stored(request) or (
            request.user_id is None and wish_of(line)[2] == request.booking_id)

    def unexplained(self):
        """Messages of which no answer told: each has to be that of a request without a certain
        answer, one each, or all those of one key."""
        open_lines, refused = defaultdict(list), defaultdict(list)
        for line in sorted(self.record, key=lambda line: line["at"]):
            if identity_of(line) is None:
                (refused if is_refused(line) else open_lines)[wish_of(line)].append(line)
        for identity, request in self.stored.items():
            self.checked["P3"] += 1
            if identity in self.lines:
                continue
            wish = wish_stored(request)
            line = self._take(open_lines[wish], request, ANSWERED_MS)
            if line is not None:
                continue
            line = self._take(refused[wish], request, CLOCKS_MS)
            if line is not None:
                self.complain("P3", "refused, but stored", line, request)
            else:
                self.complain("P3", "stored, but no request of the record is it", request)

    @staticmethod
    def _take(lines, request, late_ms):
        """The line that may be this request; it is none other's, unless it has a key."""
        for i, line in enumerate(lines):
            sent = line["at"] * 1000
            if (sent - CLOCKS_MS <= request.requested_at <= sent + line["took_ms"] + late_ms
                    and (request.type not in MAKING
                         or (line["key"] is None) == (request.key is None))):
                return lines.pop(i)
        return None

    # --- P5 ----------------------------------------------------------------------------------

    def order(self):
        """First decisions in the log's order are first occurrences in Kafka's."""
        last = {}  # partition -> (request, row)
        for identity, request in self.stored.items():
            if request.partition != partition_of(request.booking_id, self.facts.partitions):
                self.complain("P5", "in another partition than its booking's", request)
        for identity, row in self.replay.decided.items():
            request = self.stored.get(identity)
            if request is None:
                if not any(map(is_accepted, self.lines.get(identity, ()))):
                    self.complain("P5", "decided, though Kafka has never stored it", row)
                continue
            self.checked["P5"] += 1
            before, before_row = last.get(request.partition, (None, None))
            if before is not None and request.offset < before.offset:
                self.complain("P5", "decided after what Kafka stored later", before, before_row,
                              request, row)
            last[request.partition] = request, row
            if row.reason == NEVER_MADE and row.booking_version == 1:
                made = self.stored.get((row.booking_id, None))
                if made and made.offset < request.offset:
                    self.complain("P5", "never made, it says, but the request for it came first",
                                  made, request, row)

    # --- P6 ----------------------------------------------------------------------------------

    def keys(self):
        self._keys_answered()
        self._keys_stored()
        names = {}
        for (booking_id, command_id), row in self.replay.decided.items():
            if command_id is None:
                continue
            first = names.setdefault(command_id, row)
            if first.booking_id != booking_id:
                self.complain("P6", "one command id, two bookings", first, row)

    def _keys_answered(self):
        """Same user, same key, same event or booking: the same ids."""
        told = {}
        for line in self.record:
            identity = identity_of(line)
            if line["key"] is None or identity is None:
                continue
            self.checked["P6"] += 1
            scope = line["user"], line["event"] or line["target"], line["key"]
            first = told.setdefault(scope, line)
            if identity_of(first) != identity:
                self.complain("P6", "one key, two ids", first, line)

    def _keys_stored(self):
        effects = defaultdict(list)
        for identity, request in self.stored.items():
            rows = self.replay.bookings.get(request.booking_id)
            if request.key is None or not rows:
                continue
            self.checked["P6"] += 1
            if rows[0].reason == "idempotency_key_reused":
                owner = self.facts.key_owners.get(request.key)
                if owner in (None, request.booking_id):
                    self.complain("P6", "rejected for a key that nobody else used",
                                  request, rows[0])
            else:
                effects[request.key].append((request, rows[0]))
        for uses in effects.values():
            for use in uses[1:]:
                self.complain("P6", "one key, two bookings", *uses[0], *use)

    # --- P8 ----------------------------------------------------------------------------------

    def clocks(self):
        facts = self.facts
        for identity, row in self.replay.decided.items():
            request = self.stored.get(identity)
            self.checked["P8"] += 1
            if row.decided_at > facts.read_at:
                self.complain("P8", f"decided in the future; it is {facts.read_at}", row)
            elif request and row.decided_at < request.at - CLOCK_OFF_MS:
                self.complain("P8", "decided long before it was asked for", request, row)
        if facts.swept_s is None:
            return
        for rows in self.replay.bookings.values():
            last = rows[-1]
            if last.status == "held":
                self.checked["P8"] += 1
                if last.expires_at + 1000 * facts.swept_s < facts.read_at:
                    self.complain("P8", f"nobody has ended this hold; it is {facts.read_at}", last)
            rule = facts.rules.get(last.event_id)
            if rule and rule.cancelled_at is not None and last.status in ("held", "confirmed"):
                self.checked["P8"] += 1
                if rule.cancelled_at + 1000 * facts.swept_s < facts.read_at:
                    self.complain("P8", "nobody has ended this booking of a cancelled event", last)


def check(record, facts):
    """Pure; promise -> (facts checked, [Violation, ...])."""
    return Judge(record, facts).judge()


def summary(report, most=20):
    """For programs."""
    return {promise: {"promise": PROMISES[promise], "facts": checked,
                      "violated": len(violations),
                      "violations": [{"what": violation.what,
                                      "records": [show(record) for record in violation.records]}
                                     for violation in violations[:most]]}
            for promise, (checked, violations) in report.items()}


def text(report, most=20):
    """For people: a line per promise, and below it the first violations."""
    lines = []
    for promise, (checked, violations) in report.items():
        verdict = f"{len(violations)} VIOLATED" if violations else "kept"
        lines.append(f"{promise}  {verdict:12} {checked:>9} facts  {PROMISES[promise]}")
        for violation in violations[:most]:
            first, *records = violation.lines()
            lines += [f"    {first}", *(f"        {record}" for record in records)]
        if len(violations) > most:
            lines.append(f"    and {len(violations) - most} more")
    return "\n".join(lines)
