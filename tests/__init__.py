"""The tests of Toolgate, by the surface they look at: unit, ports, golden, journeys, conformance, house, docs."""
