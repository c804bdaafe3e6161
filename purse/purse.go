package purse

// Purse moves value files so that each change happens exactly once. It belongs to one
// goroutine.
type Purse struct {
	conf Config
}
