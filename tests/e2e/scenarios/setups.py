"""Tenant files, connections, keys and pools, right and wrong."""

from __future__ import annotations

from collections.abc import Callable

from include.sandbox.faults import Fault, Replace, Truncate
from tests.e2e.reports import Expense, meals
from tests.e2e.suite import Play, Scene, scenario
from tests.e2e.tenants import Tenant, day, key, until


@scenario
def two_tenants_share_a_company(scene: Scene) -> Play:
    first = scene.tenant("a")
    second = scene.tenant("b", sharing=first)
    first.report(3, meals(1250))
    second.report(3, meals(2250))
    yield
    runs = [tenant.trigger() for tenant in (first, second)]
    for tenant, run in zip((first, second), runs, strict=True):
        tenant.green(run)
    assert first.posted() == {key(3): 1250}
    assert second.posted() == {key(3): 2250}
    assert len(first.company.documents()) == 2


@scenario
def wrong_files_are_named_and_harm_nobody(scene: Scene) -> Play:
    good = scene.tenant("good")
    twins = [scene.tenant("twin"), scene.tenant("other_twin")]
    twins[1].settings["erp"] = dict(twins[0].settings["erp"])
    twins[1].settings["posting"]["reference_prefix"] = twins[0].prefix
    misspelt, unquoted = scene.tenant("misspelt"), scene.tenant("unquoted")
    misspelt.settings["expensify"]["lookback_day"] = 3
    unquoted.settings["mapping"]["gl_account"]["values"]["Meals"] = 6100
    wrong = [*twins, misspelt, unquoted]
    for tenant in wrong:
        tenant.is_valid = False
    good.report(3, meals(1250))
    yield
    good.green(good.trigger())
    errors = scene.airflow.api.import_errors()
    assert [error["filename"].rpartition("/")[2] for error in errors] == ["tenant_files.py"]
    text = errors[0]["stack_trace"]
    for tenant in wrong:
        assert f"{tenant.name}.yaml" in text
        assert tenant.dag_id not in scene.airflow.api.dag_ids()
    assert "lookback_day" in text
    assert "gl_account.values.Meals" in text
    assert "reference_prefix" in text


@scenario
def a_renamed_tenant_keeps_what_is_open(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, meals(100))
    tenant.report(3, Expense("Client Gifts", 18400))
    yield
    tenant.red(tenant.trigger())
    assert tenant.states() == {key(4): "posted", key(3): "held"}
    old = tenant.file
    tenant.name += "_renamed"
    tenant.names.append(tenant.name)
    tenant.settings["formerly"] = [old.stem]
    old.rename(tenant.file)
    tenant.map_category("Client Gifts", "6700")
    scene.suite.reparse()
    tenant.airflow.api.wait_for_dag(tenant.dag_id, 120)
    tenant.airflow.api.unpause(tenant.dag_id)
    tenant.green(tenant.trigger())
    assert tenant.posted() == {key(4): 100, key(3): 18400}


@scenario
def a_wrong_erp_password_is_tried_once(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    yield
    tenant.put_erp_connection(tenant.company.wrong_connection())
    run = tenant.red(tenant.trigger())
    assert tenant.box(run, "validate")["try_number"] == 1, "no retry of a refused log-on"
    assert tenant.company.failed_logons() == 1
    assert not tenant.company.is_locked()
    assert tenant.company.user in tenant.log(run, "validate")
    tenant.put_erp_connection(tenant.company.connection())
    tenant.clear_failed(run)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}


@scenario
def a_rotated_expensify_key_is_used_at_once(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250))
    yield
    tenant.green(tenant.trigger())
    tenant.secret = f"{tenant.secret}-rotated"
    tenant.secrets.append(tenant.secret)
    with scene.sandbox.lock:
        scene.sandbox.expensify.credentials[tenant.login] = tenant.secret
    tenant.report(2, meals(50))
    run = tenant.red(tenant.trigger(**{"from": str(day(2)), "to": str(day(2))}))
    assert tenant.box(run, "extract")["try_number"] == 1, "no retry of refused credentials"
    assert tenant.expensify_connection in tenant.log(run, "extract")
    assert tenant.posted() == {key(3): 1250}
    tenant.put_expensify_connection()
    tenant.clear_failed(run)
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250, key(2): 50}


@scenario
def a_missing_pool_is_named_on_the_run(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.has_pool = False
    tenant.report(3, meals(1250))
    yield
    run = tenant.trigger()
    note = until(lambda: scene.airflow.api.dag_run(tenant.dag_id, run)["note"], "the run has a note")
    assert tenant.pool in note
    lines = [line for line in _scheduler_log(tenant).splitlines() if tenant.pool in line and run in line]
    assert lines, "the scheduler's log says so too"
    tenant.make_pool()
    tenant.green(run)
    assert tenant.posted() == {key(3): 1250}


def _scheduler_log(tenant: Tenant) -> str:
    return tenant.airflow.log_file("scheduler").read_text(errors="replace")


@scenario
def a_damaged_export_is_never_half_posted(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, meals(1250), meals(750))
    whole = '{"k":"B","v":1,"reports":0}\n<html>Service unavailable</html>\n{"k":"F","reports":0}\n'
    # A damaged file is downloaded three times in all before the export itself is repeated.
    scene.sandbox.faults.add(
        Fault("expensify", "download", Truncate(700, clean=True), "after", match=_is_export_of(tenant), times=3),
        Fault("expensify", "download", Replace(whole), "after", match=_is_export_of(tenant)),
    )
    yield
    run = tenant.green(tenant.trigger())
    assert tenant.box(run, "extract")["try_number"] == 2
    assert tenant.posted() == {key(3): 2000}


def _is_export_of(tenant: Tenant) -> Callable[[str], bool]:
    """Downloads name only a file: it is this tenant's when its policy stands in it."""
    files = tenant.suite.sandbox.expensify.files

    def fits(request: str) -> bool:
        return any(name in request and tenant.policy.encode() in file.content for name, file in list(files.items()))

    return fits
