"""The three databases, each behind the seam of `database`."""
