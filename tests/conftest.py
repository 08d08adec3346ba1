"""How long the property tests look, and whether they look at the same examples each time."""

import os

from hypothesis import settings

# A run that is to tell whether a change is right finds the same in the same code. Who looks for what nobody has seen
# yet asks for more examples, and gets others each time.
_FIXED_UP_TO = 1000

settings.register_profile("fixed", derandomize=True)
if int(os.environ.get("SCMGUARD_EXAMPLES", "0")) <= _FIXED_UP_TO:
    settings.load_profile("fixed")
