"""A second opinion: a cheap model is asked before an answer to another question is served."""

import logging
from typing import TYPE_CHECKING

from sluicegate.errors import GatewayError
from sluicegate.inside import ask
from sluicegate.semantic import asked
from sluicegate.semantic.chores import Chore

if TYPE_CHECKING:
    from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")


class Verifier:
    """One worker's. Anything but a clear yes is a no."""

    def __init__(self, worker: "Worker") -> None:
        """Nobody was asked yet."""
        self._worker = worker
        self._particular: set[str] = set()

    async def is_answered(self, chore: Chore) -> bool:
        """Whether the kept answer answers the question too. Never raises but for cancellation.

        Models that reason take neither a temperature nor few tokens: one that refuses them is
        asked without, from then on.
        """
        model = chore.model
        try:
            if model not in self._particular:
                try:
                    return await self._says_yes(chore, is_particular=False)
                except GatewayError as error:
                    if error.status != 400:
                        raise
                    self._particular.add(model)
            return await self._says_yes(chore, is_particular=True)
        except GatewayError as error:
            log.info("%s did not say whether a kept answer fits: %s", model, error.message)
            return False

    async def _says_yes(self, chore: Chore, *, is_particular: bool) -> bool:
        question = asked.verification(
            chore.model,
            chore.text,
            chore.other,
            chore.answer,
            chore.holder,
            is_particular=is_particular,
        )
        return asked.says_yes(await ask(self._worker, question, asked.VERIFY_WITHIN_S))
