"""What is doubtful about a flow, in words: each is asked of it by `concerns(flow)`, name -> sentence (collective)."""

from combust.cfd.concerns import data_range, eddies, filling, front, inlet, wall_layer

CONCERNS = (front.concerns, data_range.concerns, filling.concerns, inlet.concerns, eddies.concerns, wall_layer.concerns)
