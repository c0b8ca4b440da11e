"""Rounds of learning: flows with the network show where it fails, these states are labelled, and it learns on."""
