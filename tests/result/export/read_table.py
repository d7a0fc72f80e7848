"""Reads a table from standard input and prints its rows as JSON: each value as its type and its text."""
import csv, io, json, math, os, struct, sys

TEXTS = {"run", "absent_tag", "flow", "note", "name", "node"}
DOUBLES = {"rtt_us", "maybe", "same"}
csv.field_size_limit(1 << 30)


def double(value):
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def cell(name, value):
    if name in DOUBLES:
        return ["float", double(float(value))]
    if isinstance(value, bool):
        return ["bool", str(value).lower()]
    return ["int", str(value)] if isinstance(value, int) else ["str", value]


def rows_of_csv(data):
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    names = rows[0]
    for row in rows[1:]:
        yield {name: typed(name, text) for name, text in zip(names, row, strict=True) if text != ""}


def typed(name, text):
    if name in TEXTS:
        return ["str", text]
    if name in DOUBLES:
        return ["float", double(float(text))]
    return ["bool", text] if text in ("true", "false") else ["int", str(int(text))]


def rows_of_jsonl(data):
    for line in data.decode("utf-8").split("\n"):
        if line:
            yield {name: cell(name, value) for name, value in json.loads(line).items()}


def rows_of_parquet(data):
    import pyarrow as pa, pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))
    columns = {}
    for field in table.schema:
        column = table.column(field.name)
        columns[field.name] = column.cast(pa.int64()) if pa.types.is_timestamp(field.type) else column
    values = {name: column.to_pylist() for name, column in columns.items()}
    for i in range(table.num_rows):
        yield {name: cell(name, column[i]) for name, column in values.items() if column[i] is not None}


def summary_of_parquet(data):
    import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    table = file.read()
    time, n = table.column("time").cast(pa.int64()), table.column("n")
    steps = [pc.min_max(pc.subtract(time, n)).as_py(), pc.sum(n).as_py(), table.num_rows, file.num_row_groups]
    yield {"summary": ["str", str(steps)]}


def statistics_of_parquet(data):
    import pyarrow as pa, pyarrow.parquet as pq

    group = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    yield {c.path_in_schema: ["tuple", str(ranges(c.statistics))] for c in columns}


def ranges(statistics):
    known = statistics.has_min_max
    return (statistics.min if known else None, statistics.max if known else None, statistics.null_count)


def rows_of_duckdb(data):
    import duckdb, tempfile

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(data)
        file.flush()
        result = duckdb.sql(f"select * from '{file.name}'")
        names = result.columns
        for row in result.fetchall():
            yield {name: cell(name, value) for name, value in zip(names, row) if value is not None}


READERS = {
    "summary": summary_of_parquet,
    "statistics": statistics_of_parquet,
    "csv": rows_of_csv,
    "jsonl": rows_of_jsonl,
    "parquet": rows_of_parquet,
    "duckdb": rows_of_duckdb,
}
read = READERS[sys.argv[1]]
json.dump(list(read(sys.stdin.buffer.read())), sys.stdout)
sys.stdout.flush()
# Threads of pyarrow that still run when Python tears itself down make it abort at times, after all is written.
os._exit(0)
