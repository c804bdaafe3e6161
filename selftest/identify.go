package selftest

import (
	"bytes"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/wire"
)

// identifySteps ask what anybody may ask.
func identifySteps(g wire.Generation) []step {
	steps := []step{
		{id: "identify.version", title: "GetVersion in three parts, the same each time", source: "1.2, 7.1", run: identifyVersion},
		{id: "identify.framing.wrapped", title: "ISO 7816-4 wrapped frames", source: "2.2", run: identifyWrapped},
		{id: "identify.framing.native", title: "native frames", source: "2.1", run: identifyNative},
	}
	if g.Has(wire.FeatureClassic) {
		steps = append(steps, step{id: "identify.framing.mixed", title: "both framings in one activation", source: "2.2", run: identifyMixed})
	}
	steps = append(steps, when(g, wire.FeatureEV1Commands,
		step{id: "identify.free-memory", title: "FreeMem", source: "7.1", run: identifyFreeMemory})...)
	steps = append(steps, when(g, wire.FeatureSignature,
		step{id: "identify.signature", title: "Read_Sig outside a session", source: "7.1, 14", run: identifySignature})...)
	return append(steps,
		step{id: "identify.key-version", title: "GetKeyVersion of the master key", source: "7.2", run: identifyKeyVersion},
		step{id: "identify.iso-select", title: "ISO SELECT of the card level", source: "15.1", run: identifyISOSelect})
}

func identifyVersion(t *trial) {
	v := do(t, &wire.GetVersion{})
	t.equal("a second GetVersion", *do(t, &wire.GetVersion{}), *v)
	t.equal("this GetVersion and the one of the beginning", *v, *t.s.version)
	t.equal("the vendor", v.Hardware.Vendor, uint8(0x04))
	if g, known := v.Generation(); known {
		t.equal("the generation", g, t.gen)
	}
	if !v.UID.IsZero() {
		t.equal("the first byte of the UID, the manufacturer", v.UID[0], byte(0x04))
	}
	parts := t.s.tap.answers[len(t.s.tap.answers)-3:]
	t.equal("the first two parts", parts[:2], []int{7, 7})
	if parts[2] != 14 && parts[2] != 15 {
		t.fail("the third part has %d bytes; want 14 or 15", parts[2])
	}
}

// versionIn asks for the version in a framing, on a new activation.
func (t *trial) versionIn(f desfire.Framing) (*wire.Version, error) {
	t.anew()
	card, err := t.s.connect(t.ctx, f)
	t.ok(err, "connect")
	return desfire.Do(t.ctx, card, &wire.GetVersion{})
}

func identifyWrapped(t *trial) {
	v, err := t.versionIn(desfire.FramingWrapped)
	if err != nil && t.gen == wire.D40 {
		t.ok(lostOnly(err), "GetVersion, wrapped")
		t.skip("software %02X.%02X does not take wrapped frames, which came with 00.05: %v", t.s.version.Software.Major, t.s.version.Software.Minor, err)
	}
	t.ok(err, "GetVersion, wrapped")
	t.equal("the version", *v, *t.s.version)
}

// lostOnly is err if it says that the card is lost.
func lostOnly(err error) error {
	if lostCard(err) {
		return err
	}
	return nil
}

func identifyNative(t *trial) {
	if !t.gen.Has(wire.FeatureClassic) {
		t.anew()
		_, st, ok := t.raw(0x60)
		if !ok {
			t.skip("the reader does not carry a native frame")
		}
		// The answer may be an ISO status word: its first byte tells.
		if st == wire.StatusOK || st == wire.StatusAdditionalFrame {
			t.fail("a native GetVersion: %04X; this generation knows wrapped frames only", uint16(st))
		}
		return
	}
	if !t.s.tap.reconnects() {
		t.skip("the link cannot activate the card anew, and the card may hold on to the framing it saw first")
	}
	v, err := t.versionIn(desfire.FramingNative)
	t.ok(err, "GetVersion, native")
	t.equal("the version", *v, *t.s.version)
}

func identifyMixed(t *trial) {
	if !t.s.tap.reconnects() {
		t.skip("the link cannot activate the card anew, and the card may hold on to the framing it saw first")
	}
	other, name := desfire.FramingNative, "native after wrapped"
	if t.s.framing == desfire.FramingNative {
		other, name = desfire.FramingWrapped, "wrapped after native"
	}
	do(t, &wire.GetVersion{})
	card, err := t.s.connect(t.ctx, other)
	t.ok(err, "connect")
	v, err := desfire.Do(t.ctx, card, &wire.GetVersion{})
	saw := "the card answers"
	if err != nil {
		t.ok(lostOnly(err), "GetVersion")
		saw = "refused: " + err.Error()
	} else {
		t.equal("the version in the other framing", *v, *t.s.version)
	}
	t.observe("framing.mixed", name+" in one activation", "%s", saw)
}

