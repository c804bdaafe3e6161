package selftest

import (
	"bytes"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// sdmSteps are about secure dynamic messaging of EV3; NTAG 424 DNA has the same
// in ntag424Steps.
func sdmSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	return when(g, wire.FeatureFileCounters,
		step{id: "sdm.ev3", title: "secure dynamic messages of a file of an EV3", source: "13", run: sdmEV3})
}

// templates are messages in every form.
var templates = []string{
	"https://example.com/t?p={picc}&m={mac}",
	"https://example.com/t?p={picc}&e={from}{enc:16}&m={mac}",
	"https://example.com/t?uid={uid}&n={ctr}&{from}x=1&m={mac}",
	"https://example.com/t?p={picc}&{from}e={enc:32}&m={mac}",
}

func sdmEV3(t *trial) {
	z := zero(wire.KeyAES)
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	file := &wire.CreateStdDataFile{File: fileStd, Option: wire.OptionSDM, Access: wire.AccessRightsFromUint16(0xE000), Size: 256}
	st := t.outcome(file)
	t.observe("sdm.create", "CreateStdDataFile with the option of secure dynamic messaging", "%04X", uint16(st))
	if st != wire.StatusOK {
		t.expect("CreateStdDataFile with SDM", st, wire.StatusPermissionDenied)
		t.skip("the card refuses files with secure dynamic messaging (%04X), as one that was recorded did", uint16(st))
	}
	no, fs := settingsOf(file)
	t.know(no, fs)
	t.messages(messages{
		file: fileStd, meta: 2, read: 1, lrp: false,
		login: func(n wire.KeyNo) { t.enter(appA); t.login(key.MethodEV2First, n, z) },
		fresh: func() { t.enter(appA) },
	})
}

// messages is where secure dynamic messages are tried.
type messages struct {
	file       wire.FileNo
	meta, read wire.Access // keys of zeros
	lrp        bool
	login      func(no wire.KeyNo)
	fresh      func() // selects without a session
}

func (t *trial) messages(m messages) {
	z := key.Zero(key.TypeAES)
	for i, text := range templates {
		tpl, err := sdm.ParseTemplate(text, m.lrp)
		t.ok(err, "the template")
		set, err := tpl.Settings(7, m.meta, m.read, 3)
		t.ok(err, "the settings")
		m.login(0)
		t.write(m.file, 7, []byte(tpl.Text()))
		access := wire.AccessRights{Read: wire.Free}
		do(t, &wire.ChangeFileSettings{File: m.file, Access: access, SDM: &set})
		got := t.settings(m.file)
		if got.SDM == nil || *got.SDM != set {
			t.fail("the settings of secure dynamic messaging are %+v; want %+v", got.SDM, set)
		}
		v := &sdm.Verifier{MetaRead: z, FileRead: z, LRP: m.lrp, Replay: new(sdm.Counters)}
		var first uint32
		for n := range uint32(3) {
			m.fresh()
			shown := t.read(m.file, 7, len(tpl.Text()))
			msg, err := tpl.Match(string(shown))
			t.ok(err, "the message of the card")
			tag, err := v.Verify(t.ctx, msg)
			t.ok(err, "the message of the card")
			if tag.UID != nil {
				t.equal("the UID in the message", tag.UID, t.s.conf.WipeCard)
			}
			if n == 0 {
				first = tag.Counter
			}
			t.equal("the read counter", tag.Counter, first+n)
		}
		m.login(3)
		t.know(m.file, *got)
		t.equal("what is stored, for who is authenticated", do(t, &wire.ReadDataISO{ReadData: wire.ReadData{File: m.file, Offset: 7, Length: uint32(len(tpl.Text()))}}).Data, []byte(tpl.Text()))
		t.equal("GetFileCounters", do(t, &wire.GetFileCounters{File: m.file}).SDMReadCtr, first+2)
		if i == 0 {
			m.fresh()
			t.refuses(&wire.GetFileCounters{File: m.file}, wire.StatusAuthenticationError)
			bad := set
			bad.MACOffset = 250 // beyond the end
			m.login(0)
			t.refuses(&wire.ChangeFileSettings{File: m.file, Access: access, SDM: &bad}, wire.StatusParameterError)
		}
	}
	m.login(0)
	do(t, &wire.ChangeFileSettings{File: m.file, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}})
	m.fresh()
	if a, b := t.read(m.file, 7, 60), t.read(m.file, 7, 60); !bytes.Equal(a, b) {
		t.fail("a file without secure dynamic messaging shows something else each time")
	}
}

// ntag424Steps are about NTAG 424 DNA.
func ntag424Steps(g wire.Generation) []step {
	if g != wire.NTAG424 {
		return nil
	}
	return []step{
		{id: "ntag424.sdm", title: "secure dynamic messages", source: "13", run: ntagSDM},
		{id: "ntag424.iso", title: "ISO commands on the NDEF file", source: "15, 17", run: ntagISO},
	}
}

func ntagSDM(t *trial) {
	know := func() {
		fs := t.settings(ntagNDEF)
		t.card.AssumeFileSettings(ntagNDEF, *fs)
	}
	t.files = map[wire.FileNo]wire.FileSettings{}
	t.messages(messages{
		file: ntagNDEF, meta: 2, read: 1, lrp: t.s.lrp,
		login: func(n wire.KeyNo) { t.out(); know(); t.login(t.s.method, n, key.Zero(key.TypeAES)) },
		fresh: func() { t.out(); know() },
	})
}

func ntagISO(t *trial) {
	t.out()
	t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOConditionsOfUse, wire.StatusISOCommandNotAllowed)
	t.selectEF(0xE103)
	cc := do(t, &wire.ISOReadBinary{Length: 15}).Data
	t.equal("the mapping version of the CC file", cc[2], byte(0x20))
	t.selectEF(0xE104)
	do(t, &wire.ISOUpdateBinary{Offset: 2, Data: pattern(30, 1)})
	t.equal("what was written", do(t, &wire.ISOReadBinary{Offset: 2, Length: 30}).Data, pattern(30, 1))
	t.holds(ntagNDEF, 2, pattern(30, 1))
	t.selectEF(0xE105)
	t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOSecurityStatus)
	t.in(0, nil)
	t.refuses(&wire.ISOReadBinary{EF: wire.ShortEF{ID: byte(ntagNDEF)}, Length: 4}, wire.StatusISOSecurityStatus)
}
