"""A way to the database on which the answer to a COMMIT can be lost."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from workers_postgres import free_port


class Proxy:
    """Forwards connections. Once told to, it cuts one of them when a COMMIT comes.

    Attributes:
        cut: Whether to cut the next one.
        late: Seconds for which the COMMIT is on its way after that: the server is still at it.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listening = socket.create_server(("127.0.0.1", free_port()))
        self.port: int = self._listening.getsockname()[1]
        self.cut = False
        self.late = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
                threading.Thread(target=self._questions, args=(client, server), daemon=True).start()

    def _questions(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := client.recv(65536):
                if self.cut and b"COMMIT" in data:
                    self.cut = False
                    client.shutdown(socket.SHUT_RDWR)
                    time.sleep(self.late)
                    server.sendall(data)
                    while server.recv(65536):  # it answers, and nobody hears
                        server.shutdown(socket.SHUT_WR)
                    return
                server.sendall(data)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