func identifyFreeMemory(t *trial) {
	m := do(t, &wire.FreeMemory{})
	t.equal("a second FreeMem", do(t, &wire.FreeMemory{}).Bytes, m.Bytes)
	size, exact := t.s.version.Hardware.StorageSize()
	if !exact {
		size *= 2
	}
	// A 4 KiB EV3 has 5120 bytes when empty: a quarter more than its name says.
	if int(m.Bytes) > size+size/4 {
		t.fail("%d bytes are free on a card of %d", m.Bytes, size)
	}
	t.observe("memory.free", "free memory as found", "%d bytes of nominal %d", m.Bytes, size)
}

func identifySignature(t *trial) {
	sig, err := desfire.Do(t.ctx, t.card, &wire.ReadSignature{})
	if t.s.version.UID.IsZero() {
		st, refused := statusOf(err)
		if err != nil && !refused {
			t.ok(err, "ReadSignature")
		}
		t.observe("signature.random-id", "Read_Sig outside a session on a card with a random identifier", "%04X", uint16(max(st, wire.StatusSignatureOK)))
		return
	}
	t.ok(err, "ReadSignature")
	t.equal("a second signature", do(t, &wire.ReadSignature{}).Signature, sig.Signature)
	if k, err := originality.Check(t.s.version.UID[:], sig.Signature[:]); err == nil {
		t.observe("signature.key", "the originality signature", "genuine: %s", k.Products)
	} else {
		t.observe("signature.key", "the originality signature", "no published key accepts it")
	}
	t.refuses(&wire.ReadSignature{Address: 1}, wire.StatusParameterError)
}

func identifyKeyVersion(t *trial) {
	t.application()
	v := do(t, &wire.GetKeyVersion{})
	t.equal("versions of the master key", len(v.Versions), 1)
	t.equal("a second GetKeyVersion", do(t, &wire.GetKeyVersion{}).Versions, v.Versions)
	t.refuses(&wire.GetKeyVersion{Key: 0x0F}, wire.StatusNoSuchKey)
}

func identifyISOSelect(t *trial) {
	cmd := &wire.ISOSelect{By: wire.SelectByName, Name: wire.PICCName[:], P2: wire.SelectNoData}
	if t.s.framing != desfire.FramingWrapped {
		t.skip("ISO commands need wrapped frames")
	}
	if err := t.card.Run(t.ctx, cmd, new(wire.Data)); err != nil {
		if t.gen == wire.D40 {
			t.ok(lostOnly(err), "ISOSelect")
			t.skip("software %02X.%02X does not know ISO 7816-4 commands, which came with 00.06: %v", t.s.version.Software.Major, t.s.version.Software.Minor, err)
		}
		t.ok(err, "ISO SELECT of D2760000850100")
	}
	unknown := []byte{0xF0, 'n', 'o', 'b', 'o', 'd', 'y'}
	t.refuses(&wire.ISOSelect{By: wire.SelectByName, Name: unknown, P2: wire.SelectNoData}, wire.StatusISOFileNotFound)
	if _, st, ok := t.raw(0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00); ok {
		t.expect("ISO SELECT of 3F00", st, wire.StatusISOOK)
	}
}

// listSteps look at what is on the card, as far as it is free to see.
func listSteps(g wire.Generation) []step {
	if !classic(g) {
		return []step{{id: "list.files", title: "the files of the application and their settings", source: "16, 17", run: listFixed}}
	}
	steps := []step{
		{id: "list.key-settings", title: "the settings of the card", source: "3.2, 7.2", run: listKeySettings},
		{id: "list.applications", title: "the applications", source: "7.1", run: listApplications},
		{id: "list.files", title: "the files of each application and their settings", source: "8", run: listFiles},
		{id: "list.free-reads", title: "what is free to read can be read", source: "9", run: listFreeReads},
	}
	return append(steps, when(g, wire.FeatureEV1Commands,
		step{id: "list.df-names", title: "the ISO names of the applications", source: "7.1", run: listDFNames})...)
}

func listKeySettings(t *trial) {
	ks, err := t.card.KeySettings(t.ctx)
	if st, refused := statusOf(err); refused {
		t.equal("the status without the master key", st, wire.StatusAuthenticationError)
		t.skip("the settings need the master key")
	}
	t.ok(err, "GetKeySettings")
	if !ks.KS1.Has(wire.SettFreeDirectory) {
		t.fail("settings %02X keep the lists from whoever lacks the master key, yet the card told them", uint8(ks.KS1))
	}
	t.equal("the number of keys at the card level", ks.KS2.Keys(), 1)
	t.observe("picc.key-settings", "GetKeySettings at the card level as found (22.2: type bits)", "%02X %02X", uint8(ks.KS1), uint8(ks.KS2))
}

