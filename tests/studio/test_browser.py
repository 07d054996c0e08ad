"""The page in a real browser: Debian's Chromium, without a window, by Playwright."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .conftest import Served, serving

playwright = pytest.importorskip(
    "playwright.sync_api", reason='Playwright is not installed: pip install "clipart[browser]"'
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt install chromium"),
    # Playwright's own loop leaves its sockets to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
# Where screenshots are written for people to look at; by default with the test's own files.
SHOTS = os.environ.get("CLIPART_SHOTS")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def wrong() -> list[str]:
    """What the page complains of, and what it asks another host for."""
    return []


@pytest.fixture
def page(browser: Any, served: Served, wrong: list[str]) -> Iterator[Any]:
    yield from opened(browser, served, wrong)


def opened(browser: Any, served: Served, wrong: list[str], **options: Any) -> Iterator[Any]:
    address = f"http://127.0.0.1:{served.port}/"
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request", lambda sent: None if sent.url.startswith((address, "blob:")) else wrong.append(sent.url)
    )
    page.goto(address)
    page.wait_for_selector("#presets label")
    yield page
    context.close()
    assert wrong == []


def fill(page: Any, prompt: str, steps: int) -> None:
    page.fill("#prompt", prompt)
    page.fill("#size", "64x64")
    page.fill("#seed", "3")
    page.fill("#steps", str(steps))
    if not page.locator("#more").is_visible():
        page.click("summary:has-text('More settings')")
    page.fill("#set-starts", "1")
    page.fill("#set-views", "2")


def state(page: Any, wanted: str) -> None:
    page.wait_for_selector(f"#run[data-state={wanted}]")


def until(page: Any, holds: str, seconds: float = 60) -> None:
    """Wait until an expression holds; Playwright's own way needs `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(holds):
        assert time.monotonic() < end, holds
        time.sleep(0.05)


def shot(page: Any, name: str, tmp_path: Path) -> Path:
    path = Path(SHOTS or tmp_path) / f"{name}.png"
    page.screenshot(path=path)
    return path


def test_make_watch_pause_branch_and_keep(page: Any, served: Served, tmp_path: Path) -> None:
    fill(page, "apple", 3000)
    page.click("#make-it")
    state(page, "running")
    page.wait_for_selector("#picture:not([hidden])")
    first = page.get_attribute("#picture", "data-shown")
    until(page, f"document.querySelector('#picture').dataset.shown !== '{first}'")  # it moves
    until(
        page, "Number(document.querySelector('#timeline').max) >= 4"
    )  # so that the second moment is not the last
    page.click("#pause")
    state(page, "paused")
    page.evaluate("document.querySelector('#timeline').focus()")
    page.keyboard.press("Home")
    assert page.inner_text("#branch") == "Branch from step 0"
    page.keyboard.press("ArrowRight")
    step = int(re.sub(r"\D", "", page.inner_text("#branch")))
    assert step > 0
    before = page.get_attribute("#run", "data-run")
    fill(page, "sun", 15)
    page.click("#branch")
    page.click("#queue >> text=apple")
    page.click("#stop")
    state(page, "stopped")
    page.click("#queue >> text=sun")
    state(page, "done")
    assert page.inner_text("#origin") == f"A branch of {before} from step {step}."
    with page.expect_download() as waited:
        page.click("#get-png")
    saved = tmp_path / "saved.png"
    waited.value.save_as(saved)
    assert Image.open(saved).size == (64, 64)
    with page.expect_download() as waited:
        page.click("#get-film")
    assert waited.value.suggested_filename.endswith(".mp4")


def test_a_slider_changes_the_weight_of_a_run_that_goes_on(page: Any, served: Served, tmp_path: Path) -> None:
    fill(page, "sun:: cat::", 3000)
    page.click("#make-it")
    state(page, "running")
    slider = page.locator("#steers input").nth(1)
    slider.wait_for()
    assert slider.get_attribute("aria-label") == "Weight of cat from here on"
    slider.focus()
    page.keyboard.press("End")
    (job,) = served.queue.jobs.values()
    end = time.monotonic() + 60
    while [each["weight"] for each in job.readings] != [1, 4]:
        assert time.monotonic() < end, job.readings
        time.sleep(0.05)
    assert page.locator("#steers output").nth(1).inner_text() == "4"
    shot(page, "steer", tmp_path)
    page.click("#stop")
    state(page, "stopped")
    page.locator("#steer").wait_for(state="hidden")


