"""All lines of a batch go to one provider, or the line is named that leads to another."""

import pytest

from sluicegate.batches.lines import Line
from sluicegate.batches.planning import Target, way_of
from sluicegate.errors import InvalidRequestError

TARGETS = {
    "smart": [Target("b", "s-b", "bedrock"), Target("u", "s-u", "openai"), Target("a", "s", "x")],
    "cheap": [Target("a", "c-a", "x"), Target("u", "c-u", "openai")],
    "only-a": [Target("a", "o-a", "x")],
    "only-b": [Target("b", "o-b", "bedrock")],
}
ABLE = {"openai": "files", "x": "requests"}

WAYS: dict[str, tuple[list[str], str | int]] = {
    "the first that can": (["smart"], "u"),
    "the first line's order": (["cheap", "smart"], "a"),
    "whoever has them all": (["smart", "cheap", "only-a"], "a"),
    "nobody has both": (["only-a", "smart", "only-b"], 3),
    "none takes batches": (["only-b"], 1),
}


@pytest.mark.parametrize("case", WAYS)
def test_where_a_batch_goes(case: str) -> None:
    names, wanted = WAYS[case]
    lines = [Line(number, str(number), name, b"{}") for number, name in enumerate(names, 1)]

    def way() -> str:
        found = way_of(lines, TARGETS.__getitem__, lambda target: ABLE.get(target.dialect))
        for name in names:
            models = [t.model for t in TARGETS[name] if t.provider == found.provider]
            assert found.models[name] == models[0]
        return found.provider

    if isinstance(wanted, str):
        assert way() == wanted
        return
    with pytest.raises(InvalidRequestError, match=f"line {wanted}:"):
        way()
