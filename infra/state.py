"""The state folder: ours alone, closed to others, wiped whole."""

import shutil

from jobs.settings import FILE, ROOT, Settings

MARK = ".sales-lakehouse"  # in a folder that services have run from
# What a command may have put there before the services were started for the first time.
OURS = {
    *("airflow", "bi", "crm", "demo", "drops", "lake", "landing", "locks", "logs", "mlflow"),
    *("pages", "reports", "run", "sandbox", "secrets", "spark", "cluster", "object-store"),
    *("endpoints.json", FILE),
}


class NotOurs(Exception):
    """The folder that SALES_STATE names holds other things than a state."""


def claim(settings: Settings) -> None:
    """Make the state folder, or take the one that is ours; nobody else may look into it.

    Raises:
        NotOurs: there are files in it that we did not put there, or it cannot be made.
    """
    try:
        _check(settings)
        settings.state.mkdir(parents=True, exist_ok=True)
        # personal data lies below it
        settings.state.chmod(0o700)
        (settings.state / MARK).touch()
    except OSError as error:
        raise NotOurs(
            f"{settings.state} cannot be a state folder ({error.strerror}): set SALES_STATE to "
            "another one"
        ) from None


def wipe(settings: Settings) -> bool:
    """Delete the state folder with all that is in it; returns whether there was one.

    Raises:
        NotOurs: no services have run from it.
    """
    if not settings.state.exists():
        return False
    if not (settings.state / MARK).exists():
        raise NotOurs(
            f"{settings.state} was never used as a state ({MARK} is not in it): look at it, and "
            "delete it by hand"
        )
    shutil.rmtree(settings.state)
    return True


def _check(settings: Settings) -> None:
    state = settings.state
    if not state.exists() or (state / MARK).exists():
        return
    foreign = sorted(path.name for path in state.iterdir() if path.name not in OURS)
    if foreign:
        shown = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        raise NotOurs(
            f"{state} is not a state folder: it holds {shown}; set SALES_STATE to a new or an "
            f"empty folder, or leave it unset for {ROOT / '.state'}"
        )
