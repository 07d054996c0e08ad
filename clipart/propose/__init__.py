"""The art processes: how a canvas is changed from one step to the next."""
