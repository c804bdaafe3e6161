package dam

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Signer is the holder of a card's delegation keys, or of those that all its
// cards share.
type Signer struct {
	MAC key.Key // key 11 (hexadecimal) of the card
	Enc key.Key // key 12
	// Rand is where the random part of EncK comes from; nil means crypto/rand.
	Rand io.Reader
}

// Sign completes a command with EncK and DAMMAC: app becomes the key that all
// keys of the new application are at first. What else the command says must not
// change after that.
func (s *Signer) Sign(ctx context.Context, m *wire.CreateDelegatedApplication, app key.Exporter) error {
	if app == nil {
		return errors.New("DAM: no key for the application")
	}
	if got, want := app.Type().Wire(), m.KS2.KeyType(); got != want {
		return fmt.Errorf("DAM: the application's keys are of type %v, this one is a %v key", want, app.Type())
	}
	r := s.Rand
	if r == nil {
		r = rand.Reader
	}
	var random [7]byte
	if _, err := io.ReadFull(r, random[:]); err != nil {
		return fmt.Errorf("DAM: random: %w", err)
	}
	encK, err := EncK(ctx, s.Enc, random, app)
	if err != nil {
		return err
	}
	signed := *m
	signed.EncK = encK
	if signed.DAMMAC, err = CreateMAC(ctx, s.MAC, &signed); err != nil {
		return err
	}
	*m = signed
	return nil
}
