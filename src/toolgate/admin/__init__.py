"""The REST API of the control plane: a thin skin over `control`, without I/O of its own."""
