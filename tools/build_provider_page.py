#!/usr/bin/env python3
"""Writes the table of hosts in `docs/providers.md` from the rows of the catalogue.

python tools/build_provider_page.py
"""

from pathlib import Path

from sluicegate.providers import CATALOGUE, ProviderRow

PAGE = Path(__file__).parent.parent / "docs" / "providers.md"
MARK = "<!-- rows -->\n"


def words(names: object) -> str:
    """Names as code."""
    return ", ".join(f"`{name}`" for name in sorted(names))  # type: ignore[call-overload]


def line(name: str, row: ProviderRow) -> str:
    """One host."""
    beside = (" + Responses" * row.responses) + (" + completions" * row.completions)
    beside += " + realtime" * row.realtime
    data = ""
    if row.data is not None:
        trains = {True: "trains", False: "no training", None: ""}[row.data.trains]
        kept = "" if row.data.kept_days is None else f"{row.data.kept_days} days"
        none = {"on_request": "zero retention on request"}.get(row.data.zero_retention or "", "")
        data = f"[{', '.join(filter(None, (trains, kept, none)))}]({row.data.docs})"
    cells = (
        f"[`{name}`]({row.docs})",
        words(row.aliases),
        f"{row.dialect}{beside}",
        f"`{row.api_key_env}`" if row.api_key_env else "none",
        words(row.settings),
        words(row.lacks),
        data,
    )
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """All of them."""
    head = (
        "| name | also | dialect | key | settings | lacks | data |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(line(name, row) for name, row in sorted(CATALOGUE.items()))]) + "\n"


def page(text: str) -> str:
    """The page with its table as the rows say it."""
    return text.partition(MARK)[0] + MARK + table()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
