"""Output to files, links, pipes and devices, and to what cannot be written."""

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from threading import Thread
from typing import TextIO, cast

import pytest

from task_reporter_cli.errors import OutputError
from task_reporter_cli.output import files
from task_reporter_cli.output.files import open_writer
from task_reporter_cli.output.streams import ClosedStream
from tests.support.cli import environment

OLD, NEW = "an old page, and a long one at that", "a page"
LONG = "n" * 255
"""The longest name that a file can have."""
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def page(folder: Path) -> Path:
    """Return the only file in ``folder``, with an old page."""
    return put(folder / "page.html")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Yield a folder of a user whose permissions count: root may write everything."""
    with tempfile.TemporaryDirectory() as name, as_nobody(Path(name)):
        yield Path(name)
        os.chmod(name, 0o700)


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    if os.geteuid():
        yield
        return
    os.chown(folder, NOBODY, NOBODY)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def put(path: Path) -> Path:
    path.write_text(OLD, encoding="utf-8")
    return path


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def write(path: Path | str, text: str = NEW) -> None:
    open_writer(str(path))(text)


def refusal(path: Path | str) -> str:
    """Return the error of a path that cannot be written, before anything is written."""
    with pytest.raises(OutputError) as refused:
        open_writer(str(path))
    return str(refused.value)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def properties(path: Path) -> tuple[int, int, dict[str, bytes]]:
    return path.stat().st_uid, path.stat().st_gid, {name: os.getxattr(path, name) for name in os.listxattr(path)}


# Files


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_the_umask_leaves(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(folder / "page.html")
    finally:
        os.umask(before)
    assert mode(folder / "page.html") == 0o666 & ~umask


@pytest.mark.parametrize("name", ["page.html", LONG, "-n", " ", "a\nb", "\udcff.html", "…", "%s"])
def test_a_file_holds_the_page_and_nothing_is_beside_it(folder: Path, name: str) -> None:
    for text in (OLD, NEW):
        write(folder / name, text)
        assert (read(folder / name), names(folder)) == (text, [name])


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o664, 0o755])
def test_a_file_keeps_its_mode_owner_and_attributes(page: Path, bits: int) -> None:
    if not os.geteuid():  # only root can give files away
        os.chown(page, 1234, 4321)
    with suppress(OSError):  # some file systems have no attributes
        os.setxattr(page, "user.origin", b"here")
    page.chmod(bits)
    before = properties(page)
    write(page)
    assert (mode(page), properties(page), read(page)) == (bits, before, NEW)


def test_a_file_is_replaced_at_once(page: Path) -> None:
    """A program that has the old page open goes on reading it."""
    with page.open(encoding="utf-8") as before:
        write(page)
        assert before.read() == OLD


def test_until_the_page_is_there_the_file_is_as_it_was(folder: Path, page: Path) -> None:
    open_writer(str(page))
    open_writer(str(folder / "new.html"))
    assert (read(page), names(folder)) == (OLD, ["page.html"])


def begin(page: Path, end: BaseException) -> None:
    """Begin to write a page, and end so while its draft is there."""
    with files._temporary_file(str(page), page.stat()) as (draft, _):
        assert sorted(names(page.parent)) == sorted([page.name, os.path.basename(draft)])
        raise end


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")], ids=["interrupted", "full"])
def test_a_draft_is_gone_however_the_writing_ends(folder: Path, page: Path, end: BaseException) -> None:
    with pytest.raises(type(end)):
        begin(page, end)
    assert (read(page), names(folder)) == (OLD, ["page.html"])


@pytest.mark.parametrize("text", [NEW, OLD * 2], ids=["shorter", "longer"])
def test_a_file_with_two_names_keeps_both(folder: Path, page: Path, text: str) -> None:
    other = folder / "other.html"
    other.hardlink_to(page)
    write(page, text)
    assert [read(path) for path in (page, other)] == [text, text]
    assert names(folder) == ["other.html", "page.html"]


# Links


def test_a_link_stays_one_and_its_target_gets_the_page(folder: Path) -> None:
    target, link, far = folder / "target.html", folder / "link.html", folder / "far.html"
    target.write_text(OLD, encoding="utf-8")
    link.symlink_to("target.html")
    far.symlink_to(link)
    write(far)
    assert (os.readlink(far), os.readlink(link), target.is_symlink()) == (str(link), "target.html", False)
    assert read(target) == NEW
    assert len(names(folder)) == 3


def test_the_new_target_of_a_link_is_made_beside_its_draft(folder: Path) -> None:
    """A link may lead to another file system, to which nothing can be renamed."""
    (folder / "elsewhere").mkdir()
    (folder / "link.html").symlink_to("elsewhere/page.html")
    before = folder.stat().st_mtime_ns
    write(folder / "link.html")
    assert os.readlink(folder / "link.html") == "elsewhere/page.html"
    assert (names(folder / "elsewhere"), read(folder / "elsewhere" / "page.html")) == (["page.html"], NEW)
    assert folder.stat().st_mtime_ns == before


# Permissions


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o500, 0o600), (0o700, 0o200)])
def test_write_permission_for_the_file_is_enough(unprivileged: Path, folder_mode: int, file_mode: int) -> None:
    page = put(unprivileged / "page.html")
    page.chmod(file_mode)
    unprivileged.chmod(folder_mode)
    write(page)
    page.chmod(0o600)
    assert (read(page), names(unprivileged)) == (NEW, ["page.html"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_somebody_elses_file_stays_theirs(tmp_path: Path) -> None:
    """The file is overwritten, because its owner cannot be kept."""
    with tempfile.TemporaryDirectory() as name:
        page = put(Path(name) / "page.html")
        page.chmod(0o666)
        with as_nobody(Path(name)):
            write(page)
        assert (page.stat().st_uid, read(page), names(Path(name))) == (0, NEW, ["page.html"])


def test_a_read_only_file_is_refused_and_stays(unprivileged: Path) -> None:
    page = put(unprivileged / "page.html")
    page.chmod(0o400)
    assert refusal(page) == f"can't write {str(page)!r}: Permission denied; name another file"
    assert read(page) == OLD


def test_a_new_file_in_a_read_only_folder_is_refused(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)
    assert "Permission denied" in refusal(unprivileged / "page.html")


@pytest.fixture
def mounts(folder: Path) -> Callable[[str], str]:
    """Run a script in a mount namespace of its own."""
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    if not shutil.which("unshare") or subprocess.run(trial, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")

    def run(script: str) -> str:
        command = ["unshare", "--mount", "sh", "-ec", script, sys.executable, "-c", WRITE]
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run


WRITE = """
import sys
from task_reporter_cli.errors import OutputError
from task_reporter_cli.output.files import open_writer
from task_reporter_cli.output.streams import ClosedStream
try:
    open_writer(sys.argv[1])("x" * 10_000)
