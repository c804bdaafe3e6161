package desfire

import "github.com/go-desfire/desfire/wire"

// withoutSecrets is cmd as an observer may see it: without the bytes of keys.
func withoutSecrets(cmd wire.Command) wire.Command {
	switch m := cmd.(type) {
	case *wire.ChangeKey:
		return &wire.ChangeKey{Key: m.Key}
	case *wire.ChangeKeyEV2:
		return &wire.ChangeKeyEV2{Set: m.Set, Key: m.Key}
	case *wire.CreateTransactionMACFile:
		c := *m
		c.Key = [16]byte{}
		return &c
	case *wire.CreateDelegatedApplication:
		c := *m
		c.EncK = [len(c.EncK)]byte{}
		return &c
	case *wire.SetConfiguration:
		if k, ok := m.Setting.(*wire.DefaultKey); ok {
			return &wire.SetConfiguration{Setting: &wire.DefaultKey{Version: k.Version}}
		}
	}
	return cmd
}
