"""What a view is brought near to: the text, or one that is nearer to pictures."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from clipart import prompt as prompts
from clipart.critic.aims import AIMS, COLOURS, FORMS, form_picture, make_aim, procrustes
from clipart.critic.clip import Clip, load_clip
from clipart.critic.objective import Objective
from clipart.critic.views import sample_views
from clipart.errors import UsageError
from clipart.fields import AimKind
from clipart.layout import lay_out
from clipart.loop import iterate
from clipart.recipe import make_recipe
from clipart.rng import Streams

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clip() -> Clip:
    return load_clip("tiny", CPU, "float32")


def units(count: int, size: int, seed: int = 1) -> torch.Tensor:
    return F.normalize(torch.randn(count, size, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_the_table_and_the_schema_have_the_same() -> None:
    assert tuple(AIMS) == get_args(AimKind)
    assert make_recipe({"prompt": "apple"}).aim == "text"
    with pytest.raises(UsageError, match="aim = 'middle'"):
        make_recipe({"prompt": "apple", "aim": "middle"})


def test_the_plain_aim_changes_nothing(clip: Clip) -> None:
    vectors = units(3, 64)
    aim = make_aim("text", clip, vectors)
    assert aim.words(vectors) is vectors
    assert aim.seen(vectors) is vectors


def test_centred_texts_and_pictures_have_less_in_common(clip: Clip) -> None:
    texts = clip.encode_texts(["apple", "dog", "house", "boat", "key"])
    with torch.no_grad():
        pictures = torch.stack([form_picture(form, "red", clip.side) for form in FORMS])
        seen = clip.encode_images(pictures)
        grey = clip.encode_images(torch.full((1, 3, clip.side, clip.side), 0.5))
    aim = make_aim("centred", clip, texts)
    for before, after in ((texts, aim.words(texts)), (seen, aim.seen(seen))):
        assert torch.allclose(after.norm(dim=1), torch.ones(len(after)), atol=1e-5)
        assert float((after @ after.T).mean()) < float((before @ before.T).mean())
    assert float((aim.seen(seen) @ grey.T).mean()) < float((seen @ grey.T).mean()) - 0.1


def test_a_rotation_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    turn, _ = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(2)))
    words = units(200, 8)
    held = procrustes(words, words @ turn.T)
    assert torch.allclose(held @ held.T, torch.eye(8), atol=1e-5)
    assert not torch.allclose(held, turn, atol=0.1)
    monkeypatch.setattr("clipart.critic.aims._STAYS", 1e-6)
    assert torch.allclose(procrustes(words, words @ turn.T), turn, atol=1e-4)


def test_where_the_pairs_say_nothing_there_is_no_rotation() -> None:
    words, seen = torch.eye(6)[:1], torch.eye(6)[1:2]  # one pair: from the first direction to the second
    found = procrustes(words, seen)
    assert torch.allclose(found[2:, 2:], torch.eye(4), atol=1e-5)
    assert float((words @ found.T) @ seen.T) > 0.5


def test_a_bridge_brings_pairs_together(clip: Clip) -> None:
    names = [(form, colour) for form in FORMS for colour in COLOURS][::7]
    words = clip.encode_texts([f"a {colour} {form}" for form, colour in names])
    with torch.no_grad():
        seen = clip.encode_images(torch.stack([form_picture(*name, clip.side) for name in names]))
    aim = make_aim("bridged", clip, clip.encode_texts(["a red circle"]))
    assert torch.allclose(aim.seen(seen).norm(dim=1), torch.ones(len(names)), atol=1e-4)
    assert float((aim.seen(seen) * words).sum(dim=1).mean()) > float((seen * words).sum(dim=1).mean()) + 0.1


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_on_its_paper(form: str) -> None:
    picture = form_picture(form, "red", 64)
    inside = (picture[1] < 0.5).float().mean()
    assert picture.shape == (3, 64, 64)
    assert 0.05 < float(inside) <= (1.0 if form == "wall" else 0.7)


@pytest.mark.usefixtures("few_words")
@pytest.mark.parametrize("distance", ["cosine", "spherical", "contrast"])
@pytest.mark.parametrize("aim", AIMS)
def test_an_aim_is_what_is_descended(clip: Clip, aim: str, distance: str) -> None:
    parsed = prompts.parse("apple:: tart")
    layout = lay_out(parsed, apart=False)
    recipe = make_recipe({"prompt": "apple:: tart", "views": 3, "aim": aim}).resolve()
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    views = sample_views(recipe, 32, 32, 0.5, Streams(1), layout)
    objective = Objective([(clip, 1.0)], parsed, distance, layout, aim=aim)
    gradient, losses = objective.gradient(image, views, recipe)
    plain, _ = Objective([(clip, 1.0)], parsed, distance, layout).gradient(image, views, recipe)
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().sum()) > 0
    assert torch.equal(gradient, plain) == (aim == "text")
    (scored,) = objective.score(image, views, recipe)
    assert scored == pytest.approx(losses["total"], abs=1e-4)


@pytest.mark.parametrize("aim", AIMS)
def test_a_run_with_any_clip(aim: str, settings: dict[str, object]) -> None:
    last = list(iterate(make_recipe({**settings, "aim": aim, "steps": 2})))[-1]
    assert last.step == 2
