"""Chemistry as a flow solver asks for it: `Chemistry`, and those who provide it."""
