package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// shapes are what becomes of an answer frame that is cut, lengthened, or empty:
// every length there is from either end, and bytes before and behind.
func shapes(a []byte) (all [][]byte) {
	for n := range a {
		all = append(all, a[:n], a[len(a)-n:])
	}
	for _, more := range [][]byte{{0}, {0x91}, {0x91, 0}, {0x91, 0x9D}, {0x91, 0x0C}, {0x90, 0}, {0xAE}, {0xAF}, {0x91, 0xAF}, make([]byte, 4), make([]byte, 8), make([]byte, 12), make([]byte, 16)} {
		all = append(all, slices.Concat(a, more), slices.Concat(more, a))
	}
	return append(all, slices.Concat(a, a), make([]byte, 300))
}

// changing are commands that change the card, or make something pend, by target.
var changing = []struct {
	name   string
	ins    byte // 0: whichever writes
	effect wire.Effect
	can    func(x *target) bool
	run    func(ctx context.Context, x *target, c *desfire.Card) error
}{
	{"CommitTransaction", wire.InsCommitTransaction, wire.EffectCommit, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		return errors.Join(c.Debit(ctx, x.value, 5), c.Commit(ctx))
	}},
	{"CommitTransaction 01", wire.InsCommitTransaction, wire.EffectCommit, hasTMAC, func(ctx context.Context, x *target, c *desfire.Card) error {
		_, err := c.TransactTMAC(ctx, func() error { return c.Debit(ctx, x.value, 5) })
		return err
	}},
	{"CommitTransaction of reads", wire.InsCommitTransaction, wire.EffectCommit, hasTMAC, func(ctx context.Context, x *target, c *desfire.Card) error {
		_, err := c.TransactTMAC(ctx, func() error { _, err := c.Value(ctx, x.value); return err })
		return err
	}},
	{"AbortTransaction", wire.InsAbortTransaction, wire.EffectNone, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		return errors.Join(c.Debit(ctx, x.value, 5), c.Abort(ctx))
	}},
	{"Debit", wire.InsDebit, wire.EffectPending, nil, func(ctx context.Context, x *target, c *desfire.Card) error { return c.Debit(ctx, x.value, 5) }},
	{"Credit", wire.InsCredit, wire.EffectPending, nil, func(ctx context.Context, x *target, c *desfire.Card) error { return c.Credit(ctx, x.value, 5) }},
	{"WriteData", 0, wire.EffectImmediate, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		return c.WriteData(ctx, x.data, 0, []byte{1, 2, 3})
	}},
	{"WriteRecord", 0, wire.EffectPending, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		return c.WriteRecord(ctx, x.log, 0, []byte{1, 2, 3})
	}},
	{"ClearRecordFile", wire.InsClearRecordFile, wire.EffectPending, nil, func(ctx context.Context, x *target, c *desfire.Card) error { return c.ClearRecordFile(ctx, x.log) }},
	{"CreateFile", wire.InsCreateStdDataFile, wire.EffectImmediate, isClassic, func(ctx context.Context, _ *target, c *desfire.Card) error {
		return c.CreateFile(ctx, &wire.CreateStdDataFile{File: 11, Size: 8})
	}},
	{"DeleteFile", wire.InsDeleteFile, wire.EffectImmediate, isClassic, func(ctx context.Context, x *target, c *desfire.Card) error {
		return errors.Join(x.master(ctx, c), c.DeleteFile(ctx, x.log))
	}},
	{"ChangeKey", wire.InsChangeKey, wire.EffectImmediate, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		return errors.Join(x.master(ctx, c), c.ChangeKey(ctx, 2, newSecretKey(x.typ), x.zero()))
	}},
	{"ChangeKey, own", wire.InsChangeKey, wire.EffectImmediate, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		return errors.Join(x.master(ctx, c), c.ChangeKey(ctx, 0, newSecretKey(x.typ), nil))
	}},
	{"ChangeFileSettings", wire.InsChangeFileSettings, wire.EffectImmediate, nil, func(ctx context.Context, x *target, c *desfire.Card) error {
		access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
		return errors.Join(x.master(ctx, c), c.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: x.data, Option: wire.OptionMAC, Access: access}))
	}},
	{"CommitReaderID", wire.InsCommitReaderID, wire.EffectPending, hasTMAC, func(ctx context.Context, _ *target, c *desfire.Card) error {
		_, err := c.CommitReaderID(ctx, [16]byte{1})
		return err
	}},
}

func hasTMAC(x *target) bool { return x.gen.Has(wire.FeatureTMAC) }

func isClassic(x *target) bool { return x.gen.Has(wire.FeatureApplications) }

// master authenticates with the application's master key.
func (x *target) master(ctx context.Context, c *desfire.Card) error {
	m := x.method
	if x.scheme == wire.SchemeNone {
		m = key.MethodEV2First
	}
	return c.AuthenticateWith(ctx, m, 0, x.zero())
}

func newSecretKey(t key.Type) *key.Secret {
	k := key.Zero(t).Export()
	k[0] = 0x20
	s, err := key.New(t, k, 0)
	if err != nil {
		panic(err)
	}
	return s
}

// reshaper changes the answers to one command.
type reshaper struct {
	*sim.Activation
	framing desfire.Framing
	ins     byte
	shape   func(answer []byte) []byte // nil: none
	real    []byte                     // the answer as it was
}

