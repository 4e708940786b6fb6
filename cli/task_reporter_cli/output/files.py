"""Write the file of ``--out``: a file atomically, a pipe or device directly.

A file that was there stays the file that it was, as with a shell's ``>``: the links to it, its owner, its mode.
"""

import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from task_reporter_cli.errors import OutputError

STDOUT = "-"
NUMBER = re.compile(r"[0-9]{1,9}")
MAX_LINKS = 40
"""The number of symbolic links that Linux follows. https://man7.org/linux/man-pages/man7/path_resolution.7.html"""
OVERWRITE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EINVAL}
"""Errors after which a file is overwritten, because no draft can be beside it.

The folder is not ours, or read-only; its owner is not ours to give, or unknown here (EINVAL); it is mounted, as into a
container (EBUSY).
"""


def open_writer(name: str) -> Callable[[Iterable[str]], int]:
    """Check that ``name`` can be written, and return the function that writes it.

    Call that function once, with the parts of the text; it returns the size of the file.

    A pipe is opened at once, so this waits for its reader. Both raise OutputError, or OSError for standard output.
    """
    if name == STDOUT:
        sys.stdout.write("")  # fails where it is closed
        return lambda parts: sum(sys.stdout.write(part) for part in parts)
    with _translate_errors(name):
        write = _open(name)

    def explained(parts: Iterable[str]) -> int:
        data = b"".join(part.encode() for part in parts)
        with _translate_errors(name):
            write(data)
        return len(data)

    return explained


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        folder = os.path.dirname(name) or os.curdir
        if os.path.isdir(folder):  # then the name is a link into a folder that is missing
            folder = os.path.dirname(os.path.realpath(name))
        raise OutputError(f"can't write {name!r}: there is no folder {folder!r}; make it, or name another") from None
    except IsADirectoryError:
        raise OutputError(f"can't write {name!r}: that is no file; give the name of one") from None
    except OSError as error:
        raise OutputError(f"can't write {name!r}: {error.strerror}; name another file") from None


def _open(name: str) -> Callable[[bytes], None]:
    """Return the function that writes to ``name``, depending on what is there. Raises OSError."""
    if (descriptor := _find_descriptor(name)) is not None:
        os.write(descriptor, b"")  # fails where it is open for reading only
        os.set_blocking(descriptor, True)
        return partial(_write_and_close, os.dup(descriptor))
    if not os.path.basename(name):  # "" or "folder/", of which a resolved path would make a file
        raise IsADirectoryError
    target = os.path.realpath(name)
    try:
        there = os.open(name, os.O_WRONLY)
    except FileNotFoundError:
        os.stat(os.path.dirname(name) or os.curdir)  # of "missing/../page", which the system does not find either
        with _temporary_file(target, None):
            return partial(_replace, target)
    if not stat.S_ISREG(os.fstat(there).st_mode):
        return partial(_write_and_close, there)
    os.close(there)
    return partial(_replace, target)


def _find_descriptor(name: str) -> int | None:
    """Return the open descriptor that ``name`` means, such as ``/dev/stdout``.

    Such a path must not be opened anew: a socket refuses it, and a log that a shell opened with ``>>`` would be lost.
    """
    for _ in range(MAX_LINKS):
        folder, last = os.path.split(name)
        folder = os.path.realpath(folder)
        if NUMBER.fullmatch(last) and folder in (f"/proc/{os.getpid()}/fd", "/dev/fd"):
            return int(last)
        path = os.path.join(folder, last)
        if not os.path.islink(path):
            return None
        name = os.path.join(folder, os.readlink(path))
    return None


def _write_and_close(descriptor: int, data: bytes) -> None:
    try:
        _write(descriptor, data)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    """Write all of ``data`` without a buffer.

    A buffered file would retry a failed write when it is closed.
    """
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _replace(target: str, data: bytes) -> None:
    """Replace the file ``target`` with ``data``, or overwrite it where replacing is impossible."""
    there = _stat(target)
    if there and there.st_nlink > 1:
        return _overwrite(target, data)
    try:
        with _temporary_file(target, there) as (path, descriptor):
            _write(descriptor, data)
            os.fsync(descriptor)
            os.replace(path, target)
    except OSError as error:
        if not there or error.errno not in OVERWRITE_ERRORS:
            raise
        _overwrite(target, data)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


@contextmanager
def _temporary_file(target: str, there: os.stat_result | None) -> Iterator[tuple[str, int]]:
    """Yield path and descriptor of a draft beside ``target``.

    The draft has the owner, mode and attributes of ``there``.

    It is gone at the end, unless it took the place of ``target``.
    """
    # The name is short, whatever that of the target is.
    path = os.path.join(os.path.dirname(target), f".task-reporter-{secrets.token_hex(8)}.part")
    try:
        with open(path, "xb", buffering=0, opener=partial(os.open, mode=0o600 if there else 0o666)) as draft:
            if there:
                os.chown(path, there.st_uid, there.st_gid)
                shutil.copystat(target, path)
            yield path, draft.fileno()
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _overwrite(target: str, data: bytes) -> None:
    """Overwrite ``target`` with ``data``; a full disk is noticed before data is lost."""
    descriptor = os.open(target, os.O_WRONLY)
    try:
        _append_rest(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        _write(descriptor, data)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


def _append_rest(descriptor: int, data: bytes) -> None:
    """Append the part that exceeds the file, which alone needs space.

    The file is unchanged where there is no space.
    """
    before = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        _write(descriptor, data[before:])
    except OSError:
        os.ftruncate(descriptor, before)
        raise
