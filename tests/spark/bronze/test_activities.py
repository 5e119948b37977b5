from jobs.table import columns, table


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"activity_id": ""}, ["blank(activity_id)"]),
        ({"source_object": " "}, ["blank(source_object)"]),
    ]
    found = broken("bronze.activities", *(told for told, _ in cases))
    assert found == [reasons for _, reasons in cases]


def test_no_rows_break_no_rules(broken):
    assert broken("bronze.activities") == []


def test_what_an_activity_says_is_not_kept():
    names = {column.name for column in columns(table("bronze.activities").schema)}
    assert not names & {"summary", "note", "subject", "description", "owner", "user_id"}
