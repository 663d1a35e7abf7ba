"""The composition root: the only place that knows concrete classes, and where order is seen."""
