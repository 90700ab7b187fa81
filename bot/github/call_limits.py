"""A limit for a whole call in a thread.

A timeout of `requests` bounds each wait for a part of the answer only, so a peer that sends a byte a second
could hold a thread for ever.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

_of_thread = threading.local()


@contextmanager
def call_within(seconds: float) -> Iterator[None]:
    """Cut the connection of this thread's call after `seconds`, and raise ReadTimeout."""
    call = _Call()
    _of_thread.call = call
    timer = threading.Timer(seconds, call.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        if call.is_cut:
            raise requests.ReadTimeout(f"no whole answer within {seconds} s") from None
        raise
    finally:
        timer.cancel()
        call.end()
        _of_thread.call = None
    if call.is_cut:  # an answer of unknown length looks whole
        raise requests.ReadTimeout(f"no whole answer within {seconds} s")


class _Call:
    """A call that one thread makes and a timer may cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None
        self.is_cut = False

    def use(self, connection: socket.socket) -> None:
        """From now on the call goes over this connection."""
        with self._lock:
            # A descriptor of its own, because http.client may close its one before the answer is read.
            self._drop_twin()
            self._twin = connection.dup()
            if self.is_cut:
                _shut(self._twin)

    def cut(self) -> None:
        """End the call: its thread reads the end of the connection."""
        with self._lock:
            self.is_cut = True
            if self._twin is not None:
                _shut(self._twin)

    def end(self) -> None:
        """The connection may serve another call from now on."""
        with self._lock:
            self._drop_twin()

    def _drop_twin(self) -> None:
        twin, self._twin = self._twin, None
        if twin is not None:
            twin.close()


def _shut(twin: socket.socket) -> None:
    with suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


class _Cuttable:
    """Keeps a second descriptor of its connection: that one stays valid while TLS takes over the first."""

    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # of urllib3's class beside this one
        self._close_twin()
        self._twin = sock.dup()
        self._tell_call()
        return sock

    def putrequest(self, *args: Any, **options: Any) -> None:
        self._tell_call()
        super().putrequest(*args, **options)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        self._close_twin()

    def _tell_call(self) -> None:
        call: _Call | None = getattr(_of_thread, "call", None)
        if call is not None and self._twin is not None:
            call.use(self._twin)

    def _close_twin(self) -> None:
        twin, self._twin = self._twin, None
        if twin is not None:
            twin.close()


class _HTTPConnection(_Cuttable, urllib3.connection.HTTPConnection):
    pass


class _HTTPSConnection(_Cuttable, urllib3.connection.HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class CuttableAdapter(HTTPAdapter):
    """As that of `requests`, with connections that `call_within` can cut."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self._use_cuttable(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **options)
        self._use_cuttable(manager)
        return manager

    def _use_cuttable(self, manager: urllib3.PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
