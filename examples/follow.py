"""Follow a run step by step, and stop it by a rule of one's own: here, when the picture hardly changes.

python examples/follow.py [STEPS]
"""

import sys

import clipart

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300
before = None
for it in clipart.iterate(clipart.Recipe(prompt="a red apple", steps=steps, seed=3)):
    if it.step % 20 == 0 and before is not None:
        change = float((it.image - before).abs().mean())
        print(f"step {it.step}: loss {it.losses['total']:.3f}, colour moved by {change:.4f}")
        if change < 0.001:
            break
    if it.step % 20 == 0:
        before = it.image
