"""The judge: percentages against the shipped words, and who does not compete."""

from __future__ import annotations

import pytest
import torch

from clipart import prompt as prompts
from clipart.critic.clip import Clip, load_clip
from clipart.critic.judge import Judge
from clipart.critic.rivals import _stems
from clipart.errors import UsageError
from clipart.iterates import Check, Reading
from clipart.layout import lay_out
from clipart.models.embedded import everyday_words
from clipart.models.spec import ModelSpec, read_critic
from clipart.rng import stream
from clipart.target import Target


@pytest.fixture(scope="module")
def clip(random_clip: str) -> Clip:
    return load_clip(random_clip, torch.device("cpu"), "float32")


def judge_of(clip: Clip, prompt: str, *, apart: bool = False) -> Judge:
    parsed = prompts.parse(prompt)
    return Judge(clip, parsed, lay_out(parsed, apart=apart))


def test_match_is_a_softmax_against_the_words(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["anvil", "cloud", "apples", "zebra"]
    monkeypatch.setattr("clipart.critic.rivals.everyday_words", lambda: words)
    monkeypatch.setattr("clipart.critic.rivals._SYNONYM", 1.1)
    judge = judge_of(clip, "apple:: tart::")
    image = torch.rand(1, 3, 32, 32, generator=stream(0, "init"))
    check = judge.check(image, step=5)
    seen = clip.encode_images(image)
    rivals = clip.encode_texts(["apple", "anvil", "cloud", "zebra"])  # "apples" says the same and is out
    logits = clip.scale * (seen @ rivals.T)[0]
    assert check.step == 5
    assert check.readings[0].match == pytest.approx(float(logits.softmax(0)[0]), rel=1e-4)
    assert check.readings[0].cosine == pytest.approx(float((seen @ rivals.T)[0, 0]), rel=1e-4)


def test_the_look_is_fixed(clip: Clip) -> None:
    judge = judge_of(clip, "apple")
    image = torch.rand(1, 3, 40, 64, generator=stream(0, "init"))
    assert judge.check(image, 1).readings == judge.check(image, 1).readings


def test_a_thing_is_looked_for_at_its_place(clip: Clip) -> None:
    prompt = "apple:: tart:: red::0.5"
    image = torch.rand(1, 3, 64, 64, generator=stream(0, "init"))
    apart, blended = judge_of(clip, prompt, apart=True).see(image), judge_of(clip, prompt).see(image)
    assert torch.equal(blended, blended[:1].expand(3, -1))
    assert torch.allclose(apart[2], apart[:2].mean(dim=0), atol=1e-6)
    left, right = image[:, :, 16:48, :32], image[:, :, 16:48, 32:]
    alone = clip.encode_images(torch.cat([left, right]))
    assert torch.allclose(apart[:2], alone, atol=1e-4)


def test_reached_asks_every_wanted_part() -> None:
    check = Check(9, (Reading("a", 1, 0.3, 0.9), Reading("b", 2, 0.2, 0.5), Reading("c", -1, 0.0, 0.01)))
    assert check.reached(Target(0.5, percent=True))
    assert not check.reached(Target(0.6, percent=True))
    assert check.reached(Target(0.2, percent=False))
    assert not check.reached(Target(0.25, percent=False))


def test_stems_fold_plurals_and_case() -> None:
    assert _stems("Red Apples") & _stems("apple")
    assert _stems("boxes") == _stems("box")
    assert not _stems("bus") & _stems("bee")


def test_everyday_words_are_clean() -> None:
    words = everyday_words()
    assert len(words) >= 1000
    assert words == sorted(set(words))
    assert all(word == word.strip().lower() and word for word in words)
    for expected in ("apple", "guitar", "umbrella"):
        assert expected in words


def test_weights_of_an_ensemble_are_read() -> None:
    assert read_critic("tiny") == ModelSpec("tiny", weight=1.0)
    assert read_critic("ViT-B-32/openai::0.5") == ModelSpec("ViT-B-32/openai", weight=0.5)
    assert str(read_critic("ViT-B-32/openai::0.5")) == "ViT-B-32/openai::0.5"
    for bad in ("tiny::x", "tiny::-1", "::2", "tiny::nan", "tiny::inf"):
        with pytest.raises(UsageError, match="above 0"):
            read_critic(bad)
