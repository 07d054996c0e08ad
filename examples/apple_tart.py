"""Make a picture, and say what each part of the prompt reached.

python examples/apple_tart.py [STEPS]
"""

import sys

import clipart

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 500
result = clipart.generate("apple:: tart::", steps=steps, seed=1)
for reading in result.check.readings:
    print(f"{reading.text}: {reading.match:.0%} sure, cosine {reading.cosine:.2f}")
print(result.paths["picture"])
