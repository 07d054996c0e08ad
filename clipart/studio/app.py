"""The pages and the answers of the studio: each a few lines over the queue, the shelf and the uploads."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from clipart import __version__
from clipart.errors import ClipartError, UsageError
from clipart.prompt import MAX_WEIGHT, Part, Prompt, parse
from clipart.recipe import SHOWN, Recipe, make_recipe
from clipart.shown import write_shown
from clipart.steering import read_steer, write_steer
from clipart.studio import asked, uploads
from clipart.studio.guard import BODY, Guard
from clipart.studio.jobs import Job, Queue, find, new_id
from clipart.studio.shelf import Shelf
from clipart.studio.words import words_of

STATIC = Path(__file__).parent / "static"
TICK = 0.1  # seconds between two looks for something new to tell a page
BEAT = 10.0  # seconds after which a page is told that the server is there
WATCHERS = 64  # pages that are told at the same time
Answer = Callable[[Request], Awaitable[Response]]


def plainly(
    answer: Callable[[Studio, Request], Awaitable[Any]],
) -> Callable[[Studio, Request], Awaitable[Response]]:
    """Return `answer` with what it returns as JSON, and what is refused as a message."""

    async def answering(studio: Studio, request: Request) -> Response:
        try:
            found = await answer(studio, request)
        except ClipartError as error:
            message = str(error).replace(str(studio.root), studio.root.name)
            return JSONResponse({"error": message}, getattr(error, "status", 400))
        return found if isinstance(found, Response) else JSONResponse(found)

    return answering


@dataclass
class Studio:
    """Everything that the answers need; `queue` is None where the folder is only shown."""

    root: Path
    shelf: Shelf
    queue: Queue | None
    watchers: int = 0

    @property
    def jobs(self) -> Queue:
        """The queue.

        Raises:
            UsageError: the studio is read-only.
        """
        if self.queue is None:
            raise UsageError("This studio only shows pictures. Start it without --gallery to make some.")
        return self.queue


async def _body(request: Request, most: int = BODY) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data.extend(chunk)
        if len(data) > most:
            raise UsageError(f"More than {most // 1024:,} kB were sent, which is the most that is taken.")
    return bytes(data)


async def _values(request: Request) -> dict[str, Any]:
    try:
        values = json.loads(await _body(request))
    except (ValueError, RecursionError):
        raise UsageError("What was sent is no JSON.") from None
    if not isinstance(values, dict):
        raise UsageError("What was sent is no object.")
    return values


# --- the page ---


async def page(studio: Studio, request: Request) -> Response:
    """The one page."""
    return FileResponse(STATIC / "index.html")


async def static(studio: Studio, request: Request) -> Response:
    """A file of the page: only of those that are there, by name."""
    name = request.path_params["name"]
    found = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    return FileResponse(found[name]) if name in found else Response(status_code=404)


@plainly
async def about(studio: Studio, request: Request) -> Any:
    """What the page is built from: settings, presets, models."""
    return {
        "version": __version__,
        "folder": studio.root.name,
        "makes": studio.queue is not None,
        "settings": asked.settings(),
        "presets": await run_in_threadpool(asked.presets),
        "models": await run_in_threadpool(asked.installed),
    }


@plainly
async def prompt(studio: Studio, request: Request) -> Any:
    """The parts of a prompt; with `weights`, the prompt that has them."""
    values = await _values(request)
    text, weights = values.get("prompt"), values.get("weights")
    if not isinstance(text, str):
        raise UsageError("There is no prompt.")
    found = parse(text)
    if isinstance(weights, list):
        try:
            pairs = zip(found.parts, (float(each) for each in weights), strict=True)
            found = Prompt(tuple(replace(part, weight=weight) for part, weight in pairs))
        except (ValueError, TypeError):
            raise UsageError("There is one weight for each part.") from None
    return {"prompt": str(found) if weights else text, "parts": [_part(each) for each in found.parts]}


def _part(part: Part) -> dict[str, Any]:
    spans = [[span.start, span.end, span.weight] for span in part.spans]
    return {"text": part.text, "weight": part.weight, "spans": spans}


# --- runs that go on ---


@plainly
async def begin(studio: Studio, request: Request) -> Any:
    """Put a new run in the queue: of a prompt, from an upload, or from a moment of another run."""
    values, queue = await _values(request), studio.jobs
    start, branch = await run_in_threadpool(_start, studio, values)
    recipe, command = await run_in_threadpool(asked.read, values, start)
    plain = recipe.model_dump(mode="json", exclude_none=True)
    job = Job(new_id(), recipe.prompt, plain, command, branch, steps=recipe.steps)
    return JSONResponse(queue.add(job).plain(), 201)


def _start(studio: Studio, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the settings that name pictures of the studio's own, and where a branch comes from."""
    if isinstance(values.get("from"), dict):
        name, step = values["from"].get("run"), values["from"].get("step")
        if not isinstance(name, str) or not isinstance(step, int):
            raise UsageError("A branch begins at a step of a run.")
        kept = studio.shelf.keep_moment(name, step)
        path = str(uploads.path_of(studio.root, kept))
        # The picture is where it begins, and nothing holds it there.
        return {"init": path, "init_strength": 1.0, "keep": 0.0, "starts": 1}, {"run": name, "step": step}
    begin: dict[str, Any] = {
        name: str(uploads.path_of(studio.root, values[name])) for name in ("init", *SHOWN) if values.get(name)
    }
    if isinstance(like := values.get("like"), str):
        begin["image_prompt"] = _like(studio, like, values.get("prompt"))
    return begin, None


