"""Initial fields, and solutions that are known in closed form."""