except OutputError as error:
    print(error)
"""


def test_a_mounted_file_is_overwritten(folder: Path, mounts: Callable[[str], str]) -> None:
    """A container has such files, which cannot be replaced."""
    for name in ("outside", "inside"):
        (folder / name).write_text(OLD, encoding="utf-8")
    assert mounts('mount --bind outside inside; "$0" "$@" inside') == ""
    assert [(folder / name).stat().st_size for name in ("outside", "inside")] == [10_000, len(OLD)]


@pytest.mark.parametrize("before", ["touch other", "echo old > page", "echo old > page; ln page other"])
def test_a_full_disk_costs_nothing_that_was_there(folder: Path, mounts: Callable[[str], str], before: str) -> None:
    script = f'mount -t tmpfs -o size=4k none .; cd "$PWD"; {before}; before=$(ls; cat *); "$0" "$@" page'
    message = mounts(f'{script}; test "$before" = "$(ls; cat *)" && echo unchanged')
    assert message == "can't write 'page': No space left on device; name another file\nunchanged\n"


# What can't be written


def test_a_missing_folder_is_named(folder: Path) -> None:
    missing = folder / "missing"
    message = (
        f"can't write {str(missing / 'page.html')!r}: there is no folder {str(missing)!r}; make it, or name another"
    )
    assert refusal(missing / "page.html") == message
    assert "there is no folder 'missing/..'" in refusal("missing/../page.html")
    (folder / "link.html").symlink_to("missing/page.html")
    assert f"there is no folder {str(missing)!r}" in refusal(folder / "link.html")
    assert names(folder) == ["link.html"]


NO_FILE = {"a folder": ".", "its name": "here", "a new folder": "new/", "nothing": "", "the root": "/"}


@pytest.mark.parametrize("name", NO_FILE.values(), ids=NO_FILE)
def test_what_is_no_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(folder.parent)
    assert refusal(name) == f"can't write {name!r}: that is no file; give the name of one"
    assert names(folder) == []


def test_other_names_that_can_not_be_are_refused(folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    (folder / "page.html").touch()
    assert "File name too long" in refusal(folder / (LONG + "n"))
    assert "Not a directory" in refusal(folder / "page.html" / "page.html")
    assert "Too many levels of symbolic links" in refusal(folder / "a")
    assert names(folder) == ["a", "b", "page.html"]


# Pipes, devices, sockets


@contextmanager
def reading(read: Callable[[], bytes]) -> Iterator[list[bytes]]:
    """Call ``read`` in another thread, and yield a list that gets its result."""
    found: list[bytes] = []
    thread = Thread(target=lambda: found.append(read()), daemon=True)
    thread.start()
    yield found
    thread.join(60)


def test_a_pipe_with_a_name_gets_the_page_and_stays(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with reading(pipe.read_bytes) as found:
        write(pipe, "é" * 100_000)
    assert found == [("é" * 100_000).encode()]
    assert (stat.S_ISFIFO(pipe.stat().st_mode), names(folder)) == (True, ["pipe"])


def test_a_reader_that_has_gone_is_one_line(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    pour = open_writer(str(pipe))
    os.close(reader)
    with pytest.raises(OutputError, match=r"^can't write '.*pipe': Broken pipe; name another file$"):
        pour(NEW)


@pytest.mark.parametrize("blocking", [True, False])
def test_an_open_pipe_gets_the_page(blocking: bool) -> None:
    """A shell's process substitution ``>(less)`` opens such a pipe."""
    source, sink = os.pipe()
    os.set_blocking(sink, blocking)
    with open(source, "rb") as pipe, reading(pipe.read) as found:
        write(f"/dev/fd/{sink}", "é" * 5_000_000)
        os.close(sink)
    assert found == [("é" * 5_000_000).encode()]


