package purse

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// NoFileError means that the card says that there is no such file.
type NoFileError struct {
	Place wire.Place
	File  wire.FileNo
	Err   error // the card's refusal
}

func (e *NoFileError) Error() string {
	return fmt.Sprintf("%s has no file %d", e.Place.Words(), e.File)
}

// Unwrap returns the card's refusal.
func (e *NoFileError) Unwrap() error { return e.Err }

// TypeError means that a file is not a value file.
type TypeError struct {
	Place wire.Place
	File  wire.FileNo
	Type  wire.FileType
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("file %d of %s is a %v file, not a value file", e.File, e.Place.Words(), e.Type)
}

// LimitError means that a change was not begun, since the value would have left
// the limits of the file.
type LimitError struct {
	Change Change
	Value  int32
	Limit  int32
}

func (e *LimitError) Error() string {
	if e.Change.Kind == Debit {
		return fmt.Sprintf("the value is %d and may not go below %d: %d cannot be taken", e.Value, e.Limit, e.Change.Amount)
	}
	return fmt.Sprintf("the value is %d and may not go above %d: %d cannot be added", e.Value, e.Limit, e.Change.Amount)
}

// TooLittleError means that a drain ended before its first debit, since the card
// has less to give.
type TooLittleError struct {
	Have, Amount int32
}

func (e *TooLittleError) Error() string {
	return fmt.Sprintf("the card has %d to give, less than the amount of one debit, %d: nothing was debited", e.Have, e.Amount)
}
