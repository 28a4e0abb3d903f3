import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from include.settings.catalogue import TenantFileError, load, load_all, tenants_folder

GOOD = """\
schedule: "0 6 * * *"
timezone: America/Chicago
start_date: 2026-11-01
expensify:
  connection: expensify
erp:
  type: syspro
  connection: syspro
  pool: syspro
  account: "{gl_account}-{cost_center}"
posting:
  currency: USD
  credit:
    reimbursable: "2150-00"
    company_card: "2160-00"
mapping:
  gl_account:
    values: {"Meals": "6100"}
  dimensions:
    cost_center: {tag: 1, required: true, values: {"Plant 1": "P1"}}
    project: {tag: 2}
"""
CSV = 'values: {"Plant 1": "P1"}', "values: plants.csv"


def changed(*pairs: tuple[str, str]) -> str:
    text = GOOD
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


WRONG: dict[str, tuple[str | bytes, list[str]]] = {
    "unknown key": (GOOD + "schedul: x\n", ["schedul: unknown key"]),
    "unknown nested key": (
        changed(("tag: 2", "tag: 2, requird: true")),
        ["mapping.dimensions.project.requird: unknown key"],
    ),
    "unknown key of the ERP": (changed(("  pool:", "  alow_http: true\n  pool:")), ["erp.alow_http: unknown key"]),
    "number as key": (GOOD + "5: x\n", ["5: unknown key"]),
    "missing keys": ("erp:\n", ["schedule: is missing", "posting: is missing", "erp: expected the settings of an ERP"]),
    "unquoted account": (
        changed(('"6100"', "6100")),
        ["mapping.gl_account.values.Meals: 6100 is not text", "in quotes"],
    ),
    "octal-looking account": (
        changed(('"2150-00"', "0100")),
        ["posting.credit.reimbursable: 0100 is not text", "in quotes"],
    ),
    "account like a time": (
        changed(('"2160-00"', "21:50")),
        ["posting.credit.company_card.default: 21:50 is not text"],
    ),
    "date as account": (changed(('"2150-00"', "2026-01-01")), ["posting.credit.reimbursable: 2026-01-01 is not text"]),
    "yes as value": (changed(('"6100"', "yes")), ["mapping.gl_account.values.Meals: yes, no, on, off", "in quotes"]),
    "no as name": (changed(('"Meals"', "No")), ["the name No is a truth value", "in quotes", "line 18"]),
    "empty value": (changed(('"6100"', '" "')), ["mapping.gl_account.values: 'Meals' has an empty value"]),
    "equal names": (
        changed(('{"Meals"', '{"Meals ": "1", "Meals"')),
        ["mapping.gl_account.values: two names are equal"],
    ),
    "reference data of nothing": (GOOD + 'reference_data: {policies: ["A"]}\n', ["reference_data:", "at least one of"]),
    "reference data both ways and removal": (
        GOOD + 'reference_data: {policies: ["A"], employees: true, into_erp: true, allow_removal: true}\n',
        ["reference_data:", "choose one"],
    ),
    "GL codes into the ERP": (
        GOOD + 'reference_data: {policies: ["A"], gl_codes: true, into_erp: true}\n',
        ["reference_data:", "`into_erp` works with `employees` and `cost_centers`"],
    ),
    "a manager without address": (
        GOOD + 'reference_data: {policies: ["A"], employees: true, default_manager: Ada}\n',
        ["reference_data:", "`default_manager` is an e-mail address, not 'Ada'"],
    ),
    "unknown ERP": (changed(("type: syspro", "type: sap")), ["erp: unknown ERP type 'sap'", "syspro"]),
    "ERP as list": (changed(("type: syspro", "type: [syspro]")), ["erp: unknown ERP type"]),
    "bad cron": (changed(('"0 6 * * *"', '"0 25 * * *"')), ["schedule: '0 25 * * *' is not a cron expression"]),
    "cron of six fields": (changed(('"0 6 * * *"', '"0 0 6 * * *"')), ["schedule:", "five fields"]),
    "cron that never comes": (changed(('"0 6 * * *"', '"0 0 31 2 *"')), ["schedule:", "a day that never comes"]),
    "bad zone": (changed(("America/Chicago", "America/Chigaco")), ["timezone: 'America/Chigaco'", "America/Chicago"]),
    "folder of zones": (changed(("America/Chicago", "America")), ["timezone: 'America'"]),
    "date as text": (changed(("2026-11-01", '"2026-11-01"')), ["start_date: expected a date such as 2026-11-01"]),
    "date with a time": (changed(("2026-11-01", "2026-11-01 06:00:00")), ["start_date: expected a date"]),
    "date that does not exist": (
        changed(("2026-11-01", "2026-13-01")),
        ["'2026-13-01' is a date that does not exist", "line 3"],
    ),
    "endless number": (GOOD + f"retention: {{raw_days: {'9' * 5000}}}\n", ["is not a number", "line 22"]),
    "endless nesting": (GOOD + "retention: " + "[" * 3000 + "]" * 3000, ["nested too deeply"]),
    "key twice": (GOOD + 'schedule: "0 7 * * *"\n', ["the key 'schedule' stands twice", "line 22"]),
    "tab": (changed(("  connection: expensify", "\tconnection: expensify")), ["no tabs", "line 5"]),
    "broken YAML": (changed(("project: {tag: 2}", "project: {tag: 2")), ["not readable as YAML"]),
    "empty file": ("", ["expected keys such as `schedule:`"]),
    "list at the top": ("- schedule\n", ["expected keys such as `schedule:`"]),
    "not UTF-8": ("schedule: é".encode("latin-1"), ["not UTF-8", "save it again"]),
    "huge file": (GOOD + "#" * 1_000_001, ["longer than 1,000,000 bytes", "CSV"]),
    "empty section": (
        changed(('  gl_account:\n    values: {"Meals": "6100"}\n', "  gl_account:\n")),
        ["mapping.gl_account: expected keys"],
    ),
    "wrong word": (
        changed(("  currency: USD", "  currency: USD\n  per: week")),
        ["posting.per: expected 'day' or 'report', not 'week'"],
    ),
    "wrong currency": (changed(("USD", "usd")), ["posting.currency: 'usd' is not a currency", "USD"]),
    "negative look-back": (
        changed(("connection: expensify", "connection: expensify\n  lookback_days: -1")),
        ["expensify.lookback_days: expected"],
    ),
    "missing pool": (changed(("  pool: syspro\n", "")), ["`erp.pool` is required for syspro", "1 slot"]),
    "template of an optional dimension": (
        changed(("{cost_center}", "{project}")),
        ["`erp.account` names {project}", "required: true"],
    ),
    "template of no dimension": (changed(("{cost_center}", "{plant}")), ["`erp.account` names {plant}"]),
    "template that is none": (changed(("{cost_center}", "{cost_center")), ["erp.account", "is no template"]),
    "credit of an unknown dimension": (
        changed(('"2150-00"', '{account: "1", dimensions: {x: "1"}}')),
        ["`posting.credit` uses the dimension 'x'"],
    ),
    "no balancing account": (
        changed(('    reimbursable: "2150-00"\n', "")),
        ["`posting.credit.reimbursable` is required"],
    ),
    "isolate per report": (
        changed(("  currency: USD", "  currency: USD\n  per: report")) + "hold: {isolate: true}\n",
        ["`hold.isolate` works with `posting.per: day` only"],
    ),
    "missing CSV": (changed(CSV), ["mapping.dimensions.cost_center.values: the file", "plants.csv does not exist"]),
    "missing calendar": (
        changed(("  pool:", "  fiscal_calendar: cal.csv\n  pool:")),
        ["`fiscal_calendar`: the file", "cal.csv does not exist"],
    ),
    "calendar that is a number": (
        changed(("  pool:", "  fiscal_calendar: 2026\n  pool:")),
        ["`fiscal_calendar`", "not 2026"],
    ),
    "blank default": (
        changed(('tag: 1, required: true, values: {"Plant 1": "P1"}', 'tag: 1, default: " "')),
        ["mapping.dimensions.cost_center.default: is blank", "null"],
    ),
    "empty default": (changed(("{tag: 2}", '{tag: 2, default: ""}')), ["mapping.dimensions.project.default:"]),
    "blank account": (changed(('"2150-00"', '" "')), ["posting.credit.reimbursable.account: is blank"]),
    "blank label": (
        changed(("connection: expensify", 'connection: expensify\n  mark_exported: " "')),
        ["expensify.mark_exported: is blank"],
    ),
    "two workspaces in one item": (
        changed(("connection: expensify", 'connection: expensify\n  policies: ["A1, B2"]')),
        ["expensify.policies.0: 'A1, B2' is no workspace ID"],
    ),
    "formerly itself": (GOOD + "formerly: [bad]\n", ["`formerly` names the tenant itself"]),
    "a key of ours": (GOOD + "name: x\n", ["name: unknown key"]),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_gives_one_clear_sentence_beside_the_good_ones(tmp_path: Path, kind: str) -> None:
    content, said = WRONG[kind]
    (tmp_path / "bad.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "good.yaml").write_text(GOOD.replace("connection: syspro", "connection: other"), encoding="utf-8")
    catalogue = load_all(tmp_path)
    assert list(catalogue.tenants) == ["good"]
    assert list(catalogue.errors) == ["bad.yaml"]
    message = catalogue.errors["bad.yaml"]
    assert message.startswith("bad.yaml: ")
    assert [part for part in said if part not in message] == [], message
    assert "\n" not in message
    assert len(message) < 700
    with pytest.raises(TenantFileError) as caught:
        load("bad", tmp_path)
    assert str(caught.value) == message


CSVS: dict[str, tuple[bytes, str]] = {
    "three columns": (b"Plant 1,P1,x\n", "plants.csv line 1: expected two columns"),
    "semicolons": (b"Plant 1,P1\nPlant 2;P2\n", "plants.csv line 2: expected two columns"),
    "no value": (b"Plant 1,\n", "plants.csv line 1: expected two columns"),
    "no name": (b" ,P1\n", "plants.csv line 1: expected two columns"),
    "twice": (b"Plant 1,P1\nPlant 1 ,P2\n", "plants.csv line 2: 'Plant 1' is listed twice"),
    "not UTF-8": ("Café,P1\n".encode("latin-1"), "plants.csv is not UTF-8"),
    "one endless cell": (b'"' + b"x" * 200_000, "plants.csv cannot be read as CSV"),
}


@pytest.mark.parametrize("kind", CSVS)
def test_a_wrong_csv_names_itself_and_its_line(tmp_path: Path, kind: str) -> None:
    content, said = CSVS[kind]
    (tmp_path / "plants.csv").write_bytes(content)
    (tmp_path / "bad.yaml").write_text(changed(CSV), encoding="utf-8")
    (message,) = load_all(tmp_path).errors.values()
    assert message.startswith(f"bad.yaml: mapping.dimensions.cost_center.values: {said}")


def test_a_csv_is_read_as_typed_with_and_without_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(changed(CSV), encoding="utf-8")
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "plants.csv").write_bytes(mark + 'Plant 1,0100\r\n\r\n"Café, Süd" , P2\r\n'.encode())
        found = load("bad", tmp_path).mapping.dimensions["cost_center"].values
        assert found == {"Plant 1": "0100", "Café, Süd": "P2"}


def test_a_good_file_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(GOOD, encoding="utf-8")
    tenant = load("acme", tmp_path)
    assert (tenant.name, tenant.per, tenant.lines, tenant.company_card) == ("acme", "day", "group", "with_reimbursable")
    assert (tenant.start_date, tenant.expensify.states) == (date(2026, 11, 1), ["APPROVED", "REIMBURSED"])
    assert (tenant.posting.reference_prefix, tenant.retention.raw_days, tenant.hold.isolate) == ("EXP", 90, False)
    cards = tenant.posting.credit.company_card
    assert cards is not None
    assert cards.default is not None
    assert cards.default.account == "2160-00"


def test_a_byte_order_mark_and_merged_keys_are_no_fault(tmp_path: Path) -> None:
    text = GOOD.replace("project: {tag: 2}", "project: {<<: {tag: 3, required: true}, tag: 2}")
    (tmp_path / "acme.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    project = load("acme", tmp_path).mapping.dimensions["project"]
    assert (project.tag, project.required) == (2, True)


# --- several files ---


def write(folder: Path, **tenants: str) -> None:
    for name, text in tenants.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_two_files_that_would_share_references_both_stop(tmp_path: Path) -> None:
    lower = changed(("  currency: USD", "  currency: USD\n  reference_prefix: exp"))
    write(tmp_path, a=GOOD, b=lower, c=changed(("  currency: USD", "  currency: USD\n  reference_prefix: C")))
    catalogue = load_all(tmp_path)
    assert list(catalogue.tenants) == ["c"]
    assert "as b.yaml" in catalogue.errors["a.yaml"]
    assert "`posting.reference_prefix`" in catalogue.errors["b.yaml"]


def test_per_report_the_same_prefix_is_no_clash(tmp_path: Path) -> None:
    text = changed(("  currency: USD", "  currency: USD\n  per: report"))
    write(tmp_path, a=text, b=text)
    assert sorted(load_all(tmp_path).tenants) == ["a", "b"]


def test_a_former_name_belongs_to_one_tenant(tmp_path: Path) -> None:
    def other(connection: str) -> str:
        return changed(("connection: syspro", f"connection: {connection}"))

    write(tmp_path, a=other("a") + "formerly: [old, old]\n", b=other("b"))
    assert sorted(load_all(tmp_path).tenants) == ["a", "b"]
    write(tmp_path, c=other("c") + "formerly: [old]\n", d=other("d") + "formerly: [b]\n")
    catalogue = load_all(tmp_path)
    assert catalogue.tenants == {}
    assert "c.yaml" in catalogue.errors["a.yaml"]
    assert "d.yaml" in catalogue.errors["b.yaml"]


@pytest.mark.parametrize("name", ["Mid-West", "my tenant", "a.b", "ä", "-x", "x" * 101])
def test_a_bad_name_is_said(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: GOOD}, good=GOOD)
    catalogue = load_all(tmp_path)
    assert list(catalogue.tenants) == ["good"]
    assert "lower-case letters, digits and `_`" in catalogue.errors[f"{name}.yaml"]


@pytest.mark.parametrize("file", ["acme.yml", "acme.YAML", "acme.YML", "acme.yaml.txt"])
def test_a_file_with_another_extension_is_not_overlooked(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text(GOOD, encoding="utf-8")
    assert load_all(tmp_path).errors == {file: f"{file}: tenant files end in .yaml: rename it"}


def test_folders_and_missing_files_are_said(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    (tmp_path / "notes.md").touch()
    assert load_all(tmp_path).errors == {"x.yaml": "x.yaml: cannot be read: Is a directory"}
    assert load_all(tmp_path / "none").errors == {}
    with pytest.raises(TenantFileError, match=r"gone\.yaml: there is no such file"):
        load("gone", tmp_path)
    with pytest.raises(TenantFileError, match="lower-case"):
        load("../x", tmp_path)


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXPENSIFY_ERP_TENANTS", str(tmp_path))
    assert tenants_folder() == tmp_path


# --- marking, by ERP ---


@pytest.mark.parametrize(
    ("rule", "label", "said"),
    [("required", "null", "is required for syspro"), ("refused", "erp-sync", "must be null for syspro")],
)
def test_an_erp_may_require_or_refuse_marking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, label: str, said: str
) -> None:
    from include.erps.syspro.settings import SysproSettings

    monkeypatch.setattr(SysproSettings, "marks", rule)
    write(tmp_path, acme=changed(("connection: expensify", f"connection: expensify\n  mark_exported: {label}")))
    assert f"`expensify.mark_exported` {said}" in load_all(tmp_path).errors["acme.yaml"]


def test_reading_tenant_files_imports_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, acme=GOOD)
    program = (
        "import sys; from pathlib import Path; from include.settings.catalogue import load_all;"
        f"assert list(load_all(Path({str(tmp_path)!r})).tenants) == ['acme'];"
        "print(sorted({'pandas', 'numpy', 'zeep', 'lxml', 'httpx', 'sqlalchemy', 'airflow'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
