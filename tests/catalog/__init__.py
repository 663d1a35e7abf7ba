"""The catalogue: vendors, folders of an organisation, and products added through a running gateway."""