// applications lists the applications, or skips the step where that is not
// free.
func (t *trial) applications() []wire.AID {
	aids, err := t.card.Applications(t.ctx)
	if st, refused := statusOf(err); refused {
		t.equal("the status without the master key", st, wire.StatusAuthenticationError)
		t.skip("the list needs the master key")
	}
	t.ok(err, "GetApplicationIDs")
	return aids
}

func listApplications(t *trial) {
	aids := t.applications()
	sorted := slices.Clone(aids)
	slices.Sort(sorted)
	if slices.Contains(aids, wire.PICC) || len(slices.Compact(sorted)) != len(aids) {
		t.fail("the list names the card level, or one twice: %v", aids)
	}
	again := do(t, &wire.GetApplicationIDs{})
	t.equal("a second list", again.AIDs, aids)
	for _, aid := range aids[:min(len(aids), 8)] {
		t.ok(t.card.SelectApplication(t.ctx, aid), "select "+aid.String())
	}
}

func listDFNames(t *trial) {
	aids := t.applications()
	for _, df := range do(t, &wire.GetDFNames{}).Applications {
		if !slices.Contains(aids, df.AID) {
			t.fail("application %v has a name and is not in the list", df.AID)
		}
		if len(df.Name) == 0 || t.s.framing != desfire.FramingWrapped {
			continue
		}
		do(t, &wire.ISOSelect{By: wire.SelectByName, Name: df.Name, P2: wire.SelectNoData})
		t.ok(t.card.SelectApplication(t.ctx, wire.PICC), "select the card level")
	}
}

// eachFile visits the files of the first applications, where their settings are
// free.
func (t *trial) eachFile(visit func(aid wire.AID, no wire.FileNo, fs *wire.FileSettings)) (seen int) {
	aids := t.applications()
	for _, aid := range aids[:min(len(aids), 8)] {
		t.ok(t.card.SelectApplication(t.ctx, aid), "select "+aid.String())
		files, err := t.card.Files(t.ctx)
		if st, refused := statusOf(err); refused && st == wire.StatusAuthenticationError {
			continue
		}
		t.ok(err, "GetFileIDs")
		for _, no := range files {
			fs, err := t.card.FileSettings(t.ctx, no)
			t.ok(err, "GetFileSettings")
			visit(aid, no, fs)
			seen++
		}
	}
	return seen
}

func listFiles(t *trial) {
	n := t.eachFile(func(aid wire.AID, no wire.FileNo, fs *wire.FileSettings) {
		switch {
		case fs.Type == wire.FileCyclicRecord && fs.Records >= fs.MaxRecords,
			fs.Type == wire.FileLinearRecord && fs.Records > fs.MaxRecords,
			fs.Type == wire.FileValue && fs.Lower > fs.Upper,
			no > 31:
			t.fail("application %v, file %v: impossible settings %+v", aid, no, *fs)
		}
	})
	if n == 0 {
		t.skip("no file whose settings are free to see")
	}
	t.ok(t.card.SelectApplication(t.ctx, wire.PICC), "select the card level")
	t.refuses(&wire.GetFileIDs{}, wire.StatusPermissionDenied)
}

func listFreeReads(t *trial) {
	read := 0
	t.eachFile(func(_ wire.AID, no wire.FileNo, fs *wire.FileSettings) {
		free := fs.Access.Read == wire.Free || fs.Access.ReadWrite == wire.Free
		if !free || fs.Option.Has(wire.OptionSDM) { // reading such a file counts
			return
		}
		switch fs.Type {
		case wire.FileStandard, wire.FileBackup:
			a := do(t, &wire.ReadData{File: no, Length: min(fs.Size, 16)})
			b := do(t, &wire.ReadData{File: no, Length: min(fs.Size, 16)})
			if !bytes.Equal(a.Data, b.Data) || len(a.Data) != int(min(fs.Size, 16)) {
				t.fail("two reads of file %v differ, or have the wrong length", no)
			}
			t.refuses(&wire.ReadData{File: no, Offset: fs.Size, Length: 1}, wire.StatusBoundaryError)
		case wire.FileValue:
			if v := do(t, &wire.GetValue{File: no}).Value; v < fs.Lower || v > fs.Upper {
				t.fail("file %v holds %d, outside of %d to %d", no, v, fs.Lower, fs.Upper)
			}
		case wire.FileLinearRecord, wire.FileCyclicRecord:
			if fs.Records == 0 {
				t.refuses(&wire.ReadRecords{File: no}, wire.StatusBoundaryError)
				break
			}
			r := do(t, &wire.ReadRecords{File: no, Count: 1})
			t.equal("the length of a record", len(r.Data), int(fs.RecordSize))
		default:
			return
		}
		read++
	})
	if read == 0 {
		t.skip("no file that is free to read")
	}
}
