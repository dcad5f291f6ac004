#!/usr/bin/python3 -I
# The AWS CLI as the image has it; `-I` keeps out of it whatever a pod may hold for a Python of its own.
import sys

from awscli.clidriver import main

sys.exit(main())
