package desfire_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var sequenceRuns = flag.Int("sequences", map[bool]int{true: 3000, false: 60}[os.Getenv("DESFIRE_WHOLE") != ""], "random jobs of TestSequenceEqualsRun for each kind of session")

// stored is a card's memory that is never written back.
type stored []byte

func (s stored) Load() ([]byte, error) { return s, nil }
func (s stored) Save([]byte) error     { return nil }

func chacha(seed uint64) *rand.ChaCha8 {
	var b [32]byte
	b[0], b[1], b[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	return rand.NewChaCha8(b)
}

// sessionKind is a kind of session, and its cards.
type sessionKind struct {
	name   string
	gen    desfire.Generation
	method key.Method
	none   bool // no session at all
}

var sessionKinds = []sessionKind{
	{"D40", wire.D40, key.MethodD40, false}, {"EV1", wire.EV1, key.MethodAES, false}, {"ISO on EV3", wire.EV3, key.MethodISO, false},
	{"EV2", wire.EV2, key.MethodEV2First, false}, {"EV2 on EV3", wire.EV3, key.MethodEV2First, false}, {"LRP", wire.Light, key.MethodLRPFirst, false},
	{"none", wire.EV3, key.MethodEV2First, true},
}

// card is a card of the kind, its image and how it is entered.
func (k *sessionKind) card(t *testing.T) (image []byte, s *settledCard) {
	t.Helper()
	m := k.method
	if m == key.MethodISO {
		m = key.MethodEV2First // its application has AES keys, which MethodISO has not
		k.method = key.MethodAES
	}
	tmac := k.gen.Has(wire.FeatureTMAC)
	s = newSettled(t, k.gen, m, tmac, tmac, nil)
	return s.picc.Image().Encode(), s
}

// randomCommands draws the commands of a job.
func randomCommands(r *rand.Rand, g desfire.Generation) (cmds []wire.Command) {
	data := func(n int) []byte { return bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(n)) }
	amount := func() int32 { return int32(1 + r.IntN(20)*r.IntN(2)*r.IntN(60)) }
	at := func() uint32 { return uint32(r.IntN(40) * r.IntN(2)) }
	all := []func() wire.Command{
		func() wire.Command { return &wire.GetValue{File: settledPurse} },
		func() wire.Command { return &wire.Debit{File: settledPurse, Amount: amount()} },
		func() wire.Command { return &wire.Credit{File: settledPurse, Amount: amount()} },
		func() wire.Command { return &wire.CommitTransaction{} },
		func() wire.Command { return &wire.CommitTransaction{} },
		func() wire.Command { return &wire.AbortTransaction{} },
		func() wire.Command { return &wire.GetFileSettings{File: settledPurse} },
		func() wire.Command { return &wire.GetKeyVersion{Key: 0} },
	}
	if g.Has(wire.FeatureTMAC) {
		all = append(all,
			func() wire.Command { return &wire.CommitReaderID{TMRI: [16]byte{byte(r.Uint32())}} },
			func() wire.Command { return &wire.CommitTransaction{WithOption: true, ReturnTMAC: true} },
			func() wire.Command {
				return &wire.ReadDataISO{ReadData: wire.ReadData{File: settledTMAC, Length: uint32(r.IntN(13))}}
			},
		)
	}
	if g.Has(wire.FeatureCardUID) {
		all = append(all, func() wire.Command { return &wire.GetCardUID{} })
	}
	if g != wire.Light {
		all = append(all,
			func() wire.Command { return &wire.WriteData{File: settledSlots, Offset: at() / 2, Data: data(40)} },
			func() wire.Command {
				return &wire.ReadData{File: settledSlots, Offset: at(), Length: uint32(r.IntN(33))}
			},
			func() wire.Command { return &wire.Debit{File: settledPoints, Amount: amount() / 40} },
			func() wire.Command { return &wire.WriteRecord{File: settledLog, Offset: at() / 8, Data: data(16)} },
			func() wire.Command { return &wire.ReadRecords{File: settledLog, Count: uint32(r.IntN(3))} },
			func() wire.Command {
				return &wire.CreateStdDataFile{File: 7, Option: wire.OptionFull, Access: wire.AccessRights{}, Size: 64}
			},
			func() wire.Command { return &wire.WriteData{File: 7, Offset: at() / 2, Data: data(40)} },
			func() wire.Command { return &wire.ReadData{File: 7, Length: uint32(r.IntN(70))} },
			func() wire.Command { return &wire.DeleteFile{File: 7} },
			func() wire.Command {
				return &wire.ChangeFileSettings{File: settledPoints, Option: wire.FileOption(wire.CommFull * wire.CommMode(r.IntN(2))), Access: wire.AccessRights{}}
			},
			func() wire.Command { return &wire.GetFileIDs{} },
			func() wire.Command { return &wire.GetKeySettings{} },
			func() wire.Command { return &wire.GetVersion{} },
			func() wire.Command { return &wire.SelectApplication{AID: testApp} },
			func() wire.Command { return &wire.SelectApplication{AID: 0xBAD} },
			func() wire.Command { return &wire.WriteData{File: settledSlots, Data: nil} },
			func() wire.Command { return &wire.ClearRecordFile{File: settledLog} },
		)
	}
	made := false
	for range 1 + r.IntN(9) {
		cmd := all[r.IntN(len(all))]()
		if _, ok := cmd.(*wire.CreateStdDataFile); ok {
			made = true
		}
		if no, named := wire.FileOf(cmd); named && no == 7 && !made {
			continue // a sequence asks for the settings of what it takes to be there
		}
		cmds = append(cmds, cmd)
	}
	return cmds
}

