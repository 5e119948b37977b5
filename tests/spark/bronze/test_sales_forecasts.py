import datetime as dt

GOOD = {"series_id": "GROCERY", "grain": "week"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"series_id": ""}, ["blank(series_id)"]),
        ({"p10": 5.0, "p50": 4.0, "p90": 6.0}, ["quantiles_cross"]),
        ({"p10": 1.0, "p50": 7.0, "p90": 6.0}, ["upper_quantiles_cross"]),
        ({"horizon": 0}, ["horizon_below_one"]),
        ({"grain": "month"}, ["unknown_grain"]),
        (
            {"as_of_date": dt.date(2017, 5, 8), "valid_until": dt.date(2017, 5, 7)},
            ["expired_when_made"],
        ),
    ]
    found = broken("bronze.sales_forecasts", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
