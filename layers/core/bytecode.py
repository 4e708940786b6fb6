"""Compile a folder's modules to bytecode, with the interpreter that is to read it; standard library only.

``python -m compileall`` does nearly that, but puts bytecode without docstrings where only ``python -OO`` looks for it.
"""

import argparse
import sys
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, PyCompileError, compile

WITHOUT_DOCSTRINGS = 2
"""The level of optimisation that leaves them out, and assertions, and changes nothing else. Nobody reads a docstring in
Lambda, and those of botocore alone hold half a megabyte of memory.
https://docs.python.org/3/using/cmdline.html#cmdoption-OO"""


def main() -> int:
    """Compile every module; 0, or 1 where one can't be compiled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with the modules")
    parser.add_argument("mounted", type=Path, help="where that folder will stand, as tracebacks name it")
    arguments = parser.parse_args()
    try:
        for module in sorted(arguments.folder.rglob("*.py")):
            compiled(module, arguments.mounted / module.relative_to(arguments.folder))
    except PyCompileError as error:
        print(error.msg, file=sys.stderr)
        return 1
    return 0


def compiled(module: Path, mounted: Path) -> None:
    """Put the bytecode of ``module`` where imports look for it; it is valid whatever the files' times are.

    Raises PyCompileError. https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    compile(
        str(module),
        cfile=cache_from_source(str(module), optimization=""),
        dfile=str(mounted),
        doraise=True,
        optimize=WITHOUT_DOCSTRINGS,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    sys.exit(main())
