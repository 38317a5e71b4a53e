-- Attribute keys that are paths: their marks, their spelling, what is refused.

local path_key = require("nightjar.plan.path_key")

describe("path keys", function()
  local good = {
    { "/", "/", "public" }, { "/abc", "/abc", "public" }, { "/abc/", "/abc", "public" },
    { "/a//b///", "/a/b", "public" }, { "//", "/", "public" }, { "*", "/", "public" },
    { "?/abc", "/abc", "private" }, { "?/", "/", "private" }, { "?*", "/", "private" },
    { "[private]/x", "/x", "private" }, { "[public]/x", "/x", "public" },
    { "[private]*", "/", "private" }, { "[public]*", "/", "public" },
    { "[Private]/x", "/x", "private" }, { "/a.b/..c/~_-", "/a.b/..c/~_-", "public" },
    -- As Envoy compares them.
    { "/%7Euser", "/~user", "public" }, { "/%41b%2d%2D%5f", "/Ab--_", "public" },
    { "?/%74", "/t", "private" }, { "/%2e%2e.", "/...", "public" },
    { "/a%2Fb%5c%20%2541", "/a%2Fb%5c%20%2541", "public" },
    { "/a:b@c;d=e,f+g&h$i!j'(k)", "/a:b@c;d=e,f+g&h$i!j'(k)", "public" },
  }
  for _, case in ipairs(good) do
    it(("reads %s as the %s path %s"):format(case[1], case[3], case[2]), function()
      assert.same({ case[2], case[3] }, { path_key.parse(case[1]) })
    end)
  end

  for _, key in ipairs({ "SERVICE", "COLOR", "HTTP2", "", "abc/def", "x?/y", " /a" }) do
    it(("does not take %q for a path key"):format(key), function()
      local path, reason = path_key.parse(key)
      assert.is_nil(path)
      assert.is_nil(reason)
    end)
  end

  local bad = {
    ["/a?b"] = "%?", ["/a#b"] = "#", ["/a*"] = "stands alone", ["/*"] = "stands alone",
    ["**"] = 'begins with "/"', ["*/a"] = 'begins with "/"', ["?"] = 'begins with "/"',
    ["?a"] = 'begins with "/"', ["[private]"] = 'begins with "/"', ["[foo]/x"] = "mark",
    ["[private/x"] = "mark", ["[private]?/x"] = 'begins with "/"', ["??/x"] = 'begins with "/"',
    ["/a/../b"] = "segment", ["/."] = "segment", ["/a/%2e%2E/b"] = "segment",
    ["/a b"] = 'holds " "', ["/a\nb"] = "holds", ["/a\\b"] = "holds", ['/a"b'] = "holds",
    ["/{{x}}"] = "holds", ["/ü"] = "ü", ["/a%"] = "%%", ["/a%zz"] = "%%", ["/a\0b"] = "holds",
    ["/" .. ("x"):rep(1024)] = "longer than 1024 bytes",
  }
  for key, reason in pairs(bad) do
    it(("refuses %q"):format(key:sub(1, 30)), function()
      local path, why = path_key.parse(key)
      assert.is_nil(path)
      assert.matches(reason, why)
    end)
  end

  it("makes paths that stay as they are when they are read again", function()
    for _, case in ipairs(good) do assert.equal(case[2], path_key.canonical(case[2])) end
  end)
end)
