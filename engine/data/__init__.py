"""The data language: JSON Schema, JSONPath mappings and CEL expressions, each compiled once and kept."""
