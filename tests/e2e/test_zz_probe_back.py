import pickle
from town import town
def test_full(pg_server, migrated_template, tmp_path):
    old=pickle.load(open("/tmp/states.pkl","rb"))["inorder"]
    pg_server.create_database("back", template=migrated_template)
    with town(tmp_path, pg_server.url("back"), days=7, volume=0.05) as t:
        for day in reversed(t.days):
            r=t.night(day); print(day, r.failed, flush=True)
        new=t.state()
        t.check_receivers()
    k=lambda rows:{r["record_id"]:(r["status"],r["content_digest"],r["subject_code"],r["document_no"]) for r in rows}
    a,b=k(old["records"]),k(new["records"])
    print("records",len(a),len(b),sum(a.get(i)!=b.get(i) for i in a.keys()|b.keys()))
    for i in list(x for x in a.keys()|b.keys() if a.get(x)!=b.get(x))[:10]: print(a.get(i),b.get(i))
    print("published",old["published"]==new["published"],"fz",old["fuzhou"]==new["fuzhou"],"fj",old["fujian"]==sorted(new["fujian"]),"cn",old["china"]==new["china"])
