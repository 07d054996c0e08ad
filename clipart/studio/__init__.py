"""The studio: the same runs in a browser. `clipart studio` starts it; docs/studio.md says what it does.

The server has no torch in it. Pictures are made in one other process (`worker`), which it is told from over a
pipe; what a client asks for becomes a recipe in one place (`asked`), and every request passes `guard` first.
"""
