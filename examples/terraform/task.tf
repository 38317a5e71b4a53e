# The task: nightjar, and the application that waits for it.

locals {
  logs = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.logs.name
      awslogs-region        = var.region
      awslogs-stream-prefix = local.name
    }
  }

  containers = [
    {
      name      = "nightjar"
      image     = var.sidecar_image
      essential = true
      user      = "1337:1337"
      # The image declares VOLUME /tmp, so the volume belongs to whom the folder belongs to there.
      readonlyRootFilesystem = true
      mountPoints = [
        { sourceVolume = "nightjar-tmp", containerPath = "/tmp", readOnly = false },
      ]
      # No initProcessEnabled: nightjar is process 1, forwards signals and reaps.
      linuxParameters = {
        capabilities = {
          drop = ["ALL"]
        }
      }
      environment = [
        { name = "AWS_REGION", value = var.region },
        { name = "SERVICE_MEMBER", value = aws_service_discovery_service.registry.id },
        { name = "SERVICE_PORT", value = tostring(var.sidecar_port) },
        { name = "STOP_TIMEOUT", value = "25" },
      ]
      healthCheck = {
        command     = ["CMD", "nightjar", "ready"]
        interval    = 5
        timeout     = 3
        retries     = 3
        startPeriod = 60
      }
      # Longer than STOP_TIMEOUT, which holds the drain; Fargate allows 120.
      stopTimeout      = 30
      logConfiguration = local.logs
    },
    {
      name      = "application"
      image     = var.application_image
      essential = true
      # Started when routes are in force, and stopped before the sidecar.
      dependsOn = [
        { containerName = "nightjar", condition = "HEALTHY" },
      ]
      portMappings = [
        { containerPort = var.application_port, protocol = "tcp" },
      ]
      environment = [
        { name = "MESH", value = "http://127.0.0.1:${var.sidecar_port}" },
      ]
      logConfiguration = local.logs
    },
  ]
}

resource "aws_ecs_task_definition" "task" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "512"
  memory                   = "1024"
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode(local.containers)

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  volume {
    name = "nightjar-tmp"
  }

  lifecycle {
    precondition {
      condition     = var.application_port != var.sidecar_port
      error_message = "application_port and sidecar_port are the same; give sidecar_port another."
    }
  }
}
