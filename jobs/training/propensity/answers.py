"""Answers to campaigns as a family of their own: another champion than churn's may have it."""

from jobs.training.propensity.protocol import Propensity

FAMILY = Propensity("offer", "offer_response", is_bad=False)
