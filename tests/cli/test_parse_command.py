"""`clipart parse`."""

from __future__ import annotations

import json

import pytest

from clipart.cli import main


@pytest.fixture
def _words_are_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer with two tokens a word and room for five."""

    def tokens(name: str, text: str) -> tuple[list[str], int]:
        assert name == "tiny"
        return [piece for word in text.split() for piece in (word[:1], word[1:] + "</w>")], 5

    monkeypatch.setattr("clipart.models.tokens.tokens", tokens)


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

    monkeypatch.setattr("clipart.models.tokens.tokens", lambda name, text: (["Ã©t", "Ã©</w>", "Ã</w>"], 9))
    assert reach("tiny", "été x").tokens == ("ét", "é", "\ufffd")
