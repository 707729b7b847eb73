"""Settings for the whole test suite: where its plugins are and how hypothesis searches."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.plugins.servers", "tests.plugins.paper"]

# The ci profile draws the same examples every time, so that a red run can be repeated.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# A deadline per example measures the machine, not the code: two workers share two cores.
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))