// played is what came of a job.
type playedJob struct {
	errs    []error
	answers []string
	seen    []string
	image   []byte
	app     desfire.AID
	session bool
	trips   int
	whole   error // of the sequence
	last    error // of a commit behind all
}

// playJob plays a job, by a sequence or one by one. fault is an accident at an exchange.
func (k *sessionKind) playJob(t *testing.T, image []byte, s *settledCard, seed uint64, cmds []wire.Command, fault *sim.Fault, sequence bool) *playedJob {
	t.Helper()
	ctx := t.Context()
	picc, err := sim.New(&sim.Config{Store: stored(image), Rand: chacha(seed)})
	if err != nil {
		t.Fatal(err)
	}
	p := &playedJob{}
	far := &agent{Transport: picc.Present()}
	framing := desfire.FramingAuto
	if seed%3 == 0 && k.gen != wire.Light {
		framing = desfire.FramingNative
	}
	card, err := desfire.Connect(ctx, far, &desfire.Config{Generation: k.gen, Rand: chacha(seed + 1), Framing: framing, Observe: func(x *desfire.Exchange) {
		text := ""
		if x.Err != nil {
			text = plainText(x.Err)
		}
		p.seen = append(p.seen, fmt.Sprintf("%s %v %v %v %d %s", x.Command.Spec().Name, x.Status, x.Mode, x.Session, x.Frames, text))
	}})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	must(card.Select(ctx, s.place))
	if !k.none {
		must(card.AuthenticateWith(ctx, k.method, 0, s.login.Key))
		for _, no := range []desfire.FileNo{settledPurse, settledSlots, settledLog, settledPoints, settledTMAC} {
			if _, err := card.FileSettings(ctx, no); err != nil && !errors.Is(err, wire.StatusFileNotFound) {
				t.Fatal(err)
			} else if err != nil {
				must(card.AuthenticateWith(ctx, k.method, 0, s.login.Key))
			}
		}
	}
	p.seen = nil
	if fault != nil {
		picc.Inject(*fault)
	}
	before := far.trips
	calls := make([]desfire.Sequenced, len(cmds))
	list := make([]*desfire.Call[wire.Message], len(cmds))
	for i, cmd := range cmds {
		list[i] = desfire.CmdInto(cmd, cmd.Spec().NewResponse())
		calls[i] = list[i]
	}
	if sequence {
		p.whole = card.Sequence(ctx, calls...)
	} else {
		err = nil
		for _, x := range list {
			if x.Err = err; err == nil {
				x.Err = card.Run(ctx, cmds[len(p.answers)], x.Response)
				err = x.Err
			}
			p.answers = append(p.answers, "")
		}
	}
	p.answers = nil
	for _, x := range list {
		p.errs = append(p.errs, x.Err)
		if x.Err == nil {
			p.answers = append(p.answers, fmt.Sprintf("%+v", x.Response))
		}
	}
	p.trips = far.trips - before
	p.app = card.Application()
	_, p.session = card.Session()
	picc.ClearFaults()
	seen := p.seen
	_, p.last = desfire.Do(ctx, card, &wire.CommitTransaction{})
	p.seen, p.image = seen, picc.Image().Encode()
	return p
}

// plainText is an error without what a sequence knows less of.
func plainText(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if i := strings.LastIndex(text, "may or may not have happened: "); i >= 0 {
		text = text[i+len("may or may not have happened: "):]
	}
	return text
}

