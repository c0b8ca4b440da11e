"""The case file as a whole: which tables it has, how it is read, what fits together."""
