"""Very many rows in a few minutes: what a real run of fifty tests left behind is copied in the database, set by set.

Only the columns that must differ are named here; all others are what the product itself wrote, also those that come later.
"""

from collections.abc import Mapping

from benchmarks.instance import Instance

SAMPLE = 50
_WORDS = "'In a hundred words about parcels, refunds, invoices and passwords: question ' || b.n || ' of a large set?'"
# as freezing makes it of a test and its content
_VERSION_ID = (
    "overlay(overlay(encode(substr(sha256(convert_to(test_id || ' ' || md5(test_id::text), 'UTF8')), 1, 16), 'hex')"
    " PLACING '8' FROM 13 FOR 1) PLACING '8' FROM 17 FOR 1)::uuid"
)
_RARE = "CASE WHEN b.n % 50000 = 777 THEN ' A quagga asked.' ELSE '' END"


def multiply(running: Instance, project_id: str, run_id: str, size: int) -> None:
    """Make the finished run of fifty tests one of `size`, with its tests, their versions, and runs beside it, one for each hundred."""
    sql = running.sql
    sql("SET session_replication_role = replica")  # triggers that only check what these statements cannot break
    sql("SET work_mem = '256MB'")
    sql("DROP TABLE IF EXISTS bench_row")
    sql(
        "CREATE UNLOGGED TABLE bench_row AS SELECT *, md5(test_id::text) AS content_hash,"
        f" {_VERSION_ID} AS version_id FROM (SELECT n, n %% %s AS k, uuidv7() AS test_id, uuidv7() AS result_id,"
        " CASE WHEN n %% 100 = 3 THEN 'error' WHEN n %% 10 = 3 THEN 'failed' ELSE 'passed' END AS outcome"
        " FROM generate_series(%s, %s) n) made",
        SAMPLE,
        SAMPLE,
        size - 1,
    )
    sql("ANALYZE bench_row")
    (set_id, version_id) = sql("SELECT test_set_id, test_set_version_id FROM test_run WHERE id = %s", run_id)[0]
    for table, where, own in (
        ("test", f"project_id = '{project_id}'", {"id": "b.test_id", "prompt": f"{_WORDS} || {_RARE}", "content_hash": "b.content_hash"}),
        (
            "test_version",
            f"test_id IN (SELECT test_id FROM test_set_item WHERE test_set_id = '{set_id}')",
            {"id": "b.version_id", "test_id": "b.test_id", "prompt": f"{_WORDS} || {_RARE}", "content_hash": "b.content_hash"},
        ),
        ("test_set_item", f"test_set_id = '{set_id}'", {"test_id": "b.test_id", "position": "b.n + 1"}),
        (
            "test_set_version_item",
            f"test_set_version_id = '{version_id}'",
            {"test_version_id": "b.version_id", "position": "b.n + 1"},
        ),
        (
            "test_result",
            f"run_id = '{run_id}'",
            {
                "id": "b.result_id", "test_id": "b.test_id", "test_version_id": "b.version_id", "position": "b.n + 1", "outcome": "b.outcome",
                "error_code": "CASE b.outcome WHEN 'error' THEN 'timeout' END",
                "error_detail": "CASE b.outcome WHEN 'error' THEN 'No answer within 60 seconds.' END",
                "output": f"CASE b.outcome WHEN 'error' THEN NULL ELSE 'yes ' || {_WORDS} END",
            },
        ),
        (
            "evaluation",
            f"run_id = '{run_id}' AND position = 0",
            {
                "id": "uuidv7()", "result_id": "b.result_id",
                "verdict": "CASE b.outcome WHEN 'failed' THEN 'failed' ELSE 'passed' END",
                "score": "CASE b.outcome WHEN 'failed' THEN 0 ELSE 1 END",
            },
        ),
    ):  # fmt: skip
        _copy(running, table, where, own, "WHERE b.outcome <> 'error'" if table == "evaluation" else "")
    sql("UPDATE test_set_version SET test_count = %s WHERE id = %s", size, version_id)
    _copy_runs(running, run_id, size)
    # left without an open item, the run is counted and ended by the sweeper: totals and parts are the product's own
    sql(
        "UPDATE test_run SET planned = %s, status = 'running', finished_at = NULL, outcome = 'none', totals = NULL, parts = NULL WHERE id = %s",
        size, run_id,
    )  # fmt: skip
    sql("DROP TABLE bench_row")
    running.await_end(run_id, every_s=0.2)


def _copy_runs(running: Instance, run_id: str, size: int) -> None:
    """Ended runs before and after it, whose results are not needed where runs are listed."""
    sql = running.sql
    sql("DROP TABLE bench_row")
    sql(
        "CREATE UNLOGGED TABLE bench_row AS SELECT n, 0 AS k, uuidv7() AS run_id FROM generate_series(2, %s) n",
        max(2, size // 100),
    )
    own = {"id": "b.run_id", "number": "b.n", "idempotency_key": "NULL"}
    _copy(running, "test_run", f"id = '{run_id}'", own, "")
    _copy(running, "run_metric", f"run_id = '{run_id}'", {"run_id": "b.run_id"}, "", each=False)
    project = f"(SELECT project_id FROM test_run WHERE id = '{run_id}')"
    sql(f"UPDATE project SET last_run_number = %s WHERE id = {project}", max(2, size // 100))


def _copy(running: Instance, table: str, where: str, own: Mapping[str, str], only: str, *, each: bool = True) -> None:
    """Insert a copy of the k-th matching row for each bench_row; `each` False copies all matching rows for each."""
    columns = [
        name
        for (name,) in running.sql(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'",
            table,
        )
    ]
    values = ", ".join(own.get(name, f"t.{name}") for name in columns)
    order = "position" if "position" in columns and table != "evaluation" else "1" if "id" not in columns else "id"
    numbered = f"SELECT *, (row_number() OVER (ORDER BY {order}) - 1) AS k FROM {table} WHERE {where}"
    match = "ON t.k = b.k" if each else "ON true"
    names = ", ".join(columns)
    running.sql(
        f"WITH t AS MATERIALIZED ({numbered}) INSERT INTO {table} ({names}) SELECT {values} FROM bench_row b JOIN t {match} {only} ORDER BY b.n"
    )
