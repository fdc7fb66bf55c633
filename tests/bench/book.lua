-- wrk: bookings of distinct seats by distinct users, the same for everybody who is measured.
require "summary"

local number, threads = 0, 0

function setup(each)
	each:set("thread", threads)
	threads = threads + 1
end

function request()
	number = number + 1
	local body = string.format('{"userId":"user-%d-%d","eventId":"evt%d","seatId":"S%d"}',
		thread, number, number % 10 + 1, number % 1000 + 1)
	return wrk.format("POST", "/api/book", { ["Content-Type"] = "application/json" }, body)
end
