"""The daily series as a family of their own: another champion than the weekly ones may have."""

from jobs.training.forecasts.protocol import DAILY, Forecasts

FAMILY = Forecasts("forecasts_daily", DAILY)
