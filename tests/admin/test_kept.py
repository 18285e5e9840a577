"""What the admin API writes can be read again: one record that cannot would stop all who read, and
with them every revocation.
"""

from decimal import Decimal
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from msgspec import UnsetType

from sluicegate.accounting.limits import Limit
from sluicegate.admin.body import form_from
from sluicegate.admin.errors import InvalidInputError
from sluicegate.admin.forms import ChangeLimit
from sluicegate.admin.routes import ROUTES
from sluicegate.store.records import LIMITS, StoredLimit

from .office import Office, code_of

LONG = "n" * 200


async def readable(office: Office) -> bool:
    """Whether workers, administrators and the core can read all that is there."""
    for path in ("/keys?limit=500", "/limits?limit=500", "/budgets?limit=500", "/audit?limit=500"):
        await office.given("GET", path)
    return len(office.store.governance(0, 0).keys) > 0


async def test_the_longest_names_with_every_short_field(either: Office) -> None:
    made = await either.given(
        "POST",
        "/keys",
        {
            **dict.fromkeys(("name", "organisation", "team", "project", "user"), LONG),
            "metadata": {LONG: "v" * 2000},
            "models": [LONG] * 1000,
            "providers": [LONG],
            "routes": ["/v1/*"],
            "budget_usd": "999999999.999999999",
            "budget_period": "month",
            **dict.fromkeys(("tpm", "rpm", "max_parallel"), 10**15),
        },
    )
    assert len(made["record"]["limits"]) == 4
    assert await readable(either)
    path = f"/keys/{made['record']['id']}"
    await either.given("PATCH", path, {"budget_usd": "0.000000001", "rpm": 0})
    await either.given("POST", f"{path}/rotate", {})
    await either.given("POST", f"{path}/revoke", {})
    assert await readable(either)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notify", [0]),
        ("notify", [101]),
        ("notify", [-6433275221]),
        ("zone", "Z" * 65),
        ("zone", "No/Where"),
        ("requests", -1),
        ("requests", 10**15 + 1),
        ("burst", 10**16),
        ("downgrade_to", "m" * 201),
        ("scope", {"team": ""}),
        ("scope", [None, None]),
        ("scope", "team"),
        ("scope", 5),
        ("notify", 5),
        ("notify", {"a": 1}),
        ("zone", ["UTC"]),
        ("requests", {}),
        ("scope", {"team": "t" * 201}),
        ("window", "tumbling"),
        ("per", "fortnight"),
    ],
    ids=str,
)
async def test_a_change_takes_no_more_than_a_new_limit(
    either: Office, field: str, value: Any
) -> None:
    rule = {"name": "l", "requests": 5, "per": "minute"}
    await either.given("POST", "/keys", {"name": "k"})
    await either.given("POST", "/limits", rule)
    new = await either.ask("POST", "/limits", {**rule, "name": "m", field: value})
    assert code_of(new) == (400, "invalid_request")
    change = await either.ask("PATCH", "/limits/l", {field: value})
    assert code_of(change) == (400, "invalid_request")
    assert await readable(either)


FORMS = sorted({route.form for route in ROUTES if route.form}, key=lambda form: form.__name__)
SHAPES = [None, True, 0, -1, 10**30, Decimal("1.5"), "", "x", [], [None], [{}], {}, {"a": None}]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_form_is_right_in_every_field_or_none_at_all(form: type[msgspec.Struct]) -> None:
    """Every field in every shape that JSON has: told as wrong, or of the type that it must be."""
    least = {"name": "n", "user": "u", "metadata": {}}
    least = {name: value for name, value in least.items() if name in form.__struct_fields__}
    for field in form.__struct_fields__:
        for value in SHAPES:
            try:
                built = form_from({**least, field: value}, form)
            except InvalidInputError as error:
                assert all(problem.message for problem in error.problems)
                continue
            plain = msgspec.to_builtins(built, builtin_types=(Decimal,))
            assert msgspec.convert(plain, form) == built, (field, value)


def test_the_form_of_a_change_has_the_fields_of_a_limit() -> None:
    limit = get_type_hints(Limit, include_extras=True)
    change = get_type_hints(ChangeLimit, include_extras=True)
    assert set(change) == set(limit) - {"name"}
    for name, kind in change.items():
        wide = {type(None), *(get_args(limit[name]) or (limit[name],)), limit[name]}
        assert set(get_args(kind)) - {UnsetType} <= wide, name


def test_the_store_refuses_what_it_could_not_read_again(office: Office) -> None:
    rule = Limit(name="l", requests=1, per="day", notify=[-1])
    stored = StoredLimit(
        name="l",
        rule=rule,
        organisation="",
        team="",
        made_by="root",
        created_at_ms=0,
        updated_at_ms=0,
        reset_at_ms=0,
    )
    with pytest.raises(msgspec.ValidationError), office.store.changing() as transaction:
        LIMITS.add(transaction, stored)
    assert office.store.load_limits() == []
