"""How a benchmark says that it cannot go on."""


class BenchFailed(Exception):
    """What was to be measured did not happen. Its message is all a person needs to know."""
