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
    ".a", "a b", "a/b", "1", "1.2", "0xa9fea9fe", "127.0X1", "0x",
    ("a"):rep(64), ("a."):rep(127) .. "a", "a\n", "é" }) do
    it(("refuses %q"):format(value:sub(1, 40)), function()
      assert.is_nil(address.family(value))
    end)
  end

  it("are of this host's own link, whatever way they are written", function()
    for _, value in ipairs({ "169.254.169.254", "fe80::1", "FEBF:0:0::1", "::ffff:169.254.170.2",
      "0:0:0:0:0:FFFF:169.254.169.254", "::ffff:a9fe:a9fe", "0::0:ffff:a9fe:1", "fd00:ec2::254",
      "fd00:ec2:0:0:0:0:0:254", "fd00:0ec2:0::254", "FD00:EC2:0:0::23" }) do
      assert.is_not_nil(address.family(value), value)
      assert.is_true(address.is_link_local(value), value)
    end
    for _, value in ipairs({ "169.253.1.1", "10.169.254.1", "fec0::1", "fd00:ec20::1", "a9fe::",
      "::fffe:169.254.1.1", "1::ffff:169.254.1.1", "fe80.example.com" }) do
      assert.is_false(address.is_link_local(value), value)
    end
  end)

  it("lead to this host itself, whatever way they are written", function()
    for _, value in ipairs({ "127.0.0.1", "127.1.2.3", "0.0.0.0", "localhost", "LOCALHOST.",
      "a.localhost", "::1", "::", "0:0:0:0:0:0:0:1", "0::0", "::ffff:127.0.0.1", "::ffff:7f00:1",
      "0:0::ffff:0.0.0.0", "::ffff:0:0", "::0.0.0.1" }) do
      assert.is_not_nil(address.family(value), value)
      assert.is_true(address.is_loopback(value), value)
    end
    for _, value in ipairs({ "128.0.0.1", "10.0.0.127", "1::1", "::2", "1::", "::1:0",
      "::ffff:10.0.0.1", "localhost.example.com", "notlocalhost" }) do
      assert.is_false(address.is_loopback(value), value)
    end
  end)

  it("have ports from 1 to 65535", function()
    assert.equal(1, address.port("1"))
    assert.equal(65535, address.port("065535"))
    for _, text in ipairs({ "0", "", "65536", "-1", "80x", "8080.0", "1e3" }) do
      assert.is_nil(address.port(text), text)
    end
  end)
end)
