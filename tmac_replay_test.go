package desfire

import (
	"bytes"
	"context"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// AN12343, table 32: CommitReaderID and CommitTransaction in a session with
// published keys. The reader sends those bytes, deciphers the answer, and the
// report has the receipt. Whether its MAC is right cannot be told: the document
// has neither key nor UID.
func TestPublishedCommitReaderID(t *testing.T) {
	ctx := context.Background()
	found := map[string]*vector.Vector{}
	for _, v := range vector.Load(t, "ev2-sm") {
		found[v.ID] = v
	}
	name, commit := found["ev2-commitreaderid-t32"], found["ev2-committransaction-t32"]
	if name == nil || commit == nil {
		t.Fatal("the vectors are gone")
	}
	preset := &trace.Preset{Kind: "ev2", Enc: name.Hex("ses_enc"), MAC: name.Hex("ses_mac"), TI: name.Hex("ti"), Counter: 1, KeyNo: 1}
	rec := &trace.Recording{ID: name.ID, Framing: trace.ISO}
	for i, v := range []*vector.Vector{name, commit} {
		body := append(append(v.Hex("header"), v.Hex("data")...), v.Hex("cmd_mac")...)
		answer := append(v.Hex("response_payload"), v.Hex("resp_mac")...)
		x := trace.Exchange{
			Command:  wire.AppendCommand(nil, wire.FramingWrapped, v.Hex("cmd")[0], body),
			Response: wire.AppendAnswer(nil, wire.FramingWrapped, answer, wire.StatusOK, false),
		}
		if i == 0 {
			x.Preset = preset
		}
		rec.Exchanges = append(rec.Exchanges, x)
	}
	res := trace.Verify(rec, nil)
	if res.Verdict != trace.Verified || !bytes.Equal(res.Messages[0].PlainAnswer, name.Hex("resp_plain_padded")) {
		t.Errorf("%v, answer %X: %s", res.Verdict, res.Messages[0].PlainAnswer, res.Reason())
	}

	r := &replayer{t: t}
	for i := range rec.Exchanges {
		l, err := join(rec, i, i)
		if err != nil {
			t.Fatal(err)
		}
		r.want = append(r.want, l)
	}
	card, err := Connect(ctx, r, &Config{Generation: wire.Light, Framing: FramingWrapped})
	if err != nil {
		t.Fatal(err)
	}
	channel, err := securemsg.NewChannel(presetSession(preset))
	if err != nil {
		t.Fatal(err)
	}
	card.begin(channel, key.MethodEV2First, key.Zero(key.TypeAES))
	var enc *[16]byte
	tx, err := card.TransactTMAC(ctx, func() (err error) {
		enc, err = card.CommitReaderID(ctx, [16]byte(name.Hex("data")))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if enc == nil || !bytes.Equal(enc[:], name.Hex("resp_plain_padded")) || tx.EncTMRI == nil || *tx.EncTMRI != *enc {
		t.Errorf("EncTMRI %X", enc)
	}
	if got := tx.Receipt; !tx.HasReceipt || got.TMC != 4 || !bytes.Equal(got.TMV[:], commit.Hex("response_payload")[4:]) {
		t.Errorf("receipt %+v", got)
	}
	want := append(append([]byte{0xC8}, name.Hex("data")...), name.Hex("resp_plain_padded")...)
	if !bytes.HasPrefix(tx.Input, want) || len(tx.Input) != 48 {
		t.Errorf("input %X", tx.Input)
	}
}
