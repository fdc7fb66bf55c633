"""An independent reading of booking_log, row by row: what must be true whoever fought and whatever
died. Knows nothing of the programs but lib/PROTOCOL.md and the table in ARCHITECTURE.md.

What is wrong goes to complain(promise, what, *records), and the reading goes on with what the log
says; without a `complain`, the first complaint is an AssertionError.
"""

from collections import Counter, defaultdict

# (status before, command) -> statuses after it. No command: the hold ran out, or the event was
# cancelled.
TRANSITIONS = {
    (None, "book"): {"confirmed", "rejected"},
    (None, "hold"): {"held", "rejected"},
    (None, "confirm"): {"rejected"},
    (None, "extend"): {"rejected"},
    (None, "cancel"): {"rejected"},
    (None, "block"): {"done", "rejected"},
    (None, "unblock"): {"done", "rejected"},
    (None, "cancel_event"): {"done", "rejected"},
    ("held", "confirm"): {"confirmed"},
    ("held", "extend"): {"held"},
    ("held", "cancel"): {"cancelled"},
    ("held", None): {"expired", "cancelled"},
    ("confirmed", None): {"cancelled"},
    ("confirmed", "cancel"): {"cancelled"},
}
UNCHANGED = {("confirmed", "confirm"): "already_confirmed",
             ("cancelled", "cancel"): "already_cancelled"}
REFUSED = {"held": {"not_owner", "extension_limit", "event_cancelled"},
           "confirmed": {"not_owner", "already_confirmed", "event_cancelled"},
           "rejected": {"not_owner", "booking_rejected", "booking_not_found", "not_a_booking"},
           "done": {"not_owner", "not_a_booking"},
           "cancelled": {"not_owner", "booking_cancelled"},
           "expired": {"not_owner", "hold_expired"}}
SEAT_STATUS = {"held": "held", "confirmed": "booked", "cancelled": "available",
               "expired": "available"}
FREE = (None, "available")
BLOCKED = (None, "blocked")
UNTOUCHED = (*FREE, 0)
NEVER_MADE = "booking_not_found"
ADMINISTERING = {"block": "blocked", "unblock": "available", "cancel_event": None}
SELLING = ("book", "hold", "confirm", "extend")
MAKING = ("book", "hold", *ADMINISTERING)
# Why a seat cannot be had, and which of several is told.
SEAT_REASONS = ("seat_not_found", "seat_blocked", "seat_not_blocked", "seat_taken")
# Reason -> what limits it, and what counts.
LIMITS = {"seat_limit": ("seats_per_user_max", ("held", "confirmed")),
          "hold_limit": ("holds_per_user_max", ("held",))}
LAPSED = "lapsed"  # no reason at all: P8
SAME_AFTER_ALL = ("event_id", "user_id", "mode", "booking_seats", "seats_lost", "seat_prices",
                  "total_minor", "currency", "requested_at")
SAME_UNLESS_DONE = ("status", "reason", "expires_at", "extensions")


def insist(promise, what, *records):
    raise AssertionError("\n  ".join([f"{promise}: {what}", *map(str, records)]))


