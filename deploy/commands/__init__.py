"""What `casewright` can be told to do: a file for each noun, and what the commands share."""
