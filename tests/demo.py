"""A running `sluicegate demo`, and what it has said."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from .gateway import command


@contextmanager
def demo() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its words, once it is ready; who ends it waits for it."""
    with subprocess.Popen(
        [*command(), "demo", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process, said
        process.terminate()
