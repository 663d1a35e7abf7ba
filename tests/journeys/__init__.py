"""Journeys: real clients, a real Toolgate, real servers, over real sockets."""
