"""What may be asked of a flow, whatever solver it comes from: pure functions of its fields, a file for each subject."""
