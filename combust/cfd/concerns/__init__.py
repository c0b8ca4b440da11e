"""What is doubtful about a flow, in words."""
