"""The data keys that stored secrets are sealed with: rotated, and never shown."""

from toolgate.admin.exchange import Answer, Task
from toolgate.admin.showing import said


async def rotated(task: Task) -> Answer:
    """A new data key for all secrets. What a killed gateway left half done is finished by asking again."""
    done = await task.uses.vault.rotate(task.principal, request=task.request)
    return said({"key": done.key_id, "secrets": done.secrets})
