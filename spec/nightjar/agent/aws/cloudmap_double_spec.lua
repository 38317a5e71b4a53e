-- The specs' own Cloud Map endpoint, as the real AWS SDK sees it: what nightjar is tried against
-- must answer as AWS does, or the other specs prove nothing.
local json = require "host.json"
local moto = require "spec.support.moto"

describe("the Cloud Map endpoint of the specs, read by the AWS SDK", function()
  if moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, seen

  setup(function()
    endpoint = moto.faulty()
    seen = endpoint:checked()
  end)
  teardown(function() endpoint:stop() end)

  local function shows(what, name, expected)
    it(what, function() assert.same(expected, json.decode(json.encode(seen[name]))) end)
  end

  local function raises(what, name, class, status) shows(what, name, { class, status }) end

  shows("makes a namespace by an operation that is done", "operation", "SUCCESS")
  shows("lists services in pages", "pages of services", { 2, 2, 1 })
  shows("lists each service once", "services", { "s0", "s1", "s2", "s3", "s4" })
  shows("lists namespaces in pages", "pages of namespaces", 2)
  shows("lists each namespace once", "namespaces", { "a.local", "b.local", "c.local" })
  shows("filters namespaces by name", "namespace by name", { "b.local" })
  shows("knows a service by id and by ARN", "service by id and ARN", { "s0", "s0" })
  shows("knows a namespace by ARN", "namespace by ARN", true)
  shows("filters services by the ARN of their namespace", "services by the namespace's ARN", 2)

  shows("replaces an instance whose id is registered again", "registered twice", { "9002" })
  shows("moves the revision with each registration", "revision moves", { 2, 2 })
  shows("moves the revision with a deregistration", "revision moves on deregistration", 1)
  shows("lists all instances over their pages", "instances listed", 121)
  shows("discovers at most 100 instances unless asked for more", "instances by default", 100)
  shows("discovers up to 1,000 instances if asked", "all discovered", 121)
  shows("discovers in a different order each time", "order differs", true)
  shows("discovers by attribute", "by attribute", { "n006" })

  shows("discovers healthy instances", "HEALTHY", { "b" })
  shows("discovers unhealthy instances", "UNHEALTHY", { "a" })
  shows("discovers instances of any health", "ALL", { "a", "b" })
  shows("prefers healthy instances", "HEALTHY_OR_ELSE_ALL", { "b" })
  shows("gives all instances when none is healthy", "fails open", { "a", "b" })
  shows("gives no instance when none is healthy and only such were asked for", "none healthy", {})
  shows("moves no revision when health changes", "revision stays on health", true)

  shows("leaves out attributes that a service has not", "attributes at first",
    json.null)
  shows("merges attributes of a service", "attributes merged", { ["/a"] = "1", ["/b"] = "3" })
  shows("deletes attributes of a service", "attributes deleted", { ["/b"] = "3" })
  raises("refuses more than 30 attributes", "too many attributes",
    "ServiceAttributesLimitExceededException", 400)

  raises("does not know a service", "no service", "ServiceNotFound", 404)
  raises("does not know a namespace", "no namespace", "NamespaceNotFound", 404)
  raises("discovers nothing in an unknown namespace", "no namespace of that name",
    "NamespaceNotFound", 404)
  raises("discovers nothing of an unknown service", "no service of that name",
    "ServiceNotFound", 404)
  raises("deregisters an instance once", "deregistered again", "InstanceNotFound", 404)
  raises("makes a namespace once", "namespace made twice", "NamespaceAlreadyExists", 400)
  raises("makes a service once", "service made twice", "ServiceAlreadyExists", 400)

  raises("does not know a shared namespace by its id", "shared by id", "NamespaceNotFound", 404)
  shows("says who shares a namespace", "shared by ARN", "210987654321")
  raises("discovers nothing shared without its owner", "shared, without its owner",
    "NamespaceNotFound", 404)
  raises("discovers what is shared with its owner", "shared, with its owner", "nothing", 200)

  shows("throttles what goes beyond a burst", "three calls and one",
    { "nothing", "nothing", "nothing", "RequestLimitExceeded" })
  raises("throttles with 429", "throttled with", "RequestLimitExceeded", 429)
  raises("answers again when the bucket has filled", "half a second later", "nothing", 200)
  shows("keeps its connections open", "calls on one connection", { 50, 1 })
  raises("refuses what another clock signed", "clock ahead", "ClientError", 403)

  shows("says nothing that AWS's model does not allow", "violations", {})
  raises("refuses what the model does not allow", "beyond a limit", "InvalidInput", 400)
  shows("records what the model does not allow", "violations after that", 1)
end)
