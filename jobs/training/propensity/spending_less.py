"""Soft churn as a family of its own, of one model beside the baseline.

On the public panel's validation no other model was clearly better than the regression
(docs/propensity.md), which is the simplest and the quickest to fit.
"""

from jobs.training.propensity.protocol import Propensity

FAMILY = Propensity(
    "soft_churn", "soft_churn", is_bad=True, without=("gbm", "forest", "blend", "sequence")
)
