package main

import (
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/operations"
)

// checkFlags says what is wrong with the words of the flags, before anything is opened.
func (c *running) checkFlags() (err error) {
	f := c.flags
	if (f.cert == "") != (f.certKey == "") {
		return wrong("--tls-cert and --tls-key go together")
	}
	if f.cluster != "" && f.leafs != "" {
		return wrong("--leafs is for the server inside: with --nats servers of sites are those of the cluster")
	}
	for _, d := range []struct {
		flag, text string
		none       bool // there is to be none
	}{
		{"listen", f.listen, f.cluster != ""}, {"leafs", f.leafs, f.leafs == ""}, {"join", f.join, false},
		{"page", f.page, f.page == "off"}, {"metrics", f.metrics, f.metrics == ""},
	} {
		if d.none {
			continue
		}
		if err := operations.CheckAddress(d.text); err != nil {
			return wrong("--%s %w", d.flag, err)
		}
	}
	if c.proved, err = places(f.proved); err != nil {
		return err
	}
	switch {
	case len(c.proved) > 0 && f.keys == "":
		return wrong("--proved needs the transaction MAC keys of those applications: --keys")
	case f.keys == "" && (f.policy != "" || f.identity != ""):
		return wrong("--keys missing: --policy and --identity are about a keyring")
	case f.keys != "" && f.policy == "":
		return wrong("--policy missing: without one no agent may use any key of %s", f.keys)
	}
	return nil
}

// absolute makes a path one that means the same from everywhere.
func absolute(path string) (string, error) {
	all, err := filepath.Abs(path)
	if err != nil {
		return "", wrong("--dir %s: %w", path, err)
	}
	return all, nil
}

// typed is a word as a shell takes it.
func typed(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%") == "" && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
