"""What is wrong with a service now, in words; an empty string means nothing."""

import socket

import httpx

SECONDS = 5.0


def port(number: int) -> str:
    """A port of this machine that answers."""
    try:
        socket.create_connection(("127.0.0.1", number), timeout=SECONDS).close()
    except OSError:
        return f"no answer on port {number}"
    return ""


def page(url: str) -> str:
    """A server that answers without an error of its own."""
    try:
        answer = httpx.get(url, timeout=SECONDS, follow_redirects=True)
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    return "" if answer.status_code < 500 else f"{url} answers {answer.status_code}"


def component(url: str, name: str) -> str:
    """A component that Airflow's own health page calls healthy."""
    try:
        state = httpx.get(url, timeout=SECONDS).json().get(name) or {}
    except (httpx.HTTPError, ValueError) as error:
        return f"no answer ({type(error).__name__})"
    told = state.get("status")
    return "" if told == "healthy" else f"Airflow calls it {told or 'unknown'}"
