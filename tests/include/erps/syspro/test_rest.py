from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from include.erps.syspro.addresses import target

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(TEXTS, TEXTS)
def test_every_value_survives_the_address(password: str, document: str) -> None:
    address = target("/S/Rest", "post", {"user_id": password, "business_object": "GENTJL", "document": document})
    assert address.isascii()
    assert urlsplit(address).path == "/S/Rest/Transaction/Post"
    assert parse_qsl(urlsplit(address).query, keep_blank_values=True) == [
        ("UserId", password), ("BusinessObject", "GENTJL"), ("XmlIn", document),
    ]  # fmt: skip


def test_an_address_by_hand() -> None:
    arguments = {"operator": "A B", "operator_password": "a+b&c%/é", "company_id": "E", "company_password": ""}
    assert target("/S", "logon", arguments) == (  # type: ignore[arg-type]
        "/S/Logon?Operator=A%20B&OperatorPassword=a%2Bb%26c%25%2F%C3%A9&CompanyId=E&CompanyPassword="
    )
