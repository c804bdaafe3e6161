package sim

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// AE: another key would do. 9D: none does (command reference 4.2).
func TestRightsOfFiles(t *testing.T) {
	x := channelCase{key.MethodAES, key.TypeAES, wire.EV3}
	for _, r := range []struct {
		rights uint16 // R W RW C
		key    wire.KeyNo
		read   wire.Status
		write  wire.Status
		credit wire.Status
		debit  wire.Status
	}{
		{0x1230, 1, wire.StatusOK, wire.StatusAuthenticationError, wire.StatusAuthenticationError, wire.StatusOK},
		{0x1230, 2, wire.StatusAuthenticationError, wire.StatusOK, wire.StatusAuthenticationError, wire.StatusOK},
		{0x1230, 3, wire.StatusOK, wire.StatusOK, wire.StatusOK, wire.StatusOK},
		{0x1230, 0, wire.StatusAuthenticationError, wire.StatusAuthenticationError, wire.StatusAuthenticationError, wire.StatusAuthenticationError},
		{0x1FF0, 1, wire.StatusOK, wire.StatusPermissionDenied, wire.StatusPermissionDenied, wire.StatusOK},
		{0xFFF0, 0, wire.StatusPermissionDenied, wire.StatusPermissionDenied, wire.StatusPermissionDenied, wire.StatusPermissionDenied},
		{0xFF3F, 3, wire.StatusOK, wire.StatusOK, wire.StatusOK, wire.StatusOK},
		{0xFF3F, 4, wire.StatusAuthenticationError, wire.StatusAuthenticationError, wire.StatusAuthenticationError, wire.StatusAuthenticationError},
		{0xEFFF, 4, wire.StatusOK, wire.StatusPermissionDenied, wire.StatusPermissionDenied, wire.StatusOK},
	} {
		c, p := personalised(t, x, wire.CommPlain)
		for _, f := range c.nvm.app(farebox).files {
			f.rights = rights(r.rights)
		}
		for _, try := range []struct {
			cmd  wire.Command
			want wire.Status
		}{
			{&wire.ReadData{File: 1, Length: 1}, r.read},
			{&wire.ReadData{File: 2, Length: 1}, r.read},
			{&wire.WriteData{File: 1, Data: []byte{1}}, r.write},
			{&wire.WriteData{File: 2, Data: []byte{1}}, r.write},
			{&wire.WriteRecord{File: 4, Data: []byte{1}}, r.write},
			{&wire.ClearRecordFile{File: 5}, r.credit},
			{&wire.Credit{File: 3, Amount: 1}, r.credit},
			{&wire.Debit{File: 3, Amount: 1}, r.debit},
			{&wire.GetValue{File: 3}, r.debit},
		} {
			p.in(x.method, r.key, secret(t, x.typ, byte(r.key)))
			if got := p.do(try.cmd, nil, 0); got != try.want {
				t.Errorf("rights %04X, key %d: %s: %v, want %v", r.rights, r.key, try.cmd.Spec().Name, got, try.want)
			}
		}
	}
}

// A file that is free is accessed in plain, whatever its mode, also in a
// session; where the key gives the right as well, its mode counts.
func TestFreeAccessIsPlain(t *testing.T) {
	for _, x := range channelCases {
		c, p := personalised(t, x, wire.CommFull)
		for _, f := range c.nvm.app(farebox).files {
			f.rights = rights(0xEEEE)
		}
		p.in(x.method, 3, secret(t, x.typ, 3))
		p.ok(&wire.WriteData{File: 1, Data: pattern(5)}, nil, wire.CommPlain)
		p.ok(&wire.ReadData{File: 1, Length: 5}, nil, wire.CommPlain)
		p.ok(&wire.Debit{File: 3, Amount: 1}, nil, wire.CommPlain)
		// Recorded from an EV1: the enciphered form has surplus bytes.
		p.refused(wire.StatusLengthError, &wire.WriteData{File: 1, Data: pattern(5)}, wire.CommFull)

		for _, f := range c.nvm.app(farebox).files {
			f.rights = rights(0xEE3E)
		}
		p.in(x.method, 3, secret(t, x.typ, 3))
		p.ok(&wire.WriteData{File: 1, Data: pattern(5)}, nil, wire.CommFull)
	}
}

func TestFreeGetValue(t *testing.T) {
	c := newCard(t, wire.EV1)
	a := c.Present()
	script(t, a, `
		ca 010000 0f 05 < 00
		5a 010000 < 00
		cc 01 03 3012 00000000 e8030000 64000000 02 < 00
		cc 02 03 ffff 00000000 e8030000 64000000 02 < 00
		cc 03 03 3012 00000000 e8030000 64000000 00 < 00
		6c 01 < 00 64000000
		6c 02 < 9d
		6c 03 < ae
		f5 01 < 00 02 03 3012 00000000 e8030000 00000000 02`)
}

