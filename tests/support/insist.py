"""What a careful client does with a 503: the same request again, with the same key."""

import time

INSIST_S = 20
PAUSE_S = 0.1


def insist(request):
    """Repeats a request, which carries its Idempotency-Key, while the answer is a 503: it is not
    known to be stored. Any other answer is the answer; a broken connection is a fault."""
    deadline = time.monotonic() + INSIST_S
    while (answer := request()).status == 503:
        assert int(answer.header("Retry-After")) >= 1, answer
        assert time.monotonic() < deadline, f"still after {INSIST_S} s: {answer}"
        time.sleep(PAUSE_S)
    return answer
