"""Scrapes of `/metrics`, and just enough of PromQL to look at the rules and the dashboard that are made for them."""

import re
from collections.abc import Callable
from math import prod

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from acton_hub import request_times

AGGREGATES: dict[str, Callable[[list[float]], float]] = {"": max, "max": max, "sum": sum}
# [max(] [increase(] metric [{label="value"}] [[1h])] [)] > number * number
RULE = re.compile(
    r"(?:(?P<over>max|sum)\()?(?P<rises>increase\()?(?P<name>\w+)(?P<labels>\{[^}]*\})?(?:\[\w+\]\))?\)? "
    r"(?P<sign>>|==) (?P<bound>[\d. *]+)"
)
METRIC = re.compile(r"\b(?:acton_hub_\w+|up)\b")


class Scrape:
    """What one request told; nothing but `up` where it was refused."""

    def __init__(self, client: Client) -> None:
        request_times.write()  # as the web server's thread does every few seconds
        response = client.get("/metrics")
        self.status = response.status_code
        self.text = response.content.decode() if self.status == 200 else ""
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = [sample for family in self.families for sample in family.samples]
        self.samples.append(Sample("up", {"job": "acton-hub"}, 1.0 if self.status == 200 else 0.0))

    def values(self, name: str, **labels: str) -> list[float]:
        """The values of every series of that name that has these labels."""
        found = (sample for sample in self.samples if sample.name == name)
        return [sample.value for sample in found if labels.items() <= sample.labels.items()]

    def value(self, name: str, **labels: str) -> float:
        """Their sum; 0 where there is none."""
        return sum(self.values(f"acton_hub_{name}", **labels))

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self.samples}


def fires(expression: str, now: Scrape, before: Scrape) -> bool:
    """Whether a rule's expression holds; `before` is the scrape that an increase is reckoned from."""
    rule = RULE.fullmatch(expression)
    assert rule, expression
    labels = dict(re.findall(r'(\w+)="([^"]*)"', rule["labels"] or ""))
    values = now.values(rule["name"], **labels)
    if rule["rises"]:
        values = [sum(values) - sum(before.values(rule["name"], **labels))]
    if not values:
        return False
    found, bound = AGGREGATES[rule["over"] or ""](values), prod(float(each) for each in rule["bound"].split("*"))
    return found == bound if rule["sign"] == "==" else found > bound
