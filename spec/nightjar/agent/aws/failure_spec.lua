-- What is said of a call that failed, whatever the other side answered.

local failure = require "nightjar.agent.aws.failure"

local function of(status, body, headers, secrets)
  return failure.of_response("ListServices",
    { status = status, body = body, headers = headers or {} }, secrets)
end

describe("failure.of_response", function()
  it("reads the bare code of every spelling", function()
    for body, code in pairs {
      ['{"__type":"com.amazonaws.servicediscovery#RequestLimitExceeded"}'] = "RequestLimitExceeded",
      ['{"__type":"ServiceNotFound:http://internal.amazon.com/coral/"}'] = "ServiceNotFound",
      ['{"code":"InvalidInput","message":"no"}'] = "InvalidInput",
      ["<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>"] =
        "SignatureDoesNotMatch",
    } do
      assert.equal(code, of(400, body).code, body)
    end
  end)

  it("believes the header before the body", function()
    assert.equal("NamespaceNotFound",
      of(400, "{}", { ["x-amzn-errortype"] = "NamespaceNotFound:http://x" }).code)
  end)

  it("is content with the status where the body is HTML, cut or empty", function()
    for _, body in ipairs { "<html><h1>Bad Gateway</h1></html>", '{"__type":"Ser', "", "[]",
      "\0" } do
      local problem = of(502, body)
      assert.equal("HTTP502", problem.code)
      assert.equal("ListServices: 502 HTTP502", tostring(problem))
    end
  end)

  it("tells operation, status, code, message, request and attempts in one line", function()
    local problem = of(429, '{"__type":"RequestLimitExceeded","Message":"Rate exceeded"}',
      { ["x-amzn-requestid"] = "1-2-3" })
    problem.attempts = 3
    assert.equal("ListServices: 429 RequestLimitExceeded: Rate exceeded (request 1-2-3, "
      .. "3 attempts)", tostring(problem))
    assert.equal("ListServices: 429 RequestLimitExceeded: Rate exceeded", problem:brief())
  end)

  it("keeps the first line of a message, and no endless one", function()
    local problem = of(403, '{"__type":"X","message":"first\\nx-amz-security-token:secret"}')
    assert.equal("first", problem.message)
    problem = of(400, '{"__type":"X","message":"' .. ("ä"):rep(1000) .. '"}')
    assert.is_true(#problem.message <= 310)
    assert.truthy(utf8.len(problem.message))
  end)

  it("reads alike for equal troubles, however long they took", function()
    local function message(text)
      return failure.of_transport("X", { kind = "connect", message = text }):brief()
    end
    assert.equal("X: ConnectionError: Failed to connect to h port 1: refused",
      message("Failed to connect to h port 1 after 12 ms: refused"))
    assert.equal("X: ConnectionError: Operation timed out with 0 bytes received",
      message("Operation timed out after 10001 milliseconds with 0 bytes received"))
  end)

  it("blanks secrets out of messages, also one that a cut would leave half of", function()
    local problem = of(403, '{"__type":"X","message":"bad key s3cr%t+ here"}', nil, { "s3cr%t+" })
    assert.equal("bad key … here", problem.message)
    local token = ("t0k3n"):rep(100)
    local body = '{"__type":"X","message":"' .. ("x"):rep(280) .. token .. '"}'
    problem = of(403, body, nil, { token })
    assert.equal(("x"):rep(280) .. "…", problem.message)
  end)

  it("is valid UTF-8 without control characters, whatever the other side answered", function()
    local problem = of(400, "<Error><Code>X</Code><Message>caf\xe9\27[31m</Message></Error>")
    assert.equal("caf\\xe9\\x1b[31m", problem.message)
    problem = failure.of_transport("X", { kind = "connect", message = "no host caf\xe9" })
    assert.equal("no host caf\\xe9", problem.message)
  end)
end)
