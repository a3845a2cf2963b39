"""The database roles that our processes connect as: they own nothing and bypass nothing."""

import hashlib
import hmac
from typing import Any

from psycopg2.extensions import encrypt_password

APP = "openbell_app"
PLATFORM = "openbell_platform"

LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
    "transaction_timeout": "60s",
    "timezone": "UTC",
}


def password_of(role: str, secret_key: str) -> str:
    """The role's password: whoever holds the secret key can compute it, and nobody else."""
    return hmac.digest(secret_key.encode(), f"openbell:database-role:{role}".encode(), hashlib.sha256).hex()


def ensure_roles(connection: Any, secret_key: str) -> None:
    """Create the roles where they are missing, and set their passwords and time limits (a psycopg2 connection)."""
    with connection.cursor() as cursor:
        for role in (APP, PLATFORM):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            verb = "ALTER" if cursor.fetchone() else "CREATE"
            # only the verifier crosses the wire: psycopg2 puts values into the SQL text, and servers log failed texts
            verifier = encrypt_password(password_of(role, secret_key), role, connection, "scram-sha-256")
            attributes = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
            if verb == "ALTER":  # an owner that is no superuser may not touch the attributes it could not give itself
                attributes = "LOGIN"
            cursor.execute(f"{verb} ROLE {role} {attributes} PASSWORD %s", (verifier,))
            for name, value in LIMITS.items():
                cursor.execute(f"ALTER ROLE {role} SET {name} = %s", (value,))
