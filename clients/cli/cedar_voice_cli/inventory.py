"""Findings of `doctor` without starting anything: packages and addresses."""

import os
import platform
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, requires, version

DISTRIBUTION = "cedar-voice"
_NEEDED = ("service", "bridge")
_OFFERED = ("local", "microphone")


class Status(Enum):
    """The consequence of a finding for `cedar-voice serve`."""

    FINE = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    text: str
    status: Status = Status.FINE


def versions() -> Iterator[Finding]:
    """Return the versions of the product, of Python and of the system."""
    yield Finding(DISTRIBUTION, version(DISTRIBUTION))
    yield Finding("python", f"{platform.python_version()} on {platform.platform(terse=True)}")


def extras() -> Iterator[Finding]:
    """Return each extra with its packages, or with those that are not installed."""
    for extra in (*_NEEDED, *_OFFERED):
        packages = _packages_of(extra)
        missing = [package for package in packages if not _version_of(package)]
        if missing:
            yield Finding(
                f"extra {extra}",
                f"without {', '.join(missing)}: pip install '{DISTRIBUTION}[{extra}]'",
                Status.MISSING if extra in _NEEDED else Status.NOTE,
            )
        else:
            named = (f"{package} {_version_of(package)}" for package in packages)
            yield Finding(f"extra {extra}", ", ".join(named))


def page() -> Finding:
    """Return the folder of the voice page, or that it is missing."""
    from cedar_voice_bridge.http.page import folder

    try:
        return Finding("voice page", str(folder()))
    except FileNotFoundError as error:
        return Finding("voice page", str(error), Status.MISSING)


def address(subject: str, host_and_port: str) -> Finding:
    """Return whether the process can listen on an address now."""
    obstacle = obstacle_at(host_and_port)
    if obstacle:
        return Finding(subject, f"{host_and_port}: {obstacle}", Status.NOTE)
    return Finding(subject, f"{host_and_port} is free")


def obstacle_at(host_and_port: str) -> str:
    """Return the reason that keeps the process from listening on an address; "" without one."""
    host, colon, port = host_and_port.rpartition(":")
    if not (colon and port.isdecimal() and int(port) < 1 << 16):
        return "not of the form host:port"
    try:
        with socket.create_server((host.strip("[]"), int(port)), family=_family_of(host)):
            return ""
    except OSError as error:
        return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if host.startswith("[") else socket.AF_INET


def _packages_of(extra: str) -> list[str]:
    """Return the packages that an extra requires on this platform."""
    found = []
    for requirement in requires(DISTRIBUTION) or ():
        name = re.match(r"[\w.-]+", requirement)
        if name and f"extra == '{extra}'" in requirement.replace('"', "'"):
            found.append(name[0])
    return found


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
