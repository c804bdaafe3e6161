package main

import (
	"os"
	"strings"

	keys "github.com/zalando/go-keyring"
)

// osKeys are the keys in the keyring of the system that tests see, which lives as
// long as the process: SERVICE/NAME=KEY, with blanks between.
const osKeys = "DESFIRE_TEST_OS_KEYS"

// mockOSKeyring keeps tests away from the keyring of whoever runs them.
func mockOSKeyring() {
	keys.MockInit()
	for entry := range strings.FieldsSeq(os.Getenv(osKeys)) {
		at, text, _ := strings.Cut(entry, "=")
		service, name, _ := strings.Cut(at, "/")
		if err := keys.Set(service, name, text); err != nil {
			panic(err)
		}
	}
}
