"""The faults, by what they hit."""

from benchmarks.faults.cases.disk import DISK_FAULTS
from benchmarks.faults.cases.endpoints import ENDPOINT_FAULTS
from benchmarks.faults.cases.jobs import JOB_FAULTS
from benchmarks.faults.cases.orders import ORDER_FAULTS
from benchmarks.faults.cases.servers import SERVER_FAULTS
from benchmarks.faults.cases.soak import SOAK
from benchmarks.faults.cases.workers import WORKER_FAULTS

MATRIX = (*WORKER_FAULTS, *SERVER_FAULTS, *DISK_FAULTS, *ENDPOINT_FAULTS, *ORDER_FAULTS, *JOB_FAULTS)
FAULTS = {fault.name: fault for fault in (*MATRIX, SOAK)}

__all__ = ["FAULTS", "MATRIX", "SOAK"]
