package trace

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// A recording of very many authentications, and many keys, do not hold up who verifies it.
func TestTrials(t *testing.T) {
	var keys []Key
	for i := range 64 {
		b := make([]byte, 16)
		binary.BigEndian.PutUint16(b, uint16(i+1)) //nolint:gosec // small
		k, err := key.NewAES(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, Key{No: -1, Value: k})
	}
	log := strings.Repeat("> 9071000008000602000000000000\n< 0111223344556677881122334455667788"+"91AF\n"+
		"> 90AF000020112233445566778811223344556677881122334455667788112233445566778800\n< "+strings.Repeat("5A", 32)+"9100\n", 1000)
	rec, _, err := Parse([]byte(log))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range Verify(rec, &VerifyConfig{Keys: keys}).Failures {
		all.WriteString(f.What + "\n")
	}
	if s := all.String(); !strings.Contains(s, "no known key explains it") || !strings.Contains(s, "not all keys are tried") {
		t.Errorf("%.2000s", s)
	}
}
