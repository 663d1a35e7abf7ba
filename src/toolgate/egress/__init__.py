"""The outgoing HTTP client; every address is judged when it is dialled."""