def test_gallery_search_and_a_dropped_picture(
    browser: Any, shelf: Path, tmp_path: Path, wrong: list[str]
) -> None:
    root = tmp_path / "root"
    shutil.copytree(shelf, root)
    hostile = root / "hostile"
    hostile.mkdir()
    (hostile / "recipe.toml").write_text('prompt = "<img src=x onerror=document.title=1>"\n')
    for served in serving(root):
        for page in opened(browser, served, wrong):
            page.click("#to-gallery")
            until(page, "document.querySelectorAll('#runs li').length === 3")
            assert page.locator("#runs >> text=<img src=x").count() == 1  # as text
            assert page.title() == "clipart studio"
            page.fill("#search", "tree")
            until(page, "document.querySelectorAll('#runs li').length === 1")
            page.click("#runs button")
            page.wait_for_selector("#shown[open]")
            until(page, "document.querySelector('#shown-moment').textContent.startsWith('step')")
            assert 'prompt = "green tree"' in page.text_content("#recipe")
            page.click("#shown-use")
            assert page.input_value("#prompt") == "green tree"
            page.fill("#prompt", "")
            picture = next(root.glob("*tree*/picture.png"))
            page.set_input_files("#file", picture)
            page.click("#describe")
            until(page, "document.querySelector('#begin-words').textContent.startsWith('It reads')")
            page.click("#use-recipe")
            assert page.input_value("#prompt") == "green tree"
            assert page.input_value("#seed") == "1"


def test_two_pictures_are_compared_and_more_are_made_like_one(
    browser: Any, shelf: Path, tmp_path: Path, wrong: list[str]
) -> None:
    root = tmp_path / "root"
    shutil.copytree(shelf, root)
    for served in serving(root):
        for page in opened(browser, served, wrong):
            page.click("#to-gallery")
            until(page, "document.querySelectorAll('#runs li').length === 2")
            page.locator("#runs button").nth(0).click()
            page.wait_for_selector("#shown[open]")
            page.click("#shown-compare")
            page.locator("#runs button").nth(1).click()
            page.wait_for_selector("#compare-picture:not([hidden])")
            page.fill("#compare-at", "25")
            assert (
                page.evaluate("getComputedStyle(document.querySelector('#compare-picture')).clipPath")
                == "inset(0px 75% 0px 0px)"
            )
            page.screenshot(path=tmp_path / "compare.png")
            page.click("#shown-like")
            until(page, "document.querySelector('#status').textContent.startsWith('done')")
            assert "--image-prompt" in served.queue.jobs[next(iter(served.queue.jobs))].command


def test_a_killed_process_is_seen_to_go_on(page: Any, served: Served) -> None:
    fill(page, "apple", 3000)
    page.click("#make-it")
    state(page, "running")
    folder = served.root / page.get_attribute("#run", "data-run")
    end = time.monotonic() + 60
    while not list(folder.glob("checkpoints/step-*.safetensors")):
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(served.queue.worker, signal.SIGKILL)
    page.wait_for_selector("#run:not([data-state=running])")
    state(page, "running")
    assert page.get_attribute("#run", "data-run") == folder.name
    page.click("#stop")
    state(page, "stopped")


def test_several_seeds(page: Any, served: Served) -> None:
    fill(page, "apple", 10)
    page.fill("#count-of", "3")
    page.click("#make-it")
    until(page, "document.querySelectorAll('#queue small').length === 3")
    until(page, "[...document.querySelectorAll('#queue small')].every((each) => each.textContent === 'done')")
    assert sorted(int(path.name.rpartition("-")[2]) for path in served.root.iterdir()) == [3, 4, 5]


def test_weights_and_mistakes(page: Any) -> None:
    page.fill("#prompt", "apple:: a (red:1.5) tart::2")
    until(page, "document.querySelectorAll('#parts li').length === 2")
    assert page.inner_text("#parts b") == "red"
    page.locator("#parts input").nth(1).focus()
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('#prompt').value.includes('1.9')")
    page.fill("#prompt", "appl(e")
    until(page, "document.querySelector('#prompt-error').textContent.includes('never closed')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_has_labels(
    browser: Any, served: Served, wrong: list[str], width: int, scheme: str, tmp_path: Path
) -> None:
    options = {"viewport": {"width": width, "height": 850}, "color_scheme": scheme}
    for page in opened(browser, served, wrong, **options):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click("summary:has-text('More settings')")
        nameless = page.evaluate(
            """[...document.querySelectorAll('input, select, textarea, button')].filter((each) =>
            !(each.labels && each.labels.length) && !each.ariaLabel && !each.textContent.trim()).map((e) => e.id)"""
        )
        assert nameless == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert shot(page, f"{width}-{scheme}", tmp_path).stat().st_size > 5000


def test_the_first_thing_that_tab_reaches_leads_to_the_prompt(page: Any) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id || location.hash") in ("prompt", "#prompt")
