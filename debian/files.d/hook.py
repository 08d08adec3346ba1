import sys

sys.path.insert(0, "/usr/lib/scmguard/lib")
from scmguard.cli import hook

hook.main(sys.argv[1])
