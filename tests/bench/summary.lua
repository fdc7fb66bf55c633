-- wrk: the figures of a run as one JSON object, on the last line.
function done(summary, latency)
	print(string.format(
		'{"requests":%d,"us":%d,"refused":%d,"p50_us":%d,"p99_us":%d}',
		summary.requests, summary.duration, summary.errors.status,
		latency:percentile(50), latency:percentile(99)))
end
