"""Parts that go wrong inside a stream."""

import re
from dataclasses import replace
from math import inf

from .before import failure
from .framing import byte_by_byte, inside_utf8
from .plan import Edit, PartFunction, Plan
from .steps import End, Event, Item, Pause
from .wire import Text, Wire

#: What a client must never see: it stands after the first terminator.
LATE_TEXT = "LATE"
#: Time that the tokens before a cut have to arrive: the other side sees 5, then the reset.
_SETTLE_S = 0.03


def after_tokens(count: int, extra: list[Item], *, then_stop: bool) -> Edit:
    """`extra` is put behind token number `count`; `then_stop` drops the rest."""

    def edit(items: list[Item], _wire: Wire) -> list[Item]:
        out: list[Item] = []
        seen = 0
        for item in items:
            out.append(item)
            if isinstance(item, Event) and item.kind == "token":
                seen += 1
                if seen == count:
                    out += extra
                    if then_stop:
                        return out
        return out

    return edit


def _room(plan: Plan, tokens: int) -> int:
    """At least some tokens must be left behind the place where a stream breaks."""
    plan.tokens = max(plan.tokens, tokens + 5)
    return tokens


def _cut(end: End) -> PartFunction:
    def part(plan: Plan, found: re.Match[str]) -> None:
        plan.edits.append(
            after_tokens(_room(plan, int(found[1])), [Pause(_SETTLE_S), end], then_stop=True)
        )
        plan.cut_whole = end

    return part


def _stall(plan: Plan, found: re.Match[str]) -> None:
    plan.edits.append(after_tokens(_room(plan, int(found[1])), [Pause(inf)], then_stop=True))


def _pause(plan: Plan, found: re.Match[str]) -> None:
    extra: list[Item] = [Pause(float(found[1]))]
    plan.edits.append(after_tokens(_room(plan, int(found[2])), extra, then_stop=False))


def _error_first(plan: Plan, _found: re.Match[str]) -> None:
    plan.edits.append(lambda _items, wire: [wire.error_event(failure(529)), End.CLEAN])


def _error_after(plan: Plan, found: re.Match[str]) -> None:
    count = _room(plan, int(found[1]))

    def edit(items: list[Item], wire: Wire) -> list[Item]:
        extra: list[Item] = [wire.error_event(failure(529)), End.CLEAN]
        return after_tokens(count, extra, then_stop=True)(items, wire)

    plan.edits.append(edit)


def _insert(count: int, event: Event) -> PartFunction:
    def part(plan: Plan, _found: re.Match[str]) -> None:
        plan.edits.append(after_tokens(_room(plan, count), [event], then_stop=False))

    return part


def _style(**fields: object) -> PartFunction:
    def part(plan: Plan, _found: re.Match[str]) -> None:
        plan.style = replace(plan.style, **fields)  # type: ignore[arg-type]  # names from the table below

    return part


def _each_block(extra: str) -> PartFunction:
    """A ping or an unknown event behind every token."""

    def part(plan: Plan, _found: re.Match[str]) -> None:
        def edit(items: list[Item], wire: Wire) -> list[Item]:
            event = wire.ping() if extra == "ping" else wire.unknown()
            out: list[Item] = []
            for item in items:
                out.append(item)
                if event is not None and isinstance(item, Event) and item.kind == "token":
                    out.append(event)
            return out

        plan.edits.append(edit)
        if extra == "ping":
            plan.style = replace(plan.style, comment_between=b" ping")

    return part


def _without(*kinds: str, times: int = 0, late: bool = False) -> PartFunction:
    """Drops the events of `kinds`, repeats the end `times` more, or goes on after it."""

    def part(plan: Plan, _found: re.Match[str]) -> None:
        def edit(items: list[Item], _wire: Wire) -> list[Item]:
            out = [x for x in items if not (isinstance(x, Event) and x.kind in kinds)]
            ends = [x for x in out if isinstance(x, Event) and x.kind == "end"]
            out += ends * times
            if late:
                tokens = [x for x in items if isinstance(x, Event) and x.kind == "token"]
                out += [_retext(token, LATE_TEXT) for token in tokens[:1]]
            return out

        plan.edits.append(edit)

    return part


def _retext(event: Event, text: str) -> Event:
    """The same content event with other text (the first token's text stands in it once, quoted)."""
    data = event.data if isinstance(event.data, str) else event.data.decode()
    return replace(event, data=data.replace('"river"', f'"{text}"'), kind="extra", tokens=0)


