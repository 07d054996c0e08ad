"""The command line: what is typed becomes a recipe, a run becomes output, and an error one message."""

from __future__ import annotations

import errno
import json
import os
import runpy
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import typer
from typer.testing import CliRunner

import clipart.run
from clipart.cli import main
from clipart.cli.app import app, command
from clipart.cli.failures import explain
from clipart.cli.help import COLUMN, EVERYDAY
from clipart.cli.options import OWN
from clipart.cli.reading import read_outputs
from clipart.cli.sink import Invocation
from clipart.errors import ClipartError, ModelError, ResourceError, UsageError
from clipart.iterates import Check, Iterate, Reading
from clipart.presets import Preset
from clipart.recipe import knobs, make_recipe
from clipart.run import Outputs, Result

ROOT = Path(__file__).parent.parent
PICTURE = Path("outputs/2030-01-01-apple-7/picture.png")


class FakeRun:
    """Stands in for `clipart.run.run`: three looks of the judge, one step apart, and no file."""

    def __init__(self) -> None:
        self.recipe: Any = None
        self.outputs: Any = None
        self.stop = "steps"
        self.during: Callable[[int], None] = lambda step: None
        self.matches = (0.0, 0.4, 0.8)
        self.tried: tuple[int, ...] = ()

    def __call__(
        self,
        recipe: Any,
        outputs: Any,
        consumers: Any = (),
        stop_now: Any = lambda: False,
        trying: Any = lambda start, starts: None,
    ) -> Result:
        self.recipe, self.outputs = recipe, outputs
        for start in self.tried:
            trying(start, 6)
        for step, match in enumerate(self.matches):
            self.during(step)
            readings = (Reading("apple", 1.0, match / 4 + 0.1, match), Reading("text", -0.5, 0.05, 0.02))
            stop = "interrupted" if stop_now() else self.stop if step == len(self.matches) - 1 else None
            image = torch.zeros(3, 1, 1)
            it = Iterate(step, 2, image, {"total": 1.0}, Check(step, readings), 0.1, "", step * 0.5, stop)
            for consume in consumers:
                consume(it)
            if stop:
                break
        paths = {"picture": outputs.file or PICTURE, "log": PICTURE.with_name("log.jsonl")}
        return Result(None, it.check, recipe, paths, it.stop, it.step, it.seconds)  # type: ignore[arg-type]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    run = FakeRun()
    monkeypatch.setattr("clipart.run.run", run)
    monkeypatch.setattr("clipart.cli.downloads.fetch_named", lambda sink, names: None)
    return run


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLIPART_DEBUG", "PY_COLORS", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def python(code: str, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"} | more.pop("env", {})
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=environment, timeout=120, **more,
    )  # fmt: skip


MAIN = "import sys; from clipart.cli import main; sys.exit(main())"


# --- help ---------------------------------------------------------------------------------------------


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from clipart.cli import main; code = main(['--help']);"
        "heavy = {'torch', 'open_clip', 'kornia', 'numpy', 'av', 'PIL'} & set(sys.modules);"
        "print('heavy:', sorted(heavy), 'code:', code)"
    )
    done = python(code)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "heavy: [] code: 0"


def test_help_has_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, field in knobs().items():
        if name in ("prompt", "width", "height"):
            continue
        flag = f"--{name.replace('_', '-')}"
        row = next(line for line in lines if line[5:].split(" ")[0] == flag)
        value = row[: COLUMN + 1].split(flag)[1].strip()
        if isinstance(field.default, (int, float)):
            assert float(value) == field.default
        elif isinstance(field.default, str):
            assert value == field.default
        else:
            assert value == value.upper() or value in field.default


def test_help_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for args in ([], ["--help"], ["parse", "--help"], ["presets", "-h"], ["doctor", "-h"]):
        assert main(args) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_help_is_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    main(["apple", "--help"])
    titles = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("──")]
    assert titles == [
        "Commands", "Prompt", "Picture", "Stopping", "Output", "Model", "Canvas", "Optimiser", "Views",
        "Regularisers", "Help",
    ]  # fmt: skip


def test_clipart_alone_shows_the_short_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"--{name}" in out for name in EVERYDAY)
    assert "--momentum" not in out
    assert len(out.splitlines()) < 40


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"clipart {clipart.__version__}\n"


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == made["page"](), "python docs/make_cli.py"


