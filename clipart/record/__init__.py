"""What a run leaves: the picture and its files, the log, and the trajectory with the films made from it."""