def _like(studio: Studio, run: str, prompt: Any) -> str:
    """Return the picture of a run as a part that weighs as much as the words of `prompt` together."""
    kept = uploads.path_of(studio.root, studio.shelf.keep_picture(run))
    words = parse(prompt).parts if isinstance(prompt, str) and prompt.strip() else ()
    weight = sum(part.weight for part in words if part.weight > 0)
    return write_shown(str(kept), min(MAX_WEIGHT, weight) or 1.0)


@plainly
async def order(studio: Studio, request: Request) -> Any:
    """Pause a run, let it go on, or stop it."""
    job, what = find(studio.jobs, request.path_params["id"]), request.path_params["what"]
    await run_in_threadpool(studio.jobs.order, job, what)
    return job.plain()


@plainly
async def weigh(studio: Studio, request: Request) -> Any:
    """Give the parts of a run other weights from here on."""
    job = find(studio.jobs, request.path_params["id"])
    weights = (await _values(request)).get("weights")
    recipe = await run_in_threadpool(_weighed, studio, job, weights)
    await run_in_threadpool(studio.jobs.weigh, job, list(read_steer(recipe.steer[0])[1]))
    return job.plain()


def _weighed(studio: Studio, job: Job, weights: Any) -> Recipe:
    """Return the recipe of a run with other weights, which refuses those that do not fit."""
    if not isinstance(weights, list) or not all(type(each) in (int, float) for each in weights[:1000]):
        raise UsageError("Weights are a list of numbers, one for each part.")
    recipe = studio.shelf.recipe(job.name) if job.recipe is None else make_recipe(job.recipe)
    return recipe.with_(steer=(write_steer(1, weights),))


@plainly
async def frame(studio: Studio, request: Request) -> Any:
    """The newest picture of a run that goes on, or that of a step of its timeline."""
    job = find(studio.jobs, request.path_params["id"])
    step, frames = request.query_params.get("step"), list(job.frames)
    picture = job.picture
    if step is not None and step.isascii() and step.isdigit() and frames:
        picture = min(frames, key=lambda each: abs(each[0] - int(step[:9])))[1]
    return Response(picture, media_type="image/jpeg") if picture else Response(status_code=204)


@plainly
async def events(studio: Studio, request: Request) -> Any:
    """A stream of what there is new to see, as server-sent events: the state as it is, never a backlog."""
    queue = studio.jobs
    if studio.watchers >= WATCHERS:
        raise UsageError(f"{WATCHERS} pages watch already. Close one.")

    async def tell() -> AsyncIterator[str]:
        studio.watchers += 1
        try:
            seen, quiet = -1, 0.0
            while True:
                if queue.changed != seen:
                    seen, quiet = queue.changed, 0.0
                    jobs = [job.plain() for job in list(queue.jobs.values())[-30:]]
                    yield f"data: {json.dumps(jobs)}\n\n"
                elif (quiet := quiet + TICK) > BEAT:
                    quiet = 0.0
                    yield ": here\n\n"
                await asyncio.sleep(TICK)
        finally:
            studio.watchers -= 1

    return StreamingResponse(tell(), media_type="text/event-stream")


@plainly
async def upload(studio: Studio, request: Request) -> Any:
    """Take a picture, which is all of the body; its name is not asked for."""
    _ = studio.jobs
    data = await _body(request, uploads.BYTES)
    found = await run_in_threadpool(uploads.take, studio.root, data)
    found["recipe"] = asked.again(found["recipe"]) if found["recipe"] else None
    return JSONResponse(found, 201)