// Every job leaves through Sequence what it leaves one by one, in every kind of session, with
// accidents.
func TestSequenceEqualsRun(t *testing.T) {
	for _, k := range sessionKinds {
		t.Run(k.name, func(t *testing.T) {
			image, s := k.card(t)
			var saved, total int
			for seed := range uint64(*sequenceRuns) {
				r := rand.New(rand.NewPCG(seed, 5))
				cmds := randomCommands(r, k.gen)
				var fault *sim.Fault
				if r.IntN(2) == 0 {
					kinds := []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.CutCommand, sim.LoseAnswer, sim.FailWrite, sim.TearWrite}
					fault = &sim.Fault{Exchange: 1 + r.IntN(8), Kind: kinds[r.IntN(len(kinds))]}
				}
				one, all := k.playJob(t, image, s, seed, cmds, fault, false), k.playJob(t, image, s, seed, cmds, fault, true)
				if err := differs(cmds, one, all); err != nil {
					var names []string
					for i, c := range cmds {
						names = append(names, fmt.Sprintf("%s %+v\n\t\t%v\n\t\t%v", c.Spec().Name, c, one.errs[i], all.errs[i]))
					}
					t.Fatalf("seed %d, fault %+v: %v\n\t%s\none by one %q\nsequence   %q\nthen %v\nthen %v", seed, fault, err, strings.Join(names, "\n\t"), one.seen, all.seen, one.last, all.last)
				}
				saved, total = saved+one.trips-all.trips, total+one.trips
			}
			scripts := k.none || k.method.Scheme() == wire.SchemeEV2 || k.method.Scheme() == wire.SchemeLRP
			if scripts != (saved > total/8) {
				t.Errorf("%d round trips of %d saved", saved, total)
			}
		})
	}
}

// A transaction with each accident at each of its frames.
func TestSequenceEveryAccident(t *testing.T) {
	for _, k := range sessionKinds {
		image, s := k.card(t)
		cmds := []wire.Command{&wire.GetValue{File: settledPurse}, &wire.Credit{File: settledPurse, Amount: 5}, &wire.CommitTransaction{}, &wire.GetValue{File: settledPurse}}
		if k.gen.Has(wire.FeatureTMAC) {
			cmds = slices.Insert(cmds, 1, wire.Command(&wire.CommitReaderID{TMRI: [16]byte{1}}))
		}
		for kind := sim.LosePowerBefore; kind <= sim.TearWrite; kind++ {
			if kind == sim.FlipAnswerBit {
				continue // no accident where only a MAC tells: see TestSequenceIsLiedTo
			}
			for at := range len(cmds) + 1 {
				fault := &sim.Fault{Exchange: at + 1, Kind: kind}
				one, all := k.playJob(t, image, s, 1, cmds, fault, false), k.playJob(t, image, s, 1, cmds, fault, true)
				if err := differs(cmds, one, all); err != nil {
					t.Errorf("%s, %v at exchange %d: %v", k.name, kind, at+1, err)
				}
			}
		}
	}
}

// differs compares a job one by one with the same by a sequence.
func differs(cmds []wire.Command, one, all *playedJob) error {
	failed := -1
	for i := range cmds {
		a, b := one.errs[i], all.errs[i]
		switch {
		case failed >= 0: // one by one it was not sent
			var skipped *desfire.SkippedError
			unknown := errors.As(b, new(*desfire.OutcomeUnknownError))
			if !unknown && !errors.As(b, &skipped) {
				return fmt.Errorf("command %d behind the one that failed: %w", i, b)
			}
			if unknown && cmds[i].Spec().Effect == wire.EffectNone {
				return fmt.Errorf("command %d changes nothing: %w", i, b)
			}
		case (a == nil) != (b == nil):
			return fmt.Errorf("command %d: %v, and in a sequence %v", i, a, b)
		case a != nil:
			failed = i
			if plainText(a) != plainText(b) {
				return fmt.Errorf("command %d: %v, and in a sequence %w", i, a, b)
			}
			if errors.As(a, new(*desfire.OutcomeUnknownError)) && !errors.As(b, new(*desfire.OutcomeUnknownError)) {
				return fmt.Errorf("command %d is said to be known: %w", i, b)
			}
			if desfire.SafeToRetry(b) && !desfire.SafeToRetry(a) {
				return fmt.Errorf("command %d is said to be safe to repeat: %w", i, b)
			}
		}
	}
	switch {
	case failed < 0 && all.whole != nil, failed >= 0 && !errors.Is(all.whole, all.errs[failed]):
		return fmt.Errorf("the error of the sequence: %w", all.whole)
	case !bytes.Equal(one.image, all.image):
		return errors.New("the cards differ")
	case strings.Join(one.answers, "\n") != strings.Join(all.answers, "\n"):
		return fmt.Errorf("answers %q, and in a sequence %q", one.answers, all.answers)
	case strings.Join(one.seen, "\n") != strings.Join(all.seen, "\n"):
		return errors.New("the exchanges that were observed differ")
	case one.app != all.app || one.session != all.session:
		return fmt.Errorf("application %v, session %v, and in a sequence %v, %v", one.app, one.session, all.app, all.session)
	case plainText(one.last) != plainText(all.last) && (failed < 0 || !errors.As(all.last, new(*desfire.BrokenError))):
		return fmt.Errorf("a commit behind all: %v, and in a sequence %w", one.last, all.last)
	}
	return nil
}
