"""A longer network: a proxy that delays everything by some milliseconds."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext
from urllib.parse import urlsplit

LAG = 0.005
"""Seconds of added delay: about one round trip within a region."""
CHUNK = 1 << 16


@contextmanager
def lagging(endpoint: str, seconds: float = LAG, tls: SSLContext | None = None) -> Iterator[str]:
    """Yield the address of a proxy to ``endpoint`` that adds ``seconds`` to requests.

    With ``tls`` the wire is encrypted on our side.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    host, port = urlsplit(endpoint).hostname, urlsplit(endpoint).port

    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, port)
        writers.extend((writer, far_writer))
        await asyncio.gather(_pass_on(reader, far_writer, seconds), _pass_on(far_reader, writer, 0))

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls), loop).result()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server, writers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server, writers: Iterable[asyncio.StreamWriter]) -> None:
    """Whoever is still connected is cut off."""
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Copy each piece ``seconds`` after it came; many can be under way."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            loop.call_later(seconds, _write, writer, chunk)
    loop.call_later(seconds, writer.close)


def _write(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    with suppress(ConnectionError):
        writer.write(chunk)
