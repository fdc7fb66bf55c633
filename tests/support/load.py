"""A steady load through the gateway: bookings, and reads of what was booked, until told to stop."""

import random
import threading
import time
from dataclasses import dataclass, field

PAUSE_S = 0.01  # of each thread between its requests: a load, not a flood
END_S = 30


@dataclass
class Load:
    """`accepted`: bookingId -> (event, seat). `trouble`: everything else that was answered."""

    stack: object
    events: list
    seats: int
    threads: int = 8
    accepted: dict = field(default_factory=dict)
    trouble: list = field(default_factory=list)
    reads: int = 0

    def __enter__(self):
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True)
                         for n in range(self.threads)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(END_S)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, number):
        choice = random.Random(number)
        while not self._stop.wait(PAUSE_S):
            event, seat = choice.choice(self.events), f"S{choice.randint(1, self.seats)}"
            booking_id = self._try("book", 202, lambda: self.stack.book(event, seat))
            if booking_id:
                with self._lock:
                    self.accepted[booking_id] = (event, seat)
                self._try("read", 200, lambda: self.stack.web.get(f"/api/bookings/{booking_id}"))
                self._try("map", 200, lambda: self.stack.web.get(f"/api/events/{event}"))
                self.reads += 2

    def _try(self, what, status, request):
        began = time.monotonic()
        try:
            answer = request()
        except Exception as error:
            with self._lock:
                self.trouble.append(f"{what}: {error!r} after {time.monotonic() - began:.2f} s")
            return None
        if answer.status != status:
            with self._lock:
                self.trouble.append(f"{what}: {answer}")
            return None
        return answer.json().get("bookingId")

    def settled(self):
        return len(self.stack.ledger(list(self.accepted)))
