"""What is typed wrongly: one message that says what to type instead."""

from __future__ import annotations

import json

import pytest
from fake_run import ROOT, FakeRun

from clipart.cli import main


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
        (["apple", "--canvas", "oil"], "multires, plain, fourier, shapes"),
        (["apple", "--seed", "-1"], "seed"),
        (["apple", "--until", "90"], "90%"),
        (["apple", "--size", "big"], "512x384"),
        (["apple", "--size", "8"], "from 16 to 8192"),
        (["apple", "--size", "9" * 5000], "from 16 to 8192"),
        (["apple", "--size", "512", "--width", "512"], "Type either"),
        (["apple", "--size"], "requires an argument"),
        (["apple", "--set", "lr"], "--set lr=0.05"),
        (["apple", "--set", "momentm=0.5"], "Did you mean momentum?"),
        (["apple", "--set", "lr=20"], "lr = 20: input should be less than or equal to 10"),
        (["apple", "--set", "lr=0.1", "--lr", "0.1"], "--set lr and --lr set the same thing"),
        (["apple", "--set", "low-pass=0.1", "--low-pass", "0.1"], "--low-pass set the same thing"),
        (["apple", "--set", "width=64", "--size", "64"], "--set width and --size"),
        (["apple", "--set", "stages.blobs.lr=1"], "has no stages"),
        (["apple", "-p", "unfold", "--set", "stages.blob.lr=1"], "static, blobs, details"),
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