def _spoil(old: bytes, new: bytes) -> PartFunction:
    """The fourth token's event is broken by a replacement in its bytes."""

    def part(plan: Plan, _found: re.Match[str]) -> None:
        _room(plan, 4)

        def edit(items: list[Item], _wire: Wire) -> list[Item]:
            seen = 0
            out: list[Item] = []
            for item in items:
                if isinstance(item, Event) and item.kind == "token":
                    seen += 1
                    if seen == 4:
                        data = item.data.encode() if isinstance(item.data, str) else item.data
                        data = data.replace(old, new)
                        item = replace(item, data=data, kind="broken", tokens=0)
                out.append(item)
            return out

        plan.edits.append(edit)

    return part


def _giant(plan: Plan, found: re.Match[str]) -> None:
    plan.pieces = [Text("river"), Text("g" * (int(found[1]) << 20)), Text(" stone")]


def _flood(plan: Plan, found: re.Match[str]) -> None:
    """One event of 16 KiB, many times: built once, or 64 MiB of them would block the loop."""
    plan.pieces = [Text("flood " * 2731, 2731)]
    times = int(found[1]) * 64

    def edit(items: list[Item], _wire: Wire) -> list[Item]:
        out: list[Item] = []
        for item in items:
            is_token = isinstance(item, Event) and item.kind == "token"
            out += [item] * (times if is_token else 1)
        return out

    plan.edits.append(edit)


def _hold(plan: Plan, _found: re.Match[str]) -> None:
    plan.edits.append(lambda items, _wire: [*items, Pause(inf)])


def _choices(plan: Plan, _found: re.Match[str]) -> None:
    """Azure's first chunk has no choices; Anthropic has nothing like it, a ping stands there."""

    def edit(items: list[Item], wire: Wire) -> list[Item]:
        empty = wire.ping() or Event(
            '{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}'
        )
        return [empty, *items[:3], empty, *items[3:]] if wire.name == "openai" else items

    plan.edits.append(edit)


def _cutter(plan: Plan, found: re.Match[str]) -> None:
    plan.wide = True
    plan.cutter = inside_utf8 if found[1] == "split-utf8" else byte_by_byte


def _gzip(plan: Plan, found: re.Match[str]) -> None:
    plan.coding = found[1]


def _bomb(plan: Plan, found: re.Match[str]) -> None:
    plan.coding, plan.bomb_mib = "gzip-bomb", int(found[1])


PARTS: list[tuple[str, PartFunction]] = [
    (r"fault-midstream-reset-after-(\d+)", _cut(End.RESET)),
    (r"fault-midstream-fin-after-(\d+)", _cut(End.FIN)),
    (r"fault-midstream-clean-end-after-(\d+)", _cut(End.CLEAN)),
    (r"fault-midstream-bad-chunk-after-(\d+)", _cut(End.BAD_CHUNK)),
    (r"fault-error-first", _error_first),
    (r"fault-error-event-after-(\d+)", _error_after),
    (r"fault-idle-stall-after-(\d+)", _stall),
    (r"fault-stall-(\d+)s-after-(\d+)", _pause),
    (r"fault-(split-utf8|byte-by-byte)", _cutter),
    (r"fault-crlf", _style(eol=(b"\r\n",))),
    (r"fault-cr", _style(eol=(b"\r",))),
    (r"fault-mixed-eol", _style(eol=(b"\n", b"\r\n", b"\r", b"\n", b"\r"))),
    (r"fault-bom", _style(bom=True)),
    (r"fault-nospace", _style(space=False)),
    (r"fault-multiline-data", _style(multiline=True)),
    (r"fault-comments", _style(comment_between=b" keep-alive: data: {}")),
    (r"fault-extra-fields", _style(extra_lines=(b"id: 7", b"retry: 1000", b"x-field: 1", b"x"))),
    (r"fault-unknown-event", _each_block("unknown")),
    (r"fault-pings", _each_block("ping")),
    (r"fault-no-done", _without("end")),
    (r"fault-double-done", _without(times=1)),
    (r"fault-events-after-done", _without(late=True)),
    (r"fault-done-no-finish", _without("finish")),
    (
        r"fault-malformed-event",
        _insert(3, Event('{"choices":[{"delta":{"content":"half', kind="broken")),
    ),
    (r"fault-invalid-utf8", _spoil(b"water", b"wa\xff\xc0ter")),
    (r"fault-nul-bytes", _spoil(b"water", b"wa\x00ter")),
    (r"fault-giant-event-(\d+)", _giant),
    (r"fault-(gzip|gzip-truncated)", _gzip),
    (r"fault-gzip-bomb-(\d+)", _bomb),
    (r"fault-hold-open", _hold),
    (r"fault-flood-(\d+)", _flood),
    (r"fault-empty-choices", _choices),
]
