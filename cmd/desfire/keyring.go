package main

import (
	"github.com/go-desfire/desfire/keystore"
	"github.com/spf13/cobra"
)

// ring is the keyring of a run.
type ring struct{ keystore.Store }

func (r *ring) close() {}

func (a *app) readRing(*cobra.Command) error { return nil }