func (r *reshaper) Limits() (command, answer int, framing desfire.Framing) { return 60, 60, r.framing }

func (r *reshaper) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := r.Activation.Transmit(ctx, command)
	ins := command[0]
	if r.framing == desfire.FramingWrapped {
		ins = command[1]
	}
	writes := ins == wire.InsWriteData || ins == wire.InsWriteDataISO || ins == wire.InsWriteRecord || ins == wire.InsWriteRecordISO
	if err != nil || r.shape == nil || ins != r.ins && !(r.ins == 0 && writes) {
		return answer, err
	}
	r.real = bytes.Clone(answer)
	return bytes.Clone(r.shape(r.real)), nil
}

// imageStore holds one image, which no card changes.
type imageStore struct{ image []byte }

func (s imageStore) Load() ([]byte, error) { return s.image, nil }
func (s imageStore) Save([]byte) error     { return nil }

// withTMAC is the image of the target's card, with a transaction MAC file where
// it can have one.
func (x *target) withTMAC(t *testing.T, named bool) imageStore {
	t.Helper()
	ctx := context.Background()
	picc := x.card(t, wire.CommMAC)
	if hasTMAC(x) {
		card := connect(t, picc)
		reader, names := wire.Access(x.key), wire.Never
		if x.scheme == wire.SchemeNone {
			reader = wire.Free
		}
		if named {
			names = reader
		}
		err := errors.Join(x.enter(card), card.Authenticate(ctx, 0, x.zero()), card.CreateFile(ctx, &wire.CreateTransactionMACFile{
			File: 15, Access: wire.AccessRights{Read: reader, Write: wire.Never, ReadWrite: names, Change: 0},
			KeyOption: wire.TMKeyAES, Key: wire.NewSecret(newKey(t, key.TypeAES, 7).Export()),
		}), card.Close())
		if err != nil {
			t.Fatal(err)
		}
	}
	return imageStore{picc.Image().Encode()}
}

// An answer of a wrong shape, to a command that may have changed the card, is
// never a success and never a refusal: what happened is not known. Only a status
// that the card may give, and nothing but a status, is a refusal.
func TestAnswersOfWrongShape(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		images := map[bool]imageStore{false: x.withTMAC(t, false), true: x.withTMAC(t, true)}
		for _, framing := range []desfire.Framing{desfire.FramingWrapped, desfire.FramingNative} {
			if framing == desfire.FramingNative && x.gen == wire.Light {
				continue
			}
			for _, ch := range changing {
				if ch.can != nil && !ch.can(x) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%v/%s", x.name, framing, ch.name), func(t *testing.T) {
					play := func(shape func([]byte) []byte) (*reshaper, *desfire.Card, error) {
						picc, err := sim.New(&sim.Config{Store: images[ch.ins == wire.InsCommitReaderID]})
						if err != nil {
							t.Fatal(err)
						}
						air := &reshaper{Activation: picc.Present(), framing: framing, ins: ch.ins}
						card, err := desfire.Connect(ctx, air, &desfire.Config{Generation: x.gen})
						if err == nil {
							err = errors.Join(x.enter(card), x.login(card))
						}
						if err != nil {
							t.Fatal(err)
						}
						for _, no := range []desfire.FileNo{x.data, x.value, x.log} {
							_, err := card.FileSettings(ctx, no)
							if err != nil {
								t.Fatal(err)
							}
						}
						air.shape = shape
						return air, card, ch.run(ctx, x, card)
					}
					air, _, err := play(func(a []byte) []byte { return a })
					if err != nil || air.real == nil {
						t.Fatalf("nothing wrong: %v", err)
					}
					for i, n := 0, len(shapes(air.real)); i < n; i++ {
						var shown []byte
						air, card, err := play(func(a []byte) []byte { shown = shapes(a)[i]; return shown })
						air.shape = nil
						judgeShape(t, ctx, card, framing, ch.ins, ch.effect, air.real, shown, err)
					}
				})
			}
		}
	}
}

// judgeShape says what is wrong with what the reader made of an answer.
func judgeShape(t *testing.T, ctx context.Context, card *desfire.Card, framing desfire.Framing, ins byte, effect wire.Effect, answer, shown []byte, err error) {
	t.Helper()
	data, status, ok := wire.ParseAnswer(framing, shown, false)
	bare := ok && len(data) == 0 // nothing but a status
	spec := wire.Find(wire.ClassNative, ins, "")
	switch {
	case bytes.Equal(shown, answer):
		return
	case err == nil:
		t.Errorf("%X shown for %X: success", shown, answer)
		return
	case bare && (spec == nil || spec.CanRefuse(status)):
		return // what a card may say
	}
	var refused *desfire.CommandError
	unknown := errors.As(err, new(*desfire.OutcomeUnknownError))
	if desfire.Refusal(err) != nil || errors.As(err, &refused) && !refused.Status.Known() {
		t.Errorf("%X shown for %X: a refusal: %v", shown, answer, err)
	}
	if want := effect == wire.EffectCommit || effect == wire.EffectImmediate; unknown != want {
		t.Errorf("%X shown for %X: %v", shown, answer, err)
	}
	if err := card.Commit(ctx); !errors.As(err, new(*desfire.BrokenError)) {
		t.Errorf("%X shown for %X: goes on: %v", shown, answer, err)
	}
}
