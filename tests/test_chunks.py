"""Memory that runs out: half of a chunk is tried, the gradient stays the same, and it is said once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from clipart import notes
from clipart.critic.chunks import Chunks
from clipart.critic.clip import Clip
from clipart.critic.views import sample_views
from clipart.errors import ResourceError, is_out_of_memory
from clipart.recipe import Recipe, make_recipe
from clipart.runs import Outputs, run
from clipart.session import Session

ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
]


class Allocator:
    """Fails on purpose where a critic is shown more than `most` views, from call `since` on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception, most: int, since: int = 0) -> None:
        self.seen: list[int] = []
        encode = Clip.encode_images

        def limited(clip: Clip, images: torch.Tensor) -> torch.Tensor:
            self.seen.append(len(images))
            found = encode(clip, images)
            if len(images) > most and len(self.seen) > since:
                found.register_hook(self.fail) if found.requires_grad else self.fail()
            return found

        self.error = error
        monkeypatch.setattr(Clip, "encode_images", limited)

    def fail(self, *_: Any) -> None:
        """Run out of memory, in the middle of the way back where there is one."""
        raise self.error


def one_gradient(recipe: Recipe) -> torch.Tensor:
    session = Session(recipe)
    views = sample_views(session.recipe, *session.canvas.size, 0.5, session.streams, session.layout)
    return session.objective.gradient(session.process.image(), views, session.recipe)[0]


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: type(each).__name__)
def test_the_gradient_is_that_of_smaller_chunks(
    settings: dict[str, object], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(settings | {"views": 8, "starts": 1, "precision": "float32"})
    whole, small = one_gradient(recipe), one_gradient(recipe.with_(chunk=2))
    told: list[str] = []
    notes.listen(told.append)
    allocator = Allocator(monkeypatch, error, most=3)
    halved = one_gradient(recipe)
    assert allocator.seen[-6:] == [8, 4, 2, 2, 2, 2]
    assert torch.equal(halved, small)
    assert torch.allclose(halved, whole, rtol=1e-4, atol=1e-8)
    assert [each for each in told if "views at once do not fit" in each] == told
    assert len(told) == 1


def test_later_steps_begin_with_what_fits() -> None:
    chunks, sizes = Chunks(), []

    def do(some: slice) -> None:
        sizes.append(some.stop - some.start)
        if sizes[-1] > 3:
            raise MemoryError

    for _ in range(2):
        chunks.each(range(10), 10, do)  # type: ignore[arg-type]
    assert sizes == [10, 5, 2, 2, 2, 2, 2] + [2] * 5


def test_other_errors_go_on_as_they_are() -> None:
    def do(some: slice) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Chunks().each(range(4), 4, do)  # type: ignore[arg-type]
    assert not is_out_of_memory(ValueError("out of memory"))


def test_where_no_view_fits_the_picture_so_far_is_kept(
    settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(settings | {"views": 4, "starts": 1})
    init = Session.__init__

    def starved(self: Session, recipe: Recipe) -> None:
        init(self, recipe)
        step, taken = self.take_step, []

        def take_step(*args: Any) -> Any:
            taken.append(1)
            if len(taken) == 4:
                Allocator(monkeypatch, MemoryError(), most=0)
            return step(*args)

        monkeypatch.setattr(self, "take_step", take_step)

    monkeypatch.setattr(Session, "__init__", starved)
    with pytest.raises(ResourceError, match="a smaller --size") as caught:
        run(recipe, Outputs(file=tmp_path / "a.png", folder=None))
    assert caught.value.exit_code == 4
    assert list(tmp_path.glob("*.png"))
