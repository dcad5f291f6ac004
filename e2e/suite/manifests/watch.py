"""Reads the token file as often as it can, and ends with an error at the first reading that no SDK should ever see.

usage: watch.py SECONDS TOKENS: for how long, and how many different tokens there have to be
"""

import base64
import json
import os
import sys
import time


def claims(token):
    _, body, _ = token.split(".")
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


path = os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]
end, wanted = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
reads, tokens, held, token, expiry = 0, 0, None, "", 0
while time.monotonic() < end:
    file = open(path)
    text = file.read()
    reads += 1
    assert text, "the token file is empty"
    if text == token:
        file.close()
    else:
        found = claims(text)["exp"]
        assert found > expiry, f"a token that ends at {found} came after one that ends at {expiry}"
        if held:
            held.seek(0)
            assert held.read() == token, "the token file was written in place"
            held.close()
        held, token, expiry, tokens = file, text, found, tokens + 1
    assert expiry > time.time(), f"the token in the file has expired at {expiry}"
    time.sleep(0.002)
assert tokens >= wanted, f"{tokens} tokens in {reads} readings"
print(json.dumps({"reads": reads, "tokens": tokens}))
