"""Which pepper keys the digests of an installation's API keys: its fingerprint stands in the database, so that a
gateway with another one is told before every key is refused."""

from pathlib import Path

from sqlalchemy import select, update

from toolgate.model.errors import ConfigError
from toolgate.rules.keys import fingerprint
from toolgate.stores.data_dir import KEY_PEPPER
from toolgate.stores.records.database import Database
from toolgate.stores.records.tables import META


async def judge_pepper(database: Database, data: Path, pepper: bytes) -> None:
    """Keeps the fingerprint of the first pepper; raises ConfigError for another one. Raises StoreFailed."""
    ours, known = fingerprint(pepper), await _kept(database)
    if known is None:
        async with database.writing() as connection:
            with database.told():
                await connection.execute(update(META).where(META.c.pepper.is_(None)).values(pepper=ours))
        known = await _kept(database)
    if known != ours:
        raise ConfigError(
            (
                f"{data / KEY_PEPPER}: is another than the one that the API keys in {database.label} were made with"
                f" (fingerprint {ours} here, {known} there), so it would know none of them: copy {KEY_PEPPER} from a"
                f" gateway that uses this database, or from a backup; where it is lost for good, `toolgate db"
                f" adopt-pepper --data-dir {data}` takes this one, and all keys are to be rotated",
            )
        )


async def adopt_pepper(database: Database, pepper: bytes) -> bool:
    """From now on this pepper is the right one; whether that is another than before. Raises StoreFailed."""
    ours = fingerprint(pepper)
    if await _kept(database) == ours:
        return False
    async with database.writing() as connection:
        with database.told():
            await connection.execute(update(META).values(pepper=ours))
    return True


async def _kept(database: Database) -> str | None:
    async with database.reading() as connection:
        return (await connection.execute(select(META.c.pepper))).scalar_one()
