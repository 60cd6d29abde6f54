"""Keeping secrets out of everything that is written: text at once, and streams as they come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dagu.contracts.streams import Sink
from dagu.workflow.withheld import MASK


class Masker:
    """Replaces secret values. More values can be added while a run goes on."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: set[bytes] = set()
        self._pattern: re.Pattern[bytes] | None = None
        self._longest = 0
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn more secret values; blank ones are none."""
        self._learn({text.encode(errors="surrogateescape") for text in secrets if text.strip()})

    def _learn(self, values: set[bytes]) -> None:
        if values <= self._values:
            return
        self._values = self._values | values
        # The longest first, so that a secret which begins like another is masked whole.
        ordered = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(value) for value in ordered))
        self._longest = len(ordered[0])

    def copy(self) -> Masker:
        """Another that knows the same secrets, and learns on its own."""
        other = Masker()
        other._learn(self._values)
        return other

    def known(self) -> frozenset[bytes]:
        """The secret values."""
        return frozenset(self._values)

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        if self._pattern is None:
            return text
        return self._pattern.sub(MASK.encode(), text.encode(errors="surrogateescape")).decode(
            errors="surrogateescape"
        )

    def value(self, value: Any) -> Any:
        """A JSON value with every secret in its texts masked."""
        if self._pattern is None:
            return value
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
        return value

    def stream(self, sink: Sink) -> MaskedStream:
        """A sink that masks, also what comes in pieces."""
        return MaskedStream(self, sink)

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """The part that can be written now, masked, and the end that may be the beginning of a secret."""
        if self._pattern is None:
            return data, b""
        masked: list[bytes] = []
        position = 0
        begun = self._begun(data, position)
        while True:
            match = self._pattern.search(data, position)
            if position > begun:
                begun = self._begun(data, position)
            # One secret may begin like another, longer one: which of them it is, the next block tells.
            if match is None or begun <= match.start():
                masked.append(data[position:begun])
                return b"".join(masked), data[begun:]
            masked += (data[position : match.start()], MASK.encode())
            position = match.end()

    def _begun(self, data: bytes, position: int) -> int:
        """Where the end begins that may be the beginning of a secret; the length of it all if there is none."""
        for start in range(max(position, len(data) - self._longest + 1), len(data)):
            end = data[start:]
            if any(len(value) > len(end) and value.startswith(end) for value in self._values):
                return start
        return len(data)

    def whole(self, data: bytes) -> bytes:
        """The bytes with every secret masked."""
        return data if self._pattern is None else self._pattern.sub(MASK.encode(), data)


class MaskedStream:
    """A sink that masks secrets on their way to another sink, byte for byte otherwise."""

    def __init__(self, masker: Masker, sink: Sink) -> None:
        self._masker = masker
        self._sink = sink
        self._rest = b""

    def __call__(self, block: bytes) -> None:
        """Take a block; what may be the beginning of a secret waits for the next."""
        ready, self._rest = self._masker.split(self._rest + block)
        if ready:
            self._sink(ready)

    def flush(self) -> None:
        """Write what was held back; the stream has ended."""
        if self._rest:
            self._sink(self._masker.whole(self._rest))
            self._rest = b""
