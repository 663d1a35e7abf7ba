"""gRPC servers as servers."""
