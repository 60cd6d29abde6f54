from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagu.run.records.masking import MASK, Masker


def through(masker: Masker, blocks: list[bytes]) -> bytes:
    out: list[bytes] = []
    stream = masker.stream(out.append)
    for block in blocks:
        stream(block)
    stream.flush()
    return b"".join(out)


def test_text() -> None:
    assert Masker(["tok-1"]).text("a tok-1 b tok-1") == f"a {MASK} b {MASK}"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Masker(["abc", "abcdef"]).text("abcdef") == MASK


def test_blank_secrets_mask_nothing() -> None:
    assert not Masker(["", " "])


def test_a_secret_in_pieces() -> None:
    assert through(Masker(["secret"]), [b"a se", b"cr", b"et b"]) == f"a {MASK} b".encode()


def test_a_secret_that_begins_like_another_comes_in_pieces() -> None:
    masker = Masker(["abc", "abcdef", "xabcy"])
    assert through(masker, [b"-abc", b"def-"]) == f"-{MASK}-".encode()
    assert through(masker, [b"-xabc", b"y-"]) == f"-{MASK}-".encode()
    assert through(masker, [b"-abc", b"d-"]) == f"-{MASK}d-".encode()
    assert through(masker, [b"-abc"]) == f"-{MASK}".encode()


def test_what_only_looks_like_the_beginning_comes_out() -> None:
    assert through(Masker(["secret"]), [b"a secre", b"tary secre"]) == f"a {MASK}ary secre".encode()


def test_output_without_a_beginning_of_a_secret_is_not_held_back() -> None:
    out: list[bytes] = []
    Masker(["secret"]).stream(out.append)(b"hello\n")
    assert out == [b"hello\n"]


@given(
    st.lists(st.sampled_from([b"se", b"secret", b"cret", b"x", b"\xff", b"ecr", b"\n"]), max_size=30),
    st.lists(st.integers(1, 7), min_size=1, max_size=40),
)
def test_however_it_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    blocks, position = [], 0
    for cut in cuts:
        blocks.append(data[position : position + cut])
        position += cut
    blocks.append(data[position:])
    masker = Masker(["secret", "cretx", "se", "secretx"])
    assert through(masker, blocks) == through(masker, [data])
    assert b"secret" not in through(masker, blocks)
