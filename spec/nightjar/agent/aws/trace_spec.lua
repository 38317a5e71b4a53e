-- What `--debug-http` shows of requests and answers, and what it hides.

local trace = require "nightjar.agent.aws.trace"

local SECRET = "wJalr/XUtn+FEMI%KEY"

local function shown(request, response, note, err)
  local text
  local http = trace.wrap(function() return response, err end,
    function(written) text = written end)
  assert.equal(response, (http(request, note)))
  return text
end

describe("the trace of a request", function()
  it("shows where it went, what it said, and what came back after how long", function()
    local text = shown({ method = "POST", url = "https://h/", body = '{"Id":"srv-1"}',
      headers = { { "Content-Type", "application/x-amz-json-1.1" } } },
      { status = 200, headers = { date = "now" }, body = '{"Service":\r\n{}}' },
      { about = "GetService, attempt 1" })
    assert.equal([[
* GetService, attempt 1
> POST https://h/
> Content-Type: application/x-amz-json-1.1
>
> {"Id":"srv-1"}
< 200 after 0 ms
< date: now
<
< {"Service":
< {}}

]], text)
  end)

  it("shows who signed, and no signature", function()
    local text = shown({ url = "https://h/", headers = { { "Authorization",
      "AWS4-HMAC-SHA256 Credential=AKIA1/20261125/r/s/aws4_request, SignedHeaders=host;x-amz-date, "
      .. "Signature=0123abcd" } } }, { status = 200, headers = {}, body = "" }, {})
    assert.matches("> Authorization: AWS4-HMAC-SHA256 Credential=AKIA1/20261125/r/s/aws4_request, "
      .. "SignedHeaders=host;x-amz-date, Signature=(hidden)\n", text, 1, true)
    assert.not_matches("0123abcd", text, 1, true)
  end)

  it("shows no header that it does not know", function()
    local text = shown({ url = "https://h/", headers = { Authorization = "Bearer t1",
      ["X-Amz-Security-Token"] = "t2", ["X-aws-ec2-metadata-token"] = "t3" } },
      { status = 200, headers = { ["set-cookie"] = "t4" }, body = "" }, {})
    assert.not_matches("t%d", text)
    for _, name in ipairs { "Authorization", "X-Amz-Security-Token", "X-aws-ec2-metadata-token",
      "set-cookie" } do
      assert.matches(name .. ": (hidden)", text, 1, true)
    end
  end)

  it("takes secrets out of bodies, as they are and as they are escaped", function()
    local text = shown({ url = "https://h/", body = "a=" .. SECRET },
      { status = 403, headers = { date = SECRET },
        body = "you sent wJalr%2FXUtn%2BFEMI%25KEY and wJalr\\/XUtn+FEMI%KEY" },
      { secrets = { SECRET } })
    assert.not_matches("wJalr", text)
    assert.matches("< you sent (hidden) and (hidden)\n", text, 1, true)
  end)

  it("shows the size alone of what may hold secrets", function()
    local text = shown({ method = "POST", url = "https://h/", body = "token=abc" },
      { status = 200, headers = {}, body = "<Secret>abc</Secret>" },
      { hide_request = true, hide_answer = true })
    assert.not_matches("abc", text)
    assert.matches("> (9 bytes, hidden", text, 1, true)
    assert.matches("< (20 bytes, hidden", text, 1, true)
  end)

  it("hides all of a request that nobody spoke for", function()
    local text = shown({ url = "https://h/", body = "abc" },
      { status = 200, headers = {}, body = "abc" })
    assert.not_matches("abc", text)
  end)

  it("lets no answer write on the terminal", function()
    local text = shown({ url = "https://h/" },
      { status = 200, headers = {}, body = "\27[31mred\nnext" }, {})
    assert.matches("< \\x1b[31mred\n< next\n", text, 1, true)
  end)

  it("says what kept the answer away", function()
    local text = shown({ url = "https://h/" }, nil, { secrets = { SECRET } },
      { kind = "timeout", message = "GET: https://h/: no answer to " .. SECRET })
    assert.matches("< no answer after 0 ms: timeout: GET: https://h/: no answer to (hidden)\n",
      text, 1, true)
  end)
end)
