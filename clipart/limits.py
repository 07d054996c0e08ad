"""How much of a file is read: bounds on bytes, items and depth, for every reader, in one place.

A file beyond a bound is refused with a message that names the bound. All are far above what honest files
have: beside each stands what those have, where that is not plain.
"""

from __future__ import annotations

KILO, MEGA, GIGA = 2**10, 2**20, 2**30

# Pictures
PICTURE_BYTES = GIGA
PICTURE_PIXELS = 89_478_485  # what Pillow warns at; 0.3 GB of RGBA
PICTURE_FRAMES = 10_000  # of an animation, of which the first picture is taken
PROFILE_BYTES = 16 * MEGA  # an ICC profile; a printer's has 2 MB
NOTE_CHARACTERS = 120  # of what a library says of a damaged file

# Films
FILM_SIDE = 8192  # pixels
FILM_PIXELS = 36_000_000  # a frame; 8K video has 33 million
FILM_STREAMS = 64
FILM_FRAMES = 1_000_000

# Texts in pictures and films
TEXT_BYTES = MEGA  # of one text, after it is unpacked
TEXT_PARTS = 100_000  # chunks or blocks of a file that are looked at
TEXT_CHUNKS = 1_000  # chunks of text that are looked at
TEXT_TOTAL = 16 * MEGA  # bytes of all of them together

# Presets and recipes
TOML_BYTES = MEGA
EXTENDS = 20  # presets, one extending the next
SETTINGS = 500  # keys of a recipe or a stage
MISTAKES = 8  # of a recipe that are told
CHARACTERS = 10_000  # of a text in a recipe
CRITICS = 16
AVOIDED = 100  # texts of --no
STEERED = 1000  # times that the weights of a run change
SHOWN = 16  # pictures of --image-prompt, and of --style
NAMES_LEFT = 200  # in `left`

# Many pictures
PICTURES = 1_000  # of a batch, a sweep or a comparison
TABLE_BYTES = MEGA  # of a file with prompts
CHOICES_DEPTH = 8  # braces inside braces
JOBS = 64  # processes at once

# Pictures that are looked at
LOOKED_AT = 10_000
WORDS = 50_000  # that a picture is described with
WORDS_BYTES = 4 * MEGA  # of a file of them
TILES = 32  # of a picture, along a side

# Models
CONFIG_BYTES = 64 * KILO  # a configuration; taming's and open_clip's have about 1,000
CONFIG_DEPTH = 16
PICKLE_BYTES = 64 * MEGA  # the pickle in a checkpoint; with its optimiser's state it has about 1 MB
PICKLE_STEPS = 1_000_000  # of its program; a large checkpoint has some 100,000
PICKLE_DEPTH = 200  # tuples, lists and dictionaries inside one another
PICKLE_ODD_KEYS = 1_000  # keys that are neither text nor a small number
ARCHIVE_ENTRIES = 50_000
HEADER_BYTES = 32 * MEGA  # of a safetensors file; one of 1,000 tensors has about 100 kB
TOKENIZER_BYTES = 64 * MEGA  # of transformers'; that of SigLIP 2 has 256,000 tokens
CONCEPT_BYTES = MEGA  # a vector has 4 kB
LEDGER_BYTES = 16 * MEGA