class Replay:
    """`seats` and `bookings` are what the log leads to.

    rules: event id -> EventRow, seats: (event, seat) -> SeatRow, as they are at rest; without them
    nothing is said about what only they can tell. A second decision about the same breaks P6 where
    there is a reason for it, a second delivery, else P2. log: all rows, where they are followed one
    by one.
    """

    def __init__(self, rows=(), rules=None, seats=None, complain=insist,
                 was_delivered_twice=lambda row: True, log=None):
        self.seats = {}                    # (event, seat) -> owner, status, version
        self.bookings = defaultdict(list)  # booking id -> its rows
        self.decided = {}                  # (booking id, command id) -> the first row about it
        self.facts = Counter()             # promise -> what was checked
        self._rules, self._layout = rules, seats
        self._complain = complain
        self._was_delivered_twice = was_delivered_twice
        self._changed = {}                 # (event, seat) -> the row that changed it last
        self._live = defaultdict(set)      # (event, user) -> bookings, where there is a limit
        # Whether a seat was blocked before all that is told of it: only what comes first tells.
        self._began_blocked = {
            (row.event_id, seat): row.mode == "unblock" for row in log or rows
            for seat, version in zip(row.seat_ids, row.seat_versions) if version == 1}
        for row in rows:
            self.follow(row)

    def statuses(self):
        return Counter(rows[-1].status for rows in self.bookings.values())

    def seat(self, event_id, seat_id):
        """Owner, status, version."""
        return self.seats.get((event_id, seat_id), UNTOUCHED)

    def follow(self, row):
        rows = self.bookings[row.booking_id]
        before = rows[-1] if rows else None
        if self._is_first(row):
            self._version(before, row)
            allowed = self._outcome(before, row)
            self._times(before, row)
            if row.status == "rejected" and before is None:
                self._rejection(row)
            if row.status == "done" and before is None:
                self._lost_seats(row)
            self._event(row)
            self._seats(before, row, allowed)
        else:
            self._move(row)
        self._count_live(row)
        rows.append(row)

    # --- bookings ----------------------------------------------------------------------------

    def _is_first(self, row):
        """Whether nothing was decided about the same before."""
        if row.command is None:
            return True
        identity = row.booking_id, None if row.command in MAKING else row.command_id
        first = self.decided.setdefault(identity, row)
        self.facts["P6"] += 1
        if first is not row:
            self._complain("P6" if self._was_delivered_twice(row) else "P2", "decided twice",
                           first, row)
        return first is row

    def _version(self, before, row):
        self.facts["P2"] += 1
        if row.booking_version != (before.booking_version + 1 if before else 1):
            self._complain("P2", "a version of a booking is missing", *filter(None, [before]), row)

    def _outcome(self, before, row):
        """Whether the booking may be as the row says; what of it may change, and what not."""
        status = before.status if before else None
        for name in SAME_AFTER_ALL if before else ():
            if getattr(row, name) != getattr(before, name):
                self._complain("P2", f"a booking has another {name}", before, row)
        if row.status not in ("rejected", "done") and (
                len(row.seat_prices) != len(row.booking_seats)
                or sum(row.seat_prices) != row.total_minor):
            self._complain("P2", "the prices do not add up", row)
        if row.result == "done":
            allowed = row.status in TRANSITIONS.get((status, row.command), ())
            if row.refusal or (status is None and row.command not in MAKING
                               and row.reason != NEVER_MADE):
                allowed = False
        else:
            allowed = before is not None and self._may_leave(before, row)
        if not allowed:
            self._complain("P2", "no outcome that there is", *filter(None, [before]), row)
        return allowed

    @staticmethod
    def _may_leave(before, row):
        """What was not done leaves the booking as it was, for a reason."""
        if any(getattr(row, name) != getattr(before, name) for name in SAME_UNLESS_DONE):
            return False
        if row.result == "unchanged":
            return row.refusal == UNCHANGED.get((before.status, row.command))
        if row.refusal == "not_owner" and row.actor in (None, row.user_id):
            return False
        return row.refusal in REFUSED.get(before.status, ())

    def _event(self, row):
        """Nothing is sold of a cancelled event; and only its bookings end by nobody's command."""
        rule = self._rules.get(row.event_id) if self._rules else None
        if rule is None or row.result != "done":
            return
        cancelled_at = rule.cancelled_at
        if cancelled_at is not None and row.decided_at > cancelled_at and row.command in SELLING \
                and row.status in ("held", "confirmed"):
            self._complain("P5", f"{row.command} after the event was cancelled", row)
        if row.command is None and row.status == "cancelled" and (
                row.reason != "event_cancelled" or cancelled_at is None
                or row.decided_at < cancelled_at):
            self._complain("P2", "cancelled by nobody, and its event was not", row)

    # --- time --------------------------------------------------------------------------------

    def _times(self, before, row):
        if before and row.decided_at < before.decided_at:
            self._complain("P8", "decided before what came before it", before, row)
        if row.result != "done":
            return
        if before and before.status == "held":
            self.facts["P8"] += 1
            has_lapsed = row.decided_at >= before.expires_at
            if row.status == "expired" and not has_lapsed:
                self._complain("P8", "a hold ended before its time", before, row)
            if row.status != "expired" and has_lapsed:
                self._complain("P8", f"a {row.command} won after the hold had run out", before, row)
        if row.status == "held":
            self._hold(before, row)

    def _hold(self, before, row):
        """How long it is."""
        rule = self._rules.get(row.event_id) if self._rules else None
        if rule is None:
            return
        self.facts["P8"] += 1
        ends = row.decided_at + rule.hold_ttl_ms
        if before:
            ends = max(ends, before.expires_at)
        if row.expires_at != ends:
            self._complain("P8", f"a hold of {rule.hold_ttl_ms} ms ends at {ends}",
                           *filter(None, [before]), row)

    # --- rejections --------------------------------------------------------------------------

    def _rejection(self, row):
        lost = row.reason in SEAT_REASONS
        self.facts["P4"] += 1
        if lost != bool(row.seats_lost) or not set(row.seats_lost) <= set(row.booking_seats):
            self._complain("P4", "the seats that went are not some of those asked for", row)
        elif lost:
            self._lost_seats(row)
        else:
            self._other_reason(row)

    def _lost_seats(self, row):
        """Each could not be had, at the row's place in the log; the others could."""
        told = []
        for seat in row.booking_seats:
            why = self._why_not(row, seat)
            owner = self._changed.get((row.event_id, seat))
            self.facts["P5"] += 1
            if seat not in row.seats_lost:
                if why in SEAT_REASONS:
                    self._complain("P2", f"{seat} could not be had either ({why})", row,
                                   *filter(None, [owner]))
            elif why == LAPSED:
                self.facts["P8"] += 1
                self._complain("P8", f"{seat} was lost to a hold that had run out", row, owner)
            elif why is None:
                self._complain("P5", f"{seat} was free", row, *filter(None, [owner]))
            else:
                told.append(SEAT_REASONS.index(why))
        if row.status == "rejected" and len(told) == len(row.seats_lost) \
                and SEAT_REASONS[min(told)] != row.reason and self._layout is not None:
            self._complain("P5", f"the reason is {SEAT_REASONS[min(told)]}", row)

    def _why_not(self, row, seat_id):
        """Why a seat cannot be had when this row is decided; None: it can."""
        if self._layout is not None:
            if (row.event_id, seat_id) not in self._layout:
                return "seat_not_found"
        elif (row.event_id, seat_id) not in self.seats:
            return row.reason if seat_id in row.seats_lost else None
        owner, status, _ = self.seat(row.event_id, seat_id)
        if self._is_blocked(row.event_id, seat_id):
            return None if row.mode in ADMINISTERING else "seat_blocked"
        if row.mode == "unblock":
            return "seat_not_blocked"
        if status == "booked":
            return "seat_taken"
        if status != "held":
            return None
        return "seat_taken" if self.bookings[owner][-1].expires_at > row.decided_at else LAPSED

    def _is_blocked(self, event_id, seat_id):
        """Also from the beginning, of which no row tells."""
        place = event_id, seat_id
        if place in self.seats:
            return self.seats[place][1] == "blocked"
        seat = self._layout.get(place) if self._layout is not None else None
        return self._began_blocked.get(place, seat is not None and seat.status == "blocked")

    def _other_reason(self, row):
        """That the event, the buyer or the clock stood against it; a reused key, the log alone
        cannot tell."""
        if self._rules is None or row.reason in (NEVER_MADE, "idempotency_key_reused"):
            return
        self.facts["P5"] += 1
        rule = self._rules.get(row.event_id)
        if row.reason == "event_not_found":
            justified = rule is None
        elif rule is None:
            justified = False
        elif row.reason == "event_cancelled":
            justified = rule.cancelled_at is not None
        elif row.reason == "sales_not_open":
            justified = rule.sales_open_at is not None and row.decided_at < rule.sales_open_at
        elif row.reason == "sales_closed":
            justified = rule.sales_close_at is not None and row.decided_at >= rule.sales_close_at
        else:
            justified = row.reason in LIMITS and self._is_over_limit(rule, row)
        if not justified:
            self._complain("P5", f"rejected for {row.reason}, which was not so", row)

    def _count_live(self, row):
        rule = self._rules.get(row.event_id) if self._rules else None
        if rule and (rule.seats_per_user_max or rule.holds_per_user_max):
            live = self._live[row.event_id, row.user_id]
            (live.add if row.status in ("held", "confirmed") else live.discard)(row.booking_id)

    def _is_over_limit(self, rule, row):
        limit, statuses = LIMITS[row.reason]
        most, seats = getattr(rule, limit), len(row.booking_seats)
        for booking_id in self._live[row.event_id, row.user_id]:
            last = self.bookings[booking_id][-1]
            if last.status in statuses and (
                    last.status == "confirmed" or last.expires_at > row.decided_at):
                seats += len(last.booking_seats)
        return most is not None and seats > most

    # --- seats -------------------------------------------------------------------------------

    def _seats(self, before, row, allowed):
        """All seats of the booking or none, each by one version, and none that another one has."""
        status = before.status if before else None
        if row.status == "done" and before is None:
            self._administered(row)
            return
        changes = row.result == "done" and row.status != "rejected" and row.status != status
        self.facts["P4"] += 1
        if sorted(row.seat_ids) != (sorted(row.booking_seats) if changes else []):
            self._complain("P4", "neither all seats of the booking nor none", row)
        if changes:
            had = FREE if status is None else (row.booking_id, SEAT_STATUS.get(status))
            for seat in zip(row.seat_ids, row.seat_statuses, row.seat_versions):
                self._seat(row, *seat, had, allowed)
        self._move(row)

    def _administered(self, row):
        """Those it could have that were not so already. What is so from the beginning, and never
        changed by a row, only the row itself tells."""
        becomes = ADMINISTERING.get(row.mode)
        could = set(row.booking_seats) - set(row.seats_lost)
        self.facts["P4"] += 1
        for seat in could - set(row.seat_ids):
            blocked = self._is_blocked(row.event_id, seat)
            if (becomes == "blocked") != blocked and (row.event_id, seat) in self.seats:
                self._complain("P4", f"{seat} is not {becomes}, and did not change", row)
        if not set(row.seat_ids) <= could:
            self._complain("P4", "seats changed that could not", row)
        for seat, now, version in zip(row.seat_ids, row.seat_statuses, row.seat_versions):
            owner, _, last = self.seat(row.event_id, seat)
            self.facts["P1"] += 1
            if version != last + 1 or now != becomes or owner is not None or (
                    self._is_blocked(row.event_id, seat) != (becomes == "available")):
                self._complain("P1", f"{seat} becomes {now}@{version} after @{last}", row)
        self._move(row)

    def _seat(self, row, seat_id, now, version, had, allowed):
        """had: whose it has to be before, and as what; of what is no transition, only by whom."""
        owner, was, last = self.seat(row.event_id, seat_id)
        changer = self._changed.get((row.event_id, seat_id))
        seen = [changer] if changer else []
        self.facts["P1"] += 1
        if version != last + 1:
            self._complain("P1", f"{seat_id} goes from version {last} to {version}", *seen, row)
        if now != SEAT_STATUS.get(row.status):
            self._complain("P1", f"{seat_id} is {now} for a booking that is {row.status}", row)
        elif owner not in (None, row.booking_id) or (allowed and (owner, was) != had):
            self._complain("P1", f"{seat_id} was {was}, owned by {owner}", *seen, row)

    def _move(self, row):
        for seat_id, now, version in zip(row.seat_ids, row.seat_statuses, row.seat_versions):
            place = row.event_id, seat_id
            whose = {"available": FREE, "blocked": BLOCKED}.get(now, (row.booking_id, now))
            self.seats[place] = (*whose, version)
            self._changed[place] = row


