import time, io, json
from sqlalchemy import event
def test_try(alice, project, host):
    P=str(project.id)
    def before(c,cur,st,*a): c.info['t']=time.perf_counter()
    def after(c,cur,st,*a):
        d=time.perf_counter()-c.info['t']
        if d>0.05: print("   %.2f"%d, st[:90].replace("\n"," "))
    event.listen(host.engine,"before_cursor_execute",before); event.listen(host.engine,"after_cursor_execute",after)
    f=__import__('pathlib').Path('/work/shared/data/openai-evals/born_first.jsonl').read_bytes()
    r=alice.api.post("/imports", data={"project_id":P,"file":(io.BytesIO(f),"born_first.jsonl")})
    r=alice.api.post(f"/imports/{r.json['id']}/confirm")
    for k in range(3):
        t=time.perf_counter(); big=b"question,answer,topic\n"+b"".join(b"Question %d is long enough,Answer %d,topic %d\n"%(i,i,i%7) for i in range(9990))
        r=alice.api.post("/imports", data={"project_id":P,"file":(io.BytesIO(big),"big.csv")}); print("upload",time.perf_counter()-t, r.json["ready"], r.json["test_set_name"])
        t=time.perf_counter(); r=alice.api.post(f"/imports/{r.json['id']}/confirm"); print("confirm",time.perf_counter()-t, r.json)
        i=r.json['test_set_id']
        t=time.perf_counter(); r=alice.api.get(f"/test-sets/{i}/export?format=csv"); print("export",time.perf_counter()-t, len(r.data))
        t=time.perf_counter(); r=alice.api.post(f"/test-sets/{i}/versions"); print("version same",time.perf_counter()-t, r.json["number"])
        t=time.perf_counter(); r=alice.api.post(f"/test-sets/{i}/tests",{"tests":[{"prompt":"new"}]}); print("add",time.perf_counter()-t, r.text[:300])
        t=time.perf_counter(); r=alice.api.post(f"/test-sets/{i}/versions"); print("version new",time.perf_counter()-t, r.json["number"])
    t=time.perf_counter(); r=alice.api.post("/test-sets", {"project_id":P,"name":"Inline","tests":[{"prompt":f"a{i}","expected":"b"} for i in range(10000)]}); print("inline",time.perf_counter()-t, r.status_code)
