-- Keys that a program prints, and those of the environment and the files: found, renewed, refused.

local cli = require "spec.support.cli"
local clock = require "host.clock"
local file = require "host.file"
local sched = require "nightjar.agent.sched"
local sources = require "spec.support.sources"

local HOUR = 3600

describe("keys that a program prints", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function program(text)
    return sources.write(folder, "a folder/print", "#!/bin/sh\n" .. text, "700")
  end

  -- Prints these keys, and a line into a file for each time that it runs.
  local function keys(id, seconds)
    program(("echo run >>'%s/runs'\necho '%s'\n"):format(folder, ('{"Version": 1, '
      .. '"AccessKeyId": "%s", "SecretAccessKey": "hidden-secret", "SessionToken": '
      .. '"hidden-token"%s}'):format(id,
        seconds and (', "Expiration": "%s"'):format(sources.time(seconds)) or "")))
  end

  local function runs()
    return select(2, (file.read(folder .. "/runs") or ""):gsub("run\n", ""))
  end

  local function open(words, options)
    return sources.open({ AWS_CONFIG_FILE = sources.write(folder, "config",
      ('[default]\ncredential_process = "%s/a folder/print" %s\n'):format(folder, words or "")) },
      options)
  end

  local function fails(world, seconds, problem)
    local found, err = world:at(seconds)
    assert.is_nil(found)
    assert.equal(("profile default: credential_process: %s/a folder/print: %s"):format(folder,
      problem), err)
  end

  it("come with their end, and say where they are from", function()
    keys("ASIA1", HOUR)
    assert.same({ access_key_id = "ASIA1", secret_access_key = "hidden-secret",
      session_token = "hidden-token", expires = sources.START + HOUR,
      source = "process of profile default", method = "credential_process" }, open():at(0))
  end)

  it("are renewed by another run, and never where they have no end", function()
    keys("ASIA1", HOUR)
    local world = open()
    world:at(0)
    keys("ASIA2")
    assert.equal("ASIA1", world:at(HOUR - 901).access_key_id)
    assert.equal(1, runs())
    assert.equal("ASIA2", world:at(HOUR - 600).access_key_id)
    assert.equal("ASIA2", world:at(100 * HOUR).access_key_id)
    assert.equal(2, runs())
  end)

  it("stay in use while the program fails, and are gone with their end", function()
    keys("ASIA1", HOUR)
    local world = open()
    local first = world:at(0)
    program "echo 'your ticket has ended' >&2\nexit 4\n"
    assert.equal(first, world:at(HOUR - 700))
    assert.equal(first, world:at(HOUR - 1))
    fails(world, HOUR + 1, "status 4: your ticket has ended")
    keys("ASIA2", 2 * HOUR)
    assert.equal("ASIA2", world:at(HOUR + 2).access_key_id)
  end)

  it("do not come in what is not such a document; the message holds nothing of it", function()
    for text, problem in pairs {
      ["echo hidden"] = "expected a JSON object on its output",
      ["true"] = "expected a JSON object on its output",
      [ [[echo '{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "hidden"}']] ] =
        "expected Version 1 in its output",
      [ [[echo '{"Version": "1", "AccessKeyId": "A", "SecretAccessKey": "hidden"}']] ] =
        "expected Version 1 in its output",
      [ [[echo '{"Version": 1, "AccessKeyId": "A", "SessionToken": "hidden"}']] ] =
        "expected AccessKeyId and SecretAccessKey, SecretAccessKey is missing",
      ["kill -KILL $$"] = "signal KILL",
      ["echo hidden; exit 1"] = "status 1",
    } do
      program(text .. "\n")
      fails(open "--password hidden", 0, problem)
    end
  end)

  it("are not told of by what the program was given, though it repeats that", function()
    program "echo \"usage: print --key KEY, got $*\" >&2\nexit 2\n"
    fails(open "--key hidden-argument", 0, "status 2: usage: print --key KEY, got --key …")
  end)

  it("do not come from a program that is not there", function()
    local found, err = open("--password hidden"):at(0)
    assert.is_nil(found)
    assert.matches("^profile default: credential_process: .*/a folder/print: .*No such file", err)
    assert.is_nil(err:find("hidden", 1, true))
  end)

  it("do not come from one that prints without end, which is stopped", function()
    program "exec yes hidden\n"
    local found, err = open():at(0)
    assert.is_nil(found)
    assert.matches("more than 65536 bytes on stdout", err, 1, true)
    assert.is_nil(err:find("hidden", 1, true))
  end)

  it("are not waited for longer than a minute; the program ends with all it started", function()
    program(("sleep 300 &\necho $! >'%s/pid'\nwait\n"):format(folder))
    local limit
    local world = open("", { exec = function(options)
      -- The real minute would be a long one here.
      limit, options.deadline = options.deadline, 0.5
      return sched.exec(options)
    end })
    local started = clock.monotonic()
    fails(world, 0, "no end within 60 s")
    assert.equal(60, limit)
    assert.is_true(clock.monotonic() - started < 4)
    local pid = assert(file.read(folder .. "/pid")):match("%d+")
    local state
    repeat
      state = (file.read("/proc/" .. pid .. "/stat") or ""):match("%) (%a)")
      -- A zombie, until whoever inherits it looks, has ended too.
    until not state or state == "Z" or clock.monotonic() - started > 10
    assert(not state or state == "Z", state)
  end)

  it("are printed once for all who wait for them", function()
    keys("ASIA1", HOUR)
    local found = open():at_once(20)
    assert.equal(found[1], found[20])
    assert.equal(1, runs())
  end)
end)

describe("keys that stand in variables and files", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  it("of the environment are good without end, and come before all others", function()
    local world = sources.open { AWS_ACCESS_KEY_ID = "AKIA1", AWS_SECRET_ACCESS_KEY = "s",
      AWS_SESSION_TOKEN = "t", AWS_WEB_IDENTITY_TOKEN_FILE = "/nonexistent",
      AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://127.0.0.1:1/" }
    local found = world:at(0)
    assert.same({ access_key_id = "AKIA1", secret_access_key = "s", session_token = "t",
      source = "environment", method = "environment" }, found)
    assert.equal(found, world:at(1000 * HOUR))
  end)

  it("of a file are read again once AWS has refused them", function()
    local function write(id)
      return sources.write(folder, "credentials",
        ("[default]\naws_access_key_id = %s\naws_secret_access_key = s\n"):format(id))
    end
    local world = sources.open { AWS_SHARED_CREDENTIALS_FILE = write "AKIA1" }
    local first = world:at(0)
    assert.same({ "AKIA1", "credentials_file", "profile default" },
      { first.access_key_id, first.method, first.source })
    write "AKIA2"
    assert.equal(first, world:at(HOUR))
    world.store:expire(first)
    assert.equal("AKIA2", world:at(HOUR).access_key_id)
  end)
end)
