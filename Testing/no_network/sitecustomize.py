"""Python reads this at its start when its folder is on the path: no socket to any other computer, nor to this one.

What was tried is written into the file that MICROCALC_SOCKETS names, by every process that inherits the environment.
Sockets inside the computer that are files (worker processes) stay, and so does the reservation of an address of this
computer, which sends nothing (urllib3 looks so whether there is IPv6).
"""

import os
import socket
import sys
import traceback

_OWN = ("127.0.0.1", "::1", "localhost")
_FILE = os.environ.get("MICROCALC_SOCKETS")


def _refuse(what):
    def refused(*arguments, **_named):
        of = arguments[0] if arguments and isinstance(arguments[0], socket.socket) else None
        if of is not None and of.family == getattr(socket, "AF_UNIX", None):
            return _ORIGINAL[what](*arguments)
        if what == "bind" and arguments[1][0] in _OWN:
            return _ORIGINAL[what](*arguments)
        with open(_FILE, "a", encoding="utf-8") as file:  # noqa: PTH123, as early and plain as possible
            caller = traceback.extract_stack(limit=6)
            file.write(f"{what} {arguments[1:] if of is not None else arguments} in {sys.argv[:3]}: {caller}\n")
        raise OSError(f"The network was asked for: {what}.")

    return refused


if _FILE:
    _ORIGINAL = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto", "bind")}
    for _name in _ORIGINAL:
        setattr(socket.socket, _name, _refuse(_name))
    for _name in ("getaddrinfo", "gethostbyname", "create_connection"):
        setattr(socket, _name, _refuse(_name))
