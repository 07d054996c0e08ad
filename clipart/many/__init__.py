"""Many pictures: a file of prompts, a product of values, a comparison; in one process or in several."""
