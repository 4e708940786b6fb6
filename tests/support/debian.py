"""Debian packages with programs that tests use.

CI installs them; elsewhere the owner of the machine decides.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence


class InstallationError(Exception):
    """Packages could not be installed; the text names them and the reason."""


def may_install(environ: Mapping[str, str], user_id: int) -> bool:
    """Tell whether this is CI, with a user who can install packages."""
    return bool(environ.get("CI")) and user_id == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str], environ: Mapping[str, str]) -> None:
    """Install ``packages``. Raises InstallationError with the output of apt-get."""
    print(f"Installing {' and '.join(packages)} (once; Debian packages, because CI is set)", flush=True)
    # Another installation may hold the lock for a while.
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3"]
    output = ""
    # An update may fail for one of many sources; only the installation must succeed.
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [*apt, *step],
            env={**environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        output += done.stdout
    if done.returncode:
        raise InstallationError(f"apt-get could not install {' and '.join(packages)}:\n{output.strip()[-2000:]}")


def remedy(debian: Sequence[str], ubuntu: Sequence[str]) -> str:
    """Return this system's command that installs the packages, or '' without apt-get."""
    if shutil.which("apt-get") is None:
        return ""
    packages = ubuntu if _system() == "ubuntu" else debian
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {' '.join(packages)}"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return ""
