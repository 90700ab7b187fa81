"""Requests that no client sends by accident, at random."""

import random
import re

NAMES = ("state", "code", "error", "token", "session", "installation_id") * 5
METHODS = ("GET", "GET", "POST", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PRI", "TRACE")
WORDS = (
    "",
    "a",
    "%00",
    "%ff%fe",
    "%F0%9F%98%80",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "link",
    "join",
    "1",
    "-1",
    "9" * 40,
    "x" * 2000,
    "é".encode().hex(),
    "%",
    "%zz",
    "a%0d%0ab",
    "null",
    "*",
    "{}",
    "[]",
    "made-up",
    "\\",
    "U1",
    "gAAAAA",
    "%d8%00",
    "+",
    "&&",
    "=",
    "a[]",
    "0x1",
    "true",
    "T0ACME0001",
)
HOSTS = (
    "localhost",
    "127.0.0.1:1",
    "a" * 64,
    "a" * 64 + ".example",
    "a..b",
    "",
    "xn--a",
    "xn--" + "9" * 50,
    "[::1]",
    "[::1",
    "[::1:80",
    "[",
    "x:y",
    "x:99999999",
    "\xe9.example",
    "a b",
    "-",
    ".",
    "a@b",
    "a/b",
    "ripe.example.",
    "127.0.0.1",
)
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain; charset=nonsense",
    "application/json; charset=utf-7",
    "\xff",
    "/",
    "multipart/form-data; boundary=" + "x" * 300,
)
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"{",
    b"\x00",
    b"\xff\xfe",
    b"state=%00&installation=%ff",
    b"a=b&" * 2000,
    b'{"challenge": "x"}',
    b'{"challenge": "\\ud800"}',
    b"[" * 5000,
    b"--x\r\n\r\n--x--",
    b"--x\r\nContent-Disposition: form-data;",
    b'{"type": "url_verification", "challenge": 1}',
    b'{"minutes": 1e308}',
    b'{"slack_user_id": 1, "minutes": "x"}',
    b"x" * 70_000,
    b'{"value": 1e400, "number": 99999999999999999999, "title": "\\u0000"}',
    b"profile=%00&owner=%ff&public_url=%00",
)
HEADERS = (
    "Cookie: ripe_browser=" + "x" * 43,
    "Cookie: \xff\xfe=;;;=",
    "Cookie: ripe_setup=\xe9",
    "Origin: http://localhost",
    "Origin: null",
    "Origin: \xff",
    "X-GitHub-Event: pull_request",
    "X-GitHub-Delivery: \xff",
    "X-Hub-Signature-256: sha256=" + "0" * 64,
    "X-Hub-Signature-256: \xff",
    "X-Slack-Signature: v0=" + "0" * 64,
    "X-Slack-Request-Timestamp: 99999999999999999999",
    "X-Slack-Request-Timestamp: \xb2",
    "Range: bytes=5-1",
    "Range: bytes=-99999999999999999999",
    "Range: \xff",
    "If-Modified-Since: nonsense",
    "If-None-Match: \xff",
    "If-Range: x",
    "Accept: \xff",
    "Upgrade: h2c\r\nHTTP2-Settings: AAAA",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Expect: 100-continue",
    "Expect: \xff",
    "Authorization: Bearer \xff",
    "Authorization: Basic \xff",
    "Authorization: Digest a=",
    "X-Forwarded-For: \xff",
    "Accept-Language: " + "a," * 500,
    "Transfer-Encoding: gzip",
    "Content-Encoding: gzip",
    "X: " + "x" * 5000,
)


def odd_request(chance: random.Random, rules: list[str]) -> bytes:
    path = re.sub("<[^>]*>", lambda _: chance.choice(WORDS), chance.choice([*rules, "/*", "*", "http://x/"]))
    path += chance.choice(("", "", "", "/", "//", "%00", ";x"))
    query = "&".join(
        f"{chance.choice((*NAMES, *WORDS))}={chance.choice(WORDS)}" for _ in range(chance.randrange(4))
    )
    body = chance.choice(BODIES) if chance.random() < 0.6 else b""
    headers = [f"Host: {chance.choice(HOSTS) if chance.random() < 0.3 else 'localhost'}"]
    headers += chance.sample(HEADERS, chance.randrange(4))
    headers += [f"Content-Type: {chance.choice(TYPES)}"] * (chance.random() < 0.7)
    headers += [f"Content-Length: {len(body)}"] * (chance.random() < 0.95)
    version = chance.choice(("1.1", "1.1", "1.1", "1.1", "1.0", "2.0", "0.9"))
    first = f"{chance.choice(METHODS)} {path}{'?' + query if query else ''} HTTP/{version}"
    return "\r\n".join([first, *headers, "Connection: close", "", ""]).encode("latin1") + body
