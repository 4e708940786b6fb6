"""AWS's DynamoDB Local, fetched with Maven once, then started on loopback."""

import hashlib
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.environments import ROOT
from local.process_environment import isolated_environment
from local.processes import StepError, find_free_port, run_step, running_process
from tests.support.debian import remedy
from tests.support.waiting import WAIT_SECONDS, eventually

HERE = Path(__file__).resolve().parent / "dynamodb-local"
CACHE = ROOT / ".local" / "dynamodb-local"
OLDEST_JAVA = 17
PACKAGES = ("default-jdk-headless", "maven")
QUICK = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")
"""For a process that lives for a minute."""


class UnavailableError(Exception):
    """This machine can't run DynamoDB Local; the text says what it lacks."""


@contextmanager
def dynamodb_local(folder: Path, java_options: Sequence[str] = QUICK, wrapper: Sequence[str] = ()) -> Iterator[str]:
    """Yield the endpoint of a DynamoDB Local that keeps all in memory.

    ``wrapper`` starts it, if there is one.

    Raises UnavailableError, StepError.
    """
    libraries, port, log = fetched(folder), find_free_port(), folder / "dynamodb-local.log"
    places = [f"-Djava.io.tmpdir={folder}", f"-Djava.library.path={libraries}", "-cp", f"{libraries}/*"]
    java = ["java", *java_options, *places, str(HERE / "Loopback.java")]
    options = ["-inMemory", "-disableTelemetry", "-port", str(port)]
    with running_process(
        [*wrapper, *java, *options], isolated_environment() | {"DDB_LOCAL_TELEMETRY": "0"}, folder, log
    ) as child:
        endpoint = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(endpoint) or child.poll() is not None)
        if child.poll() is not None:
            raise StepError("starting DynamoDB Local", log.read_text(errors="replace"))
        yield endpoint


def fetched(folder: Path, cache: Path = CACHE) -> Path:
    """Return DynamoDB Local's libraries; fetch pinned ones that ``cache`` lacks.

    The log is in ``folder``.

    Raises UnavailableError.
    """
    need_java()
    pom = HERE / "pom.xml"
    libraries = cache / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    if libraries.is_dir():
        return libraries
    if not shutil.which("mvn"):
        raise UnavailableError(f"it is fetched with Maven, and there is no mvn on the path{_remedy()}")
    print("Fetching DynamoDB Local with Maven (once; kept in .local)", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: another test run may fetch at the same time.
    unfinished = Path(tempfile.mkdtemp(dir=cache))
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"]
    try:
        run_step(
            "fetching DynamoDB Local", ["mvn", "-q", "-B", *goal], isolated_environment(), HERE, folder / "maven.log"
        )
        if not libraries.is_dir():
            unfinished.rename(libraries)
    except StepError as failure:
        raise UnavailableError(f"Maven could not fetch it: {_cause(str(failure))}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return libraries


def _cause(log: str) -> str:
    """Return the first of Maven's errors; it goes on with advice."""
    error = re.search(r"\[ERROR\] (.+)", log)
    return error[1] if error else log


def need_java() -> None:
    """Raise UnavailableError where there is no JDK that is new enough."""
    javac = shutil.which("javac") and shutil.which("java")
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=False) if javac else None
    version = re.search(r"javac (\d+)", said.stdout + said.stderr) if said else None
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = version[0] if version else "none"
        raise UnavailableError(f"it needs a JDK of {OLDEST_JAVA} or later; found: {found}{_remedy()}")


def _remedy() -> str:
    command = remedy(PACKAGES, PACKAGES)
    return f"; `{command}` brings both" if command else ""


def answers(endpoint: str) -> bool:
    """Tell if something speaks HTTP there, whatever its response is."""
    try:
        urllib.request.urlopen(endpoint, timeout=WAIT_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
