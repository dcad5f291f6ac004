#!/usr/bin/python3 -I
# The AWS CLI as the image has it; `-I` keeps out of it whatever a pod may hold for a Python of its own.
import sys

from awscli.clidriver import main
from awscli.customizations import assumerole

# The CLI keeps credentials from a web identity in ~/.aws, and fails where that cannot be written. Its users make room
# for it; a pod that asks once needs no more than the memory of its process.
assumerole.JSONFileCache = lambda folder: {}

sys.exit(main())
