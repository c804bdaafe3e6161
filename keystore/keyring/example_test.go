package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// A card is asked for its key's version; of the keys in the ring, the one of that
// version is its own.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "keyring")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(name, []byte(`
desfire: keys/v1
masters:
  campus-2026: aes:00112233445566778899AABBCCDDEEFF
  campus-2024: aes:FFEEDDCCBBAA99887766554433221100
keys:
  F48121:
    1: # newest first
      - {from: campus-2026, version: 2, diversify: {an10922: {uid: true, aid: true}}}
      - {from: campus-2024, version: 1, diversify: {an10922: {uid: true, aid: true}}}
`), 0o600); err != nil {
		log.Fatal(err)
	}
	ring, err := keyring.Open(name, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()

	const versionOnCard = 1
	ref, err := keystore.ParseRef("04782E21801D80/F48121/1")
	if err != nil {
		log.Fatal(err)
	}
	slots, err := ring.Slots(ctx, ref)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range slots {
		if s.Facts.Version == versionOnCard {
			k, err := s.Key(ctx)
			fmt.Println(k, err)
		}
	}

	// Without the UID there is no key of a card.
	_, err = ring.Key(ctx, ref.Everywhere())
	fmt.Println(errors.Is(err, keyring.ErrNoUID))
	// Output:
	// AES version 01 check 611ECC <nil>
	// true
}

// What is wrong in the file is named with its place.
func ExampleFileError() {
	dir, err := os.MkdirTemp("", "keyring")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(name, []byte("desfire: keys/v1\nkeys:\n  F4812: {0: prompt}\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	_, err = keyring.Open(name, nil)
	var fe *keyring.FileError
	if errors.As(err, &fe) {
		fmt.Println(fe.Line, fe.Column, fe.Reason)
	}
	// Output: 3 3 "F4812" is no place: want card, app, an AID of six hexadecimal digits, or df: and a DF name in hexadecimal
}
