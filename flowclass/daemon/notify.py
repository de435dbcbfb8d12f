"""Host module: what systemd is told (sd_notify(3)), one datagram a message; nothing where nobody listens."""

from __future__ import annotations

import os
import socket

#: A service manager whose queue is full is not waited for any longer: packet loops' records come first.
PATIENCE_S = 0.5


class Notifier:
    """Sends states to the socket that systemd named in the environment.

    Attributes
    ----------
    watchdog_s : how often the service must show that it lives, None when nobody asks
    """

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        period = os.environ.get("WATCHDOG_USEC", "")
        mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(period) / 1e6 if period.isdigit() and mine else None

    def tell(self, *states: str) -> None:
        """Send ``KEY=value`` states; a service manager that has gone is no reason to stop."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(PATIENCE_S)
                sock.sendto("\n".join(states).encode(), self._address)
        except OSError:
            return
