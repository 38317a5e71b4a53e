-- What a mesh file is refused for, whole or in part; each message says where and what was expected.

local json = require("host.json")
local mesh_file = require("nightjar.agent.discover.mesh_file")

local function check(text)
  return mesh_file.check(assert(json.decode(text)))
end

-- The message of the only problem of a file whose namespace holds this.
local function problem_of(fields)
  local value, problems = check(('{"namespaces":[{"name":"m.local",%s}]}'):format(fields))
  assert(value, problems)
  assert.equal(1, #problems)
  return problems[1].message
end

describe("a mesh file", function()
  it("is refused as a whole where nothing of it can be told apart", function()
    local cases = {
      ["[1]"] = "expected a mapping with namespaces, got a list",
      ['{"namespaces":5}'] = "namespaces: expected a list, got 5",
      ['{"namespaces":[],"member":[]}'] = "member: expected a service's name, got a list",
      ['{"namespaces":[],"namespces":[]}'] = 'namespces: unknown key; did you mean "namespaces"?',
      ['{"namespaces":[{"name":"a","own":true},{"name":"b","own":true}]}'] =
        "namespaces[2].own: expected one own namespace, but namespaces[1] is own too",
      ['{"namespaces":[{"name":"a"},{"name":"a"}]}'] =
        'namespaces[2].id: expected an id (or name) not given before, got "a"',
    }
    for text, message in pairs(cases) do
      local value, err = check(text)
      assert.is_nil(value, text)
      assert.equal(message, err)
    end
  end)

  it("says of each field what was expected", function()
    local cases = {
      ['"own":"yes"'] = "namespaces[1].own: expected true or false, got \"yes\"",
      ['"port":0'] = "namespaces[1].port: expected an integer from 1 to 65535, got 0",
      ['"services":5'] = "namespaces[1].services: expected a list, got 5",
      ['"services":[{"name":"a","instances":[{"id":"i","ipv4":"127.0.0.1","health":"fine"}]}]'] =
        "namespaces[1].services[1].instances[1].health: expected healthy, unhealthy or unknown, "
        .. 'got "fine"',
      ['"services":[{"name":"a","instances":[{"id":"i"},{"id":"i"}]}]'] =
        'namespaces[1].services[1].instances[2].id: expected an id not given before, got "i"',
    }
    for fields, message in pairs(cases) do assert.equal(message, problem_of(fields)) end
  end)
end)
