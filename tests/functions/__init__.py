"""The kind `functions`: a team's own Python file, in real worker processes."""
