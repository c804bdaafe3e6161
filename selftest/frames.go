package selftest

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// frameSteps are about how commands and answers are cut.
func frameSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "frames.command", title: "a command in pieces of any length", source: "2.1", run: framesCommand},
		{id: "frames.answer", title: "answers longer than a frame", source: "2.1, 2.3", run: framesAnswer},
		{id: "frames.interrupted", title: "a chained write and a chained read that break off", source: "2.1, 20.4", run: framesInterrupted},
		{id: "frames.native", title: "a whole session in native frames", source: "2.1", run: framesNative},
	}
	return append(steps, when(g, wire.FeatureISOChaining,
		step{id: "frames.short", title: "AD and 8D in short APDUs", source: "2.4", run: framesShort},
		step{id: "frames.extended", title: "extended APDUs", source: "2.3, 2.4", run: framesExtended})...)
}

// pieces sends a command in pieces, and demands AF for all but the last.
func (t *trial) pieces(ins byte, parts ...[]byte) wire.Status {
	var st wire.Status
	for i, p := range parts {
		_, st = t.send(ins, p...)
		ins = 0xAF
		if i < len(parts)-1 {
			t.expect(fmt.Sprintf("piece %d of %d", i+1, len(parts)), st, wire.StatusAdditionalFrame)
		}
	}
	return st
}

func framesCommand(t *trial) {
	t.freeApp()
	t.create(stdFile(120))
	data := pattern(120, 1)
	head := []byte{byte(fileStd), 0, 0, 0, 120, 0, 0}
	for i, cut := range [][]int{{52, 52}, {0, 59}, {1, 1, 1, 40, 40}, {20, 50}} {
		data[0] = byte(i)
		parts := [][]byte{bytes.Clone(head)}
		rest := data
		for j, n := range cut {
			if j == 0 {
				parts[0] = append(parts[0], rest[:n]...)
			} else {
				parts = append(parts, rest[:n])
			}
			rest = rest[n:]
		}
		for len(rest) > 0 {
			n := min(len(rest), 52)
			parts = append(parts, rest[:n])
			rest = rest[n:]
		}
		st := t.pieces(0x3D, parts...)
		t.expect(fmt.Sprintf("WriteData in %d pieces", len(parts)), st, wire.StatusOK)
		t.holds(fileStd, 0, data)
	}
	// More than the header says.
	st := t.pieces(0x3D, []byte{byte(fileStd), 0, 0, 0, 60, 0, 0}, pattern(50, 2), pattern(20, 3))
	t.expect("10 bytes more than the header says", st, wire.StatusLengthError)
}

func framesAnswer(t *trial) {
	t.freeApp()
	t.create(stdFile(500), linearFile(50, 5))
	t.write(fileStd, 0, pattern(500, 1))
	for i := range byte(4) {
		t.record(fileLinear, pattern(50, i))
	}
	from := len(t.s.tap.answers)
	t.holds(fileStd, 0, pattern(500, 1))
	cut := t.s.tap.answers[from:]
	t.observe("frames.read.none", "answer frames of a read of 500 bytes without a session", "%v", cut)
	if len(cut) < 2 {
		t.fail("500 bytes in %d frame of a card that chains with AF", len(cut))
	}
	for _, n := range []int{58, 59, 60, 61, 118, 119, 177} {
		t.holds(fileStd, 1, pattern(500, 1)[1:1+n])
	}
	from = len(t.s.tap.answers)
	t.records(fileLinear, 0, 0, pattern(50, 0), pattern(50, 1), pattern(50, 2), pattern(50, 3))
	t.observe("frames.records.none", "answer frames of 4 records of 50 bytes without a session", "%v", t.s.tap.answers[from:])
}

