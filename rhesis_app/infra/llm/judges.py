"""What judging needs of the process."""

from dataclasses import dataclass, field

from rhesis_app.infra.crypto import SecretBox
from rhesis_app.kernel.ports import ModelDoor


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """The way to models, what opens their keys, and the key of the instance's own model."""

    door: ModelDoor
    secrets: SecretBox
    lent_key: str | None = field(default=None, repr=False)
