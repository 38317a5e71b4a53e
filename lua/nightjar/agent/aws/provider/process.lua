--- Credentials that a program prints: `credential_process` of a profile.
---
--- Source: "Process credential provider" in the AWS SDKs and Tools Reference Guide.
local document = require "nightjar.agent.aws.document"
local ini = require "nightjar.agent.aws.ini"
local json = require "host.json"
local messages = require "nightjar.text"
local redact = require "nightjar.agent.aws.redact"

local process = {}

-- Seconds. A program that asks a person for something would never end.
local TIMEOUT = 60
local MAX_ERROR = 300

-- Shorter words of a command are options and names, and no secret.
local SHORTEST_SECRET = 8

-- What the program says of its failure, for people; never what it printed as its result, nor what
-- it was given.
local function said(result, words)
  local given = {}
  for position = 2, #words do
    if #words[position] >= SHORTEST_SECRET then given[#given + 1] = words[position] end
  end
  local line = redact(result.stderr or "", given):match("^%s*([^\r\n]*)")
  return line ~= "" and ": " .. messages.clean(line, MAX_ERROR) or ""
end

local function check_version(body)
  local answer = json.decode(body, { max_bytes = document.MAX_BYTES })
  if type(answer) ~= "table" then return nil, "expected a JSON object on its output" end
  if answer.Version == 1 then return true end
  return nil, "expected Version 1 in its output"
end

local function run(context, words)
  local result, err = context.exec { argv = words, deadline = TIMEOUT, stderr = true,
    max_output = document.MAX_BYTES }
  if not result then return nil, err end
  if result.timed_out then return nil, ("no end within %d s"):format(TIMEOUT) end
  if result.status ~= 0 then
    local how = result.status and "status " .. result.status or "signal " .. result.signal
    return nil, how .. said(result, words)
  end
  local ok, problem = check_version(result.stdout)
  if not ok then return nil, problem end
  return document.read(result.stdout, { token = "SessionToken" })
end

--- Runs the program and reads what it prints. Its words are split as a shell does, but no shell
--- is started. It is killed, with all that it started, after a minute.
---@param context AwsWorld
---@param command string
---@param name string  of the profile
---@return Credentials?
---@return string? err
function process.find(context, command, name)
  local where = ("profile %s: credential_process"):format(name)
  local words, err = ini.words(command)
  if not words then return nil, where .. ": " .. err end
  if not words[1] then return nil, where .. ": expected a program" end
  local found, problem = run(context, words)
  if not found then
    -- The program alone is named: its words may hold a secret.
    return nil, ("%s: %s: %s"):format(where, messages.clean(words[1], 200), problem)
  end
  found.source, found.method = "process of profile " .. name, "credential_process"
  return found
end

return process
