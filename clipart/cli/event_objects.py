"""The objects that stand in lists of events, with their keys: the other half of `clipart.cli.events`."""

from __future__ import annotations

from clipart.cli.event_kinds import Key

OBJECTS: dict[str, tuple[Key, ...]] = {
    "reading": (
        Key("text", "text", "the part of the prompt"),
        Key("weight", "number", "its weight; below 0 for what is kept away"),
        Key("match", "number", "how sure the judge is of it, 0 to 1", or_null=True),
        Key("cosine", "number", "cosine of the picture and the text, -1 to 1", or_null=True),
    ),
    "part": (
        Key("text", "text", "its words, without notation"),
        Key("weight", "number", "its weight as typed"),
        Key("share", "number", "its weight divided by the sum of all weights without their signs"),
        Key("place", "integer", "number of its place in the picture, from 1; null: all of it", or_null=True),
        Key("emphasis", "emphasis", "the words that are stressed"),
        Key("tokens", "texts", "the tokens that the CLIP makes of it"),
        Key("limit", "integer", "tokens that the CLIP reads"),
        Key("lost", "texts", "words beyond that limit, which it does not read"),
    ),
    "word": (
        Key("text", "text", "the word"),
        Key("share", "number", "its share, 0 to 1, in what the picture is taken for, of all words"),
    ),
    "drawn": (
        Key("word", "text", "the word"),
        Key("first", "integer", "in how many pictures the judge named it first"),
        Key("tries", "integer", "of how many"),
        Key("match", "number", "the mean match, 0 to 1"),
        Key("cosine", "number", "cosine of its text with that of the word asked for, -1 to 1"),
    ),
    "word lost": (
        Key("text", "text", "a word of the part"),
        Key("lost", "number", "the cosine that goes where it is left out"),
    ),
    "emphasis": (
        Key("text", "text", "the words"),
        Key("weight", "number", "their weight inside the part"),
    ),
    "preset": (
        Key("name", "text", "its name"),
        Key("about", "text", "what it is for"),
        Key("requires", "text", "`fetched`: it is for fetched CLIPs only; else `nothing` or empty"),
        Key("changes", "object", "its settings that differ from the defaults, by name"),
    ),
    "finding": (
        Key("group", "text", "what it belongs to"),
        Key("name", "text", "what was looked at"),
        Key("state", "text", "`ok`, `warn` or `fail`"),
        Key("text", "text", "what was found"),
        Key("todo", "text", "what to do about it, empty for nothing"),
    ),
    "model": (
        Key("name", "text", "what `--clip`, `--judge` and `clipart models` take"),
        Key("kind", "text", "`clip` or `vqgan`"),
        Key("bytes", "integer", "size of the download or of the files in the package; 0: not known"),
        Key("licence", "text", "its licence"),
        Key("source", "text", "`package`, or its repository on the hub"),
        Key("about", "text", "what it is"),
        Key("state", "text", "`embedded`, `here`, `partial` or `absent`"),
    ),
}
