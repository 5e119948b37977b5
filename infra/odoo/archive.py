"""Odoo's program from Debian's archive, unpacked into the cache.

Odoo is on no index of Python packages. Nothing is installed, and the system's own apt stays as it
is: a folder is filled, as any user.
"""

import logging
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

SUITE = "sid"  # the only one of Debian's suites that has it
SERIES = re.compile(r"odoo-(19|2[0-9])")
KEYRINGS = Path("/usr/share/keyrings")
TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "tar")
# Its pages are made with these; Odoo's package only links to them
PAGES = (
    *("libjs-jquery", "libjs-jquery-form", "libjs-underscore"),
    *("fonts-font-awesome", "fonts-roboto-unhinted", "fonts-montserrat"),
)
ADDONS = "./usr/lib/python3/dist-packages/odoo/addons"
# A fifth of what is in the package: no translations, tests, charts of accounts, web shops, tills.
# All manifests stay: a database's first start reads every module's category.
LEFT_OUT = (
    *("*/i18n", "*/tests", "./usr/lib/python3/dist-packages/addons"),
    *(f"{ADDONS}/l10n_*/{part}" for part in ("data", "static")),
    *(f"{ADDONS}/{name}" for name in ("website_*/static", "pos_*/static", "theme_*")),
)

log = logging.getLogger(__name__)


class CannotRun(Exception):
    """Odoo cannot be had on this machine; the message says why."""


def fetch(home: Path) -> str:
    """Fill `home` with Odoo where it is empty; returns the version of the package.

    Raises:
        CannotRun: no Debian, no archive, or no such package in it.
    """
    mark = home / "version"
    if mark.exists():
        return mark.read_text()
    started = time.monotonic()
    _check_tools()
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".odoo-") as work:
        packages = _download(Path(work))
        new = Path(work) / "tree"
        new.mkdir()
        for package in packages:
            _unpack(package, new)
        version = _said("dpkg-deb", "-f", str(packages[0]), "Version")
        (new / mark.name).write_text(version)
        os.replace(new, home)
    log.info("Odoo %s fetched in %.0f s", version, time.monotonic() - started)
    return version


def _check_tools() -> None:
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise CannotRun(
            f"Odoo comes from Debian's archive, and {platform.system()} here has no "
            f"{', '.join(missing)}: take a Debian host, or the Tryton server"
        )


def _download(work: Path) -> list[Path]:
    """Odoo's package, and after it those of its pages."""
    settings = {"APT_CONFIG": str(_private_apt(work))}
    _said("apt-get", "-qq", "update", **settings)
    told = _said("apt-cache", "pkgnames", "odoo-", **settings).split()
    found = sorted(name for name in told if SERIES.fullmatch(name))
    if not found:
        raise CannotRun(f"Debian's {SUITE} has no package odoo-19 or newer any more")
    target = work / "packages"
    target.mkdir()
    _said("apt-get", "-qq", "download", found[0], *PAGES, cwd=target, **settings)
    return [next(target.glob(f"{name}_*.deb")) for name in (found[0], *PAGES)]


def _private_apt(work: Path) -> Path:
    """Configuration of an apt with lists of its own, for the archive that the system's apt uses."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    keys = sorted(KEYRINGS.glob("debian-archive-keyring.*"))
    told = _said("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    archive = next((uri for uri in told.split() if re.search(r"/debian/?$", uri)), None)
    if archive is None or not keys:
        raise CannotRun(
            "Odoo comes from Debian's archive, and this host's apt knows no such archive or no key "
            "of it (package debian-archive-keyring): take a Debian host, or the Tryton server"
        )
    sources = work / "sources.list"
    sources.write_text(f"deb [signed-by={keys[0]}] {archive} {SUITE} main\n")
    config = work / "apt.conf"
    config.write_text(
        f'Dir::State "{work}"; Dir::State::lists "{work}/lists"; Dir::Cache "{work}";\n'
        f'Dir::Cache::archives "{work}/archives"; Dir::Etc::sourcelist "{sources}";\n'
        'Dir::State::status "/var/lib/dpkg/status";\n'
        'Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";\n'
        # root may not hand the download to apt's own user: that one may not look in here
        'APT::Sandbox::User "root"; Acquire::Languages "none";\n'
    )
    return config


def _unpack(package: Path, target: Path) -> None:
    left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as feed:
        _said("tar", "-x", "-C", str(target), "--no-same-owner", *left_out, feed=feed)
    if feed.returncode:
        raise CannotRun(f"{package.name} cannot be unpacked")


def _said(
    *command: str, cwd: Path | None = None, feed: subprocess.Popen[bytes] | None = None, **env: str
) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **env},
        stdin=feed.stdout if feed else subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        told = " ".join((done.stderr or done.stdout).split())[-300:]
        raise CannotRun(f"Odoo cannot be fetched: `{' '.join(command[:3])}` says {told}")
    return done.stdout.strip()