# --- which command ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "prompt"),
    [
        (["apple"], "apple"),
        (["apple", "--steps", "5"], "apple"),
        (["--steps", "5", "apple"], "apple"),
        (["--quiet", "presets"], "presets"),
        (["make", "presets"], "presets"),
        (["--", "presets"], "presets"),
        (["--", "-1 degrees"], "-1 degrees"),
        (["--steps", "5", "--", "--help"], "--help"),
        (["make", "make"], "make"),
        (["--steps=5", "a (red:1.5) apple"], "a (red:1.5) apple"),
        (["ябълка 🍎:: りんご::2"], "ябълка 🍎:: りんご::2"),
        (["word " * 1900], "word " * 1900),
        (["[bold]no markup[/bold]"], "[bold]no markup[/bold]"),
    ],
)
def test_anything_else_is_a_prompt(args: list[str], prompt: str, fake: FakeRun) -> None:
    assert main(args) == 0
    assert fake.recipe.prompt == prompt


@pytest.mark.parametrize("name", ["parse", "presets", "doctor"])
def test_a_name_that_comes_first_is_a_command(name: str, fake: FakeRun, capsys: Any) -> None:
    main([name, "--help"])
    assert f"Usage: clipart {name}" in capsys.readouterr().out
    assert fake.recipe is None


