"""The REST API and its typed client, over a real socket and a real database."""
