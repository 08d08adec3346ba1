"""Where test data outside the project may be, and the marks of tests that need it."""

import os

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Real boot files from public repositories; not part of the project.
CORPUS = os.environ.get("SCMGUARD_CORPUS", os.path.join(os.path.dirname(TOP), "shared", "corpus"))

needs_corpus = pytest.mark.skipif(
    not os.path.isdir(CORPUS), reason="the corpus of real boot files is not here (SCMGUARD_CORPUS)"
)
