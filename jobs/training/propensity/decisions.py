"""From which chance on acting pays: what decisions.yaml says, as a threshold."""

from functools import cache
from pathlib import Path

from pydantic import Field, model_validator

from jobs import reviewed
from jobs.reviewed import Part

PATH = Path(__file__).parent / "decisions.yaml"


class BadDecisions(ValueError):
    """The file is not what it should be; the message names every fault at once."""


class Decision(Part):
    """What acting on a customer costs and brings."""

    cost_usd: float = Field(gt=0)
    gain_usd: float = Field(gt=0)

    @model_validator(mode="after")
    def _pays(self) -> "Decision":
        if self.cost_usd >= self.gain_usd:
            raise ValueError(
                f"cost_usd {self.cost_usd:g} is no less than gain_usd {self.gain_usd:g}: acting"
                " would never pay"
            )
        return self

    @property
    def threshold(self) -> float:
        """Chance from which acting pays, 0..1: cost_usd / gain_usd."""
        return self.cost_usd / self.gain_usd


class Decisions(Part):
    churn: Decision
    soft_churn: Decision
    offer: Decision


@cache
def decision(task: str) -> Decision:
    """A task's decision.

    Raises:
        BadDecisions: the file is not what it should be.
    """
    found: Decision = getattr(reviewed.parsed(Decisions, PATH, BadDecisions), task)
    return found


def told(task: str) -> Decision | None:
    """A task's decision; null: the file says nothing of it."""
    return decision(task) if task in Decisions.model_fields else None
