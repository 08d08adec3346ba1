import sys

sys.path.insert(0, "/usr/lib/scmguard/lib")
from scmguard.gate import quick

quick.main(sys.argv[1])
