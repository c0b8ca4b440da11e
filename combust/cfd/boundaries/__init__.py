"""What happens at the sides of the domain."""
