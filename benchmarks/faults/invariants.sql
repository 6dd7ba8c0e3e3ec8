-- Each of these has to be empty, whatever happens and whenever it is asked: the table of invariants of the engine.

-- name: one result at most for each run, test and trial
SELECT run_id, test_version_id, trial FROM test_result GROUP BY run_id, test_version_id, trial HAVING count(*) > 1;

-- name: one evaluation at most for each result and metric
SELECT result_id, metric_version_id FROM evaluation GROUP BY result_id, metric_version_id HAVING count(*) > 1;

-- name: nobody may change or delete a result or an evaluation
SELECT t.name, p.name FROM (VALUES ('test_result'), ('evaluation')) t (name), (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) p (name)
 WHERE has_table_privilege('rhesis_app', t.name, p.name);

-- name: what is planned is an open item or a result, never both
SELECT w.run_id, w.test_version_id FROM work_item w JOIN test_result r USING (run_id, test_version_id, trial);

-- name: what is planned is an open item or a result, never neither
SELECT r.id FROM test_run r
 WHERE r.cancel_requested_at IS NULL
   AND r.planned <> (SELECT count(*) FROM work_item w WHERE w.run_id = r.id) + (SELECT count(*) FROM test_result t WHERE t.run_id = r.id);

-- name: an item is leased exactly when it has an owner and a deadline, and then its fence has risen
SELECT run_id, test_version_id FROM work_item
 WHERE (lease_owner IS NULL) <> (lease_until IS NULL) OR (lease_owner IS NOT NULL AND (fence < 1 OR attempt < 1));

-- name: a run that has ended has no open item
SELECT r.id FROM test_run r WHERE r.finished_at IS NOT NULL AND EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id);

-- name: a run that has ended counts what it has
SELECT r.id FROM test_run r
 WHERE r.finished_at IS NOT NULL
   AND (r.planned, (SELECT count(*) FROM test_result t WHERE t.run_id = r.id)) IS DISTINCT FROM
       ((r.totals->>'passed')::int + (r.totals->>'failed')::int + (r.totals->>'error')::int + (r.totals->>'unscored')::int + (r.totals->>'cancelled')::int,
        (r.totals->>'passed')::int + (r.totals->>'failed')::int + (r.totals->>'error')::int + (r.totals->>'unscored')::int);

-- name: live leases of an endpoint are never more than its limit, or held by one slice, of which as many may wait for a thread
SELECT e.id FROM endpoint e
  JOIN (SELECT endpoint_id, count(*) AS leases, count(DISTINCT lease_owner) AS owners FROM work_item WHERE lease_until > now() GROUP BY 1) w
    ON w.endpoint_id = e.id
 WHERE w.leases > e.max_concurrency * CASE w.owners WHEN 1 THEN 2 ELSE 1 END;

-- name: an answer has every evaluation that its run asks for
SELECT t.id FROM test_result t
 WHERE t.outcome <> 'error'
   AND (SELECT count(*) FROM evaluation v WHERE v.result_id = t.id)
    <> (SELECT count(*) FROM run_metric m WHERE m.run_id = t.run_id AND (m.requirement_id IS NULL OR m.requirement_id = t.requirement_id));

-- name: one run for each idempotency key
SELECT organization_id, idempotency_key FROM test_run WHERE idempotency_key IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1;

-- name: nothing points into another organization
SELECT t.id FROM test_result t JOIN test_run r ON r.id = t.run_id WHERE r.organization_id <> t.organization_id
UNION ALL SELECT v.id FROM evaluation v JOIN test_result t ON t.id = v.result_id WHERE t.organization_id <> v.organization_id
UNION ALL SELECT w.run_id FROM work_item w JOIN test_run r ON r.id = w.run_id WHERE r.organization_id <> w.organization_id;

-- name: a job is leased exactly while it runs
SELECT id FROM job WHERE (status = 'running') <> (lease_owner IS NOT NULL) OR (lease_owner IS NULL) <> (lease_until IS NULL);
