"""How long hypothesis searches: 200 examples here, 2,000 with HYPOTHESIS_PROFILE=nightly (`make nightly`)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The machine is shared, so no example has a deadline; what must be fast is measured in benchmarks and attacks.
settings.register_profile(
    "default", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
