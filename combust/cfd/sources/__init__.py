"""What acts on the gas of a case from without: sparks, radiation."""
