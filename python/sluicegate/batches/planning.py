"""Where a batch goes: one provider has a target for each model that its lines ask for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sluicegate.batches.lines import Line, wrong
from sluicegate.errors import GatewayError, InvalidRequestError


class Target(NamedTuple):
    """A model at a provider, and the dialect that this is spoken to in."""

    provider: str
    model: str
    dialect: str


class Way(NamedTuple):
    """Where all lines go.

    Args:
        form: how the provider takes batches.
        models: the provider's name of each model that lines ask for.
    """

    provider: str
    dialect: str
    form: str
    models: Mapping[str, str]


def way_of(
    lines: Sequence[Line],
    targets_of: Callable[[str], Sequence[Target]],
    form_of: Callable[[Target], str | None],
) -> Way:
    """The first provider that takes batches and has all models, in the order of the first line's.

    Args:
        targets_of: of a name that may be asked for.
        form_of: how a target's provider takes batches; None where it does not.

    Raises:
        GatewayError: names the first line that leads to no such provider.
    """
    by_name: dict[str, Sequence[Target]] = {}
    candidates: dict[str, Target] | None = None
    for line in lines:
        if line.model in by_name:
            continue
        by_name[line.model] = targets = _targets(line, targets_of)
        able = _first_of_each(target for target in targets if form_of(target))
        if not able:
            providers = sorted({target.provider for target in targets})
            raise wrong(
                line.number,
                f"{line.model!r} leads to {', '.join(providers)}, which takes no batches of these",
            )
        left = able if candidates is None else {p: candidates[p] for p in candidates if p in able}
        if not left:
            raise wrong(
                line.number,
                f"{line.model!r} leads to {', '.join(able)}, the lines before it to "
                f"{', '.join(candidates or ())}: a batch goes to one provider",
            )
        candidates = left
    chosen = next(iter((candidates or {}).values()))
    models = {
        name: next(t.model for t in targets if t.provider == chosen.provider)
        for name, targets in by_name.items()
    }
    return Way(chosen.provider, chosen.dialect, form_of(chosen) or "", models)


def _targets(line: Line, targets_of: Callable[[str], Sequence[Target]]) -> Sequence[Target]:
    try:
        return targets_of(line.model)
    except GatewayError as error:
        told = InvalidRequestError(
            f"line {line.number}: {error.message}", code=error.code, param="input_file_id"
        )
        told.status = error.status
        raise told from None


def _first_of_each(targets: Iterable[Target]) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for target in targets:
        found.setdefault(target.provider, target)
    return found
