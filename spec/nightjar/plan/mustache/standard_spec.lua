-- The mustache standard's own cases, read from VECTORS.
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")

local folder = (os.getenv("VECTORS") or "../shared/vectors") .. "/mustache/"
local modules = { "comments", "delimiters", "interpolation", "inverted", "partials", "sections",
  "optional-inheritance", "optional-dynamic-names" }

local function read(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("a")
  file:close()
  return text
end

for _, name in ipairs(modules) do
  describe("the mustache standard's " .. name, function()
    local text = read(folder .. name .. ".json")
    if not text then
      pending("cannot be read: expected it in " .. folder .. " (set VECTORS to its folder)")
      return
    end
    for index, case in ipairs(assert(json.decode(text)).tests) do
      it(("%d: %s"):format(index, case.name), function()
        assert.equal(case.expected,
          assert(mustache.render(case.template, case.data, case.partials)))
      end)
    end
  end)
end
