package main

import (
	"fmt"

	"github.com/go-desfire/desfire/trace"
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
func (k *sessionKeys) read() ([]trace.Key, error) {
	var keys []trace.Key
	for _, s := range k.specs {
		one, err := trace.ParseKey(s)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		keys = append(keys, one)
	}
	return keys, nil
}
