"""Finite-volume operators on a block: convection, diffusion, viscous stress, stabilised stages."""
