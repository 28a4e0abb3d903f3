"""Kerberos against a real key distribution centre (Debian: krb5-kdc, krb5-admin-server; Python: gssapi, krb5)."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.erps.dynamics_gp.auth import has_kerberos
from include.erps.dynamics_gp.client import DynamicsGpErp
from include.errors import Misconfigured, Retryable
from include.sandbox.dynamics_gp import Company, DynamicsGp, WindowsAccount
from include.sandbox.server import Sandbox
from tests.include.erps.dynamics_gp.conftest import PASSWORD, journal, settings

REALM = "FABRIKAM.EXAMPLE"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
KDC, KADMIN, KDB = (shutil.which(name, path=PATH) for name in ("krb5kdc", "kadmin.local", "kdb5_util"))

pytestmark = [
    pytest.mark.skipif(not has_kerberos(), reason="the Python packages gssapi and krb5 are not installed"),
    pytest.mark.skipif(
        not (KDC and KADMIN and KDB), reason="no KDC: install Debian's packages krb5-kdc and krb5-admin-server"
    ),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    port = free_port()
    (tmp_path / "krb5.conf").write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
        " dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
        f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n[domain_realm]\n localhost = {REALM}\n"
    )
    (tmp_path / "kdc.conf").write_text(
        f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n"
        f"[realms]\n {REALM} = {{\n  database_name = {tmp_path}/principal\n  key_stash_file = {tmp_path}/stash\n"
        f"  acl_file = {tmp_path}/acl\n }}\n"
    )
    for name, value in {
        "KRB5_CONFIG": f"{tmp_path}/krb5.conf",
        "KRB5_KDC_PROFILE": f"{tmp_path}/kdc.conf",
        "KRB5_KTNAME": f"{tmp_path}/http.keytab",
        "KRB5CCNAME": f"{tmp_path}/ccache",
        "KRB5RCACHETYPE": "none",
    }.items():
        monkeypatch.setenv(name, value)
    assert KDC
    assert KADMIN
    assert KDB
    subprocess.run([KDB, "create", "-s", "-r", REALM, "-P", "master-key"], check=True, capture_output=True)
    for query in (
        f'addprinc +requires_preauth -pw "{PASSWORD}" svc_expense',
        "addprinc -randkey HTTP/localhost",
        f"ktadd -k {tmp_path}/http.keytab HTTP/localhost",
    ):
        subprocess.run([KADMIN, "-r", REALM, "-q", query], check=True, capture_output=True)
    process = subprocess.Popen([KDC, "-n"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def kerberos_only(gp: DynamicsGp, realm: subprocess.Popen[bytes]) -> DynamicsGp:
    gp.door.words = ("Negotiate",)
    # No password: this server could not check one over NTLM.
    gp.door.accounts.clear()
    gp.door.add(WindowsAccount("FABRIKAM\\svc_expense", "", upn=f"svc_expense@{REALM}"))
    return gp


def client(
    box: Sandbox, password: str = PASSWORD, login: str = "svc_expense@fabrikam.example", **extra: str
) -> DynamicsGpErp:
    sba = settings(api="sba")
    return DynamicsGpErp(box.url, login, password, auth="negotiate", service_host="localhost", settings=sba, **extra)  # type: ignore[arg-type]


def test_a_ticket_opens_the_door_in_one_leg(box: Sandbox, kerberos_only: DynamicsGp, company: Company) -> None:
    with client(box) as erp:
        draft = erp.check([journal()])[0].draft
        kerberos_only.door.expire()
        before = len(kerberos_only.door.legs)
        made = erp.create(draft, lambda document: None)
    assert made.number == "3501"
    asked, proved = kerberos_only.door.legs[before:]
    assert asked.startswith("-:")
    assert proved.startswith("Negotiate:")
    assert asked.partition(":")[2] == proved.partition(":")[2] != "0"
    assert len(company.journals) == 1


def test_the_realm_of_a_domain_account(box: Sandbox, kerberos_only: DynamicsGp, company: Company) -> None:
    with client(box, login="FABRIKAM\\svc_expense", realm=REALM) as erp:
        assert erp.find(journal()) == []


def test_a_wrong_password_is_tried_once_and_never_over_ntlm(
    box: Sandbox, kerberos_only: DynamicsGp, company: Company
) -> None:
    with client(box, "wrong") as erp:
        for _ in range(2):
            with pytest.raises(Misconfigured, match="Kerberos refused the log-on"):
                erp.find(journal())
    assert all(leg.startswith("-:") for leg in kerberos_only.door.legs)
    assert len(kerberos_only.door.legs) == 1


def test_a_service_that_kerberos_does_not_know(box: Sandbox, kerberos_only: DynamicsGp, company: Company) -> None:
    sba = settings(api="sba")
    with (
        DynamicsGpErp(
            box.url, f"svc_expense@{REALM}", PASSWORD, auth="negotiate", service_host="elsewhere", settings=sba
        ) as erp,
        pytest.raises(Misconfigured, match="HTTP/elsewhere"),
    ):
        erp.find(journal())


def test_a_kdc_that_is_away_is_tried_again_later(
    box: Sandbox, kerberos_only: DynamicsGp, company: Company, realm: subprocess.Popen[bytes]
) -> None:
    realm.terminate()
    realm.wait(10)
    with client(box) as erp, pytest.raises(Retryable, match="KDC"):
        erp.find(journal())


def test_a_realm_without_a_kdc_is_left_to_ntlm(box: Sandbox, kerberos_only: DynamicsGp, company: Company) -> None:
    kerberos_only.door.accounts.clear()
    kerberos_only.door.add(WindowsAccount("OTHER\\svc", PASSWORD, upn="svc@other.example"))
    with client(box, login="svc@other.example") as erp:
        assert erp.find(journal()) == []
    assert len(kerberos_only.door.legs) == 3
