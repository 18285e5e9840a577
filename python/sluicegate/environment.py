"""What a parent process tells its children through the environment, as long as it runs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def told(variables: Mapping[str, str]) -> Iterator[None]:
    """Children that begin meanwhile have these; what was there before comes back: whoever runs
    later in this process is nobody's child.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
