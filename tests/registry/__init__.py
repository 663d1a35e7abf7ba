"""The registry API, import from registries, and bundles: between real gateways."""
