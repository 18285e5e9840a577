"""What is wrong with a configuration: every mistake at once, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Args:
        line: counted from 1; 0 where the format gives none.
        path: the field, such as `models.smart.targets[0]`.
        message: what is wrong and what would be right; never a secret's value.
    """

    line: int
    path: str
    message: str

    def render(self, file: str) -> str:
        """`file:line: field: message`."""
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


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
