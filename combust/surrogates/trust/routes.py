"""What the chemistry of a cell was done by: numbers in fields and files, their names, their colours in pictures."""

SLOW, NETWORK, EXACT, REFUSED = 0, 1, 2, 3
ROUTES = ("slow", "network", "exact", "refused")
COLOURS = ("#d9d9d9", "#9ecae1", "#fdae6b", "#de2d26")
