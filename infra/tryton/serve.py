"""The CRM's process: Tryton over the database that `infra.tryton.prepare` laid out.

python -m infra.tryton.serve
"""

import os
from pathlib import Path

from infra.tryton import prepare
from jobs import command
from jobs.settings import Settings, settings

DATABASE = prepare.DATABASE


def argv(settings: Settings) -> list[str]:
    """The server's command line."""
    return [str(prepare.program(settings, "trytond")), "-d", DATABASE]


def environment(settings: Settings, state: Path | None = None) -> dict[str, str]:
    """What the server needs beside its command line.

    Args:
        state: folder of the database; null: the one of this pipeline.
    """
    return {
        **prepare.environment(state or settings.state / "crm"),
        "TRYTOND_WEB__LISTEN": f"127.0.0.1:{settings.crm_port}",
        "TRYTOND_WEB__ROOT": str(prepare.web(settings)),
    }


def main() -> None:
    """Become the CRM's server."""
    prepare.prepare(settings())
    command = argv(settings())
    os.execve(command[0], command, {**os.environ, **environment(settings())})  # noqa: S606


if __name__ == "__main__":
    command.run(main)