# --- the tables --------------------------------------------------------------------------------

LAST_SAID = {  # of bookings -> of the last row of the log
    "event_id": "event_id", "user_id": "user_id", "mode": "mode", "seat_ids": "booking_seats",
    "status": "status", "reason": "reason", "seats_lost": "seats_lost",
    "version": "booking_version", "extensions": "extensions", "seat_prices": "seat_prices",
    "total_minor": "total_minor", "currency": "currency",
    "payment_reference": "payment_reference", "requested_at": "requested_at",
    "expires_at": "expires_at"}


def settled_row(rows):
    """The row that decided the status: what was not done later leaves it."""
    return next((row for row in reversed(rows) if row.result == "done"), rows[0])


def check_tables(replay, seats, bookings, complain=insist):
    """seats and bookings, at rest, are what the log leads to."""
    for place, seat in seats.items():
        replay.facts["P1"] += 1
        owner, status, version = replay.seats.get(place, UNTOUCHED)
        last = replay.bookings[owner][-1] if owner else None
        found = seat.booking_id, seat.status, seat.version, seat.user_id
        wanted = owner, status, version, last.user_id if last else None
        if found != wanted and not (seat.status == "blocked" and wanted == (*UNTOUCHED, None)
                                    and found == (None, "blocked", 0, None)):
            complain("P1", f"the log leads to {wanted}", seat, *filter(None, [last]))
        elif seat.hold_expires_at != (last.expires_at if status == "held" else None):
            complain("P8", "the seat's hold does not end with its booking's", seat, last)
    for place in set(replay.seats) - set(seats):
        complain("P1", f"there is no seat {place}, which the log has changed")
    for booking_id, booking in bookings.items():
        replay.facts["P2"] += 1
        rows = replay.bookings.get(booking_id)
        if not rows:
            complain("P2", "a booking of which the log knows nothing", booking)
            continue
        wrong = [name for name, of_log in LAST_SAID.items()
                 if getattr(booking, name) != getattr(rows[-1], of_log)]
        if booking.decided_at != settled_row(rows).decided_at:
            wrong.append("decided_at")
        if wrong:
            complain("P2", f"another {', '.join(wrong)} than the log has", booking, rows[-1])
    for booking_id in set(replay.bookings) - set(bookings):
        complain("P2", "a booking of the log that is not there", replay.bookings[booking_id][-1])
