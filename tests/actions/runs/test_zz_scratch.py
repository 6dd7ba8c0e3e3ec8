import time
from sqlalchemy import text
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.runs.queries.breakdown import by_metric, by_requirement
from rhesis_app.runs.queries.result import neighbours, view_result
from rhesis_app.runs.queries.results import *
from rhesis_app.runs.queries.run_page import open_run_page
from rhesis_app.runs.queries.runs import *
from tests.factories import Given, RunPlan, make_run
import pytest

@pytest.mark.timeout(600)
@pytest.mark.parametrize("fin",[True,False])
def test_x(alice, host, project, superuser, fin):
    names=("a","b","c","d")
    many=[Given(prompt=f"prompt {i} "+"x"*200, output="lorem ipsum "*60, requirement=f"R{i%6}", outcome=("failed" if i%9==0 else "error" if i%50==1 else "unscored" if i%70==3 else "passed" if fin or i<9000 else "pending")) for i in range(10000)]
    with alice.scope() as scope:
        t=time.perf_counter(); made=make_run(scope, RunPlan(project_id=project.id, metrics=names, is_finished=fin), many); print("make",time.perf_counter()-t)
        other=[make_run(scope, RunPlan(project_id=project.id, metrics=names), many[:1000]) for _ in range(3)]
    with superuser.connect() as c: c.execute(text("VACUUM ANALYZE"))
    def timed(name,f):
        best=[]
        for _ in range(4):
            with alice.scope() as scope:
                t=time.perf_counter(); r=f(scope); best.append((time.perf_counter()-t)*1000)
        print(f"{name:28s} {min(best):8.1f} ms  max {max(best):.1f}")
        return r
    timed("view_run", lambda s: view_run(s, made.id))
    timed("run page", lambda s: open_run_page(s, project.id, made.number))
    timed("by_req", lambda s: by_requirement(s, made.id))
    timed("by_metric", lambda s: by_metric(s, made.id))
    f=ResultFilter(clip=240)
    p=timed("results", lambda s: list_results(s, made.id, PageRequest(), f))
    timed("results p2", lambda s: list_results(s, made.id, PageRequest(after=p.next_after), f))
    timed("results after mid", lambda s: list_results(s, made.id, PageRequest(after=(3,5000,1)), f))
    timed("results newest", lambda s: list_results(s, made.id, PageRequest(), ResultFilter(clip=240,newest_first=True)))
    timed("results failed", lambda s: list_results(s, made.id, PageRequest(), ResultFilter(clip=240,outcome="failed")))
    timed("results metric", lambda s: list_results(s, made.id, PageRequest(), ResultFilter(clip=240,metric_id=made.metric_ids["a"])))
    timed("results q", lambda s: list_results(s, made.id, PageRequest(), ResultFilter(clip=240,q="prompt 77")))
    timed("results q none", lambda s: list_results(s, made.id, PageRequest(), ResultFilter(clip=240,q="nothing like it")))
    r=timed("result", lambda s: view_result(s, host.registry, made.result_ids[5000]))
    timed("neighbours", lambda s: neighbours(s, r, ResultFilter()))
    timed("list runs", lambda s: list_runs(s, PageRequest(), RunFilter(project_id=project.id)))
    with alice.scope() as scope:
        from rhesis_app.runs.queries.results import _rows
        ch=f; order=order_of(ch); keys=keyset(matching_results(scope, made.id, ch), order, PageRequest()).subquery("keys")
        q=_rows(scope, keys, ch, PageRequest())
        from sqlalchemy.dialects import postgresql
        sql=str(q.compile(dialect=scope.session.bind.dialect, compile_kwargs={"literal_binds":True}))
        print("\n".join(x[0] for x in scope.session.execute(text("EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF) "+sql.replace(":","\\:")))))
    assert 0
