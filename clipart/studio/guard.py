"""Which requests are answered at all, by their Host, Origin and token; and what answers say.

A page of another site can send requests to this machine, and with a name that points here (DNS rebinding)
even read answers. So only names and addresses of this machine are taken for a Host, only this server's own
pages for an Origin, and what changes something needs a header that no form of another site can send.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "clipart-studio"
OURS = "x-clipart"  # the header that our page sends with everything that changes something
BODY = 256 * 1024  # bytes of a request that is no upload
LOCAL = ("localhost", "127.0.0.1", "[::1]")
ALWAYS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Middleware that refuses requests which are not from this server's own page.

    Args:
        app: what answers the rest.
        token: what must be in the URL or the cookie; empty where the server is bound to loopback only.
    """

    def __init__(self, app: ASGIApp, token: str = "") -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":  # there are no web sockets here
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._refusal(scope["method"], headers) or self._let_in(scope, headers)
        await (answer or self.app)(scope, receive, _with_headers(send))

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_ours(host):
            return PlainTextResponse("This server does not have that name.", 421)
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return PlainTextResponse("Requests from another site are refused.", 403)
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return PlainTextResponse("Requests from another site are refused.", 403)
        if method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("There is GET and POST.", 405)
        if method == "POST" and headers.get(OURS) != "1":
            return PlainTextResponse("Only the studio's own page may change something.", 403)
        return None

    def _is_ours(self, host: str) -> bool:
        """Say whether a Host is loopback; where there is a token, any address, but no other name."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
        if name.lower() in LOCAL:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return bool(self.token)

    def _let_in(self, scope: Scope, headers: Headers) -> Response | None:
        """Return None where the token is right, or a page that sets the cookie, or a refusal."""
        if not self.token:
            return None
        query = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if hmac.compare_digest(query.encode(), self.token.encode()):
            answer = RedirectResponse("/", 303)  # so that the token does not stay in the address
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        cookies = dict(
            pair.strip().partition("=")[::2] for pair in headers.get("cookie", "").split(";") if "=" in pair
        )
        if hmac.compare_digest(cookies.get(COOKIE, "").encode(), self.token.encode()):
            return None
        return PlainTextResponse("Open the address that `clipart studio` has printed, with its token.", 401)


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
