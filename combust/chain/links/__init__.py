"""What the stages of a chain do: from the mechanism to the report, each by the typed functions of the verbs."""
