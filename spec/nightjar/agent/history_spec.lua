-- What is kept of accepted generations, and what a damaged history does.

local file = require("host.file")
local history = require("nightjar.agent.history")
local json = require("host.json")
local script = require("spec.support.script")

describe("history", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  local function files(text)
    return {
      { path = "cds.json", step = "clusters", kind = "Cluster", version = "v", content = text,
        resources = { "a" } },
      { path = "same.bin", step = "other", counted = true, content = "\0\255", resources = {} },
    }
  end

  local function keep(one, generation, text)
    one:keep({ generation = generation, at = 7, cause = "mesh", difference = { "a" } },
      files(text or generation), { routes = {}, clusters = {} })
  end

  it("gives back what was published, byte for byte, after a restart", function()
    keep(history.open(folder), "aaaa1111", "one")
    local later = history.open(folder)
    local kept, memory = later:read(later.entries[1])
    assert.same({ routes = {}, clusters = {} }, json.decode(json.encode(memory)))
    assert.equal("one", kept[1].content)
    assert.equal("\0\255", kept[2].content)
    assert.equal("Cluster", kept[1].kind)
    assert.is_true(kept[2].counted)
  end)

  it("keeps ten generations, the newest first, and each content once", function()
    local one = history.open(folder)
    for i = 1, 12 do keep(one, ("gen%05d"):format(i)) end
    assert.equal(10, #one.entries)
    assert.equal("gen00012", one.entries[1].generation)
    -- Ten contents, one that all share, one memory, the index.
    assert.equal(13, #file.list(folder .. "/history"))
  end)

  it("lists a generation that is accepted again and again once", function()
    local one = history.open(folder)
    keep(one, "aaaa1111")
    keep(one, "aaaa1111")
    assert.equal(1, #one.entries)
  end)

  it("keeps its files from other users", function()
    keep(history.open(folder), "aaaa1111")
    for _, item in ipairs(file.list(folder .. "/history")) do
      assert.equal(384, file.stat(folder .. "/history/" .. item.name).mode)
    end
  end)

  it("finds a generation by its number and by the beginning of its name", function()
    local one = history.open(folder)
    keep(one, "aaaa1111")
    keep(one, "aaaa2222")
    assert.equal("aaaa2222", one:find("0").generation)
    assert.equal("aaaa1111", one:find("1").generation)
    assert.equal("aaaa1111", one:find("aaaa1").generation)
    for word, reason in pairs { ["2"] = "from 0 to 1", ["-1"] = "from 0 to 1",
      aaaa = "more than one", bbbb = "expected a number or", aaa = "expected a number or",
      [""] = "expected a number or", ["1.5"] = "expected a number or" } do
      local found, err = one:find(word)
      assert.is_nil(found, word)
      assert.matches(reason, err)
    end
  end)

  it("finds one that came into force twice, and writes a damaged content anew", function()
    local one = history.open(folder)
    keep(one, "aaaa1111", "one")
    keep(one, "bbbb2222", "two")
    assert(file.write(folder .. "/history/" .. json.hash("one"), "eno"))
    keep(one, "aaaa1111", "one")
    assert.equal(one.entries[1], one:find("aaaa"))
    assert.equal("one", one:read(one.entries[1])[1].content)
  end)

  it("names a damaged content instead of giving it out", function()
    local one = history.open(folder)
    keep(one, "aaaa1111", "one")
    local path = folder .. "/history/" .. json.hash("one")
    assert(file.write(path, "two"))
    local kept, err = one:read(one.entries[1])
    assert.is_nil(kept)
    assert.matches("damaged", err)
    file.remove(path)
    kept, err = one:read(one.entries[1])
    assert.is_nil(kept)
    assert.matches("No such file", err)
  end)

  for name, text in pairs { ["no JSON"] = "{", ["another format"] = '{"format":2,"entries":[]}',
    ["an entry without files"] = '{"format":1,"entries":[{"generation":"a","at":1}]}',
    ["a file without a hash"] = '{"format":1,"entries":[{"generation":"a","at":1,"memory":"m",'
      .. '"difference":[],"files":[{"path":"p","step":"other","resources":[]}]}]}' } do
    it("starts anew over an index with " .. name .. ", and says so", function()
      assert(file.mkdir(folder .. "/history"))
      assert(file.write(folder .. "/history/index.json", text))
      local one, err = history.open(folder)
      assert.matches("index.json", err)
      assert.same({}, one.entries)
      keep(one, "aaaa1111")
      assert.equal(1, #history.open(folder).entries)
    end)
  end

  it("leaves publication alone when it cannot be written", function()
    assert(file.write(folder .. "/history", "in the way"))
    local one = history.open(folder)
    keep(one, "aaaa1111")
    assert.same({}, one.entries)
  end)

  it("is empty where its index is no index, and names it", function()
    keep(history.open(folder), "aaaa1111", "one")
    local path = folder .. "/history/index.json"
    assert(file.stat(path), "the index is elsewhere")
    assert(file.write(path, '{"format":1,"entries":5}'))
    local one, problem = history.open(folder)
    assert.same({}, one.entries)
    assert.matches("index%.json: expected entries", problem)
  end)
end)
