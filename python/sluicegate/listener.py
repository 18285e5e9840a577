"""The address to listen on: names resolved, a taken port refused, connections bounded."""

import errno
import ipaddress
import resource
import socket
import time
from typing import Final

IN_USE_PATIENCE_S: Final = 2.0
"""For the processes of a gateway that was just killed to be gone."""
MAX_CONNECTIONS: Final = 16_384
SPARE_FILES: Final = 64
"""Kept for the journal, the store, the log and the interpreter."""


class ListenError(Exception):
    """An address that cannot be listened on; its text says why."""


class Listener:
    """A claim on an address until it is closed.

    Workers open sockets of their own that share the port, and the kernel would let a second
    gateway share it too and take half of the requests: so somebody has to look first.
    """

    def __init__(self, host: str, port: int) -> None:
        """Looks at once.

        Args:
            host: an address or a name of this machine's.
            port: 0 lets the system choose.
        Raises:
            ListenError: taken, not allowed, or not an address of this machine.
        """
        self.address = _address_of(host)
        give_up_s = time.monotonic() + IN_USE_PATIENCE_S
        while True:
            try:
                self.port = self._claim(port)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and time.monotonic() < give_up_s:
                    time.sleep(0.05)
                    continue
                reason = error.strerror or str(error)
                raise ListenError(f"cannot listen on {host} port {port}: {reason}") from None
            return

    @property
    def url(self) -> str:
        """Where it is reached by programs on this machine."""
        ip = ipaddress.ip_address(self.address)
        if ip.is_unspecified:
            ip = ipaddress.ip_address("127.0.0.1" if ip.version == 4 else "::1")
        return f"http://[{ip}]:{self.port}" if ip.version == 6 else f"http://{ip}:{self.port}"

    def close(self) -> None:
        """Gives the claim up."""
        self._held.close()

    def _claim(self, port: int) -> int:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        # Without SO_REUSEPORT nobody else may listen here; with SO_REUSEADDR connections of the
        # past may linger.
        with socket.socket(family) as look:
            look.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            look.bind((self.address, port))
            chosen = int(look.getsockname()[1])
        # Bound and never listening: keeps a chosen port ours, and takes no connection.
        self._held = socket.socket(family)
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            self._held.bind((self.address, chosen))
        except OSError:
            self._held.close()
            raise
        return chosen


def _address_of(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}: {error.strerror}") from None
    # IPv4 first: it is what clients on this machine try for `localhost` where IPv6 is off.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


def max_connections() -> int:
    """Connections that one worker may hold, after this process was allowed as many files as the
    system lets it have. Each may need a second one, to its upstream.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS + SPARE_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return max(16, min(MAX_CONNECTIONS, (files - SPARE_FILES) // 2))