@plainly
async def words(studio: Studio, request: Request) -> Any:
    """The words that fit an upload best."""
    _ = studio.jobs
    path = await run_in_threadpool(uploads.path_of, studio.root, request.path_params["id"])
    return await words_of(path)


# --- runs that are kept ---


@plainly
async def runs(studio: Studio, request: Request) -> Any:
    """The gallery."""
    return await run_in_threadpool(studio.shelf.runs, request.query_params.get("q", "")[:200])


@plainly
async def one(studio: Studio, request: Request) -> Any:
    """One run."""
    return await run_in_threadpool(studio.shelf.show, request.path_params["name"])


@plainly
async def file(studio: Studio, request: Request) -> Any:
    """A file of a run."""
    name, kind = request.path_params["name"], request.path_params["file"]
    if kind.startswith("film."):
        data, media = await run_in_threadpool(studio.shelf.film, name, kind[5:])
        kind = f"video.{kind[5:]}"
    else:
        data, media = await run_in_threadpool(studio.shelf.file, name, kind)
    headers = {}
    if "download" in request.query_params or kind.endswith(".svg"):
        stem = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
        headers["content-disposition"] = f'attachment; filename="{stem}-{kind}"'
    return Response(data, media_type=media, headers=headers)


@plainly
async def sheet(studio: Studio, request: Request) -> Any:
    """The pictures that a search finds, on one sheet."""
    data = await run_in_threadpool(studio.shelf.sheet, request.query_params.get("q", "")[:200])
    return Response(
        data, media_type="image/png", headers={"content-disposition": 'attachment; filename="sheet.png"'}
    )


@plainly
async def moments(studio: Studio, request: Request) -> Any:
    """The steps of a run that can be seen; with `step`, the picture of that one."""
    name, step = request.path_params["name"], request.query_params.get("step", "")
    if step:
        if not (step.isascii() and step.isdigit()):
            raise UsageError("A step is a whole number.")
        return Response(
            await run_in_threadpool(studio.shelf.moment, name, int(step[:9])), media_type="image/jpeg"
        )
    return await run_in_threadpool(studio.shelf.moments, name)


@plainly
async def resume(studio: Studio, request: Request) -> Any:
    """Take up a run that has stopped from its last checkpoint."""
    name = request.path_params["name"]
    recipe = await run_in_threadpool(studio.shelf.recipe, name)
    job = Job(new_id(), recipe.prompt, None, name=name, steps=recipe.steps)
    return JSONResponse(studio.jobs.add(job).plain(), 201)


ROUTES: tuple[tuple[str, str, Callable[[Studio, Request], Awaitable[Response]]], ...] = (
    ("GET", "/", page),
    ("GET", "/static/{name:path}", static),
    ("GET", "/api/about", about),
    ("POST", "/api/prompt", prompt),
    ("POST", "/api/jobs", begin),
    ("GET", "/api/jobs", events),
    ("POST", "/api/jobs/{id}/weights", weigh),
    ("POST", "/api/jobs/{id}/{what:str}", order),
    ("GET", "/api/jobs/{id}/picture", frame),
    ("POST", "/api/uploads", upload),
    ("POST", "/api/uploads/{id}/words", words),
    ("GET", "/api/runs", runs),
    ("GET", "/api/sheet", sheet),
    ("GET", "/api/runs/{name}", one),
    ("GET", "/api/runs/{name}/moments", moments),
    ("POST", "/api/runs/{name}/resume", resume),
    ("GET", "/api/runs/{name}/{file}", file),
)


def make_app(root: Path, token: str = "", read_only: bool = False) -> Starlette:
    """Return the studio of the folder `root` as an application; `state.studio` of it has the queue."""
    studio = Studio(root, Shelf(root, read_only), None if read_only else Queue(root))

    def route(path: str, method: str, answer: Callable[[Studio, Request], Awaitable[Response]]) -> Route:
        async def bound(request: Request) -> Response:
            return await answer(studio, request)

        return Route(path, bound, methods=[method])

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        if studio.queue is not None:
            with suppress(OSError):
                await run_in_threadpool(studio.queue.close)

    app = Starlette(
        routes=[route(path, method, answer) for method, path, answer in ROUTES],
        middleware=[Middleware(Guard, token=token)],
        lifespan=life,
    )
    app.state.studio = studio
    return app
