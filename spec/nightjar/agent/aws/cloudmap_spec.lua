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

  it("that gives one page over and over ends", function()
    local _, problem = api.list_services(answering '{"Services":[],"NextToken":"t"}', "ns-1")
    assert.equal("UnexpectedResponse", problem.code)
  end)
end)
