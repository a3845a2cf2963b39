"""The kinds of work: one module each, with typed parameters, a `perform` and the `KIND` that the entry point names."""
