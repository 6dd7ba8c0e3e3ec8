"""Threads over one pool, one INSERT per answer: what somebody writes in an afternoon, on the same database."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import urllib3


def main(url: str, tests: int, at_once: int, host: str) -> None:
    """Ask, check three times, keep."""
    pool = urllib3.PoolManager(maxsize=at_once, block=True)
    mine = threading.local()

    def ask(number: int) -> None:
        body = json.dumps({"message": f"Question {number} of {tests}?"}).encode()
        answer = pool.request("POST", url, body=body, headers={"Content-Type": "application/json"}).data
        reply = json.loads(answer)["reply"].casefold()
        passed = "yes" in reply and "i cannot" not in reply and reply.startswith("yes")
        if not hasattr(mine, "connection"):
            mine.connection = psycopg2.connect(host=host, port=5432, user="postgres", dbname="rhesis")
            mine.connection.autocommit = True
        with mine.connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_answer VALUES (%s, %s, %s)", (number, answer.decode(), passed))

    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(ask, range(tests)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
