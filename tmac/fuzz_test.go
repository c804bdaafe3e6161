package tmac_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// FuzzTransaction makes inputs of commands and receipts of them. An input that is
// refused is not changed, one that is taken fills blocks; a receipt verifies
// for its own input, card, counter and reader, and for no other.
func FuzzTransaction(f *testing.F) {
	f.Add([]byte{0xDC, 5, 1, 5, 0, 0, 0, 0xC8, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}, []byte{}, uint32(7), false, uint16(3))
	f.Add([]byte{0x3D, 9, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0xBD, 7, 1, 0, 0, 0, 3, 0, 0}, []byte{9, 8, 7}, uint32(0x10001), true, uint16(300))
	for ins := range 256 {
		if tmac.Enters(byte(ins)) {
			in := []byte{byte(ins), 11, 1, 0, 0, 0, 4, 0, 0, 1, 2, 3, 4, byte(ins), 1, 2}
			f.Add(in, []byte{1, 2, 3, 4}, uint32(ins), ins%2 == 0, uint16(ins))
		}
	}
	f.Fuzz(func(t *testing.T, program, answer []byte, tmc uint32, lrp bool, spoil uint16) {
		ctx := context.Background()
		var c wire.Coder
		in := new(tmac.Input)
		for rest := program; len(rest) >= 2; {
			n := min(int(rest[1]), len(rest)-2)
			before := string(in.Bytes())
			err := in.AddBytes(rest[0], rest[2:2+n], answer)
			switch {
			case err != nil && string(in.Bytes()) != before:
				t.Fatalf("%02X was refused (%v) and entered", rest[0], err)
			case err == nil && !tmac.Enters(rest[0]) && string(in.Bytes()) != before:
				t.Fatalf("%02X entered", rest[0])
			case len(in.Bytes())%16 != 0:
				t.Fatalf("%d bytes", len(in.Bytes()))
			}
			for spec := range wire.Commands() {
				if spec.Class != wire.ClassNative || spec.INS != rest[0] || spec.Unknown != "" {
					continue
				}
				cmd, plain := spec.New(), spec.NewResponse()
				if c.Decode(rest[2:2+n], nil, cmd) != nil || c.Decode(answer, nil, plain) != nil {
					continue
				}
				fields, bytes := new(tmac.Input), new(tmac.Input)
				if e1, e2 := fields.Add(cmd, plain), bytes.AddBytes(rest[0], rest[2:2+n], answer); e1 == nil && e2 == nil && string(fields.Bytes()) != string(bytes.Bytes()) {
					t.Fatalf("%s: %X by fields, %X by bytes", spec.Name, fields.Bytes(), bytes.Bytes())
				}
			}
			rest = rest[2+n:]
		}
		uid := []byte{4, 1, 2, 3, 4, 5, 6}
		app := key.Zero(key.TypeAES)
		keys, err := tmac.NewKeys(ctx, app, lrp, tmc, uid)
		if err != nil {
			return // a counter at its end
		}
		input := append([]byte(nil), in.Bytes()...)
		tr := tmac.Transaction{UID: uid, Input: input, LRP: lrp, Receipt: tmac.Receipt{TMC: tmc, TMV: keys.TMV(input)}, HasReceipt: true}
		reader := [16]byte{1, 2, byte(spoil)}
		enc := keys.EncipherReader(reader)
		tr.EncTMRI = &enc
		if previous, err := tr.Verify(ctx, app); err != nil || previous == nil || *previous != reader {
			t.Fatalf("its own receipt: %v, %X", err, previous)
		}
		forged := tr
		switch at := int(spoil / 8); spoil % 4 {
		case 0:
			forged.Receipt.TMV[at%8] ^= 1 << (spoil % 8)
		case 1:
			forged.Receipt.TMC ^= 1 << (at % 32)
			if tmac.Compare(forged.Receipt.TMC, tmc, lrp) == 0 {
				return
			}
		case 2:
			forged.UID = append([]byte(nil), uid...)
			forged.UID[at%7] ^= 1
		default:
			forged.Input = append(append([]byte(nil), input...), make([]byte, 16)...)
		}
		if _, err := forged.Verify(ctx, app); err == nil {
			t.Fatalf("a forged receipt verifies: %+v", forged)
		}
		forged.Incomplete = "a command was not seen"
		if _, err := forged.Verify(ctx, app); errors.Is(err, tmac.ErrMismatch) {
			t.Fatal("what is not complete is called a mismatch")
		}
		if r := (tmac.Receipt{TMC: tmc}); r.Compare(tmac.Receipt{TMC: tmc}, lrp) != 0 || r.Count(lrp) != tmac.Count(tmc, lrp) {
			t.Fatal("a counter is not itself")
		}
	})
}
