-- The XML of the query protocol, which STS answers with.

local xml = require "nightjar.agent.aws.xml"

describe("XML", function()
  it("becomes tables of elements and their text", function()
    assert.same({ AssumeRoleResponse = { AssumeRoleResult = { Credentials = {
      AccessKeyId = "ASIA1", SessionToken = "a&b/+=" } },
      ResponseMetadata = { RequestId = "1" } } },
      xml.decode([[<?xml version="1.0"?>
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult><!-- a > b -->
    <Credentials><AccessKeyId>ASIA1</AccessKeyId>
      <SessionToken>a&amp;b/&#43;&#x3d;</SessionToken></Credentials>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleResponse>
]]))
  end)

  it("knows elements without content", function()
    assert.same({ a = { b = "", c = "" } }, xml.decode("<a><b/><c></c></a>"))
  end)

  it("leaves references to what is no character out, so that its text is UTF-8", function()
    assert.same({ a = "<>\u{FFFD}" },
      xml.decode("<a>&lt;&#0;&#xD800;&#57343;&#x110000;&gt;&#xFFFD;</a>"))
  end)

  it("counts the first of several elements of one name", function()
    assert.same({ a = { b = "1" } }, xml.decode("<a><b>1</b><b>2</b></a>"))
  end)

  for name, text in pairs {
    ["nothing"] = "", ["no XML"] = "hello", ["an end tag without a start"] = "</a>",
    ["a wrong end tag"] = "<a></b>", ["an element that does not end"] = "<a><b></b>",
    ["a tag that does not end"] = "<a", ["a document type"] = "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
    ["elements too deep"] = ("<a>"):rep(100) .. ("</a>"):rep(100),
    ["too much"] = "<a>" .. ("x"):rep(1 << 20) .. "</a>",
  } do
    it("is refused when it is " .. name, function()
      local value, err = xml.decode(text)
      assert.is_nil(value)
      assert.matches("^expected ", err)
    end)
  end
end)
