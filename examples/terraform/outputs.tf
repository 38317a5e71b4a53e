output "service_id" {
  description = "What update-service-attributes takes as --service-id."
  value       = aws_service_discovery_service.registry.id
}

output "set_weight" {
  description = "Names the color once, and gives a path of it a weight; change path and weight."
  value       = "aws servicediscovery update-service-attributes --region ${var.region} --service-id ${aws_service_discovery_service.registry.id} --attributes 'SERVICE=${var.service},COLOR=${var.color},/${var.service}=0'"
}

output "task_definition" {
  description = "The revision that is in use, for a way back."
  value       = aws_ecs_task_definition.task.arn
}
