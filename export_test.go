package desfire

// Update tells external tests whether to rewrite generated documentation.
func Update() bool { return *update }
