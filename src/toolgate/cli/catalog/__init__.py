"""`toolgate catalog`: products that are ready to be added, and adding them."""
