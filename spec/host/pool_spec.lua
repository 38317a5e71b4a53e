-- The memory of Lua's small blocks: none of it is malloc()'s, and it goes back to the system. That
-- a block keeps what it has is what spec/fuzz/targets/pool.c is about.

local file = require("host.file")
local program = require("host.program")

if os.getenv("ASAN_OPTIONS") or os.getenv("VALGRIND") then
  pending("small blocks: they are malloc()'s, for the tools to see")
  return
end

local MIB <const> = 1024

local function anonymous()
  return tonumber(assert(file.read("/proc/self/smaps_rollup", 4096))
    :match("\nAnonymous:%s*(%d+)"))
end

-- KiB of what malloc() has for blocks that are not large.
local function heap()
  local from, to = assert(file.read("/proc/self/maps", 1 << 20)):match("(%x+)%-(%x+)[^\n]*%[heap%]")
  return (tonumber(to, 16) - tonumber(from, 16)) // 1024
end

-- Two kinds of blocks each, of which there is little else.
local function tables(count)
  local list = {}
  for i = 1, count do list[i] = { "entry " .. i } end
  return list
end

-- What all takes in their presence; then they are garbage.
local function taken_by_tables(count)
  local list = tables(count)
  local taken = anonymous()
  assert.equal(count, #list)
  return taken
end

describe("small blocks", function()
  before_each(function()
    collectgarbage()
    program.trim()
  end)

  it("are not malloc()'s", function()
    local before, all = heap(), anonymous()
    local list = tables(100000)
    assert.is_true(anonymous() - all > 8 * MIB, "it took too little to tell")
    assert.is_true(heap() - before < MIB, heap() - before .. " KiB")
    assert.equal(100000, #list)
  end)

  it("give their memory back once all are gone", function()
    local before = anonymous()
    assert.is_true(taken_by_tables(200000) - before > 16 * MIB, "it took too little to tell")
    collectgarbage()
    program.trim()
    assert.is_true(anonymous() - before < MIB, anonymous() - before .. " KiB")
  end)

  it("give back the pages that have none left, and keep what stays", function()
    local before = anonymous()
    local list = tables(200000)
    local taken = anonymous() - before
    for i = 1, #list do
      if i % 20000 > 1000 then list[i] = false end
    end
    collectgarbage()
    program.trim()
    local left = anonymous() - before
    -- A twentieth, and the list itself, which is one large block of 4 MiB.
    assert.is_true(left < taken // 4, ("%d of %d KiB"):format(left, taken))
    for i = 1, #list, 20000 do assert.equal("entry " .. i, list[i][1]) end
  end)

  it("become large ones and small ones again", function()
    local list = {}
    for i = 1, 1000 do list[i] = { "entry " .. i } end
    for i = 11, #list do list[i] = nil end
    -- For new keys: then the array is made as large as it need be.
    for i = 1, 10 do list["name " .. i] = i end
    for i = 1, 10 do assert.equal("entry " .. i, list[i][1]) end
    assert.equal(10, list["name 10"])
  end)

  it("of another size have the pages of those that are gone", function()
    local taken = taken_by_tables(200000)
    collectgarbage()
    local others = {}
    for i = 1, 100000 do others[i] = ("a text of another length, number %8d"):format(i) end
    assert.is_true(anonymous() - taken < MIB, anonymous() - taken .. " KiB")
    assert.equal(100000, #others)
  end)
end)
