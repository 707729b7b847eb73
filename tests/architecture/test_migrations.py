"""A migration that was released has run on databases of others: it never changes again."""

from hashlib import sha256

from tests.architecture.repository import ROOT

VERSIONS = ROOT / "resources" / "migrations" / "versions"
RECORDED = "tests/architecture/migrations.sha256"


def test_no_migration_differs_from_the_one_that_was_recorded() -> None:
    recorded = dict(line.split()[::-1] for line in (ROOT / RECORDED).read_text().splitlines())
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("v*.py")}
    differing = sorted({name for name, _ in recorded.items() ^ found.items()})
    assert not differing, (
        f"{', '.join(differing)}: databases that ran it would stay as they are. Change the tables "
        f"in a new migration. Only for a new one: record its sum (sha256sum v*.py) in {RECORDED}"
    )
