# One color of a service on Fargate, with nightjar as its sidecar: the same service as
# examples/ecs/fargate.yaml.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name      = "${var.service}-${var.color}"
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
}

# The name that others find in Cloud Map. SERVICE, COLOR and the weights of its paths are attributes
# of the service, for which this resource has no argument: see the output set_weight.
resource "aws_service_discovery_service" "registry" {
  name = local.name

  dns_config {
    namespace_id = var.namespace_id

    # SRV gives instances their port, without which nightjar knows no endpoint. Cloud Map allows no A
    # record beside it.
    dns_records {
      type = "SRV"
      ttl  = 10
    }
  }

  # ECS reports the health of the containers to Cloud Map.
  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_cloudwatch_log_group" "logs" {
  name              = "/nightjar/${local.name}"
  retention_in_days = 30
}

resource "aws_ecs_service" "service" {
  name            = local.name
  cluster         = var.cluster
  launch_type     = "FARGATE"
  desired_count   = var.desired_count
  task_definition = aws_ecs_task_definition.task.arn

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.subnets
    security_groups = var.security_groups
  }

  service_registries {
    registry_arn   = aws_service_discovery_service.registry.arn
    container_name = "application"
    container_port = var.application_port
  }

  # Only the roles are referred to above, and not what they may do: without this, tasks could start
  # before that is there, and lose it before they end.
  depends_on = [
    aws_iam_role_policy_attachment.execution,
    aws_iam_role_policy.mesh,
  ]
}
