"""`clipart studio`: the same tool in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipart.cli.options import Json, NoColor, option


def studio(
    context: typer.Context,
    folder: Annotated[
        Path | None, option("--folder", about="folder in which the folders of runs are", value="outputs")
    ] = None,
    port: Annotated[
        int | None,
        option("--port", about="port; default: the first free one from 7860", metavar="N", min=1, max=65535),
    ] = None,
    listen: Annotated[
        bool, option("--listen", about="let others in your network in, by a secret address")
    ] = False,
    gallery: Annotated[
        Path | None, option("--gallery", about="only show the runs in this folder; make none", metavar="DIR")
    ] = None,
    no_browser: Annotated[bool, option("--no-browser", about="do not open a browser")] = False,
    json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Open a page in the browser in which pictures are made, watched and kept. Ctrl-C ends it."""
    from clipart.studio.serve import serve

    sink = context.obj.choose(json=json, no_color=no_color)

    def tell(address: str, warning: str) -> None:
        sink.event("studio", address=address)
        sink.show(f"The studio is at {address}  (Ctrl-C ends it)")
        if warning:
            sink.warn(warning)

    serve(gallery or folder or Path("outputs"), tell, port, listen, gallery is not None, not no_browser)
