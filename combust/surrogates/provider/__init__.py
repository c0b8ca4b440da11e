"""Learned chemistry as a flow solver asks for it; cells pooled over ranks."""
