-- Every setting of nightjar: its name, type, default and meaning. The settings'
-- checks, `nightjar help`, `nightjar config` and docs/settings.md follow it.
--
-- name      the environment variable; the flag and the YAML key are its lower case
-- type      a reader of settings/types.lua; `min`, `max`, `words`, `pattern`, `flag` go with it
-- default   the value when nothing gives one; none: the setting is nil
-- data      the default is this path below the installed data (templates, policies, …)
-- alias     another name for the same setting
-- secret    a wrong value is not shown, nor is what follows the host of a URL
-- keep_empty  an empty value is a value, not the same as unset
-- aws       handed to the AWS code through the environment; shown by `config` when set

local schema = {}

---Settings of nightjar itself, in the order in which they are shown.
schema.entries = {
  { name = "SERVICE_MEMBER", type = "text", value = "ID",
    about = "Cloud Map service id (srv-…) or ARN of the service-color this sidecar stands beside; "
      .. "-gateway-: gateway mode" },
  { name = "SERVICE_PORT", type = "port", default = 8080,
    about = "port of the listener for the own (private) mesh" },
  { name = "ENVOY_ADMIN_PORT", type = "port", default = 9901,
    about = "port of Envoy's admin interface, on loopback" },
  { name = "PING_PATH", type = "url_path", default = "/ping",
    about = "path which every listener answers with 200, and with 503 while draining" },
  { name = "DISCOVERY", type = "word", words = { "cloudmap", "file" },
    default_text = "cloudmap if SERVICE_MEMBER is given, else file",
    about = "where the mesh comes from" },
  { name = "MESH_FILE", type = "path", data = "examples/mesh.yaml",
    about = "the mesh description for DISCOVERY=file" },
  { name = "REFRESH_TIME", type = "seconds", default = 30, min = 0.1, max = 86400,
    about = "seconds from the start of one pass to the start of the next; a tenth less with "
      .. "`SNAPSHOT_STORE`" },
  { name = "LIST_TIME", type = "seconds", min = 0, max = 86400,
    default_text = "4 times `REFRESH_TIME`",
    about = "seconds, give or take a quarter, between two looks for new services, and at those "
      .. "that no listener shows; 0: at each pass" },
  { name = "ATTRIBUTES_TIME", type = "seconds", min = 0, max = 86400,
    default_text = "4 times `REFRESH_TIME` in a mesh of up to 9 services, 20 times with 20, 80 "
      .. "with 40, 100 with more",
    about = "seconds, give or take a quarter, between two looks whether a service without "
      .. "attributes of its own (service-level) has some now; 0: at each pass" },
  { name = "EXIT_ON_GENERATION_FAILURE", type = "switch", default = false,
    about = "exit when a generation fails; off: 0, false, no or empty" },
  { name = "FAILURE_SLEEP", type = "seconds", default = 300, min = 0, max = 86400,
    about = "seconds to wait, Envoy still supervised, before that exit" },
  { name = "ENVOY_TEMPLATE_DIR", type = "path", data = "templates",
    about = "folder of the templates" },
  { name = "POLICY_DIR", type = "path", data = "policies",
    about = "folder of the policies" },
  { name = "ENVOY_CONFIGURATION_FILE", type = "relative_path", default = "envoy-config.yaml",
    alias = "ENVOY_CONFIGURATION_TEMPLATE",
    about = "name of the rendered bootstrap file" },
  { name = "TMP_DIR", type = "path", default = "/tmp",
    about = "output goes to active-envoy-config/ in this folder" },
  { name = "TRIGGER_STOP_FILE", type = "path", default = "/tmp/stop.txt",
    about = "removed at start; when it appears the agent stops gracefully" },
  { name = "ENVOY_PID_FILE", type = "path", default = "/tmp/envoy.pid",
    about = "written while Envoy runs" },
  { name = "ENVOY_BIN", type = "path", default = "envoy", keep_empty = true,
    about = "the Envoy to start, found on PATH unless it holds a slash; empty: start none" },
  { name = "ENVOY_LOG_LEVEL", type = "word", default = "info",
    words = { "trace", "debug", "info", "warning", "warn", "error", "critical", "off" },
    about = "given to Envoy" },
  { name = "ENVOY_BASE_ID", type = "integer", default = 0, min = 0, max = 429496729,
    about = "given to Envoy; tells Envoys of one host apart" },
  { name = "SERVICE_CONTAINER_NAME", type = "text", default = "NOT_SET", value = "NAME",
    about = "Envoy's node.cluster in the shared-volume deployment" },
  { name = "AVAILABILITY_ZONE", type = "text", value = "ZONE",
    default_text = "what the metadata of an ECS task says",
    about = "zone that this container is in, for policies that prefer near endpoints" },
  { name = "STOP_TIMEOUT", type = "seconds", default = 25, min = 0, max = 3600,
    about = "seconds from SIGTERM to the end, drain included" },
  { name = "STATUS_ADDRESS", type = "status_address",
    about = "host:port (loopback) or the path of a socket for status and metrics" },
  { name = "SNAPSHOT_STORE", type = "store",
    about = "s3://bucket/prefix: agents of one mesh share one reading of Cloud Map there" },
  { name = "LOG_LEVEL", type = "word", words = { "debug", "info", "warn", "error" },
    default = "info", about = "least level of the agent's own log" },
  { name = "LOG_FORMAT", type = "word", words = { "logfmt", "json" }, default = "logfmt",
    about = "form of the agent's own log" },
  { name = "HOOK", type = "hook", secret = true,
    about = "path of a program, or URL, that is told of accepted, refused and stale generations" },
  { name = "HOOK_TIMEOUT", type = "seconds", default = 10, min = 0.1, max = 3600,
    about = "seconds after which one call of the hook is given up" },
  { name = "API_CONCURRENCY", type = "integer", default = 8, min = 1, max = 100,
    about = "API calls in flight at once" },
  { name = "PLAN_MAX_MEMORY", type = "integer", default = 256, min = 8, max = 65536, value = "MIB",
    about = "MiB that nightjar-plan may use for policies and templates" },
  { name = "PLAN_MAX_INSTRUCTIONS", type = "integer", default = 100000000, min = 100000,
    max = 1 << 53, about = "instructions that each policy and each template may execute" },
  { name = "PLAN_MAX_CPU", type = "seconds", default = 1, min = 0.1, max = 3600,
    about = "seconds of processor time that each policy and each template may use" },
  { name = "PLAN_DEADLINE", type = "seconds", default = 30, min = 0.1, max = 3600,
    about = "seconds after which nightjar-plan is killed" },
  { name = "DEBUG_CONTAINER", type = "switch", default = false,
    about = "1: `nightjar run`, which the images start, is a shell instead (environment only)" },
  { name = "NIGHTJAR_CONFIG", type = "path", alias = "CONFIG",
    about = "YAML configuration file; its keys are these names in lower case" },
}

