"""What is doubtful about a flow, in words: each is asked of it by `concerns(flow)`, name -> sentence (collective)."""

from combust.cfd.concerns import data_range, eddies, filling, front, inlet, no_reactions, wall_layer

CONCERNS = (
    front.concerns,
    data_range.concerns,
    filling.concerns,
    inlet.concerns,
    eddies.concerns,
    no_reactions.concerns,
    wall_layer.concerns,
)
