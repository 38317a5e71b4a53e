variable "region" {
  type        = string
  description = "The region of the mesh."
}

variable "cluster" {
  type        = string
  description = "Name or ARN of the ECS cluster."
}

variable "namespace_id" {
  type        = string
  description = "Id of the Cloud Map namespace, a private DNS one: ns-…"
}

variable "namespace_name" {
  type        = string
  description = "Its name."
}

variable "subnets" {
  type        = list(string)
  description = "Subnets from which Cloud Map, ECR and CloudWatch Logs can be reached."
}

variable "security_groups" {
  type        = list(string)
  description = "Security groups of the tasks, which let the other tasks of the mesh in."
}

variable "service" {
  type        = string
  description = "The service, such as shop."
}

variable "color" {
  type        = string
  default     = "blue"
  description = "Its color; each color is a state of its own."
}

variable "sidecar_image" {
  type        = string
  description = "URI of the image nightjar-sidecar in your registry, with tag or digest."
}

variable "application_image" {
  type        = string
  description = "URI of the image of the application."
}

variable "application_port" {
  type        = number
  default     = 8000
  description = "Port on which the application listens."
}

variable "sidecar_port" {
  type        = number
  default     = 8080
  description = "Port on which the sidecar listens; the containers of a task share their ports."
}

variable "architecture" {
  type        = string
  default     = "X86_64"
  description = "That of the images: X86_64 or ARM64."
}

variable "desired_count" {
  type        = number
  default     = 2
  description = "Number of tasks."
}
