"""Serve a function through Lambda's own runtime interface.

Only the artefacts and that interface are on the path.
"""

import sys


def main(task: str, library: str, runtime: str) -> None:
    """Serve the function in ``task`` with the layer in ``library``.

    ``runtime`` is where awslambdaric is installed.
    """
    sys.dont_write_bytecode = True
    sys.path[:1] = [task, library, runtime]
    from awslambdaric.__main__ import main as serve

    serve(["awslambdaric", "app.handler"])


if __name__ == "__main__":
    main(*sys.argv[1:])
