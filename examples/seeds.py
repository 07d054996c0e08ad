"""Make one prompt from several seeds and lay the pictures side by side.

python examples/seeds.py [STEPS]
"""

import sys

from PIL import Image

import clipart

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
results = [
    clipart.generate("a sunflower", seed=seed, steps=steps, outputs=clipart.Outputs(folder=None))
    for seed in range(4)
]
sheet = Image.new("RGB", (256 * len(results), 256))
for column, result in enumerate(results):
    sheet.paste(result.image, (256 * column, 0))
sheet.save("seeds.png")
print("seeds.png")
