package link

// RemovedError is an error that says that the card has left.
type RemovedError string

func (e RemovedError) Error() string { return string(e) }

// Removed is true, as desfire.Transport has it.
func (e RemovedError) Removed() bool { return true }