func framesInterrupted(t *trial) {
	t.freeApp()
	t.create(stdFile(100), backupFile(100))
	for _, ins := range []byte{0x3D, 0xBD} {
		body := []byte{byte(fileBackup), 0, 0, 0, 100, 0, 0}
		if ins == 0x3D {
			body = append(body, pattern(40, 1)...)
		}
		_, st := t.send(ins, body...)
		t.expect("the first frame", st, wire.StatusAdditionalFrame)
		_, st = t.send(0x6F)
		t.expect("another command in the middle", st, wire.StatusCommandAborted)
		_, st = t.send(0xAF, pattern(40, 1)...)
		if st == wire.StatusOK || st == wire.StatusAdditionalFrame {
			t.fail("a chain goes on after it was aborted: %04X", uint16(st))
		}
		t.equal("the files", do(t, &wire.GetFileIDs{}).Files, []wire.FileNo{fileStd, fileBackup})
	}
	t.nothingPending()
	_, st := t.send(0x3D, append([]byte{byte(fileStd), 0, 0, 0, 100, 0, 0}, pattern(50, 9)...)...)
	t.expect("the first frame", st, wire.StatusAdditionalFrame)
	t.anew()
	t.enter(appA)
	got := t.read(fileStd, 0, 50)
	saw := "nothing of it is in the file"
	if bytes.Equal(got, pattern(50, 9)) {
		saw = "the first frame is in the file"
	} else if !bytes.Equal(got, make([]byte, 50)) {
		saw = "part of it is in the file"
	}
	t.observe("write.torn", "a plain write of two frames to a standard file that lost power after the first (2.4)", "%s", saw)
}

func framesNative(t *trial) {
	if !t.s.tap.reconnects() || t.s.framing == desfire.FramingNative {
		t.skip("the link cannot activate the card anew, or native frames are used anyway")
	}
	t.freeApp()
	t.create(&wire.CreateStdDataFile{File: fileStd, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1111), Size: 150})
	t.anew()
	card, err := t.s.connect(t.ctx, desfire.FramingNative)
	t.ok(err, "connect")
	t.card = card
	t.enter(appA)
	t.login(methodOf(t.gen, key.TypeDES), 1, zero(wire.KeyDES))
	t.write(fileStd, 0, pattern(150, 1))
	t.holds(fileStd, 0, pattern(150, 1))
	t.refuses(&wire.ReadData{File: fileStd, Offset: 150, Length: 1}, wire.StatusBoundaryError)
}

// shortAPDU sends AD, 8D and the like as one APDU. What the card cannot take is
// no failure: the reader and the length of its frames have a say.
func framesShort(t *trial) {
	if t.s.framing != desfire.FramingWrapped {
		t.skip("native frames are used")
	}
	t.freeApp()
	t.create(stdFile(240))
	frame := append([]byte{0x90, 0x8D, 0, 0, 247, byte(fileStd), 0, 0, 0, 240, 0, 0}, pattern(240, 1)...)
	_, st, ok := t.raw(append(frame, 0)...)
	if !ok || st != wire.StatusOK {
		t.observe("frames.short", "WriteData (8D) of 240 bytes in one short APDU", "%s", carried(ok, st))
		t.skip("the reader or the card does not take 240 bytes in one short APDU")
	}
	t.holds(fileStd, 0, pattern(240, 1))
	data, st, ok := t.raw(0x90, 0xAD, 0, 0, 7, byte(fileStd), 0, 0, 0, 240, 0, 0, 0)
	t.observe("frames.short", "ReadData (AD) of 240 bytes in one short APDU", "%s", carried(ok, st))
	if !ok || st != wire.StatusOK {
		t.skip("the reader or the card does not answer 240 bytes in one short APDU")
	}
	t.equal("what ReadData (AD) answers", data, pattern(240, 1))
}

func carried(ok bool, st wire.Status) string {
	if !ok {
		return "the reader does not carry it"
	}
	return fmt.Sprintf("%04X", uint16(st))
}

func framesExtended(t *trial) {
	if t.s.framing != desfire.FramingWrapped {
		t.skip("native frames are used")
	}
	t.freeApp()
	t.create(stdFile(600))
	t.write(fileStd, 0, pattern(600, 1))
	data, st, ok := t.raw(0x90, 0xAD, 0, 0, 0, 0, 7, byte(fileStd), 0, 0, 0, 0x58, 0x02, 0, 0, 0)
	t.observe("frames.extended", "ReadData (AD) of 600 bytes in an extended APDU", "%s", carried(ok, st))
	if !ok || st != wire.StatusOK {
		t.anew()
		t.enter(appA)
		t.holds(fileStd, 0, pattern(600, 1))
		t.skip("the reader or the card does not take extended APDUs")
	}
	t.equal("what ReadData (AD) answers", data, pattern(600, 1))
	body := append([]byte{byte(fileStd), 0, 0, 0, 0x2C, 0x01, 0}, pattern(300, 2)...)
	frame := append([]byte{0x90, 0x8D, 0, 0, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	_, st, ok = t.raw(append(frame, 0, 0)...)
	if !ok || st != wire.StatusOK {
		t.skip("WriteData (8D) of 300 bytes in an extended APDU: %s", carried(ok, st))
	}
	t.holds(fileStd, 0, pattern(300, 2))
}
