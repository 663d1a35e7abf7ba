"""What makes each kind of record valid. Every finding is made; a value with one is refused whole."""
