"""The data plane: one straight line from Arrival to Result."""
