"""TLS behind a plain socket, so that one direction can be closed alone.

Python's ``SSLSocket`` can't be closed for writing only, and is not meant for two threads at once; an attached
standard input needs both. Here one thread owns the TLS object and moves bytes between it and a socket pair:
``shutdown(SHUT_WR)`` on the near end becomes TLS' close_notify, after which reading goes on (RFC 8446, 6.1).
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading

_CHUNK = 256 * 1024


def bridge(plain: socket.socket, context: ssl.SSLContext, host: str) -> tuple[socket.socket, Pump]:
    """Shake hands over a connected socket and return the near end of the bridge, and what serves it.

    Raises:
        OSError: The handshake failed; ``plain`` is left to the caller then.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            received = plain.recv(_CHUNK)
            if not received:
                raise ConnectionResetError("the other side hung up during the TLS handshake") from None
            incoming.write(received)
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                plain.sendall(outgoing.read())  # the alert that tells the other side why
            raise
        else:
            break
    plain.sendall(outgoing.read())
    plain.settimeout(None)
    near, far = socket.socketpair()
    pump = Pump(plain, far, tls, incoming, outgoing)
    threading.Thread(target=pump.run, name="dagu-docker-tls", daemon=True).start()
    return near, pump


class Pump:
    """Moves bytes until both directions are closed, or one side is gone.

    Attributes:
        ended: Set when it moves nothing any more.
        alert: Why the other side ended the connection, if it said so.
    """

    def __init__(
        self,
        wire: socket.socket,
        far: socket.socket,
        tls: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
    ) -> None:
        self._wire, self._far, self._tls = wire, far, tls
        self._incoming, self._outgoing = incoming, outgoing
        self._to_wire, self._to_far = bytearray(), bytearray()
        self._near_open = self._wire_open = True
        self.ended = threading.Event()
        self.alert: ssl.SSLError | None = None

    def run(self) -> None:
        self._wire.setblocking(False)
        self._far.setblocking(False)
        try:
            # Either side may be gone at any moment: the near end then reads end of file, as from any socket.
            with self._wire, self._far, contextlib.suppress(OSError):
                self._decrypt()  # what came together with the end of the handshake
                while self._wire_open or self._to_far:
                    self._turn()
        finally:
            self.ended.set()

    def _turn(self) -> None:
        poll = select.poll()
        far = select.POLLIN if self._near_open and not self._to_wire else 0
        far |= select.POLLOUT if self._to_far else 0
        wire = select.POLLIN if self._wire_open and not self._to_far else 0
        wire |= select.POLLOUT if self._to_wire else 0
        poll.register(self._far, far)
        if wire:
            poll.register(self._wire, wire)
        for descriptor, event in poll.poll():
            if descriptor == self._wire.fileno():
                self._serve_wire(event)
            else:
                self._serve_far(event)
        self._flush_far_end()

    def _serve_wire(self, event: int) -> None:
        if event & select.POLLOUT:
            del self._to_wire[: self._wire.send(self._to_wire)]
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._to_far:
            received = self._wire.recv(_CHUNK)
            if received:
                self._incoming.write(received)
            else:
                self._incoming.write_eof()
                self._wire_open = False
            self._decrypt()

    def _serve_far(self, event: int) -> None:
        if event & select.POLLOUT:
            del self._to_far[: self._far.send(self._to_far)]
        if event & select.POLLIN and not self._to_wire:
            block = self._far.recv(_CHUNK)
            if block:
                self._tls.write(block)
            else:
                self._near_open = False
                with contextlib.suppress(ssl.SSLWantReadError):
                    self._tls.unwrap()  # sends close_notify; the other side's comes later, if at all
            self._to_wire += self._outgoing.read()
        elif event & (select.POLLHUP | select.POLLERR):
            raise ConnectionResetError("the near end was closed")

    def _decrypt(self) -> None:
        try:
            while block := self._tls.read(_CHUNK):
                self._to_far += block
            self._wire_open = False
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # close_notify in answer to ours
            self._wire_open = False
        except ssl.SSLError as error:  # an alert, or a cut
            self._wire_open = False
            self.alert = error
        self._to_wire += self._outgoing.read()

    def _flush_far_end(self) -> None:
        if not self._wire_open and not self._to_far:
            with contextlib.suppress(OSError):
                self._far.shutdown(socket.SHUT_WR)
