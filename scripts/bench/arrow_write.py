"""Writes the rows of a Parquet file again with pyarrow, and prints how long each format took, in seconds."""
import sys, tempfile, time

import pyarrow.csv, pyarrow.parquet

table = pyarrow.parquet.read_table(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    for name, write in (
        ("csv", lambda path: pyarrow.csv.write_csv(table, path)),
        ("parquet", lambda path: pyarrow.parquet.write_table(table, path, compression="zstd", row_group_size=100_000)),
    ):
        started = time.perf_counter()
        write(f"{folder}/{name}")
        print(name, time.perf_counter() - started)