func TestKeySettingsRule(t *testing.T) {
	c := newCard(t, wire.EV2)
	a := c.Present()
	script(t, a, `
		ca 010000 00 05 < 00          # nothing free
		5a 010000 < 00
		45 < ae
		6f < ae
		61 < ae
		f5 01 < f0
		cd 01 00 eeee 010000 < ae
		64 04 < 00 00                 # always free
		64 05 < 40
		5a 000000 < 00
		da 010000 < ae                # never free
		da 020000 < a0
		6f < 9d
		bd 01 000000 000000 < 9d
		5a 010000 < 00
		6a < 9d
		fc < 9d
		ca 020000 00 05 < 9d
		da 020000 < 9d`)
}

// The length of a cryptogram says nothing without a session.
func TestSettingsNeedAKey(t *testing.T) {
	c := newCard(t, wire.EV1)
	script(t, c.Present(), free+`
		54 1122334455667788 < ae
		5f 01 1122334455667788 < 7e   # free: read as plain
		5f 01 00 eeee < 00
		5f 01 00 12ff < 00
		5f 01 00 eeee < ae            # now it needs key 2
		5a 000000 < 00
		5c 00 1122334455667788 < ae
		51 < ae`)
}

func TestCreateParameters(t *testing.T) {
	each(t, func(t *testing.T, c *Card, a *Activation) {
		script(t, a, `
			ca 000000 0f 01 < 9e
			ca 010000 0f 0f < 9e
			ca 010000 0f c1 < 9e
			ca 010000 < 7e
			ca 010000 0f 00 < 00              # no keys at all
			5a 010000 < 00
			0a 00 < 40
			45 < 00 0f00
			cd 00 04 eeee 010000 < 9e
			cd 00 00 eeee 000000 < 9e
			c1 00 00 eeee 000000 010000 < 9e
			c1 00 00 eeee 010000 000000 < 9e
			c0 00 00 eeee 010000 010000 < 9e  # a cyclic file has two slots at least
			cd 20 00 eeee 010000 < 9e
			cd 00 00 eeee 0100 < 7e
			5a 020000 < a0
			6f < 00                           # still selected
			5a 0200 < 7e`)
		iso := c.Generation() != wire.D40
		script(t, a, "5a 000000 < 00")
		if !iso {
			script(t, a, "ca 020000 0f 01 1234 < 7e\nca 020000 0f 81 < 9e\nca 020000 0f 21 < 9e\n6e < 1c\n6d < 1c")
			return
		}
		script(t, a, `
			ca 020000 0f 01 003f < 9e
			ca 020000 0f 21 10e1 d2760000850101 < 00
			ca 030000 0f 01 10e1 < de
			ca 030000 0f 01 11e1 d2760000850101 < de
			ca 030000 0f 01 11e1 d2760000850100 < de
			6d < 00 020000 10e1 d2760000850101
			5a 020000 < 00
			cd 01 00 eeee 010000 < 7e         # the identifier is missing
			cd 01 03e1 00 eeee 010000 < 00
			cd 02 03e1 00 eeee 010000 < de
			cd 02 ffff 00 eeee 010000 < 9e
			cc 03 00 eeee 00000000 e8030000 64000000 00 < 00
			61 < 00 03e1
			5a 010000 < 00
			cd 01 03e1 00 eeee 010000 < 7e    # here there are none`)
	})
}

func TestLists(t *testing.T) {
	c := newCard(t, wire.EV3)
	a := c.Present()
	all := ""
	for i := 1; i <= 20; i++ {
		aid := hexOf([]byte{byte(i), 0, 0})
		all += aid
		script(t, a, "ca"+aid+" 0f 21 "+hexOf([]byte{byte(i), 0xE1})+" < 00")
	}
	script(t, a, `
		6a < af `+all[:57*2]+` # 19 fit a frame
		af < 00 `+all[57*2:]+`
		6d < af 010000 01e1
		af < af 020000 02e1
		6a < ca
		5a 010000 < 00`)
	ids := ""
	for i := range 30 {
		fid := hexOf([]byte{byte(i), 0xE1})
		ids += fid
		script(t, a, "cd "+hexOf([]byte{byte(i)})+fid+" 00 eeee 010000 < 00")
	}
	script(t, a, `
		61 < af `+ids[:54*2]+`
		af < 00 `+ids[54*2:]+`
		6f < 00 `+strings.Join(numbers(30), ""))
}

func numbers(n int) (s []string) {
	for i := range n {
		s = append(s, hexOf([]byte{byte(i)}))
	}
	return s
}
