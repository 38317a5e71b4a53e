-- Escapes in paths: which of them mean the same as what they stand for.

local path_escape = require("nightjar.path_escape")

describe("a path's escapes", function()
  it("are written as themselves where they stand for letters, digits, -, ., _ and ~", function()
    assert.equal("/abZ09-._~", path_escape.decode("/%61%62%5A%30%39%2D%2e%5f%7E"))
    assert.equal("/plain", path_escape.decode("/plain"))
  end)

  it("stay for everything else, and are decoded once", function()
    for _, path in ipairs({ "/%2F", "/%5c", "/%20", "/%25", "/%2541", "/%C3%BC", "/%00", "/%2",
      "/%zz", "/%" }) do
      assert.equal(path, path_escape.decode(path))
    end
  end)
end)
