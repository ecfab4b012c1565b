"""The voice page: the files of `clients/web`, served unchanged."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

UNSERVED_FOLDERS = frozenset({"examples", "node_modules", "tests", "types"})

# Only our own files are executed; no other page may frame this one, which may use the microphone;
# the address of the page, which may contain a token, is sent to no other site.
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def folder(package: Path = Path(__file__).parents[1]) -> Path:
    """Return the folder of the page: in the installed package, or in the checkout around it.

    Raises:
        FileNotFoundError: it is in neither.
    """
    for candidate in (package / "web", package.parents[1] / "clients" / "web"):
        if (candidate / "index.html").is_file():
            return candidate
    raise FileNotFoundError("the voice page is not installed")


def index(root: Path) -> Handler:
    """Return the handler of the page itself."""
    return _serve(root / "index.html")


def routes(root: Path) -> list[web.RouteDef]:
    """Return a route for each file of the page; development files beside it have none."""
    files = (path.relative_to(root) for path in sorted(root.rglob("*")))
    return [
        web.get(f"/{file.as_posix()}", _serve(root / file))
        for file in files
        if file.suffix in CONTENT_TYPES and file.parts[0] not in UNSERVED_FOLDERS
    ]


def _serve(path: Path) -> Handler:
    headers = {**HEADERS, "Content-Type": CONTENT_TYPES[path.suffix]}

    async def serve(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(path, headers=headers)

    return serve
