-- The 99th percentile of round-trip times by queue and load, over all runs of a folder, in DuckDB. Ids of the tests have
-- the keys queue and load, as in `id: { name: latency, queue: fifo, load: bulk }`.
--
--   tine export results --table round_trips --format parquet -o data/
--   duckdb < p99_by_queue.sql
--
-- Each run counts once, however many packets it sent: the packets of one run depend on each other.
SELECT queue, load, count(*) AS runs, median(p99_us) AS p99_us, min(p99_us) AS least_us, max(p99_us) AS most_us
FROM (
  SELECT run, queue, load, quantile_disc(rtt_us, 0.99) AS p99_us
  FROM read_parquet('data/*/*/round_trips.parquet', hive_partitioning = true, union_by_name = true)
  GROUP BY run, queue, load
)
GROUP BY queue, load
ORDER BY queue, load;
