-- Sends GET requests for one path, each with the next credential: wrk … -- HEADER FILE, where each line of FILE is a value of that header.
local requests, sent, start = {}, 0, nil
perSecond = {} -- global, so that done() can ask the thread for it
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  if #args < 2 then
    requests[1] = wrk.format("GET")
  else
    for line in io.lines(args[2]) do
      table.insert(requests, wrk.format("GET", nil, { [args[1]] = line }))
    end
  end
end

function request()
  local second = os.time()
  if not start then
    start, sent = second, second * 1000003 % #requests -- each run starts at another credential
  end
  sent = sent + 7919 -- a prime, so that all credentials are used, but not in the order of their creation
  for skipped = #perSecond + 1, second - start + 1 do
    perSecond[skipped] = 0
  end
  perSecond[#perSecond] = perSecond[#perSecond] + 1
  return requests[sent % #requests + 1]
end

-- Prints one line for each figure, in the form that bench reads.
function done(summary, latency)
  local errors = summary.errors
  print("requests " .. summary.requests)
  print("microseconds " .. summary.duration)
  print("refused " .. errors.status)
  print("broken " .. errors.connect + errors.read + errors.write + errors.timeout)
  print("p50 " .. latency:percentile(50))
  print("p99 " .. latency:percentile(99))
  print("seconds " .. table.concat(threads[1]:get("perSecond"), " "))
end
