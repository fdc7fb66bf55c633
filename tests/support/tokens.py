"""Tokens that are none: what somebody sends who would be somebody else. All are refused."""

import base64
import hashlib
import hmac
import json
import time

from support.people import claims_of, mint, signing_key


def segment(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(stack, head, claims):
    """Any head and any claims, with a MAC by the stack's own key."""
    text = f"{segment(head)}.{segment(claims)}"
    mac = hmac.new(signing_key(stack), text.encode(), hashlib.sha256).digest()
    return f"{text}.{segment(mac)}"


def changed(token, **changes):
    """The same MAC under other claims."""
    head, body, mac = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{segment({**claims, **changes})}.{mac}"


def bad_tokens(stack, user_id="u-mallory"):
    """By what is wrong with them; each claims to be an admin's."""
    now, head = int(time.time()), {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    claims = claims_of(user_id, "admin")
    good = mint(stack, user_id, "admin")
    user = mint(stack, user_id, "user")
    made = lambda **changes: mint(stack, user_id, "admin", **changes)
    return {
        "forged": made(key=b"\x01" * 32),
        "signed with the key's text": made(key=stack.secrets["JWT_KEY"].encode()),
        "expired": made(iat=now - 90_000, nbf=now - 90_000, exp=now - 60),
        "without an end": made(exp=None),
        "an end that is text": signed(stack, head, {**claims, "exp": "9999999999"}),
        "an end that is a fraction": signed(stack, head, {**claims, "exp": now + 60.5}),
        "not yet": made(nbf=now + 3600),
        "issued in the future": made(iat=now + 3600, nbf=now + 3600, exp=now + 7200),
        "of another issuer": made(iss="seatline.example.com"),
        "of no issuer": made(iss=None),
        "for another audience": made(aud="somebody-else"),
        "for other audiences": made(aud=["somebody-else", "nobody"]),
        "for no audience": made(aud=None),
        "of nobody": made(sub=None),
        "of an empty user": made(sub=""),
        "of a user that is no id": made(sub="a b"),
        "of a user that is a path": made(sub=".."),
        "of a role that was deleted": mint(stack, user_id, "operator"),
        "of a role in capitals": mint(stack, user_id, "ADMIN"),
        "of two roles": mint(stack, user_id, ["user", "admin"]),
        "of no role": mint(stack, user_id, None),
        "an unknown key": made(headers={"kid": "k9"}),
        "a key that is a path": made(headers={"kid": "../../dev/null"}),
        "a key that is SQL": made(headers={"kid": "k1' OR '1'='1"}),
        "no key": signed(stack, {"alg": "HS256", "typ": "JWT"}, claims),
        "alg none": f"{segment({**head, 'alg': 'none'})}.{segment(claims)}.",
        "alg None": f"{segment({**head, 'alg': 'None'})}.{segment(claims)}.",
        "alg none, with a MAC": signed(stack, {**head, "alg": "none"}, claims),
        "alg RS256": signed(stack, {**head, "alg": "RS256"}, claims),
        "alg HS512": made(algorithm="HS512"),
        "alg in small letters": signed(stack, {**head, "alg": "hs256"}, claims),
        "with a key of its own": signed(
            stack, {**head, "jwk": {"kty": "oct", "k": segment(b"\x01" * 32)}}, claims),
        "with where its key is": signed(
            stack, {**head, "jku": "http://169.254.169.254/latest/meta-data"}, claims),
        "with what is critical": signed(stack, {**head, "crit": ["b64"], "b64": False}, claims),
        "of another type": signed(stack, {**head, "typ": "at+jwt"}, claims),
        "with a claim twice": good.split(".")[0] + "." + segment(
            json.dumps(claims)[:-1].encode() + b',"role":"admin"}') + "." + good.split(".")[2],
        "its role changed": changed(user, role="admin"),
        "its user changed": changed(user, sub="u-somebody-else"),
        "its end changed": changed(user, exp=now + 10**9),
        "cut off": good[:-1],
        "without its MAC": good.rsplit(".", 1)[0],
        "with an empty MAC": good.rsplit(".", 1)[0] + ".",
        "another's MAC": good.rsplit(".", 1)[0] + "." + user.rsplit(".", 1)[1],
        "with a padded MAC": good + "=",
        "with a fourth part": good + ".e30",
        "a fifth of it": good[:len(good) // 5],
        "a word": "admin",
        "3,000 bytes": "A" * 3000,
    }


def bad_headers(stack):
    """Authorization as it is not to be, by what is wrong with it."""
    good = mint(stack, "u-mallory", "admin")
    basic = base64.b64encode(b"admin@example.com:password").decode()
    return {
        **{name: f"Bearer {token}" for name, token in bad_tokens(stack).items()},
        "Basic": f"Basic {basic}",
        "Digest": 'Digest username="admin"',
        "a token without a word before it": good,
        "another word": f"Token {good}",
        "nothing after the word": "Bearer",
        "a blank after the word": "Bearer ",
        "empty": "",
        "in quotes": f'Bearer "{good}"',
        "with a word after it": f"Bearer {good} admin",
        "two tokens": f"Bearer {good}, Bearer {good}",
    }
