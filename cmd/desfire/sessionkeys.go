package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// sessionKeys are the flags that say which keys a recorded session may have used.
type sessionKeys struct {
	specs    []string
	defaults bool
}

func (k *sessionKeys) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&k.specs, "key", "k", nil, "a key, [AID:NUMBER=]TYPE:DIGITS; may be repeated")
	f.BoolVar(&k.defaults, "default-keys", false, "try also the keys of zeros that cards are delivered with")
}

// read are the keys of --key.
func (k *sessionKeys) read(cmd *cobra.Command) ([]trace.Key, error) {
	var keys []trace.Key
	for _, s := range k.specs {
		one, err := untilEnd(cmd.Context(), func() (trace.Key, error) { return trace.ParseKey(s) })
		switch {
		case errors.Is(err, errInterrupted):
			return nil, err
		case err != nil:
			return nil, &usageError{cmd, fmt.Errorf("--key: %w", err)}
		}
		keys = append(keys, one)
	}
	return keys, nil
}
