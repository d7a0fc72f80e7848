"""Writes the same points into many files of Parquet, as other programs do: pyarrow, pandas and DuckDB."""
import sys
import duckdb, pyarrow as pa, pyarrow.parquet as pq

folder = sys.argv[1]
ROWS = 600
START = 1772442000 * 10**9


def table(unit, zone="UTC"):
    divisor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    return pa.table({
        "time": pa.array([(START + i * 10**9) // divisor for i in range(ROWS)], pa.timestamp(unit, tz=zone)),
        "name": pa.array(["cpu"] * ROWS).dictionary_encode(),
        "host": [f"h{i % 7}" if i % 11 else None for i in range(ROWS)],
        "usage": pa.array([i / 4 if i % 5 else None for i in range(ROWS)], pa.float64()),
        "half": pa.array([i * 0.5 for i in range(ROWS)], pa.float32()),
        "n": pa.array([2**62 + i for i in range(ROWS)], pa.int64()),
        "small": pa.array([i % 100 - 50 for i in range(ROWS)], pa.int8()),
        "unsigned": pa.array([2**32 - 1 - i for i in range(ROWS)], pa.uint32()),
        "up": [i % 3 == 0 if i % 4 else None for i in range(ROWS)],
        "text": [f"tëxt {i % 50}" if i % 6 else "" for i in range(ROWS)],
    })


for unit in ["s", "ms", "us", "ns"]:
    pq.write_table(table(unit), f"{folder}/pyarrow {unit}.parquet")
for codec in ["none", "gzip", "zstd", "brotli"]:
    pq.write_table(table("us"), f"{folder}/pyarrow {codec}.parquet", compression=codec, row_group_size=250,
                   use_dictionary=False, data_page_version="2.0")
pq.write_table(table("ns"), f"{folder}/pyarrow int96.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(table("us", None), f"{folder}/pyarrow encodings.parquet", use_dictionary=False, version="2.6",
               column_encoding={"n": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "host": "DELTA_LENGTH_BYTE_ARRAY",
                                "usage": "BYTE_STREAM_SPLIT"}, write_page_checksum=True, write_page_index=True)
pq.write_table(table("ms").slice(0, 0), f"{folder}/empty.parquet")

frame = table("ns").to_pandas()
frame.to_parquet(f"{folder}/pandas.parquet")
frame.set_index("time").rename_axis(None).to_parquet(f"{folder}/pandas index.parquet")

points = table("us")
duckdb.sql(f"copy points to '{folder}/duckdb.parquet' (format parquet, row_group_size 2048)")
duckdb.sql(f"copy (select * exclude unsigned, {2**32 - 1} - (n - {2**62}) as unsigned from points) "
           f"to '{folder}/duckdb v2.parquet' (format parquet, codec zstd, parquet_version v2)")
duckdb.sql("""copy (select 1 as n, (12.25::decimal(12, 2)) as price, '{"a": 1}'::json as json, 3.5::float as f,
    uuid '00000000-0000-0000-0000-00000000000a' as id, timestamp '2026-03-02 09:00:00.000001' as ts,
    date '2026-03-02' as day, interval 1 day as span, [1, 2] as list, {'a': 1} as struct,
    18446744073709551615::ubigint as big, 'x'::blob as blob, null as nothing)
    to '""" + folder + """/odd.parquet' (format parquet)""")
pq.write_table(table("us"), f"{folder}/lz4.parquet", compression="lz4")
