"""What tests run from npm: reference servers, the official SDK as a client, the conformance suite."""
