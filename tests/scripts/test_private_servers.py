"""PostgreSQL and Redis of one's own: with a password, on loopback, gone afterwards."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from scripts.private_servers import HOST, PrivateServers, why_not

needs_servers = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@needs_servers
def test_both_answer_to_their_password_alone_and_are_gone_afterwards(tmp_path: Path) -> None:
    with PrivateServers(tmp_path / "servers") as servers:
        servers.create_database("ledger")
        url = sa.make_url(servers.database_url("ledger"))
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT current_database()").scalar_one() == "ledger"
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(host=HOST, port=url.port, user=url.username, password="wrong", dbname="ledger")
        assert servers.airflow_connection("expense_ledger", "ledger") == {
            "connection_id": "expense_ledger",
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": url.port,
            "schema": "ledger",
            "login": "postgres",
            "password": url.password,
        }
        redis = sa.make_url(servers.redis_url)
        assert _redis(redis.port, b"PING\r\n").startswith(b"-NOAUTH")
        assert _redis(redis.port, f"AUTH {redis.password}\r\nPING\r\n".encode()).endswith(b"+PONG\r\n")
        assert servers.ended() is None
    for port in (url.port, redis.port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port or 0), timeout=1)


def _redis(port: int | None, said: bytes) -> bytes:
    with socket.create_connection((HOST, port or 0), timeout=5) as connection:
        connection.sendall(said + b"QUIT\r\n")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return answer.removesuffix(b"+OK\r\n")
