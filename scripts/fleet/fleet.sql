-- Questions to a dataset of traces (schemas/dataset.md), in SQL that DuckDB, Spark and Polars read alike. docs/fleet.md
-- explains them; ask_duckdb.py, ask_polars.py and ask_spark.py, beside it, ask them.
--
-- A line "-- table NAME" or "-- answer NAME" begins a statement; a table is kept for those behind it. Words in braces are
-- parameters. All values are whole numbers and words, so that engines agree to the last digit: ratios are in thousandths.
-- Medians are those of `pfreport diff`: of an even number the mean of the two in the middle, rounded down.

-- table recordings
-- A row a trace. What table `traces` does not list is not whole yet. Traces with one workload can be compared.
SELECT t.trace, t.host, t.date, t.duration_ns, t.faults, t.major, t.stall_ns, t.whole, l.tag,
    COALESCE(l.workload, l.command, l.cgroup, p.comm, l.kind, t.target) AS workload
FROM traces AS t
LEFT JOIN (
    SELECT trace,
        MAX(CASE WHEN key = 'label.release' THEN value END) AS tag,
        MAX(CASE WHEN key = 'label.workload' THEN value END) AS workload,
        MAX(CASE WHEN key = 'target.command' THEN value END) AS command,
        MAX(CASE WHEN key = 'target.cgroup' THEN value END) AS cgroup,
        MAX(CASE WHEN key = 'target.kind' THEN value END) AS kind
    FROM facts GROUP BY trace
) AS l ON l.trace = t.trace
LEFT JOIN (
    SELECT p.trace, MAX(p.comm) AS comm
    FROM processes AS p
    JOIN facts AS f ON f.trace = p.trace
    WHERE p.proc = 0 AND p.comm <> '' AND f.key = 'target.kind' AND f.value IN ('processes', 'threads')
    GROUP BY p.trace
) AS p ON p.trace = t.trace

-- table parts
-- What each trace spent where: a row for each file (or name of memory without one), class and cause.
SELECT f.trace, COALESCE(f.path, f.region) AS place, CASE WHEN f.path IS NULL THEN 'memory' ELSE 'file' END AS kind,
    f.class, f.cause, COUNT(*) AS faults, COALESCE(SUM(f.latency_ns), 0) AS stall_ns
FROM faults AS f
GROUP BY f.trace, COALESCE(f.path, f.region), CASE WHEN f.path IS NULL THEN 'memory' ELSE 'file' END, f.class, f.cause

-- table latencies
-- The latencies of each trace, by class. A percentile is the value that so many do not exceed.
SELECT trace, class, COUNT(*) AS faults,
    CAST(percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ns) AS BIGINT) AS p50_ns,
    CAST(percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_ns) AS BIGINT) AS p99_ns
FROM faults
WHERE class IN ('minor', 'major') AND latency_ns IS NOT NULL
GROUP BY trace, class

-- answer fleet
-- What there is.
SELECT COUNT(*) AS traces, COUNT(DISTINCT host) AS hosts, COUNT(DISTINCT workload) AS workloads,
    CAST(MIN(date) AS VARCHAR(10)) AS first_date, CAST(MAX(date) AS VARCHAR(10)) AS last_date,
    CAST(COALESCE(SUM(faults), 0) AS BIGINT) AS faults, CAST(COALESCE(SUM(major), 0) AS BIGINT) AS major,
    CAST(COALESCE(SUM(stall_ns), 0) AS BIGINT) AS stall_ns,
    CAST(COALESCE(SUM(duration_ns), 0) AS BIGINT) AS duration_ns,
    SUM(CASE WHEN whole THEN 0 ELSE 1 END) AS not_whole
FROM recordings

-- answer files
-- (a) Which file costs the most? Memory without a file is there to compare with.
SELECT p.place, p.kind, COUNT(DISTINCT p.trace) AS traces, COUNT(DISTINCT r.host) AS hosts,
    CAST(SUM(p.faults) AS BIGINT) AS faults,
    CAST(SUM(CASE WHEN p.class = 'major' THEN p.faults ELSE 0 END) AS BIGINT) AS major,
    CAST(SUM(p.stall_ns) AS BIGINT) AS stall_ns,
    CAST(FLOOR(1000 * CAST(SUM(p.stall_ns) AS DOUBLE) / MAX(s.all_ns)) AS BIGINT) AS share
FROM parts AS p
JOIN recordings AS r ON r.trace = p.trace
CROSS JOIN (
    SELECT CAST(SUM(p.stall_ns) AS DOUBLE) AS all_ns FROM parts AS p JOIN recordings AS r ON r.trace = p.trace
) AS s
GROUP BY p.place, p.kind
ORDER BY stall_ns DESC, place, kind
LIMIT {rows}

