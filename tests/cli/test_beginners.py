"""What beginners, and people who know other tools, type."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun, fail_with

from clipart.cli import main
from clipart.cli.advice import advice
from clipart.cli.habits import habits
from clipart.cli.options import recipe_options
from clipart.errors import shell_word
from clipart.iterates import Check, Iterate, Reading
from clipart.meanings import INSTEAD, MEANT
from clipart.models.registry import canonical, unknown
from clipart.prompt import parse
from clipart.recipe import make_recipe
from clipart.runs import Outputs, Result, run


class Terminal(io.StringIO):
    """A terminal on which a person answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    def sit_down(words: str) -> Terminal:
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr("sys.stdin", Terminal(f"{words}\n"))
        return screen

    return sit_down


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_slip_is_asked_about(fake: FakeRun, answer: Any) -> None:
    screen = answer("n")
    assert main(["presests"]) == 1
    assert fake.recipe is None
    assert "clipart presets" in screen.getvalue()
    answer("y")
    assert main(["presests"]) == 0
    assert fake.recipe.prompt == "presests"


def test_a_file_is_not_replaced_without_a_word(
    fake: FakeRun, answer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "x.png"
    there.write_bytes(b"precious")
    assert main(["apple", "-o", str(there)]) == 2
    assert "--force" in capsys.readouterr().err
    assert fake.recipe is None
    assert main(["apple", "-o", str(there), "--force"]) == 0
    for words, code in (("", 1), ("no", 1), ("y", 0)):
        answer(words)
        assert main(["apple", "-o", str(there)]) == code


@pytest.mark.parametrize("command", [["sheet"], ["plot"], ["video"], ["models", "convert", "a.yaml"]])
def test_no_command_replaces_a_file_without_a_word(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suffix = {"sheet": ".png", "plot": ".svg", "video": ".mp4", "models": ".safetensors"}[command[0]]
    there, run = tmp_path / f"x{suffix}", tmp_path / "run"
    there.write_bytes(b"precious")
    run.mkdir()
    assert main([*command, str(run), "-o", str(there)]) == 2
    assert "is there" in capsys.readouterr().err
    assert there.read_bytes() == b"precious"


def test_a_dash_reads_one_prompt(
    fake: FakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped(monkeypatch, "\n ябълка 🍎:: \n".encode())
    assert main(["-", "--seed", "3"]) == 0
    assert fake.recipe.prompt == "ябълка 🍎::"
    assert "clipart 'ябълка 🍎::' --seed 3" in capsys.readouterr().out
    for data, says in (
        (b"a\nb\n", "2 lines"),
        (b"", "0 lines"),
        (b"a" * 50_000, "40,000 bytes"),
        (b"\xff", ""),
    ):
        piped(monkeypatch, data)
        assert main(["-"]) == 2
        assert says in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal())
    assert main(["parse", "-"]) == 2
    assert "pipe" in capsys.readouterr().err


def test_stopped_at_once_says_what_is_kept(fake: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    error = KeyboardInterrupt()
    error.add_note("Go on: clipart resume outputs/x")
    fake.during = fail_with(error)
    assert main(["apple"]) == 130
    assert "Go on: clipart resume outputs/x" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["video", "resume", "plot", "sheet", "show", "replay"])
def test_what_is_not_there_ends_alike(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "nope"]) == 2
    assert "nope" in capsys.readouterr().err


def test_the_words_of_others_are_of_settings_that_there_are() -> None:
    assert {each.replace("-", "_") for each in MEANT.values()} <= set(recipe_options())
    assert not set(MEANT) & set(INSTEAD)
    assert not {word.replace("-", "_") for word in (*MEANT, *INSTEAD)} & set(recipe_options())


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("--alpha", "--transparent"),
        ("--num-colors=8", "--finish flat"),
        ("--count", "one picture"),
        ("--iterations", "Did you mean --steps?"),
        ("--negative_prompt", "Did you mean --no?"),
        ("--stpes", "Did you mean --steps?"),
        ("--foo", "clipart --help"),
        ("--device=gpu", "cuda, for Apple's mps"),
        ("--set=iterations=4", "Did you mean steps?"),
    ],
)
def test_options_are_meant_by_their_meaning(
    typed: str, says: str, fake: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apple", typed]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "^" not in err


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a cat:0.5 | a dog:0.5", '"a cat::0.5 a dog::0.5"'),
        ("a cat | a dog", '"a cat:: a dog::"'),
        ("no text:1.4", "`(text:1.4)`"),
        ("a cat::0.5, a dog", '"a cat::0.5 a dog"'),
        ("a fox --ar 16:9", "`--ar` stands in the quotes"),
        ("a fox <lora:x:1>", "no such additions"),
    ],
)
def test_notations_of_others_are_hinted_at(prompt: str, says: str, fake: FakeRun, capsys: Any) -> None:
    assert main([prompt]) == 0
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "prompt", ["a (red:1.5) apple", "at 12:30", "apple:: tart::2", "猫：：2", "a [b] :: c", "x:y", "10:1"]
)
def test_our_own_notation_is_not(prompt: str) -> None:
    assert habits(prompt) == []


