"""What acts on the gas of a case from without: sparks, radiation, what drives flows and keeps turbulence up."""