-- table observed
-- What a trace is judged by. Of too few faults there is no percentile.
SELECT trace, 'stall_ns_per_s' AS metric, CAST(FLOOR(1000000000 * CAST(stall_ns AS DOUBLE) / duration_ns) AS BIGINT) AS value
FROM recordings WHERE duration_ns > 0 AND stall_ns IS NOT NULL
UNION ALL
SELECT trace, CONCAT(class, '_p50_ns') AS metric, p50_ns AS value FROM latencies WHERE faults >= 20
UNION ALL
SELECT trace, CONCAT(class, '_p99_ns') AS metric, p99_ns AS value FROM latencies WHERE faults >= 200

-- table compared
-- Each value beside that of the same workload in the other groups: the median of the medians of all groups, so that a
-- large group counts no more than a small one.
WITH member AS (
    SELECT f.key AS grouping, f.value AS member, o.trace, r.workload, o.metric, o.value
    FROM facts AS f
    JOIN recordings AS r ON r.trace = f.trace
    JOIN observed AS o ON o.trace = f.trace
    WHERE f.key IN ({groupings})
),
median AS (
    SELECT grouping, member, workload, metric,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS value
    FROM member GROUP BY grouping, member, workload, metric
),
usual AS (
    SELECT grouping, workload, metric, COUNT(*) AS members,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS value
    FROM median GROUP BY grouping, workload, metric
)
SELECT m.grouping, m.member, m.trace, m.metric, m.value, u.members,
    CAST(FLOOR(1000 * CAST(m.value AS DOUBLE) / u.value) AS BIGINT) AS ratio
FROM member AS m
JOIN usual AS u ON u.grouping = m.grouping AND u.workload = m.workload AND u.metric = m.metric
WHERE u.value > 0

-- answer outliers
-- (b) Which kernel, or which class of hosts, differs? `ratio` is what the median trace of a group takes, in thousandths of
-- what is usual; `spread` is what traces differ by within a group: 1.4826 times the median deviation, which is the
-- standard deviation where they are spread normally.
WITH typical AS (
    SELECT grouping, member, metric, COUNT(*) AS traces,
        CAST(FLOOR(percentile_cont(0.5) WITHIN GROUP (ORDER BY value)) AS BIGINT) AS median,
        CAST(FLOOR(percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio)) AS BIGINT) AS ratio,
        MAX(members) AS members
    FROM compared GROUP BY grouping, member, metric
),
deviation AS (
    SELECT c.grouping, c.metric,
        CAST(FLOOR(1.4826e0 * percentile_cont(0.5) WITHIN GROUP (ORDER BY ABS(c.ratio - t.ratio))) AS BIGINT) AS spread
    FROM compared AS c
    JOIN typical AS t ON t.grouping = c.grouping AND t.member = c.member AND t.metric = c.metric
    GROUP BY c.grouping, c.metric
)
SELECT t.grouping, t.metric, t.member, t.traces, t.median, t.ratio, d.spread,
    CASE WHEN t.members < 3 THEN 'fewer than 3 groups'
        WHEN t.traces < {traces} THEN 'too few traces'
        WHEN t.ratio >= {factor} AND t.ratio - 1000 > 3 * d.spread THEN 'higher'
        WHEN t.ratio * {factor} <= 1000000 AND 1000000 > (1000 + 3 * d.spread) * t.ratio THEN 'lower'
        ELSE 'usual' END AS verdict
FROM typical AS t
JOIN deviation AS d ON d.grouping = t.grouping AND d.metric = t.metric
ORDER BY grouping, metric, ratio DESC, member

-- table sides
SELECT trace, workload, CASE WHEN tag = {base} THEN 'base' ELSE 'new' END AS side, stall_ns, faults, major, duration_ns
FROM recordings WHERE tag IN ({base}, {new}) AND {base} <> {new}

-- answer regressions
-- (c) What changed from one release to another? From `low` to `high` are all values below 20 traces, as in `pfreport diff`,
-- and nine tenths of them from there on, since the ends would hide everything. Where these stretches of both sides have
-- a value in common, the change is within the noise.
WITH told AS (
    SELECT workload, side, 'stall_ns' AS metric, stall_ns AS value FROM sides WHERE stall_ns IS NOT NULL
    UNION ALL SELECT workload, side, 'faults' AS metric, faults AS value FROM sides
    UNION ALL SELECT workload, side, 'major' AS metric, major AS value FROM sides
    UNION ALL SELECT workload, side, 'duration_ns' AS metric, duration_ns AS value FROM sides
),
side AS (
    SELECT workload, metric, side, COUNT(*) AS traces,
        CAST(FLOOR(percentile_cont(0.5) WITHIN GROUP (ORDER BY value)) AS BIGINT) AS median,
        CAST(percentile_disc(0.05) WITHIN GROUP (ORDER BY value) AS BIGINT) AS low,
        CAST(percentile_disc(0.95) WITHIN GROUP (ORDER BY value) AS BIGINT) AS high
    FROM told GROUP BY workload, metric, side
)
SELECT b.workload, b.metric, b.traces AS base_traces, n.traces AS new_traces,
    b.median AS base, b.low AS base_low, b.high AS base_high, n.median AS new, n.low AS new_low, n.high AS new_high,
    CASE WHEN b.median > 0 THEN CAST(FLOOR(1000 * CAST(n.median AS DOUBLE) / b.median) AS BIGINT) END AS ratio,
    CASE WHEN b.traces + n.traces <= 2 THEN 'unknown'
        WHEN b.low <= n.high AND n.low <= b.high THEN 'within the noise'
        WHEN 1000 * n.median >= (1000 + {least}) * b.median THEN 'grew'
        WHEN 1000 * b.median >= (1000 + {least}) * n.median THEN 'shrank'
        ELSE 'hardly' END AS verdict