@pytest.mark.parametrize("text", ["猫：：2", "猫:：2", "猫：：２", "猫::2"])
def test_wide_colons_are_colons(text: str) -> None:
    assert str(parse(text)) == "猫::2"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ViT-B/32", "ViT-B-32/openai"),
        ("ViT-L/14@336px", "ViT-L-14-336/openai"),
        ("openai/clip-vit-base-patch32", "ViT-B-32/openai"),
        ("hf-hub:openai/clip-vit-large-patch14", "ViT-L-14/openai"),
        ("chs20/fare2-clip", "fare2"),
        ("tiny", "tiny"),
        ("local-dir:x", "local-dir:x"),
    ],
)
def test_names_of_clips(typed: str, meant: str) -> None:
    assert canonical(typed) == meant
    assert make_recipe({"prompt": "a", "clip": (f"{typed}::0.5",)}).clip[0].name == meant


def test_an_unknown_clip() -> None:
    assert "hf-hub:acme/model-x" in str(unknown("acme/model-x", ["ViT-B-32/openai"]))
    said = str(unknown("ViT-B-33/openai", ["ViT-B-32/openai", "ViT-B-32/openai"]))
    assert said.count("ViT-B-32/openai") == 1


@pytest.mark.parametrize(
    ("text", "match", "stop", "says"),
    [
        ("three apples", 0.0, "steps", '"apple:: apple:: apple::"'),
        ("a tall tree", 0.09, "seconds", "or tree."),
        ("joy", 0.0, "steps", "another word"),
        ("a cat:0.5 | a dog:0.5", 0.0, "steps", "or dog."),
        ("ein Haus", 0.0, "steps", "has not met 'haus'"),
        ("apple", float("nan"), "steps", "--seed"),
        ("apple", 0.1, "steps", ""),
        ("apple", 0.0, "interrupted", ""),
    ],
)
def test_a_picture_that_the_judge_does_not_know(text: str, match: float, stop: Any, says: str) -> None:
    readings = (Reading(text, 1.0, 0.1, match), Reading("fog", -0.5, 0.1, 0.0))
    recipe = make_recipe({"prompt": text})
    told = advice(Result(None, Check(1, readings), recipe, {}, stop, 1, 1.0))  # type: ignore[arg-type]
    assert says in told
    assert bool(told) == bool(says)


def test_commands_in_hints_do_only_what_they_say() -> None:
    assert [shell_word(each) for each in ("a", "a b", "x; touch y #", "$(x) y", "it's", "`x` y")] == [
        "a", '"a b"', '"x; touch y #"', "'$(x) y'", "'it'\"'\"'s'", "'`x` y'",
    ]  # fmt: skip


def test_a_run_stopped_at_once_says_how_to_go_on_and_is_found_by_its_picture(
    settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(it: Iterate) -> None:
        if it.step == 4:
            raise KeyboardInterrupt

    outputs = Outputs(folder=tmp_path, video="none", checkpoint_every=2, checkpoint_gap=0)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(make_recipe(settings), outputs, [stop])
    (picture,) = tmp_path.glob("*/picture.png")
    notes = "\n".join(caught.value.__notes__)
    assert f"The picture of step 4 is in {picture}" in notes
    assert "up to step 4 is saved" in notes
    assert f"clipart resume {shell_word(picture.parent)}" in notes
    assert main(["resume", str(picture), "--steps", "5"]) == 0
    out, err = capsys.readouterr()
    assert "the run was to have 6 steps, and now ends at 5" in err
    assert "all 5 steps are done" in out
