package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/wire"
)

// sample is an entry with what hostile ones would change.
func sample() *purse.Entry {
	no, slot := wire.KeyNo(1), wire.FileNo(3)
	tmc := uint32(8)
	id := purse.NewID(purse.Generation{1, 2, 3}, 5, [6]byte{9})
	tmi := append(append(append([]byte{wire.InsCommitReaderID}, id[:]...), make([]byte, 31)...), make([]byte, 16)...)
	return &purse.Entry{
		ID: id, Attempt: 1, Policy: purse.Hostile, CardApp: purse.CardApp{UID: "04112233445566", App: "F48121"}, UIDProof: purse.UIDByKey,
		KeyNo: &no, Scheme: wire.SchemeEV2.String(), Moves: []purse.Move{{File: 1, Amount: 5}}, Values: []purse.ValueBefore{{File: 1, Value: 9, Source: purse.FromSession}},
		HasTMAC: true, TMC0: 7, NamesReader: true, TMI: tmi, EncTMRI: make(purse.Hex, 16), SlotFile: &slot, SlotNo: 1, Slot0: make(purse.Hex, 16),
		Outcomes: []purse.Outcome{{Decision: purse.Happened, Rule: purse.RuleCommit, Evidence: purse.Evidence{CommitAcked: true, SameCard: true, Protected: true, TMC: &tmc, TMV: &purse.TMV{1}}}},
	}
}

func seed(f *testing.F, header any, payload any) {
	f.Helper()
	p, err := json.Marshal(payload)
	if err != nil {
		f.Fatal(err)
	}
	m, err := remote.Encode(header, p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m)
}

// Whatever an agent or a centre sends is taken apart, refused or judged.
func FuzzMessages(f *testing.F) {
	e := sample()
	torn := sample()
	torn.ID = purse.NewID(purse.Generation{1, 2, 3}, 6, [6]byte{9})
	torn.Outcomes = nil
	seed(f, Batch{Versioned: version, Generation: purse.Generation{1}, Last: 9}, []purse.Logged{
		{Seq: 1, Entry: e}, {Seq: 2, Entry: torn}, {Seq: 3, Found: &purse.Found{ID: torn.ID, CardApp: torn.CardApp, Outcome: e.Outcomes[0]}},
	})
	seed(f, Watermark{Versioned: version, Epoch: "e", Seq: 4, Synced: 3}, nil)
	seed(f, Settled{version, e.ID, "gate1"}, e.Outcomes[0])
	seed(f, version, Opened{ID: e.ID, Agent: "gate1", CardApp: e.CardApp, Entry: e})
	seed(f, OpenedAsk{version, "x", &e.CardApp}, nil)
	seed(f, version, Record{Agent: "gate1", Entry: *e, Others: []purse.Entry{*torn}, Found: []FoundBy{{"gate2", e.Outcomes[0]}}})
	seed(f, MandateAsk{version, opAcquire, e.CardApp, "00112233445566778899aabbccddeeff"}, nil)
	tm := key.Zero(key.TypeAES)
	keys := keystore.Map{{Place: wire.Place{AID: 0xF48121}, Key: keystore.RoleTransactionMAC.ID()}: {Key: tm}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, changes, err := decodeBatch(data); err == nil {
			judgeFuzzed(t, keys, changes)
		}
		if r, err := decodeRecord(data); err == nil {
			_, _, _ = r.Outcome(), r.By(), r.IsOpen()
			_, _, _ = r.add(&r.Entry, "gate1", r.Changed)
		}
		var v remote.Versioned
		if payload, err := remote.Decode(data, &v); err == nil {
			_, _, _ = parseOpened(payload)
		}
		var m MandateAsk
		if _, err := remote.Decode(data, &m); err == nil {
			_ = m.check()
		}
		var w Watermark
		_, _ = remote.Decode(data, &w)
	})
}

func judgeFuzzed(t *testing.T, keys keystore.Store, changes []change) {
	byID := map[purse.ID]*Record{}
	var all []*Record
	for i := range changes {
		x := &changes[i]
		if x.wrong() != "" {
			continue
		}
		r := byID[x.id()]
		switch {
		case x.Entry != nil:
			next, _, _ := r.add(x.Entry, "gate1", time.Time{})
			if r == nil {
				byID[x.id()] = next
				all = append(all, next)
			}
		case r != nil:
			r.find("gate2", x.Found.Outcome, r.Changed)
		}
	}
	for _, proved := range []bool{false, true} {
		books, err := purse.Reconcile(context.Background(), &purse.Centre{Keys: keys, Proved: func(string) bool { return proved }}, reports(all))
		if err != nil {
			t.Fatalf("what was taken cannot be judged: %v", err)
		}
		for i := range books.Cards {
			booksOf(&books.Cards[i])
		}
	}
}

// FuzzBackup reads what may be a backup.
func FuzzBackup(f *testing.F) {
	var good bytes.Buffer
	w := &backupWriter{w: bufio.NewWriter(&good), sum: sha256.New()}
	w.record(backedUp{Head: &BackupInfo{Format: backupFormat, Fleet: "main"}}, nil)
	w.record(backedUp{Stream: streamLedger, Subject: "desfire.main.ledger.x"}, []byte("data"))
	if err := w.flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(binary.BigEndian.AppendUint32(nil, 1<<31))
	f.Fuzz(func(_ *testing.T, data []byte) {
		b := &backupReader{r: bufio.NewReader(bytes.NewReader(data)), sum: sha256.New()}
		for {
			if _, _, err := b.record(); err != nil {
				return
			}
		}
	})
}
