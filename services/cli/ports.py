"""Ports a command is about to use: free, or a message that names the port, the key, the cure."""

import errno
import os
import socket

from services.cli.failures import CommandFailed, Exit

HOST = "127.0.0.1"


def require_free(port: int, *, key: str) -> None:
    """Refuse when the port cannot be had. `key` is the setting that chose it."""
    try:
        _bind(port)
    except OSError as problem:
        what = {
            errno.EADDRINUSE: "another program uses it",
            errno.EACCES: "it needs more rights than this program has",
        }.get(problem.errno or 0, os.strerror(problem.errno or errno.EIO))
        raise CommandFailed(
            f"{key}: port {port} on {HOST} cannot be used ({what}). End that program, or choose "
            f"another port with {key} in the settings or TRIMTAB_{key.upper().replace('.', '__')} "
            "in the environment",
            Exit.UNAVAILABLE,
        ) from None


def _bind(port: int) -> None:
    with socket.socket() as probe:
        # A port in its last minute after use is free: the servers take it all the same.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
