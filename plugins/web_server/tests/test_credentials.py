"""Passwords and tokens as hashes."""

from __future__ import annotations

import hashlib

import pytest

from dagu.errors import UsageError
from dagu_web_server.credentials import PasswordHash, hash_password, hash_token, new_token, parse_tokens


def test_a_password_fits_its_own_hash_only() -> None:
    kept = hash_password("correct horse")
    assert "horse" not in kept
    assert "$" not in kept
    assert PasswordHash(kept).matches("correct horse")
    assert not PasswordHash(kept).matches("correct horsf")
    assert not PasswordHash(kept).matches("")


def test_equal_passwords_have_unequal_hashes() -> None:
    assert hash_password("a") != hash_password("a")


def test_a_hash_says_how_it_was_made() -> None:
    """An older hash stays valid when the costs are raised."""
    salt = b"0123456789abcdef"
    made = hashlib.scrypt(b"pw", salt=salt, n=2**10, r=8, p=1, dklen=32)
    import base64

    def text(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    assert PasswordHash(f"scrypt:10:8:1:{text(salt)}:{text(made)}").matches("pw")


@pytest.mark.parametrize(
    "text",
    [
        "secret",
        "scrypt:14:8:5:x:y",
        "bcrypt:14:8:5:MDEyMzQ1Njc4OWFiY2RlZg:YWJj",
        "scrypt:99:8:5:AAAA:BBBB",
        "::::::",
    ],
)
def test_what_is_no_hash_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        PasswordHash(text)
    assert text not in str(caught.value)
    assert "hash-password" in caught.value.hint


def test_tokens() -> None:
    one, other = new_token(), new_token()
    assert one != other
    assert len(one) > 40
    parsed = parse_tokens(f" ci:{hash_token(one)} , phone : {hash_token(other).upper()},")
    assert parsed == {hash_token(one): "ci", hash_token(other): "phone"}
