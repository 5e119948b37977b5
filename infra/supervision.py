"""Starts and ends a list of services under supervisord, and ends what a crash left behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from infra.services import Service
from jobs.settings import Settings

# In the environment of every process that supervisord starts; its value is the state folder.
MARK = "SALES_SERVICES_OF"
STOP_SECONDS = 45  # for all together
RUNNING = ("RUNNING", "STARTING")


class CannotStart(Exception):
    """What stands in the way of the services, and the cure."""


def run_folder(settings: Settings) -> Path:
    return settings.state / "run"


def log_file(settings: Settings, name: str) -> Path:
    return settings.state / "logs" / f"{name}.log"


def supervisor(settings: Settings) -> Any:
    """The running supervisord's interface; null if there is none."""
    path = run_folder(settings) / "supervisor.sock"
    transport = SupervisorTransport(serverurl=f"unix://{path}")
    server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        server.supervisor.getState()
    except (OSError, xmlrpc.client.Error):
        return None
    return server.supervisor


def states(settings: Settings) -> dict[str, str]:
    """Each supervised process and supervisord's word for it; empty if supervisord is not there."""
    running = supervisor(settings)
    return {p["name"]: p["statename"] for p in running.getAllProcessInfo()} if running else {}


def open_supervisor(settings: Settings, services: Sequence[Service]) -> Any:
    """The running supervisord, started where there is none; it has the list, nothing runs yet.

    Raises:
        CannotStart: it did not come up, or has another list.
    """
    if running := supervisor(settings):
        if missing := {each.name for each in services} - states(settings).keys():
            raise CannotStart(
                f"{', '.join(sorted(missing))}: not among the services that were started; "
                "`make down`, then `make up`"
            )
        return running
    end_leftovers(settings)
    run_folder(settings).mkdir(parents=True, exist_ok=True)
    log_file(settings, "").parent.mkdir(parents=True, exist_ok=True)
    conf = run_folder(settings) / "supervisord.conf"
    conf.unlink(missing_ok=True)
    with os.fdopen(os.open(conf, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(configuration(settings, services))
    started = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "--configuration", conf],
        env={**os.environ, MARK: str(settings.state)},
        capture_output=True,
        text=True,
    )
    deadline = time.monotonic() + 15
    while started.returncode == 0 and time.monotonic() < deadline:
        if running := supervisor(settings):
            return running
        time.sleep(0.1)
    raise CannotStart(
        f"supervisord did not come up: {(started.stderr or started.stdout).strip()}; "
        f"see {log_file(settings, 'supervisord')}"
    )


def configuration(settings: Settings, services: Sequence[Service]) -> str:
    """What supervisord reads; only its owner may read it, there are keys in it."""
    run = run_folder(settings)
    sections = [
        "[supervisord]",
        f"logfile={_escaped(str(log_file(settings, 'supervisord')))}",
        f"pidfile={_escaped(str(run / 'supervisord.pid'))}",
        f"directory={_escaped(str(run))}",
        "[unix_http_server]",
        f"file={_escaped(str(run / 'supervisor.sock'))}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for service in services:
        told = {**service.environment(), MARK: str(settings.state)}
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in told.items())
        sections += [
            f"[program:{service.name}]",
            f"command={' '.join(_quoted(word) for word in service.argv)}",
            f"directory={_escaped(str(service.folder))}",
            f"environment={pairs}",
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            "startretries=2",
            f"stopwaitsecs={service.stop_seconds}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_escaped(str(log_file(settings, service.name)))}",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]
    return "\n".join(sections) + "\n"


def _escaped(text: str) -> str:
    if any(sign in text for sign in '"\\\n;'):
        raise CannotStart(f"{text!r} has a quote, a backslash or a semicolon: supervisord trips")
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    return f'"{_escaped(word)}"'


def stop(settings: Settings) -> list[str]:
    """End supervisord, its services and whatever a crash left; returns the names of leftovers."""
    # asked before: supervisord takes the file that tells its session along when it ends
    session = _session(settings)
    if running := supervisor(settings):
        pid = running.getPID()
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            running.shutdown()
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(pid).wait(timeout=STOP_SECONDS)
    return end_leftovers(settings, session)


def end_leftovers(settings: Settings, session: int | None = None) -> list[str]:
    """End every process that is ours (see `leftovers`), group by group: TERM, then KILL."""
    found = leftovers(settings, session)
    names = [process.name() for process in found if process.is_running()]
    for signal_number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        for group in _groups(found):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal_number)
        psutil.wait_procs(found, timeout=seconds)
        found = leftovers(settings, session)
    for name in ("supervisor.sock", "supervisord.pid"):
        (run_folder(settings) / name).unlink(missing_ok=True)
    return names


def leftovers(settings: Settings, session: int | None = None) -> list[psutil.Process]:
    """Processes that supervisord of this state folder started, with their children.

    Some programs overwrite their environment with a title, and so lose the mark: supervisord's
    session finds those (null: that of the supervisord that ran last).
    """
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    session = session or _session(settings)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid in mine or process.status() == psutil.STATUS_ZOMBIE:
                continue
            in_session = session is not None and os.getsid(process.pid) == session
            if in_session or process.environ().get(MARK) == str(settings.state):
                for each in (process, *process.children(recursive=True)):
                    found[each.pid] = each
    return list(found.values())


def _session(settings: Settings) -> int | None:
    """Session of the supervisord that ran last, if that number is still its own."""
    try:
        path = run_folder(settings) / "supervisord.pid"
        number = int(path.read_text())
        # a later process with the same number began after the file was written
        leader = psutil.Process(number)
        return number if leader.create_time() <= path.stat().st_mtime + 1 else None
    except psutil.NoSuchProcess:
        return number
    except (OSError, ValueError):
        return None


def _groups(processes: Iterable[psutil.Process]) -> set[int]:
    groups = set()
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            groups.add(os.getpgid(process.pid))
    return groups - {os.getpgrp()}


def check_room(settings: Settings, services: Sequence[Service]) -> None:
    """What can be known before anything starts: disk, length of paths, ports.

    Raises:
        CannotStart: naming everything that is in the way.
    """
    faults = []
    settings.state.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.state).free / 2**30
    if free < 3:
        faults.append(
            f"{settings.state} has {free:.1f} GiB free, 3 are needed: free some, or set "
            "SALES_STATE to a folder on another disk"
        )
    socket_path = run_folder(settings) / "supervisor.sock.99999"
    if len(str(socket_path)) > 107:
        faults.append(
            f"{settings.state} is too long for a socket's path ({len(str(socket_path))} of 107 "
            "characters): set SALES_STATE to a shorter one"
        )
    known = states(settings)
    ours = {process.pid for process in leftovers(settings)}
    for service in services:
        if known.get(service.name) in RUNNING:
            continue
        faults += [told for port in service.ports if (told := _taken(port, service.name, ours))]
    if faults:
        raise CannotStart("; ".join(faults))


def _taken(port: int, name: str, ours: set[int]) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            holder = _listener(port)
            if holder and holder.pid in ours:
                return ""
            who = f"process {holder.pid} ({holder.name()})" if holder else "another user's process"
            return (
                f"port {port} ({name}) is taken by {who}: stop it, or set SALES_PORT_BASE to the "
                "first of five free ports"
            )
    return ""


def _listener(port: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and bool(connection.laddr)
            if listens and connection.laddr.port == port and connection.pid:
                return psutil.Process(connection.pid)
    return None
