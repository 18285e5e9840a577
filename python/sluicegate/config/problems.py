"""What is wrong with a configuration: every mistake at once, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""A field's place: names of fields and indexes of lists. Names may hold dots and slashes."""


def dotted(path: Path) -> str:
    """A place as people read it: `models.smart.targets[0]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Args:
        line: counted from 1; 0 where it is unknown.
        path: the field; empty for the file as a whole.
        message: what is wrong and what would be right; never a secret's value.
    """

    line: int
    path: Path
    message: str

    def render(self, file: str) -> str:
        """`file:line: field: message`."""
        place = f"{file}:{self.line}" if self.line else file
        field = f"{dotted(self.path)}: " if self.path else ""
        return f"{place}: {field}{self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used; its text is one line for each mistake."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        """Args: problems: at least one."""
        self.file = file
        self.problems = sorted(problems, key=lambda p: p.line)
        super().__init__("\n".join(problem.render(file) for problem in self.problems))


def suggestion(name: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)`, or nothing where no known name is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""


class WrongFieldError(Exception):
    """A section whose fields do not go together.

    Args:
        field: what is wrong, below the section.
        message: how.
    """

    def __init__(self, field: str, message: str) -> None:
        """See the class."""
        super().__init__(message)
        self.field = field
        self.message = message
