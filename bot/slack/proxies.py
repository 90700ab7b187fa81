"""The proxy on the way to Slack, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY name it.

slack_sdk reads the first two and ignores NO_PROXY, and aiohttp reads none for a session of ours.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def find_proxy(url: str) -> str | None:
    """The address of the proxy for this URL. None: connect directly, as to every service on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    names = ("https", "http", "all") if parts.scheme in ("https", "wss") else ("http", "all")
    proxy = next((proxies[name] for name in names if proxies.get(name)), None)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
