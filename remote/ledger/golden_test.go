package ledger_test

import (
	"encoding/binary"
	"reflect"
	"testing"
	"time"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/ledger"
)

// Messages of version 1 are written and read for ever as they are here; what is added is optional, and what is
// not known is ignored.
func TestGolden(t *testing.T) {
	t.Parallel()
	id := purse.NewID(purse.Generation{1, 2, 3, 4, 5, 6}, 7, [6]byte{8, 9})
	card := purse.CardApp{UID: "04112233445566", App: "F48121"}
	now := time.Date(2026, 11, 27, 20, 30, 0, 0, time.UTC)
	for _, x := range []struct{ header, want any }{
		{`{"v":1,"generation":"010203040506","after":7,"last":9,"again":true}`, &ledger.Batch{Versioned: v1, Generation: purse.Generation{1, 2, 3, 4, 5, 6}, After: 7, Last: 9, Again: true}},
		{`{"v":1,"epoch":"00ff","seq":9,"synced":8,"time":"2026-11-27T20:30:00Z"}`, &ledger.Watermark{Versioned: v1, Epoch: "00ff", Seq: 9, Synced: 8, Time: now}},
		{`{"v":1,"epoch":"00ff","seq":0,"synced":0,"time":"2026-11-27T20:30:00Z","refused":"why"}`, &ledger.Watermark{Versioned: v1, Epoch: "00ff", Time: now, Refused: "why"}},
		{`{"v":1,"id":"01020304050600000007080900000000","by":"gate9"}`, &ledger.Settled{Versioned: v1, ID: id, By: "gate9"}},
		{`{"v":1,"refused":"why"}`, &ledger.Taken{Versioned: v1, Refused: "why"}},
		{`{"v":1,"after":"k","of":{"uid":"04112233445566","application":"F48121"}}`, &ledger.OpenedAsk{Versioned: v1, After: "k", Card: &card}},
		{`{"v":1,"next":"k"}`, &ledger.OpenedPage{Versioned: v1, Next: "k"}},
		{`{"v":1,"op":"acquire","of":{"uid":"04112233445566","application":"F48121"},"nonce":"00"}`, &ledger.MandateAsk{Versioned: v1, Op: "acquire", Card: card, Nonce: "00"}},
		{`{"v":1,"epoch":"3-00","for":30000000000}`, &ledger.MandateAnswer{Versioned: v1, Epoch: "3-00", For: 30 * time.Second}},
		{`{"v":1,"id":"01020304050600000007080900000000","agent":"gate7","decision":"happened","rule":"0","sum":"ab"}`, &ledger.Line{Versioned: v1, ID: id, Agent: "gate7", Decision: purse.Happened, Rule: purse.RuleCommit, Sum: "ab"}},
		{`{"v":1,"agent":"gate7","kind":"k","what":"w","id":"01020304050600000007080900000000","time":"2026-11-27T20:30:00Z"}`, &ledger.Alarm{Versioned: v1, Agent: "gate7", Kind: "k", What: "w", ID: id, Time: now}},
	} {
		text := x.header.(string)
		m := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
		if got, err := remote.Encode(x.want, nil); err != nil || string(got) != string(m) {
			t.Errorf("%T is written as\n%s, and was\n%s: %v", x.want, got[4:], text, err)
		}
		text = text[:len(text)-1] + `,"later":[1]}`
		m = append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
		got := reflect.New(reflect.TypeOf(x.want).Elem()).Interface()
		if _, err := remote.Decode(m, got); err != nil || !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s is read as %+v: %v", text, got, err)
		}
	}
}
