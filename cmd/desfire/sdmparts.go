package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/sdm"
	"github.com/spf13/cobra"
)

// sdmParts is a message by its parameters.
type sdmParts struct{ picc, uid, ctr, mac, enc, input string }

func (p *sdmParts) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.picc, "picc", "", "enciphered PICC data in `HEX`")
	f.StringVar(&p.uid, "uid", "", "plain UID, 7 bytes in `HEX`")
	f.StringVar(&p.ctr, "ctr", "", "plain counter `N`: decimal, or 0xHEX as the URL has it")
	f.StringVar(&p.mac, "mac", "", "the MAC, 8 bytes in `HEX`")
	f.StringVar(&p.enc, "enc", "", "enciphered file data in `HEX`")
	f.StringVar(&p.input, "input", "", "the `TEXT` that the MAC covers, from {from} up to {mac}")
}

func (p *sdmParts) given() bool { return *p != sdmParts{} }

// reading makes a message of the flags.
func (p *sdmParts) reading(lrp bool) (*sdm.Reading, error) {
	m := &sdm.Message{MACInput: []byte(p.input)}
	var mac []byte
	piccBytes := 16
	if lrp && len(p.picc) != 32 || len(p.picc) == 48 {
		piccBytes = 24
	}
	for _, x := range []struct {
		flag, value string
		n           int // bytes; 0 for whole blocks
		to          *[]byte
	}{{"picc", p.picc, piccBytes, &m.PICCData}, {"uid", p.uid, 7, &m.Plain.UID}, {"mac", p.mac, 8, &mac}, {"enc", p.enc, 0, &m.File}} {
		if x.value == "" {
			continue
		}
		b, err := parseHex(x.value)
		wrong := x.n > 0 && len(b) != x.n || x.n == 0 && len(b)%16 != 0
		switch {
		case err != nil && x.n > 0:
			return nil, fmt.Errorf("--%s: %w; %s", x.flag, err, sdm.WhyNot(x.value, x.n))
		case err != nil:
			return nil, fmt.Errorf("--%s: %w", x.flag, err)
		case wrong && x.n > 0:
			return nil, fmt.Errorf("--%s: %d bytes, want %s: %s", x.flag, len(b), strconv.Itoa(x.n), sdm.WhyNot(x.value, x.n))
		case wrong:
			return nil, fmt.Errorf("--%s: %d bytes, want whole blocks of 16", x.flag, len(b))
		}
		*x.to = b
	}
	if p.ctr != "" {
		n, err := parseUint(p.ctr, 24)
		if err != nil {
			return nil, fmt.Errorf("--ctr %q: want a number up to %d%s", p.ctr, sdm.MaxCounter, zeroed(err))
		}
		m.Plain.Counter, m.Plain.HasCounter = uint32(n), true
	}
	switch {
	case mac == nil:
		return nil, errors.New("--mac missing: without it nothing is proved")
	case m.PICCData != nil && (m.Plain.UID != nil || m.Plain.HasCounter):
		return nil, errors.New("--picc holds UID and counter: it does not go with --uid and --ctr")
	case m.PICCData == nil && m.Plain.UID == nil && !m.Plain.HasCounter:
		return nil, errors.New("--picc missing, or --uid and --ctr")
	case m.File != nil && p.input != "" && !strings.Contains(strings.ToUpper(p.input), fmt.Sprintf("%X", m.File)):
		return nil, errors.New("--enc is not in --input: what the MAC does not cover is not proved, and no card enciphers it")
	}
	m.MAC = [8]byte(mac)
	return sdm.Parts(m, lrp), nil
}
