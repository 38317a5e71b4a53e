-- The format of AWS's shared files, as the AWS CLI reads it.

local ini = require "nightjar.agent.aws.ini"

-- Sections by name: most cases do not care for their order.
local function read(text)
  local found = {}
  for _, section in ipairs(assert(ini.parse(text))) do found[section.name] = section.values end
  return found
end

describe("the format of AWS's shared files", function()
  it("reads sections, names and values", function()
    assert.same({
      default = { region = "eu-west-1" },
      ["profile web"] = { region = "us-east-1", output = "json" },
    }, read("[default]\nregion = eu-west-1\n\n[profile web]\r\nREGION=us-east-1\noutput =json"))
  end)

  it("takes a colon for an equal sign, whichever comes first", function()
    assert.same({ a = { url = "http://x:1/?a=b", key = "a:b" } },
      read("[a]\nurl: http://x:1/?a=b\nkey = a:b\n"))
  end)

  it("takes # and ; for a comment at the start of a line only, as the CLI does", function()
    assert.same({ a = { x = "1#2;3", y = "4 # four" } },
      read("# one\n; two\n[a] ; three\n  # four\nx = 1#2;3\ny = 4 # four\n"))
  end)

  it("keeps a value with equal signs whole", function()
    assert.equal("abc/def==", read("[a]\nkey = abc/def==\n").a.key)
  end)

  it("goes on with a value in lines that stand deeper", function()
    assert.equal("one\ntwo\n\nthree", read("[a]\nkey = one\n  two\n\n # no\n  three\n\n").a.key)
  end)

  it("takes names that all stand deeper than the title for names", function()
    assert.same({ a = { x = "1", y = "2" } }, read("[a]\n  x = 1\n  y = 2\n"))
  end)

  it("nests deeper lines below a name without a value", function()
    assert.same({ ["services here"] = { servicediscovery = { endpoint_url = "http://x",
      Region = "y" }, region = "r" } },
      read("[services here]\nservicediscovery =\n  endpoint_url = http://x\n\n  Region=y\n"
        .. "region = r\n"))
  end)

  it("keeps the order of the sections", function()
    local sections = ini.parse("[b]\n[a]\n[c]\n")
    assert.same({ "b", "a", "c" }, { sections[1].name, sections[2].name, sections[3].name })
  end)

  for name, case in pairs {
    ["a line that is neither"] = { "[a]\nx = 1\nnonsense\n",
      "line 3: expected a [section], or name = value" },
    ["a name before any section"] = { "x = 1\n", "line 1: expected a [section] first" },
    ["a name that is empty"] = { "[a]\n= 1\n", "line 2: expected a [section], or name = value" },
    ["a section that is given twice"] = { "[a]\n[b]\n[a]\n", "line 3: section [a] is given twice" },
    ["a name that is given twice"] = { "[a]\nx = secret\nX = 2\n",
      "line 3: x is given twice in section [a]" },
    ["a nested line without a value"] = { "[a]\nx =\n  secret\n",
      "section [a]: x: expected name = value below it" },
    ["bytes that are no text"] = { "[a]\nx = \xff\n", "expected UTF-8" },
  } do
    it("refuses " .. name .. ", with its line and without any value", function()
      local sections, err = ini.parse(case[1])
      assert.is_nil(sections)
      assert.equal(case[2], err)
    end)
  end
end)

describe("words of a line", function()
  for text, words in pairs {
    ["/bin/x  --a  b"] = { "/bin/x", "--a", "b" },
    ["'/my bin/x' \"a b\" c\\ d"] = { "/my bin/x", "a b", "c d" },
    ['a"b"\'c\'d'] = { "abcd" },
    ['"a\\"b" "c\\d" \'e\\f\''] = { 'a"b', "c\\d", "e\\f" },
    ['"" x'] = { "", "x" },
    ["a # b ; c"] = { "a", "#", "b", ";", "c" },
    [""] = {},
  } do
    it("are split as a shell does: " .. text, function()
      assert.same(words, ini.words(text))
    end)
  end

  it("are refused where a quote stays open or nothing follows a backslash", function()
    assert.same({ nil, "a quote that is not closed" }, { ini.words("a 'b") })
    assert.same({ nil, "a quote that is not closed" }, { ini.words('a "b') })
    assert.same({ nil, "a backslash at its end" }, { ini.words("a\\") })
  end)
end)
