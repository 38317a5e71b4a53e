# Two roles: what ECS may do to start a task, and what nightjar may do in it.

locals {
  trust = {
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "ecs-tasks.amazonaws.com" }
        Action    = "sts:AssumeRole"
        # Only for tasks of this account and region.
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:ecs:${var.region}:${local.account}:*"
          }
        }
      },
    ]
  }

  # An application that needs more gets it here too: all containers of a task share one role.
  mesh = {
    Version = "2012-10-17"
    Statement = [
      # The two lists know neither resources nor condition keys.
      {
        Effect = "Allow"
        Action = [
          "servicediscovery:ListNamespaces",
          "servicediscovery:ListServices",
        ]
        Resource = "*"
      },
      {
        Effect   = "Allow"
        Action   = "servicediscovery:GetNamespace"
        Resource = "arn:${local.partition}:servicediscovery:${var.region}:${local.account}:namespace/${var.namespace_id}"
      },
      # Ids are made by Cloud Map, so services that do not exist yet have no narrower name.
      {
        Effect = "Allow"
        Action = [
          "servicediscovery:GetService",
          "servicediscovery:GetServiceAttributes",
        ]
        Resource = "arn:${local.partition}:servicediscovery:${var.region}:${local.account}:service/*"
      },
      # One name for each further NAMESPACE_x.
      {
        Effect   = "Allow"
        Action   = "servicediscovery:DiscoverInstances"
        Resource = "*"
        Condition = {
          StringEquals = {
            "servicediscovery:NamespaceName" = [var.namespace_name]
          }
        }
      },
    ]
  }
}

# A prefix may have 38 characters, and names of services are longer at times.
resource "aws_iam_role" "execution" {
  name_prefix        = "nightjar-start-"
  description        = "Starts the tasks of ${local.name}"
  assume_role_policy = jsonencode(local.trust)
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role" "task" {
  name_prefix        = "nightjar-task-"
  description        = "Is held by the tasks of ${local.name}"
  assume_role_policy = jsonencode(local.trust)
}

resource "aws_iam_role_policy" "mesh" {
  name   = "read-the-mesh"
  role   = aws_iam_role.task.id
  policy = jsonencode(local.mesh)
}
