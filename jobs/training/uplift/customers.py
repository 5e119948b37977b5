"""The effect on each customer, by a DR-learner, and only where the average effect is estimable.

Kennedy: Towards optimal doubly robust estimation of heterogeneous causal effects (2023): doubly
robust pseudo-outcomes of each account, then regressed on what was known of it, all cross-fitted.
Differs in that the regression is chosen by its loss on unseen accounts, and stands back for one
number for all where that is not worse beyond chance: then nothing tells customers apart.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training.uplift import nuisance
from jobs.training.uplift.estimate import Judged
from jobs.training.uplift.study import Study


@dataclass(frozen=True)
class Effects:
    """Effects on customers that may be acted on: there are none of a study without a verdict.

    Raises:
        NotEstimable: the study's effect may not be believed.
    """

    study: Study
    model: str  # constant: customers are not told apart
    per_account: pd.Series  # by account_id, in the outcome's unit; those within the overlap

    def __post_init__(self) -> None:
        self.study.effect()


def customers(found: Judged) -> Effects:
    """What the treatment would do to each account within the overlap, treated or not.

    pseudo-outcome = m1 - m0 + T (Y - m1) / e - (1 - T) (Y - m0) / (1 - e)
    m1, m0: outcome expected with and without treatment; e: propensity.

    Raises:
        NotEstimable: the average effect may not be believed, so neither may its parts.
    """
    found.study.effect()
    given, of = found.rows, found.of
    with_it = nuisance.expected(found.known, given.outcome, given.treated, found.parts).values
    without, chance = of.untreated.values, of.propensity
    corrected = np.where(
        given.treated,
        (given.outcome - with_it) / chance,
        -(given.outcome - without) / (1 - chance),
    )
    pseudo = with_it - without + corrected
    shape = nuisance.shape(found.known, pseudo, of.kept, found.parts)
    per_account = pd.Series(
        shape.values[of.kept], pd.Index(given.accounts[of.kept], name="account_id"), name="effect"
    )
    return Effects(found.study, shape.model, per_account)
