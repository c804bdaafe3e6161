package mobile

import (
	"testing"

	"github.com/go-desfire/desfire/internal/failure/failuretest"
)

// The codes of the library's errors are those that the tool has for its exit codes.
func TestCodesOfEveryKind(t *testing.T) {
	for _, s := range failuretest.Samples() {
		if got := codeIn(s.Err); got != string(s.Code) {
			t.Errorf("%T: %q, want %q", s.Err, got, s.Code)
		}
	}
}
