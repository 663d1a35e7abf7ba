"""Single endpoints of an API as servers: what is read, what becomes of it, and a gateway that serves them."""