FROM side AS b
JOIN side AS n ON n.workload = b.workload AND n.metric = b.metric
WHERE b.side = 'base' AND n.side = 'new'
ORDER BY workload, metric

-- answer changes
-- Which file and cause it was. A trace without such a fault counts, with nothing. Of so many parts some lie apart by
-- chance: what counts is also at least half of {least} thousandths of what the workload takes in all.
WITH part AS (
    SELECT s.workload, s.side, p.trace, p.place, p.cause,
        CAST(SUM(p.faults) AS BIGINT) AS faults, CAST(SUM(p.stall_ns) AS BIGINT) AS stall_ns
    FROM parts AS p
    JOIN sides AS s ON s.trace = p.trace
    GROUP BY s.workload, s.side, p.trace, p.place, p.cause
),
cell AS (
    SELECT s.workload, s.side, s.trace, d.place, d.cause
    FROM sides AS s
    JOIN (SELECT DISTINCT workload, place, cause FROM part) AS d ON d.workload = s.workload
),
filled AS (
    SELECT c.workload, c.side, c.place, c.cause,
        COALESCE(p.faults, 0) AS faults, COALESCE(p.stall_ns, 0) AS stall_ns
    FROM cell AS c
    LEFT JOIN part AS p ON p.trace = c.trace AND p.place = c.place AND p.cause = c.cause
),
side AS (
    SELECT workload, place, cause, side, COUNT(*) AS traces,
        CAST(FLOOR(percentile_cont(0.5) WITHIN GROUP (ORDER BY stall_ns)) AS BIGINT) AS stall_ns,
        CAST(percentile_disc(0.05) WITHIN GROUP (ORDER BY stall_ns) AS BIGINT) AS low_stall_ns,
        CAST(percentile_disc(0.95) WITHIN GROUP (ORDER BY stall_ns) AS BIGINT) AS high_stall_ns,
        CAST(FLOOR(percentile_cont(0.5) WITHIN GROUP (ORDER BY faults)) AS BIGINT) AS faults,
        CAST(percentile_disc(0.05) WITHIN GROUP (ORDER BY faults) AS BIGINT) AS low_faults,
        CAST(percentile_disc(0.95) WITHIN GROUP (ORDER BY faults) AS BIGINT) AS high_faults
    FROM filled GROUP BY workload, place, cause, side
),
whole AS (
    SELECT workload, percentile_cont(0.5) WITHIN GROUP (ORDER BY COALESCE(stall_ns, 0)) AS stall_ns,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY faults) AS faults
    FROM sides GROUP BY workload
)
SELECT b.workload, b.place, b.cause, b.stall_ns AS base_stall_ns, n.stall_ns AS new_stall_ns,
    n.stall_ns - b.stall_ns AS change_ns,
    CASE WHEN b.traces + n.traces <= 2 THEN 'unknown'
        WHEN b.low_stall_ns <= n.high_stall_ns AND n.low_stall_ns <= b.high_stall_ns THEN 'within the noise'
        WHEN 2000 * ABS(n.stall_ns - b.stall_ns) < {least} * w.stall_ns THEN 'hardly'
        WHEN 1000 * n.stall_ns >= (1000 + {least}) * b.stall_ns THEN 'grew'
        WHEN 1000 * b.stall_ns >= (1000 + {least}) * n.stall_ns THEN 'shrank'
        ELSE 'hardly' END AS stall_verdict,
    b.faults AS base_faults, n.faults AS new_faults,
    CASE WHEN b.traces + n.traces <= 2 THEN 'unknown'
        WHEN b.low_faults <= n.high_faults AND n.low_faults <= b.high_faults THEN 'within the noise'
        WHEN 2000 * ABS(n.faults - b.faults) < {least} * w.faults THEN 'hardly'
        WHEN 1000 * n.faults >= (1000 + {least}) * b.faults THEN 'grew'
        WHEN 1000 * b.faults >= (1000 + {least}) * n.faults THEN 'shrank'
        ELSE 'hardly' END AS faults_verdict
FROM side AS b
JOIN side AS n ON n.workload = b.workload AND n.place = b.place AND n.cause = b.cause
JOIN whole AS w ON w.workload = b.workload
WHERE b.side = 'base' AND n.side = 'new'
ORDER BY change_ns DESC, workload, place, cause
