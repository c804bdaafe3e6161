package desfire

import "github.com/go-desfire/desfire/wire"

// Update tells external tests whether to rewrite generated documentation.
func Update() bool { return *update }

// Known shows what a card remembers of a file, itself and no copy.
func Known(c *Card, no FileNo) *wire.FileSettings { return c.settingsOf(no) }
