"""Where a request comes from, as far as it can be believed."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Return the client's address, reading ``X-Forwarded-For`` only as far as proxies are ours.

    With ``TRUSTED_PROXIES`` = n the n-th entry from the right was written by our outermost
    proxy; whatever stands left of it was written by the client, who may write anything.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUSTED_PROXIES:
        return _valid(peer)
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if len(hops) < settings.TRUSTED_PROXIES:
        return _valid(peer)
    return _valid(hops[-settings.TRUSTED_PROXIES]) or _valid(peer)


def _valid(text: str) -> str:
    try:
        # A zone ("fe80::1%eth0") names a port of this machine, and no client.
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def bucket_of(address: str) -> str:
    """Return what limits count by: an IPv4 address, or the /64 an IPv6 address lies in.

    One IPv6 customer commonly holds a whole /64, so a single address there limits nobody.
    """
    if ":" not in address:
        return address
    return str(ip_network(f"{address}/64", strict=False).network_address)