-- As in every AWS SDK (AWS SDKs and Tools Reference Guide). Keys, tokens and
-- passwords are not among them: a flag or a file of settings is no place for
-- secrets, so those come from the environment or from the AWS chain only.
local aws = {
  { "AWS_REGION", "region; else from the AWS chain" },
  { "AWS_PROFILE", "profile in the AWS files" },
  { "AWS_DEFAULT_REGION", "region when AWS_REGION is not set" },
  { "AWS_DEFAULT_PROFILE", "profile when AWS_PROFILE is not set" },
  { "AWS_CONFIG_FILE", "instead of ~/.aws/config" },
  { "AWS_SHARED_CREDENTIALS_FILE", "instead of ~/.aws/credentials" },
  { "AWS_ROLE_ARN", "role to assume with a web identity" },
  { "AWS_ROLE_SESSION_NAME", "name of that session" },
  { "AWS_WEB_IDENTITY_TOKEN_FILE", "file that holds the web identity's token" },
  { "AWS_ENDPOINT_URL", "endpoint of every AWS service" },
  { "AWS_ENDPOINT_URL_SERVICEDISCOVERY", "endpoint of Cloud Map" },
  { "AWS_ENDPOINT_URL_STS", "endpoint of STS" },
  { "AWS_ENDPOINT_URL_S3", "endpoint of S3, for SNAPSHOT_STORE" },
  { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true: use no configured endpoint" },
  { "AWS_USE_FIPS_ENDPOINT", "true: use FIPS endpoints" },
  { "AWS_USE_DUALSTACK_ENDPOINT", "true: use IPv4 and IPv6 endpoints" },
  { "AWS_STS_REGIONAL_ENDPOINTS", "regional or legacy" },
  { "AWS_DISABLE_HOST_PREFIX_INJECTION", "true: no data- in front of an endpoint's host" },
  { "AWS_CA_BUNDLE", "certificates to trust instead of the system's" },
  { "AWS_EC2_METADATA_DISABLED", "true: never ask EC2's metadata service" },
  { "AWS_EC2_METADATA_SERVICE_ENDPOINT", "endpoint of EC2's metadata service" },
  { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6" },
  { "AWS_METADATA_SERVICE_TIMEOUT", "seconds for one call of the metadata service" },
  { "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "tries for one call of the metadata service" },
  { "AWS_SDK_UA_APP_ID", "application id in the user agent" },
  { "AWS_MAX_ATTEMPTS", "tries for one call of an AWS service, 3 by default" },
  { "AWS_RETRY_MODE", "standard" },
}
for _, row in ipairs(aws) do
  schema.entries[#schema.entries + 1] =
    { name = row[1], type = "text", value = "TEXT", about = row[2], aws = true }
end

---NAMESPACE_0 … NAMESPACE_99 and their ports.
schema.LAST_NAMESPACE = 99
schema.namespace = { type = "text", value = "NAMESPACE",
  about = "another mesh: namespace name, id:ns-…, bare id, or ARN" }
schema.namespace_port = { type = "text", value = "PORT",
  about = "port of that mesh's listener; missing or invalid: the namespace is skipped" }

---The one key of the YAML file that is not a setting: { policy = { setting = value } }.
schema.POLICIES = "policies"

return schema
