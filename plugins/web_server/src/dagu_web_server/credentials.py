"""Passwords and API tokens, kept as hashes only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from dagu.errors import UsageError

COST, BLOCK_SIZE, PARALLEL = 14, 8, 5
"""Of scrypt (RFC 7914): 2^14, 8 and 5 take 16 MiB, and as long to guess as any setting that OWASP names."""
_MOST_COST = 20
_SALT = 16
_LENGTH = 32


def hash_password(password: str) -> str:
    """A hash to keep: ``scrypt:COST:BLOCK_SIZE:PARALLEL:SALT:HASH``; no ``$``, which shells and Compose expand."""
    salt = secrets.token_bytes(_SALT)
    derived = _derive(password, salt, COST, BLOCK_SIZE, PARALLEL)
    return ":".join(("scrypt", str(COST), str(BLOCK_SIZE), str(PARALLEL), _text(salt), _text(derived)))


class PasswordHash:
    """A kept hash.

    Raises:
        UsageError: The text is none.
    """

    def __init__(self, text: str) -> None:
        try:
            kind, cost, block_size, parallel, salt, derived = text.split(":")
            self._numbers = int(cost), int(block_size), int(parallel)
            self._salt, self._derived = _bytes(salt), _bytes(derived)
            known = kind == "scrypt" and 1 <= self._numbers[0] <= _MOST_COST and min(self._numbers) > 0
            known = known and len(self._salt) >= 8 and len(self._derived) == _LENGTH
        except (ValueError, binascii.Error):
            known = False
        if not known:
            raise UsageError(
                "DAGU_AUTH_PASSWORD_HASH is no password hash",
                hint="make one with `dagu server hash-password`",
            )

    def matches(self, password: str) -> bool:
        """Whether the password is the one. Takes a tenth of a second or so, on purpose."""
        return hmac.compare_digest(_derive(password, self._salt, *self._numbers), self._derived)


def new_token() -> str:
    """A token that can't be guessed."""
    return f"dagu_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """A hash to keep. A token is random, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def parse_tokens(text: str) -> Mapping[str, str]:
    """The hashes, each with its name, of ``NAME:HASH,NAME:HASH``.

    Raises:
        UsageError: It is not written like that.
    """
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, digest = (part.strip() for part in entry.partition(":"))
        if not name or len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef"):
            raise UsageError(
                f"DAGU_AUTH_TOKENS: the entry {name or '1'!r} is not NAME:HASH",
                hint="make entries with `dagu server new-token NAME`",
            )
        if digest.lower() in found:
            raise UsageError(f"DAGU_AUTH_TOKENS: {name!r} and {found[digest.lower()]!r} are the same token")
        found[digest.lower()] = name
    return found


def _derive(password: str, salt: bytes, cost: int, block_size: int, parallel: int) -> bytes:
    n = 2**cost
    room = 128 * block_size * (n + parallel + 2)
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=block_size, p=parallel, maxmem=2 * room, dklen=_LENGTH
    )


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
