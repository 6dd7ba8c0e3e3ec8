"""The answer that a metric was attacked with, as it is kept."""

from collections.abc import Mapping
from typing import Any

from rhesis_app.sdk import Sample


def kept_sample(sample: Sample) -> dict[str, Any]:
    """As plain JSON."""
    return {
        "prompt": sample.prompt,
        "output": sample.output,
        "expected": sample.reference,
        "context": list(sample.context),
        "metadata": dict(sample.metadata),
    }


def sample_of(kept: Mapping[str, Any]) -> Sample:
    """What `kept_sample` wrote."""
    return Sample(
        prompt=kept["prompt"],
        output=kept["output"],
        reference=kept["expected"],
        context=tuple(kept["context"]),
        metadata=kept["metadata"],
    )
