"""Which accounts are one customer: `python -m jobs.identity review`, then `… decide A B same`."""

from enum import StrEnum
from typing import Annotated

import typer

from jobs import command
from jobs.identity import decisions, reviews

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


class Word(StrEnum):
    same = "same"
    different = "different"


@app.command()
def review(
    limit: Annotated[int, typer.Option(help="pairs to show")] = 20,
    show: Annotated[bool, typer.Option("--show", help="personal data without the mask")] = False,
) -> None:
    """Pairs of accounts that may be one customer and that a person should decide on."""
    found = reviews.reviews()
    shown = found[:limit]
    told = reviews.told({i for pair in shown for i in pair.ids}, is_masked=not show)
    for pair in shown:
        because = f"{pair.because}, {pair.score_bits:+.1f} bits: {', '.join(pair.evidence)}"
        typer.echo(f"{pair.account_id_a} {pair.account_id_b}  {because}")
        for account in (pair.account_id_a, pair.account_id_b):
            typer.echo(f"  {account}: {' | '.join(told.get(account, {}).values())}")
    more = f", {len(found) - limit:,} more with --limit" if len(found) > limit else ""
    typer.echo(f"{len(found):,} pairs to decide on{more}")


@app.command()
def decide(
    a: Annotated[str, typer.Argument(help="account id", show_default=False)],
    b: Annotated[str, typer.Argument(help="another one", show_default=False)],
    word: Annotated[Word, typer.Argument(help="are they one customer?", show_default=False)],
    by: Annotated[str, typer.Option(help="who says so: a role or a pseudonym")],
) -> None:
    """Say that two accounts are one customer, or are not: overrides what was found, both ways."""
    decisions.decide(a, b, word.value, by)
    typer.echo(f"{a} and {b} are {word.value}, says {by}: the next build follows")


if __name__ == "__main__":
    command.run(app)
