"""Prints which alarms go off when, by the metrics of a simulated outage.

    cargo bench -p segment-klaviyo-bench --bench outage -- outage-10m --metrics metrics.json
    python .ci/outage.py metrics.json
"""

import json
import sys

from alarms import alarms_on
from cloudformation import translate

with open(sys.argv[1]) as file:
    metrics = json.load(file)
resources = translate()
before = set()
for minute in range(1, max(map(len, metrics.values())) + 1):
    now = alarms_on(resources, metrics, minute)
    for name in sorted(now - before):
        print(f"after {minute} minutes: {name} goes off")
    for name in sorted(before - now):
        print(f"after {minute} minutes: {name} ends")
    before = now
if before:
    print(f"still on: {', '.join(sorted(before))}")
