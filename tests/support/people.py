"""Who calls: a stack as one person sees it, and tokens as write-api makes them, or nearly.

Tokens are PyJWT's, by the stack's own key, and name whom a test likes: they are stateless, so
nobody has to be registered.
"""

import copy
import itertools
import os
import time

import jwt

from support.wait import wait_for
from support.web import Client

ISSUER = AUDIENCE = "seatline"
KEY_ID = "k1"
TTL_S = 86400

_numbers = itertools.count(1)


def signing_key(stack):
    return bytes.fromhex(stack.secrets["JWT_KEY"])


def claims_of(user_id, role="user", **changes):
    """What a token says; a change to None leaves a claim out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "role": role, "iat": now,
              "nbf": now, "exp": now + TTL_S, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def mint(stack, user_id, role="user", *, key=None, headers=None, algorithm="HS256", **changes):
    """A token; changes are of its claims, headers are of its head, key: another one than ours."""
    return jwt.encode(claims_of(user_id, role, **changes),
                      signing_key(stack) if key is None else key, algorithm=algorithm,
                      headers={"kid": KEY_ID, **(headers or {})})


def person(stack, role="user", user_id=None):
    """The stack with `web`, and all that uses it, as this person's; user_id and token are theirs.
    An admin books for whom they name, everybody else for themselves."""
    twin = copy.copy(stack)
    twin.user_id = user_id or f"u-{role}-{os.getpid()}-{next(_numbers)}"
    twin.role = role
    twin.token = mint(stack, twin.user_id, role)
    twin.bearer = {"Authorization": f"Bearer {twin.token}"}
    twin.web = Client(stack.gateway_port, headers=twin.bearer)
    twin.user = lambda: twin.user_id
    return twin


def event_of(seats=4, prefix="e", **changes):
    """What POST /api/events takes, its id beginning so: seats Hall-A-1 to Hall-A-<seats>, and
    what is changed of it."""
    body = {"eventId": f"{prefix}-{os.getpid()}-m{next(_numbers)}", "name": "An evening",
            "kind": "concert", "date": "2030-01-01T19:30:00Z", "venue": "The hall",
            "sections": [{"name": "Hall", "rows": ["A"], "seatsPerRow": seats,
                          "priceMinor": 2500}], **changes}
    return {member: value for member, value in body.items() if value is not None}


def post_event(admin, seats=4, prefix="e", **changes):
    """An event made the way an administrator does; answers its id once its map is readable."""
    body = event_of(seats, prefix, **changes)
    answer = admin.web.post("/api/events", body)
    assert answer.status == 201, answer
    event_id = answer.json()["eventId"]
    wait_for(lambda: len(admin.seat_map(event_id)["seats"]) == answer.json()["seatsTotal"], 20,
             f"the map of {event_id} is readable")
    return event_id
