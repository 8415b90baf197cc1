"""How other devices of the local network reach a page: its address, and that as a QR code."""

import contextlib
import io
import ipaddress
import socket

# An address that belongs to nobody (RFC 5737): nothing is sent to it, the system only says from
# which of its own addresses it would be.
_NOBODY = ("192.0.2.1", 9)
_EVERYWHERE = {"", "0.0.0.0"}  # hosts that mean all addresses of this machine


def is_loopback(host: str) -> bool:
    """Tells whether only this machine reaches what listens at a host, a name or an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def local_address(host: str) -> str:
    """Returns the host by which this machine reaches what listens at `host`."""
    return "127.0.0.1" if host in _EVERYWHERE else host


def lan_address(host: str) -> str | None:
    """Returns the address by which other devices reach what listens at `host`.

    Args:
        host: A name or an address of this machine; 0.0.0.0 for all.

    Returns:
        An address in numbers; the host itself where it is a name; None where no other device can.
    """
    if is_loopback(host):
        return None
    if host not in _EVERYWHERE:
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_NOBODY)
        return str(probe.getsockname()[0])
    return None  # no network at all


def qr_code(address: str, kind: str) -> str | None:
    """Draws an address as a QR code (ISO/IEC 18004).

    Args:
        address: As in "https://192.168.1.5:8000/".
        kind: "svg", or "terminal" for block characters, light on a dark ground.

    Returns:
        The drawing; None without the package segno.
    """
    try:
        import segno
    except ImportError:
        return None
    code = segno.make(address, micro=False)
    if kind == "terminal":
        text = io.StringIO()
        code.terminal(text, compact=True)
        return text.getvalue()
    content = io.BytesIO()
    code.save(content, kind="svg", scale=4, light="white", xmldecl=False)
    return content.getvalue().decode()
