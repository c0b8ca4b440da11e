"""Long studies behind `make validate`; each prints the table that stands in docs/validation.md."""
