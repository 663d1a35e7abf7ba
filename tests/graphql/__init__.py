"""GraphQL APIs as servers, against a real one."""
