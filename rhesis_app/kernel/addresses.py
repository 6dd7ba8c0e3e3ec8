"""Who counts as one at the other end of a connection."""

import ipaddress


def address_group(address: str | None) -> str:
    """What counts as one address: all of an IPv4 address, also one written as IPv6; the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))
