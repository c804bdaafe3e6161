package desfire_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// agent is a transport that carries scripts, and counts round trips.
type agent struct {
	desfire.Transport
	trips, frames int
	// meet may lie about a script; nil for an honest agent.
	meet func(ctx context.Context, s *desfire.Script) ([][]byte, error)
}

func (a *agent) Unwrap() desfire.Transport { return a.Transport }

func (a *agent) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	a.trips++
	a.frames++
	return a.Transport.Transmit(ctx, command)
}

func (a *agent) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	a.trips++
	if a.meet != nil {
		return a.meet(ctx, s)
	}
	answers, err := desfire.RunScript(ctx, a.Transport, s)
	a.frames += len(answers)
	return answers, err
}

// sequenced is a card of an application with files of the given mode, behind an agent.
type sequenced struct {
	*settledCard
	far  *agent
	card *desfire.Card
	seen []string
}

func newSequenced(t *testing.T, m key.Method) *sequenced {
	t.Helper()
	g := wire.EV3
	if m == key.MethodLRPFirst {
		g = wire.Light
	}
	s := &sequenced{settledCard: newSettled(t, g, m, true, true, nil)}
	s.far = &agent{Transport: s.picc.Present()}
	card, err := desfire.Connect(t.Context(), s.far, &desfire.Config{Observe: func(x *desfire.Exchange) {
		s.seen = append(s.seen, x.Command.Spec().Name+" "+x.Status.String())
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.card = card
	return s
}

func (s *sequenced) enter(t *testing.T) {
	t.Helper()
	if err := s.card.EnterWith(t.Context(), s.place, *s.login.Method, 0, s.login.Key); err != nil {
		t.Fatal(err)
	}
}

var sequenceMethods = []key.Method{key.MethodEV2First, key.MethodLRPFirst}

func TestSequenceTakesOneRoundTrip(t *testing.T) {
	for _, m := range sequenceMethods {
		t.Run(m.String(), func(t *testing.T) {
			s := newSequenced(t, m)
			before := s.far.trips
			s.enter(t)
			if n := s.far.trips - before; n != 2 {
				t.Errorf("selection and authentication took %d round trips, want 2", n)
			}
			receipt := desfire.Cmd(&wire.ReadDataISO{ReadData: wire.ReadData{File: settledTMAC, Length: 12}})
			value, uid := desfire.Cmd(&wire.GetValue{File: settledPurse}), desfire.Cmd(&wire.GetCardUID{})
			before = s.far.trips
			if err := s.card.Sequence(t.Context(), uid, receipt, value); err != nil {
				t.Fatal(err)
			}
			if n := s.far.trips - before; n != 2 {
				t.Errorf("reading took %d round trips, want 2: settings, and the rest", n)
			}
			if len(receipt.Response.Data) != 12 || len(uid.Response.UID) != 7 || s.card.ProvenUID() == nil {
				t.Errorf("read %X, %X", receipt.Response.Data, uid.Response.UID)
			}
			s.seen = nil
			cmds := []desfire.Sequenced{}
			name := desfire.Cmd(&wire.CommitReaderID{TMRI: [16]byte{1, 2, 3}})
			commit := desfire.Cmd(&wire.CommitTransaction{WithOption: true, ReturnTMAC: true})
			cmds = append(cmds, name, desfire.Cmd(&wire.Credit{File: settledPurse, Amount: 5}), commit, desfire.Cmd(&wire.GetValue{File: settledPurse}))
			before = s.far.trips
			if err := s.card.Sequence(t.Context(), cmds...); err != nil {
				t.Fatal(err)
			}
			if n := s.far.trips - before; n != 1 {
				t.Errorf("the transaction took %d round trips, want 1", n)
			}
			if !commit.Response.HasTMAC || commit.Response.TMC&0xFFFF != 1 || len(name.Response.EncTMRI) != 16 {
				t.Errorf("answers %+v %+v", commit.Response, name.Response)
			}
			want := []string{"CommitReaderID", "Credit", "CommitTransaction", "GetValue"}
			for i, name := range want {
				if len(s.seen) != 4 || s.seen[i] != name+" "+wire.StatusOK.String() {
					t.Fatalf("seen %q, want %q", s.seen, want)
				}
			}
			if v, err := s.card.Value(t.Context(), settledPurse); err != nil || v != value.Response.Value+5 {
				t.Errorf("value %d, %v", v, err)
			}
		})
	}
}

func TestSequenceStopsAtARefusal(t *testing.T) {
	s := newSequenced(t, key.MethodEV2First)
	s.enter(t)
	value := desfire.Cmd(&wire.GetValue{File: settledPurse})
	debit, commit := desfire.Cmd(&wire.Debit{File: settledPurse, Amount: 501}), desfire.Cmd(&wire.CommitTransaction{})
	last := desfire.Cmd(&wire.GetValue{File: settledPurse})
	err := s.card.Sequence(t.Context(), value, debit, commit, last)
	if value.Err != nil || value.Response.Value != 500 {
		t.Errorf("the value: %v %v", value.Response, value.Err)
	}
	var refused *desfire.CommandError
	if !errors.As(debit.Err, &refused) || refused.Status != wire.StatusBoundaryError || errors.As(debit.Err, new(*desfire.OutcomeUnknownError)) {
		t.Errorf("the debit: %v", debit.Err)
	}
	// The transport had the commit, and nothing proves that the debit was refused.
	if !errors.As(commit.Err, new(*desfire.OutcomeUnknownError)) || !errors.Is(err, commit.Err) || !errors.Is(err, wire.StatusBoundaryError) {
		t.Errorf("the commit: %v, the sequence: %v", commit.Err, err)
	}
	var skipped *desfire.SkippedError
	if !errors.As(last.Err, &skipped) || !skipped.Sent() {
		t.Errorf("the last: %v", last.Err)
	}
	if desfire.SafeToRetry(err) {
		t.Error("the job may have been done, and is said to be safe to repeat")
	}
	s.enter(t)
	if v, err := s.card.Value(t.Context(), settledPurse); err != nil || v != 500 {
		t.Errorf("value %d, %v", v, err)
	}
}

// The same by frame, where the card itself knows what left.
func TestSequenceByFrame(t *testing.T) {
	s := newSettled(t, wire.EV3, key.MethodEV2First, false, false, nil)
	if err := s.card.EnterWith(t.Context(), s.place, *s.login.Method, 0, s.login.Key); err != nil {
		t.Fatal(err)
	}
	debit, commit := desfire.Cmd(&wire.Debit{File: settledPurse, Amount: 501}), desfire.Cmd(&wire.CommitTransaction{})
	err := s.card.Sequence(t.Context(), debit, commit)
	var skipped *desfire.SkippedError
	if !errors.Is(err, wire.StatusBoundaryError) || !errors.As(commit.Err, &skipped) || skipped.Sent() || skipped.Err != err {
		t.Errorf("%v; %v", err, commit.Err)
	}
}

// An answer in several frames stops the script, and the commands go on behind it.
func TestSequenceLongAnswer(t *testing.T) {
	s := newSequenced(t, key.MethodEV2First)
	before := s.far.trips
	version, ids := desfire.Cmd(&wire.GetVersion{}), desfire.Cmd(&wire.GetApplicationIDs{})
	if err := s.card.Sequence(t.Context(), version, ids); err != nil {
		t.Fatal(err)
	}
	if len(ids.Response.AIDs) != 2 || version.Response.UID.IsZero() || s.far.trips-before != 4 {
		t.Errorf("%v %v, %d round trips", version.Response, ids.Response, s.far.trips-before)
	}
	if s.far.frames > s.picc.Exchanges() || slices.Contains(s.seen, "") {
		t.Error("frames were sent twice")
	}
}
