"""Compile a folder's modules to bytecode for this interpreter. Standard library only.

``python -m compileall`` is not enough: it saves bytecode without docstrings where only ``python -OO`` finds it.
"""

import argparse
import sys
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, PyCompileError, compile

WITHOUT_DOCSTRINGS = 2
"""The optimization level that removes docstrings and assertions, and nothing else.

Nobody reads a docstring in Lambda, and those of botocore alone take half a megabyte of memory.
https://docs.python.org/3/using/cmdline.html#cmdoption-OO"""


def main() -> int:
    """Compile every module; return 0, or 1 if one cannot be compiled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with the modules")
    parser.add_argument("mount_path", type=Path, help="path of that folder in Lambda, for tracebacks")
    arguments = parser.parse_args()
    try:
        for module in sorted(arguments.folder.rglob("*.py")):
            compile_module(module, arguments.mount_path / module.relative_to(arguments.folder))
    except PyCompileError as error:
        print(error.msg, file=sys.stderr)
        return 1
    return 0


def compile_module(module: Path, deployed_path: Path) -> None:
    """Write the bytecode of ``module`` to its ``__pycache__``, valid for any modification time.

    Raises PyCompileError. https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    compile(
        str(module),
        cfile=cache_from_source(str(module), optimization=""),
        dfile=str(deployed_path),
        doraise=True,
        optimize=WITHOUT_DOCSTRINGS,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    sys.exit(main())
