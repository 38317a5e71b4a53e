-- Which addresses of endpoints are taken, and for what family.

local address = require("nightjar.plan.address")

describe("addresses", function()
  local families = {
    ipv4 = { "10.0.0.1", "0.0.0.0", "255.255.255.255", "1.2.3.4" },
    ipv6 = { "::", "::1", "fe80::1", "2001:db8:0:0:0:0:0:1", "2001:DB8::", "1:2:3:4:5:6:7:8",
      "::ffff:10.0.0.1", "1:2:3:4:5:6:1.2.3.4", "1::2:3:4:5:6:7" },
    host = { "localhost", "a.b", "my_service", "x-1.example.com.", "1a", "3com.com" },
  }
  for family, values in pairs(families) do
    for _, value in ipairs(values) do
      it(("of family %s: %s"):format(family, value), function()
        assert.equal(family, address.family(value))
      end)
    end
  end

  for _, value in ipairs({ "", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ",
    ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "12345::",
    "fe80::1%eth0", "::256.1.1.1", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "[::1]", "a..b", "-a", "a-",
    ".a", "a b", "a/b", "1", "1.2", ("a"):rep(64), ("a."):rep(127) .. "a", "a\n", "é" }) do
    it(("refuses %q"):format(value:sub(1, 40)), function()
      assert.is_nil(address.family(value))
    end)
  end

  it("have ports from 1 to 65535", function()
    assert.equal(1, address.port("1"))
    assert.equal(65535, address.port("065535"))
    for _, text in ipairs({ "0", "", "65536", "-1", "80x", "8080.0", "1e3" }) do
      assert.is_nil(address.port(text), text)
    end
  end)
end)
