"""What each route answers while a server is away: what the document says that it needs (`x-needs`)
decides. 503 with Retry-After without it, and as ever without the others; without Redis always as
ever.
"""

import pytest

from support import contract
from support.calls import Calls
from support.people import person
from support.problem import assert_problem
from support.wait import wait_for

OPERATIONS = contract.operations()
NEEDS = {str(o): contract.load()["paths"][o.path][o.method.lower()]["x-needs"] for o in OPERATIONS}
SERVERS = ("redis", "postgresql", "mongodb", "kafka")
NOTICED_S = 10  # a busy machine may need that long to see that a server is gone
BACK_S = 30
AT_ONCE = 8


def test_every_route_says_what_it_needs():
    assert set(map(str, OPERATIONS)) == set(NEEDS)
    for needs in NEEDS.values():
        assert set(needs) <= set(SERVERS) - {"redis"}, "Redis is never needed"


@pytest.mark.parametrize("server", SERVERS)
def test_each_route_answers_as_it_says_while_a_server_is_away(stack, server):
    calls = Calls(stack, person(stack))
    stack[server].kill()
    wait_noticed(stack, calls, server)

    def look(operation):
        try:
            check(calls.send(operation, {}), server, operation, calls)
        except AssertionError as error:
            return str(operation), str(error)[:300]

    # Cancelling the event would change what the others are answered: last.
    last = [o for o in OPERATIONS if o.path.endswith("/{eventId}/cancel")]
    others = [o for o in OPERATIONS if o not in last]
    wrong = [w for w in [*stack.each(look, others, AT_ONCE), *map(look, last)] if w]
    assert not wrong, wrong

    stack.heal()
    calls = Calls(stack, person(stack))
    for operation in [*others, *last]:
        wanted = calls.status(operation)
        wait_for(lambda: calls.send(operation, {}).status == wanted, BACK_S,
                 f"{operation} answers {wanted} again")


def wait_noticed(stack, calls, server):
    """Until one route that needs it says so; kept connections may bear a request more."""
    needing = [o for o in OPERATIONS if server in NEEDS[str(o)]]
    if needing:
        wait_for(lambda: calls.send(needing[0], {}).status == 503, NOTICED_S,
                 f"{needing[0]} is refused")


def check(answer, server, operation, calls):
    if server in NEEDS[str(operation)]:
        problem = assert_problem(answer, 503)
        assert int(answer.header("Retry-After")) >= 1
        assert problem["type"] == "/problems/unavailable"
    else:
        assert answer.status == calls.status(operation), answer