def test_a_slip_of_the_finger_is_mentioned(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docter"]) == 0
    assert fake.recipe.prompt == "docter"
    assert "clipart doctor" in capsys.readouterr().err
    main(["apple"])
    assert "the command is" not in capsys.readouterr().err


def test_typers_own_runner_sees_the_same_commands() -> None:
    shown = CliRunner().invoke(app, ["presets", "--help"])
    assert shown.exit_code == 0
    assert "[NAME]" in shown.stdout


# --- usage errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["apple", "--stpes", "5"], "Did you mean --steps?"),
        (["apple", "--zzzzz"], "`clipart --help` lists the options"),
        (["-1 degrees"], 'clipart -- "'),
        (["--steps", "5"], "There is no prompt"),
        (["red", "apple"], 'clipart "red apple"'),
        ([""], "the prompt has no text"),
        (["x" * 25_000], "at most 10,000"),
        (["a (red apple"], "\n    ^"),
        (["apple", "--no", "a::b"], "in --no"),
        (["apple", "--steps", "x"], "--steps: it takes a whole number, such as 500."),
        (["apple", "--lr", "x"], "--lr: it takes a number, such as 0.1."),
        (["apple", "--steps", "0"], "greater than or equal to 1"),
        (["apple", "--canvas", "oil"], "'multires', 'plain', 'fourier', 'shapes'"),
        (["apple", "--seed", "-1"], "seed"),
        (["apple", "--until", "90"], "90%"),
        (["apple", "--size", "big"], "512x384"),
        (["apple", "--size", "8"], "from 16 to 8192"),
        (["apple", "--size", "9" * 5000], "from 16 to 8192"),
        (["apple", "--size", "512", "--width", "512"], "Type either"),
        (["apple", "--size"], "requires an argument"),
        (["apple", "--preset", "defualt"], "Did you mean 'default'"),
        (["apple", "--json", "--quiet"], "Type one of them"),
        (["apple", "-o", "a.png", "--fps", "12"], "--fps"),
        (["apple", "-o", str(ROOT)], "is a folder"),
        (["apple", "--fps", "0"], "--fps: input should be greater"),
        (["parse"], 'clipart parse "'),
        (["presets", "--steps", "5"], "To draw the word, type: clipart make presets"),
        (["--version", "--steps", "5"], "No such option: --steps"),
        (["presets", "--zzzzz"], "`clipart presets --help`"),
        (["presets", "nothing"], "No preset 'nothing'"),
        (["doctor", "apple"], "unexpected extra argument"),
    ],
)
def test_usage_errors(args: list[str], says: str, fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert err.startswith("error: ")
    assert "Value error" not in err
    assert len(err) < 500
    assert fake.recipe is None
    if "--json" not in args:
        assert out == ""


def test_a_usage_error_is_an_event_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apple", "--json", "--stpes", "5"]) == 2
    out, err = capsys.readouterr()
    event = json.loads(out)
    assert (event["event"], event["kind"], event["exit_code"]) == ("error", "usage", 2)
    assert event["message"] in err
    main(["apple", "--stpes", "5", "--", "--json"])  # behind the dashes it is no option
    assert capsys.readouterr().out == ""


# --- from options to recipe and outputs ---------------------------------------------------------------


def test_a_default_gives_way_to_a_preset_and_a_preset_to_an_option(
    fake: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = Preset(
        "soft", "", {"steps": 77, "views": 3, "width": 64, "height": 48, "no": ("fog",)}, ("soft",)
    )
    monkeypatch.setattr("clipart.presets.load_preset", lambda name: {"soft": preset}[name])
    main(["apple", "--preset", "soft", "--views", "5", "-s", "32"])
    recipe = fake.recipe
    assert (recipe.steps, recipe.views, recipe.width, recipe.height) == (77, 5, 32, 32)
    assert recipe.no == ("fog",)
    assert recipe.lr == make_recipe({"prompt": "apple"}).lr
    main(["apple", "--views", "5"])
    assert (fake.recipe.steps, fake.recipe.no) == (500, ())


def test_an_option_at_its_default_overrules_a_preset(fake: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = Preset("quick", "", {"steps": 7, "flip": 0.5}, ("quick",))
    monkeypatch.setattr("clipart.presets.load_preset", lambda name: preset)
    main(["apple", "-p", "quick", "--steps", "500", "--flip", "0"])
    assert (fake.recipe.steps, fake.recipe.flip) == (500, 0)


def test_a_preset_file(fake: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "default"\nsteps = 9\n')
    assert main(["apple", "-p", str(tmp_path / "mine.toml")]) == 0
    assert fake.recipe.steps == 9


@pytest.mark.parametrize("name", [name for name in knobs() if name != "prompt"])
def test_every_setting_is_an_option(name: str, fake: FakeRun) -> None:
    samples: dict[str, Any] = {
        "no": ("fog", "text"), "seed": 5, "init": "a.png", "paper": "beige", "until": "80%", "seconds": 3.5,
        "clip": ("tiny", "other::2"), "judge": "other", "device": "cuda:1",
    }  # fmt: skip
    default, annotation = knobs()[name].default, knobs()[name].annotation
    value = samples.get(name) or next(
        v for v in (*get_args(annotation), 64, 0.5, 0.2, 2, "other") if fits(name, v, default)
    )
    flag, values = f"--{name.replace('_', '-')}", value if isinstance(value, tuple) else (value,)
    assert main(["apple::9", *(word for each in values for word in (flag, str(each)))]) == 0
    assert getattr(fake.recipe, name) == value != default


def fits(name: str, value: Any, default: Any) -> bool:
    """Whether `value` would do for the field, and is not what it has anyway."""
    try:
        return bool(getattr(make_recipe({"prompt": "apple", name: value}), name) == value != default)
    except UsageError:
        return False


def test_no_and_negative_are_one_option(fake: FakeRun) -> None:
    main(["apple::9", "--no", "fog", "--negative", "text", "--no", "rain"])
    assert fake.recipe.no == ("fog", "text", "rain")


@pytest.mark.parametrize("size", ["512x384", "512X384", "512 x 384", "512×384", "512*384"])
def test_size(size: str, fake: FakeRun) -> None:
    main(["apple", "-s", size])
    assert (fake.recipe.width, fake.recipe.height) == (512, 384)
    main(["apple", "--size", "384"])
    assert (fake.recipe.width, fake.recipe.height) == (384, 384)


def test_a_seed_is_drawn_and_told(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    main(["apple"])
    first = fake.recipe.seed
    assert str(first) in capsys.readouterr().out
    main(["apple"])
    assert isinstance(first, int)
    assert fake.recipe.seed != first


def test_outputs(fake: FakeRun) -> None:
    main(["apple"])
    assert fake.outputs == Outputs()
    main(["apple", "--folder", "there", "--video", "none", "--fps", "12", "--video-seconds", "4.5"])
    assert fake.outputs == Outputs(Path("there"), None, "none", 12, 4.5)
    main(["apple", "-o", "apple.png"])
    assert fake.outputs == Outputs(None, Path("apple.png"), "none")


def test_the_outputs_in_the_help_are_those_of_a_run() -> None:
    for name in ("folder", "video", "fps", "video_seconds"):
        shown = OWN[name].__metadata__[0].show_default
        assert type(getattr(Outputs(), name))(shown) == getattr(Outputs(), name)
    assert Outputs(**read_outputs({})) == Outputs()


def test_the_size_in_the_help_is_the_default_one() -> None:
    plain = make_recipe({"prompt": "apple"})
    assert OWN["size"].__metadata__[0].show_default == f"{plain.width}x{plain.height}"


# --- output -------------------------------------------------------------------------------------------


def test_summary(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apple::2", "--no", "text", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    for words in (
        "80%",
        "cosine 0.300",
        "no text",
        "all 2 steps are done",
        "seed     7",
        str(PICTURE),
        "0:01",
    ):
        assert words in out
    assert "clipart apple::2 --no text --seed 7\n" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "step 2/2" in err
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    ("stop", "args", "says", "code"),
    [
        ("steps", ["--until", "90%"], "all 2 steps are done, before every part reached 90%", 0),
        ("score", ["--until", "80%"], "every part reached 80% at step 2", 0),
        ("score", ["--until", "0.25"], "every part reached cosine 0.25 at step 2", 0),
        ("seconds", ["--seconds", "30"], "30 s are over at step 2", 0),
        ("interrupted", [], "Ctrl-C at step 2 of 500", 130),
        ("diverged", [], "infinite or not a number at step 2; the picture is from before that", 1),
    ],
)
def test_the_summary_says_what_stopped_it(
    stop: str, args: list[str], says: str, code: int, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.stop = stop
    assert main(["apple", *args]) == code
    out, err = capsys.readouterr()
    assert f" stopped  {says}\n" in out
    assert ("--lr" in err) == (stop == "diverged")


@pytest.mark.parametrize("args", [["apple:: it's::"], ["--steps", "5", "--", "-1"], ["a", "--seed", "3"]])
def test_again_makes_the_same_recipe(
    args: list[str], fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--json", *args])
    done, recipe = json.loads(capsys.readouterr().out.splitlines()[-1]), fake.recipe
    main(shlex.split(done["again"])[1:])
    assert fake.recipe == recipe


def test_json(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    fake.matches, fake.tried = (0.0, float("nan"), 0.8), (1, 2)
    assert main(["apple", "--seed", "7", "--json"]) == 0
    out, err = capsys.readouterr()
    start, *tries, first, second, third, done = map(json.loads, out.splitlines())
    checks = [first, second, third]
    assert (start["event"], start["recipe"]["seed"], start["recipe"]["steps"]) == ("start", 7, 500)
    assert tries == [{"event": "trying", "start": number, "starts": 6} for number in (1, 2)]
    assert [check["event"] for check in checks] == ["check"] * 3
    assert [check["readings"][0]["match"] for check in checks] == [0.0, None, 0.8]
    assert checks[2]["readings"][1] == {"text": "text", "weight": -0.5, "match": 0.02, "cosine": 0.05}
    assert (done["event"], done["stop"], done["steps"], done["exit_code"]) == ("done", "steps", 2, 0)
    assert done["paths"] == {"picture": str(PICTURE), "log": str(PICTURE.with_name("log.jsonl"))}
    assert (done["seed"], done["seconds"]) == (7, 1.0)
    assert err == ""


def test_quiet(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "-h"]) == 0
    capsys.readouterr()
    assert main(["-q", "docter"]) == 0
    assert capsys.readouterr() == (f"{PICTURE}\n", "")
    fake.during = fail_with(ModelError("there is no such model"))
    assert main(["apple", "--quiet"]) == 3
    assert capsys.readouterr() == ("", "error: there is no such model\n")


@pytest.mark.parametrize(
    ("environment", "args", "colour"),
    [
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--no-color"], False),
        ({}, [], False),
    ],
)
def test_colour(
    environment: dict[str, str], args: list[str], colour: bool, fake: FakeRun, monkeypatch: Any, capsys: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    main(["apple", *args])
    assert ("\x1b" in capsys.readouterr().out) == colour
    main(["apple", "--stpes", *args])
    assert ("\x1b" in capsys.readouterr().err) == colour


def test_an_ascii_terminal_is_no_reason_to_fail() -> None:
    done = python(MAIN, "parse", "яблоко (", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 2
    assert "never closed" in done.stderr
    shown = python(MAIN, env={"PYTHONIOENCODING": "ascii"})
    assert shown.returncode == 0
    assert "Everyday options ----" in shown.stdout


def test_a_reader_that_goes_away_is_no_reason_to_complain() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


# --- failures -----------------------------------------------------------------------------------------


def fail_with(error: BaseException) -> Callable[..., None]:
    def during(*_: object) -> None:
        raise error

    return during


@pytest.mark.parametrize(
    ("error", "code", "kind", "says"),
    [
        (ClipartError("no luck"), 1, "run", "no luck"),
        (UsageError("not so"), 2, "usage", "not so"),
        (ModelError("no model"), 3, "model", "no model"),
        (ResourceError("no room"), 4, "resource", "no room"),
        (MemoryError(), 4, "resource", "--size"),
        (torch.OutOfMemoryError("CUDA out of memory"), 4, "resource", "--chunk"),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), 4, "resource", "--chunk"),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 4, "resource", "a.png"),
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), 1, "run", "a.png: Permission denied."),
        (ImportError("No module named 'kornia'"), 1, "run", "clipart doctor"),
        (RuntimeError("shapes"), 1, "unexpected", "CLIPART_DEBUG=1"),
        (ValueError(), 1, "unexpected", "Unexpected ValueError: no reason given"),
        (typer.Abort(), 1, "run", "Stopped."),
    ],
)  # fmt: skip
def test_failures(
    error: Exception, code: int, kind: str, says: str, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.during = fail_with(error)
    assert main(["apple", "--json"]) == code
    out, err = capsys.readouterr()
    event = json.loads(out.splitlines()[-1])
    assert (event["event"], event["kind"], event["exit_code"]) == ("error", kind, code)
    assert says in event["message"]
    assert err == f"error: {event['message']}\n"
    assert "Traceback" not in err


def test_a_traceback_is_there_for_the_asking(fake: FakeRun, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("CLIPART_DEBUG", "1")
    fake.during = fail_with(KeyError("lost"))
    assert main(["apple"]) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith(
        "error: Unexpected KeyError: 'lost'\nPut CLIPART_DEBUG=1 before the command to see where.\n"
    )


def test_the_table_knows_every_exception() -> None:
    assert explain(KeyboardInterrupt()).exit_code == 1
    assert explain(Exception("two\nlines")).message.startswith("Unexpected Exception: two\n")


# --- signals ------------------------------------------------------------------------------------------


@pytest.fixture
def _own_handlers() -> Iterator[None]:
    """Fail loudly rather than end the tests if a signal gets past the command line."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, lambda *_: pytest.fail("SIGTERM was not caught"))
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers: int) -> Callable[[int], None]:
    def during(step: int) -> None:
        if step == 1:
            for number in numbers:
                os.kill(os.getpid(), number)

    return during


@pytest.mark.usefixtures("_own_handlers")
@pytest.mark.parametrize(
    ("number", "code", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_one_signal_ends_the_run_well(number: int, code: int, name: str, fake: FakeRun, capsys: Any) -> None:
    before = signal.getsignal(number)
    fake.during = send(number)
    assert main(["apple", "--seed", "7"]) == code
    out, err = capsys.readouterr()
    assert err.count("stopping after this step, then saving") == 1
    assert f" stopped  {name} at step 1 of 500\n" in out
    assert str(PICTURE) in out
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("_own_handlers")
@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)])
def test_two_signals_end_it_at_once(numbers: tuple[int, ...], fake: FakeRun, capsys: Any) -> None:
    before = signal.getsignal(signal.SIGINT)
    fake.during = send(*numbers)
    assert main(["apple", "--json"]) == 130
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["kind"] == "interrupted"
    assert "Stopped at once" in err
    assert "Traceback" not in err
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("_own_handlers")
def test_a_signal_after_the_last_step_is_not_lost(fake: FakeRun, capsys: Any) -> None:
    fake.during = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 2 else None
    fake.stop = "steps"
    assert main(["apple", "--quiet"]) == 130
    assert capsys.readouterr() == (f"{PICTURE}\n", "")


def test_ctrl_c_outside_a_run_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clipart.presets.preset_names", interrupt)
    assert main(["presets"]) == 130
    assert capsys.readouterr() == ("", "")


# --- sub-commands -------------------------------------------------------------------------------------


@pytest.fixture
def _words_are_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer with two tokens a word and room for five."""

    def tokens(name: str, text: str) -> tuple[list[str], int]:
        assert name == "tiny"
        return [piece for word in text.split() for piece in (word[:1], word[1:] + "</w>")], 5

    monkeypatch.setattr("clipart.critic.clip.tokens", tokens)


@pytest.mark.usefixtures("_words_are_tokens")
def test_parse_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "a (red:1.5) apple on grass::3 tart", "--no", "fog"]) == 0
    out, err = capsys.readouterr()
    for words in ("a red x1.5 apple on grass", "67%", "22%", "-11%", "10 of 5", "t · art", "2 of 5"):
        assert words in out
    assert "It does not see: apple on grass\n" in err
    assert "tart" not in err
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.usefixtures("_words_are_tokens")
def test_parse_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "red apple on grass::3 tart", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert event["prompt"] == "red apple on grass::3 tart"
    first, second = event["parts"]
    assert (first["weight"], first["share"], first["limit"]) == (3, 0.75, 5)
    assert first["tokens"][:3] == ["r", "ed", "a"]
    assert first["lost"] == ["on", "grass"]
    assert (second["lost"], second["emphasis"]) == ([], [])


@pytest.mark.usefixtures("_words_are_tokens")
@pytest.mark.parametrize("count", range(1, 8))
def test_what_falls_beyond_is_found(count: int) -> None:
    from clipart.cli.commands.parse import reach

    words = [f"w{n}" for n in range(count)]
    assert list(reach("tiny", " ".join(words)).lost) == words[2 if count > 2 else count :]


def test_tokens_of_other_scripts_are_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    from clipart.cli.commands.parse import reach

    monkeypatch.setattr("clipart.critic.clip.tokens", lambda name, text: (["Ã©t", "Ã©</w>", "Ã</w>"], 9))
    assert reach("tiny", "été x").tokens == ("ét", "é", "\ufffd")


def test_presets_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    presets = {
        "default": Preset("default", "as it comes", {}, ("default",)),
        "soft": Preset("soft", "soft light", {"tv": 2.5, "steps": 500, "clip": ("tiny", "b")}, ("soft",)),
    }
    monkeypatch.setattr("clipart.presets.preset_names", lambda: tuple(presets))
    monkeypatch.setattr("clipart.presets.load_preset", presets.__getitem__)
    assert main(["presets"]) == 0
    out = capsys.readouterr().out
    assert "soft   soft light\n" in out
    assert "clip (tiny, b), tv 2.5\n" in out
    assert "steps" not in out
    assert main(["presets", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert [preset["changes"] for preset in event["presets"]] == [{}, {"clip": ["tiny", "b"], "tv": 2.5}]


def test_every_shipped_preset_shows_settings_that_can_be_read_back(
    tmp_path: Path, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["presets", "--json"])
    for each in json.loads(capsys.readouterr().out)["presets"]:
        assert main(["presets", each["name"]]) == 0
        file = tmp_path / "again.toml"
        file.write_text(capsys.readouterr().out, encoding="utf-8")
        main(["apple", "--seed", "1", "--preset", each["name"]])
        recipe = fake.recipe
        main(["apple", "--seed", "1", "--preset", str(file)])
        assert fake.recipe == recipe
        assert all(getattr(recipe, name) is not None for name in each["changes"])
        capsys.readouterr()


# --- shell completion ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        ("clipart pre", "presets"),
        ("clipart --ste", "--steps"),
        ("clipart apple --ste", "--steps"),
        ("clipart apple --canvas f", "fourier"),
        ("clipart --preset d", "default"),
        ("clipart presets --js", "--json"),
    ],
)
def test_completion(typed: str, offers: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("_CLIPART_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    with pytest.raises(SystemExit) as done:
        main([])
    assert done.value.code == 0
    assert offers in capsys.readouterr().out.split()


def test_no_two_options_share_a_flag() -> None:
    for each in command().commands.values():
        flags = [flag for param in each.params for flag in param.opts if flag.startswith("-")]
        assert len(flags) == len(set(flags))


def test_typers_runner_can_run_the_job(fake: FakeRun) -> None:
    done = CliRunner().invoke(app, ["apple", "--quiet"], obj=Invocation(["apple", "--quiet"]))
    assert (done.exit_code, done.stdout) == (0, f"{PICTURE}\n")
