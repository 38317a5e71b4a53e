"""What Prometheus's Python client reads in a text of metrics, as JSON.

Usage: prometheus_text.py FILE. Prints [{name, type, help, samples: [{name, labels, value}]}]. Fails
where the text is not in the format, or tells one sample twice.
"""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families, seen = [], set()
with open(sys.argv[1], encoding="utf-8", newline="") as handle:
    for family in text_string_to_metric_families(handle.read()):
        samples = []
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in seen:
                sys.exit(f"twice: {key}")
            seen.add(key)
            samples.append({"name": sample.name, "labels": sample.labels, "value": sample.value})
        families.append({"name": family.name, "type": family.type, "help": family.documentation,
                         "samples": samples})
json.dump(families, sys.stdout)