@pytest.mark.parametrize("path", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_an_open_file_goes_on_where_it_stands(folder: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A log that a shell appends to must not be replaced, nor cut."""
    monkeypatch.chdir(folder)  # so that the link has a name without a folder
    with (folder / "log").open("ab", buffering=0) as log:
        log.write(b"before, ")
        os.symlink(f"/dev/fd/{log.fileno()}", "link")
        write(path.format(log.fileno()))
    assert read(folder / "log") == f"before, {NEW}"


def test_a_socket_that_is_open_gets_the_page() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        write(f"/dev/fd/{ours.fileno()}")
        assert theirs.recv(100) == NEW.encode()


def device(folder: Path, name: str) -> Path:
    """Return a copy of a device, which a failing test may remove."""
    there = Path("/dev") / name
    if os.geteuid():
        return there
    os.mknod(folder / name, there.stat().st_mode, there.stat().st_rdev)
    return folder / name


def test_a_device_stays_one(folder: Path) -> None:
    null = device(folder, "null")
    write(null)
    assert stat.S_ISCHR(null.stat().st_mode)


def test_a_full_device_is_one_line(folder: Path) -> None:
    full = device(folder, "full")
    with pytest.raises(OutputError, match=r"^can't write '.*/full': No space left on device; name another file$"):
        write(full)
    assert stat.S_ISCHR(full.stat().st_mode)


def test_what_cannot_be_opened_for_writing_is_refused(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(page.parent)
    with page.open() as opened, socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        assert "No such device or address" in refusal("socket")
        assert "Bad file descriptor" in refusal(f"/dev/fd/{opened.fileno()}")
    assert "Bad file descriptor" in refusal("/dev/fd/987654")
    assert "there is no folder" in refusal("/dev/fd/98765432109876543210")


def test_a_standard_output_that_is_closed_is_noticed_at_once() -> None:
    with redirect_stdout(cast(TextIO, ClosedStream())), pytest.raises(OSError, match="standard output is closed"):
        open_writer("-")


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write("-")
    assert capsys.readouterr().out == NEW
