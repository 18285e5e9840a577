"""Runs of agents: what they used, and how they are ended."""

from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk
from sluicegate.admin.errors import NotFoundError
from sluicegate.admin.forms import KillRun
from sluicegate.admin.views import NO_SUMS, Page, RunView, sums_view, time_of
from sluicegate.store.database import Transaction
from sluicegate.store.ledger import RunTimes
from sluicegate.store.records import KILLED_RUNS, KilledRun
from sluicegate.store.sums import Sums


class Runs:
    """Runs of the ledger."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store and the clock."""
        self._desk = desk

    def page(self, actor: Actor, *, cursor: str | None, limit: int) -> Page[RunView]:
        """Some of the actor's runs, by name."""
        ledger = self._desk.store.ledger
        found = ledger.runs(actor.scope, after=cursor or "", limit=limit + 1)
        names = list(found)[:limit]
        sums = ledger.spend_of_runs(names, actor.scope)
        killed = self._killed(actor)
        data = [self._view(name, found[name], sums.get(name), killed.get(name)) for name in names]
        return Page(data=data, next_cursor=names[-1] if len(found) > limit else None)

    def get(self, actor: Actor, run: str) -> RunView:
        """One run.

        Raises:
            NotFoundError: nobody of the actor's has used that name.
        """
        ledger = self._desk.store.ledger
        times = ledger.runs({**actor.scope, "run": run}, limit=1).get(run)
        killed = self._killed(actor).get(run)
        if times is None and killed is None:
            raise NotFoundError("run", run)
        sums = ledger.spend_of_runs([run], actor.scope).get(run)
        return self._view(run, times, sums, killed)

    def kill(self, actor: Actor, run: str, form: KillRun) -> RunView:
        """Ends a run of the actor's: its streams, and all its requests to come. One that has not
        begun yet never will. Of the same name in another tenant nothing is ended.
        """
        where = {"run": run, "organisation": "", "team": "", **actor.scope}
        killed = KilledRun(killed_at_ms=self._desk.now_ms(), reason=form.reason, **where)
        with self._desk.changing(run) as transaction:
            KILLED_RUNS.delete(transaction, where)
            KILLED_RUNS.add(transaction, killed)
            self._note(transaction, actor, "kill", run)
        return self.get(actor, run)

    def revive(self, actor: Actor, run: str) -> RunView:
        """Takes the end back: requests of the run may come again."""
        where = {"run": run, "organisation": "", "team": "", **actor.scope}
        with self._desk.changing(run) as transaction:
            if KILLED_RUNS.get(transaction, run, where["organisation"], where["team"]) is None:
                raise NotFoundError("killed run", run)
            KILLED_RUNS.delete(transaction, where)
            self._note(transaction, actor, "revive", run)
        times = self._desk.store.ledger.runs({**actor.scope, "run": run}, limit=1).get(run)
        sums = self._desk.store.ledger.spend_of_runs([run], actor.scope).get(run)
        return self._view(run, times, sums, None)

    def _note(self, transaction: Transaction, actor: Actor, action: str, run: str) -> None:
        self._desk.note(
            transaction,
            actor,
            action,
            "run",
            run,
            organisation=actor.scope.get("organisation", ""),
            team=actor.scope.get("team", ""),
        )

    def _killed(self, actor: Actor) -> dict[str, KilledRun]:
        with self._desk.store.reading() as transaction:
            ended = KILLED_RUNS.find(transaction, actor.scope)
        return {each.run: each for each in ended}

    @staticmethod
    def _view(
        run: str, times: RunTimes | None, sums: Sums | None, killed: KilledRun | None
    ) -> RunView:
        return RunView(
            run=run,
            parent_run=times.parent if times else None,
            first_at=times.first if times else None,
            last_at=times.last if times else None,
            killed_at=time_of(killed.killed_at_ms) if killed else None,
            reason=killed.reason if killed else None,
            sums=sums_view(sums or NO_SUMS),
        )
