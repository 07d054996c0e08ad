"""One module for each command: its name is the command's, and it has a function of that name.

A module reads what was typed and hands it on. It imports nothing heavy at the top: the help imports them all.
"""
