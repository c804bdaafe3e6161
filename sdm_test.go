package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A tag is provisioned, a phone reads it, the back end believes it once.
func TestProvisionSDM(t *testing.T) {
	for _, x := range []struct {
		g   desfire.Generation
		lrp bool
	}{{wire.NTAG424, false}, {wire.NTAG424, true}, {wire.EV3, false}} {
		for _, template := range []string{
			"https://a.example/t?p={picc}&m={mac}",
			"https://a.example/t?u={uid}&n={ctr}&m={mac}",
			"https://a.example/t?p={picc}&e={from}{enc:16}&m={mac}",
		} {
			t.Run(fmt.Sprintf("%v lrp %v %s", x.g, x.lrp, template[22:]), func(t *testing.T) {
				ctx := context.Background()
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				picc, err := sim.New(&sim.Config{Generation: x.g})
				must(err)
				card := connect(t, picc)
				zero, meta, file := key.Zero(key.TypeAES), keyOf(t, key.TypeAES, 0x70), keyOf(t, key.TypeAES, 0x90)
				name := wire.NDEFName[:]
				if x.g == wire.EV3 {
					must(card.CreateApplication(ctx, &wire.CreateApplication{
						AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 5) | wire.SettISOFiles, FID: 0xE110, DFName: name,
					}))
					must(card.SelectApplication(ctx, testApp))
					must(card.CreateFile(ctx, &wire.CreateStdDataFile{
						File: 2, FID: 0xE104, Option: wire.OptionSDM | wire.OptionMAC, Size: 256,
						Access: wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0},
					}))
				} else {
					_, err := card.ISOSelectName(ctx, name)
					must(err)
				}
				must(card.Authenticate(ctx, 0, zero))
				if x.lrp {
					must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}))
					must(card.Authenticate(ctx, 0, zero))
				}
				must(card.ChangeKey(ctx, 1, file, zero))
				must(card.ChangeKey(ctx, 2, meta, zero))
				tp, err := sdm.ParseTemplate(template, x.lrp)
				must(err)
				content, settings, err := tp.NDEFFile(256, 2, 1, 3)
				must(err)
				f := &desfire.SDMFile{File: 2, Content: content, SDM: settings, Access: &wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}}
				if err := card.ProvisionSDM(ctx, f); x.g != wire.EV3 && !errors.As(err, new(*desfire.ArgumentError)) {
					t.Errorf("settings not known: %v", err)
				}
				_, err = card.FileSettings(ctx, 2)
				must(err)
				must(card.ProvisionSDM(ctx, f))
				fs, err := card.FileSettings(ctx, 2)
				must(err)
				if fs.SDM == nil || fs.Access != *f.Access || !fs.Option.Has(wire.OptionSDM) {
					t.Fatalf("settings %+v", fs)
				}
				v := &sdm.Verifier{MetaRead: meta, FileRead: file, LRP: x.lrp, Replay: new(sdm.Counters)}
				for n := uint32(1); n <= 2; n++ {
					phone := connect(t, picc)
					_, err := phone.ISOSelectName(ctx, name)
					must(err)
					must(phone.ISOSelectFile(ctx, 0xE104))
					shown, err := phone.ISOReadBinary(ctx, desfire.SelectedFile, 0, 0)
					must(err)
					url := "https://" + strings.TrimRight(string(shown[7:]), "\x00")
					m, err := tp.Match(url)
					must(err)
					tag, err := v.Verify(ctx, m)
					must(err)
					if !bytes.Equal(tag.UID, picc.UID()) || tag.Counter != n {
						t.Errorf("%s: %v", url, tag)
					}
					if _, err := v.Verify(ctx, m); !errors.Is(err, sdm.ErrReplay) {
						t.Errorf("again: %v", err)
					}
				}
				card = connect(t, picc)
				if x.g == wire.EV3 {
					must(card.SelectApplication(ctx, testApp))
				} else {
					_, err := card.ISOSelectName(ctx, name)
					must(err)
				}
				must(card.Authenticate(ctx, 3, zero))
				if n, err := card.SDMReadCounter(ctx, 2); err != nil || n != 2 {
					t.Errorf("counter %d, %v", n, err)
				}
			})
		}
	}
}

func TestProvisionSDMArguments(t *testing.T) {
	ctx := context.Background()
	card := connect(t, transitCard(t, wire.EV3, 5))
	if err := card.SelectApplication(ctx, farebox); err != nil {
		t.Fatal(err)
	}
	if err := card.CreateFile(ctx, &wire.CreateStdDataFile{File: 2, Size: 8}); err != nil {
		t.Fatal(err)
	}
	for _, no := range []desfire.FileNo{purse, 2} {
		if _, err := card.FileSettings(ctx, no); err != nil {
			t.Fatal(err)
		}
		if err := card.ProvisionSDM(ctx, &desfire.SDMFile{File: no, Content: make([]byte, 9)}); !errors.As(err, new(*desfire.ArgumentError)) {
			t.Errorf("file %d: %v", no, err)
		}
	}
	old := connect(t, transitCard(t, wire.EV2, 5))
	if err := old.ProvisionSDM(ctx, &desfire.SDMFile{File: 2}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV2: %v", err)
	}
}
