-- Answers of Cloud Map that are not what they should be: none is taken for data.

local api = require "nightjar.agent.aws.cloudmap"
local json = require "host.json"

-- A client to which every call is answered with this JSON.
local function answering(text)
  local function answer() return assert(json.decode(text)) end
  return { call = answer, send = answer }
end

describe("an answer of Cloud Map", function()
  it("that holds no list is no empty list", function()
    for _, text in ipairs { "{}", '{"Services":null}', '{"Services":{}}', '{"Services":{"a":1}}',
      '{"Services":"x"}', '{"Services":[null]}', '{"Services":[{"Id":"srv-1"}]}' } do
      local services, problem = api.list_services(answering(text), "ns-1")
      assert.is_nil(services, text)
      assert.equal("UnexpectedResponse", problem.code)
    end
    assert.same({}, api.list_services(answering '{"Services":[]}', "ns-1"))
  end)

  it("that holds no list of instances is no empty service", function()
    for _, text in ipairs { "{}", '{"Instances":null}', '{"Instances":{}}',
      '{"Instances":{"InstanceId":"a"}}', '{"Instances":{},"InstancesRevision":1}',
      '{"Instances":[{"InstanceId":"a","Attributes":{"PORT":1}}]}' } do
      local instances, problem = api.discover_instances(answering(text), {})
      assert.is_nil(instances, text)
      assert.equal("UnexpectedResponse", problem.code)
    end
    for _, text in ipairs { '{"Instances":[]}', '{"InstancesRevision":1}' } do
      assert.same({}, api.discover_instances(answering(text), {}))
    end
  end)

  it("whose attributes are no map of texts has none", function()
    for _, given in ipairs { '"x"', "1", "false", "[]", '["a"]', '{"a":1}', '{"a":null}' } do
      local instances, problem = api.discover_instances(answering(
        ('{"Instances":[{"InstanceId":"service-settings","Attributes":%s}]}'):format(given)), {})
      assert.is_nil(instances, given)
      assert.equal("UnexpectedResponse", problem.code)
      local attributes
      attributes, problem = api.get_service_attributes(answering(
        ('{"ServiceAttributes":{"Attributes":%s}}'):format(given)), "srv-1")
      assert.is_nil(attributes, given)
      assert.equal("UnexpectedResponse", problem.code)
    end
    for _, none in ipairs { "{}", '{"Attributes":null}', '{"Attributes":{}}' } do
      assert.same({}, api.get_service_attributes(
        answering(('{"ServiceAttributes":%s}'):format(none)), "srv-1"))
    end
  end)

  it("of a list that may go on, but does not say where, is half a list", function()
    for _, token in ipairs { "1", "true", "{}", '["t"]' } do
      local services, problem = api.list_services(
        answering(('{"Services":[],"NextToken":%s}'):format(token)), "ns-1")
      assert.is_nil(services, token)
      assert.equal("UnexpectedResponse", problem.code)
    end
    for _, token in ipairs { '""', "null" } do
      assert.same({}, api.list_services(
        answering(('{"Services":[],"NextToken":%s}'):format(token)), "ns-1"))
    end
  end)

  it("that names a service on two pages has it once", function()
    local pages = { '{"Services":[{"Id":"srv-1","Name":"a"},{"Id":"srv-2","Name":"b"}],'
      .. '"NextToken":"t"}', '{"Services":[{"Id":"srv-2","Name":"b"},{"Id":"srv-3","Name":"c"}]}' }
    local page = 0
    local services = api.list_services({ call = function()
      page = page + 1
      return assert(json.decode(pages[page]))
    end }, "ns-1")
    assert.same({ { id = "srv-1", name = "a" }, { id = "srv-2", name = "b" },
      { id = "srv-3", name = "c" } }, services)
  end)

  it("without the names that tell things apart is refused", function()
    local cases = {
      { api.get_service, '{"Service":{"Id":"srv-1","Name":"a"}}',
        "Service with Id, Name and NamespaceId" },
      { api.get_namespace, '{"Namespace":{"Id":"ns-1"}}', "Namespace with Id and Name" },
      { api.find_namespaces, '{"Namespaces":[{"Name":"a"}]}', "Namespaces with Id and Name" },
    }
    for _, case in ipairs(cases) do
      local value, problem = case[1](answering(case[2]), "a")
      assert.is_nil(value, case[2])
      assert.equal("UnexpectedResponse", problem.code)
      assert.is_truthy(problem.message:find(case[3], 1, true), problem.message)
    end
  end)

  it("of ever more pages ends too", function()
    local count = 0
    local client = { call = function()
      count = count + 1
      return { Services = json.array {}, NextToken = "t" .. count }
    end }
    local services, problem = api.list_services(client, "ns-1")
    assert.is_nil(services)
    assert.is_truthy(problem.message:find("pages", 1, true), problem.message)
    assert.is_true(count < 100000)
  end)

  it("that gives one page over and over ends", function()
    local _, problem = api.list_services(answering '{"Services":[],"NextToken":"t"}', "ns-1")
    assert.equal("UnexpectedResponse", problem.code)
  end)
end)
