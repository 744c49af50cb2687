"""RQ's own worker, which forks a process for each job, with the jobs imported and used before."""

from __future__ import annotations

import sys

import jobs
import redis
import rq

if __name__ == "__main__":
    jobs.use_before_the_fork()
    worker = rq.Worker([sys.argv[1]], connection=redis.Redis.from_url(jobs.BROKER))
    worker.work(with_scheduler=False)
