"""How long the property tests look, whether they look at the same examples each time, and machines for scenarios."""

import os
import signal
from typing import Any, Dict, Iterator

import pytest
from hypothesis import settings

from scmguard import compiled
from tests import machines

# A run that is to tell whether a change is right finds the same in the same code. Who looks for what nobody has seen
# yet asks for more examples, and gets others each time.
_FIXED_UP_TO = 1000

settings.register_profile("fixed", derandomize=True)
if int(os.environ.get("SCMGUARD_EXAMPLES", "0")) <= _FIXED_UP_TO:
    settings.load_profile("fixed")


def pytest_configure(config: Any) -> None:
    # A shell that starts the tests in the background has them pass over interrupts, and all that they start with them:
    # what is to be interrupted on a terminal would wait for ever.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Hundreds of tests start scmguard: YAML and grammars are read once for all of them.
    compiled.keep()
    config.addinivalue_line("markers", "core: a scenario of the gate that is run on every suite")


def pytest_generate_tests(metafunc: Any) -> None:
    """Scenarios run on bookworm; those of the core on all suites that are asked for."""
    if "maker" in metafunc.fixturenames:
        core = metafunc.definition.get_closest_marker("core") is not None
        suites = machines.SUITES if core else [suite for suite in machines.SUITES if suite == "bookworm"]
        metafunc.parametrize("maker", suites, indirect=True)


@pytest.fixture(scope="session")
def makers(tmp_path_factory: Any) -> Iterator[Dict[str, machines.Maker]]:
    """What makes machines, by suite."""
    found: Dict[str, machines.Maker] = {}
    yield found
    for maker in found.values():
        maker.close()


@pytest.fixture
def maker(request: Any, makers: Dict[str, machines.Maker], tmp_path_factory: Any) -> Iterator[machines.Maker]:
    """What makes machines of one suite; those that a test made end with it."""
    suite = request.param
    if suite not in makers:
        makers[suite] = machines.Maker(suite, tmp_path_factory.mktemp(suite))
    yield makers[suite]
    makers[suite].close()
