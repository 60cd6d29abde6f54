"""What a workflow file may hold: one declaration, from which both the reader and the JSON Schema are made."""
