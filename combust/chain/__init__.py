"""A chain from a mechanism to a turbulent flame: stages that know what they were made of, the error of each link."""
