-- ARNs, and how an operator may refer to a service or namespace.

local arn = require "nightjar.agent.aws.arn"

describe("arn", function()
  local partitions = { "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-eusc" }

  it("reads the ARNs of every partition", function()
    for _, partition in ipairs(partitions) do
      local text = "arn:" .. partition .. ":servicediscovery:eu-west-1:123456789012:namespace/ns-a1"
      local parsed = assert(arn.parse(text))
      assert.equal(partition, parsed.partition)
      assert.equal("123456789012", parsed.account)
      assert.equal("ns-a1", parsed.id)
    end
  end)

  it("takes nothing else for an ARN", function()
    for _, text in ipairs { "", "ns-1", "arn:aws:servicediscovery", "arn:aws:a:b:1:c/d/e",
      "arn:aws:servicediscovery:r:1:namespace/", "xarn:aws:a:b:1:c/d", "arn:gcp:a:b:1:c/d" } do
      assert.is_nil(arn.parse(text), text)
    end
  end)

  it("keeps an ARN whole, so that it goes on naming another account's namespace", function()
    local text = "arn:aws-cn:servicediscovery:cn-north-1:210987654321:namespace/ns-abc"
    local reference = assert(arn.reference(" " .. text .. " ", "namespace"))
    assert.equal(text, reference.arn)
    assert.equal("ns-abc", reference.id)
    assert.is_nil(reference.name)
  end)

  it("tells names from ids of namespaces", function()
    assert.equal("ns-abc", arn.reference("id:ns-abc", "namespace").id)
    assert.equal("ns-abc", arn.reference("ID: ns-abc", "namespace").id)
    assert.equal("ns-abc", arn.reference("ns-abc", "namespace").id)
    assert.equal("shop.local", arn.reference("shop.local", "namespace").name)
    assert.equal("ns-shop.local", arn.reference("ns-shop.local", "namespace").name)
    assert.equal("id.local", arn.reference("id.local", "namespace").name)
  end)

  it("takes a service by id or ARN only", function()
    assert.equal("srv-1a", arn.reference("srv-1a", "service").id)
    local reference, err = arn.reference("web", "service")
    assert.is_nil(reference)
    assert.matches("expected the id or ARN of a Cloud Map service, got \"web\"", err, 1, true)
  end)

  it("refuses an ARN of something else", function()
    local _, err = arn.reference("arn:aws:servicediscovery:r:1:service/srv-1", "namespace")
    assert.matches("expected the ARN of a Cloud Map namespace", err, 1, true)
    assert.is_nil(arn.reference("arn:aws:ec2:r:1:namespace/ns-1", "namespace"))
  end)

  it("refuses in one line of text, whatever it was given", function()
    for _, kind in ipairs { "namespace", "service" } do
      local _, err = arn.reference("arn:a\nb\27[31m\xff", kind)
      assert.matches([[got "arn:a\nb\x1b[31m\xff"]], err, 1, true)
    end
    local _, err = arn.reference("a\nb", "service")
    assert.matches([[got "a\nb"]], err, 1, true)
  end)

  it("makes the ARN of a namespace beside a service", function()
    local base = arn.parse("arn:aws-us-gov:servicediscovery:r:111111111111:service/srv-1")
    assert.equal("arn:aws-us-gov:servicediscovery:r:111111111111:namespace/ns-2",
      arn.sibling(base, "namespace", "ns-2"))
    assert.equal("arn:aws-us-gov:servicediscovery:r:222222222222:namespace/ns-2",
      arn.sibling(base, "namespace", "ns-2", "222222222222"))
  end)
end)
