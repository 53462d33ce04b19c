"""What a fresh OpenWhisk has in its store: databases, design documents, two subjects."""

from __future__ import annotations

from devstack.secrets import Secrets, Subject
from devstack.store import design
from devstack.store.couch import Couch
from devstack.store.settings import Databases

SUBJECTS = ("guest", "whisk.system")


def ensure_contents(couch: Couch, databases: Databases, secrets: Secrets) -> str:
    """Have all of it in the store; what was there and right is left alone."""
    written = 0
    for kind, name in names_of(databases).items():
        written += couch.ensure_database(name)
        for document in design.documents(kind):
            written += couch.ensure_document(name, document)
    for subject in SUBJECTS:
        written += _ensure_subject(couch, databases.subjects, subject, secrets)
    return f"written: {written} databases and documents" if written else "kept"


def names_of(databases: Databases) -> dict[str, str]:
    """The databases' names by the folder of their design documents."""
    return {
        "subjects": databases.subjects,
        "whisks": databases.whisks,
        "activations": databases.activations,
    }


def _ensure_subject(couch: Couch, database: str, name: str, secrets: Secrets) -> int:
    """Have the subject; one that the store already has keeps its key, and we learn it."""
    stored = couch.get(database, name)
    if stored is None:
        subject = secrets.subject(name)
        namespaces = [{"name": name, "uuid": subject.uuid, "key": subject.key}]
        couch.ensure_document(database, {"_id": name, "subject": name, "namespaces": namespaces})
    else:
        namespace = next(item for item in stored["namespaces"] if item["name"] == name)
        secrets.keep_subject(name, Subject(namespace["uuid"], namespace["key"]))
    return int(stored is None) + _ensure_limits(couch, database, f"{name}/limits")


def _ensure_limits(couch: Couch, database: str, identifier: str) -> int:
    """Have a limits document, empty (so: no limit of its own) unless there is one.

    The identities view links to it. pouchdb-server leaves `doc` out when a linked document is
    missing, which the stock controller takes for a malformed view.
    """
    if couch.get(database, identifier) is not None:
        return 0
    return int(couch.ensure_document(database, {"_id": identifier}))
