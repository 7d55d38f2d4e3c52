"""Joining a Ray cluster, leaving it, and looking whether its head answers.

Ray's own calls may wait for ever when the head is gone, or end the process; nothing here does.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import Final

import ray
import ray.exceptions

from einsearch.errors import EinsearchError
from einsearch.shown import shortened

SECONDS_TO_ANSWER: Final = 1.0
"""That a listening head may take."""
SECONDS_TO_SPEAK: Final = 10.0
"""That it may take until it says what it is."""
_CLUSTERS: Final = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_IS_CLUSTER: Final = "ENABLE_RAY_CLUSTER"
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS: Final = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client of HTTP/2 begins, and the first frame that both sides send."""
_FAREWELL: Final = 20.0
"""Seconds that leaving a cluster may take."""


def connect(address: str | None) -> bool:
    """Joins the cluster; whether it is one of our own, to be shut down.

    Raises:
        EinsearchError: there is none, or it does not let us in.
    """
    if ray.is_initialized():
        return False
    if address is not None and ":" in address and not answers(address):
        raise EinsearchError(
            f"nobody answers at {address}: expected the address of a Ray cluster's head, as "
            '"ray start --head" prints it (its port is 6379 unless another was given)'
        )
    if address is not None and ":" in address and not _is_head(address):
        raise EinsearchError(
            f"what answers at {address} is no head of a Ray cluster: another program has the port. "
            'Expected the address that "ray start --head" prints'
        )
    try:
        # Left to itself, Ray would join whatever cluster somebody runs on this machine.
        place = address or os.environ.get("RAY_ADDRESS") or "local"
        with _on_loopback() if place == "local" else nullcontext():
            ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, ValueError, ray.exceptions.RayError) as error:
        why = shortened(str(error)).rstrip(".")
        raise EinsearchError(
            f"cannot join a Ray cluster at {address or 'this machine'}: {why}. Start one with "
            '"ray start --head", or leave the address out for one of this machine alone'
        ) from None
    return True


@contextmanager
def _on_loopback() -> Iterator[None]:
    """A cluster that starts in here listens on this machine's loopback alone.

    Ray has no option for it: it takes an address that others reach even where it is told
    127.0.0.1, but for systems that ask about every program which listens; there it can be told by
    a variable. It reads that once, when it is imported.
    """
    constants = sys.modules.get("ray._private.ray_constants")
    before = os.environ.get(_CLUSTERS), getattr(constants, _IS_CLUSTER, None)
    os.environ[_CLUSTERS] = "0"  # for the processes of the cluster
    if before[1] is not None:
        setattr(constants, _IS_CLUSTER, False)
    try:
        yield
    finally:
        os.environ.pop(_CLUSTERS)
        if before[0] is not None:
            os.environ[_CLUSTERS] = before[0]
        if before[1] is not None:
            setattr(constants, _IS_CLUSTER, before[1])


def leave() -> None:
    """Leaves the cluster, be it gone or not."""

    def shut_down() -> None:
        with suppress(Exception):
            ray.shutdown()

    thread = threading.Thread(target=shut_down, daemon=True)
    thread.start()
    thread.join(_FAREWELL)


def answers(address: str) -> bool:
    """Whether anybody listens at "host:port"."""
    try:
        with closing(_connected(address)):
            return True
    except (OSError, ValueError):
        return False


def _is_head(address: str) -> bool:
    """Whether what listens speaks HTTP/2 as Ray's head does, which would be waited for without end
    otherwise. Encrypted heads are taken for one."""
    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("0", "false"):
        return True
    try:
        with closing(_connected(address)) as connection:
            connection.settimeout(SECONDS_TO_SPEAK)
            connection.sendall(_PREFACE + _SETTINGS)
            answer = connection.recv(9)
    except (OSError, ValueError):
        return False
    return answer[3:4] == _SETTINGS[3:4]


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER)
