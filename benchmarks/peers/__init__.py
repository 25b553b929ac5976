"""btstores beside other live-trading layers, each in an environment of its own."""
