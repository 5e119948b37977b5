"""The published CDNOW parameters, from the 2,357 customers of the papers: real, as a package ships.

Fader, Hardie, Lee (2005), table 2; Fader, Hardie (2013), on customers who bought again.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.training.value.bg_nbd import BgNbd, Bought
from jobs.training.value.gamma_gamma import GammaGamma

PACKAGE = find_spec("lifetimes")  # its data, not its code


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    assert PACKAGE is not None
    assert PACKAGE.submodule_search_locations
    home = Path(PACKAGE.submodule_search_locations[0])
    return pd.read_csv(home / "datasets" / "cdnow_customers_summary_with_transactions.csv")


def test_bg_nbd_within_one_percent(customers: pd.DataFrame) -> None:
    x, last, known = (customers[name].to_numpy(float) for name in ("x", "t_x", "T"))
    of = BgNbd.fit(Bought(x, last, known))
    assert (of.r, of.alpha, of.a, of.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), rel=0.01)
    likelihood = float(np.sum(of.log_likelihood(Bought(x, last, known))))
    assert likelihood == pytest.approx(-9_582.4, abs=0.1)


def test_gamma_gamma_within_one_percent(customers: pd.DataFrame) -> None:
    of = GammaGamma.fit(customers["x"].to_numpy(float), customers["zbar"].to_numpy(float))
    assert (of.p, of.q, of.gamma) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)
